//! [`SubprocessExec`]: starting a child with a protocol.

use core::fmt;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use super::super::command::{Command, shell};
use super::super::stdio::Stdio;
use super::pipes::Pipe;
use super::protocol::{ChildPipe, SubprocessProtocol};
use super::transport::{Subprocess, SubprocessTransport};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::LoopHandle;
use crate::task::Await;
use crate::transport::ConnectPipe;
use crate::yield_from;

impl LoopHandle {
    /// Starts a program whose output and end are passed to a protocol. Returns the transport after the protocol's
    /// `connection_made` has been called. asyncio's `subprocess_exec`. [`SubprocessProtocol`] has an example.
    ///
    /// Standard streams that `command` does not set are pipes.
    ///
    /// If the coroutine is cancelled, it kills the child and waits for its end. If it is dropped, it kills the child.
    ///
    /// # Errors
    ///
    /// Awaiting raises what [`Command::spawn`] returns.
    pub fn subprocess_exec<P: SubprocessProtocol>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        command: Command,
    ) -> SubprocessExec {
        let factory = Box::new(move || Box::new(factory()) as Box<dyn SubprocessProtocol>);
        SubprocessExec {
            event_loop: self.clone(),
            phase: Phase::Created(Box::new((factory, command.with_defaults(Stdio::Pipe)))),
        }
    }

    /// Runs a line of the shell `/bin/sh`, and passes its output and end to a protocol. asyncio's `subprocess_shell`. To set
    /// its directory or environment, pass [`shell`]`(line)` to [`subprocess_exec`](Self::subprocess_exec).
    ///
    /// # Errors
    ///
    /// Awaiting raises what [`Command::spawn`] returns.
    pub fn subprocess_shell<P: SubprocessProtocol>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        line: impl AsRef<OsStr>,
    ) -> SubprocessExec {
        self.subprocess_exec(factory, shell(line))
    }
}

/// The coroutine returned by [`LoopHandle::subprocess_exec`] and [`LoopHandle::subprocess_shell`].
#[must_use = "a program is not started until this is awaited"]
pub struct SubprocessExec {
    event_loop: LoopHandle,
    phase: Phase,
}

type Factory = Box<dyn FnOnce() -> Box<dyn SubprocessProtocol>>;

enum Phase {
    Created(Box<(Factory, Command)>),
    Connecting(Box<Connecting>),
    /// `connection_made` is queued.
    Made(Rc<Subprocess>),
    /// It was cancelled, or a pipe could not be connected. The child was killed.
    Failed(Rc<Subprocess>, Exception),
    Over,
}

/// A child whose pipes are being connected, one after the other.
struct Connecting {
    subprocess: Rc<Subprocess>,
    current: Option<(ChildPipe, ConnectPipe)>,
    left: [(ChildPipe, Option<OwnedFd>); 3],
}

impl SubprocessExec {
    /// Starts the child.
    fn start(&mut self) -> Result<(), Exception> {
        let Phase::Created(created) = core::mem::replace(&mut self.phase, Phase::Over) else {
            return Err(Exception::reused());
        };
        let (factory, command) = *created;
        let (child, pipes, _) = command.start_in(&self.event_loop)?;
        let left =
            [(ChildPipe::Stdin, pipes.stdin), (ChildPipe::Stdout, pipes.stdout), (ChildPipe::Stderr, pipes.stderr)];
        let expected = left.each_ref().map(|(_, fd)| fd.is_some());
        let subprocess = Subprocess::start(&self.event_loop, child, factory(), expected);
        self.phase = Phase::Connecting(Box::new(Connecting { subprocess, current: None, left }));
        Ok(())
    }
}

