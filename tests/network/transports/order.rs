//! The turns in which events happen. The lists were recorded from CPython 3.13, where a callback that queues itself again
//! counts the turns, as it does here. The turn in which a descriptor becomes ready is not compared. Later events are: turns
//! are counted from the first data.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::transport::CreateConnection;
use innermost::{Await, Exception, LoopHandle, Step, Transport, from_fn, yield_from};

use crate::transports::protocols::{Log, Recorder, new_loop};

/// Events with their turns as numbers, because turns are counted from the first data, which is known only at the end.
type Timed = Rc<RefCell<Vec<(i64, String)>>>;

/// Opens a transport in a task and runs some turns. Returns each event with its turn.
struct Scenario {
    before: fn(&mut UnixStream),
    reaction: fn(&Transport, &str),
    after: fn(&Transport) -> &'static str,
    keeping_open: bool,
}

const QUIET: Scenario = Scenario { before: |_| {}, reaction: |_, _| {}, after: |_| "", keeping_open: false };

impl Scenario {
    fn run(self) -> Vec<(i64, String)> {
        let (event_loop, _) = new_loop();
        let (turn, timed) = (Rc::new(Cell::new(0)), Timed::default());
        let (near, mut far) = UnixStream::pair().expect("descriptors are free");
        (self.before)(&mut far);
        let log = {
            let (turn, timed) = (Rc::clone(&turn), Rc::clone(&timed));
            move |event: &str| timed.borrow_mut().push((turn.get(), event.to_owned()))
        };
        let (reaction, told) = (self.reaction, log.clone());
        let mut protocol = Recorder::new("", &Log::default()).reacting(move |transport, event| {
            told(event);
            reaction(transport, event);
        });
        if self.keeping_open {
            protocol = protocol.keeping_open();
        }
        let ticking = event_loop.handle();
        let mut connecting: CreateConnection = event_loop.connect_accepted_socket(|| protocol, near).unwrap();
        let (mut begun, mut opened, mut left, after) = (false, None::<Transport>, 200, self.after);
        let main = move |mut sent: Result<(), Exception>| {
            if !begun {
                begun = true;
                tick(&ticking, &turn);
                log("begin");
            }
            if opened.is_none() {
                let transport = yield_from!(connecting, sent)?;
                log("opened");
                match after(&transport) {
                    "" => {}
                    event => log(event),
                }
                opened = Some(transport);
            }
            sent?;
            left -= 1;
            Ok(if left > 0 { Step::<Await, (), ()>::Yield(Await::next_turn()) } else { Step::Return(()) })
        };
        event_loop.run_until_complete(from_fn(main)).expect("it comes to its end");
        timed.take()
    }

    fn turns(self) -> Vec<String> {
        self.run().into_iter().map(|(turn, event)| format!("{turn} {event}")).collect()
    }

    /// The events from the first data on, with turns counted from there.
    fn turns_from_data(self) -> Vec<String> {
        let events = self.run();
        let first = events.iter().position(|(_, event)| event.starts_with("data")).expect("data comes");
        let start = events[first].0;
        events[first..].iter().map(|(turn, event)| format!("{} {event}", turn - start)).collect()
    }
}

fn tick(event_loop: &LoopHandle, turn: &Rc<Cell<i64>>) {
    let (again, next) = (event_loop.clone(), Rc::clone(turn));
    let tock = move || {
        next.set(next.get() + 1);
        tick(&again, &next);
    };
    event_loop.call_soon(tock).expect("it is open");
}

const SEND: fn(&mut UnixStream) = |far| far.write_all(b"x").expect("it is open");

fn end(far: &mut UnixStream) {
    SEND(far);
    far.shutdown(Shutdown::Write).expect("it is open");
}

// X1
#[test]
fn connection_made_runs_a_turn_after_the_factory_and_a_turn_before_the_result() {
    assert_eq!(QUIET.turns(), ["0 begin", "1 made", "2 opened"]);
}

// X9, X10
#[test]
fn connection_lost_runs_a_turn_after_close_and_abort() {
    let close: fn(&Transport) -> &'static str = |transport| {
        transport.close();
        transport.close();
        "closed"
    };
    let expected = ["0 begin", "1 made", "2 opened", "2 closed", "3 lost None"];
    assert_eq!(Scenario { after: close, ..QUIET }.turns(), expected);
    let abort: fn(&Transport) -> &'static str = |transport| {
        transport.abort();
        transport.abort();
        transport.close();
        "aborted"
    };
    let expected = ["0 begin", "1 made", "2 opened", "2 aborted", "3 lost None"];
    assert_eq!(Scenario { after: abort, ..QUIET }.turns(), expected);
}

// X9
#[test]
fn closing_in_connection_made_runs_connection_lost_before_the_result() {
    fn close_when_made(transport: &Transport, event: &str) {
        if event == "made" {
            transport.close();
        }
    }
    let expected = ["0 begin", "1 made", "2 lost None", "2 opened"];
    assert_eq!(Scenario { reaction: close_when_made, before: SEND, ..QUIET }.turns(), expected);
}

// X3, X12
#[test]
fn a_write_to_a_closed_peer_ends_the_connection_in_the_next_turn() {
    fn write_when_made(transport: &Transport, event: &str) {
        if event == "made" {
            transport.write(b"x").expect("that is found later");
        }
    }
    let before: fn(&mut UnixStream) = |far| {
        // As good as dropped, which a borrower cannot do.
        far.shutdown(Shutdown::Both).expect("it is open");
    };
    let expected = ["0 begin", "1 made", "2 lost Broken pipe (os error 32)", "2 opened"];
    assert_eq!(Scenario { reaction: write_when_made, before, ..QUIET }.turns(), expected);
}

// X9, X10
#[test]
fn closing_at_the_first_data_runs_connection_lost_a_turn_later() {
    fn close(transport: &Transport, event: &str) {
        if event == "data x" {
            transport.close();
        }
    }
    fn abort(transport: &Transport, event: &str) {
        if event == "data x" {
            transport.abort();
        }
    }
    for reaction in [close, abort] {
        let scenario = Scenario { before: SEND, reaction, ..QUIET };
        assert_eq!(scenario.turns_from_data(), ["0 data x", "1 lost None"]);
    }
}

// X13
#[test]
fn a_panic_at_the_first_data_runs_connection_lost_a_turn_later() {
    fn panic(_: &Transport, event: &str) {
        assert_ne!(event, "data x");
    }
    let events = Scenario { before: SEND, reaction: panic, ..QUIET }.turns_from_data();
    assert_eq!(events.len(), 2);
    assert!(events[1].starts_with("1 lost assertion"), "{events:?}");
}

// X14
#[test]
fn eof_received_runs_a_turn_after_the_last_data_and_connection_lost_a_turn_later() {
    assert_eq!(Scenario { before: end, ..QUIET }.turns_from_data(), ["0 data x", "1 eof", "2 lost None"]);
    let kept = Scenario { before: end, keeping_open: true, ..QUIET };
    assert_eq!(kept.turns_from_data(), ["0 data x", "1 eof"]);
}
