//! Time limits for a peer: in virtual time, over a stream in memory, with no server around the connection.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use innermost::server::StopToken;
use innermost::testing::{Exchange, MemoryPair, MemoryStream, virtual_loop};
use innermost::{Awaitable, ByteRead, ByteWrite, EventLoop, Exception, Step, Task, from_fn, sleep, yield_from};

use crate::file_server::connection::Connection;
use crate::file_server::server::Site;

/// A connection of a server of `site`, which holds so much on its way, and its peer.
fn connected(event_loop: &EventLoop, site: &Site, capacity: usize) -> (Task<()>, Rc<MemoryStream>) {
    connected_until(event_loop, site, capacity, StopToken::new())
}

/// The same with a token that stops it.
fn connected_until(
    event_loop: &EventLoop,
    site: &Site,
    capacity: usize,
    stop: StopToken,
) -> (Task<()>, Rc<MemoryStream>) {
    let root = site.path().canonicalize().expect("it is there");
    let (near, far) = MemoryPair::new().capacity(capacity).build();
    (event_loop.create_task(Connection::new(near, root.into(), stop)).expect("it is open"), Rc::new(far))
}

/// Sends `bytes`, one every `pause`.
fn dribble(stream: &Rc<MemoryStream>, bytes: &'static [u8], pause: Duration) -> impl Awaitable<Return = ()> + use<> {
    let (stream, mut at, mut nap) = (Rc::clone(stream), 0, Some(sleep(pause)));
    from_fn(move |mut sent| {
        while at < bytes.len() {
            if let Some(napping) = &mut nap {
                yield_from!(napping, sent)?;
                nap = None;
            }
            // The server may have hung up.
            if let Err(_gone) = yield_from!(stream.send(&bytes[at..=at]), sent) {
                break;
            }
            at += 1;
            nap = Some(sleep(pause));
        }
        Ok(Step::Return(()))
    })
}

/// Reads `most` bytes every `pause`, to the end. Returns the bytes and the time of the end.
fn collect(stream: &Rc<MemoryStream>, most: usize, pause: Duration) -> impl Awaitable<Return = (Vec<u8>, u64)> + use<> {
    let (stream, mut received, mut nap) = (Rc::clone(stream), Vec::new(), Some(sleep(pause)));
    from_fn(move |mut sent| {
        loop {
            if let Some(napping) = &mut nap {
                yield_from!(napping, sent)?;
                nap = None;
            }
            let mut room = vec![0; most];
            match yield_from!(stream.recv(&mut room), sent).unwrap_or(0) {
                0 => {
                    return Ok(Step::Return((
                        std::mem::take(&mut received),
                        EventLoop::running()?.time().since_zero().as_secs(),
                    )));
                }
                count => received.extend_from_slice(&room[..count]),
            }
            nap = Some(sleep(pause));
        }
    })
}

const AT_ONCE: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);
const REQUEST: &[u8] = b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n";

fn site() -> Site {
    let site = Site::new();
    site.put("large", vec![b'x'; 10_000]);
    site
}

#[test]
fn a_silent_client_is_dropped_without_an_answer() {
    let (site, event_loop) = (site(), virtual_loop().expect("a descriptor is free"));
    let (task, far) = connected(&event_loop, &site, 1000);
    let (received, end) = event_loop.run_until_complete(collect(&far, 1000, AT_ONCE)).expect("it ends");
    assert_eq!((received, end), (vec![], 15));
    assert!(task.done() && task.exception().is_ok_and(|raised| raised.is_none()), "that is no failure");
}

#[test]
fn a_client_that_sends_too_slowly_gets_a_timeout_answer() {
    let (site, event_loop) = (site(), virtual_loop().expect("a descriptor is free"));
    let (task, far) = connected(&event_loop, &site, 1000);
    let slow = event_loop.create_task(dribble(&far, REQUEST, SECOND)).expect("it is open");
    let (received, end) = event_loop.run_until_complete(collect(&far, 1000, AT_ONCE)).expect("it ends");
    let text = String::from_utf8(received).expect("it is text");
    assert!(
        text.starts_with("HTTP/1.1 408 Request Timeout\r\n") && text.contains("\r\nConnection: close\r\n"),
        "{text}"
    );
    assert_eq!(end, 15);
    // It goes on talking, and is not listened to for long.
    let _: Result<(), Exception> = event_loop.run_until_complete(task);
    assert_eq!(event_loop.time().since_zero().as_secs(), 17);
    event_loop.run_until_complete(slow).expect("it notices");
}

