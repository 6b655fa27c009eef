//! [`Process`]: a child and its pipes. [`ProcessHandle`]: a child alone, for any number of tasks.

use core::fmt;
use std::io;
use std::process::ExitStatus;
use std::rc::Rc;

use super::child::Child;
use super::stdio::Pipes;
use crate::coroutine::{Exception, Stateless};
use crate::event_loop::Operation;
use crate::net::{PipeReader, PipeWriter};
use crate::signal::{SIGKILL, SIGTERM};
use crate::task::Awaitable;

/// A child process and this end of its pipes. Returned by [`Command::spawn`](super::Command::spawn). asyncio's `Process`.
///
/// Dropping it closes the pipes. The child keeps running, unless [`kill_on_drop`](super::Command::kill_on_drop) was set,
/// and the loop reaps it. The [module's documentation](super#who-reaps) says what happens to it when the loop is closed, and
/// in a forked child.
#[derive(Debug)]
pub struct Process {
    /// Writes to the child's standard input, if that is a pipe. Take it out and drop it to end the child's input.
    pub stdin: Option<PipeWriter>,
    /// Reads the child's standard output, if that is a pipe.
    pub stdout: Option<PipeReader>,
    /// Reads the child's standard error, if that is a pipe of its own.
    pub stderr: Option<PipeReader>,
    handle: ProcessHandle,
    kill_on_drop: bool,
}

impl Process {
    /// # Errors
    ///
    /// Returns the system's error. The child is killed then.
    pub(super) fn new(child: Rc<Child>, pipes: Pipes, kill_on_drop: bool) -> Result<Self, Exception> {
        let handle = ProcessHandle(child);
        // Kills the child if one of its pipes cannot be used.
        let mut process = Self { stdin: None, stdout: None, stderr: None, handle, kill_on_drop: true };
        process.stdin = pipes.stdin.map(TryInto::try_into).transpose()?;
        process.stdout = pipes.stdout.map(TryInto::try_into).transpose()?;
        process.stderr = pipes.stderr.map(TryInto::try_into).transpose()?;
        process.kill_on_drop = kill_on_drop;
        Ok(process)
    }

    /// Waits until the child has ended, and returns its status.
    ///
    /// This closes [`stdin`](Self::stdin) first, unless it was taken out: a child that reads to the end of its input would
    /// never end. It does not read the other pipes. A child that writes more than a pipe holds waits for a reader, so read
    /// them at the same time, or use [`communicate`](Self::communicate).
    ///
    /// The end of the child alone counts. A process that it has started may still hold its pipes.
    ///
    /// If the waiting task is cancelled, nothing is lost, and another wait returns the status. Several tasks can wait
    /// through a [`handle`](Self::handle).
    ///
    /// # Errors
    ///
    /// Awaiting raises `RuntimeError` in a task of another loop.
    pub fn wait(&mut self) -> impl Awaitable<Return = ExitStatus> + Stateless + '_ {
        Operation::new("wait", move || {
            drop(self.stdin.take());
            self.handle.0.attempt_wait()
        })
    }

    /// Returns a handle to the child without its pipes, for other tasks.
    pub fn handle(&self) -> ProcessHandle {
        self.handle.clone()
    }

    /// Returns the number of the process. Once the child has been reaped, another process may get it.
    pub fn pid(&self) -> u32 {
        self.handle.pid()
    }

    /// Returns the status if the child has ended, and reaps it if the loop has not done that yet. Returns `None` while the
    /// child runs.
    ///
    /// # Errors
    ///
    /// Fails in a forked child of the process that started the child.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.handle.try_wait()
    }

    /// Sends a signal, one of [`signal`](mod@crate::signal) or any other number that the system knows.
    ///
    /// # Errors
    ///
    /// Returns the system's error: `ESRCH` if the child has ended and was reaped, `EINVAL` if there is no such signal.
    /// Fails in a forked child of the process that started the child.
    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        self.handle.send_signal(signal)
    }

    /// Asks the child to end, by `SIGTERM`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send_signal`](Self::send_signal).
    pub fn terminate(&self) -> io::Result<()> {
        self.handle.terminate()
    }

    /// Kills the child, by `SIGKILL`. What it has started keeps running.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send_signal`](Self::send_signal).
    pub fn kill(&self) -> io::Result<()> {
        self.handle.kill()
    }

    /// Kills the process group that the child leads: the child, and what it has started. Since Linux 6.9, this also works
    /// once the child itself has ended. The descriptor that this needs stays open until the last handle is dropped.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` unless the child was started with [`process_group(0)`](super::Command::process_group), and
    /// the system's error: `ESRCH` if the whole group is gone. Fails in a forked child of the process that started it.
    pub fn kill_group(&self) -> io::Result<()> {
        self.handle.kill_group()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.kill_on_drop && self.handle.0.status().is_none() {
            // It fails if the child is gone, and in a forked child of this process.
            let _ = if self.handle.0.leads_group() { self.kill_group() } else { self.kill() };
        }
    }
}

