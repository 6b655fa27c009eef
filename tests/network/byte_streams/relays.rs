//! Relays: bytes between two streams, both ways.

use std::io::{Cursor, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::{Moved, Relay, pipe, relay};
use innermost::testing::{MemoryPair, MemoryStream, memory_pair, virtual_loop};
use innermost::{
    Await, Buffer, ByteRead, ByteStream, ByteWrite, Coroutine, EventLoop, Exception, Kind, Step, TcpStream, UnixStream,
    from_fn, sleep, spawn, yield_from,
};

use crate::byte_streams::machines::{Collector, Echo, Sender, bytes};
use crate::counting;
use crate::support::connections::{io_kind, new_loop, pair};

const SECOND: Duration = Duration::from_secs(1);

/// Lets everything else that is ready run a few times.
fn settle(event_loop: &EventLoop) {
    for _ in 0..8 {
        event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    }
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
    let event_loop = virtual_loop().unwrap();
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

/// Runs a relay. Returns what it returned or raised, and what it had moved by then.
fn outcome(
    event_loop: &EventLoop,
    mut relay: Relay,
    a: impl ByteStream + 'static,
    b: impl ByteStream + 'static,
) -> (Result<Moved, Exception>, Moved) {
    let running = from_fn(move |mut sent| {
        let ended = yield_from!(relay.run(&a, &b), sent);
        Ok(Step::Return((ended, relay.moved())))
    });
    event_loop.run_until_complete(running).unwrap()
}

/// Sends a message of 4 bytes every `pause`, so many times.
fn tick(event_loop: &EventLoop, stream: &Rc<MemoryStream>, pause: Duration, messages: u32) {
    let (stream, mut left, mut nap) = (Rc::clone(stream), messages, sleep(pause));
    let ticking = from_fn(move |mut sent| {
        while left > 0 {
            yield_from!(nap, sent)?;
            yield_from!(stream.send(b"tick"), sent)?;
            (left, nap) = (left - 1, sleep(pause));
        }
        Ok(Step::Return(()))
    });
    event_loop.create_task(ticking).unwrap();
}

#[test]
fn a_relay_ends_when_nothing_has_moved_for_the_idle_limit() {
    // How long the limit is, how often the client and the server send, and when the relay ends.
    for (limit, client, server, end) in [
        (5, (1, 0), (1, 0), 5),
        (5, (4, 3), (1, 0), 4 * 3 + 5),
        (5, (1, 0), (4, 3), 4 * 3 + 5),
        (5, (4, 3), (3, 7), 3 * 7 + 5),
        (5, (6, 3), (1, 0), 5),
        (5, (1, 100), (1, 0), 105),
        (1_000_000, (1, 1), (1, 0), 1_000_001),
    ] {
        let event_loop = virtual_loop().unwrap();
        let ((peer, near), (far, other)) = (memory_pair(), memory_pair());
        let (peer, other) = (Rc::new(peer), Rc::new(other));
        let ticking = |stream, (pause, messages)| tick(&event_loop, stream, pause * SECOND, messages);
        ticking(&peer, client);
        ticking(&other, server);
        let (ended, moved) = outcome(&event_loop, Relay::new().idle_limit(limit * SECOND), near, far);
        let raised = ended.expect_err("nobody ends it");
        assert_eq!(raised.kind(), Kind::TimeoutError);
        let Moved { a_to_b, b_to_a } = moved;
        let note = format!("relay: no byte has moved, after {a_to_b} bytes from a to b and {b_to_a} from b to a");
        assert_eq!((seconds(&event_loop), raised.notes().collect::<Vec<_>>()), (end as u64, vec![note]));
    }
}

#[test]
fn a_receiver_that_takes_nothing_makes_a_relay_idle() {
    let event_loop = virtual_loop().unwrap();
    let ((client, near), (far, server)) = (memory_pair(), holding(10));
    client.attempt_send(&[1; 100]).unwrap();
    let (ended, moved) = outcome(&event_loop, Relay::new().idle_limit(5 * SECOND), near, far);
    assert_eq!(ended.unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!((moved, seconds(&event_loop)), (Moved { a_to_b: 10, b_to_a: 0 }, 5));
    assert_eq!(arrived(&server), [1; 10]);
}

#[test]
fn an_idle_limit_of_zero_moves_what_has_come() {
    let event_loop = virtual_loop().unwrap();
    let ((client, near), (far, server)) = (memory_pair(), memory_pair());
    client.attempt_send(&bytes(50_000)).unwrap();
    server.attempt_send(&bytes(60_000)).unwrap();
    let relay = Relay::new().idle_limit(Duration::ZERO).buffer_size(100);
    let (ended, moved) = outcome(&event_loop, relay, near, far);
    assert_eq!(ended.unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!((moved, seconds(&event_loop)), (Moved { a_to_b: 50_000, b_to_a: 60_000 }, 0));
}

#[test]
fn the_longest_idle_limit_is_never_reached() {
    let event_loop = virtual_loop().unwrap();
    let ((client, near), (far, server)) = (memory_pair(), memory_pair());
    let (client, server) = (Rc::new(client), Rc::new(server));
    tick(&event_loop, &client, SECOND, 3);
    let relaying = event_loop.create_task(relay(near, far).idle_limit(Duration::MAX)).unwrap();
    event_loop.run_until_complete(sleep(1000 * SECOND)).unwrap();
    drop((client, server));
    assert_eq!(event_loop.run_until_complete(relaying).unwrap(), Moved { a_to_b: 12, b_to_a: 0 });
}

/// A stream whose operations fail with these kinds of errors, or wait for ever.
#[derive(Clone, Copy, Default)]
struct Faulty {
    reads: Option<ErrorKind>,
    has_ended: bool,
    writes: Option<ErrorKind>,
    ends: Option<ErrorKind>,
}

impl ByteRead for Faulty {
    fn attempt_recv(&self, bytes: &mut [u8]) -> Result<Step<Await, (), usize>, Exception> {
        match (self.reads, self.has_ended) {
            (Some(kind), _) => Err(std::io::Error::from(kind).into()),
            (None, true) => Ok(Step::Return(0)),
            (None, false) => {
                bytes[0] = 1;
                Ok(Step::Return(1))
            }
        }
    }
}

impl ByteWrite for Faulty {
    fn attempt_send(&self, bytes: &[u8]) -> Result<Step<Await, (), usize>, Exception> {
        match self.writes {
            Some(kind) => Err(std::io::Error::from(kind).into()),
            None => Ok(Step::Return(bytes.len())),
        }
    }

    fn attempt_write_eof(&self) -> Result<Step<Await, (), ()>, Exception> {
        self.ends.map_or(Ok(Step::Return(())), |kind| Err(std::io::Error::from(kind).into()))
    }
}

#[test]
fn an_error_says_which_stream_failed_and_what_was_moved() {
    use ErrorKind::{ConnectionReset, Other, StorageFull};
    let fails = |faulty: Faulty, is_first: bool| {
        let event_loop = virtual_loop().unwrap();
        let (peer, near) = memory_pair();
        peer.attempt_send(b"hello").unwrap();
        let (ended, moved) = match is_first {
            true => outcome(&event_loop, Relay::new().idle_limit(SECOND), faulty, near),
            false => outcome(&event_loop, Relay::new().idle_limit(SECOND), near, faulty),
        };
        let raised = ended.expect_err("it fails");
        assert_eq!(seconds(&event_loop), 0);
        (io_kind(&raised), raised.notes().last().unwrap(), moved)
    };
    let ended = Faulty { has_ended: true, ..Faulty::default() };
    let cases = [
        (Faulty { reads: Some(ConnectionReset), ..ended }, ConnectionReset, "reading from", (5, 0)),
        (Faulty { writes: Some(StorageFull), ..ended }, StorageFull, "writing to", (0, 0)),
    ];
    for (faulty, kind, what, (there, back)) in cases {
        let moved = Moved { a_to_b: there, b_to_a: back };
        let note = format!("relay: {what} b, after {there} bytes from a to b and {back} from b to a");
        assert_eq!(fails(faulty, false), (kind, note, moved));
        // The first direction is asked first, so that nothing has moved in the second one.
        let note = format!("relay: {what} a, after 0 bytes from a to b and 0 from b to a");
        assert_eq!(fails(faulty, true), (kind, note, Moved::default()));
    }
    // Ending a stream.
    for (kind, is_error) in [(Other, true), (ErrorKind::BrokenPipe, false), (ErrorKind::NotConnected, false)] {
        let event_loop = virtual_loop().unwrap();
        let (peer, near) = memory_pair();
        drop(peer);
        let faulty = Faulty { ends: Some(kind), ..ended };
        let (ended, _) = outcome(&event_loop, Relay::new(), near, faulty);
        let note = ended.err().map(|raised| raised.notes().last().unwrap());
        let expected = "relay: ending b, after 0 bytes from a to b and 0 from b to a";
        assert_eq!(note, is_error.then(|| expected.to_owned()));
    }
}

#[test]
fn a_reset_ends_a_relay_with_its_counts() {
    for reset in 0..40 {
        let event_loop = virtual_loop().unwrap();
        let ((client, near), (far, _server)) = (memory_pair(), MemoryPair::new().reset_after(reset).build());
        client.attempt_send(&bytes(100)).unwrap();
        let (ended, moved) = outcome(&event_loop, Relay::new().buffer_size(7), near, far);
        assert_eq!(io_kind(&ended.unwrap_err()), ErrorKind::ConnectionReset);
        assert_eq!(moved, Moved { a_to_b: reset as u64, b_to_a: 0 });
    }
}

#[test]
fn a_direction_reads_no_more_than_its_buffer_holds() {
    for (size, holds) in [(0, 1), (1, 1), (1000, 1000), (65_536, 65_536), (usize::MAX, 65_536)] {
        let event_loop = virtual_loop().unwrap();
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
fn a_cancelled_relay_goes_on_where_it_stopped() {
    let event_loop = virtual_loop().unwrap();
    let narrow = || MemoryPair::new().capacity(10).suspending().build();
    for cancelled_after in 1..40 {
        let ((client, near), (far, server)) = (narrow(), narrow());
        let mut relay = Relay::new().buffer_size(16).idle_limit(60 * SECOND);
        let relaying = event_loop
            .create_task(from_fn(move |mut sent| {
                loop {
                    match yield_from!(relay.run(&near, &far), sent) {
                        Err(raised) if raised.is_cancelled() => {}
                        ended => return ended.map(Step::Return),
                    }
                }
            }))
            .unwrap();
        let ends = [client, server].map(Rc::new);
        let received = ends.map(|end| {
            event_loop.create_task(Sender::new(Rc::clone(&end), vec![bytes(100)])).unwrap();
            event_loop.create_task(Collector::new(end, 7)).unwrap()
        });
        for _ in 0..cancelled_after {
            event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
        }
        relaying.cancel();
        event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
        relaying.cancel();
        let received = received.map(|collecting| event_loop.run_until_complete(collecting).unwrap());
        assert_eq!(received, [bytes(100), bytes(100)]);
        assert_eq!(event_loop.run_until_complete(relaying).unwrap(), Moved { a_to_b: 100, b_to_a: 100 });
    }
}

#[test]
fn a_cancelled_relay_begins_its_idle_time_anew() {
    let event_loop = virtual_loop().unwrap();
    let ((_client, near), (far, _server)) = (memory_pair(), memory_pair());
    let (mut relay, mut nap) = (Relay::new().idle_limit(5 * SECOND), None::<innermost::Sleep>);
    let relaying = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                if let Some(napping) = &mut nap {
                    yield_from!(napping, sent)?;
                    nap = None;
                }
                match yield_from!(relay.run(&near, &far), sent) {
                    Err(raised) if raised.is_cancelled() => nap = Some(sleep(100 * SECOND)),
                    ended => return ended.map(Step::Return),
                }
            }
        }))
        .unwrap();
    event_loop.run_until_complete(sleep(3 * SECOND)).unwrap();
    relaying.cancel();
    assert_eq!(event_loop.run_until_complete(relaying).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(seconds(&event_loop), 3 + 100 + 5);
}

#[test]
fn a_dropped_or_closed_relay_leaves_borrowed_streams_open_and_closes_its_own() {
    let ((client, near), (far, server)) = (memory_pair(), memory_pair());
    for closes in [true, false] {
        let mut relaying = relay(&near, &far);
        assert!(matches!(relaying.resume(Ok(())), Ok(Step::Yield(_))));
        if closes {
            assert!(relaying.resume(Err(Exception::generator_exit())).unwrap_err().is_generator_exit());
        }
        drop(relaying);
        client.attempt_send(b"still open").unwrap();
        assert_eq!(arrived(&near), b"still open");
    }
    let mut relaying = relay(near, far);
    assert!(matches!(relaying.resume(Ok(())), Ok(Step::Yield(_))));
    drop(relaying);
    for end in [client, server] {
        assert!(matches!(end.attempt_recv(&mut [0; 8]), Ok(Step::Return(0))));
        assert_eq!(io_kind(&end.attempt_send(b"hello").unwrap_err()), ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_relay_gives_its_streams_back() {
    let ((client, mut near), (mut far, _server)) = (memory_pair(), memory_pair());
    let mut relaying = relay(&mut near, &mut far).idle_limit(SECOND);
    assert!(matches!(relaying.resume(Ok(())), Ok(Step::Yield(_))));
    assert_eq!(relaying.moved(), Moved::default());
    assert_eq!(format!("{relaying:?}"), "relay(0 bytes from a to b, 0 from b to a)");
    let (near, _) = relaying.into_streams();
    client.attempt_send(b"hello").unwrap();
    assert_eq!(arrived(near), b"hello");
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
