//! Writing: immediate writes, buffering, callbacks, and the end.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use innermost::selector::{Direction, MonotonicClock, Selector, SelectorEvent, SelectorToken, poll_selector};
use innermost::{EventLoop, Transport};

use crate::transports::protocols::{Log, Recorder, new_loop, pair, run_turns, run_until, run_until_lost};

/// More than the kernel takes.
const MUCH: usize = 1_000_000;

/// Reads from the other end until `count` bytes have come; lets the loop run meanwhile.
fn read_exact(event_loop: &EventLoop, far: &mut UnixStream, count: usize) -> Vec<u8> {
    far.set_nonblocking(true).expect("it is open");
    let (mut received, mut room) = (Vec::new(), vec![0; 65536]);
    while received.len() < count {
        let wanted = room.len().min(count - received.len());
        match far.read(&mut room[..wanted]) {
            Ok(0) => break,
            Ok(count) => received.extend(&room[..count]),
            Err(_) => event_loop.run_once().expect("it runs"),
        }
    }
    far.set_nonblocking(false).expect("it is open");
    received
}

fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|number| (number % 251) as u8).collect()
}

// X4, X8
#[test]
fn an_empty_write_does_nothing_but_raises_after_write_eof() {
    let (event_loop, events) = new_loop();
    let (transport, mut far) = pair(&event_loop, Recorder::new("", &events));
    transport.write(b"").expect("it is open");
    transport.writelines(["a", "", "b"]).expect("it is open");
    transport.write_eof().expect("it is open");
    transport.write_eof().expect("it was ended before");
    assert!(transport.write(b"").unwrap_err().to_string().contains("Cannot call write() after write_eof()"));
    let mut received = String::new();
    far.read_to_string(&mut received).expect("it ends well");
    assert_eq!(received, "ab");
    // It goes on reading.
    far.write_all(b"still here").expect("it is read");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 2);
    assert_eq!(events.take(), ["made", "data still here"]);
    assert!(!transport.is_closing());
}

// X3, X5, X6
#[test]
fn pause_writing_runs_inside_write_and_resume_writing_when_the_buffer_is_empty() {
    let (event_loop, events) = new_loop();
    let (transport, mut far) = pair(&event_loop, Recorder::new("", &events));
    transport.set_write_buffer_limits(Some(0), None).expect("they are in order");
    let sent = pattern(MUCH);
    transport.write(b"x").expect("it is open");
    assert_eq!((events.take(), transport.write_buffer_size()), (vec!["made".to_owned()], 0));
    transport.write(&sent).expect("it is open");
    assert_eq!(events.take(), ["pause"]);
    assert!(transport.is_writing_paused());
    let waiting = transport.write_buffer_size();
    assert!((1..MUCH).contains(&waiting));
    // While data is buffered, a write does not try to send.
    transport.write(b"and more").expect("it is open");
    assert_eq!(transport.write_buffer_size(), waiting + 8);
    let received = read_exact(&event_loop, &mut far, 1 + MUCH + 8);
    assert!(received[0] == b'x' && received[1..=MUCH] == sent && received[MUCH + 1..] == *b"and more");
    let watched = transport.clone();
    run_until(&event_loop, move || !watched.is_writing_paused());
    assert_eq!(events.take(), ["resume"]);
    assert_eq!(transport.write_buffer_size(), 0);
}

// X6
#[test]
fn a_callback_that_writes_too_much_is_paused_after_it_returns() {
    let (event_loop, events) = new_loop();
    let log = events.clone();
    let protocol = Recorder::new("", &events).reacting(move |transport, event| {
        if event == "made" {
            transport.write(&pattern(MUCH)).expect("it is open");
            assert!(transport.is_writing_paused());
            log.add("written");
        }
    });
    let (transport, _far) = pair(&event_loop, protocol);
    assert_eq!(events.take(), ["made", "written", "pause"]);
    transport.abort();
}

