//! Peers that send a part of a request and then nothing. Each may take the memory of its bytes, and little more.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use innermost::transport::BufferedProtocol;
use innermost::{
    Buffer, ByteRead, ByteWrite, EventLoop, Protocol, Step, StreamReader, TcpStream, Transport, from_fn, yield_from,
};

use crate::counting;
use crate::held::{alone, new_loop, run_turns, with_loop, without_io_errors};

/// The bytes that a connection may take in addition to those its peer has sent: its task, registration and buffers.
const COST: usize = 2048;

/// The number of connections. Smaller if each wait looks at all of them.
const COUNT: usize = if cfg!(innermost_poll) { 500 } else { 5_000 };

/// Each reads lines.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Machine,
    /// A machine over any byte stream.
    Dynamic,
    Protocol,
    Buffered,
    Streams,
}

const KINDS: [Kind; 5] = [Kind::Machine, Kind::Dynamic, Kind::Protocol, Kind::Buffered, Kind::Streams];

/// Drops all whole lines.
fn drop_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)
}

/// A protocol that keeps the rest of a line, in memory of its own.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    end: usize,
}

impl Lines {
    fn keep_rest(&mut self, end: usize) {
        self.rest.truncate(end);
        self.rest.drain(..drop_lines(&self.rest));
        self.end = self.rest.len();
        self.rest.shrink_to_fit();
    }
}

impl Protocol for Lines {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.rest.extend(data);
        self.keep_rest(self.rest.len());
    }
}

/// Allocates as much as its peer requests.
impl BufferedProtocol for AsTold {
    fn get_buffer(&mut self, size_hint: usize) -> &mut [u8] {
        self.0.rest.resize(self.0.end + size_hint, 0);
        &mut self.0.rest[self.0.end..]
    }

    fn buffer_updated(&mut self, _: &Transport, count: usize) {
        self.0.keep_rest(self.0.end + count);
    }
}

#[derive(Default)]
struct AsTold(Lines);

fn read_lines(event_loop: &EventLoop, stream: impl ByteRead + 'static) {
    let mut buffer = Buffer::new();
    let reading = from_fn(move |mut sent| {
        loop {
            if yield_from!(stream.read(&mut buffer), sent)? == 0 {
                return Ok(Step::Return(()));
            }
            buffer.consume(drop_lines(buffer.bytes()));
        }
    });
    drop(event_loop.create_task(without_io_errors(reading)).expect("it is open"));
}

fn read_lines_of(event_loop: &EventLoop, reader: StreamReader) {
    let reading = from_fn(move |mut sent| {
        loop {
            if yield_from!(reader.read_line(), sent)?.is_empty() {
                return Ok(Step::Return(()));
            }
        }
    });
    drop(event_loop.create_task(without_io_errors(reading)).expect("it is open"));
}

/// A connection of the loop's that reads lines, and its peer.
fn connection(kind: Kind, event_loop: &EventLoop) -> UnixStream {
    let (near, far) = UnixStream::pair().expect("descriptors are free");
    far.set_nonblocking(true).expect("it is open");
    let stream = |near| TcpStream::from_std(OwnedFd::from(near).into()).expect("it is a socket");
    match kind {
        Kind::Machine => read_lines(event_loop, stream(near)),
        Kind::Dynamic => read_lines(event_loop, Box::new(stream(near)) as Box<dyn ByteRead>),
        Kind::Protocol => {
            let opening = event_loop.connect_accepted_socket(Lines::default, near);
            event_loop.run_until_complete(opening.unwrap()).expect("it is a stream");
        }
        Kind::Buffered => {
            let opening = event_loop.connect_accepted_socket(AsTold::default, near);
            event_loop.run_until_complete(opening.unwrap()).expect("it is a stream");
        }
        Kind::Streams => {
            let opening = event_loop.open_connection_at(near);
            let (reader, writer) = event_loop.run_until_complete(opening.unwrap()).expect("it is a stream");
            std::mem::forget(writer);
            read_lines_of(event_loop, reader);
        }
    }
    far
}

