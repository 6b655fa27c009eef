//! What is allocated: what is given, and nothing else.

use std::os::unix::net::UnixStream;

use innermost::{Coroutine, Step, StreamReader};

use crate::counting::{allocations, bytes};
use crate::turns::World;

/// Reads by hand: afresh at each resume.
fn resumed<C: Coroutine<Input = ()>>(mut operation: C) -> Option<C::Return> {
    match operation.resume(Ok(())) {
        Ok(Step::Return(returned)) => Some(returned),
        _ => None,
    }
}

#[test]
fn waiting_allocates_nothing_and_reading_what_it_gives() {
    let reader = StreamReader::new();
    for _ in 0..3 {
        let (count, read) = allocations(|| resumed(reader.read_until("\r\n")));
        assert_eq!((count, read), (0, None));
        // The memory that they come to...
        assert_eq!(allocations(|| reader.feed_data(b"line\r\n").expect("it is open")).0, 1);
        // ...is what is given.
        let (count, read) = allocations(|| resumed(reader.read_until("\r\n")));
        assert_eq!((count, read.as_deref()), (0, Some(&b"line\r\n"[..])));
    }
    reader.feed_data(b"one\ntwo\nthree").expect("it is open");
    for _ in 0..2 {
        let (count, read) = allocations(|| resumed(reader.read_line()));
        assert!(count == 1 && read.is_some());
    }
    assert_eq!(allocations(|| resumed(reader.read_line())).0, 0);
}

#[test]
fn an_idle_connection_costs_less_than_a_kibibyte() {
    const CONNECTIONS: usize = 200;
    let world = World::new();
    let pairs: Vec<_> = (0..CONNECTIONS).map(|_| UnixStream::pair().expect("descriptors are free")).collect();
    let (near, far): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let mut streams = Vec::with_capacity(CONNECTIONS);
    let before = bytes();
    for socket in near {
        let opening = world.event_loop.open_connection_at(socket);
        let (reader, writer) = world.event_loop.run_until_complete(opening).expect("it is a stream");
        world.event_loop.create_task(reader.read_line()).expect("it is open");
        streams.push((reader, writer));
    }
    world.event_loop.run_until_complete(crate::turns::Turns(2)).expect("nobody cancels it");
    let each = (bytes() - before) / CONNECTIONS;
    assert!(each < 1024, "{each} bytes for each connection");
    drop((streams, far));
}
