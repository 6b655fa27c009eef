//! Aborting: every byte stream is closed at once, and what is unsent is lost.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net as unix;
use std::rc::Rc;

use innermost::net::{PipeWriter, pipe};
use innermost::testing::memory_pair;
use innermost::{Buffer, ByteRead, ByteStream, ByteWrite, Exception, Step, TcpStream, UnixStream, from_fn, yield_from};

use crate::support::connections::{io_kind, new_loop, pair};
use crate::support::loops::run_until;

/// Fills the stream's buffers, so that much is unsent.
fn fill(stream: &impl ByteWrite) {
    while let Ok(Step::Return(_)) = stream.attempt_send(&[7; 64 * 1024]) {}
}

fn to_end(mut peer: impl Read) -> Result<usize, ErrorKind> {
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).map_err(|error| error.kind())
}

/// Aborts `stream` inside a loop, where it is full and a task waits for it. Returns how that task has ended.
fn aborted<S: ByteStream + 'static>(stream: Rc<S>) -> Result<usize, Exception> {
    let event_loop = new_loop();
    let (reading, mut buffer) = (Rc::clone(&stream), Buffer::new());
    let reader = from_fn(move |mut sent| yield_from!(reading.read(&mut buffer), sent).map(Step::Return));
    let reader = event_loop.create_task(reader).unwrap();
    let (aborting, waiting) = (Rc::clone(&stream), reader.clone());
    event_loop
        .run_until_complete(from_fn(move |sent: Result<(), Exception>| {
            sent?;
            fill(&*aborting);
            Ok(Step::<innermost::Await, (), ()>::Return(()))
        }))
        .unwrap();
    event_loop
        .call_soon(move || {
            stream.abort();
            stream.abort();
        })
        .unwrap();
    run_until(&event_loop, move || waiting.done());
    event_loop.run_until_complete(reader)
}

#[test]
fn aborting_a_tcp_stream_resets_the_connection_and_wakes_who_waits() {
    let (stream, peer) = pair();
    let read = aborted(Rc::clone(&stream));
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert_eq!(to_end(&peer), Err(ErrorKind::ConnectionReset));
    // The stream is still there, and says that it is over.
    let written = new_loop()
        .run_until_complete(from_fn(move |mut sent| yield_from!(stream.send(b"more"), sent).map(Step::Return)));
    assert!(written.is_err());
}

#[test]
fn a_tcp_stream_that_no_loop_has_used_is_aborted_too() {
    let (stream, mut peer) = pair();
    stream.abort();
    assert_eq!(to_end(&peer), Err(ErrorKind::ConnectionReset));
    // A half-closed one, with bytes that nobody has read.
    let (stream, half) = pair();
    (&half).write_all(b"unread").unwrap();
    half.shutdown(std::net::Shutdown::Write).unwrap();
    stream.abort();
    assert_eq!(to_end(&half), Err(ErrorKind::ConnectionReset));
    drop(peer.write(b"late"));
}

#[test]
fn the_number_of_an_aborted_descriptor_stays_its_owners() {
    use std::os::fd::{AsFd, AsRawFd};
    let (stream, _peer) = pair();
    let number = stream.as_fd().as_raw_fd();
    stream.abort();
    assert_eq!(stream.as_fd().as_raw_fd(), number);
    // Somebody else's file cannot get it, and dropping the stream closes nothing else.
    let other = unix::UnixStream::pair().unwrap();
    drop(stream);
    (&other.0).write_all(b"x").unwrap();
    (&other.1).read_exact(&mut [0]).unwrap();
}

#[test]
fn aborting_a_unix_stream_closes_it() {
    let (near, far) = unix::UnixStream::pair().unwrap();
    let stream = Rc::new(UnixStream::from_std(near).unwrap());
    let read = aborted(Rc::clone(&stream));
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert!(to_end(&far).unwrap() > 0, "what was written has arrived, and then comes the end");
    assert_eq!((&far).write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    drop(stream);
}

#[test]
fn aborting_a_pipe_closes_its_writing_end() {
    let (reader, writer) = pipe().unwrap();
    let event_loop = new_loop();
    let writer: Rc<PipeWriter> = Rc::new(writer);
    let mut buffer = Buffer::new();
    let reading = from_fn(move |mut sent| yield_from!(reader.read(&mut buffer), sent).map(Step::Return));
    let reading = event_loop.create_task(reading).unwrap();
    let aborting = Rc::clone(&writer);
    event_loop.call_soon(move || aborting.abort()).unwrap();
    assert_eq!(event_loop.run_until_complete(reading).unwrap(), 0);
    let write = from_fn(move |mut sent| yield_from!(writer.send(b"x"), sent).map(Step::Return));
    assert!(event_loop.run_until_complete(write).is_err());
}

#[test]
fn aborting_a_stream_in_memory_resets_it() {
    let (near, far) = memory_pair();
    near.attempt_send(b"unread").unwrap();
    near.abort();
    let mut buffer = Buffer::new();
    assert_eq!(io_kind(&far.attempt_read(&mut buffer).unwrap_err()), ErrorKind::ConnectionReset);
    assert_eq!(io_kind(&near.attempt_send(b"x").unwrap_err()), ErrorKind::ConnectionReset);
}

#[test]
fn pointers_and_pairs_pass_an_abort_on() {
    fn abort(stream: impl ByteStream) {
        stream.abort();
    }
    type Pass = fn(TcpStream);
    let ways: [Pass; 4] = [
        |stream| abort(&stream),
        |stream| abort(Rc::new(stream)),
        |stream| abort(Box::new(stream)),
        |stream| {
            let (unused, _) = memory_pair();
            abort((unused, stream));
        },
    ];
    for way in ways {
        let (stream, peer) = pair();
        way(Rc::into_inner(stream).unwrap());
        assert_eq!(to_end(&peer), Err(ErrorKind::ConnectionReset));
    }
}

#[test]
fn a_stream_writer_is_aborted_with_a_reset_and_loses_what_is_unsent() {
    let event_loop = new_loop();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let connecting = event_loop.open_connection(listener.local_addr().unwrap());
    let (reader, writer) = event_loop.run_until_complete(connecting).unwrap();
    let (peer, _) = listener.accept().unwrap();
    writer.write(&vec![7; 16 << 20]).unwrap();
    writer.abort();
    writer.abort();
    event_loop.run_until_complete(writer.wait_closed()).unwrap();
    assert_eq!(event_loop.run_until_complete(reader.read(1)).unwrap(), b"");
    assert_eq!(to_end(&peer), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_stream_of_ones_own_is_ended_by_default() {
    struct Own(std::cell::Cell<u32>);
    impl ByteWrite for Own {
        fn attempt_send(&self, bytes: &[u8]) -> innermost::task::Progress<usize> {
            Ok(Step::Return(bytes.len()))
        }
        fn attempt_write_eof(&self) -> innermost::task::Progress<()> {
            self.0.set(self.0.get() + 1);
            Ok(Step::Return(()))
        }
    }
    let own = Own(std::cell::Cell::new(0));
    own.abort();
    assert_eq!(own.0.get(), 1);
}
