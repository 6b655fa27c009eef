//! [`ByteRead`] and [`ByteWrite`]: anything that bytes can be read from or written to without blocking.
//!
//! Write a machine once, against [`ByteStream`](super::ByteStream), and it runs over TCP, Unix sockets, pipes, and, in
//! tests, over memory.
//!
//! A stream implements *attempts*: functions that either make progress now or say what to wait for. The operations, which
//! are coroutines, are built from attempts here, once for all streams. An attempt keeps no state, so an operation keeps
//! none either: a machine makes it afresh at each resume, at the cost of the attempt. Whatever must survive between two
//! resumes (how much has been sent, how much has been filled) lives in the argument of the operation: a [`Buffer`], a
//! [`Cursor`], an [`Outgoing`].
//!
//! Attempts take `&self`, so one task can read while another writes, and they are all that a `dyn ByteRead` needs. The
//! operations return unnamed types, so a trait object does not have them. Call them on `&S`, `Rc<S>` or `Box<S>`, which
//! are streams too, even if `S` is unsized.

use std::io::{self, Cursor, IoSlice};

use super::{Buffer, FilePart, Outgoing};
use crate::coroutine::{Exception, Stateless, Step};
use crate::event_loop::{Operation, SpareMemory, find_running};
use crate::task::{Awaitable, Progress};

/// Evaluates to the result of an attempt. Returns from the function if the attempt has to wait.
macro_rules! attempted {
    ($attempt:expr) => {
        match $attempt? {
            Step::Return(value) => value,
            Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
            Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
        }
    };
}
pub(super) use attempted;

/// The number of slices that one vectored write passes to the system.
const SLICES: usize = 32;

/// A source of bytes.
///
/// One task at a time can wait for bytes. A second one gets a `RuntimeError`; the first keeps waiting.
///
/// # Implementing
///
/// [`attempt_recv`](Self::attempt_recv) is enough. Override the other methods only if the stream has a faster way.
pub trait ByteRead {
    /// Reads into `bytes` and returns the number of bytes read, or says what to wait for.
    ///
    /// Returns 0 only at the end of the stream, where every further call returns 0 too, and if `bytes` is empty.
    ///
    /// # Errors
    ///
    /// Returns the stream's error as an [`io::Error`], or a `RuntimeError` if the stream needs an event loop and none
    /// is running.
    fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize>;

    /// Appends bytes to `buffer` and returns how many, or says what to wait for. Returns 0 only at the end of the stream.
    ///
    /// # Errors
    ///
    /// Returns `StorageFull` if the buffer has reached its limit, and otherwise the errors of
    /// [`attempt_recv`](Self::attempt_recv).
    fn attempt_read(&self, buffer: &mut Buffer) -> Progress<usize> {
        let mut read_with = |spare: &SpareMemory| {
            buffer.fill_by(spare, |room| {
                let attempt = self.attempt_recv(room);
                (if let Ok(Step::Return(count)) = &attempt { *count } else { 0 }, attempt)
            })
        };
        let attempt = match find_running() {
            Some(event_loop) => read_with(event_loop.spare_memory()),
            // A stream in memory can be driven by hand, without a loop.
            None => read_with(&SpareMemory::new()),
        };
        if let Ok(Step::Yield(wanted)) = &attempt {
            buffer.about_to_wait_for(wanted);
        }
        attempt
    }

    /// Reads into `bytes` and returns the number of bytes read. Waits if there is nothing to read. Returns 0 at the end of
    /// the stream, and if `bytes` is empty. asyncio's `sock_recv_into`.
    ///
    /// Raises the stream's [`io::Error`].
    ///
    /// ```
    /// use innermost::testing::{memory_pair, virtual_loop};
    /// use innermost::{ByteRead, ByteWrite, Step, from_fn, yield_from};
    ///
    /// let (near, far) = memory_pair();
    /// let event_loop = virtual_loop()?;
    /// event_loop.create_task(from_fn(move |mut sent| yield_from!(near.send(b"hello"), sent).map(Step::Return)))?;
    /// let mut bytes = [0; 4];
    /// let received = event_loop.run_until_complete(from_fn(move |mut sent| {
    ///     let count = yield_from!(far.recv(&mut bytes), sent)?;
    ///     Ok(Step::Return(bytes[..count].to_vec()))
    /// }))?;
    /// assert_eq!(received, b"hell");
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    #[inline]
    fn recv<'a>(&'a self, bytes: &'a mut [u8]) -> impl Awaitable<Return = usize> + Stateless + 'a
    where
        Self: Sized,
    {
        Operation::new("recv", move || self.attempt_recv(bytes))
    }

