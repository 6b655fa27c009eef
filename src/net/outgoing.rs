//! What is to be sent, and knows how far that has come.

use std::collections::VecDeque;
use std::io::{Cursor, IoSlice};

/// Bytes that are to be sent, and know how many have been: what [`send_all`](crate::ByteWrite::send_all) takes from.
///
/// Somebody has to remember how much of a message is sent while a machine waits, for an operation is made afresh at each
/// resume. A plain slice does not: it would be sent from its beginning again. So none is taken, but what is part of the
/// machine's state: a [`Buffer`](crate::Buffer), a [`Cursor`] over any bytes (a `Vec<u8>`, an `Rc<[u8]>` that many share,
/// a `&'static [u8]`), or a [`VecDeque`] of such, which leave together in one system call.
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
///     yield_from!(stream.send_all(&mut message), sent).map(Step::Return)
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
///     yield_from!(stream.send_all(message), sent).map(Step::Return)
/// }
/// ```
pub trait Outgoing {
    /// How many bytes are still to be sent.
    fn remaining(&self) -> usize;

    /// Puts the first of them into `slices`, as many as there is room for, and gives how many slices these are: none
    /// where there are no bytes.
    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize;

    /// Takes away so many from the front, or all if there are fewer.
    fn consume(&mut self, count: usize);

    /// The next bytes may have to wait for long: gives back memory that they do not need.
    #[doc(hidden)]
    fn about_to_wait(&mut self) {}
}

/// The bytes behind the cursor's position.
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

/// One behind the other; each is dropped when it is sent.
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

    /// Only the first: it alone has been sent in part, and there may be many.
    fn about_to_wait(&mut self) {
        if let Some(first) = self.front_mut() {
            first.about_to_wait();
        }
    }
}

/// One slice, if there is something in it.
pub(super) fn one<'a>(bytes: &'a [u8], slices: &mut [IoSlice<'a>]) -> usize {
    match slices.first_mut() {
        Some(slice) if !bytes.is_empty() => {
            *slice = IoSlice::new(bytes);
            1
        }
        _ => 0,
    }
}
