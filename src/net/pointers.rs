//! [`ByteRead`] and [`ByteWrite`] for pointers to streams, and for pairs of halves.
//!
//! Every method is passed on, so that a stream's faster way is taken through a pointer too.

use std::io::IoSlice;
use std::rc::Rc;

use super::{Buffer, ByteRead, ByteWrite, FilePart};
use crate::task::Progress;

macro_rules! forward_to_pointee {
    ($($pointer:ty),*) => {$(
        impl<S: ByteRead + ?Sized> ByteRead for $pointer {
            #[inline]
            fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize> {
                (**self).attempt_recv(bytes)
            }

            #[inline]
            fn attempt_read(&self, buffer: &mut Buffer) -> Progress<usize> {
                (**self).attempt_read(buffer)
            }
        }

        impl<S: ByteWrite + ?Sized> ByteWrite for $pointer {
            #[inline]
            fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
                (**self).attempt_send(bytes)
            }

            fn attempt_write_eof(&self) -> Progress<()> {
                (**self).attempt_write_eof()
            }

            fn attempt_send_vectored(&self, slices: &[IoSlice<'_>]) -> Progress<usize> {
                (**self).attempt_send_vectored(slices)
            }

            #[inline]
            fn attempt_write_all(&self, buffer: &mut Buffer) -> Progress<()> {
                (**self).attempt_write_all(buffer)
            }

            fn attempt_send_file(&self, part: &mut FilePart) -> Progress<u64> {
                (**self).attempt_send_file(part)
            }

            fn abort(&self) {
                (**self).abort();
            }
        }
    )*};
}

forward_to_pointee!(&S, &mut S, Box<S>, Rc<S>);

/// Reads from the first half.
impl<R: ByteRead, W> ByteRead for (R, W) {
    #[inline]
    fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize> {
        self.0.attempt_recv(bytes)
    }

    #[inline]
    fn attempt_read(&self, buffer: &mut Buffer) -> Progress<usize> {
        self.0.attempt_read(buffer)
    }
}

/// Writes to the second half.
impl<R, W: ByteWrite> ByteWrite for (R, W) {
    #[inline]
    fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
        self.1.attempt_send(bytes)
    }

    fn attempt_write_eof(&self) -> Progress<()> {
        self.1.attempt_write_eof()
    }

    fn attempt_send_vectored(&self, slices: &[IoSlice<'_>]) -> Progress<usize> {
        self.1.attempt_send_vectored(slices)
    }

    #[inline]
    fn attempt_write_all(&self, buffer: &mut Buffer) -> Progress<()> {
        self.1.attempt_write_all(buffer)
    }

    fn attempt_send_file(&self, part: &mut FilePart) -> Progress<u64> {
        self.1.attempt_send_file(part)
    }

    fn abort(&self) {
        self.1.abort();
    }
}
