//! The stream in memory, which other tests rely on.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::{MemoryPair, MemoryStream, memory_pair, virtual_loop};
use innermost::{Buffer, ByteRead, ByteWrite, Coroutine, Generator, Kind, Step, from_fn, sleep, yield_from};
use quickcheck::{Arbitrary, Gen, QuickCheck};

use crate::byte_streams::machines::{Collector, Echo, Sender, bytes};
use crate::support::connections::io_kind;

/// A connection of some kind, and the data sent over it.
#[derive(Clone, Debug)]
struct Exchange {
    capacity: usize,
    latencies: Vec<u8>,
    seed: u64,
    messages: Vec<Vec<u8>>,
    piece: usize,
}

impl Arbitrary for Exchange {
    fn arbitrary(g: &mut Gen) -> Self {
        Self {
            capacity: *g.choose(&[1, 2, 10, 1000]).expect("there are some"),
            latencies: Arbitrary::arbitrary(g),
            seed: Arbitrary::arbitrary(g),
            messages: (0..usize::arbitrary(g) % 10).map(|_| bytes(usize::from(u8::arbitrary(g)))).collect(),
            piece: 1 + usize::from(u8::arbitrary(g)),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let whole = self.clone();
        Box::new((self.messages.clone(), self.latencies.clone()).shrink().map(move |(messages, latencies)| Self {
            messages,
            latencies,
            ..whole
        }))
    }
}

impl Exchange {
    fn pair(&self) -> (MemoryStream, MemoryStream) {
        let pair = MemoryPair::new().capacity(self.capacity).random_moves(self.seed);
        if self.latencies.is_empty() {
            return pair.build();
        }
        let mut latencies = self.latencies.clone().into_iter().cycle();
        pair.latencies(move || Duration::from_millis(latencies.next().unwrap_or(0).into())).build()
    }

    fn comes_back(&self) -> bool {
        let event_loop = virtual_loop().unwrap();
        let (near, far) = self.pair();
        let near = Rc::new(near);
        event_loop.create_task(Echo::new(far)).unwrap();
        event_loop.create_task(Sender::new(Rc::clone(&near), self.messages.clone())).unwrap();
        event_loop.run_until_complete(Collector::new(near, self.piece)).unwrap() == self.messages.concat()
    }
}

#[test]
fn every_byte_arrives_once_and_in_order_for_any_pieces_and_delays() {
    fn property(exchange: Exchange) -> bool {
        exchange.comes_back()
    }
    QuickCheck::new().tests(300).quickcheck(property as fn(Exchange) -> bool);
}

#[test]
fn a_reset_at_any_byte_ends_both_machines() {
    let sent = 50;
    for at in 0..=2 * sent {
        let event_loop = virtual_loop().unwrap();
        event_loop.set_exception_handler(|_| ());
        let (near, far) = MemoryPair::new().capacity(7).random_moves(at as u64).reset_after(at).build();
        let near = Rc::new(near);
        let echo = event_loop.create_task(Echo::new(far)).unwrap();
        let sending = event_loop.create_task(Sender::new(Rc::clone(&near), [bytes(sent)])).unwrap();
        let raised = event_loop.run_until_complete(Collector::new(near, 5)).unwrap_err();
        assert_eq!(io_kind(&raised), ErrorKind::ConnectionReset, "at {at}");
        assert!(event_loop.run_until_complete(echo.join()).is_err());
        // It may have ended before.
        let _ = event_loop.run_until_complete(sending.join());
        assert!(event_loop.all_tasks().is_empty());
    }
}

#[test]
fn latency_uses_the_virtual_clock_and_keeps_the_order() {
    let event_loop = virtual_loop().unwrap();
    let mut latencies = [3, 1, 5].map(Duration::from_secs).into_iter();
    let (near, far) = MemoryPair::new().latencies(move || latencies.next().unwrap_or_default()).build();
    let events = Rc::new(RefCell::new(Vec::new()));
    let (log, clock) = (Rc::clone(&events), event_loop.handle());
    let mut left = 3;
    event_loop
        .create_task(from_fn(move |mut sent| {
            while left > 0 {
                left -= 1;
                yield_from!(near.send(&[left]), sent)?;
            }
            Ok(Step::Return(()))
        }))
        .unwrap();
    event_loop
        .run_until_complete(from_fn(move |mut sent| {
            let mut bytes = [0; 8];
            loop {
                let count = yield_from!(far.recv(&mut bytes), sent)?;
                log.borrow_mut().push((clock.time().since_zero().as_secs(), bytes[..count].to_vec()));
                if count == 0 {
                    return Ok(Step::Return(()));
                }
            }
        }))
        .unwrap();
    assert_eq!(events.take(), [(3, vec![2, 1]), (5, vec![0]), (5, vec![])]);
}

#[test]
fn a_peer_that_never_reads_stops_the_sender() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = MemoryPair::new().capacity(10).build();
    let raised = event_loop.run_until_complete(Sender::new(near, [bytes(11)])).unwrap_err();
    let text = raised.to_string();
    assert!(text.ends_with("Writable(memory(open, 10 bytes arrived, 0 in flight))"), "{text}");
    assert_eq!(raised.kind(), Kind::RuntimeError);
    event_loop.set_exception_handler(|_| ());
    drop(far);
}