    /// Appends bytes to `buffer` and returns how many. Waits if there is nothing to read. Returns 0 at the end of the
    /// stream. asyncio's `sock_recv`.
    ///
    /// Raises the stream's [`io::Error`], or one of kind `StorageFull` if the buffer has reached its limit.
    ///
    /// ```
    /// use innermost::{Await, Buffer, ByteRead, Exception, Step, yield_from};
    ///
    /// /// Reads to the end of the stream. The machine keeps the buffer.
    /// fn read_to_end(
    ///     stream: &impl ByteRead,
    ///     buffer: &mut Buffer,
    ///     mut sent: Result<(), Exception>,
    /// ) -> Result<Step<Await, (), Vec<u8>>, Exception> {
    ///     while yield_from!(stream.read(buffer), sent)? > 0 {}
    ///     Ok(Step::Return(buffer.bytes().to_vec()))
    /// }
    /// ```
    #[inline]
    fn read<'a>(&'a self, buffer: &'a mut Buffer) -> impl Awaitable<Return = usize> + Stateless + 'a
    where
        Self: Sized,
    {
        Operation::new("read", move || self.attempt_read(buffer))
    }

    /// Reads until `buffer` holds at least `count` bytes. A read may bring more; the surplus stays in the buffer for the
    /// next operation.
    ///
    /// Raises an [`io::Error`]: of kind `UnexpectedEof` if the stream ends early, of kind `StorageFull` if the buffer's
    /// limit is less than `count`, or the stream's own error. The bytes read so far are in the buffer in any
    /// case.
    ///
    /// ```
    /// use innermost::{Await, Buffer, ByteRead, Exception, Step, yield_from};
    ///
    /// /// A message: its length, in two bytes, and its bytes.
    /// fn message(
    ///     stream: &impl ByteRead,
    ///     buffer: &mut Buffer,
    ///     mut sent: Result<(), Exception>,
    /// ) -> Result<Step<Await, (), Vec<u8>>, Exception> {
    ///     yield_from!(stream.fill(buffer, 2), sent)?;
    ///     let end = 2 + usize::from(u16::from_be_bytes([buffer.bytes()[0], buffer.bytes()[1]]));
    ///     yield_from!(stream.fill(buffer, end), sent)?;
    ///     let message = buffer.bytes()[2..end].to_vec();
    ///     buffer.consume(end);
    ///     Ok(Step::Return(message))
    /// }
    /// ```
    fn fill<'a>(&'a self, buffer: &'a mut Buffer, count: usize) -> impl Awaitable<Return = ()> + Stateless + 'a
    where
        Self: Sized,
    {
        Operation::new("fill", move || {
            while buffer.len() < count {
                if attempted!(self.attempt_read(buffer)) == 0 {
                    return Err(ended_early(buffer.len(), count));
                }
            }
            Ok(Step::Return(()))
        })
    }

