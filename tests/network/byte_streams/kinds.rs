//! The same machines over every kind of stream.

use std::rc::Rc;

use innermost::net::{PipeReader, PipeWriter, pipe};
use innermost::testing::{MemoryPair, MemoryStream, memory_pair, virtual_loop};
use innermost::{ByteStream, EventLoop, TcpStream, UnixStream};
use std::time::Duration;

use crate::byte_streams::machines::{Collector, Echo, Sender, bytes};
use crate::support::connections::{new_loop, pair};

/// More bytes than any kind of stream buffers.
const MANY: usize = 3_000_000;

/// One task sends, another receives, on one side; the other side sends back.
fn exchange<S: ByteStream + 'static>(event_loop: &EventLoop, near: S, far: impl ByteStream + 'static, count: usize) {
    let near = Rc::new(near);
    let sent = bytes(count);
    let echo = event_loop.create_task(Echo::new(far)).unwrap();
    let messages: Vec<_> = sent.chunks(1 + count / 100).map(<[u8]>::to_vec).collect();
    let sending = event_loop.create_task(Sender::new(Rc::clone(&near), messages)).unwrap();
    let received = event_loop.run_until_complete(Collector::new(near, 10_000)).unwrap();
    assert!(received == sent, "{} of {} bytes, or others", received.len(), sent.len());
    event_loop.run_until_complete(echo).unwrap();
    event_loop.run_until_complete(sending).unwrap();
}

type Pipes = (PipeReader, PipeWriter);

fn pipes() -> (Pipes, Pipes) {
    let ((reader, far_writer), (far_reader, writer)) = (pipe().unwrap(), pipe().unwrap());
    ((reader, writer), (far_reader, far_writer))
}

fn tcp() -> (Rc<TcpStream>, TcpStream) {
    let (stream, peer) = pair();
    (stream, TcpStream::from_std(peer).unwrap())
}

#[test]
fn tcp_carries_every_byte_once_and_in_order() {
    let (near, far) = tcp();
    exchange(&new_loop(), near, far, MANY);
}

#[test]
fn unix_sockets_carry_every_byte_once_and_in_order() {
    let (near, far) = UnixStream::pair().unwrap();
    exchange(&new_loop(), near, far, MANY);
}

#[test]
fn pipes_carry_every_byte_once_and_in_order() {
    let (near, far) = pipes();
    exchange(&new_loop(), near, far, MANY);
}

#[test]
fn memory_carries_every_byte_once_and_in_order() {
    let (near, far) = memory_pair();
    exchange(&virtual_loop().unwrap(), near, far, MANY);
    let (near, far) = MemoryPair::new().capacity(100).latency(Duration::from_secs(1)).random_moves(7).build();
    exchange(&virtual_loop().unwrap(), near, far, 10_000);
}

#[test]
fn machines_over_different_kinds_of_streams_talk_to_each_other() {
    let event_loop = new_loop();
    let ends: Vec<(Box<dyn ByteStream>, Box<dyn ByteStream>)> = vec![
        (Box::new(tcp().0), Box::new(memory_pair().0)),
        (Box::new(pipes().0), Box::new(UnixStream::pair().unwrap().0)),
    ];
    drop(ends);
    let ((near, far), (memory, other)) = (pipes(), memory_pair());
    // A chain of echoes: bytes sent over one connection return over the other.
    let ends: [(Box<dyn ByteStream>, Box<dyn ByteStream>); 2] =
        [(Box::new(near), Box::new(far)), (Box::new(memory), Box::new(other))];
    for (near, far) in ends {
        exchange(&event_loop, near, far, 100_000);
    }
}

/// The behaviour of each kind when its peer is gone.
fn ends_when_the_peer_is_dropped<S: ByteStream + 'static>(event_loop: &EventLoop, near: S, far: impl ByteStream) {
    let near = Rc::new(near);
    drop(far);
    for _ in 0..2 {
        let received = event_loop.run_until_complete(Collector::new(Rc::clone(&near), 8)).unwrap();
        assert_eq!(received, b"");
    }
    // Some writes may still succeed, but not for ever.
    let raised = event_loop.run_until_complete(Sender::new(near, vec![bytes(MANY); 10])).unwrap_err();
    let kind = crate::support::connections::io_kind(&raised);
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    assert!(matches!(kind, BrokenPipe | ConnectionReset), "{raised:?}");
}

#[test]
fn a_closed_peer_means_end_of_stream_and_broken_pipe() {
    let event_loop = new_loop();
    let (near, far) = tcp();
    ends_when_the_peer_is_dropped(&event_loop, near, far);
    let (near, far) = UnixStream::pair().unwrap();
    ends_when_the_peer_is_dropped(&event_loop, near, far);
    let (near, far) = pipes();
    ends_when_the_peer_is_dropped(&event_loop, near, far);
    let (near, far): (MemoryStream, _) = memory_pair();
    ends_when_the_peer_is_dropped(&event_loop, near, far);
}
