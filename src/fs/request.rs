//! What a thread does with an open file, and what it hands back.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Seek as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::options::explained;
use super::work::{Patience, Stop};
use crate::event_loop::Memory;
use crate::net::Buffer;

/// What is asked of an open file. Two requests are equal if the answer to one is an answer to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// With the position to read from, and whether the file's own position moves.
    Read(u64, Moves),
    /// With the position to write to. `None` for the end of the file.
    Write(Option<u64>, Moves),
    SetLength(u64),
    Sync(Extent),
    Metadata,
}

/// Whether an operation moves the position of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moves {
    Yes,
    No,
}

/// What is written to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Data,
    All,
}

/// What moves into the thread.
pub(super) enum Input {
    /// Memory to read into, and how much of it.
    Memory(Memory, usize),
    /// Bytes to write.
    Bytes(Buffer),
    Nothing,
}

/// What comes back.
pub(super) enum Answer {
    Read(Memory, io::Result<usize>),
    Written(Written),
    Done(io::Result<()>),
    Metadata(io::Result<Metadata>),
}

/// The outcome of a write, which may have written a part.
pub(super) struct Written {
    /// All bytes, with those that were written.
    pub(super) bytes: Buffer,
    pub(super) count: usize,
    /// The position behind what was appended.
    pub(super) end: Option<u64>,
    pub(super) result: io::Result<()>,
}

impl Request {
    pub(super) const fn patience(self) -> Patience {
        match self {
            Self::Write(..) | Self::SetLength(_) => Patience::WaitsForEnd,
            Self::Read(..) | Self::Sync(_) | Self::Metadata => Patience::Leaves,
        }
    }

    /// Names the operation in errors.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Read(..) => "reading",
            Self::Write(..) => "writing",
            Self::SetLength(_) => "setting the length of",
            Self::Sync(_) => "syncing",
            Self::Metadata => "reading the metadata of",
        }
    }
}

/// Does what is asked, in a thread. The descriptor is dropped before anybody learns the outcome.
pub(super) fn perform(file: Arc<File>, request: Request, input: Input, stop: &Stop) -> Answer {
    match (request, input) {
        (Request::Read(offset, _), Input::Memory(mut memory, size)) => {
            let read = repeated(|| file.read_at(&mut memory[..size], offset));
            Answer::Read(memory, read.map_err(explained))
        }
        (Request::Write(at, _), Input::Bytes(bytes)) => Answer::Written(write(&file, at, bytes, stop)),
        (Request::SetLength(length), _) => Answer::Done(file.set_len(length)),
        (Request::Sync(Extent::Data), _) => Answer::Done(file.sync_data()),
        (Request::Sync(Extent::All), _) => Answer::Done(file.sync_all()),
        (Request::Metadata, _) => Answer::Metadata(file.metadata()),
        (Request::Read(..) | Request::Write(..), _) => unreachable!("the input belongs to the request"),
    }
}

/// Writes all bytes, piece by piece, so that a long write can be stopped.
fn write(file: &File, at: Option<u64>, bytes: Buffer, stop: &Stop) -> Written {
    let mut count = 0;
    let result = loop {
        let rest = &bytes.bytes()[count..];
        if rest.is_empty() {
            break Ok(());
        }
        let piece = &rest[..rest.len().min(PIECE)];
        let written = stop.check().and_then(|()| {
            repeated(|| match at {
                Some(at) => file.write_at(piece, at.saturating_add(count as u64)),
                // Only Linux appends where a position is given.
                None => (&*file).write(piece),
            })
        });
        match written {
            Ok(0) => break Err(ErrorKind::WriteZero.into()),
            Ok(written) => count += written,
            Err(error) => break Err(explained(error)),
        }
    };
    let end = at.map_or_else(|| (&*file).stream_position().ok(), |_| None);
    Written { bytes, count, end, result }
}

/// How many bytes a job reads or writes before it asks whether anybody still waits for it. That takes a millisecond.
pub(super) const PIECE: usize = 1 << 20;

/// Repeats a system call that a signal has interrupted.
pub(super) fn repeated<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[test]
fn an_interrupted_call_is_repeated_and_any_other_error_is_not() {
    let mut results = vec![Err(ErrorKind::NotFound), Ok(7), Err(ErrorKind::Interrupted), Err(ErrorKind::Interrupted)];
    let mut call = || repeated(|| results.pop().expect("it is not called again").map_err(io::Error::from));
    assert_eq!(call().unwrap(), 7);
    assert_eq!(call().unwrap_err().kind(), ErrorKind::NotFound);
}
