//! [`Lines`] and [`ByteLines`]: a file, line by line.
//!
//! A line that is there already costs a search for its end and a copy. A job for each line would cost a hundred times as
//! much, so at least [`MEMORY`] bytes are fetched at once.

use core::fmt;
use std::io::{self, ErrorKind};

use super::attempts::Room;
use super::file::File;
use super::request::Moves;
use crate::async_iter::AsyncIterator;
use crate::coroutine::{Exception, Step, take_sent};
use crate::event_loop::{MEMORY, SpareMemory};
use crate::task::Progress;

impl File {
    /// Reads the file line by line, from its position on. The lines are text, without the newline (`\n` or `\r\n`).
    ///
    /// 64 KiB or more are fetched at once. A line may have any length, and is in memory as a whole.
    ///
    /// ```
    /// use innermost::async_iter::AsyncIterator;
    /// use innermost::fs::{self, Lines, Open, OpenOptions};
    /// use innermost::{Exception, Machine, machine, run, yield_from};
    ///
    /// /// Finds the first line with a word in it.
    /// struct Find(&'static str);
    ///
    /// machine!(
    ///     impl Machine for Find {
    ///         type State = Phase;
    ///         type Return = Option<String>;
    ///
    ///         fn Opening(&mut self, opened: Outcome<Open>) -> Next<Reading> {
    ///             to(Reading(opened?.lines()))
    ///         }
    ///
    ///         fn Reading(&mut self, sent: Sent, lines: &mut Lines) -> Next<End> {
    ///             match yield_from!(lines.next(), sent)? {
    ///                 Some(line) if !line.contains(self.0) => stay(),
    ///                 found => end(found),
    ///             }
    ///         }
    ///     }
    /// );
    ///
    /// let opening = fs::open("Cargo.toml", OpenOptions::new().read(true));
    /// let found = run(Find("name").start(Phase::Opening(opening)))?;
    /// assert_eq!(found.as_deref(), Some("name = \"innermost\""));
    /// # Ok::<(), Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting a line raises the errors of [`read`](Self::read), and `InvalidData` if the line is not UTF-8. The next line is
    /// then behind it.
    pub fn lines(self) -> Lines {
        Lines(Reader::new(self))
    }

    /// Reads the file line by line, from its position on. The lines are bytes, without the `\n`.
    ///
    /// ```
    /// use innermost::async_iter::AsyncIterator;
    /// use innermost::fs::{self, OpenOptions};
    /// use innermost::{CoroutineExt, run};
    ///
    /// let opening = fs::open("Cargo.toml", OpenOptions::new().read(true));
    /// let lines = run(opening.then(|manifest| manifest.byte_lines().collect::<Vec<_>>()))?;
    /// assert_eq!(lines[0], b"[package]");
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting a line raises the errors of [`read`](Self::read).
    pub fn byte_lines(self) -> ByteLines {
        ByteLines(Reader::new(self))
    }
}

/// The lines of a file, as text. Returned by [`File::lines`].
#[must_use = "an async iterator does nothing until its items are awaited"]
pub struct Lines(Reader);

/// The lines of a file, as bytes. Returned by [`File::byte_lines`].
#[must_use = "an async iterator does nothing until its items are awaited"]
pub struct ByteLines(Reader);

impl Lines {
    /// Returns the file. Its position is where the next line begins.
    pub fn into_file(self) -> File {
        self.0.into_file()
    }
}

impl ByteLines {
    /// Returns the file. Its position is where the next line begins.
    pub fn into_file(self) -> File {
        self.0.into_file()
    }
}

impl AsyncIterator for Lines {
    type Item = String;