    /// Reads exactly as many bytes as it takes to fill `bytes`, from the cursor's position to the end.
    ///
    /// The cursor moves with every byte read, so keep it in the machine's state. A cursor made in the call would start
    /// again at each resume.
    ///
    /// Raises an [`io::Error`]: of kind `UnexpectedEof` if the stream ends early, or the stream's own error.
    ///
    /// ```
    /// use innermost::testing::{memory_pair, virtual_loop};
    /// use innermost::{ByteRead, ByteWrite, Step, from_fn, yield_from};
    /// use std::io::Cursor;
    ///
    /// let (near, far) = memory_pair();
    /// let event_loop = virtual_loop()?;
    /// let mut number = Cursor::new([0; 2]);
    /// let read = event_loop.create_task(from_fn(move |mut sent| {
    ///     yield_from!(far.read_exact(&mut number), sent)?;
    ///     Ok(Step::Return(u16::from_be_bytes(*number.get_ref())))
    /// }))?;
    /// near.attempt_send(b"\x01")?;
    /// event_loop.run_once()?; // waits for the second byte
    /// near.attempt_send(b"\x02")?;
    /// assert_eq!(event_loop.run_until_complete(read)?, 0x0102);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    fn read_exact<'a, T: AsMut<[u8]>>(
        &'a self,
        bytes: &'a mut Cursor<T>,
    ) -> impl Awaitable<Return = ()> + Stateless + 'a
    where
        Self: Sized,
    {
        Operation::new("read_exact", move || {
            loop {
                let position = bytes.position();
                let whole = bytes.get_mut().as_mut();
                let size = whole.len();
                let start = usize::try_from(position).map_or(size, |start| start.min(size));
                if start == size {
                    return Ok(Step::Return(()));
                }
                match attempted!(self.attempt_recv(&mut whole[start..])) {
                    0 => return Err(ended_early(start, size)),
                    count => bytes.set_position(position + count as u64),
                }
            }
        })
    }
}

/// A destination for bytes.
///
/// One task at a time can wait for room. A second one gets a `RuntimeError`; the first keeps waiting.
///
/// # Implementing
///
/// [`attempt_send`](Self::attempt_send) and [`attempt_write_eof`](Self::attempt_write_eof) are enough. Override the other
/// methods only if the stream has a faster way.
pub trait ByteWrite {
    /// Sends some of `bytes` and returns how many, or says what to wait for. Returns 0 only if `bytes` is empty.
    ///
    /// # Errors
    ///
    /// Returns the stream's error as an [`io::Error`]: `BrokenPipe` if nobody will read the bytes.
    /// Returns a `RuntimeError` if the stream needs an event loop and none is running.
    fn attempt_send(&self, bytes: &[u8]) -> Progress<usize>;

    /// Ends the stream. The peer reads what was sent, and then the end. A second call has no effect.
    ///
    /// # Errors
    ///
    /// Returns the stream's error as an [`io::Error`]: `NotConnected` if the peer has reset the connection. TCP returns that
    /// also if the connection is over because both ends have ended their streams. It is no error if the peer is gone
    /// otherwise.
    fn attempt_write_eof(&self) -> Progress<()>;

