//! [`File`]: an open file.
//!
//! Invariants:
//!
//! 1. A file has at most one job. Whatever is asked next waits for the end of that job first, so operations take effect in
//!    the order in which they were asked for, and nothing is behind a [`close`](File::close).
//! 2. The position moves once a read or a write is over, by what it has read or written. So a read that was cancelled has
//!    taken nothing.
//! 3. Bytes that moved into a job come back: to the buffer of the write that is awaited, or else to `unwritten`.

use core::fmt;
use core::mem;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use super::held::Held;
use super::options::check;
use super::place::Place;
use super::pool::Threads;
use super::request::{Answer, Input, Moves, Request, Written, perform};
use super::work::{Resumed, Work};
use crate::coroutine::{Exception, Step, take_sent};
use crate::event_loop::{Memory, find_running};
use crate::net::{Buffer, FilePart};
use crate::task::Progress;

/// An open file. Returned by [`open`](fn@super::open).
///
/// Its operations are stateless, like those of a socket: a machine makes them afresh at each resume. What lasts is in the
/// file and in the [`Buffer`]. A read that is in the page cache is over at once, and takes no thread. Everything else is
/// done by a thread, while other tasks run.
///
/// ```
/// use innermost::fs::{self, File, OpenOptions};
/// use innermost::{Buffer, Exception, Machine, lazy, machine, run, yield_from};
///
/// /// Copies a file, and returns the number of bytes.
/// struct Copy {
///     from: File,
///     to: File,
///     buffer: Buffer,
/// }
///
/// machine!(
///     impl Machine for Copy {
///         type State = Phase;
///         type Return = u64;
///
///         fn Reading(&mut self, sent: Sent) -> Next<Writing, End> {
///             match yield_from!(self.from.read(&mut self.buffer), sent)? {
///                 0 => end(self.to.position()),
///                 _ => to(Writing),
///             }
///         }
///
///         fn Writing(&mut self, sent: Sent) -> Next<Reading> {
///             yield_from!(self.to.write_all(&mut self.buffer), sent)?;
///             to(Reading)
///         }
///     }
/// );
///
/// let from = std::fs::File::open("Cargo.toml")?;
/// let to = tempfile()?;
/// let length = from.metadata()?.len();
/// let (from, to) = (File::from_std(from, "Cargo.toml")?, File::from_std(to, "a copy")?);
/// let copied = run(Copy { from, to, buffer: Buffer::new() }.start(Phase::Reading))?;
/// assert_eq!(copied, length);
/// # use std::fs::File as StdFile;
/// # fn tempfile() -> std::io::Result<StdFile> {
/// #     let path = std::env::temp_dir().join(format!("innermost-doc-copy-{}", std::process::id()));
/// #     let file = StdFile::options().read(true).write(true).create(true).truncate(true).open(&path)?;
/// #     std::fs::remove_file(path).map(|()| file)
/// # }
/// # let _ = (lazy::<fn() -> innermost::Sleep, innermost::Sleep>, fs::open::<&str>, OpenOptions::new());
/// # Ok::<(), Exception>(())
/// ```
///
/// # Cancelling
///
/// An operation that no thread has begun never happens. One that has begun cannot be stopped:
///
/// - A read, a sync and [`metadata`](Self::metadata) raise the exception at once. The file has taken note of nothing: its
///   position is the same, and reading again brings the same bytes.
/// - A write and [`set_len`](Self::set_len) first wait for the thread, which stops after the current megabyte. The buffer then
///   holds exactly what was not written.
///
/// An operation that loses a [`Race`](crate::wait::Race) goes on. The next operation that asks for the same takes its
/// result, and any other waits for its end. Meanwhile the bytes of a write are with the file.
///
/// # Dropping
///
/// Dropping a file closes it in a thread, since that may wait for a disk, and ignores errors. [`close`](Self::close) raises
/// them.
pub struct File {
    /// The first field: dropping it stops a job before the descriptor is closed.
    under_way: Option<UnderWay>,
    held: Held,
    path: Arc<Path>,
    position: u64,
    pub(super) appends: bool,
    /// Bytes of a write that nobody waits for.
    unwritten: Option<Buffer>,
}

struct UnderWay {
    request: Request,
    work: Work<Input, Answer>,
}

impl File {
    pub(super) fn new(file: fs::File, path: Arc<Path>, appends: bool, threads: Option<Threads>) -> Self {
        Self { under_way: None, held: Held::new(file, threads), path, position: 0, appends, unwritten: None }
    }

    /// Takes over a file that the program has opened. Operations start at its beginning. The path is for error messages.
    ///
    /// [`File`] has an example.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a pipe, a socket or a terminal, and the system's error if it cannot say what the file is.
    pub fn from_std(file: fs::File, path: impl AsRef<Path>) -> io::Result<Self> {
        check(&file)?;
        Ok(Self::new(file, path.as_ref().into(), false, None))
    }

    /// Returns the path that the file was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file as a part to be sent, from its beginning: for [`send_file`](crate::ByteWrite::send_file). The part has
    /// a duplicate of the descriptor.
    ///
    /// ```
    /// use innermost::fs::File;
    /// use innermost::{ByteWrite, EventLoop, Step, UnixStream, from_fn, yield_from};
    ///
    /// let (stream, _peer) = std::os::unix::net::UnixStream::pair()?;
    /// let stream = UnixStream::from_std(stream)?;
    /// let file = File::from_std(std::fs::File::open("Cargo.toml")?, "Cargo.toml")?;
    /// let mut name = file.part()?.offset(10).count(17);
    /// let sent = EventLoop::new()?.run_until_complete(from_fn(move |mut sent| {
    ///     yield_from!(stream.send_file(&mut name), sent).map(Step::Return)
    /// }))?;
    /// assert_eq!(sent, 17);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the system's error if no descriptor is free.
    pub fn part(&self) -> io::Result<FilePart> {
        Ok(FilePart::new(self.std().try_clone()?))
    }

