//! [`Outgoing`]: bytes to be sent that remember how many have been.

use std::collections::VecDeque;
use std::io::{Cursor, IoSlice};

use super::Buffer;

/// Bytes to be sent that remember how many have been: the argument of [`write_all`](crate::ByteWrite::write_all).
///
/// An operation is made afresh at each resume, so the progress of a message must be remembered elsewhere while a machine
/// waits. A plain slice remembers nothing and would be sent from its start again. Keep one of these in the machine's state
/// instead: a [`Buffer`], a [`Cursor`] over any bytes (a `Vec<u8>`, a shared `Rc<[u8]>`, a `&'static [u8]`), or a
/// [`VecDeque`] of them, which leave together in one system call.
///
/// ```
/// use innermost::net::Outgoing;
/// use std::collections::VecDeque;
/// use std::io::{Cursor, IoSlice};
///
/// let mut messages = VecDeque::from([Cursor::new("head: "), Cursor::new("body")]);
/// messages.consume(7);
/// let mut slices = [IoSlice::new(b""); 8];
/// let count = messages.slices(&mut slices);
/// assert_eq!((&*slices[0], count, messages.remaining()), (&b"ody"[..], 1, 3));
/// ```
///
/// A slice does not remember:
///
/// ```compile_fail
/// use innermost::{Await, ByteWrite, Exception, Step, yield_from};
///
/// fn resume(stream: &impl ByteWrite, mut sent: Result<(), Exception>) -> Result<Step<Await, (), ()>, Exception> {
///     let mut message = &b"hello"[..];
///     yield_from!(stream.write_all(&mut message), sent).map(Step::Return)
/// }
/// ```
///
/// ```
/// use innermost::{Await, ByteWrite, Exception, Step, yield_from};
/// # use std::io::Cursor;
///
/// fn resume(
///     stream: &impl ByteWrite,
///     message: &mut Cursor<&[u8]>,
///     mut sent: Result<(), Exception>,
/// ) -> Result<Step<Await, (), ()>, Exception> {
///     yield_from!(stream.write_all(message), sent).map(Step::Return)
/// }
/// ```
pub trait Outgoing {
    /// The number of bytes still to be sent.
    fn remaining(&self) -> usize;

    /// Fills `slices` with the bytes at the front, as far as there is room, and returns the number of slices filled: 0 if
    /// no bytes remain.
    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize;

    /// Removes `count` bytes from the front, or all of them if there are fewer.
    fn consume(&mut self, count: usize);

    /// Returns unused memory, because the remaining bytes may have to wait for long.
    #[doc(hidden)]
    fn about_to_wait(&mut self) {}

    /// The buffer, if it is one. Streams have a faster way for it.
    #[doc(hidden)]
    #[inline(always)]
    fn as_buffer(&mut self) -> Option<&mut Buffer> {
        None
    }
}

impl Outgoing for Buffer {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        one(self.bytes(), slices)
    }

    fn consume(&mut self, count: usize) {
        Buffer::consume(self, count);
    }

    fn about_to_wait(&mut self) {
        self.shrink();
    }

    #[inline(always)]
    fn as_buffer(&mut self) -> Option<&mut Buffer> {
        Some(self)
    }
}

/// Sends the bytes from the cursor's position on.
impl<T: AsRef<[u8]>> Outgoing for Cursor<T> {
    fn remaining(&self) -> usize {
        rest(self).len()
    }

    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        one(rest(self), slices)
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(rest(self).len());
        self.set_position(self.position() + count as u64);
    }
}

fn rest<T: AsRef<[u8]>>(cursor: &Cursor<T>) -> &[u8] {
    let bytes = cursor.get_ref().as_ref();
    let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
    bytes.get(start..).unwrap_or(&[])
}

/// Sends the elements in order, and drops each once it has been sent.
impl<T: Outgoing> Outgoing for VecDeque<T> {
    fn remaining(&self) -> usize {
        self.iter().map(Outgoing::remaining).sum()
    }

    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for outgoing in self {
            let room = &mut slices[count..];
            if room.is_empty() {
                break;
            }
            count += outgoing.slices(room);
        }
        count
    }

    fn consume(&mut self, mut count: usize) {
        while let Some(first) = self.front_mut() {
            let there = first.remaining();
            if there > count {
                return first.consume(count);
            }
            count -= there;
            self.pop_front();
        }
    }

    /// Shrinks only the first element: no other has been sent in part, and there may be many.
    fn about_to_wait(&mut self) {
        if let Some(first) = self.front_mut() {
            first.about_to_wait();
        }
    }
}

/// Stores `bytes` in the first slice, unless they are empty.
pub(super) fn one<'a>(bytes: &'a [u8], slices: &mut [IoSlice<'a>]) -> usize {
    match slices.first_mut() {
        Some(slice) if !bytes.is_empty() => {
            *slice = IoSlice::new(bytes);
            1
        }
        _ => 0,
    }
}
