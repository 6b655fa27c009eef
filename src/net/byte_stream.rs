//! What bytes can be read from and written to without blocking, whatever it is.
//!
//! A machine is written once, against [`ByteStream`], and runs over TCP, Unix sockets, pipes, and in tests over memory.
//!
//! A stream gives *attempts*: functions that either do something now or say what to wait for. The operations, which are
//! coroutines, are made of these, here, for all streams. An attempt is a plain call with no state behind it, so an
//! operation is one too: it is made afresh at each resume and costs what the attempt costs. What must be remembered from
//! one resume to the next (how much is sent, how much is filled) is in what the operation is given: a [`Buffer`], a
//! [`Cursor`], an [`Outgoing`].
//!
//! The attempts take `&self`, so one task can read while another writes, and are all that `dyn` needs: the operations,
//! whose types nobody can name, are called on `&S`, `Rc<S>` and `Box<S>`, which are streams as well, `S` sized or not.
use std::io::{self, Cursor, IoSlice};
use std::rc::Rc;

use super::{Buffer, FilePart, Operation, Outgoing};
use crate::coroutine::{Coroutine, Exception, Step};
use crate::event_loop::{SpareMemory, find_running};
use crate::task::Await;

/// What an operation that does not block comes to: `Step::Return` with what it has done, or `Step::Yield` with what to
/// wait for before it is tried again.
pub type Attempt<T> = Result<Step<Await, (), T>, Exception>;

/// The result of an attempt, or a return of what it waits for.
macro_rules! attempted {
    ($attempt:expr) => {
        match $attempt? {
            Step::Return(value) => value,
            Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
            Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
        }
    };
}

/// How many pieces of what is sent one system call takes.
const SLICES: usize = 32;

/// What bytes come from.
///
/// One task at a time waits for bytes; a second one gets a `RuntimeError`, and the first waits on.
///
/// # Implementing
///
/// [`attempt_recv`](Self::attempt_recv) is enough. The others have a meaning of their own only where they can be faster.
pub trait ByteRead {
    /// Puts bytes into `bytes` and gives how many, or says what to wait for: never no bytes, except at the end of the
    /// stream, which is found again and again, and where `bytes` is empty.
    ///
    /// # Errors
    ///
    /// What the stream has met, as an [`io::Error`]; `RuntimeError` where it needs a loop and none runs.
    fn attempt_recv(&self, bytes: &mut [u8]) -> Attempt<usize>;

    /// Appends bytes to `buffer`, as [`attempt_recv`](Self::attempt_recv) does.
    ///
    /// # Errors
    ///
    /// As [`attempt_recv`](Self::attempt_recv); `StorageFull` where the buffer has reached its limit.
    fn attempt_read(&self, buffer: &mut Buffer) -> Attempt<usize> {
        let mut read_with = |spare: &SpareMemory| {
            buffer.fill_by(spare, |room| {
                let attempt = self.attempt_recv(room);
                (if let Ok(Step::Return(count)) = &attempt { *count } else { 0 }, attempt)
            })
        };
        let attempt = match find_running() {
            Some(event_loop) => read_with(event_loop.spare_memory()),
            // Driven by hand: a stream in memory needs no loop.
            None => read_with(&SpareMemory::new()),
        };
        if let Ok(Step::Yield(wanted)) = &attempt {
            buffer.about_to_wait_for(wanted);
        }
        attempt
    }

    /// Waits for bytes, puts them into `bytes`, and gives how many came: none at the end of the stream, or where `bytes`
    /// is empty. asyncio's `sock_recv_into`.
    #[inline]
    fn recv<'a>(&'a self, bytes: &'a mut [u8]) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a
    where
        Self: Sized,
    {
        Operation::new("recv", move || self.attempt_recv(bytes))
    }

    /// Waits for bytes, appends them to `buffer`, and gives how many came: none at the end of the stream.
    ///
    /// Raises an [`io::Error`]: what the stream has met, or `StorageFull` where the buffer has reached its limit.
    #[inline]
    fn read<'a>(&'a self, buffer: &'a mut Buffer) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a
    where
        Self: Sized,
    {
        Operation::new("read", move || self.attempt_read(buffer))
    }