    /// Returns the position of the next [`read`](Self::read) or [`write_all`](Self::write_all). It is the file's own: the
    /// descriptor's position does not move.
    pub const fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn place(&self, operation: &'static str) -> Place {
        Place { operation, path: Arc::clone(&self.path), other: None }
    }
}

/// The file's job.
impl File {
    /// Waits until no other job is under way, and then for the job of `request`. `input` is called once, when it starts.
    pub(super) fn ask(
        &mut self,
        mut sent: Result<(), Exception>,
        request: Request,
        input: &mut dyn FnMut() -> Result<Input, Exception>,
    ) -> Progress<Answer> {
        loop {
            match self.wait(&mut sent, Some(request))? {
                Step::Return(Some(answer)) => return Ok(Step::Return(answer)),
                Step::Return(None) => {
                    take_sent(&mut sent)?;
                    self.start(request, input()?)?;
                }
                Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
                Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
            }
        }
    }

    /// Waits for the job that is under way, if there is one. Returns its answer if it is that of `wanted`. Otherwise takes
    /// note of what it has done, and raises its error if it was a write.
    pub(super) fn wait(
        &mut self,
        sent: &mut Result<(), Exception>,
        wanted: Option<Request>,
    ) -> Progress<Option<Answer>> {
        let Some(under_way) = &mut self.under_way else { return Ok(Step::Return(None)) };
        let request = under_way.request;
        let (answer, thrown) = match under_way.work.resume(mem::replace(sent, Ok(())), request.patience()) {
            Resumed::Waits(wanted) => return Ok(Step::Yield(wanted)),
            Resumed::Left(thrown) => return Err(thrown),
            Resumed::Withdrawn(input, thrown) => {
                self.under_way = None;
                self.take_back(Some(input));
                return Err(thrown);
            }
            Resumed::Ended(answer, thrown) => (answer, thrown),
        };
        self.under_way = None;
        let answer = answer?;
        match thrown {
            None if wanted == Some(request) => return Ok(Step::Return(Some(answer))),
            None => self.settle(request, answer)?,
            Some(thrown) => {
                let _superseded = self.settle(request, answer);
                return Err(thrown);
            }
        }
        Ok(Step::Return(None))
    }

    /// Returns `true` if a job is under way, or has ended and nobody has asked for its answer.
    pub(super) const fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    fn start(&mut self, request: Request, input: Input) -> Result<(), Exception> {
        let executor = Arc::clone(&self.held.threads()?.executor);
        let file = Arc::clone(self.held.file());
        match Work::start(&*executor, input, move |input, stop| perform(file, request, input, stop)) {
            Ok(work) => {
                self.under_way = Some(UnderWay { request, work });
                Ok(())
            }
            Err((raised, input)) => {
                self.take_back(input);
                Err(raised)
            }
        }
    }

    pub(super) const fn held(&mut self) -> &mut Held {
        &mut self.held
    }

    pub(super) fn std(&self) -> &fs::File {
        self.held.file()
    }

    pub(super) fn into_parts(self) -> (Held, Arc<Path>) {
        (self.held, self.path)
    }

    /// Takes note of what a job has done, if nobody waits for it.
    fn settle(&mut self, request: Request, answer: Answer) -> Result<(), Exception> {
        match answer {
            Answer::Read(memory, _) => give_back(memory),
            Answer::Written(written) => {
                return self.written(request, written).map_err(|(raised, rest)| {
                    self.unwritten = Some(rest);
                    raised
                });
            }
            Answer::Done(_) | Answer::Metadata(_) => {}
        }
        Ok(())
    }

    /// Takes note of what was written.
    ///
    /// # Errors
    ///
    /// The error, and the bytes that were not written.
    pub(super) fn written(&mut self, request: Request, written: Written) -> Result<(), (Exception, Buffer)> {
        let Written { mut bytes, count, end, result } = written;
        if let Request::Write(at, Moves::Yes) = request {
            self.position = end.or(at).unwrap_or(self.position);
            if at.is_some() {
                self.position += count as u64;
            }
        }
        bytes.consume(count);
        result.map_err(|error| (self.place(request.name()).raise(error), bytes))
    }

    fn take_back(&mut self, input: Option<Input>) {
        match input {
            Some(Input::Memory(memory, _)) => give_back(memory),
            Some(Input::Bytes(bytes)) => self.unwritten = Some(bytes),
            Some(Input::Nothing) | None => {}
        }
    }

    /// The bytes of a write that nobody waits for.
    pub(super) const fn take_unwritten(&mut self) -> Option<Buffer> {
        self.unwritten.take()
    }

    /// Moves the position, to a point that is known to be valid.
    pub(super) const fn set_position(&mut self, position: u64) {
        self.position = position;
    }
}

/// Returns memory to the loop.
pub(super) fn give_back(memory: Memory) {
    if let Some(event_loop) = find_running() {
        event_loop.spare_memory().give(memory);
    }
}

/// The file's descriptor. Its own position is not used.
impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.held.file().as_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({:?} at {}", self.path, self.position)?;
        match &self.under_way {
            Some(under_way) => write!(f, ", {} in a thread)", under_way.request.name()),
            None => f.write_str(")"),
        }
    }
}
