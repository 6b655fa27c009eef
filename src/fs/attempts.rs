//! The attempts of a file's operations: what each does when it is resumed.

use core::mem;
use std::fs::Metadata;
use std::io::{self, ErrorKind, SeekFrom, Write as _};

use super::file::{File, give_back};
use super::request::{Answer, Input, Moves, Request};
use crate::coroutine::{Exception, Step, take_sent};
use crate::event_loop::{SpareMemory, running};
use crate::net::Buffer;
use crate::sys::file::{Cached, read_cached};
use crate::task::{Await, Progress};

/// Memory that bytes are appended to.
pub(super) trait Room {
    /// Passes the free room to `read`, and keeps as many bytes as it says.
    ///
    /// # Errors
    ///
    /// `StorageFull` if there is no room.
    fn fill<R>(&mut self, spare: &SpareMemory, read: impl FnOnce(&mut [u8]) -> (usize, R)) -> Result<R, Exception>;
}

impl Room for Buffer {
    fn fill<R>(&mut self, spare: &SpareMemory, read: impl FnOnce(&mut [u8]) -> (usize, R)) -> Result<R, Exception> {
        self.fill_by(spare, |room| {
            let (count, result) = read(room);
            (count, Ok(result))
        })
    }
}

impl File {
    pub(super) fn attempt_read<S: Room>(
        &mut self,
        mut sent: Result<(), Exception>,
        offset: u64,
        moves: Moves,
        buffer: &mut S,
    ) -> Progress<usize> {
        if !self.is_busy() {
            take_sent(&mut sent)?;
            match self.read_cached(offset, buffer)? {
                Step::Return(None) => {}
                Step::Return(Some(count)) => return Ok(Step::Return(self.has_read(offset, moves, count))),
                Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
                Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
            }
        }
        let mut input = || {
            let event_loop = running()?;
            let spare = event_loop.spare_memory();
            // The buffer itself cannot move: the machine may look at it meanwhile.
            let size = buffer.fill(spare, |room| (0, room.len()))?;
            let memory = spare.take();
            let size = size.min(memory.len());
            Ok(Input::Memory(memory, size))
        };
        let (memory, read) = match self.ask(sent, Request::Read(offset, moves), &mut input)? {
            Step::Return(Answer::Read(memory, read)) => (memory, read),
            Step::Return(_) => unreachable!("a read is answered by a read"),
            Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
            Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
        };
        let filled = match read {
            Ok(count) => buffer.fill(running()?.spare_memory(), |room| {
                let count = count.min(room.len());
                room[..count].copy_from_slice(&memory[..count]);
                (count, count)
            }),
            Err(error) => Err(self.place("reading").raise(error)),
        };
        give_back(memory);
        Ok(Step::Return(self.has_read(offset, moves, filled?)))
    }

    /// Reads what is in the page cache. Returns `None` if a thread must read, or an `Await` if it is the turn of others.
    fn read_cached<S: Room>(&mut self, offset: u64, buffer: &mut S) -> Progress<Option<usize>> {
        if !self.held().threads()?.asks_cache {
            return Ok(Step::Return(None));
        }
        let event_loop = running()?;
        if !event_loop.scheduler().spend() && event_loop.current_task().is_some() {
            return Ok(Step::Yield(Await::next_turn()));
        }
        let found = buffer.fill(event_loop.spare_memory(), |room| {
            let found = read_cached(self.std(), room, offset);
            (if let Cached::Bytes(count) = found { count } else { 0 }, found)
        })?;
        Ok(Step::Return(match found {
            Cached::Bytes(count) => Some(count),
            Cached::Elsewhere => None,
            Cached::Unsupported => {
                self.held().never_ask_cache();
                None
            }
        }))
    }

    const fn has_read(&mut self, offset: u64, moves: Moves, count: usize) -> usize {
        if let Moves::Yes = moves {
            self.set_position(offset + count as u64);
        }
        count
    }

