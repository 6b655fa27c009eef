//! `read`, `read_exact`, `read_to_end`, and waiting readers.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::stream::IncompleteReadError;
use innermost::{
    Await, Coroutine, CoroutineExt, Exception, Generator, Kind, Resumed, Step, Stop, StreamReader, yield_from,
};

use crate::support::turns::World;

const NOTHING: [&str; 0] = [];

// S1
#[test]
fn a_limit_of_zero_is_refused() {
    let reader = StreamReader::new();
    assert_eq!(reader.limit(), 64 * 1024);
    assert_eq!(reader.set_limit(0).unwrap_err().kind(), Kind::ValueError);
    reader.set_limit(1).expect("it is more than 0");
    assert_eq!(reader.limit(), 1);
}

// S2
#[test]
fn read_returns_available_bytes_up_to_a_limit_and_none_at_the_end() {
    let (world, reader) = (World::new(), StreamReader::new());
    world.spawn_showing("zero", reader.read(0));
    assert_eq!(world.settled(), ["zero got []", "zero"]);
    world.spawn_showing("some", reader.read(4));
    assert_eq!(world.settled(), NOTHING);
    reader.feed_data(&[1, 2]).expect("it is open");
    assert_eq!(world.settled(), ["some got [1, 2]", "some"]);
    reader.feed_data(&[3, 4, 5]).expect("it is open");
    world.spawn_showing("two", reader.read(2));
    world.spawn_showing("rest", reader.read(usize::MAX));
    assert_eq!(world.settled(), ["two got [3, 4]", "two", "rest got [5]", "rest"]);
    world.spawn_showing("end", reader.read(2));
    reader.feed_eof();
    assert_eq!(world.settled(), ["end got []", "end"]);
    world.spawn_showing("again", reader.read(2));
    assert_eq!(world.settled(), ["again got []", "again"]);
}

// S2
#[test]
fn read_to_end_ignores_the_limit_and_a_cancelled_one_takes_nothing() {
    let (world, reader) = (World::new(), StreamReader::new());
    reader.set_limit(1).expect("it is more than 0");
    let task = world.spawn_showing("all", reader.read_to_end());
    for byte in [1, 2, 3, 4] {
        reader.feed_data(&[byte]).expect("it is open");
        assert_eq!(world.settled(), NOTHING);
    }
    task.cancel();
    assert_eq!(world.settled(), ["all raised cancelled"]);
    world.spawn_showing("all", reader.read_to_end());
    reader.feed_eof();
    assert_eq!(world.settled(), ["all got [1, 2, 3, 4]", "all"]);
}

// S3
#[test]
fn read_exactly_waits_for_all_and_may_exceed_the_limit() {
    let (world, reader) = (World::new(), StreamReader::new());
    reader.set_limit(2).expect("it is more than 0");
    world.spawn_showing("none", reader.read_exact(0));
    assert_eq!(world.settled(), ["none got []", "none"]);
    world.spawn_showing("five", reader.read_exact(5));
    reader.feed_data(&[1, 2, 3]).expect("it is open");
    assert_eq!(world.settled(), NOTHING);
    reader.feed_data(&[4, 5, 6]).expect("it is open");
    assert_eq!(world.settled(), ["five got [1, 2, 3, 4, 5]", "five"]);
    reader.feed_eof();
    let raised = world.event_loop.run_until_complete(reader.read_exact(2)).unwrap_err();
    let error = raised.downcast::<IncompleteReadError>().expect("it is one");
    assert_eq!((&error.partial[..], error.expected), (&[6][..], Some(2)));
    assert_eq!(error.to_string(), "1 bytes read on a total of 2 expected bytes");
    assert!(reader.at_eof(), "the partial bytes are read");
}

// S10
#[test]
fn a_second_waiting_reader_is_refused_and_the_first_is_served() {
    let (world, reader) = (World::new(), StreamReader::new());
    world.spawn_showing("first", reader.read(1));
    world.spawn_showing("read", reader.read(1));
    world.spawn_showing("line", reader.read_line());
    let text = "() called while another coroutine is already waiting for incoming data";
    let refused = [format!("read raised read{text}"), format!("line raised read_line{text}")];
    assert_eq!(world.settled(), refused);
    reader.feed_data(&[1]).expect("it is open");
    assert_eq!(world.settled(), ["first got [1]", "first"]);
}

