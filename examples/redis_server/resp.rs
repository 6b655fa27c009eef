//! RESP, the protocol of Redis, without I/O: from bytes to requests.
//!
//! A request is an array of bulk strings, or a line of words. Its arguments stay where they are, in the buffer that was
//! read into: parsing finds their places and copies nothing. A request may arrive in any number of pieces. [`Parser`]
//! goes on where it stopped, so no byte is looked at twice.
//!
//! ```text
//! *2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n          ECHO hello\r\n
//! ```
//!
//! Source: "Redis serialization protocol specification".

use std::cell::Cell;
use std::fmt;

use super::request::{Args, Request, Span, small};
use super::words::words;

/// The limits of a request. A request that exceeds one is a protocol error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The bytes of a line: a line of words, or the line before an argument.
    pub(crate) line: usize,
    pub(crate) arguments: usize,
    /// The bytes of an argument.
    pub(crate) bulk: usize,
    /// The bytes of a request. Less than 4 GiB.
    pub(crate) request: usize,
}

/// The limits of Redis.
impl Default for Limits {
    fn default() -> Self {
        Self { line: 64 << 10, arguments: 1 << 20, bulk: 512 << 20, request: 1 << 30 }
    }
}

/// What a parser has found.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// More bytes are needed.
    Part,
    /// A request of this many bytes. The parser has its arguments.
    Whole(usize),
    /// A line of this many bytes, and its words.
    Line(usize, Request),
    /// An empty request of this many bytes.
    Nothing(usize),
}

/// Why bytes are no request. After such an error, the start of the next request is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    LongLine(&'static str),
    Arguments,
    Bulk,
    NoBulk(u8),
    Quotes,
    Request,
}

/// The message that Redis sends.
impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LongLine(what) => write!(f, "too big {what}"),
            Self::Arguments => f.write_str("invalid multibulk length"),
            Self::Bulk => f.write_str("invalid bulk length"),
            // What is printed must stay on its line.
            Self::NoBulk(b'\r' | b'\n') => f.write_str("expected '$', got ' '"),
            Self::NoBulk(got) => write!(f, "expected '$', got '{}'", char::from(*got)),
            Self::Quotes => f.write_str("unbalanced quotes in request"),
            Self::Request => f.write_str("too big request"),
        }
    }
}

/// A parser of requests. Empty between two requests.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The arguments found so far.
    spans: Vec<Span>,
    /// The first byte that is not parsed yet.
    next: u32,
    /// The number of bytes from there on in which no end of a line was found.
    searched: u32,
    /// The number of arguments that are missing. 0 between two requests.
    missing: u32,
    /// The length of the next argument, if its line has come.
    length: Option<u32>,
}

impl Parser {
    /// Looks for a request at the start of `bytes`. If it is not complete, call again with the same bytes and those that
    /// follow.
    ///
    /// After a request, call [`next`](Self::next), and remove the bytes of the request from the front.
    pub(crate) fn parse(&mut self, bytes: &[u8], limits: &Limits) -> Result<Parsed, ProtocolError> {
        if self.missing == 0 {
            match bytes.first() {
                None => return Ok(Parsed::Part),
                Some(b'*') => {}
                Some(_) => return self.parse_words(bytes, limits),
            }
            let Some(line) = self.line(bytes, limits, "mbulk count string")? else { return Ok(Parsed::Part) };
            let count = integer(&line[1..]).ok_or(ProtocolError::Arguments)?;
            self.missing = match u32::try_from(count) {
                Ok(count) if count as usize <= limits.arguments => count,
                Err(_) if count < 0 => 0,
                _ => return Err(ProtocolError::Arguments),
            };
            if self.missing == 0 {
                return Ok(Parsed::Nothing(self.next as usize));
            }
        }
        while self.missing > 0 {
            if !self.parse_bulk(bytes, limits)? {
                return Ok(Parsed::Part);
            }
        }
        Ok(Parsed::Whole(self.next as usize))
    }