/// A child process without its pipes. Clones stand for the same child. Returned by [`Process::handle`].
///
/// Dropping a handle never kills the child.
///
/// ```
/// use innermost::process::Command;
/// use innermost::{EventLoop, Step, from_fn, yield_from};
/// use std::os::unix::process::ExitStatusExt;
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let mut process = None;
/// let status = event_loop.run_until_complete(from_fn(move |mut sent| {
///     if process.is_none() {
///         let started = Command::new("sleep").arg("1000").spawn()?;
///         let handle = started.handle();
///         EventLoop::running()?.call_later(Duration::from_millis(1), move || handle.terminate().expect("it runs"))?;
///         process = Some(started);
///     }
///     yield_from!(process.as_mut().expect("it was started above").wait(), sent).map(Step::Return)
/// }))?;
/// assert_eq!(status.signal(), Some(innermost::signal::SIGTERM));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Clone)]
pub struct ProcessHandle(pub(super) Rc<Child>);

impl ProcessHandle {
    /// Waits until the child has ended, and returns its status. Leaves the pipes alone. Any number of tasks can wait.
    ///
    /// # Errors
    ///
    /// Awaiting raises `RuntimeError` in a task of another loop.
    pub fn wait(&self) -> impl Awaitable<Return = ExitStatus> + Stateless + '_ {
        Operation::new("wait", || self.0.attempt_wait())
    }

    /// Returns the number of the process. Once the child has been reaped, another process may get it.
    pub fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Returns the status if the child has ended, and reaps it if the loop has not done that yet. Returns `None` while the
    /// child runs.
    ///
    /// # Errors
    ///
    /// Fails in a forked child of the process that started the child.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Sends a signal, one of [`signal`](mod@crate::signal) or any other number that the system knows.
    ///
    /// # Errors
    ///
    /// Returns the system's error: `ESRCH` if the child has ended and was reaped, `EINVAL` if there is no such signal.
    /// Fails in a forked child of the process that started the child.
    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        self.0.signal(signal)
    }

    /// Asks the child to end, by `SIGTERM`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send_signal`](Self::send_signal).
    pub fn terminate(&self) -> io::Result<()> {
        self.0.signal(SIGTERM)
    }

    /// Kills the child, by `SIGKILL`. What it has started keeps running.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send_signal`](Self::send_signal).
    pub fn kill(&self) -> io::Result<()> {
        self.0.signal(SIGKILL)
    }

    /// Kills the process group that the child leads. [`Process::kill_group`] says more.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Process::kill_group`].
    pub fn kill_group(&self) -> io::Result<()> {
        self.0.signal_group(SIGKILL)
    }
}

/// Two handles are equal if they stand for the same child.
impl PartialEq for ProcessHandle {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ProcessHandle {}

impl fmt::Debug for ProcessHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