impl Connecting {
    /// Begins to connect the next pipe, if one is left.
    fn next(&mut self) -> Result<Option<&mut (ChildPipe, ConnectPipe)>, Exception> {
        if self.current.is_none()
            && let Some((pipe, fd)) = self.left.iter_mut().find(|(_, fd)| fd.is_some())
            && let Some(fd) = fd.take()
        {
            let (pipe, event_loop) = (*pipe, &self.subprocess.event_loop);
            let protocol = Pipe { subprocess: Rc::clone(&self.subprocess), pipe };
            let connecting = match pipe {
                ChildPipe::Stdin => event_loop.connect_write_pipe(move || protocol, fd)?,
                ChildPipe::Stdout | ChildPipe::Stderr => event_loop.connect_read_pipe(move || protocol, fd)?,
            };
            self.current = Some((pipe, connecting));
        }
        Ok(self.current.as_mut())
    }

    /// Connects all pipes.
    fn resume(&mut self, mut sent: Result<(), Exception>) -> Result<Step<Await, (), ()>, Exception> {
        while let Some((pipe, connecting)) = self.next()? {
            let pipe = *pipe;
            let transport = yield_from!(*connecting, sent)?;
            self.current = None;
            self.subprocess.connected(pipe, transport);
        }
        sent?;
        Ok(Step::Return(()))
    }
}

impl Coroutine for SubprocessExec {
    type Yield = Await;
    type Input = ();
    type Return = SubprocessTransport;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created(_) = self.phase {
            take_sent(&mut sent)?;
            self.start()?;
        }
        let step = match &mut self.phase {
            Phase::Connecting(connecting) => connecting.resume(take_sent(&mut sent)),
            _ => Ok(Step::Return(())),
        };
        match (step, core::mem::replace(&mut self.phase, Phase::Over)) {
            (Ok(Step::Yield(wanted)), phase) => {
                self.phase = phase;
                Ok(Step::Yield(wanted))
            }
            (Ok(Step::Delegate(frame)), phase) => {
                self.phase = phase;
                Ok(Step::Delegate(frame))
            }
            (Ok(Step::Return(())), Phase::Connecting(connecting)) => {
                connecting.subprocess.made();
                self.phase = Phase::Made(Rc::clone(&connecting.subprocess));
                Ok(Step::Yield(Await::next_turn()))
            }
            (Err(raised), Phase::Connecting(connecting)) => self.fail(Rc::clone(&connecting.subprocess), raised),
            (_, Phase::Made(subprocess)) => match sent {
                Ok(()) => Ok(Step::Return(SubprocessTransport(subprocess))),
                Err(raised) => self.fail(subprocess, raised),
            },
            (_, Phase::Failed(subprocess, raised)) => match sent {
                Ok(()) => self.fail(subprocess, raised),
                Err(another) => {
                    subprocess.give_up();
                    Err(another)
                }
            },
            (_, Phase::Created(_) | Phase::Over) => Err(Exception::reused()),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("subprocess_exec", self)
    }
}

impl SubprocessExec {
    /// Kills the child, waits for its end, and raises `raised`.
    fn fail(&mut self, subprocess: Rc<Subprocess>, raised: Exception) -> Resumed<Self> {
        subprocess.close();
        if raised.is_generator_exit() {
            subprocess.give_up();
            return Err(raised);
        }
        match subprocess.child.attempt_wait() {
            Ok(Step::Yield(wanted)) => {
                self.phase = Phase::Failed(subprocess, raised);
                Ok(Step::Yield(wanted))
            }
            _ => {
                subprocess.give_up();
                Err(raised)
            }
        }
    }
}

impl Drop for SubprocessExec {
    fn drop(&mut self) {
        match &self.phase {
            Phase::Connecting(connecting) => connecting.subprocess.give_up(),
            Phase::Made(subprocess) | Phase::Failed(subprocess, _) => subprocess.give_up(),
            Phase::Created(_) | Phase::Over => {}
        }
    }
}

impl fmt::Debug for SubprocessExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Phase::Created(created) => write!(f, "SubprocessExec({:?})", created.1),
            Phase::Connecting(connecting) => write!(f, "SubprocessExec(connecting {:?})", connecting.subprocess.child),
            Phase::Made(subprocess) | Phase::Failed(subprocess, _) => {
                write!(f, "SubprocessExec({:?})", subprocess.child)
            }
            Phase::Over => f.write_str("SubprocessExec(over)"),
        }
    }
}
