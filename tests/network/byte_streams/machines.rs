//! Machines over any byte stream.

use std::collections::VecDeque;
use std::io::Cursor;

use innermost::{Await, Buffer, ByteRead, ByteStream, Coroutine, Exception, Resumed, Step, yield_from};

/// Sends received bytes back, and ends its side when the other side has ended.
pub(crate) struct Echo<S> {
    stream: S,
    buffer: Buffer,
    is_over: bool,
}

impl<S: ByteStream> Echo<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: Buffer::new(), is_over: false }
    }
}

impl<S: ByteStream> Coroutine for Echo<S> {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
            if self.is_over {
                yield_from!(self.stream.write_eof(), sent)?;
                return Ok(Step::Return(()));
            }
            self.is_over = yield_from!(self.stream.read(&mut self.buffer), sent)? == 0;
        }
    }
}

/// Sends messages and the end of the stream. Returns all received bytes.
pub(crate) struct Sender<S> {
    stream: S,
    messages: VecDeque<Cursor<Vec<u8>>>,
    is_sent: bool,
}

impl<S: ByteStream> Sender<S> {
    pub(crate) fn new(stream: S, messages: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { stream, messages: messages.into_iter().map(Cursor::new).collect(), is_sent: false }
    }
}

impl<S: ByteStream> Coroutine for Sender<S> {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if !self.is_sent {
            yield_from!(self.stream.write_all(&mut self.messages), sent)?;
            self.is_sent = true;
        }
        yield_from!(self.stream.write_eof(), sent)?;
        Ok(Step::Return(()))
    }
}

/// Reads to the end of the stream, in pieces of a given size. Returns all bytes.
pub(crate) struct Collector<S> {
    stream: S,
    piece: usize,
    collected: Vec<u8>,
}

impl<S: ByteRead> Collector<S> {
    pub(crate) fn new(stream: S, piece: usize) -> Self {
        Self { stream, piece, collected: Vec::new() }
    }
}

impl<S: ByteRead> Coroutine for Collector<S> {
    type Yield = Await;
    type Input = ();
    type Return = Vec<u8>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let mut piece = vec![0; self.piece];
        loop {
            match yield_from!(self.stream.recv(&mut piece), sent)? {
                0 => return Ok(Step::Return(std::mem::take(&mut self.collected))),
                count => self.collected.extend(&piece[..count]),
            }
        }
    }
}

/// Bytes in which nearby ones differ.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|number| (number % 251) as u8).collect()
}
