//! The end of a connection.

use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use innermost::net::{Lingered, linger};
use innermost::testing::{MemoryPair, memory_pair, virtual_loop};
use innermost::{Buffer, ByteRead, ByteWrite, Exception, Kind, Step, from_fn, yield_from};

use crate::identities::both;
use crate::machines::{bytes, connected, hear, say, say_and_end, secure, together};

fn kind(raised: &Exception) -> Option<ErrorKind> {
    raised.downcast_ref::<io::Error>().map(io::Error::kind)
}

#[test]
fn an_end_without_close_notify_is_an_error_after_the_data() {
    let (event_loop, client, server) = connected(memory_pair());
    event_loop.run_until_complete(say(&client, b"half of it")).unwrap();
    drop(client);
    let mut heard = Buffer::new();
    let hearing = from_fn(move |mut sent: Result<(), Exception>| {
        loop {
            match yield_from!(server.read(&mut heard), sent) {
                Ok(0) => panic!("the end was never said"),
                Ok(_) => {}
                Err(raised) => {
                    // It stays so.
                    let again = server.attempt_recv(&mut [0]).unwrap_err();
                    return Ok(Step::Return((heard.bytes().to_vec(), raised, again)));
                }
            }
        }
    });
    let (heard, raised, again) = event_loop.run_until_complete(hearing).unwrap();
    assert_eq!(heard, b"half of it");
    assert_eq!(kind(&raised), Some(ErrorKind::UnexpectedEof));
    assert_eq!(kind(&again), Some(ErrorKind::UnexpectedEof));
    assert!(raised.to_string().contains("close_notify"), "{raised}");
}

#[test]
fn after_its_end_a_stream_is_still_read() {
    let (event_loop, client, server) = connected(memory_pair());
    event_loop.run_until_complete(say_and_end(&client, b"question")).unwrap();
    assert_eq!(event_loop.run_until_complete(hear(&server)).unwrap(), b"question");
    event_loop.run_until_complete(say_and_end(&server, b"answer")).unwrap();
    assert_eq!(event_loop.run_until_complete(hear(&client)).unwrap(), b"answer");
    assert_eq!(event_loop.run_until_complete(hear(&client)).unwrap(), b"");
    // Nothing can be written after the end, which can be said again.
    let raised = event_loop.run_until_complete(say(&client, b"more")).unwrap_err();
    assert_eq!(kind(&raised), Some(ErrorKind::BrokenPipe));
    event_loop.run_until_complete(say_and_end(&client, b"")).unwrap();
}

#[test]
fn a_failed_flush_does_not_hide_what_has_come() {
    // The server's session tickets find nobody, because the client has sent its request and left.
    let event_loop = virtual_loop().unwrap();
    let (acceptor, connector) = both();
    let (near, far) = memory_pair();
    let accepting = acceptor.accept(far);
    let asking = connector.connect("localhost", near);
    let mut asking = innermost::CoroutineExt::then(asking, |stream| say_and_end(&Rc::new(stream), b"request"));
    let asking = event_loop.create_task(from_fn(move |mut sent| yield_from!(asking, sent).map(Step::Return))).unwrap();
    // The server is slow: its first step of the handshake comes, and the rest only after the client is gone.
    let mut accepting = accepting;
    let far = from_fn(move |mut sent: Result<(), Exception>| {
        let stream = Rc::new(yield_from!(accepting, sent)?);
        Ok(Step::Return(stream))
    });
    let accepting = event_loop.create_task(far).unwrap();
    event_loop.run_until_complete(asking).unwrap();
    let server = event_loop.run_until_complete(accepting.join()).unwrap();
    assert_eq!(event_loop.run_until_complete(hear(&server)).unwrap(), b"request");
    let raised = event_loop.run_until_complete(say(&server, b"answer")).unwrap_err();
    assert_eq!(kind(&raised), Some(ErrorKind::BrokenPipe));
}

#[test]
fn a_close_waits_for_the_peers_answer_and_returns_the_stream_below() {
    let (event_loop, client, server) = connected(memory_pair());
    event_loop.run_until_complete(say(&server, &bytes(100))).unwrap();
    let closing = event_loop.create_task(Rc::into_inner(client).unwrap().close()).unwrap();
    event_loop.run_once().unwrap();
    assert!(!closing.done());
    assert_eq!(event_loop.run_until_complete(hear(&server)).unwrap(), b"");
    // The answer, and plain bytes behind it.
    let closing_too = event_loop.create_task(Rc::into_inner(server).unwrap().close()).unwrap();
    let (far, _) = event_loop.run_until_complete(closing_too.join()).unwrap();
    far.attempt_send(b"plain").unwrap();
    let (near, mut rest) = event_loop.run_until_complete(closing.join()).unwrap();
    if rest.is_empty() {
        near.attempt_read(&mut rest).unwrap();
    }
    assert_eq!(rest.bytes(), b"plain");
}