// S11: asyncio raises at once, and loses the received bytes.
#[test]
fn an_exception_is_raised_when_an_operation_needs_more_bytes() {
    let (world, reader) = (World::new(), StreamReader::new());
    world.spawn_showing("waits", reader.read_line());
    assert_eq!(world.settled(), NOTHING);
    reader.feed_data(b"a\nb;cde").expect("it is open");
    reader.set_exception(Exception::message(Kind::ValueError, "no"));
    assert_eq!(world.settled(), ["waits got [97, 10]", "waits"]);
    world.spawn_showing("until", reader.read_until(";"));
    world.spawn_showing("exactly", reader.read_exact(1));
    world.spawn_showing("none", reader.read_exact(0));
    assert_eq!(world.settled(), ["until got [98, 59]", "until", "exactly got [99]", "exactly", "none got []", "none"]);
    // A read that fails takes nothing.
    world.spawn_showing("line", reader.read_line());
    world.spawn_showing("until", reader.read_until(";"));
    world.spawn_showing("exactly", reader.read_exact(3));
    world.spawn_showing("end", reader.read_to_end());
    let each = ["line", "until", "exactly", "end"].map(|name| format!("{name} raised no"));
    assert_eq!(world.settled(), each);
    world.spawn_showing("read", reader.read(9));
    assert_eq!(world.settled(), ["read got [100, 101]", "read"]);
    for _ in 0..2 {
        world.spawn_showing("read", reader.read(9));
        world.spawn_showing("none", reader.read(0));
        world.spawn_showing("line", reader.read_line());
        assert_eq!(world.settled(), ["read", "none", "line"].map(|name| format!("{name} raised no")));
    }
    assert_eq!(reader.exception().map(|raised| raised.kind()), Some(Kind::ValueError));
}

// S11
#[test]
fn an_exception_wakes_a_reader_that_needs_more_bytes() {
    let (world, reader) = (World::new(), StreamReader::new());
    world.spawn_showing("line", reader.read_line());
    reader.feed_data(b"half a line").expect("it is open");
    assert_eq!(world.settled(), NOTHING);
    reader.set_exception(Exception::message(Kind::ValueError, "no"));
    assert_eq!(world.settled(), ["line raised no"]);
    assert_eq!(world.event_loop.run_until_complete(reader.read(99)).expect("it has come"), b"half a line");
}

// S11: where the stream has ended as well, no more than its end is asked for.
#[test]
fn after_the_end_all_received_bytes_are_read_before_an_exception() {
    let (world, reader) = (World::new(), StreamReader::new());
    reader.feed_data(b"one\ntwo").expect("it is open");
    reader.feed_eof();
    reader.set_exception(Exception::message(Kind::ValueError, "no"));
    world.spawn_showing("one", reader.read_line());
    world.spawn_showing("two", reader.read_line());
    world.spawn_showing("end", reader.read_line());
    assert_eq!(
        world.settled(),
        ["one got [111, 110, 101, 10]", "one", "two got [116, 119, 111]", "two", "end raised no"]
    );
}

// S12
#[test]
fn a_cancelled_read_leaves_the_reader_to_others() {
    let (world, reader) = (World::new(), StreamReader::new());
    let first = world.spawn_showing("first", reader.read_line());
    reader.feed_data(b"a li").expect("it is open");
    assert_eq!(world.settled(), NOTHING);
    first.cancel();
    assert_eq!(world.settled(), ["first raised cancelled"]);
    world.spawn_showing("second", reader.read(1));
    assert_eq!(world.settled(), ["second got [97]", "second"]);
    // Woken and cancelled in one turn: nothing is taken.
    let third = world.spawn_showing("third", reader.read_until("\n"));
    assert_eq!(world.settled(), NOTHING);
    reader.feed_data(b"ne\n").expect("it is open");
    third.cancel();
    assert_eq!(world.settled(), ["third raised cancelled"]);
    assert_eq!(world.event_loop.run_until_complete(reader.read_line()).expect("it is there"), b" line\n");
}