    pub(super) fn attempt_write(
        &mut self,
        mut sent: Result<(), Exception>,
        mut request: Request,
        buffer: &mut Buffer,
    ) -> Progress<()> {
        if !self.is_busy() {
            take_sent(&mut sent)?;
            put_back(buffer, self.take_unwritten());
            if buffer.is_empty() {
                return Ok(Step::Return(()));
            }
        }
        loop {
            let limit = buffer.limit();
            let mut input = || Ok(Input::Bytes(mem::replace(buffer, Buffer::with_limit(limit))));
            let written = match self.ask(mem::replace(&mut sent, Ok(())), request, &mut input) {
                Ok(Step::Return(Answer::Written(written))) => written,
                Ok(Step::Return(_)) => unreachable!("a write is answered by a write"),
                Ok(Step::Yield(wanted)) => return Ok(Step::Yield(wanted)),
                Ok(Step::Delegate(frame)) => return Ok(Step::Delegate(frame)),
                Err(raised) => {
                    put_back(buffer, self.take_unwritten());
                    return Err(raised);
                }
            };
            let count = written.count as u64;
            if let Err((raised, rest)) = self.written(request, written) {
                put_back(buffer, Some(rest));
                return Err(raised);
            }
            // The program may have added bytes while the others were with the thread.
            if buffer.is_empty() {
                return Ok(Step::Return(()));
            }
            if let Request::Write(Some(at), moves) = request {
                request = Request::Write(Some(at + count), moves);
            }
        }
    }

    pub(super) fn attempt_done(&mut self, sent: Result<(), Exception>, request: Request) -> Progress<()> {
        match self.ask(sent, request, &mut || Ok(Input::Nothing))? {
            Step::Return(Answer::Done(result)) => {
                result.map_err(|error| self.place(request.name()).raise(error))?;
                Ok(Step::Return(()))
            }
            Step::Return(_) => unreachable!("the answer belongs to the request"),
            Step::Yield(wanted) => Ok(Step::Yield(wanted)),
            Step::Delegate(frame) => Ok(Step::Delegate(frame)),
        }
    }

    pub(super) fn attempt_metadata(&mut self, sent: Result<(), Exception>) -> Progress<Metadata> {
        match self.ask(sent, Request::Metadata, &mut || Ok(Input::Nothing))? {
            Step::Return(Answer::Metadata(result)) => {
                let metadata = result.map_err(|error| self.place(Request::Metadata.name()).raise(error))?;
                Ok(Step::Return(metadata))
            }
            Step::Return(_) => unreachable!("the answer belongs to the request"),
            Step::Yield(wanted) => Ok(Step::Yield(wanted)),
            Step::Delegate(frame) => Ok(Step::Delegate(frame)),
        }
    }

    pub(super) fn attempt_seek(&mut self, mut sent: Result<(), Exception>, to: SeekFrom) -> Progress<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(_) | SeekFrom::End(_) => None,
        };
        // A write that lost a race still moves the position.
        let (from, by) = match to {
            SeekFrom::End(by) => match self.attempt_metadata(sent)? {
                Step::Return(metadata) => (metadata.len(), by),
                Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
                Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
            },
            SeekFrom::Start(_) | SeekFrom::Current(_) => {
                match self.wait(&mut sent, None)? {
                    Step::Return(_) => take_sent(&mut sent)?,
                    Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
                    Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
                }
                (self.position(), if let SeekFrom::Current(by) = to { by } else { 0 })
            }
        };
        match position.or_else(|| from.checked_add_signed(by)).filter(|position| i64::try_from(*position).is_ok()) {
            Some(position) => {
                self.set_position(position);
                Ok(Step::Return(position))
            }
            None => {
                let error = io::Error::new(ErrorKind::InvalidInput, format!("no file has a position {to:?} of {from}"));
                Err(self.place("seeking in").raise(error))
            }
        }
    }
}

/// Returns bytes to the front of a buffer.
fn put_back(buffer: &mut Buffer, rest: Option<Buffer>) {
    let Some(mut rest) = rest else { return };
    if !buffer.is_empty() {
        // Writing to a buffer does not fail.
        let _ = rest.write_all(buffer.bytes());
    }
    *buffer = rest;
}
