//! One direction of a relay, and the place where it fails.

use core::cell::Cell;
use core::fmt;
use std::io::{self, Write as _};

use super::Moved;
use crate::coroutine::{Exception, Stateless, Step};
use crate::event_loop::{MEMORY, Operation};
use crate::net::byte_stream::attempted;
use crate::net::{Buffer, ByteRead, ByteWrite};
use crate::task::{Awaitable, Progress};

/// One of the two streams.
#[derive(Clone, Copy)]
pub(super) enum Side {
    A,
    B,
}

/// One direction of a relay. It is named after the stream that it reads.
pub(super) struct Direction {
    from: Side,
    stage: Stage,
    /// What was read and not yet written.
    buffer: Buffer,
    /// The number of bytes written.
    pub(super) moved: u64,
    /// Where an operation has just failed.
    pub(super) failed: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Copying,
    /// The end has been read, and is to be passed on.
    Ending,
    Over,
}

impl Direction {
    pub(super) fn new(from: Side) -> Self {
        Self { from, stage: Stage::Copying, buffer: Buffer::new(), moved: 0, failed: None }
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    pub(super) fn set_buffer_size(&mut self, bytes: usize) {
        let former = core::mem::replace(&mut self.buffer, Buffer::with_limit(bytes.clamp(1, MEMORY)));
        self.add(former.bytes());
    }

    /// Adds bytes that were read by somebody else, whatever the limit.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.buffer.write_all(bytes).expect("a buffer takes everything");
    }

    /// The operation that copies until this direction is over. `None` if it is over.
    pub(super) fn copy<'a, F: ByteRead, T: ByteWrite>(
        &'a mut self,
        from: &'a F,
        to: &'a T,
        has_moved: &'a Cell<bool>,
    ) -> Option<impl Awaitable<Return = ()> + Stateless + 'a> {
        (!self.is_over()).then(|| Operation::new("copy", move || self.attempt(from, to, has_moved)))
    }

    fn attempt<F: ByteRead, T: ByteWrite>(&mut self, from: &F, to: &T, has_moved: &Cell<bool>) -> Progress<()> {
        while self.stage == Stage::Copying {
            if !self.buffer.is_empty() {
                let before = self.buffer.len();
                let attempt = to.attempt_write_all(&mut self.buffer);
                let written = before - self.buffer.len();
                self.moved += written as u64;
                has_moved.set(has_moved.get() || written > 0);
                attempted!(self.checked(attempt, Place::Writing));
            }
            let attempt = from.attempt_read(&mut self.buffer);
            match attempted!(self.checked(attempt, Place::Reading)) {
                0 => self.stage = Stage::Ending,
                _ => has_moved.set(true),
            }
        }
        if self.stage == Stage::Ending {
            match to.attempt_write_eof() {
                // Everything was written, and nobody is left who could read the end.
                Err(raised) if is_gone(&raised) => {}
                attempt => attempted!(self.checked(attempt, Place::Ending)),
            }
            self.stage = Stage::Over;
        }
        Ok(Step::Return(()))
    }

    /// Remembers where it has failed.
    #[inline]
    fn checked<T>(&mut self, attempt: Progress<T>, place: fn(Side) -> Place) -> Progress<T> {
        if attempt.is_err() {
            self.failed = Some(place(self.from));
        }
        attempt
    }
}

/// Returns `true` if the error says that the peer has closed its end.
pub(in crate::net) fn is_gone(raised: &Exception) -> bool {
    let kind = raised.downcast_ref().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::NotConnected | io::ErrorKind::BrokenPipe))
}

/// What a relay was doing when it failed, named after the stream that was read.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Reading(Side),
    Writing(Side),
    Ending(Side),
    Idle,
}

/// The note of an error.
pub(super) struct Note {
    pub(super) place: Place,
    pub(super) moved: Moved,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.place {
            Place::Reading(Side::A) => "relay: reading from a",
            Place::Reading(Side::B) => "relay: reading from b",
            Place::Writing(Side::A) => "relay: writing to b",
            Place::Writing(Side::B) => "relay: writing to a",
            Place::Ending(Side::A) => "relay: ending b",
            Place::Ending(Side::B) => "relay: ending a",
            Place::Idle => "relay: no byte has moved",
        })?;
        let Moved { a_to_b, b_to_a } = self.moved;
        write!(f, ", after {a_to_b} bytes from a to b and {b_to_a} from b to a")
    }
}