// X6, X7
#[test]
fn water_marks_have_defaults_and_are_checked_at_once() {
    let (event_loop, events) = new_loop();
    let (transport, _far) = pair(&event_loop, Recorder::new("", &events));
    assert_eq!(transport.write_buffer_limits(), (16 * 1024, 64 * 1024));
    for (high, low, expected) in [
        (None, None, (16 * 1024, 64 * 1024)),
        (Some(400), None, (100, 400)),
        (None, Some(100), (100, 400)),
        (Some(0), None, (0, 0)),
        (Some(7), Some(7), (7, 7)),
        (Some(10_000_000), None, (2_500_000, 10_000_000)),
    ] {
        transport.set_write_buffer_limits(high, low).expect("they are in order");
        assert_eq!(transport.write_buffer_limits(), expected);
    }
    let refused = transport.set_write_buffer_limits(Some(5), Some(6)).unwrap_err();
    assert_eq!(refused.to_string(), "high (5) must be >= low (6)");
    assert_eq!(transport.write_buffer_limits(), (2_500_000, 10_000_000));
    transport.write(&pattern(MUCH)).expect("it is open");
    assert_eq!(events.take(), ["made"]);
    let waiting = transport.write_buffer_size();
    transport.set_write_buffer_limits(Some(waiting), None).expect("they are in order");
    assert_eq!(events.take(), [""; 0]);
    transport.set_write_buffer_limits(Some(waiting - 1), None).expect("they are in order");
    assert_eq!(events.take(), ["pause"]);
}

// X8, X9
#[test]
fn close_and_write_eof_wait_for_buffered_data() {
    let (event_loop, events) = new_loop();
    let ends: [fn(&Transport); 2] = [Transport::close, |transport| transport.write_eof().expect("it is open")];
    for end in ends {
        let (transport, mut far) = pair(&event_loop, Recorder::new("", &events));
        transport.write(&pattern(MUCH)).expect("it is open");
        end(&transport);
        far.write_all(b"nobody reads that, or somebody does").expect("it is open");
        run_turns(&event_loop, 200);
        assert!(transport.with_fd(|fd| fd.is_some()));
        // Ignored after that.
        let _ = transport.write_eof();
        let received = read_exact(&event_loop, &mut far, MUCH);
        assert!(received == pattern(MUCH));
        if transport.is_closing() {
            run_until_lost(&event_loop, &transport);
            assert_eq!(events.take(), ["made", "pause", "resume", "lost None"]);
        } else {
            run_turns(&event_loop, 200);
            let data = "data nobody reads that, or somebody does";
            assert_eq!(events.take(), ["made", "pause", data, "resume"]);
            assert_eq!(far.read(&mut [0]).expect("it ends well"), 0);
            transport.abort();
            run_until_lost(&event_loop, &transport);
            assert_eq!(events.take(), ["lost None"]);
        }
    }
}

// X10, X11
#[test]
fn abort_drops_buffered_data_and_later_writes_warn_from_the_fifth_on() {
    let (event_loop, events) = new_loop();
    let (transport, mut far) = pair(&event_loop, Recorder::new("", &events));
    transport.write(&pattern(MUCH)).expect("it is open");
    transport.abort();
    assert_eq!(events.take(), ["made", "pause"]);
    assert_eq!(transport.write_buffer_size(), 0);
    for _ in 0..4 {
        transport.write(b"lost").expect("that is none");
    }
    assert_eq!(events.take(), [""; 0]);
    transport.write(b"lost").expect("that is none");
    let warning = "reported write to a lost connection: the data is discarded";
    assert_eq!(events.take(), [warning]);
    run_until_lost(&event_loop, &transport);
    transport.write(b"lost").expect("that is none");
    assert_eq!(events.take(), ["lost None", warning]);
    let mut received = Vec::new();
    far.read_to_end(&mut received).expect("it ends");
    assert!(received.len() < MUCH);
}

// X12
#[test]
fn a_peer_closed_while_data_is_buffered_is_lost_without_a_report() {
    let (event_loop, events) = new_loop();
    let (transport, far) = pair(&event_loop, Recorder::new("", &events));
    transport.pause_reading();
    transport.write(&pattern(MUCH)).expect("it is open");
    drop(far);
    run_until_lost(&event_loop, &transport);
    assert_eq!(events.take(), ["made", "pause", "lost Broken pipe (os error 32)"]);
}

/// Writes until it is paused, whenever it may write.
fn endless(events: &Log) -> Recorder {
    Recorder::new("", events).reacting(|transport, event| {
        if matches!(event, "made" | "resume") {
            while !transport.is_writing_paused() {
                transport.write(&[b'x'; 1000]).expect("it is open");
            }
        }
    })
}