#[test]
fn what_comes_right_behind_close_notify_is_the_rest() {
    let (event_loop, client, server) = connected(memory_pair());
    let closing = event_loop.create_task(Rc::into_inner(server).unwrap().close()).unwrap();
    event_loop.run_once().unwrap();
    let mut answering = Rc::into_inner(client).unwrap().close();
    let answering = from_fn(move |mut sent: Result<(), Exception>| {
        let (near, rest) = yield_from!(answering, sent)?;
        assert!(rest.is_empty());
        near.attempt_send(b"plain")?;
        Ok(Step::Return(near))
    });
    let _near = event_loop.run_until_complete(answering).unwrap();
    let (_far, rest) = event_loop.run_until_complete(closing.join()).unwrap();
    assert_eq!(rest.bytes(), b"plain");
}

#[test]
fn a_close_gives_up_on_a_silent_peer() {
    let event_loop = virtual_loop().unwrap();
    let (acceptor, connector) = both();
    let both = (acceptor, connector.shutdown_timeout(Duration::from_secs(7)));
    let (client, server) = secure(&event_loop, memory_pair(), &both);
    let raised = event_loop.run_until_complete(Rc::into_inner(client).unwrap().close()).unwrap_err();
    assert_eq!(raised.kind(), Kind::TimeoutError);
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(7));
    assert!(raised.notes().any(|note| note.contains("7s")), "{raised:?}");
    drop(server);
}

#[test]
fn a_close_gives_up_on_a_peer_that_does_not_read() {
    let event_loop = virtual_loop().unwrap();
    let (client, server) = secure(&event_loop, MemoryPair::new().capacity(3000).build(), &both());
    let writing = event_loop.create_task(say(&client, &bytes(10_000))).unwrap();
    event_loop.run_once().unwrap();
    writing.cancel();
    let _ = event_loop.run_until_complete(writing);
    let raised = event_loop.run_until_complete(Rc::into_inner(client).unwrap().close()).unwrap_err();
    assert_eq!(raised.kind(), Kind::TimeoutError);
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(30));
    drop(server);
}

#[test]
fn a_close_does_not_wait_once_the_connection_is_lost() {
    for is_reset in [false, true] {
        let (event_loop, client, server) = connected(memory_pair());
        let closing = event_loop.create_task(Rc::into_inner(client).unwrap().close()).unwrap();
        event_loop.run_once().unwrap();
        if is_reset {
            server.abort();
        }
        drop(server);
        let closed = event_loop.run_until_complete(closing.join());
        assert_eq!(closed.is_err(), is_reset, "{closed:?}");
        assert_eq!(event_loop.time().since_zero(), Duration::ZERO);
    }
}

#[test]
fn lingering_ends_with_the_peers_end() {
    let (event_loop, client, server) = connected(memory_pair());
    let lingering = event_loop.create_task(linger(Rc::clone(&server))).unwrap();
    event_loop.run_until_complete(say_and_end(&client, &bytes(100_000))).unwrap();
    assert_eq!(event_loop.run_until_complete(lingering).unwrap(), Lingered::PeerEnded);
    assert_eq!(event_loop.run_until_complete(hear(&client)).unwrap(), b"");
}

#[test]
fn an_aborted_stream_wakes_those_who_wait() {
    let (event_loop, client, server) = connected(MemoryPair::new().capacity(100).build());
    let reading = event_loop.create_task(hear(&client)).unwrap();
    let writing = event_loop.create_task(say(&client, &bytes(100_000))).unwrap();
    event_loop.run_once().unwrap();
    client.abort();
    assert!(event_loop.run_until_complete(reading.join()).is_err());
    assert!(event_loop.run_until_complete(writing.join()).is_err());
    let (heard, said) = together(&event_loop, hear(&server), say(&server, b"hello"));
    assert!(heard.is_err() && said.is_err());
}

#[test]
fn dropping_a_stream_wakes_the_task_that_writes() {
    // The writer finds the stream gone, because it holds it weakly.
    let (event_loop, client, _server) = connected(MemoryPair::new().capacity(100).build());
    let (weak, whole) = (Rc::downgrade(&client), bytes(100_000));
    let writing = from_fn(move |mut sent: Result<(), Exception>| {
        let Some(stream) = weak.upgrade() else { return Ok(Step::Return("gone")) };
        yield_from!(stream.send(&whole), sent)?;
        Ok(Step::Yield(innermost::Await::next_turn()))
    });
    let writing = event_loop.create_task(writing).unwrap();
    for _ in 0..5 {
        event_loop.run_once().unwrap();
    }
    assert!(!writing.done());
    drop(client);
    assert_eq!(event_loop.run_until_complete(writing).unwrap(), "gone");
}
