//! [`Command`]: a program to start, and how.

use core::fmt;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process;
use std::rc::Rc;

use super::child::Child;
use super::handle::Process;
use super::stdio::{Pipes, Stdio, Streams};
use crate::coroutine::Exception;
use crate::event_loop::{LoopHandle, running};

/// A program to start: its arguments, its environment, its standard streams.
///
/// ```
/// use innermost::process::{Command, Stdio};
/// use innermost::{EventLoop, Step, from_fn, yield_from};
///
/// let mut process = None;
/// let status = EventLoop::new()?.run_until_complete(from_fn(move |mut sent| {
///     if process.is_none() {
///         let command = Command::new("ls").arg("-l").stdout(Stdio::Null);
///         process = Some(command.process_group(0).kill_on_drop(true).spawn()?);
///     }
///     let process = process.as_mut().expect("it was started above");
///     yield_from!(process.wait(), sent).map(Step::Return)
/// }))?;
/// assert!(status.success());
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
///
/// A program whose name has no slash is looked up in the directories of `PATH`. Arguments are bytes, and no shell looks at
/// them; [`shell`] runs a line of a shell.
#[must_use = "a program is not started until `spawn` or `output` is called"]
pub struct Command {
    inner: process::Command,
    streams: Streams,
    leads_group: bool,
    kill_on_drop: bool,
}

/// Makes a command that runs a line of the shell `/bin/sh`. asyncio's `create_subprocess_shell`.
///
/// Do not put untrusted text into the line: the shell would run it. Pass the text as an argument, which the line gets as
/// `$0`, `$1` and so on:
///
/// ```
/// use innermost::process::shell;
/// use innermost::{Exception, run};
///
/// let output = run(shell("tr a-z A-Z <<END\n$0\nEND").arg("any; text").output())?;
/// assert_eq!(output.stdout, b"ANY; TEXT\n");
/// # Ok::<(), Exception>(())
/// ```
pub fn shell(line: impl AsRef<OsStr>) -> Command {
    Command::new("/bin/sh").arg("-c").arg(line)
}

impl Command {
    /// Makes a command that starts `program` without arguments, in the environment and the directory of this process. Its
    /// standard streams are those of this process.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        process::Command::new(program).into()
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.inner.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Self {
        self.inner.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    /// Removes a variable from the environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.inner.env_remove(name);
        self
    }

    /// Removes all variables from the environment, including those that were set before.
    pub fn env_clear(mut self) -> Self {
        self.inner.env_clear();
        self
    }

    /// Sets the working directory. The program's own path should then be absolute, or have no slash.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.inner.current_dir(directory);
        self
    }

    /// Sets the standard input. By default, the child uses that of this process.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.streams.stdin = Some(stdin.into());
        self
    }

    /// Sets the standard output. By default, the child uses that of this process.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.streams.stdout = Some(stdout.into());
        self
    }

    /// Sets the standard error. By default, the child uses that of this process.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.streams.stderr = Some(stderr.into());
        self
    }

    /// Puts the child into a process group. With 0, a new group is made for it, which it leads: Ctrl-C in the terminal does
    /// not reach it, and [`kill_group`](Process::kill_group) reaches all the processes that it starts.
    pub fn process_group(mut self, group: i32) -> Self {
        self.inner.process_group(group);
        self.leads_group = group == 0;
        self
    }

    /// Kills the child if its [`Process`] is dropped before it has ended. If it leads a [group](Self::process_group),
    /// kills the group. By default, the child keeps running.
    pub fn kill_on_drop(mut self, kills: bool) -> Self {
        self.kill_on_drop = kills;
        self
    }

    /// Starts the program. The running loop reaps it.
    ///
    /// The call waits until the system has loaded the program, which takes about half a millisecond.
    ///
    /// # Errors
    ///
    /// Returns the system's error, with a note that names the program: `NotFound` if there is no such program or
    /// directory, `PermissionDenied` if it is not executable, `InvalidInput` if an argument contains a zero byte, and
    /// others if no descriptor or no process is free. A start that fails leaves no descriptor and no process behind.
    /// Returns `RuntimeError` if no loop is running.
    ///
    /// ```
    /// use innermost::process::Command;
    /// use innermost::{lazy, ready, run};
    /// use std::io;
    ///
    /// let raised = run(lazy(|| ready(Command::new("no-such-program").spawn().map(drop))))?.unwrap_err();
    /// assert_eq!(raised.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::NotFound));
    /// assert!(raised.notes().eq(["starting \"no-such-program\""]));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn spawn(self) -> Result<Process, Exception> {
        self.spawn_in(&running()?)
    }

    /// Sets the streams that were not set: `stdin` for standard input, and pipes for the others.
    pub(super) fn with_defaults(mut self, stdin: Stdio) -> Self {
        self.streams.stdin.get_or_insert(stdin);
        self.streams.stdout.get_or_insert(Stdio::Pipe);
        self.streams.stderr.get_or_insert(Stdio::Pipe);
        self
    }

    pub(super) fn spawn_in(self, event_loop: &LoopHandle) -> Result<Process, Exception> {
        let (child, pipes, kill_on_drop) = self.start_in(event_loop)?;
        Process::new(child, pipes, kill_on_drop)
    }

    /// Starts the program in a loop. Also returns whether it is killed with its [`Process`].
    pub(super) fn start_in(self, event_loop: &LoopHandle) -> Result<(Rc<Child>, Pipes, bool), Exception> {
        let Self { mut inner, streams, leads_group, kill_on_drop } = self;
        match start(event_loop, &mut inner, streams, leads_group) {
            Ok((child, pipes)) => Ok((child, pipes, kill_on_drop)),
            Err(raised) => match raised.downcast_ref::<io::Error>() {
                Some(error) => {
                    let note = note(&inner, error);
                    Err(raised.with_note(note))
                }
                None => Err(raised),
            },
        }
    }
}

fn start(
    event_loop: &LoopHandle,
    command: &mut process::Command,
    streams: Streams,
    leads_group: bool,
) -> Result<(Rc<Child>, Pipes), Exception> {
    let shared = streams.give_to(command)?;
    let (child, mut started) = Child::start(event_loop, command, leads_group)?;
    let stdout = shared.map(OwnedFd::from).or_else(|| started.stdout.take().map(OwnedFd::from));
    let pipes = Pipes {
        stdin: started.stdin.take().map(OwnedFd::from),
        stdout,
        stderr: started.stderr.take().map(OwnedFd::from),
    };
    Ok((child, pipes))
}

/// What could not be done. The system's error for a directory that is not there is the one for a program that is not there.
fn note(command: &process::Command, error: &io::Error) -> String {
    let program: OsString = command.get_program().into();
    match command.get_current_dir() {
        Some(directory) if error.kind() == io::ErrorKind::NotFound && !directory.is_dir() => {
            format!("starting {program:?}: there is no directory {directory:?}")
        }
        Some(directory) => format!("starting {program:?} in {directory:?}"),
        None => format!("starting {program:?}"),
    }
}

/// Takes over the program, its arguments, its environment and its standard streams. To kill a group, call
/// [`process_group`](Command::process_group) here: the standard library's command does not tell whether there is one.
impl From<process::Command> for Command {
    fn from(inner: process::Command) -> Self {
        Self { inner, streams: Streams::default(), leads_group: false, kill_on_drop: false }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
