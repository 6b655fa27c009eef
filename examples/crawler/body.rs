//! The body of an answer, assembled as it arrives: RFC 9112, sections 6 and 7.

use httparse::Status;

use super::http::PAGE;

/// A body, or the part of it that has arrived.
#[derive(Debug)]
pub(crate) struct Body {
    length: Length,
    come: Vec<u8>,
}

/// How a body says where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// After this many more bytes.
    Known(u64),
    Chunked(Chunk),
    /// At the end of the connection.
    UntilClosed,
}

/// The next part of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    Size,
    /// This many more bytes of the chunk.
    Data(u64),
    LineEnd,
    /// The last chunk has arrived. Anything after it is ignored.
    Last,
}

#[derive(Debug)]
pub(crate) enum BodyError {
    Malformed,
    TooLarge,
}

impl Body {
    /// # Errors
    ///
    /// `TooLarge`, if the length says so.
    pub(crate) fn new(length: Length) -> Result<Self, BodyError> {
        match length {
            Length::Known(count) if count > PAGE as u64 => Err(BodyError::TooLarge),
            _ => Ok(Self { length, come: Vec::new() }),
        }
    }

    /// Takes bytes from the front of `bytes`, and returns their number. Takes all of them unless the size of a chunk is
    /// incomplete.
    ///
    /// # Errors
    ///
    /// `TooLarge`, or `Malformed` for a chunk without a valid size.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, BodyError> {
        let mut used = 0;
        while let Some(count) = self.take_piece(&bytes[used..])? {
            used += count;
        }
        Ok(used)
    }

    /// Takes one piece. `None` if no piece is complete, or if the body is.
    fn take_piece(&mut self, bytes: &[u8]) -> Result<Option<usize>, BodyError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (length, count) = match self.length {
            Length::Known(0) | Length::Chunked(Chunk::Last) => return Ok(None),
            Length::Known(left) => {
                let count = self.keep(bytes, left)?;
                (Length::Known(left - count as u64), count)
            }
            Length::UntilClosed => (Length::UntilClosed, self.keep(bytes, u64::MAX)?),
            Length::Chunked(Chunk::Size) => match httparse::parse_chunk_size(bytes) {
                Ok(Status::Partial) => return Ok(None),
                Ok(Status::Complete((count, 0))) => (Length::Chunked(Chunk::Last), count),
                Ok(Status::Complete((count, size))) => (Length::Chunked(Chunk::Data(size)), count),
                Err(_) => return Err(BodyError::Malformed),
            },
            Length::Chunked(Chunk::Data(left)) => {
                let count = self.keep(bytes, left)?;
                let left = left - count as u64;
                (Length::Chunked(if left == 0 { Chunk::LineEnd } else { Chunk::Data(left) }), count)
            }
            Length::Chunked(Chunk::LineEnd) => match bytes {
                [b'\r', b'\n', ..] => (Length::Chunked(Chunk::Size), 2),
                [b'\r'] => return Ok(None),
                _ => return Err(BodyError::Malformed),
            },
        };
        self.length = length;
        Ok(Some(count))
    }

    /// Keeps up to `most` bytes, and returns their number.
    fn keep(&mut self, bytes: &[u8], most: u64) -> Result<usize, BodyError> {
        let count = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
        if self.come.len() + count > PAGE {
            return Err(BodyError::TooLarge);
        }
        self.come.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// The text, once it is complete. Replaces bytes that are not UTF-8.
    pub(crate) fn whole(&self, connection_has_ended: bool) -> Option<String> {
        let is_whole = match self.length {
            Length::Known(left) => left == 0,
            Length::Chunked(chunk) => chunk == Chunk::Last,
            Length::UntilClosed => connection_has_ended,
        };
        is_whole.then(|| String::from_utf8_lossy(&self.come).into_owned())
    }
}
