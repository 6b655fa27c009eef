//! Relays: bytes between two streams, both ways.

mod endings;

use std::io::{Cursor, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::{Moved, Relay, pipe, relay};
use innermost::testing::{MemoryPair, MemoryStream, memory_pair, virtual_loop};
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, EventLoop, Exception, Step, TcpStream, UnixStream, from_fn, sleep, spawn,
    yield_from,
};

use crate::byte_streams::machines::{Collector, Echo, Sender, bytes};
use crate::counting;
use crate::support::connections::{new_loop, pair};

const SECOND: Duration = Duration::from_secs(1);

/// Lets everything else that is ready run a few times.
fn settle(event_loop: &EventLoop) {
    for _ in 0..8 {
        event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    }
}

/// A loop in virtual time. That tasks are left when the test ends is no news.
fn quiet_loop() -> EventLoop {
    let event_loop = virtual_loop().unwrap();
    event_loop.set_exception_handler(|_| ());
    event_loop
}

/// What has arrived at `stream`.
fn arrived(stream: &MemoryStream) -> Vec<u8> {
    let mut room = vec![0; 1 << 20];
    match stream.attempt_recv(&mut room) {
        Ok(Step::Return(count)) => room[..count].to_vec(),
        _ => Vec::new(),
    }
}

/// A connection that holds so many bytes on their way.
fn holding(capacity: usize) -> (MemoryStream, MemoryStream) {
    MemoryPair::new().capacity(capacity).build()
}

fn seconds(event_loop: &EventLoop) -> u64 {
    event_loop.time().since_zero().as_secs()
}

/// A relay between two connections, and a task at each of the far ends that sends and collects. Returns what each has received.
fn relayed(event_loop: &EventLoop, relay: Relay, pairs: [MemoryPair; 2], sent: [Vec<u8>; 2]) -> [Vec<u8>; 2] {
    let [(client, near), (far, server)] = pairs.map(MemoryPair::build);
    let (mut relay, counts) = (relay, [sent[0].len() as u64, sent[1].len() as u64]);
    let relaying =
        event_loop.create_task(from_fn(move |mut sent| yield_from!(relay.run(&near, &far), sent).map(Step::Return)));
    let ends = [client, server].map(Rc::new);
    for (end, bytes) in ends.iter().zip(sent) {
        event_loop.create_task(Sender::new(Rc::clone(end), vec![bytes])).unwrap();
    }
    let received = ends.map(|end| event_loop.create_task(Collector::new(end, 1000)).unwrap());
    let received = received.map(|collecting| event_loop.run_until_complete(collecting).unwrap());
    let moved = event_loop.run_until_complete(relaying.unwrap()).unwrap();
    assert_eq!(moved, Moved { a_to_b: counts[0], b_to_a: counts[1] });
    received
}

#[test]
fn bytes_go_both_ways() {
    let event_loop = virtual_loop().unwrap();
    let sent = || [bytes(300_000), bytes(70_001)];
    let narrow = || MemoryPair::new().capacity(100);
    let slow = || MemoryPair::new().latency(SECOND);
    for (relay, pairs) in [
        (Relay::new(), [MemoryPair::new(), MemoryPair::new()]),
        (Relay::new().buffer_size(1000), [MemoryPair::new(), narrow()]),
        (Relay::new().idle_limit(60 * SECOND), [narrow(), MemoryPair::new().suspending()]),
        (Relay::default(), [slow(), slow()]),
    ] {
        let [there, back] = sent();
        assert!(relayed(&event_loop, relay, pairs, sent()) == [back, there]);
    }
}

#[test]
fn every_way_to_cut_the_bytes_gives_the_same() {
    let event_loop = virtual_loop().unwrap();
    for seed in 1..60 {
        let pairs = [seed, seed + 1000].map(|seed| {
            let pair = MemoryPair::new().capacity(1 + seed as usize % 7 * 10).random_moves(seed);
            if seed % 2 == 0 { pair.suspending() } else { pair.latency(SECOND / 10) }
        });
        let relay = Relay::new().buffer_size(1 + seed as usize % 50).idle_limit(100 * SECOND);
        let sent = || [bytes(500 + seed as usize), bytes(if seed % 3 == 0 { 0 } else { 300 })];
        let [there, back] = sent();
        assert_eq!(relayed(&event_loop, relay, pairs, sent()), [back, there], "seed {seed}");
    }
}

#[test]
fn a_direction_that_is_stalled_does_not_stop_the_other() {
    let event_loop = quiet_loop();
    for stalled_first in [true, false] {
        let ((client, near), (far, server)) = (holding(10), holding(10));
        let (stalled, flowing) = if stalled_first { (&client, &server) } else { (&server, &client) };
        let _relaying = event_loop.create_task(relay(near, far)).unwrap();
        // Nobody reads at the other end.
        for _ in 0..5 {
            let _ = stalled.attempt_send(&[7; 10]).unwrap();
            settle(&event_loop);
        }
        let mut received = Vec::new();
        for part in bytes(100).chunks(10) {
            assert!(matches!(flowing.attempt_send(part), Ok(Step::Return(10))));
            settle(&event_loop);
            received.extend(arrived(stalled));
        }
        assert_eq!(received, bytes(100));
    }
}

