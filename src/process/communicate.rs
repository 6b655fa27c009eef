//! [`Communication`]: the input and the output of a program, kept in a field of a machine.
//!
//! asyncio's `communicate` returns the output once all of it has arrived. A cancel before that loses what was read.

use core::fmt;
use std::io;
use std::process::ExitStatus;

use super::handle::Process;
use crate::coroutine::{Coroutine, CoroutineExt as _, Exception, Resumed, State, Stateless, Step};
use crate::net::{Buffer, ByteRead, ByteWrite};
use crate::task::Await;
use crate::wait::{Race, Won};
use crate::yield_from;

/// The input of a program, and what it has written so far. Store it in a field of a machine, and pass it to
/// [`Process::communicate`](super::Process::communicate).
///
/// This machine gives a program one second, and keeps what the program has written by then:
///
/// ```
/// use innermost::process::{Communication, Process, Stdio, shell};
/// use innermost::wait::Limit;
/// use innermost::{Exception, Kind, Machine, lazy, machine, run, yield_from};
/// use std::time::Duration;
///
/// struct Patient {
///     process: Process,
///     kept: Communication,
///     limit: Limit,
/// }
///
/// machine!(
///     impl Machine for Patient {
///         type State = Phase;
///         type Return = Vec<u8>;
///
///         fn Listening(&mut self, sent: Sent) -> Next<End> {
///             match yield_from!(self.limit.run(self.process.communicate(&mut self.kept)), sent) {
///                 Err(raised) if raised.kind() != Kind::TimeoutError => Err(raised),
///                 _ => end(self.kept.stdout().to_vec()),
///             }
///         }
///     }
/// );
///
/// let written = run(lazy(|| {
///     let command = shell("echo first; exec sleep 1000").stdout(Stdio::Pipe).kill_on_drop(true);
///     let process = command.spawn().expect("there is a shell");
///     let limit = Limit::new(Duration::from_secs(1));
///     Patient { process, kept: Communication::new(), limit }.start(Phase::Listening)
/// }))?;
/// assert_eq!(written, b"first\n");
/// # Ok::<(), Exception>(())
/// ```
#[derive(Debug)]
pub struct Communication {
    input: Buffer,
    stdout: Buffer,
    stderr: Buffer,
    race: Race,
}

impl Communication {
    /// Makes an empty communication: no input, and no limit for the output.
    pub fn new() -> Self {
        Self::with_limit(usize::MAX)
    }

    /// Makes an empty communication. If the program writes more than `limit` bytes to one of its streams, communicating
    /// raises `StorageFull`. The bytes up to the limit are kept.
    pub fn with_limit(limit: usize) -> Self {
        let (stdout, stderr) = (Buffer::with_limit(limit), Buffer::with_limit(limit));
        Self { input: Buffer::new(), stdout, stderr, race: Race::new() }
    }

    /// Sets the bytes that the program will read from its standard input.
    #[must_use]
    pub fn with_input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into().into();
        self
    }

    /// Returns the bytes that the program has not taken yet.
    pub fn input(&self) -> &[u8] {
        self.input.bytes()
    }

    /// Returns what the program has written to its standard output so far.
    pub fn stdout(&self) -> &[u8] {
        self.stdout.bytes()
    }

    /// Returns what the program has written to its standard error so far.
    pub fn stderr(&self) -> &[u8] {
        self.stderr.bytes()
    }
}

impl Default for Communication {
    fn default() -> Self {
        Self::new()
    }
}

impl Process {
    /// Writes the input that `kept` holds, closes the child's standard input, collects standard output and standard error,
    /// and waits until the child has ended. Returns its status. Streams that are not pipes, or were taken out, are left
    /// alone.
    ///
    /// All progress is in `kept`. So if the task is cancelled or a time limit ends the wait, no output is lost: read it
    /// there, or call `communicate` again. [`Communication`] has an example.
    ///
    /// A child need not read all its input. It is no error if it closes its standard input early.
    ///
    /// This waits for the end of the pipes, which comes once *every* process that holds them has ended. To stop at the end
    /// of the child, race it with [`wait`](super::ProcessHandle::wait).
    ///
    /// # Errors
    ///
    /// Awaiting raises `StorageFull` once the output is longer than its [limit](Communication::with_limit), and the system's
    /// errors.
    pub fn communicate<'a>(&'a mut self, kept: &'a mut Communication) -> Communicate<'a> {
        Communicate { process: self, kept }
    }
}

/// The coroutine returned by [`Process::communicate`]. A machine makes it afresh at each resume, and may drop it at any
/// time.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Communicate<'a> {
    process: &'a mut Process,
    kept: &'a mut Communication,
}

impl Coroutine for Communicate<'_> {
    type Yield = Await;
    type Input = ();
    type Return = ExitStatus;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let Communication { input, stdout, stderr, race } = &mut *self.kept;
        loop {
            if input.is_empty() {
                drop(self.process.stdin.take());
            }
            let racers = (
                self.process.stdin.as_ref().map(|stdin| stdin.write_all(input).catch(ignore_closed)),
                self.process.stdout.as_ref().map(|pipe| pipe.read(stdout)),
                self.process.stderr.as_ref().map(|pipe| pipe.read(stderr)),
            );
            if let (None, None, None) = &racers {
                break;
            }
            match yield_from!(race.run(racers), sent)? {
                Won::A(()) => drop(self.process.stdin.take()),
                Won::B(0) => drop(self.process.stdout.take()),
                Won::C(0) => drop(self.process.stderr.take()),
                Won::B(_) | Won::C(_) => {}
            }
        }
        yield_from!(self.process.wait(), sent).map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        State::new("communicate", self)
    }
}

/// Everything that lasts is in the [`Communication`] and in the [`Process`].
impl Stateless for Communicate<'_> {}

/// The program need not read all its input.
fn ignore_closed(raised: Exception) -> Result<(), Exception> {
    match raised.downcast_ref().map(io::Error::kind) {
        Some(io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
        _ => Err(raised),
    }
}

impl fmt::Debug for Communicate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} + {} bytes", self.process.handle(), self.kept.stdout.len(), self.kept.stderr.len())
    }
}