// S13
#[test]
fn at_eof_is_true_when_everything_is_read_and_nothing_follows() {
    let (world, reader) = (World::new(), StreamReader::new());
    reader.feed_data(b"ab").expect("it is open");
    assert!(!reader.at_eof());
    reader.feed_eof();
    assert!(!reader.at_eof());
    assert_eq!(reader.feed_data(b"c").unwrap_err().to_string(), "feed_data after feed_eof");
    assert_eq!(world.event_loop.run_until_complete(reader.read(9)).expect("it is there"), b"ab");
    assert!(reader.at_eof());
}

/// Reads a line with a number, and then this many bytes.
enum Message {
    Head,
    Body(usize),
}

struct Reading {
    reader: StreamReader,
    state: Message,
}

impl Coroutine for Reading {
    type Yield = Await;
    type Input = ();
    type Return = String;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.state = match self.state {
                Message::Head => {
                    let line = yield_from!(self.reader.read_line(), sent)?;
                    Message::Body(String::from_utf8_lossy(&line).trim().parse()?)
                }
                Message::Body(size) => {
                    let body = yield_from!(self.reader.read_exact(size), sent)?;
                    return Ok(Step::Return(String::from_utf8_lossy(&body).into_owned()));
                }
            }
        }
    }
}

#[test]
fn a_machine_that_remakes_its_operations_loses_no_byte() {
    let (world, reader) = (World::new(), StreamReader::new());
    let bytes = b"11\nhello\nworld";
    for byte in &bytes[..2] {
        reader.feed_data(&[*byte]).expect("it is open");
    }
    // In two hands: one drives the machine, the other feeds its reader.
    let shared = Rc::new(RefCell::new(Reading { reader, state: Message::Head }));
    let stepped = Rc::clone(&shared);
    let machine = innermost::from_fn(move |sent: Result<(), Exception>| stepped.borrow_mut().resume(sent));
    world.spawn_showing("machine", machine);
    for byte in &bytes[2..] {
        assert_eq!(world.settled(), NOTHING);
        shared.borrow().reader.feed_data(&[*byte]).expect("it is open");
    }
    assert_eq!(world.settled(), ["machine got \"hello\\nworld\"", "machine"]);
}

#[test]
fn an_operation_can_outlive_its_reader_and_later_bytes_are_discarded() {
    let (world, reader) = (World::new(), StreamReader::new());
    reader.feed_data(b"a line\nrest").expect("it is open");
    let line = reader.read_line();
    drop(reader);
    assert_eq!(world.event_loop.run_until_complete(line).expect("it is there"), b"a line\n");
}

#[test]
fn closing_the_loop_drops_waiting_readers() {
    let (world, reader, held) = (World::new(), StreamReader::new(), Rc::new(()));
    let (watched, holds) = (Rc::downgrade(&held), held);
    world.spawn("reader", reader.read_line().map(move |_| drop(holds)));
    drop(reader);
    assert_eq!(world.settled(), NOTHING);
    assert!(watched.upgrade().is_some());
    world.event_loop.close().expect("it does not run");
    drop(world);
    assert!(watched.upgrade().is_none());
}

// A machine driven by hand, without a loop: its wait is a value.
#[test]
fn a_read_driven_by_hand_yields_its_wait() {
    let reader = StreamReader::new();
    let mut line = Generator::new(reader.read_line());
    let first = line.next().expect("it waits");
    reader.feed_data(b"a l").expect("it is open");
    assert_eq!(line.next().expect("it waits"), first);
    assert_eq!(format!("{first:?}"), "Readable(stream(3 bytes arrived))");
    reader.feed_data(b"ine\n").expect("it is open");
    assert!(matches!(line.next(), Err(Stop::Returned(line)) if line == b"a line\n"));
}
