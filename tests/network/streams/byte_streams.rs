//! Readers and writers as byte streams: machines that run over any byte stream run over them too.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::{Lingered, Moved, linger, relay};
use innermost::stream::StreamReader;
use innermost::testing::{memory_pair, virtual_loop};
use innermost::{Buffer, ByteRead, ByteWrite, EventLoop, Step, StreamWriter, from_fn, yield_from};

use crate::byte_streams::machines::{Collector, Echo, Sender, bytes};
use crate::support::connections::{io_kind, new_loop};
use crate::support::loops::run_until;

/// More bytes than a stream buffers.
const MANY: usize = 3_000_000;

/// A connection, and its peer.
fn open(event_loop: &EventLoop) -> ((StreamReader, StreamWriter), UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    far.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    (event_loop.run_until_complete(event_loop.open_connection_at(near).unwrap()).unwrap(), far)
}

#[test]
fn machines_exchange_megabytes_over_readers_and_writers() {
    let event_loop = new_loop();
    let (near, far) = UnixStream::pair().unwrap();
    let [near, far] = [near, far].map(|end| event_loop.open_connection_at(end).unwrap());
    let near = Rc::new(event_loop.run_until_complete(near).unwrap());
    let far = event_loop.run_until_complete(far).unwrap();
    let echo = event_loop.create_task(Echo::new(far)).unwrap();
    event_loop.create_task(Sender::new(Rc::clone(&near), bytes(MANY).chunks(99_999).map(<[u8]>::to_vec))).unwrap();
    let received = event_loop.run_until_complete(Collector::new(near, 10_000)).unwrap();
    assert!(received == bytes(MANY));
    event_loop.run_until_complete(echo).unwrap();
}

#[test]
fn a_writer_takes_no_more_while_too_much_is_unsent() {
    let event_loop = new_loop();
    let ((_reader, writer), _far) = open(&event_loop);
    // The task is left when the test ends.
    event_loop.set_exception_handler(|_| ());
    let writer = Rc::new(writer);
    let (sending, message) = (Rc::clone(&writer), bytes(MANY));
    let mut at = 0;
    let sends = event_loop
        .create_task(from_fn(move |mut sent| {
            while at < message.len() {
                let end = message.len().min(at + 10_000);
                at += yield_from!(sending.send(&message[at..end]), sent)?;
            }
            Ok(Step::Return(()))
        }))
        .unwrap();
    // Nobody reads yet.
    let mut turns = 0;
    run_until(&event_loop, move || {
        turns += 1;
        turns > 100
    });
    assert!(!sends.done());
    assert!(writer.transport().write_buffer_size() <= 64 * 1024 + 10_000);
}

#[test]
fn bytes_that_arrived_before_an_error_are_read_first() {
    let event_loop = virtual_loop().unwrap();
    let reader = StreamReader::new();
    reader.feed_data(b"all that came").unwrap();
    reader.set_exception(std::io::Error::from(ErrorKind::ConnectionReset).into());
    assert!(matches!(reader.attempt_recv(&mut []), Ok(Step::Return(0))));
    let collected = event_loop.run_until_complete(from_fn(move |mut sent| {
        let mut room = [0; 8];
        let mut collected = Vec::new();
        loop {
            match yield_from!(reader.recv(&mut room), sent) {
                Ok(count) => collected.extend_from_slice(&room[..count]),
                Err(raised) => return Ok(Step::Return((collected, io_kind(&raised)))),
            }
        }
    }));
    assert_eq!(collected.unwrap(), (b"all that came".to_vec(), ErrorKind::ConnectionReset));
}

#[test]
fn lines_and_buffers_can_be_read_from_the_same_reader() {
    let event_loop = virtual_loop().unwrap();
    let reader = StreamReader::new();
    reader.feed_data(b"head\nbody, rest\n").unwrap();
    reader.feed_eof();
    assert_eq!(event_loop.run_until_complete(reader.read_line()).unwrap(), b"head\n");
    let mut room = [0; 4];
    assert!(matches!(reader.attempt_recv(&mut room), Ok(Step::Return(4))));
    assert_eq!(&room, b"body");
    assert_eq!(event_loop.run_until_complete(reader.read_line()).unwrap(), b", rest\n");
    assert!(matches!(reader.attempt_read(&mut Buffer::new()), Ok(Step::Return(0))));
}

#[test]
fn a_relay_runs_between_a_connection_and_any_other_stream() {
    let event_loop = new_loop();
    let (connection, mut client) = open(&event_loop);
    let (near, far) = memory_pair();
    let relaying = event_loop.create_task(relay(connection, near)).unwrap();
    event_loop.create_task(Echo::new(far)).unwrap();
    let talking = std::thread::spawn(move || {
        let mut answer = Vec::new();
        let mut writing = client.try_clone().unwrap();
        let writer = std::thread::spawn(move || {
            writing.write_all(&bytes(MANY)).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
        });
        client.read_to_end(&mut answer).unwrap();
        writer.join().unwrap();
        answer
    });
    let moved = event_loop.run_until_complete(relaying).unwrap();
    assert_eq!(moved, Moved { a_to_b: MANY as u64, b_to_a: MANY as u64 });
    // The writer was dropped, and sends the rest while the loop runs.
    let talking = Rc::new(talking);
    let client = Rc::clone(&talking);
    run_until(&event_loop, move || client.is_finished());
    let answer = Rc::into_inner(talking).expect("it is not shared any more").join().unwrap();
    assert!(answer == bytes(MANY));
}

#[test]
fn lingering_lets_the_peer_read_everything_and_closes_the_connection() {
    let event_loop = new_loop();
    let ((reader, writer), mut far) = open(&event_loop);
    writer.write(&bytes(MANY)).unwrap();
    let transport = writer.transport().clone();
    let lingering = event_loop.create_task(linger((reader, writer)).time_limit(Duration::from_secs(60))).unwrap();
    let reading = std::thread::spawn(move || {
        far.write_all(b"a question that nobody reads").unwrap();
        let mut received = Vec::new();
        far.read_to_end(&mut received).unwrap();
        received
    });
    assert_eq!(event_loop.run_until_complete(lingering).unwrap(), Lingered::PeerEnded);
    assert!(reading.join().unwrap() == bytes(MANY));
    assert!(transport.is_closing());
}

#[test]
fn a_closed_writer_takes_no_bytes_and_needs_no_end() {
    let event_loop = new_loop();
    let ((reader, writer), mut far) = open(&event_loop);
    writer.close();
    assert_eq!(io_kind(&writer.attempt_send(b"late").unwrap_err()), ErrorKind::BrokenPipe);
    assert_eq!(io_kind(&writer.attempt_write_eof().unwrap_err()), ErrorKind::BrokenPipe);
    assert_eq!(event_loop.run_until_complete(linger((reader, writer))).unwrap(), Lingered::PeerEnded);
    assert_eq!(far.read(&mut [0]).unwrap(), 0);
}

#[test]
fn aborting_either_way_ends_the_connection_at_once() {
    let event_loop = new_loop();
    let ((reader, writer), mut far) = open(&event_loop);
    writer.write(&bytes(MANY)).unwrap();
    let stream = (reader, writer);
    ByteWrite::abort(&stream);
    assert!(stream.1.is_closing());
    event_loop.run_until_complete(stream.1.wait_closed()).unwrap();
    let mut received = Vec::new();
    let _ = far.read_to_end(&mut received);
    assert!(received.len() < MANY, "what was not sent is dropped");
}