#[test]
fn a_half_closed_stream_still_carries_the_other_direction() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = memory_pair();
    event_loop
        .run_until_complete(from_fn(move |mut sent| {
            yield_from!(near.write_eof(), sent)?;
            assert_eq!(yield_from!(far.recv(&mut [0]), sent)?, 0);
            assert_eq!(yield_from!(far.send(b"answer"), sent)?, 6);
            assert_eq!(yield_from!(near.recv(&mut [0; 8]), sent)?, 6);
            let raised = yield_from!(near.send(b"a"), sent).unwrap_err();
            assert_eq!(io_kind(&raised), ErrorKind::BrokenPipe);
            yield_from!(near.write_eof(), sent).map(Step::Return)
        }))
        .unwrap();
}

#[test]
fn a_machine_is_driven_by_hand_without_a_loop() {
    let (near, far) = memory_pair();
    let mut echo = Generator::new(Echo::new(far));
    assert!(matches!(echo.next(), Ok(ref wait) if wait.is_readable()));
    assert!(matches!(near.attempt_send(b"abc"), Ok(Step::Return(3))));
    assert!(matches!(echo.next(), Ok(ref wait) if wait.is_readable()));
    let mut buffer = Buffer::new();
    assert!(matches!(near.read(&mut buffer).resume(Ok(())), Ok(Step::Return(3))));
    assert_eq!(buffer.bytes(), b"abc");
    near.reset();
    assert!(echo.next().is_err());
}

#[test]
fn a_second_waiter_in_the_same_direction_is_refused() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = memory_pair();
    let near = Rc::new(near);
    let first = event_loop.create_task(Collector::new(Rc::clone(&near), 8)).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    let raised = event_loop.run_until_complete(Collector::new(near, 8)).unwrap_err();
    assert_eq!(raised.kind(), Kind::RuntimeError);
    assert!(matches!(far.attempt_send(b"abc"), Ok(Step::Return(3))));
    drop(far);
    assert_eq!(event_loop.run_until_complete(first).unwrap(), b"abc");
}

#[test]
fn a_cancelled_read_leaves_the_bytes_to_the_next_read() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = memory_pair();
    let near = Rc::new(near);
    let first = event_loop.create_task(Collector::new(Rc::clone(&near), 8)).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    first.cancel();
    assert!(event_loop.run_until_complete(first.join()).unwrap_err().is_cancelled());
    assert!(matches!(far.attempt_send(b"abc"), Ok(Step::Return(3))));
    drop(far);
    assert_eq!(event_loop.run_until_complete(Collector::new(near, 8)).unwrap(), b"abc");
}

#[test]
fn a_task_that_never_waits_lets_others_run() {
    let event_loop = virtual_loop().unwrap();
    event_loop.set_exception_handler(|_| ());
    let (near, far) = memory_pair();
    event_loop
        .create_task(from_fn(move |mut sent| -> crate::support::connections::Resumed<()> {
            loop {
                yield_from!(near.send(b"a"), sent)?;
                yield_from!(far.recv(&mut [0]), sent)?;
            }
        }))
        .unwrap();
    event_loop.run_until_complete(sleep(Duration::from_millis(0))).unwrap();
}
