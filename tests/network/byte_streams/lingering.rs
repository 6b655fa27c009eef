//! Lingering: closing a connection so that the peer can read everything.

use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use innermost::net::{Linger, Lingered, linger};
use innermost::testing::{Exchange, Interruption, MemoryPair, MemoryStream, memory_pair, virtual_loop};
use innermost::{
    ByteRead, ByteStream, ByteWrite, Coroutine, EventLoop, Exception, Step, TcpStream, from_fn, sleep, yield_from,
};
use socket2::SockRef;

use crate::support::connections::{io_kind, new_loop, pair};

const SECOND: Duration = Duration::from_secs(1);

fn seconds(event_loop: &EventLoop) -> u64 {
    event_loop.time().since_zero().as_secs()
}

/// Returns `true` if the stream has been closed, as its peer sees it.
fn is_closed_for(peer: &impl ByteStream) -> bool {
    peer.attempt_send(b"x").is_err_and(|raised| io_kind(&raised) == ErrorKind::BrokenPipe)
}

/// Sends `size` bytes every second, until that fails. Returns how many were sent.
fn flood(event_loop: &EventLoop, stream: &Rc<MemoryStream>, size: usize) -> innermost::Task<usize> {
    let (stream, bytes, mut sent_bytes, mut nap) = (Rc::clone(stream), vec![1; size], 0, sleep(SECOND));
    let flooding = from_fn(move |mut sent| {
        loop {
            yield_from!(nap, sent)?;
            match yield_from!(stream.send(&bytes), sent) {
                Ok(count) => sent_bytes += count,
                Err(_closed) => return Ok(Step::Return(sent_bytes)),
            }
            nap = sleep(SECOND);
        }
    });
    event_loop.create_task(flooding).unwrap()
}

#[test]
fn it_ends_when_the_peer_has_ended_its_stream() {
    for pair in [MemoryPair::new(), MemoryPair::new().suspending(), MemoryPair::new().latency(SECOND)] {
        let event_loop = virtual_loop().unwrap();
        let (near, far) = pair.build();
        let far = Rc::new(far);
        let peer = Rc::clone(&far);
        let lingering = event_loop.create_task(linger(near).time_limit(60 * SECOND)).unwrap();
        // Reads to the end before it ends its own stream.
        let (mut was_sent, mut room) = (false, [0; 8]);
        let answering = from_fn(move |mut sent| {
            if !was_sent {
                yield_from!(peer.send(b"unread"), sent)?;
                was_sent = true;
            }
            while yield_from!(peer.recv(&mut room), sent)? > 0 {}
            yield_from!(peer.write_eof(), sent).map(Step::Return)
        });
        event_loop.create_task(answering).unwrap();
        assert_eq!(event_loop.run_until_complete(lingering).unwrap(), Lingered::PeerEnded);
        assert!(seconds(&event_loop) <= 2);
    }
}

#[test]
fn a_peer_that_never_ends_its_stream_is_cut_off_at_the_time_limit() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = memory_pair();
    assert_eq!(event_loop.run_until_complete(linger(near)).unwrap(), Lingered::OutOfTime);
    assert_eq!(seconds(&event_loop), 2);
    assert!(is_closed_for(&far));
    // Neither does sending something now and then help.
    let (near, far) = memory_pair();
    let far = Rc::new(far);
    let flooding = flood(&event_loop, &far, 10);
    let lingering = linger(near).time_limit(Duration::from_millis(4_500));
    assert_eq!(event_loop.run_until_complete(lingering).unwrap(), Lingered::OutOfTime);
    assert_eq!(event_loop.run_until_complete(flooding).unwrap(), 40);
}

#[test]
fn a_peer_that_floods_is_cut_off_at_the_byte_limit() {
    for (limit, size, taken) in [(0, 1, 1), (99, 10, 100), (100, 10, 110), (1 << 20, 60_000, 18 * 60_000)] {
        let event_loop = virtual_loop().unwrap();
        let (near, far) = memory_pair();
        let flooding = flood(&event_loop, &Rc::new(far), size);
        let lingering = linger(near).time_limit(Duration::MAX);
        let lingering = if limit == 1 << 20 { lingering } else { lingering.byte_limit(limit) };
        assert_eq!(event_loop.run_until_complete(lingering).unwrap(), Lingered::TooManyBytes);
        assert_eq!(event_loop.run_until_complete(flooding).unwrap(), taken, "with a limit of {limit}");
    }
}

#[test]
fn limits_of_zero_read_only_what_has_come() {
    let event_loop = virtual_loop().unwrap();
    let ended = |sent: &[u8], ends: bool, bytes: u64| {
        let (near, far) = MemoryPair::new().build();
        far.attempt_send(sent).unwrap();
        if ends {
            far.attempt_write_eof().unwrap();
        }
        let lingering = linger(near).time_limit(Duration::ZERO).byte_limit(bytes);
        let lingered = event_loop.run_until_complete(lingering).unwrap();
        assert!(is_closed_for(&far));
        lingered
    };
    assert_eq!(ended(b"", true, 0), Lingered::PeerEnded);
    assert_eq!(ended(b"", false, 0), Lingered::OutOfTime);
    assert_eq!(ended(b"12345", true, 5), Lingered::PeerEnded);
    assert_eq!(ended(b"12345", false, 5), Lingered::OutOfTime);
    assert_eq!(ended(b"12345", true, 4), Lingered::TooManyBytes);
    assert_eq!(ended(b"12345", true, 0), Lingered::TooManyBytes);
    assert_eq!(seconds(&event_loop), 0);
}