    /// Parses an argument. Returns `false` if more bytes are needed.
    #[inline]
    fn parse_bulk(&mut self, bytes: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        let length = match self.length {
            Some(length) => length,
            None => {
                let Some(line) = self.line(bytes, limits, "bulk count string")? else { return Ok(false) };
                let [b'$', digits @ ..] = line else {
                    return Err(ProtocolError::NoBulk(line.first().copied().unwrap_or(b'\r')));
                };
                let length = integer(digits).and_then(|length| u32::try_from(length).ok());
                let length = length.filter(|length| *length as usize <= limits.bulk).ok_or(ProtocolError::Bulk)?;
                if self.next as usize + length as usize > limits.request {
                    return Err(ProtocolError::Request);
                }
                *self.length.insert(length)
            }
        };
        let end = self.next + length;
        if bytes.len() < end as usize + 2 {
            return Ok(false);
        }
        self.spans.push(Span { start: self.next, end });
        (self.next, self.missing, self.length) = (end + 2, self.missing - 1, None);
        Ok(true)
    }

    /// The line that starts at the next byte, without its end. `None` if its end has not come.
    #[inline]
    fn line<'b>(
        &mut self,
        bytes: &'b [u8],
        limits: &Limits,
        what: &'static str,
    ) -> Result<Option<&'b [u8]>, ProtocolError> {
        let start = self.next as usize;
        let rest = &bytes[start..];
        let searched = self.searched as usize;
        let end = rest[searched..].iter().position(|byte| *byte == b'\r').map(|end| searched + end);
        match end {
            Some(end) if end > limits.line => Err(ProtocolError::LongLine(what)),
            Some(end) if end + 1 < rest.len() => {
                (self.next, self.searched) = (small(start + end + 2), 0);
                Ok(Some(&rest[..end]))
            }
            Some(end) => {
                self.searched = small(end);
                Ok(None)
            }
            None if rest.len() > limits.line => Err(ProtocolError::LongLine(what)),
            None => {
                self.searched = small(rest.len());
                Ok(None)
            }
        }
    }

    /// Parses a line of words, as a person types it.
    fn parse_words(&mut self, bytes: &[u8], limits: &Limits) -> Result<Parsed, ProtocolError> {
        let searched = self.searched as usize;
        let end = memchr::memchr(b'\n', &bytes[searched..]).map(|end| searched + end);
        if end.unwrap_or(bytes.len()) > limits.line {
            return Err(ProtocolError::LongLine("inline request"));
        }
        let Some(end) = end else {
            self.searched = small(bytes.len());
            return Ok(Parsed::Part);
        };
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
        let words = words(line).ok_or(ProtocolError::Quotes)?;
        Ok(if words.is_empty() { Parsed::Nothing(end + 1) } else { Parsed::Line(end + 1, Request::of_words(&words)) })
    }

    /// The arguments of the request that was found in `bytes`.
    #[inline]
    pub(crate) fn args<'a>(&'a self, bytes: &'a [u8]) -> Args<'a> {
        Args::new(bytes, &self.spans)
    }

    /// Prepares for the next request.
    #[inline]
    pub(crate) fn next(&mut self) {
        self.spans.clear();
        (self.next, self.searched, self.missing, self.length) = (0, 0, 0, None);
    }

    /// Borrows room for arguments, unless a request has begun. So an idle connection holds none.
    #[inline]
    pub(crate) fn borrow_room(&mut self, spare: &Cell<Vec<Span>>) {
        if self.spans.capacity() == 0 {
            self.spans = spare.take();
        }
    }

    /// Gives the room back, unless a request has begun.
    #[inline]
    pub(crate) fn return_room(&mut self, spare: &Cell<Vec<Span>>) {
        if self.spans.is_empty() && self.spans.capacity() <= KEPT {
            spare.set(std::mem::take(&mut self.spans));
        } else {
            self.spans.shrink_to_fit();
        }
    }
}

/// The room for arguments that is kept for the next request. More is freed.
const KEPT: usize = 4096;

/// Parses an integer in its canonical form: no plus sign, and no leading zeros.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'0'] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if !matches!(digits, [b'1'..=b'9', ..]) || digits.len() > 19 {
        return None;
    }
    let mut number: u64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u64::from(digit - b'0'); // 19 digits fit
    }
    if is_negative { 0i64.checked_sub_unsigned(number) } else { number.try_into().ok() }
}
