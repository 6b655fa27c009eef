//! The operations of a reader.

use core::fmt;

use super::channel::{Channel, Input};
use super::error::{IncompleteReadError, LimitOverrunError};
use super::separators::{Separators, each};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};
use crate::task::Await;

/// How far an operation came.
type Attempt = Result<Step<Await, (), Vec<u8>>, Exception>;

/// What [`StreamReader::read`](super::StreamReader::read) makes.
#[must_use = "a coroutine does nothing until it is resumed"]
pub struct Read {
    pub(super) channel: Input,
    pub(super) size: usize,
}

/// What [`StreamReader::read_to_end`](super::StreamReader::read_to_end) makes.
#[must_use = "a coroutine does nothing until it is resumed"]
pub struct ReadToEnd {
    pub(super) channel: Input,
}

/// What [`StreamReader::read_exactly`](super::StreamReader::read_exactly) makes.
#[must_use = "a coroutine does nothing until it is resumed"]
pub struct ReadExactly {
    pub(super) channel: Input,
    pub(super) size: usize,
}

/// What [`StreamReader::read_until`](super::StreamReader::read_until) makes.
#[must_use = "a coroutine does nothing until it is resumed"]
pub struct ReadUntil<S> {
    pub(super) channel: Input,
    pub(super) separators: S,
}

/// What [`StreamReader::read_line`](super::StreamReader::read_line) makes.
#[must_use = "a coroutine does nothing until it is resumed"]
pub struct ReadLine {
    pub(super) channel: Input,
}

impl Read {
    #[inline]
    fn attempt(&self) -> Attempt {
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
    fn attempt(&self) -> Attempt {
        if !self.channel.has_ended.get() {
            return self.channel.wait_for_data("read_to_end").map(Step::Yield);
        }
        Ok(Step::Return(self.channel.take(usize::MAX)))
    }
}

impl ReadExactly {
    fn attempt(&self) -> Attempt {
        if self.size <= self.channel.bytes.borrow().len() {
            return Ok(Step::Return(self.channel.take(self.size)));
        }
        if self.channel.has_ended.get() {
            let partial = self.channel.take(usize::MAX);
            return Err(Exception::new(IncompleteReadError { partial, expected: Some(self.size) }));
        }
        self.channel.wait_for_data("read_exactly").map(Step::Yield)
    }
}

impl<S: Separators> ReadUntil<S> {
    fn attempt(&self) -> Attempt {
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
    fn attempt(&self) -> Attempt {
        match Piece::next(&self.channel, b"\n") {
            Piece::Found(line) => Ok(Step::Return(line)),
            Piece::TooLong(error) => Err(Exception::of(Kind::ValueError, error)),
            Piece::Ended => Ok(Step::Return(self.channel.take(usize::MAX))),
            Piece::NotYet => self.channel.wait_for_data("read_line").map(Step::Yield),
        }
    }
}

/// What there is up to a separator.
enum Piece {
    Found(Vec<u8>),
    TooLong(LimitOverrunError),
    /// The stream has ended, and there is none.
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

/// What each of them does when it is resumed.
macro_rules! operation {
    ($([$($generic:tt)*] $type:ty, $name:literal;)*) => { $(
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
    [] ReadExactly, "read_exactly";
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
    [] ReadExactly, "ReadExactly";
    [S] ReadUntil<S>, "ReadUntil";
    [] ReadLine, "ReadLine";
}
