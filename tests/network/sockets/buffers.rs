//! Compares a buffer with a vector.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::mem;
use std::net;
use std::rc::Rc;

use innermost::{Buffer, ByteRead, EventLoop, Step, TcpStream, yield_from};
use quickcheck::{Arbitrary, Gen, QuickCheck};

use crate::support::connections::{io_kind, new_loop, pair, run};

/// How much a read leaves in a buffer at the most.
const FULL: usize = 64 * 1024;

#[derive(Clone, Copy, Debug)]
enum Act {
    Write(usize),
    /// The peer sends some bytes, and the buffer reads as many as it has room for.
    Read(usize),
    Consume(usize),
    Clear,
}

impl Arbitrary for Act {
    fn arbitrary(g: &mut Gen) -> Self {
        // Small and large sizes, and sizes that just fit or just do not.
        let any = usize::from(u16::arbitrary(g));
        let count = *g.choose(&[0, 1, any % 10, any % 1000, any, FULL - 1, FULL, FULL + 1]).expect("there are some");
        match u8::arbitrary(g) % 16 {
            0..6 => Self::Write(count),
            6..9 => Self::Read(count),
            9..15 => Self::Consume(count),
            _ => Self::Clear,
        }
    }
}

/// A buffer, and the bytes that it must hold.
struct Tested {
    buffer: Buffer,
    model: Vec<u8>,
    connection: Connection,
    next: u8,
}

/// Where a buffer reads from.
struct Connection {
    event_loop: EventLoop,
    stream: Rc<TcpStream>,
    peer: net::TcpStream,
    /// The bytes that the peer has sent and the buffer has not read yet.
    pending: VecDeque<u8>,
}

impl Tested {
    fn new() -> Self {
        let (stream, peer) = pair();
        let connection = Connection { event_loop: new_loop(), stream, peer, pending: VecDeque::new() };
        Self { buffer: Buffer::new(), model: Vec::new(), connection, next: 0 }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Write(count) => self.write(count),
            Act::Read(count) => self.read(count),
            Act::Consume(count) => {
                self.buffer.consume(count);
                self.model.drain(..count.min(self.model.len()));
            }
            Act::Clear => {
                self.buffer.clear();
                self.model.clear();
            }
        }
        assert!(self.buffer.bytes() == self.model);
        assert_eq!(self.buffer.len(), self.model.len());
        assert_eq!(self.buffer.is_empty(), self.model.is_empty());
    }

    /// Bytes that differ from their neighbours.
    fn make(&mut self, count: usize) -> Vec<u8> {
        self.next = self.next.wrapping_add(17);
        (0..count).map(|number| self.next.wrapping_add((number % 251) as u8)).collect()
    }

    /// The limit for reads. Writes by the program have no limit.
    fn room(&self) -> usize {
        FULL.saturating_sub(self.model.len())
    }

    fn write(&mut self, count: usize) {
        let bytes = self.make(count);
        assert_eq!(self.buffer.write(&bytes).expect("a buffer takes all"), count);
        self.model.extend(bytes);
    }

    fn read(&mut self, count: usize) {
        if self.connection.pending.is_empty() {
            let bytes = self.make(count);
            self.connection.peer.write_all(&bytes).expect("there is room");
            self.connection.pending.extend(bytes);
        }
        while !self.connection.pending.is_empty() {
            let (stream, mut buffer) = (Rc::clone(&self.connection.stream), mem::take(&mut self.buffer));
            let (outcome, buffer) = run(&self.connection.event_loop, move |mut sent| {
                let outcome = yield_from!(stream.read(&mut buffer), sent);
                Ok(Step::Return((outcome, mem::take(&mut buffer))))
            })
            .expect("it returns what is raised");
            self.buffer = buffer;
            match outcome {
                Ok(count) => {
                    assert!(count > 0 && count <= self.room());
                    self.model.extend(self.connection.pending.drain(..count));
                }
                Err(raised) => {
                    assert_eq!((io_kind(&raised), self.room()), (ErrorKind::StorageFull, 0));
                    return;
                }
            }
        }
    }
}

#[test]
fn a_buffer_is_a_queue_of_bytes_with_an_end() {
    fn property(acts: Vec<Act>) {
        let mut tested = Tested::new();
        acts.into_iter().for_each(|act| tested.act(act));
    }
    QuickCheck::new().quickcheck(property as fn(Vec<Act>));
}

#[test]
fn a_buffer_accepts_writes_wherever_its_bytes_begin() {
    for gap in [0, 1, 1000, FULL - 1, FULL] {
        let mut buffer = Buffer::new();
        buffer.write_all(&vec![1; FULL]).expect("a buffer takes all");
        buffer.consume(gap);
        buffer.write_all(&vec![2; 3 * FULL]).expect("a buffer takes all");
        assert_eq!(buffer.len(), 4 * FULL - gap);
        assert!(buffer.bytes()[..FULL - gap].iter().all(|byte| *byte == 1));
        assert!(buffer.bytes()[FULL - gap..].iter().all(|byte| *byte == 2));
    }
}

#[test]
fn a_read_stops_at_the_buffers_limit() {
    for limit in [0, 1, 1000, FULL - 1, FULL, FULL + 1, 3 * FULL] {
        let event_loop = new_loop();
        let (stream, mut peer) = pair();
        let sending = std::thread::spawn(move || {
            peer.write_all(&vec![7; 3 * FULL + 1]).expect("the other end is open");
            peer
        });
        let mut buffer = Buffer::with_limit(limit);
        let (raised, length) = run(&event_loop, {
            let stream = Rc::clone(&stream);
            move |mut sent| loop {
                if let Err(raised) = yield_from!(stream.read(&mut buffer), sent) {
                    return Ok(Step::Return((raised, buffer.len())));
                }
            }
        })
        .expect("it returns what is raised");
        assert_eq!((io_kind(&raised), length), (ErrorKind::StorageFull, limit));
        assert_eq!(
            raised.to_string(),
            format!("the buffer has reached its limit of {limit} bytes: remove bytes before reading more")
        );
        drop(stream);
        drop(sending.join());
    }
}

#[test]
fn a_vector_converts_to_a_buffer() {
    let mut buffer = Buffer::from(b"abc".to_vec());
    buffer.consume(1);
    buffer.write_all(b"d").expect("a buffer takes all");
    assert_eq!(buffer.bytes(), b"bcd");
    assert!(Buffer::from(Vec::new()).is_empty());
}

#[test]
fn consuming_more_than_available_empties_the_buffer() {
    let mut buffer = Buffer::new();
    buffer.consume(1);
    buffer.write_all(b"abc").expect("there is room");
    buffer.consume(4);
    assert!(buffer.is_empty());
    assert_eq!(format!("{buffer:?}"), "Buffer(0 bytes)");
    buffer.flush().expect("there is nothing to do");
}
