//! Reading: pauses, buffered protocols, and protocols that replace each other.

use std::cell::RefCell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::transport::BufferedProtocol;
use innermost::{EventLoop, Exception, Transport};

use crate::transports::protocols::{Log, Recorder, connected, new_loop, pair, run_turns, run_until, run_until_lost};

// X2
#[test]
fn nothing_is_read_between_a_pause_and_a_resume() {
    let (event_loop, events) = new_loop();
    let protocol = Recorder::new("", &events).reacting(|transport, event| {
        if event == "made" {
            transport.pause_reading();
            transport.pause_reading();
        }
    });
    let (transport, mut far) = pair(&event_loop, protocol);
    far.write_all(b"early").expect("it is open");
    run_turns(&event_loop, 200);
    assert!(!transport.is_reading());
    assert_eq!(events.take(), ["made"]);
    transport.resume_reading();
    transport.resume_reading();
    assert!(transport.is_reading());
    let seen = events.clone();
    run_until(&event_loop, move || !seen.entries().is_empty());
    assert_eq!(events.take(), ["data early"]);
    transport.close();
    transport.pause_reading();
    transport.resume_reading();
    assert!(!transport.is_reading());
    far.write_all(b"late").expect("it is open");
    run_until_lost(&event_loop, &transport);
    assert_eq!(events.take(), ["lost None"]);
}

// X2
#[test]
fn pausing_in_a_callback_holds_back_received_data() {
    let (event_loop, events) = new_loop();
    let protocol = Recorder::new("", &events).reacting(|transport, event| {
        if event.starts_with("data") {
            transport.pause_reading();
        }
    });
    let (transport, mut far) = pair(&event_loop, protocol);
    far.write_all(b"one").expect("it is open");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 2);
    far.write_all(b"two").expect("it is open");
    run_turns(&event_loop, 200);
    assert_eq!(events.take(), ["made", "data one"]);
    transport.resume_reading();
    let seen = events.clone();
    run_until(&event_loop, move || !seen.entries().is_empty());
    assert_eq!(events.take(), ["data two"]);
}

/// Reads into five bytes of its own, or into none.
struct Five {
    bytes: Vec<u8>,
    events: Log,
    panics: bool,
}

impl Five {
    fn new(room: usize, events: &Log) -> Self {
        Self { bytes: vec![0; room], events: events.clone(), panics: false }
    }
}

impl BufferedProtocol for Five {
    fn get_buffer(&mut self, size_hint: usize) -> &mut [u8] {
        assert!(size_hint > 0);
        &mut self.bytes
    }

    fn buffer_updated(&mut self, _: &Transport, count: usize) {
        assert!(!self.panics, "buffer_updated panics");
        let text = String::from_utf8_lossy(&self.bytes[..count]).into_owned();
        self.events.add(format_args!("updated {text}"));
    }

    fn connection_lost(&mut self, _: &Transport, error: Option<Exception>) {
        self.events.add(format_args!("lost {}", error.map_or("None".into(), |error| error.to_string())));
    }
}

fn buffered(event_loop: &EventLoop, protocol: Five) -> (Transport, UnixStream) {
    let (near, far) = UnixStream::pair().expect("descriptors are free");
    (connected(event_loop.connect_accepted_socket(|| protocol, near).unwrap(), event_loop), far)
}

#[test]
fn a_buffered_protocol_gets_data_in_pieces_that_fit_its_buffer() {
    let (event_loop, events) = new_loop();
    let (transport, mut far) = buffered(&event_loop, Five::new(5, &events));
    far.write_all(b"hello world").expect("it is open");
    drop(far);
    run_until_lost(&event_loop, &transport);
    assert_eq!(events.take(), ["updated hello", "updated  worl", "updated d", "lost None"]);
}

/// Takes buffers of the suggested size, and records the suggestions.
struct Obedient {
    bytes: Vec<u8>,
    told: Rc<RefCell<Vec<usize>>>,
}

impl BufferedProtocol for Obedient {
    fn get_buffer(&mut self, size_hint: usize) -> &mut [u8] {
        self.told.borrow_mut().push(size_hint);
        self.bytes.resize(size_hint, 0);
        &mut self.bytes
    }

    fn buffer_updated(&mut self, _: &Transport, _: usize) {}
}

#[test]
fn the_size_hint_of_a_buffered_protocol_follows_the_traffic() {
    let (event_loop, _) = new_loop();
    let told: Rc<RefCell<Vec<usize>>> = Rc::default();
    let protocol = Obedient { bytes: Vec::new(), told: Rc::clone(&told) };
    let (near, mut far) = UnixStream::pair().expect("descriptors are free");
    let _transport = connected(event_loop.connect_accepted_socket(|| protocol, near).unwrap(), &event_loop);
    // The suggestion is filled: it grows fourfold. When less than a quarter of it arrives, it is halved.
    let arriving = [1, 1024, 1024, 1023, 1, 1, 1];
    let seen = arriving.map(|count| {
        far.write_all(&vec![0; count]).expect("it is open");
        let waited = Rc::clone(&told);
        run_until(&event_loop, move || !waited.borrow().is_empty());
        told.take()[0]
    });
    assert_eq!(seen, [1024, 1024, 4096, 4096, 2048, 1024, 1024]);
}

// X12, X15: errors that are not the connection's are reported, and end it.
#[test]
fn a_buffer_without_room_is_fatal() {
    let (event_loop, events) = new_loop();
    let (transport, mut far) = buffered(&event_loop, Five::new(0, &events));
    far.write_all(b"hello").expect("it is open");
    run_until_lost(&event_loop, &transport);
    let why = "get_buffer() returned an empty buffer";
    let report = format!("reported Fatal read error on transport: {why}");
    assert_eq!(events.take(), [report, format!("lost {why}")]);
}