#[test]
fn each_request_has_its_own_time_limit() {
    let (site, event_loop) = (site(), virtual_loop().expect("a descriptor is free"));
    let (_task, far) = connected(&event_loop, &site, 100_000);
    let talking = Rc::clone(&far);
    let (mut left, mut nap, mut at) = (3, Some(sleep(14 * SECOND)), 0);
    let talk = from_fn(move |mut sent| {
        while left > 0 {
            if let Some(napping) = &mut nap {
                yield_from!(napping, sent)?;
                nap = None;
            }
            while at < REQUEST.len() {
                at += yield_from!(talking.send(&REQUEST[at..]), sent)?;
            }
            (left, at, nap) = (left - 1, 0, Some(sleep(14 * SECOND)));
        }
        Ok(Step::Return(()))
    });
    event_loop.create_task(talk).expect("it is open");
    let (received, end) = event_loop.run_until_complete(collect(&far, 100_000, AT_ONCE)).expect("it ends");
    assert_eq!(received.iter().filter(|byte| **byte == b'x').count(), 30_000);
    assert_eq!(end, 3 * 14 + 15);
}

#[test]
fn a_client_that_reads_nothing_is_dropped_and_a_slow_reader_is_served() {
    for (pause, expected) in [(29 * SECOND, 10_000..10_001), (31 * SECOND, 0..10_000)] {
        let (site, event_loop) = (site(), virtual_loop().expect("a descriptor is free"));
        let (_task, far) = connected(&event_loop, &site, 1000);
        let ask = dribble(&far, REQUEST, AT_ONCE);
        event_loop.run_until_complete(ask).expect("it is taken");
        let (received, _) = event_loop.run_until_complete(collect(&far, 1000, pause)).expect("it ends");
        let count = received.iter().filter(|byte| **byte == b'x').count();
        assert!(expected.contains(&count), "{count} bytes, a thousand every {pause:?}");
    }
}

#[test]
fn a_request_may_end_or_be_interrupted_anywhere() {
    let site = Site::new();
    let root: Arc<Path> = site.path().canonicalize().expect("it is there").into();
    let exchange = Exchange::new(move |stream| Connection::new(stream, Arc::clone(&root), StopToken::new()));
    let exchange = exchange.input("GET / HTTP/1.1\r\nHost: here\r\n\r\n");
    exchange.truncations(|_, ended| assert!(ended.outcome.is_ok() && ended.output.is_empty()));
    exchange.interruptions(|_, interruption, ended| {
        assert!(ended.output.is_empty() || ended.output.ends_with(b"</ul>\n"), "a part of an answer: {ended:?}");
        assert!(ended.outcome.is_err(), "{interruption:?} ends it");
    });
}

#[test]
fn a_connection_that_is_stopped_ends_at_once_or_after_the_answer_to_what_has_begun() {
    let (site, event_loop) = (site(), virtual_loop().expect("a descriptor is free"));
    let stop = StopToken::new();
    let (idle, far) = connected_until(&event_loop, &site, 1000, stop.clone());
    let (_asked, asking) = connected_until(&event_loop, &site, 100_000, stop.clone());
    let slow = event_loop.create_task(dribble(&asking, REQUEST, SECOND / 10)).expect("it is open");
    event_loop.call_later(SECOND, move || stop.stop()).expect("it is open");
    event_loop.run_until_complete(idle).expect("it has nothing to do");
    assert_eq!(event_loop.time().since_zero(), SECOND);
    let (received, _) = event_loop.run_until_complete(collect(&asking, 100_000, AT_ONCE)).expect("it ends");
    let text = String::from_utf8(received).expect("it is text");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("\r\nConnection: close\r\n"), "{text}");
    event_loop.run_until_complete(slow).expect("it is taken");
    drop(far);
}