    /// Reads until there are `count` bytes in `buffer`, or more: what has come along stays there for what is next.
    ///
    /// Raises an [`io::Error`]: `UnexpectedEof` where the stream ends before, `StorageFull` where the buffer's limit is
    /// less, or what the stream has met. What has been read is in the buffer all the same.
    ///
    /// ```
    /// use innermost::{Await, Buffer, ByteRead, Exception, Step, yield_from};
    ///
    /// /// A message is its length, in two bytes, and its bytes.
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
    fn fill<'a>(
        &'a self,
        buffer: &'a mut Buffer,
        count: usize,
    ) -> impl Coroutine<Yield = Await, Input = (), Return = ()> + 'a
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

    /// Reads until `bytes` is full, and nothing more: from the cursor's position, which is moved, to the end. What the
    /// standard library calls `read_exact`.
    ///
    /// The cursor remembers how far that has come, so it is to be a part of the machine's state: one that is made in the
    /// call begins again at each resume.
    ///
    /// Raises an [`io::Error`]: `UnexpectedEof` where the stream ends before, or what the stream has met.
    fn recv_exact<'a, T: AsMut<[u8]>>(
        &'a self,
        bytes: &'a mut Cursor<T>,
    ) -> impl Coroutine<Yield = Await, Input = (), Return = ()> + 'a
    where
        Self: Sized,
    {
        Operation::new("recv_exact", move || {
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

/// What bytes go to.
///
/// One task at a time waits for room; a second one gets a `RuntimeError`, and the first waits on.
///
/// # Implementing
///
/// [`attempt_send`](Self::attempt_send) and [`attempt_write_eof`](Self::attempt_write_eof) are enough.
pub trait ByteWrite {
    /// Takes some of `bytes` and gives how many, or says what to wait for: never none, unless there are none.
    ///
    /// # Errors
    ///
    /// What the stream has met, as an [`io::Error`]: `BrokenPipe` where nobody will read it. `RuntimeError` where it
    /// needs a loop and none runs.
    fn attempt_send(&self, bytes: &[u8]) -> Attempt<usize>;

    /// Says that there will be no more: the peer finds the end of the stream behind what was sent.
    ///
    /// # Errors
    ///
    /// As [`attempt_send`](Self::attempt_send).
    fn attempt_write_eof(&self) -> Attempt<()>;

    /// Takes bytes from several places, in their order, as [`attempt_send`](Self::attempt_send) does.
    ///
    /// # Errors
    ///
    /// As [`attempt_send`](Self::attempt_send).
    fn attempt_send_vectored(&self, slices: &[IoSlice<'_>]) -> Attempt<usize> {
        self.attempt_send(slices.iter().find(|slice| !slice.is_empty()).map_or(&[], |slice| slice))
    }

    /// Sends what is in `buffer`, until that is empty.
    ///
    /// # Errors
    ///
    /// As [`attempt_send`](Self::attempt_send). What was not sent is in the buffer then.
    fn attempt_write_all(&self, buffer: &mut Buffer) -> Attempt<()> {
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

    /// Sends a file, by reading and writing in pieces; gives how many bytes were sent in all.
    ///
    /// # Errors
    ///
    /// As [`attempt_send`](Self::attempt_send); the file's; `Unsupported` where only the kernel was to do it.
    fn attempt_send_file(&self, part: &mut FilePart) -> Attempt<u64> {
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

    /// Sends some of `bytes`, and gives how many: at least one, unless there are none.
    ///
    /// For all of them, where they are part of the machine's state: [`send_all`](Self::send_all).
    #[inline]
    fn send<'a>(&'a self, bytes: &'a [u8]) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a
    where
        Self: Sized,
    {
        Operation::new("send", move || self.attempt_send(bytes))
    }

    /// Sends bytes from several slices, in order, by one system call; returns how many. Most systems accept at most 1,024
    /// slices a call: those beyond are not sent by this call.
    fn send_vectored<'a>(
        &'a self,
        slices: &'a [IoSlice<'a>],
    ) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a
    where
        Self: Sized,
    {
        Operation::new("send_vectored", move || self.attempt_send_vectored(slices))
    }

    /// Sends all of `bytes`, taking away what is sent: cancelled in the midst, it leaves what is not. asyncio's
    /// `sock_sendall`.
    ///
    /// Whatever is given remembers how far that has come, so it is to be a part of the machine's state: see [`Outgoing`].
    ///
    /// Raises an [`io::Error`]: what the stream has met.
    fn send_all<'a, B: Outgoing>(
        &'a self,
        bytes: &'a mut B,
    ) -> impl Coroutine<Yield = Await, Input = (), Return = ()> + 'a
    where
        Self: Sized,
    {
        Operation::new("send_all", move || {
            loop {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = bytes.slices(&mut slices).min(SLICES);
                let attempt = match &slices[..count] {
                    [] => return Ok(Step::Return(())),
                    [one] => self.attempt_send(one),
                    several => self.attempt_send_vectored(several),
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
        })
    }

    /// Writes what is in `buffer`, until that is empty.
    ///
    /// Raises an [`io::Error`]: what the stream has met. What was not written is in the buffer then.
    #[inline]
    fn write_all<'a>(&'a self, buffer: &'a mut Buffer) -> impl Coroutine<Yield = Await, Input = (), Return = ()> + 'a
    where
        Self: Sized,
    {
        Operation::new("write_all", move || self.attempt_write_all(buffer))
    }

    /// Sends a file, or a part of one, and gives how many bytes were sent: fewer than its
    /// [`count`](FilePart::count) where the file ends before. asyncio's `sock_sendfile`.
    ///
    /// Sockets and pipes have the kernel do it, without a copy, where it can; see [`FilePart::fallback`]. The part
    /// remembers how far that has come, also where this is cancelled, so it is to be a part of the machine's state.
    ///
    /// Waiting for the disk, or whatever the file is on, blocks the loop, as in asyncio: a chunk is 128 KiB at the most. On
    /// a network's file system, rather read in threads: [`to_thread`](crate::to_thread).
    ///
    /// Raises an [`io::Error`]: what the stream has met, or the file; `Unsupported` where only the kernel was to do it.
    fn send_file<'a>(&'a self, part: &'a mut FilePart) -> impl Coroutine<Yield = Await, Input = (), Return = u64> + 'a
    where
        Self: Sized,
    {
        Operation::new("send_file", move || self.attempt_send_file(part))
    }

    /// Says that there will be no more: the peer finds the end of the stream behind what was sent. asyncio's `write_eof`.
    fn write_eof(&self) -> impl Coroutine<Yield = Await, Input = (), Return = ()> + '_
    where
        Self: Sized,
    {
        Operation::new("write_eof", || self.attempt_write_eof())
    }
}

/// What bytes come from and go to: a connection, whatever carries it.
///
/// Machines are written against it, and tested over memory: see [`testing::memory_pair`](crate::testing::memory_pair).
/// Two halves are one too, as a pair: `(reader, writer)`.
///
/// ```
/// use innermost::{Await, Buffer, ByteStream, Coroutine, Exception, Resumed, Step, yield_from};
///
/// /// Sends back all that comes.
/// struct Echo<S> {
///     stream: S,
///     buffer: Buffer,
/// }
///
/// impl<S: ByteStream> Coroutine for Echo<S> {
///     type Yield = Await;
///     type Input = ();
///     type Return = ();
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         loop {
///             // Goes on with what is left, where it has waited in here.
///             yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
///             if yield_from!(self.stream.read(&mut self.buffer), sent)? == 0 {
///                 return Ok(Step::Return(()));
///             }
///         }
///     }
/// }
/// ```
pub trait ByteStream: ByteRead + ByteWrite {}

impl<S: ByteRead + ByteWrite + ?Sized> ByteStream for S {}

macro_rules! forward_to_pointee {
    ($($pointer:ty),*) => {$(
        impl<S: ByteRead + ?Sized> ByteRead for $pointer {
            #[inline]
            fn attempt_recv(&self, bytes: &mut [u8]) -> Attempt<usize> {
                (**self).attempt_recv(bytes)
            }

            #[inline]
            fn attempt_read(&self, buffer: &mut Buffer) -> Attempt<usize> {
                (**self).attempt_read(buffer)
            }
        }

        impl<S: ByteWrite + ?Sized> ByteWrite for $pointer {
            #[inline]
            fn attempt_send(&self, bytes: &[u8]) -> Attempt<usize> {
                (**self).attempt_send(bytes)
            }

            fn attempt_write_eof(&self) -> Attempt<()> {
                (**self).attempt_write_eof()
            }

            fn attempt_send_vectored(&self, slices: &[IoSlice<'_>]) -> Attempt<usize> {
                (**self).attempt_send_vectored(slices)
            }

            #[inline]
            fn attempt_write_all(&self, buffer: &mut Buffer) -> Attempt<()> {
                (**self).attempt_write_all(buffer)
            }

            fn attempt_send_file(&self, part: &mut FilePart) -> Attempt<u64> {
                (**self).attempt_send_file(part)
            }
        }
    )*};
}

forward_to_pointee!(&S, Box<S>, Rc<S>);

/// Reads from the first.
impl<R: ByteRead, W> ByteRead for (R, W) {
    #[inline]
    fn attempt_recv(&self, bytes: &mut [u8]) -> Attempt<usize> {
        self.0.attempt_recv(bytes)
    }

    #[inline]
    fn attempt_read(&self, buffer: &mut Buffer) -> Attempt<usize> {
        self.0.attempt_read(buffer)
    }
}

/// Writes to the second.
impl<R, W: ByteWrite> ByteWrite for (R, W) {
    #[inline]
    fn attempt_send(&self, bytes: &[u8]) -> Attempt<usize> {
        self.1.attempt_send(bytes)
    }

    fn attempt_write_eof(&self) -> Attempt<()> {
        self.1.attempt_write_eof()
    }

    fn attempt_send_vectored(&self, slices: &[IoSlice<'_>]) -> Attempt<usize> {
        self.1.attempt_send_vectored(slices)
    }

    #[inline]
    fn attempt_write_all(&self, buffer: &mut Buffer) -> Attempt<()> {
        self.1.attempt_write_all(buffer)
    }

    fn attempt_send_file(&self, part: &mut FilePart) -> Attempt<u64> {
        self.1.attempt_send_file(part)
    }
}

#[cold]
fn ended_early(there: usize, wanted: usize) -> Exception {
    let text = format!("the stream has ended after {there} of {wanted} bytes");
    io::Error::new(io::ErrorKind::UnexpectedEof, text).into()
}

#[cold]
fn took_nothing() -> Exception {
    io::Error::new(io::ErrorKind::WriteZero, "the stream takes no more bytes, and does not say why").into()
}