#[test]
fn the_end_of_one_direction_is_passed_on_and_the_other_goes_on() {
    let event_loop = virtual_loop().unwrap();
    for client_first in [true, false] {
        let ((client, near), (far, server)) = (memory_pair(), memory_pair());
        let (first, second) = if client_first { (client, server) } else { (server, client) };
        let relaying = event_loop.create_task(relay(near, far)).unwrap();
        first.attempt_send(b"question").unwrap();
        first.attempt_write_eof().unwrap();
        settle(&event_loop);
        assert_eq!(arrived(&second), b"question");
        assert!(matches!(second.attempt_recv(&mut [0; 8]), Ok(Step::Return(0))), "its end");
        second.attempt_send(b"an answer").unwrap();
        settle(&event_loop);
        assert_eq!(arrived(&first), b"an answer");
        assert!(!relaying.done());
        second.attempt_write_eof().unwrap();
        let moved = event_loop.run_until_complete(relaying).unwrap();
        let (there, back) = if client_first { (8, 9) } else { (9, 8) };
        assert_eq!(moved, Moved { a_to_b: there, b_to_a: back });
        assert!(matches!(first.attempt_recv(&mut [0; 8]), Ok(Step::Return(0))), "its end");
    }
}

#[test]
fn a_peer_that_is_gone_after_its_last_byte_is_no_error() {
    let event_loop = virtual_loop().unwrap();
    let ((client, near), (far, server)) = (memory_pair(), memory_pair());
    server.attempt_send(b"bye").unwrap();
    drop(server);
    let relaying = event_loop.create_task(relay(near, far)).unwrap();
    settle(&event_loop);
    assert_eq!(arrived(&client), b"bye");
    drop(client);
    assert_eq!(event_loop.run_until_complete(relaying).unwrap(), Moved { a_to_b: 0, b_to_a: 3 });
}

#[test]
fn a_direction_reads_no_more_than_its_buffer_holds() {
    for (size, holds) in [(0, 1), (1, 1), (1000, 1000), (65_536, 65_536), (usize::MAX, 65_536)] {
        let event_loop = quiet_loop();
        let ((client, near), (far, server)) = (holding(1 << 20), holding(10));
        client.attempt_send(&bytes(200_000)).unwrap();
        let (near, far) = (Rc::new(near), Rc::new(far));
        let relaying = event_loop.create_task(relay(Rc::clone(&near), far).buffer_size(size)).unwrap();
        settle(&event_loop);
        // Ten bytes are on their way to the server, which reads nothing. The smallest buffers have been filled again.
        let taken = 200_000 - arrived(&near).len();
        assert!((holds..=holds + 10).contains(&taken), "{taken} bytes with a buffer of {size}");
        assert_eq!(arrived(&server).len(), 10);
        drop(relaying);
    }
}

#[test]
fn bytes_that_were_read_already_come_first() {
    let event_loop = virtual_loop().unwrap();
    for is_sized_last in [false, true] {
        let ((client, near), (far, server)) = (memory_pair(), holding(10));
        client.attempt_send(b"later").unwrap();
        client.attempt_write_eof().unwrap();
        server.attempt_write_eof().unwrap();
        let (client, server) = (Rc::new(client), Rc::new(server));
        let early = bytes(100_000);
        let relay = relay(near, far).already_read_from_a(&early[..10]).already_read_from_b(b"hello");
        // More than the buffer holds otherwise.
        let relay = relay.already_read_from_a(&early[10..]);
        let relay = if is_sized_last { relay.buffer_size(100) } else { relay };
        let relaying = event_loop.create_task(relay).unwrap();
        let received = event_loop.run_until_complete(Collector::new(server, 1000)).unwrap();
        assert!(received == [&*early, b"later"].concat());
        assert_eq!(event_loop.run_until_complete(relaying).unwrap(), Moved { a_to_b: 100_005, b_to_a: 5 });
        assert_eq!(arrived(&client), b"hello");
    }
}

#[test]
fn a_relay_that_has_returned_returns_the_same_again() {
    let event_loop = virtual_loop().unwrap();
    let ((client, near), (far, server)) = (memory_pair(), memory_pair());
    client.attempt_send(b"hello").unwrap();
    client.attempt_write_eof().unwrap();
    server.attempt_write_eof().unwrap();
    let mut relay = Relay::new().idle_limit(SECOND);
    let twice = from_fn(move |mut sent| {
        let first = yield_from!(relay.run(&near, &far), sent)?;
        let second = yield_from!(relay.run(&near, &far), sent)?;
        Ok(Step::Return((first, second)))
    });
    let moved = Moved { a_to_b: 5, b_to_a: 0 };
    assert_eq!(event_loop.run_until_complete(twice).unwrap(), (moved, moved));
}

