//! From `connection_made` to `connection_lost`.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::transports::protocols::{Recorder, connected, echo_server, new_loop, pair, run_until};

// X1
#[test]
fn an_echo_server_echoes_and_both_protocols_see_their_events_in_order() {
    let (event_loop, events) = new_loop();
    let (server, address) = echo_server(&event_loop);
    let protocol = Recorder::new("", &events).reacting(|transport, event| match event {
        "made" => transport.write(b"hello").expect("it is open"),
        "data hello" => transport.close(),
        _ => {}
    });
    let client = connected(event_loop.create_connection(|| protocol, address), &event_loop);
    assert_eq!(client.peer_addr().expect("it is known"), address);
    assert_eq!(HashSet::from([client.clone(), client.clone()]).len(), 1);
    let watched = client.clone();
    run_until(&event_loop, move || watched.local_addr().is_err());
    assert_eq!(events.take(), ["made", "data hello", "lost None"]);
    server.close();
    event_loop.run_until_complete(server.wait_closed()).expect("all have closed");
}

#[test]
fn clients_of_the_standard_library_are_echoed() {
    let (event_loop, _) = new_loop();
    let (server, address) = echo_server(&event_loop);
    let client = std::thread::spawn(move || {
        let mut client = TcpStream::connect(address).expect("somebody listens");
        let sent: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 7) as u8).collect();
        let mut writer = client.try_clone().expect("a descriptor is free");
        let copy = sent.clone();
        let writing = std::thread::spawn(move || {
            writer.write_all(&copy).expect("it is read");
            writer.shutdown(std::net::Shutdown::Write).expect("it is open");
        });
        let mut received = Vec::new();
        client.read_to_end(&mut received).expect("it ends well");
        writing.join().expect("it does not panic");
        assert_eq!(received.len(), sent.len());
        assert!(received == sent);
    });
    while !client.is_finished() {
        event_loop.run_once().expect("it runs");
    }
    client.join().expect("what came back is what was sent");
    server.close();
    event_loop.run_until_complete(server.wait_closed()).expect("all have closed");
}

// X9, X14
#[test]
fn the_end_of_the_stream_closes_the_connection_unless_the_protocol_keeps_it() {
    let (event_loop, events) = new_loop();
    let (first, far) = pair(&event_loop, Recorder::new("", &events));
    drop(far);
    run_until(&event_loop, move || first.with_fd(|fd| fd.is_none()));
    assert_eq!(events.take(), ["made", "eof", "lost None"]);

    let (kept, mut far) = pair(&event_loop, Recorder::new("", &events).keeping_open());
    far.shutdown(std::net::Shutdown::Write).expect("it is open");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 2);
    assert!(!kept.is_closing() && !kept.is_reading());
    kept.write(b"still open").expect("it is");
    kept.close();
    let watched = kept.clone();
    run_until(&event_loop, move || watched.with_fd(|fd| fd.is_none()));
    let mut received = String::new();
    far.read_to_string(&mut received).expect("it ends well");
    assert_eq!(received, "still open");
    assert_eq!(events.take(), ["made", "eof", "lost None"]);
}
