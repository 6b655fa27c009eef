//! The operations of a [`StreamReader`](super::StreamReader).

use core::fmt;

use super::channel::{Channel, Input};
use super::error::{IncompleteReadError, LimitOverrunError};
use super::separators::{Separators, each};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Stateless, Step};
use crate::task::{Await, Progress};

/// The coroutine returned by [`StreamReader::read`](super::StreamReader::read).
#[must_use = "nothing is read until this is awaited"]
pub struct Read {
    pub(super) channel: Input,
    pub(super) size: usize,
}

/// The coroutine returned by [`StreamReader::read_to_end`](super::StreamReader::read_to_end).
#[must_use = "nothing is read until this is awaited"]
pub struct ReadToEnd {
    pub(super) channel: Input,
}

/// The coroutine returned by [`StreamReader::read_exact`](super::StreamReader::read_exact).
#[must_use = "nothing is read until this is awaited"]
pub struct ReadExact {
    pub(super) channel: Input,
    pub(super) size: usize,
}

/// The coroutine returned by [`StreamReader::read_until`](super::StreamReader::read_until).
#[must_use = "nothing is read until this is awaited"]
pub struct ReadUntil<S> {
    pub(super) channel: Input,
    pub(super) separators: S,
}

/// The coroutine returned by [`StreamReader::read_line`](super::StreamReader::read_line).
#[must_use = "nothing is read until this is awaited"]
pub struct ReadLine {
    pub(super) channel: Input,
}

impl Read {
    #[inline]
    fn attempt(&self) -> Progress<Vec<u8>> {
        if self.size == 0 {
            return Ok(Step::Return(Vec::new()));
        }
        if self.channel.bytes.borrow().is_empty() && !self.channel.has_ended.get() {
            return self.channel.wait_for_data("read").map(Step::Yield);
        }
        Ok(Step::Return(self.channel.take(self.size)))
    }
}

impl ReadToEnd {
    fn attempt(&self) -> Progress<Vec<u8>> {
        if !self.channel.has_ended.get() {
            return self.channel.wait_for_data("read_to_end").map(Step::Yield);
        }
        Ok(Step::Return(self.channel.take(usize::MAX)))
    }
}

impl ReadExact {
    fn attempt(&self) -> Progress<Vec<u8>> {
        if self.size <= self.channel.bytes.borrow().len() {
            return Ok(Step::Return(self.channel.take(self.size)));
        }
        if self.channel.has_ended.get() {
            let partial = self.channel.take(usize::MAX);
            return Err(Exception::new(IncompleteReadError { partial, expected: Some(self.size) }));
        }
        self.channel.wait_for_data("read_exact").map(Step::Yield)
    }
}

impl<S: Separators> ReadUntil<S> {
    fn attempt(&self) -> Progress<Vec<u8>> {
        let mut separators = each(&self.separators).peekable();
        if separators.peek().is_none() {
            return Err(Exception::message(Kind::ValueError, "Separator should contain at least one element"));
        }
        if separators.any(<[u8]>::is_empty) {
            return Err(Exception::message(Kind::ValueError, "Separator should be at least one-byte string"));
        }
        match Piece::next(&self.channel, &self.separators) {
            Piece::Found(piece) => Ok(Step::Return(piece)),
            Piece::TooLong(error) => Err(Exception::new(error)),
            Piece::Ended => {
                let partial = self.channel.take(usize::MAX);
                Err(Exception::new(IncompleteReadError { partial, expected: None }))
            }
            Piece::NotYet => self.channel.wait_for_data("read_until").map(Step::Yield),
        }
    }
}

impl ReadLine {
    #[inline]
    fn attempt(&self) -> Progress<Vec<u8>> {
        match Piece::next(&self.channel, b"\n") {
            Piece::Found(line) => Ok(Step::Return(line)),
            Piece::TooLong(error) => Err(Exception::of(Kind::ValueError, error)),
            Piece::Ended => Ok(Step::Return(self.channel.take(usize::MAX))),
            Piece::NotYet => self.channel.wait_for_data("read_line").map(Step::Yield),
        }
    }
}

/// The bytes up to a separator.
enum Piece {
    Found(Vec<u8>),
    TooLong(LimitOverrunError),
    /// The stream has ended without one.
    Ended,
    NotYet,
}

impl Piece {
    fn next<S: Separators + ?Sized>(channel: &Channel, separators: &S) -> Self {
        let limit = channel.limit.get();
        let found = channel.bytes.borrow_mut().search(separators);
        match found {
            Ok(found) if found.start > limit => Self::TooLong(LimitOverrunError { consumed: found.start, found: true }),
            Ok(found) => Self::Found(channel.take(found.end)),
            Err(consumed) if consumed > limit => Self::TooLong(LimitOverrunError { consumed, found: false }),
            Err(_) if channel.has_ended.get() => Self::Ended,
            Err(_) => Self::NotYet,
        }
    }
}

/// Implements `Coroutine` for the operations.
macro_rules! operation {
    ($([$($generic:tt)*] $type:ty, $name:literal;)*) => { $(
        impl<$($generic)*> Stateless for $type {}

        impl<$($generic)*> Coroutine for $type {
            type Yield = Await;
            type Input = ();
            type Return = Vec<u8>;

            #[inline]
            fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
                sent?;
                if self.channel.bytes.borrow().is_empty() {
                    self.channel.check()?;
                }
                self.attempt()
            }

            fn state(&self) -> State<'_> {
                State::new($name, &self.channel)
            }
        }
    )* };
}

operation! {
    [] Read, "read";
    [] ReadToEnd, "read_to_end";
    [] ReadExact, "read_exact";
    [S: Separators] ReadUntil<S>, "read_until";
    [] ReadLine, "read_line";
}

macro_rules! debug {
    ($([$($generic:tt)*] $type:ty, $name:literal;)*) => { $(
        impl<$($generic)*> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", $name, self.channel)
            }
        }
    )* };
}

debug! {
    [] Read, "Read";
    [] ReadToEnd, "ReadToEnd";
    [] ReadExact, "ReadExact";
    [S] ReadUntil<S>, "ReadUntil";
    [] ReadLine, "ReadLine";
}