#[test]
fn a_peer_that_has_closed_is_no_error_and_a_reset_is_one() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = memory_pair();
    drop(far);
    assert_eq!(event_loop.run_until_complete(linger(near)).unwrap(), Lingered::PeerEnded);
    let (near, far) = memory_pair();
    far.reset();
    let raised = event_loop.run_until_complete(linger(near)).unwrap_err();
    assert_eq!(io_kind(&raised), ErrorKind::ConnectionReset);
    // While it waits.
    let (near, far) = memory_pair();
    let lingering = event_loop.create_task(linger(near)).unwrap();
    event_loop.run_until_complete(sleep(SECOND)).unwrap();
    far.reset();
    let raised = event_loop.run_until_complete(lingering).unwrap_err();
    assert_eq!((io_kind(&raised), seconds(&event_loop)), (ErrorKind::ConnectionReset, 1));
}

#[test]
fn whatever_is_thrown_in_closes_the_stream() {
    let exchange = Exchange::new(|near| linger(near).byte_limit(100)).input("still coming");
    assert_eq!(exchange.run().outcome.unwrap(), Lingered::PeerEnded);
    exchange.all_splits();
    exchange.truncations(|_, ended| assert_eq!(ended.outcome.unwrap(), Lingered::PeerEnded));
    exchange.interruptions(|_, interruption, ended| {
        let raised = ended.outcome.expect_err("it is thrown out");
        assert_eq!(raised.is_generator_exit(), interruption == Interruption::Close);
    });
    for thrown in [Exception::cancelled(), Exception::generator_exit()] {
        let (near, far) = memory_pair();
        let mut lingering = linger(near);
        assert!(matches!(lingering.resume(Ok(())), Ok(Step::Yield(_))));
        assert_eq!(lingering.resume(Err(thrown.clone())).unwrap_err().kind(), thrown.kind());
        // The coroutine is still there.
        assert!(is_closed_for(&far));
        assert!(lingering.resume(Ok(())).is_err());
    }
}

#[test]
fn a_borrowed_stream_stays_open() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = memory_pair();
    let near = Rc::new(near);
    let lingered = event_loop.run_until_complete(linger(Rc::clone(&near)));
    assert_eq!(lingered.unwrap(), Lingered::OutOfTime);
    assert!(!is_closed_for(&far));
    assert!(matches!(near.attempt_recv(&mut [0; 8]), Ok(Step::Return(1))));
}

#[test]
fn a_field_goes_on_with_the_rest_of_its_time_after_a_cancel() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = memory_pair();
    let mut lingering = Linger::new().time_limit(10 * SECOND).byte_limit(5);
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                match yield_from!(lingering.run(&near), sent) {
                    Err(raised) if raised.is_cancelled() => {}
                    lingered => return lingered.map(Step::Return),
                }
            }
        }))
        .unwrap();
    far.attempt_send(b"123").unwrap();
    event_loop.run_until_complete(sleep(7 * SECOND)).unwrap();
    task.cancel();
    event_loop.run_until_complete(sleep(SECOND)).unwrap();
    far.attempt_send(b"45").unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), Lingered::OutOfTime);
    assert_eq!(seconds(&event_loop), 10);
}

/// Sends a long answer while the peer's question is still on its way, and then closes. Returns what the peer has read of it.
fn answers(closes_by_lingering: bool) -> std::io::Result<usize> {
    const LENGTH: usize = 100_000;
    let event_loop = new_loop();
    let (near, mut peer) = pair();
    SockRef::from(&peer).set_recv_buffer_size(1 << 20)?;
    let near = Rc::into_inner(near).expect("it is not shared yet");
    peer.write_all(b"the question, of which nothing is read")?;
    let mut answer = std::io::Cursor::new(vec![b'a'; LENGTH]);
    let mut streams = Some(near);
    let near: TcpStream = event_loop
        .run_until_complete(from_fn(move |mut sent| {
            yield_from!(streams.as_ref().expect("it is there").write_all(&mut answer), sent)?;
            Ok(Step::Return(streams.take().expect("it is resumed once")))
        }))
        .expect("it fits");
    let reading = if closes_by_lingering {
        let lingering = event_loop.create_task(linger(near)).expect("it is open");
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            peer.read_to_end(&mut read).map(|_| read.len())
        });
        assert_eq!(event_loop.run_until_complete(lingering).expect("it ends"), Lingered::PeerEnded);
        reading
    } else {
        drop(near);
        std::thread::spawn(move || {
            let mut read = Vec::new();
            peer.read_to_end(&mut read).map(|_| read.len())
        })
    };
    reading.join().expect("it does not panic")
}

#[test]
fn a_peer_reads_all_of_an_answer_although_its_question_was_not_read() {
    assert_eq!(answers(true).unwrap(), 100_000);
    // Otherwise it does not.
    assert!(answers(false).is_err());
}

#[test]
fn a_real_peer_that_never_ends_its_stream_is_reset() {
    let event_loop = new_loop();
    let (near, mut peer) = pair();
    let near = Rc::into_inner(near).expect("it is not shared");
    peer.write_all(b"unread").unwrap();
    let lingering = linger(near).time_limit(Duration::from_millis(1));
    assert_eq!(event_loop.run_until_complete(lingering).unwrap(), Lingered::OutOfTime);
    let mut read = Vec::new();
    assert_eq!(peer.read_to_end(&mut read).unwrap(), 0);
    // The peer may write once more, and then learns of it.
    let written = (0..1000).try_for_each(|_| {
        std::thread::yield_now();
        peer.write_all(b"more")
    });
    assert!(matches!(written.unwrap_err().kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
}
