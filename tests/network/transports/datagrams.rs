//! Datagram endpoints.

use std::net::UdpSocket;

use innermost::{DatagramTransport, EventLoop, Kind};

use crate::transports::protocols::{self, Log, any, new_loop, run_turns, run_until};

type Recorder = protocols::Recorder<DatagramTransport>;

/// An endpoint with a peer of its own.
fn connected(event_loop: &EventLoop, protocol: Recorder) -> (DatagramTransport, UdpSocket) {
    let far = UdpSocket::bind(any()).expect("a port is free");
    let peer = far.local_addr().expect("it is bound");
    let opening = event_loop.create_datagram_endpoint(|| protocol).local_addr(any()).remote_addr(peer);
    let transport = event_loop.run_until_complete(opening).expect("a port is free");
    far.connect(transport.local_addr().expect("it is open")).expect("it is there");
    (transport, far)
}

fn wait_for(event_loop: &EventLoop, events: &Log, count: usize) {
    let seen = events.clone();
    run_until(event_loop, move || seen.entries().len() >= count);
}

// X1, X16
#[test]
fn datagrams_including_empty_ones_go_both_ways_until_close() {
    let (event_loop, events) = new_loop();
    let (transport, far) = connected(&event_loop, Recorder::of_datagrams(&events));
    for data in [&b"one"[..], b"", b"three"] {
        far.send(data).expect("it is there");
    }
    wait_for(&event_loop, &events, 4);
    assert_eq!(events.take(), ["made", "data one", "data ", "data three"]);
    transport.send_to(b"", None).expect("there is a peer");
    transport.send_to(b"back", transport.peer_addr()).expect("it is the peer");
    let mut room = [0; 10];
    assert_eq!(far.recv(&mut room).expect("it has come"), 0);
    assert_eq!(far.recv(&mut room).expect("it has come"), 4);
    transport.close();
    transport.close();
    assert_eq!(events.take(), [""; 0]);
    wait_for(&event_loop, &events, 1);
    assert_eq!(events.take(), ["lost None"]);
    assert!(transport.local_addr().is_err());
    transport.send_to(b"late", None).expect("that is thrown away");
}

// X16
#[test]
fn an_endpoint_with_a_peer_sends_only_to_it_and_one_without_needs_an_address() {
    let (event_loop, events) = new_loop();
    let (transport, far) = connected(&event_loop, Recorder::of_datagrams(&events));
    let peer = far.local_addr().expect("it is bound");
    let refused = transport.send_to(b"x", Some(any())).unwrap_err();
    assert_eq!(refused.to_string(), format!("Invalid address: must be None or {peer}"));
    let opening = event_loop.create_datagram_endpoint({
        let events = events.clone();
        move || Recorder::of_datagrams(&events)
    });
    let free = event_loop.run_until_complete(opening.local_addr(any())).expect("a port is free");
    assert_eq!(free.send_to(b"x", None).unwrap_err().kind(), Kind::ValueError);
    let neither = event_loop.create_datagram_endpoint(move || Recorder::of_datagrams(&events));
    assert_eq!(event_loop.run_until_complete(neither).unwrap_err().kind(), Kind::ValueError);
}

// X16
#[test]
fn a_missing_receiver_is_reported_and_the_endpoint_stays_usable() {
    let (event_loop, events) = new_loop();
    let (transport, far) = connected(&event_loop, Recorder::of_datagrams(&events));
    let peer = far.local_addr().expect("it is bound");
    drop(far);
    transport.send_to(b"anybody?", None).expect("there is a peer");
    wait_for(&event_loop, &events, 2);
    assert_eq!(events.take(), ["made", "error ConnectionRefused"]);
    let far = UdpSocket::bind(peer).expect("the port is free");
    far.send_to(b"now", transport.local_addr().expect("it is open")).expect("it is there");
    wait_for(&event_loop, &events, 1);
    assert_eq!(events.take(), ["data now"]);
}

/// An endpoint with an unreported error, because its last datagram found no receiver, and the receiver that now exists.
fn after_a_refusal(event_loop: &EventLoop, protocol: Recorder) -> (DatagramTransport, UdpSocket) {
    let (transport, far) = connected(event_loop, protocol);
    let peer = far.local_addr().expect("it is bound");
    drop(far);
    transport.send_to(b"anybody?", None).expect("there is a peer");
    let far = UdpSocket::bind(peer).expect("the port is free");
    far.set_nonblocking(true).expect("it is open");
    (transport, far)
}

fn received(far: &UdpSocket) -> Vec<String> {
    let mut room = [0; 100];
    let datagrams = std::iter::from_fn(|| far.recv(&mut room).ok().map(|count| room[..count].to_vec()));
    datagrams.map(|data| String::from_utf8(data).expect("it was sent so")).collect()
}

