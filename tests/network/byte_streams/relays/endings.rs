//! How relays end before their streams do: by their idle limit, by errors, and by being cancelled or dropped.

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::{Moved, Relay, relay};
use innermost::testing::{MemoryPair, MemoryStream, memory_pair, virtual_loop};
use innermost::wait::{Limit, Race, Racing, Won};
use innermost::{
    Await, ByteRead, ByteStream, ByteWrite, Coroutine, EventLoop, Exception, Kind, Step, from_fn, sleep, yield_from,
};

use super::{SECOND, arrived, holding, seconds};
use crate::byte_streams::machines::{Collector, Sender, bytes};
use crate::support::connections::io_kind;

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
fn a_relay_that_loses_a_race_goes_on_in_the_next() {
    let event_loop = virtual_loop().unwrap();
    for pause in [0, 1, 3] {
        // While a race is lost in each turn, no time passes.
        let latency = if pause == 0 { Duration::ZERO } else { SECOND };
        let narrow = || MemoryPair::new().capacity(10).latency(latency).build();
        let ((client, near), (far, server)) = (narrow(), narrow());
        let (mut relay, mut race) = (Relay::new().buffer_size(16).idle_limit(60 * SECOND), Race::new());
        let (mut nap, mut lost) = (Racing::new(sleep(pause * SECOND / 2)), 0);
        let relaying = event_loop
            .create_task(from_fn(move |mut sent| {
                loop {
                    match yield_from!(race.run((relay.run(&near, &far), &mut nap)), sent)? {
                        Won::A(moved) => return Ok(Step::Return((moved, lost))),
                        Won::B(()) => {
                            lost += 1;
                            nap.restart(sleep(pause * SECOND / 2));
                        }
                    }
                }
            }))
            .unwrap();
        let ends = [client, server].map(Rc::new);
        let received = ends.map(|end| {
            event_loop.create_task(Sender::new(Rc::clone(&end), vec![bytes(100)])).unwrap();
            event_loop.create_task(Collector::new(end, 7)).unwrap()
        });
        let received = received.map(|collecting| event_loop.run_until_complete(collecting).unwrap());
        assert_eq!(received, [bytes(100), bytes(100)]);
        let (moved, lost) = event_loop.run_until_complete(relaying).unwrap();
        assert_eq!(moved, Moved { a_to_b: 100, b_to_a: 100 });
        assert!(lost > 5, "it has lost {lost} races");
    }
}

#[test]
fn the_idle_time_goes_on_while_a_relay_loses_races() {
    let event_loop = virtual_loop().unwrap();
    let ((_client, near), (far, _server)) = (memory_pair(), memory_pair());
    let (mut relay, mut race) = (Relay::new().idle_limit(5 * SECOND), Race::new());
    let mut nap = Racing::new(sleep(2 * SECOND));
    let raced = event_loop.run_until_complete(from_fn(move |mut sent| {
        loop {
            if let Won::A(moved) = yield_from!(race.run((relay.run(&near, &far), &mut nap)), sent)? {
                return Ok(Step::Return(moved));
            }
            nap.restart(sleep(2 * SECOND));
        }
    }));
    assert_eq!(raced.unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(seconds(&event_loop), 5);
}

#[test]
fn a_limit_ends_a_relay_however_busy_it_is() {
    let event_loop = virtual_loop().unwrap();
    let ((client, near), (far, _server)) = (memory_pair(), memory_pair());
    tick(&event_loop, &Rc::new(client), SECOND, 100);
    let (mut relay, mut limit) = (Relay::new().idle_limit(5 * SECOND), Limit::new(10 * SECOND + SECOND / 2));
    let ended = event_loop.run_until_complete(from_fn(move |mut sent| {
        let ended = yield_from!(limit.run(relay.run(&near, &far)), sent);
        Ok(Step::Return((ended.unwrap_err().kind(), relay.moved())))
    }));
    assert_eq!(ended.unwrap(), (Kind::TimeoutError, Moved { a_to_b: 40, b_to_a: 0 }));
    assert_eq!(seconds(&event_loop), 10);
}