#[test]
fn a_peer_that_never_reads_takes_no_more_memory_than_the_mark_and_one_write() {
    let (event_loop, events) = new_loop();
    let (transport, mut far) = pair(&event_loop, endless(&events));
    run_turns(&event_loop, 200);
    assert_eq!(events.take(), ["made", "pause"]);
    let (_, high) = transport.write_buffer_limits();
    assert!((high..=high + 1000).contains(&transport.write_buffer_size()));
    read_exact(&event_loop, &mut far, MUCH);
    run_turns(&event_loop, 200);
    assert!((0..=high + 1000).contains(&transport.write_buffer_size()));
    assert_eq!(events.take()[..2], ["resume", "pause"]);
    transport.abort();
}

#[test]
fn a_panicking_pause_writing_is_reported_and_ends_nothing() {
    let (event_loop, events) = new_loop();
    let protocol = Recorder::new("", &events).reacting(|_, event| assert_ne!(event, "pause", "panics"));
    let (transport, _far) = pair(&event_loop, protocol);
    transport.write(&pattern(MUCH)).expect("it is open");
    assert!(!transport.is_closing());
    let events = events.take();
    assert_eq!(events[..2], ["made", "pause"]);
    assert!(events[2].starts_with("reported protocol.pause_writing() failed: "), "{events:?}");
}

#[test]
fn transports_may_be_used_in_any_callback_of_another() {
    let (event_loop, events) = new_loop();
    let (other, mut far) = pair(&event_loop, Recorder::new("other", &events));
    let protocol = Recorder::new("", &events).reacting(move |transport, event| {
        let this = transport.clone();
        other.with_protocol(move |_: &mut Recorder| this.write(b"nested").expect("it is open"));
        other.write(event.as_bytes()).expect("it is open");
        transport.close();
    });
    let (transport, mut near) = pair(&event_loop, protocol);
    run_until_lost(&event_loop, &transport);
    run_turns(&event_loop, 2);
    let mut received = [0; 13];
    far.read_exact(&mut received).expect("it comes");
    assert_eq!(&received, b"madelost None");
    let mut received = String::new();
    near.read_to_string(&mut received).expect("it ends well");
    assert_eq!(received, "nested");
    assert_eq!(events.take(), ["other made", "made", "lost None"]);
}

/// A selector that writes to a transport when it is told that a direction is drained.
#[derive(Debug)]
struct Writing {
    inner: Box<dyn Selector>,
    transport: Rc<RefCell<Option<Transport>>>,
    /// The next last.
    pieces: Vec<Vec<u8>>,
}

impl Selector for Writing {
    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        self.inner.register(fd, token)
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.inner.deregister(fd)
    }

    fn closing(&mut self, fd: BorrowedFd<'_>) {
        self.inner.closing(fd);
    }

    fn reports_levels(&self) -> bool {
        self.inner.reports_levels()
    }

    fn drained(&mut self, token: SelectorToken, direction: Direction) {
        self.inner.drained(token, direction);
        let transport = self.transport.borrow().clone();
        if let (Direction::Write, Some(transport)) = (direction, transport)
            && let Some(piece) = self.pieces.pop()
        {
            transport.write(&piece).expect("it is open");
        }
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        self.inner.select(events, timeout)
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.as_fd()
    }
}

#[test]
fn a_selectors_own_write_during_a_write_follows_it() {
    let pieces = [b"small".to_vec(), vec![b'l'; 10_000], vec![b'm'; 300_000], b"tiny".to_vec(), vec![b'n'; 5000]];
    let written = Rc::new(RefCell::new(None));
    let selector = Writing {
        inner: poll_selector().expect("there is memory"),
        transport: Rc::clone(&written),
        pieces: pieces.iter().rev().cloned().collect(),
    };
    let event_loop = EventLoop::with(Box::new(selector), Box::new(MonotonicClock::default())).expect("it is open");
    let (transport, mut far) = pair(&event_loop, Recorder::new("", &Log::default()));
    written.replace(Some(transport.clone()));
    let expected = [&pattern(MUCH)[..], &pieces.concat()].concat();
    transport.write(&pattern(MUCH)).expect("it is open");
    let received = read_exact(&event_loop, &mut far, expected.len());
    assert_eq!(received.len(), expected.len());
    assert!(received == expected, "they come in another order");
    written.take();
    transport.abort();
}
