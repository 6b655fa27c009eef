//! `MemoryPair::suspending`: every operation suspends once before it does anything.

use std::time::Duration;

use innermost::testing::{MemoryPair, MemoryStream, memory_pair, virtual_loop};
use innermost::{Await, Buffer, ByteRead, ByteWrite, Coroutine, Exception, Step, from_fn, yield_from};

fn is_suspended<T>(operation: &mut dyn Coroutine<Yield = Await, Input = (), Return = T>) -> bool {
    matches!(operation.resume(Ok(())), Ok(Step::Yield(waits)) if waits.is_next_turn())
}

fn finishes<T>(operation: &mut dyn Coroutine<Yield = Await, Input = (), Return = T>) -> T {
    match operation.resume(Ok(())) {
        Ok(Step::Return(value)) => value,
        _ => panic!("it does not suspend again"),
    }
}

#[test]
fn every_operation_suspends_once_before_it_does_anything() {
    let (near, far) = MemoryPair::new().suspending().build();
    for _ in 0..2 {
        assert!(is_suspended(&mut near.send(b"abc")));
        let mut buffer = Buffer::new();
        assert!(is_suspended(&mut far.read(&mut buffer)));
        assert_eq!(finishes(&mut near.send(b"abc")), 3);
        assert_eq!(finishes(&mut far.read(&mut buffer)), 3);
    }
    let mut bytes = [0; 3];
    assert!(is_suspended(&mut far.recv(&mut bytes)));
    assert!(is_suspended(&mut near.write_eof()));
    finishes(&mut near.write_eof());
    assert_eq!(finishes(&mut far.recv(&mut bytes)), 0);
}

#[test]
fn an_operation_that_waits_does_not_suspend_anew_for_it() {
    let (near, far) = MemoryPair::new().suspending().build();
    let mut bytes = [0; 3];
    assert!(is_suspended(&mut far.recv(&mut bytes)));
    let waits = far.recv(&mut bytes).resume(Ok(()));
    assert!(matches!(waits, Ok(Step::Yield(waits)) if !waits.is_next_turn()));
    assert!(is_suspended(&mut near.send(b"abc")));
    finishes(&mut near.send(b"abc"));
    assert_eq!(finishes(&mut far.recv(&mut bytes)), 3);
}

#[test]
fn the_two_directions_and_the_two_ends_are_apart() {
    let (near, far) = MemoryPair::new().suspending().build();
    let mut bytes = [0; 1];
    for end in [&near, &far] {
        assert!(is_suspended(&mut end.send(b"a")));
        assert!(is_suspended(&mut end.recv(&mut bytes)));
    }
    for end in [&near, &far] {
        assert_eq!(finishes(&mut end.send(b"a")), 1);
    }
    for end in [&near, &far] {
        assert_eq!(finishes(&mut end.recv(&mut bytes)), 1);
    }
}

#[test]
fn without_it_nothing_suspends() {
    let (near, far) = memory_pair();
    assert_eq!(finishes(&mut near.send(b"abc")), 3);
    assert_eq!(finishes(&mut far.recv(&mut [0; 3])), 3);
}

#[test]
fn data_arrive_as_without_it() {
    let received = |pair: MemoryPair| {
        let (near, far): (MemoryStream, MemoryStream) = pair.capacity(3).latency(Duration::from_millis(5)).build();
        let event_loop = virtual_loop().unwrap();
        let mut outgoing = Buffer::from(b"hello, world".to_vec());
        let send = from_fn(move |mut sent: Result<(), Exception>| {
            yield_from!(near.write_all(&mut outgoing), sent)?;
            yield_from!(near.write_eof(), sent).map(Step::Return)
        });
        event_loop.create_task(send).unwrap();
        let mut incoming = Buffer::new();
        let receive = from_fn(move |mut sent| {
            while yield_from!(far.read(&mut incoming), sent)? > 0 {}
            Ok(Step::Return(incoming.bytes().to_vec()))
        });
        event_loop.run_until_complete(receive).unwrap()
    };
    assert_eq!(received(MemoryPair::new()), b"hello, world");
    assert_eq!(received(MemoryPair::new().suspending()), b"hello, world");
}