/// Sends `pieces` to each of `count` connections. Returns the bytes that each connection takes.
fn cost(kind: Kind, count: usize, pieces: &[&[u8]]) -> usize {
    let (event_loop, reports) = new_loop();
    let send = |mut peer: &UnixStream| {
        for piece in pieces {
            let mut left = *piece;
            while !left.is_empty() {
                let count = with_loop(&event_loop, || peer.write(left)).expect("it is open");
                left = &left[count..];
            }
            run_turns(&event_loop, 3);
        }
        run_turns(&event_loop, 10);
    };
    // The first connection allocates what the loop keeps for itself.
    let first = connection(kind, &event_loop);
    send(&first);
    let mut peers = Vec::with_capacity(count);
    let before = counting::bytes();
    for _ in 0..count {
        let peer = connection(kind, &event_loop);
        send(&peer);
        peers.push(peer);
    }
    let each = counting::bytes().saturating_sub(before) / count;
    drop((first, peers));
    run_turns(&event_loop, 10);
    assert_eq!(reports.take(), [""; 0], "{kind:?}");
    each
}

fn assert_cheap(count: usize, came: usize, pieces: &[&[u8]]) {
    let alone = alone();
    let count = count.min(alone.raise_limit().saturating_sub(200) / 2);
    for kind in KINDS {
        let each = cost(kind, count, pieces);
        println!("{kind:?}: {each} bytes for each of {count} connections of which {came} bytes have come");
        assert!(each <= COST + came, "{kind:?}: {each} bytes for each of {count}, of which {came} bytes have come");
    }
}

#[test]
fn five_thousand_connections_with_one_byte_take_at_most_two_kibibytes_each() {
    assert_cheap(COUNT, 1, &[b"G"]);
}

#[test]
fn part_of_a_long_request_takes_no_more_memory_than_its_bytes() {
    assert_cheap(500, 10_000, &[&[b'x'; 10_000]]);
    assert_cheap(100, 50_000, &[&[b'x'; 50_000]]);
}

#[test]
fn small_pieces_take_no_more_memory_than_large_ones() {
    assert_cheap(300, 6_300, &[&[b'x'; 2_100][..]; 3]);
    assert_cheap(100, 700, &[&b"x"[..]; 700]);
}

#[test]
fn a_rest_after_many_complete_requests_takes_no_more_memory_than_alone() {
    let mut pieces = b"a whole request\n".repeat(3_000);
    pieces.extend(b"half a requ");
    assert_cheap(100, 11, &[&pieces]);
}

#[test]
fn an_unread_answer_takes_no_more_memory_than_its_rest() {
    let alone = alone();
    let (event_loop, _reports) = new_loop();
    let count = 20;
    let before = counting::bytes();
    let peers: Vec<_> = (0..count).map(|number| unread_answer(&event_loop, number % 2 == 0)).collect();
    // They share a piece of the loop's, one after the other.
    let each = (counting::bytes() - before).saturating_sub(64 * 1024) / count;
    assert!(each <= COST, "{each}");
    drop((peers, event_loop, alone));
}

/// Has 40 bytes sent to a peer that takes nothing.
fn unread_answer(event_loop: &EventLoop, by_write_all: bool) -> UnixStream {
    let (near, far) = UnixStream::pair().expect("descriptors are free");
    near.set_nonblocking(true).expect("it is open");
    for size in [64 * 1024, 1] {
        while (&near).write(&vec![7; size]).is_ok() {}
    }
    let stream = TcpStream::from_std(OwnedFd::from(near).into()).expect("it is a socket");
    let mut buffer = Buffer::new();
    let writing = from_fn(move |mut sent| {
        if buffer.is_empty() {
            buffer.write_all(&[8; 40])?;
        }
        match by_write_all {
            true => yield_from!(stream.write_all(&mut buffer), sent)?,
            false => yield_from!(stream.write_all(&mut buffer), sent)?,
        }
        Ok(Step::Return(()))
    });
    drop(event_loop.create_task(without_io_errors(writing)).expect("it is open"));
    run_turns(event_loop, 3);
    far
}