    /// Sends bytes from several slices, in order, and returns how many, or says what to wait for. By default it sends
    /// from the first slice that is not empty.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`attempt_send`](Self::attempt_send).
    fn attempt_send_vectored(&self, slices: &[IoSlice<'_>]) -> Progress<usize> {
        self.attempt_send(slices.iter().find(|slice| !slice.is_empty()).map_or(&[], |slice| slice))
    }

    /// Sends the bytes in `buffer` until it is empty, or says what to wait for.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`attempt_send`](Self::attempt_send). The bytes that were not sent stay in the buffer.
    fn attempt_write_all(&self, buffer: &mut Buffer) -> Progress<()> {
        while !buffer.is_empty() {
            let attempt = self.attempt_send(buffer.bytes());
            if let Ok(Step::Yield(wanted)) = &attempt {
                buffer.about_to_wait_for(wanted);
            }
            match attempted!(attempt) {
                0 => return Err(took_nothing()),
                count => buffer.consume(count),
            }
        }
        Ok(Step::Return(()))
    }

    /// Sends a file. Returns the total number of bytes sent, or says what to wait for. By default it reads and writes
    /// the file in pieces; sockets and pipes use `sendfile(2)`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`attempt_send`](Self::attempt_send), those of reading the file, and `Unsupported` if the
    /// part does not allow a fallback.
    fn attempt_send_file(&self, part: &mut FilePart) -> Progress<u64> {
        while !part.is_sent() {
            let mut waits = None;
            let send = |bytes: &[u8]| {
                waits = Some(match self.attempt_send(bytes)? {
                    Step::Return(0) => return Err(took_nothing()),
                    Step::Return(count) => return Ok(count),
                    Step::Yield(wanted) => Step::Yield(wanted),
                    Step::Delegate(frame) => Step::Delegate(frame),
                });
                Err(io::Error::from(io::ErrorKind::WouldBlock).into())
            };
            let sent = match find_running() {
                Some(event_loop) => part.read_and_write(event_loop.spare_memory(), send),
                None => part.read_and_write(&SpareMemory::new(), send),
            };
            match waits {
                Some(step) => return Ok(step),
                None => sent?,
            }
        }
        Ok(Step::Return(part.sent()))
    }

    /// Sends some of `bytes` and returns how many: at least one, unless `bytes` is empty.
    ///
    /// [`write_all`](Self::write_all) sends all of them.
    ///
    /// Raises the stream's [`io::Error`].
    #[inline]
    fn send<'a>(&'a self, bytes: &'a [u8]) -> impl Awaitable<Return = usize> + Stateless + 'a
    where
        Self: Sized,
    {
        Operation::new("send", move || self.attempt_send(bytes))
    }

    /// Sends bytes from several slices, in order, in one system call, and returns how many. Most systems accept at most
    /// 1,024 slices in a call; this operation ignores the rest.
    ///
    /// Raises the stream's [`io::Error`].
    ///
    /// ```
    /// use innermost::{ByteWrite, EventLoop, Step, UnixStream, from_fn, yield_from};
    /// use std::io::{IoSlice, Read};
    ///
    /// let (near, far) = UnixStream::pair()?;
    /// let count = EventLoop::new()?.run_until_complete(from_fn(move |mut sent| {
    ///     let slices = [IoSlice::new(b"head, "), IoSlice::new(b"body")];
    ///     yield_from!(near.send_vectored(&slices), sent).map(Step::Return)
    /// }))?;
    /// assert_eq!(count, 10);
    /// let mut received = [0; 10];
    /// far.into_std()?.read_exact(&mut received)?;
    /// assert_eq!(&received, b"head, body");
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// [`write_all`](Self::write_all) sends several pieces to their end: give it a `VecDeque` of cursors.
    fn send_vectored<'a>(&'a self, slices: &'a [IoSlice<'a>]) -> impl Awaitable<Return = usize> + Stateless + 'a
    where
        Self: Sized,
    {
        Operation::new("send_vectored", move || self.attempt_send_vectored(slices))
    }

    /// Sends all of `bytes`, and removes from them what has been sent: if the operation is cancelled, the rest is still
    /// there. asyncio's `sock_sendall`.
    ///
    /// The argument remembers how much has been sent, so keep it in the machine's state: a [`Buffer`], a [`Cursor`], or
    /// another [`Outgoing`].
    ///
    /// Raises the stream's [`io::Error`].
    #[inline]
    fn write_all<'a, B: Outgoing>(&'a self, bytes: &'a mut B) -> impl Awaitable<Return = ()> + Stateless + 'a
    where
        Self: Sized,
    {
        Operation::new("write_all", move || match bytes.as_buffer() {
            Some(buffer) => self.attempt_write_all(buffer),
            None => write_all(self, bytes),
        })
    }

    /// Sends a file or a part of one, and returns the number of bytes sent: less than its [`count`](FilePart::count) if
    /// the file ends early. asyncio's `sock_sendfile`.
    ///
    /// On sockets and pipes the kernel sends the file without copying it, if it can; see
    /// [`FilePart::without_fallback`]. The part remembers how much has been sent, even if the operation is cancelled, so
    /// keep it in the machine's state.
    ///
    /// Reading from the disk blocks the loop, as in asyncio; a chunk is 128 KiB at most. For a file on a network file
    /// system, read in threads instead: see [`to_thread`](crate::to_thread).
    ///
    /// Raises the [`io::Error`] of the stream or of the file, or one of kind `Unsupported` if the part does not
    /// allow a fallback.
    ///
    /// ```
    /// use innermost::net::FilePart;
    /// use innermost::{Await, ByteWrite, Coroutine, EventLoop, Exception, Resumed, Step, UnixStream, yield_from};
    /// use std::fs::File;
    ///
    /// /// Sends a file, and ends the stream.
    /// struct SendFile {
    ///     stream: UnixStream,
    ///     file: FilePart,
    /// }
    ///
    /// impl Coroutine for SendFile {
    ///     type Yield = Await;
    ///     type Input = ();
    ///     type Return = u64;
    ///
    ///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
    ///         let count = yield_from!(self.stream.send_file(&mut self.file), sent)?;
    ///         yield_from!(self.stream.write_eof(), sent)?;
    ///         Ok(Step::Return(count))
    ///     }
    /// }
    ///
    /// let (stream, far) = UnixStream::pair()?;
    /// let file = FilePart::new(File::open("Cargo.toml")?).count(9);
    /// assert_eq!(EventLoop::new()?.run_until_complete(SendFile { stream, file })?, 9);
    /// assert_eq!(std::io::read_to_string(far.into_std()?)?, "[package]");
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    fn send_file<'a>(&'a self, part: &'a mut FilePart) -> impl Awaitable<Return = u64> + Stateless + 'a
    where
        Self: Sized,
    {
        Operation::new("send_file", move || self.attempt_send_file(part))
    }

    /// Ends the stream. The peer reads what was sent, and then the end. A second call has no effect. asyncio's `write_eof`.
    ///
    /// Raises the stream's [`io::Error`]: `NotConnected` if the peer has reset the connection, and over TCP also if both ends
    /// have ended their streams.
    fn write_eof(&self) -> impl Awaitable<Return = ()> + Stateless + '_
    where
        Self: Sized,
    {
        Operation::new("write_eof", || self.attempt_write_eof())
    }

    /// Closes the stream at once, in both directions if it has both. Bytes that the system has not sent yet are lost.
    /// Never waits. A second call has no effect.
    ///
    /// | stream | effect |
    /// |---|---|
    /// | TCP | the connection is reset, and the peer raises `ConnectionReset` |
    /// | Unix sockets, pipes | the descriptor is closed; what was written has already arrived |
    /// | [`MemoryStream`](crate::testing::MemoryStream) | [`reset`](crate::testing::MemoryStream::reset) |
    /// | a pair of halves | its second half is aborted; the first half goes on, unless both are one connection |
    /// | TLS | the stream below is aborted, and the peer gets no `close_notify` |
    ///
    /// Tasks that wait for the stream are woken. From then on, a read finds the end or raises an [`io::Error`], and a
    /// write raises one. The default implementation [ends the stream](Self::attempt_write_eof).
    ///
    /// ```
    /// use innermost::testing::memory_pair;
    /// use innermost::{ByteRead, ByteWrite, Coroutine};
    /// use std::io;
    ///
    /// let (near, far) = memory_pair();
    /// near.attempt_send(b"never read")?;
    /// near.abort();
    /// let raised = far.recv(&mut [0; 16]).resume(Ok(())).unwrap_err();
    /// assert_eq!(raised.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::ConnectionReset);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    fn abort(&self) {
        // A stream that fails here is over. If ending it would wait, the caller drops it soon anyway.
        let _ = self.attempt_write_eof();
    }
}

/// Sends bytes that are in no [`Buffer`].
fn write_all<S: ByteWrite, B: Outgoing>(stream: &S, bytes: &mut B) -> Progress<()> {
    loop {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = bytes.slices(&mut slices).min(SLICES);
        let attempt = match &slices[..count] {
            [] => return Ok(Step::Return(())),
            [one] => stream.attempt_send(one),
            several => stream.attempt_send_vectored(several),
        };
        if let Ok(Step::Yield(wanted)) = &attempt
            && !wanted.is_next_turn()
        {
            bytes.about_to_wait();
        }
        match attempted!(attempt) {
            0 => return Err(took_nothing()),
            count => bytes.consume(count),
        }
    }
}

#[cold]
fn ended_early(there: usize, wanted: usize) -> Exception {
    let text = format!("the stream ended after {there} of {wanted} bytes");
    io::Error::new(io::ErrorKind::UnexpectedEof, text).into()
}

#[cold]
fn took_nothing() -> Exception {
    io::Error::new(io::ErrorKind::WriteZero, "the stream accepted no bytes and reported no error").into()
}
