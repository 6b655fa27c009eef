//! The operations of an open file. `attempts.rs` says what each does when it is resumed.

use core::fmt;
use std::fs::Metadata;
use std::io::{self, SeekFrom};

use super::file::File;
use super::request::{Extent, Moves, Request};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Stateless};
use crate::net::Buffer;
use crate::task::{Await, Awaitable, Progress};

impl File {
    /// Reads bytes at the file's position, and appends them to `buffer`. Returns their number: 0 at the end of the file.
    ///
    /// A read brings 64 KiB at most. It brings fewer at the end of the file, if the buffer has less room, or if only the
    /// first of them are in the page cache.
    ///
    /// # Errors
    ///
    /// Awaiting it raises `StorageFull` if the buffer has reached its limit, and the system's errors, with a note that names
    /// the path.
    pub fn read<'a>(&'a mut self, buffer: &'a mut Buffer) -> impl Awaitable<Return = usize> + Stateless + 'a {
        FileOperation::new("read", move |sent| {
            let position = self.position();
            self.attempt_read(sent, position, Moves::Yes, buffer)
        })
    }

    /// Reads bytes at `offset`, and appends them to `buffer`. Returns their number: 0 at the end of the file. The file's
    /// position stays.
    ///
    /// ```
    /// use innermost::fs::{self, OpenOptions};
    /// use innermost::{Buffer, EventLoop, Step, from_fn, yield_from};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let mut manifest = event_loop.run_until_complete(fs::open("Cargo.toml", OpenOptions::new().read(true)))?;
    /// let name = event_loop.run_until_complete(from_fn(move |mut sent| {
    ///     let mut buffer = Buffer::with_limit(9);
    ///     yield_from!(manifest.read_at(18, &mut buffer), sent)?;
    ///     Ok(Step::Return(buffer))
    /// }))?;
    /// assert_eq!(name.bytes(), b"innermost");
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it raises the errors of [`read`](Self::read).
    pub fn read_at<'a>(
        &'a mut self,
        offset: u64,
        buffer: &'a mut Buffer,
    ) -> impl Awaitable<Return = usize> + Stateless + 'a {
        FileOperation::new("read_at", move |sent| self.attempt_read(sent, offset, Moves::No, buffer))
    }

    /// Writes all of `buffer` at the file's position, or at the end if the file was opened to
    /// [`append`](super::OpenOptions::append). Once it returns, the system has the bytes: every other reader of the file sees
    /// them. [`sync_data`](Self::sync_data) brings them to the disk.
    ///
    /// The bytes move into the thread, and the buffer is empty meanwhile. If writing fails or is cancelled, the buffer
    /// gets back what was not written. [`File`] has an example.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the system's errors, with a note that names the path: `StorageFull` if the disk is full, for
    /// example.
    pub fn write_all<'a>(&'a mut self, buffer: &'a mut Buffer) -> impl Awaitable<Return = ()> + Stateless + 'a {
        FileOperation::new("write_all", move |sent| {
            let at = (!self.appends).then_some(self.position());
            self.attempt_write(sent, Request::Write(at, Moves::Yes), buffer)
        })
    }

    /// Writes all of `buffer` at `offset`. The file's position stays.
    ///
    /// # Errors
    ///
    /// Awaiting it raises `InvalidInput` if the file was opened to append, and the errors of
    /// [`write_all`](Self::write_all).
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::fs;
    /// use innermost::{Buffer, EventLoop, Step, from_fn, yield_from};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let mut file = event_loop.run_until_complete(fs::temp_file())?;
    /// let (mut text, mut buffer) = (Buffer::from(b"abc".to_vec()), Buffer::new());
    /// let count = event_loop.run_until_complete(from_fn(move |mut sent| {
    ///     yield_from!(file.write_all_at(2, &mut text), sent)?;
    ///     yield_from!(file.read(&mut buffer), sent)?;
    ///     Ok(Step::Return(buffer.bytes().to_vec()))
    /// }))?;
    /// assert_eq!(count, b"\0\0abc");
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn write_all_at<'a>(
        &'a mut self,
        offset: u64,
        buffer: &'a mut Buffer,
    ) -> impl Awaitable<Return = ()> + Stateless + 'a {
        FileOperation::new("write_all_at", move |sent| {
            if self.appends {
                let text = "a file that was opened to append is written at its end only";
                return Err(self.place("writing").raise(io::Error::new(io::ErrorKind::InvalidInput, text)));
            }
            self.attempt_write(sent, Request::Write(Some(offset), Moves::No), buffer)
        })
    }

    /// Moves the file's position, and returns the new one. Only [`SeekFrom::End`] needs a thread, which asks for the length.
    ///
    /// A position beyond the end is allowed. A write there leaves a hole of zeros.
    ///
    /// ```
    /// use innermost::fs::{self, OpenOptions};
    /// use innermost::{EventLoop, Step, from_fn, yield_from};
    /// use std::io::SeekFrom;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let mut manifest = event_loop.run_until_complete(fs::open("Cargo.toml", OpenOptions::new().read(true)))?;
    /// let length = event_loop.run_until_complete(from_fn(move |mut sent| {
    ///     yield_from!(manifest.seek(SeekFrom::End(0)), sent).map(Step::Return)
    /// }))?;
    /// assert_eq!(length, std::fs::metadata("Cargo.toml")?.len());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it raises `InvalidInput` for a position before the beginning, or beyond what the system can count. The
    /// position then stays.
    pub fn seek(&mut self, to: SeekFrom) -> impl Awaitable<Return = u64> + Stateless + '_ {
        FileOperation::new("seek", move |sent| self.attempt_seek(sent, to))
    }

    /// Makes the file as long as `length`: cuts it, or adds zeros. The position stays.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the system's errors: `InvalidInput` if the file is not open for writing.
    pub fn set_len(&mut self, length: u64) -> impl Awaitable<Return = ()> + Stateless + '_ {
        FileOperation::new("set_len", move |sent| self.attempt_done(sent, Request::SetLength(length)))
    }

    /// Waits until everything that was written, and the metadata, are on the disk (`fsync(2)`).
    ///
    /// # Errors
    ///
    /// Awaiting it raises the system's errors. What was written before may then be lost.
    pub fn sync_all(&mut self) -> impl Awaitable<Return = ()> + Stateless + '_ {
        FileOperation::new("sync_all", move |sent| self.attempt_done(sent, Request::Sync(Extent::All)))
    }

    /// Waits until everything that was written is on the disk, with the metadata that reading it needs (`fdatasync(2)`).
    ///
    /// # Errors
    ///
    /// Awaiting it raises the system's errors. What was written before may then be lost.
    pub fn sync_data(&mut self) -> impl Awaitable<Return = ()> + Stateless + '_ {
        FileOperation::new("sync_data", move |sent| self.attempt_done(sent, Request::Sync(Extent::Data)))
    }

    /// Returns the file's length, times, permissions and so on.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the system's errors.
    pub fn metadata(&mut self) -> impl Awaitable<Return = Metadata> + Stateless + '_ {
        FileOperation::new("metadata", move |sent| self.attempt_metadata(sent))
    }
}

/// An operation of a file, made from its attempt. Unlike the operations of sockets, it sees what is thrown in: a job that
/// has not begun gives back what was moved into it.
#[must_use = "an operation does nothing until it is awaited"]
struct FileOperation<F> {
    name: &'static str,
    attempt: F,
}

impl<F, T> FileOperation<F>
where
    F: FnMut(Result<(), Exception>) -> Progress<T>,
{
    const fn new(name: &'static str, attempt: F) -> Self {
        Self { name, attempt }
    }
}

impl<F, T> Coroutine for FileOperation<F>
where
    F: FnMut(Result<(), Exception>) -> Progress<T>,
{
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        (self.attempt)(sent)
    }

    fn state(&self) -> State<'_> {
        State::new(self.name, &"waiting")
    }
}

/// What lasts is in the file.
impl<F, T> Stateless for FileOperation<F>
where
    F: FnMut(Result<(), Exception>) -> Progress<T>,
{
    const MAY_ENTER_SCOPES: bool = false;
}

impl<F> fmt::Debug for FileOperation<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