#[test]
fn a_relay_works_between_streams_of_different_kinds() {
    const MANY: usize = 2_000_000;
    let event_loop = new_loop();
    let (client, peer) = pair();
    let tcp = TcpStream::from_std(peer).unwrap();
    let (unix, other_unix) = UnixStream::pair().unwrap();
    let ((reader, other_writer), (other_reader, writer)) = (pipe().unwrap(), pipe().unwrap());
    let (memory, other_memory) = MemoryPair::new().capacity(100_000).build();
    // Bytes go through all of them to the echo, and back.
    let relays = [
        event_loop.create_task(relay(tcp, unix)).unwrap(),
        event_loop.create_task(relay(other_unix, (reader, writer)).idle_limit(60 * SECOND)).unwrap(),
        event_loop.create_task(relay((other_reader, other_writer), memory).buffer_size(30_000)).unwrap(),
    ];
    event_loop.create_task(Echo::new(other_memory)).unwrap();
    event_loop.create_task(Sender::new(Rc::clone(&client), bytes(MANY).chunks(9_999).map(<[u8]>::to_vec))).unwrap();
    let received = event_loop.run_until_complete(Collector::new(client, 10_000)).unwrap();
    assert!(received == bytes(MANY));
    for relaying in relays {
        let moved = event_loop.run_until_complete(relaying).unwrap();
        assert_eq!(moved, Moved { a_to_b: MANY as u64, b_to_a: MANY as u64 });
    }
}

#[test]
fn the_ends_of_real_sockets_are_passed_on() {
    let event_loop = new_loop();
    let ((near, mut client), (far, mut server)) = (pair(), pair());
    let relaying = event_loop.create_task(relay(near, far)).unwrap();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let serving = std::thread::spawn(move || {
        let mut question = String::new();
        server.read_to_string(&mut question).unwrap();
        server.write_all(format!("{question}? yes").as_bytes()).unwrap();
    });
    let asking = std::thread::spawn(move || {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    });
    assert_eq!(event_loop.run_until_complete(relaying).unwrap(), Moved { a_to_b: 8, b_to_a: 13 });
    serving.join().unwrap();
    assert_eq!(asking.join().unwrap(), "question? yes");
}

#[test]
fn an_idle_relay_holds_no_buffer() {
    let event_loop = new_loop();
    // The relays are left when the test ends.
    event_loop.set_exception_handler(|_| ());
    let connect = || {
        let ((near, client), (far, server)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let relaying = event_loop.create_task(relay(near, far).idle_limit(60 * SECOND)).unwrap();
        let ends = [client, server].map(Rc::new);
        for (from, to) in [(0, 1), (1, 0)] {
            let (from, to) = (Rc::clone(&ends[from]), Rc::clone(&ends[to]));
            let (mut outgoing, mut incoming) = (Cursor::new(vec![1; 60_000]), Buffer::new());
            let passing = from_fn(move |mut sent| {
                yield_from!(from.write_all(&mut outgoing), sent)?;
                yield_from!(to.fill(&mut incoming, 60_000), sent).map(Step::Return)
            });
            event_loop.run_until_complete(passing).unwrap();
        }
        (relaying, ends)
    };
    // The first ones make the loop's spare pieces, and tables that grow.
    let _first: Vec<_> = (0..16).map(|_| connect()).collect();
    let (before, large) = (counting::bytes(), counting::large());
    let connections: Vec<_> = (0..16).map(|_| connect()).collect();
    let each = (counting::bytes() - before) / connections.len();
    assert_eq!(counting::large(), large);
    assert!(each < 6_000, "{each} bytes for each connection, its relay and its peers");
}

#[test]
fn a_relay_is_spawned_and_cancelled_like_any_coroutine() {
    let event_loop = virtual_loop().unwrap();
    let ((client, near), (far, server)) = (memory_pair(), memory_pair());
    let mut streams = Some((near, far));
    let spawned = event_loop.run_until_complete(from_fn(move |sent: Result<(), Exception>| {
        sent?;
        let (near, far) = streams.take().expect("it is resumed once");
        Ok(Step::<Await, (), _>::Return(spawn(relay(near, far))?))
    }));
    let relaying = spawned.unwrap();
    settle(&event_loop);
    client.attempt_send(b"hello").unwrap();
    settle(&event_loop);
    assert_eq!(arrived(&server), b"hello");
    relaying.cancel();
    let raised = event_loop.run_until_complete(relaying).unwrap_err();
    assert!(raised.is_cancelled() && raised.notes().next().is_none());
    assert!(matches!(client.attempt_recv(&mut [0; 8]), Ok(Step::Return(0))));
}