// X16: asyncio loses the second datagram.
#[test]
fn the_error_of_an_earlier_datagram_is_reported_and_the_next_one_is_sent() {
    let (event_loop, events) = new_loop();
    let (transport, far) = after_a_refusal(&event_loop, Recorder::of_datagrams(&events));
    transport.send_to(b"one", None).expect("there is a peer");
    transport.send_to(b"two", None).expect("there is a peer");
    run_turns(&event_loop, 3);
    assert_eq!(events.take(), ["made", "error ConnectionRefused"]);
    assert_eq!(received(&far), ["one", "two"]);
}

// X16
#[test]
fn a_datagram_sent_in_error_received_does_not_overtake_the_current_one() {
    let (event_loop, events) = new_loop();
    let protocol = Recorder::of_datagrams(&events).reacting(|transport, event| {
        if event.starts_with("error") {
            transport.send_to(b"then", None).expect("there is a peer");
        }
    });
    let (transport, far) = after_a_refusal(&event_loop, protocol);
    transport.send_to(b"first", None).expect("there is a peer");
    transport.send_to(b"last", None).expect("there is a peer");
    run_turns(&event_loop, 3);
    assert_eq!(events.take(), ["made", "error ConnectionRefused"]);
    assert_eq!(received(&far), ["first", "then", "last"]);
}

// X16
#[test]
fn an_earlier_error_and_a_datagrams_own_are_each_reported_once() {
    let (event_loop, events) = new_loop();
    let (transport, far) = after_a_refusal(&event_loop, Recorder::of_datagrams(&events));
    // Its length is looked at before the network's answer is.
    transport.send_to(&[0; 100_000], None).expect("there is a peer");
    transport.send_to(b"short", None).expect("there is a peer");
    run_turns(&event_loop, 3);
    let events = events.take();
    assert!(events.len() == 3 && events[1].starts_with("error "), "{events:?}");
    assert_eq!((&*events[0], &*events[2]), ("made", "error ConnectionRefused"));
    assert_eq!(received(&far), ["short"]);
}

// X16: while there is no receiver, each datagram meets the error of the previous one.
#[test]
fn each_datagram_to_a_closed_peer_is_refused_once() {
    let (event_loop, events) = new_loop();
    let (transport, far) = connected(&event_loop, Recorder::of_datagrams(&events));
    drop(far);
    for _ in 0..5 {
        transport.send_to(b"anybody?", None).expect("there is a peer");
    }
    wait_for(&event_loop, &events, 6);
    run_turns(&event_loop, 3);
    assert_eq!(events.take()[1..], ["error ConnectionRefused"; 5]);
}

// X16
#[test]
fn an_endpoint_may_be_closed_in_error_received() {
    let (event_loop, events) = new_loop();
    let protocol = Recorder::of_datagrams(&events).reacting(|transport, event| {
        if event.starts_with("error") {
            transport.abort();
        }
    });
    let (transport, _far) = after_a_refusal(&event_loop, protocol);
    transport.send_to(b"one", None).expect("there is a peer");
    wait_for(&event_loop, &events, 3);
    assert_eq!(events.take(), ["made", "error ConnectionRefused", "lost None"]);
}

// X16
#[test]
fn a_datagram_that_is_too_long_is_reported_after_the_sending_callback() {
    let (event_loop, events) = new_loop();
    let protocol = Recorder::of_datagrams(&events).reacting(|transport, event| {
        if event == "made" {
            transport.send_to(&[0; 100_000], None).expect("there is a peer");
        }
    });
    let (transport, _far) = connected(&event_loop, protocol);
    wait_for(&event_loop, &events, 2);
    let events = events.take();
    assert_eq!(events.len(), 2);
    assert!(events[1].starts_with("error "), "{events:?}");
    assert!(!transport.is_closing());
}

// X16
#[test]
fn an_endpoint_has_water_marks_and_keeps_its_descriptor_until_closed() {
    let (event_loop, events) = new_loop();
    let (transport, _far) = connected(&event_loop, Recorder::of_datagrams(&events));
    assert_eq!(transport.write_buffer_limits(), (16 * 1024, 64 * 1024));
    transport.set_write_buffer_limits(Some(100), None).expect("they are in order");
    assert_eq!(transport.write_buffer_limits(), (25, 100));
    let refused = transport.set_write_buffer_limits(Some(5), Some(6)).unwrap_err();
    assert_eq!(refused.kind(), Kind::ValueError);
    assert_eq!(transport.write_buffer_limits(), (25, 100));
    assert!(transport.with_fd(|fd| fd.is_some()));
    transport.abort();
    wait_for(&event_loop, &events, 2);
    assert!(transport.with_fd(|fd| fd.is_none()));
}

// X13
#[test]
fn a_callback_that_panics_is_fatal_to_its_endpoint_alone() {
    let (event_loop, events) = new_loop();
    let protocol = Recorder::of_datagrams(&events).reacting(|_, event| assert!(!event.starts_with("data"), "panics"));
    let (_transport, far) = connected(&event_loop, protocol);
    far.send(b"x").expect("it is there");
    wait_for(&event_loop, &events, 4);
    let report = "reported Fatal error: protocol.datagram_received() call failed.: panics";
    assert_eq!(events.take(), ["made", "data x", report, "lost panics"]);
    run_turns(&event_loop, 2);
}
