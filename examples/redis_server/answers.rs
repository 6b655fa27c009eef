//! Answers in RESP2 and RESP3: from values to bytes.
//!
//! RESP3 has more types than RESP2. In RESP2, a map is an array of its keys and values, a set and a push are arrays, and a
//! number with a fraction is a string.

use std::io::Write;

use super::floats;

/// The version of the protocol. A client begins with RESP2, and chooses another with `HELLO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// Writes answers to memory. That never fails.
pub(crate) struct Answers<'a> {
    out: &'a mut dyn Write,
    protocol: Protocol,
}

impl<'a> Answers<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// A word or two, such as `OK`.
    #[inline]
    pub(crate) fn simple(&mut self, text: &str) {
        let mut line = Line::new(b'+');
        line.push(text.as_bytes());
        self.raw(line.end());
    }

    pub(crate) fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// An error. Its first word is its kind.
    pub(crate) fn error(&mut self, text: &str) {
        self.raw(b"-");
        // The text may have come from a client.
        for byte in text.bytes() {
            self.raw(&[if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }]);
        }
        self.raw(b"\r\n");
    }

    #[inline]
    pub(crate) fn integer(&mut self, number: i64) {
        let mut line = Line::new(b':');
        line.push_integer(number);
        self.raw(line.end());
    }

    /// A number with a fraction.
    pub(crate) fn double(&mut self, number: f64) {
        let text = floats::text(number);
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => self.raw(format!(",{text}\r\n").as_bytes()),
        }
    }

    pub(crate) fn double_or_nil(&mut self, number: Option<f64>) {
        match number {
            Some(number) => self.double(number),
            None => self.nil(),
        }
    }

    /// The number of elements or bytes.
    pub(crate) fn count(&mut self, count: usize) {
        self.integer(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A string of any bytes.
    #[inline]
    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        let mut line = Line::new(b'$');
        line.push_integer(bytes.len() as i64);
        let head = line.end();
        let whole = head.len() + bytes.len() + 2;
        if whole <= line.bytes.len() {
            let start = line.length;
            line.bytes[start..whole - 2].copy_from_slice(bytes);
            line.length = whole - 2;
            return self.raw(line.end());
        }
        self.raw(line.so_far());
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    /// A string, or nil.
    pub(crate) fn bulk_or_nil(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.nil(),
        }
    }

    /// Text for people, of several lines.
    pub(crate) fn text(&mut self, text: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => {
                self.head(b'=', text.len() + 4);
                self.raw(b"txt:");
                self.raw(text.as_bytes());
                self.raw(b"\r\n");
            }
        }
    }

    /// Nil in place of a string.
    pub(crate) fn nil(&mut self) {
        self.raw(if self.protocol == Protocol::Resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// Nil in place of an array.
    pub(crate) fn nil_array(&mut self) {
        self.raw(if self.protocol == Protocol::Resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The head of an array, whose elements follow.
    pub(crate) fn array(&mut self, length: usize) {
        self.head(b'*', length);
    }

    /// The head of a map. Its keys and values follow by turns.
    pub(crate) fn map(&mut self, length: usize) {
        match self.protocol {
            Protocol::Resp2 => self.head(b'*', 2 * length),
            Protocol::Resp3 => self.head(b'%', length),
        }
    }

    /// The head of a set, whose members follow.
    pub(crate) fn set(&mut self, length: usize) {
        self.head(if self.protocol == Protocol::Resp3 { b'~' } else { b'*' }, length);
    }

    /// Whether a list of pairs is an array of arrays, as in RESP3, or one flat array.
    pub(crate) fn pairs_are_nested(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// The head of something that answers no request, such as a message. Its elements follow.
    pub(crate) fn push(&mut self, length: usize) {
        self.head(if self.protocol == Protocol::Resp3 { b'>' } else { b'*' }, length);
    }

    fn head(&mut self, kind: u8, length: usize) {
        let mut line = Line::new(kind);
        line.push_integer(length as i64);
        self.raw(line.end());
    }

    /// An answer that is complete.
    #[inline]
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        // It is memory.
        let _ = self.out.write_all(bytes);
    }
}

/// A short answer, which is put together on the stack.
struct Line {
    bytes: [u8; 64],
    length: usize,
}

impl Line {
    #[inline]
    fn new(kind: u8) -> Self {
        let mut bytes = [0; 64];
        bytes[0] = kind;
        Self { bytes, length: 1 }
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    #[inline]
    fn push_integer(&mut self, number: i64) {
        self.push(Digits::of(number).bytes());
    }

    #[inline]
    fn end(&mut self) -> &[u8] {
        self.push(b"\r\n");
        self.so_far()
    }

    fn so_far(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// An integer as text.
pub(crate) struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    #[inline]
    pub(crate) fn of(number: i64) -> Self {
        let mut digits = Self { bytes: [0; 20], start: 20 };
        let mut rest = number.unsigned_abs();
        loop {
            digits.push(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            digits.push(b'-');
        }
        digits
    }

    fn push(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