    fn resume_next(&mut self, sent: Result<(), Exception>) -> Progress<Option<String>> {
        let line = match self.0.next_line(sent)? {
            Step::Return(None) => return Ok(Step::Return(None)),
            Step::Return(Some(Line { bytes, has_newline: true })) => bytes.strip_suffix(b"\r").unwrap_or(bytes),
            Step::Return(Some(line)) => line.bytes,
            Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
            Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
        };
        match str::from_utf8(line) {
            Ok(line) => Ok(Step::Return(Some(line.to_owned()))),
            Err(error) => Err(self.0.file.place("reading").raise(io::Error::new(ErrorKind::InvalidData, error))),
        }
    }
}

impl AsyncIterator for ByteLines {
    type Item = Vec<u8>;

    fn resume_next(&mut self, sent: Result<(), Exception>) -> Progress<Option<Vec<u8>>> {
        Ok(match self.0.next_line(sent)? {
            Step::Return(line) => Step::Return(line.map(|line| line.bytes.to_vec())),
            Step::Yield(wanted) => Step::Yield(wanted),
            Step::Delegate(frame) => Step::Delegate(frame),
        })
    }
}

/// A file, and the bytes that were read ahead.
struct Reader {
    file: File,
    ahead: Ahead,
    has_ended: bool,
}

/// A line without its newline, which only the last line may lack.
struct Line<'a> {
    bytes: &'a [u8],
    has_newline: bool,
}

/// Bytes that were read and not returned as lines.
#[derive(Default)]
struct Ahead {
    memory: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where there is no newline.
    searched: usize,
    end: usize,
}

impl Reader {
    fn new(file: File) -> Self {
        Self { file, ahead: Ahead::default(), has_ended: false }
    }

    /// Returns the next line, without its newline.
    fn next_line(&mut self, mut sent: Result<(), Exception>) -> Progress<Option<Line<'_>>> {
        if !self.file.is_busy() {
            // Before a line is taken, which would be lost.
            take_sent(&mut sent)?;
        }
        let (bounds, has_newline) = loop {
            if let Some(bounds) = self.ahead.take_line() {
                break (Some(bounds), true);
            }
            if self.has_ended {
                break (self.ahead.take_rest(), false);
            }
            let offset = self.file.position();
            let sent = core::mem::replace(&mut sent, Ok(()));
            match self.file.attempt_read(sent, offset, Moves::Yes, &mut self.ahead)? {
                Step::Return(count) => self.has_ended = count == 0,
                Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
                Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
            }
        };
        let memory = &self.ahead.memory;
        Ok(Step::Return(bounds.map(|(start, end)| Line { bytes: &memory[start..end], has_newline })))
    }

    fn into_file(mut self) -> File {
        let ahead = (self.ahead.end - self.ahead.start) as u64;
        self.file.set_position(self.file.position() - ahead);
        self.file
    }
}

impl Ahead {
    /// The bounds of the next line, if all of it is here.
    fn take_line(&mut self) -> Option<(usize, usize)> {
        match memchr::memchr(b'\n', &self.memory[self.searched..self.end]) {
            Some(length) => {
                let (start, end) = (self.start, self.searched + length);
                self.start = end + 1;
                self.searched = self.start;
                Some((start, end))
            }
            None => {
                self.searched = self.end;
                None
            }
        }
    }

    /// The bounds of a last line without a newline.
    fn take_rest(&mut self) -> Option<(usize, usize)> {
        let rest = (self.start, self.end);
        self.start = self.end;
        (rest.0 < rest.1).then_some(rest)
    }
}

impl Room for Ahead {
    fn fill<R>(&mut self, _: &SpareMemory, read: impl FnOnce(&mut [u8]) -> (usize, R)) -> Result<R, Exception> {
        if self.memory.len() - self.end < MEMORY {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched -= self.start;
            self.start = 0;
            if self.memory.len() - self.end < MEMORY {
                // A line that is longer than all memory doubles it.
                self.memory.resize((2 * self.memory.len()).max(2 * MEMORY), 0);
            }
        }
        let (count, result) = read(&mut self.memory[self.end..]);
        self.end += count;
        Ok(result)
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({:?})", self.0.file)
    }
}

impl fmt::Debug for ByteLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteLines({:?})", self.0.file)
    }
}