// X13
#[test]
fn a_callback_that_panics_is_fatal_to_its_connection_alone() {
    let (event_loop, events) = new_loop();
    let (transport, mut far) = buffered(&event_loop, Five { panics: true, ..Five::new(5, &events) });
    far.write_all(b"hello").expect("it is open");
    run_until_lost(&event_loop, &transport);
    let report = "reported Fatal error: protocol.buffer_updated() call failed.: buffer_updated panics";
    assert_eq!(events.take(), [report, "lost buffer_updated panics"]);

    for name in ["made", "data x", "eof"] {
        let protocol = Recorder::new("", &events).reacting(move |_, event| assert!(event != name, "panics"));
        let (near, mut far) = UnixStream::pair().expect("descriptors are free");
        far.write_all(b"x").expect("it is open");
        drop(far);
        let transport = connected(event_loop.connect_accepted_socket(|| protocol, near).unwrap(), &event_loop);
        run_until_lost(&event_loop, &transport);
        let events = events.take();
        let position = events.iter().position(|event| event == name).expect("it comes to that");
        let callback = [("made", "connection_made"), ("data x", "data_received"), ("eof", "eof_received")]
            .into_iter()
            .find_map(|(event, callback)| (event == name).then_some(callback))
            .expect("it is one of them");
        let report = format!("reported Fatal error: protocol.{callback}() call failed.: panics");
        assert_eq!(events[position + 1..], [report, "lost panics".to_owned()]);
    }
}

// X15
#[test]
fn a_protocol_may_be_replaced_by_another_kind_in_its_callback() {
    let (event_loop, events) = new_loop();
    let log = events.clone();
    let protocol = Recorder::new("first", &events).reacting(move |transport, event| {
        if event == "data one" {
            transport.set_protocol(Five::new(5, &log));
            assert_eq!(transport.with_protocol(|five: &mut Five| five.bytes.len()), Some(5));
            assert_eq!(transport.with_protocol(|_: &mut Recorder| ()), None);
        }
    });
    let (transport, mut far) = pair(&event_loop, protocol);
    far.write_all(b"one").expect("it is open");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 2);
    far.write_all(b"two").expect("it is open");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 3);
    transport.set_protocol(Recorder::new("third", &events));
    drop(far);
    run_until_lost(&event_loop, &transport);
    let expected = ["first made", "first data one", "updated two", "third eof", "third lost None"];
    assert_eq!(events.take(), expected);
}

#[test]
fn a_peer_that_never_stops_sending_does_not_starve_others() {
    let (event_loop, events) = new_loop();
    let (flooded, flood) = UnixStream::pair().expect("descriptors are free");
    flood.set_nonblocking(true).expect("it is open");
    let received = Rc::new(RefCell::new(0));
    let (count, refill) = (Rc::clone(&received), RefCell::new(flood));
    let never_ends = Recorder::new("", &Log::default()).reacting(move |_, event| {
        *count.borrow_mut() += event.len();
        while refill.borrow_mut().write(&[b'x'; 65536]).is_ok() {}
    });
    let flooded = connected(event_loop.connect_accepted_socket(|| never_ends, flooded).unwrap(), &event_loop);
    let (quiet, mut far) = pair(&event_loop, Recorder::new("", &events));
    let until_flooded = Rc::clone(&received);
    run_until(&event_loop, move || *until_flooded.borrow() > 1_000_000 || *until_flooded.borrow() == 4);
    far.write_all(b"me too").expect("it is open");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 2);
    assert_eq!(events.take(), ["made", "data me too"]);
    quiet.abort();
    flooded.abort();
}

/// Writes to a peer that has answered and is gone.
fn write_after_the_answer(event_loop: &EventLoop, transport: &Transport, mut far: UnixStream) {
    far.write_all(b"answer").expect("there is room");
    drop(far);
    transport.write(b"more").expect("it is open");
    run_until_lost(event_loop, transport);
}

#[test]
fn data_received_before_a_failed_write_precedes_connection_lost() {
    let (event_loop, events) = new_loop();
    let (transport, far) = pair(&event_loop, Recorder::new("", &events));
    write_after_the_answer(&event_loop, &transport, far);
    assert_eq!(events.take(), ["made", "data answer", "lost Broken pipe (os error 32)"]);
    let (transport, far) = buffered(&event_loop, Five::new(5, &events));
    write_after_the_answer(&event_loop, &transport, far);
    assert_eq!(events.take(), ["updated answe", "updated r", "lost Broken pipe (os error 32)"]);
}

#[test]
fn a_paused_protocol_loses_no_data_when_a_write_fails() {
    let (event_loop, events) = new_loop();
    let (transport, far) = pair(&event_loop, Recorder::new("", &events));
    transport.pause_reading();
    write_after_the_answer(&event_loop, &transport, far);
    assert_eq!(events.take(), ["made", "data answer", "lost Broken pipe (os error 32)"]);
    let (transport, far) = buffered(&event_loop, Five::new(5, &events));
    transport.pause_reading();
    write_after_the_answer(&event_loop, &transport, far);
    assert_eq!(events.take(), ["updated answe", "updated r", "lost Broken pipe (os error 32)"]);
}

#[test]
fn answering_remaining_data_after_a_failed_write_causes_no_warning() {
    let (event_loop, events) = new_loop();
    let answering = Recorder::new("", &events).reacting(|transport, event| {
        if event == "data answer" {
            (0..9).for_each(|_| transport.write(b"reply").expect("it is lost"));
        }
    });
    let (transport, far) = pair(&event_loop, answering);
    transport.pause_reading();
    write_after_the_answer(&event_loop, &transport, far);
    assert_eq!(events.take(), ["made", "data answer", "lost Broken pipe (os error 32)"]);
}
