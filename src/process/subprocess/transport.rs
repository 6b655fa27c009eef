//! [`SubprocessTransport`]: a child, its pipes and its protocol.
//!
//! ```text
//!  pipes' transports --data, lost--> Subprocess --events, in order, from the ready queue--> the program's protocol
//!  child ---------------ended------>
//! ```
//!
//! Invariants:
//!
//! 1. The loop owns the subprocess, as a [`Resident`], until `connection_lost` has been called. So dropping handles
//!    changes nothing.
//! 2. Events that come before the pipes are connected wait for `connection_made`.
//! 3. `connection_lost` is queued once: when the child has ended and each pipe is lost, whichever comes last.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::super::child::Child;
use super::super::handle::ProcessHandle;
use super::protocol::{ChildPipe, SubprocessProtocol};
use crate::coroutine::Exception;
use crate::event_loop::{LoopHandle, Resident};
use crate::task::{ErrorContext, Run, callback, panicked};
use crate::transport::Transport;

/// A child process with a protocol. Made by [`LoopHandle::subprocess_exec`] and [`LoopHandle::subprocess_shell`]. asyncio's
/// `SubprocessTransport`.
///
/// Clones are handles to the same child. The loop owns it, so dropping handles changes nothing. When the loop is closed, a
/// child that still runs is killed.
#[derive(Clone)]
pub struct SubprocessTransport(pub(super) Rc<Subprocess>);

pub(super) struct Subprocess {
    pub(super) event_loop: LoopHandle,
    pub(super) child: Rc<Child>,
    /// Taken out while it is called, and once it is over.
    protocol: Cell<Option<Box<dyn SubprocessProtocol>>>,
    pipes: RefCell<[Pipe; 3]>,
    /// What has happened before the pipes were connected. `None` since then.
    waiting: RefCell<Option<Vec<Event>>>,
    /// True once `process_exited` is queued.
    has_exited: Cell<bool>,
    is_closed: Cell<bool>,
    is_over: Cell<bool>,
    resident: Cell<usize>,
}

/// The state of one of the child's standard streams.
enum Pipe {
    /// It is no pipe.
    Absent,
    /// It is being connected.
    Expected,
    Open(Transport),
    Lost(Option<Transport>),
}

/// A call of the protocol.
pub(super) enum Event {
    Made,
    Data(ChildPipe, Box<[u8]>),
    PipeLost(ChildPipe, Option<Exception>),
    PauseWriting,
    ResumeWriting,
    Exited,
    Lost,
}

impl Subprocess {
    /// `expected` says which of the standard streams will be connected.
    pub(super) fn start(
        event_loop: &LoopHandle,
        child: Rc<Child>,
        protocol: Box<dyn SubprocessProtocol>,
        expected: [bool; 3],
    ) -> Rc<Self> {
        let this = Rc::new(Self {
            event_loop: event_loop.clone(),
            child,
            protocol: Cell::new(Some(protocol)),
            pipes: RefCell::new(expected.map(|expected| if expected { Pipe::Expected } else { Pipe::Absent })),
            waiting: RefCell::new(Some(Vec::new())),
            has_exited: Cell::new(false),
            is_closed: Cell::new(false),
            is_over: Cell::new(false),
            resident: Cell::new(0),
        });
        this.resident.set(event_loop.add_resident(Rc::clone(&this) as Rc<_>));
        let weak = Rc::downgrade(&this);
        this.child.ended().notify(move |_| {
            if let Some(this) = weak.upgrade() {
                this.exited();
            }
        });
        this
    }

    /// A pipe is connected.
    pub(super) fn connected(&self, pipe: ChildPipe, transport: Transport) {
        let place = &mut self.pipes.borrow_mut()[pipe as usize];
        match place {
            Pipe::Lost(lost) => *lost = Some(transport),
            _ => *place = Pipe::Open(transport),
        }
    }

    /// All pipes are connected: calls `connection_made`, and then what had to wait for it.
    pub(super) fn made(self: &Rc<Self>) {
        let waiting = self.waiting.take().unwrap_or_default();
        self.call(Event::Made);
        for event in waiting {
            self.call(event);
        }
    }

    /// The child was not started as it should be. A protocol that does not know of the child yet is dropped, and never
    /// called.
    pub(super) fn give_up(&self) {
        self.close();
        if self.waiting.borrow().is_some() {
            self.end();
        }
    }

    /// Queues a call of the protocol.
    pub(super) fn call(self: &Rc<Self>, event: Event) {
        if let Some(waiting) = &mut *self.waiting.borrow_mut() {
            waiting.push(event);
            return;
        }
        let this = Rc::clone(self);
        let call = callback(move || this.called(event));
        self.event_loop.scheduler().push(call as Rc<dyn Run>);
    }

    fn called(self: Rc<Self>, event: Event) {
        let is_last = matches!(event, Event::Lost);
        let Some(mut protocol) = self.protocol.take() else { return };
        let transport = SubprocessTransport(self);
        let this = &*transport.0;
        let result = catch_unwind(AssertUnwindSafe(|| event.tell(&mut *protocol, &transport)));
        if is_last || this.is_over.get() {
            this.event_loop.scheduler().drop_each([protocol]);
            this.end();
        } else {
            this.protocol.set(Some(protocol));
        }
        if let Err(panic) = result {
            let context = ErrorContext::new("Exception in a subprocess protocol").caused_by(panicked(panic));
            this.event_loop.call_exception_handler(context.about(&transport));
            this.close();
        }
    }

    pub(super) fn pipe_is_lost(self: &Rc<Self>, pipe: ChildPipe, error: Option<Exception>) {
        let transport = self.pipes.borrow()[pipe as usize].transport();
        self.pipes.borrow_mut()[pipe as usize] = Pipe::Lost(transport);
        self.call(Event::PipeLost(pipe, error));
        self.try_finish();
    }

    fn exited(self: &Rc<Self>) {
        self.has_exited.set(true);
        self.call(Event::Exited);
        self.try_finish();
    }

    fn try_finish(self: &Rc<Self>) {
        let is_lost = |pipe: &Pipe| matches!(pipe, Pipe::Absent | Pipe::Lost(_));
        if self.has_exited.get() && self.pipes.borrow().iter().all(is_lost) {
            self.call(Event::Lost);
        }
    }

    /// Closes the pipes, and kills the child unless it has ended.
    pub(super) fn close(&self) {
        if self.is_closed.replace(true) {
            return;
        }
        let transports: Vec<_> = self.pipes.borrow().iter().filter_map(Pipe::transport).collect();
        transports.iter().for_each(Transport::close);
        if let Ok(None) = self.child.try_wait() {
            // It fails only if the child is gone.
            let _ = ProcessHandle(Rc::clone(&self.child)).kill();
        }
    }

    /// The subprocess is over: the loop no longer owns it.
    fn end(&self) {
        if !self.is_over.replace(true) {
            self.event_loop.remove_resident(self.resident.get());
        }
        self.event_loop.scheduler().drop_each(self.protocol.take());
        let pipes = self.pipes.replace([Pipe::Absent, Pipe::Absent, Pipe::Absent]);
        drop((pipes, self.waiting.take()));
    }
}

impl Pipe {
    fn transport(&self) -> Option<Transport> {
        match self {
            Self::Open(transport) | Self::Lost(Some(transport)) => Some(transport.clone()),
            Self::Absent | Self::Expected | Self::Lost(None) => None,
        }
    }
}

impl Event {
    fn tell(self, protocol: &mut dyn SubprocessProtocol, transport: &SubprocessTransport) {
        match self {
            Self::Made => protocol.connection_made(transport),
            Self::Data(pipe, data) => protocol.pipe_data_received(transport, pipe, &data),
            Self::PipeLost(pipe, error) => protocol.pipe_connection_lost(transport, pipe, error),
            Self::PauseWriting => protocol.pause_writing(transport),
            Self::ResumeWriting => protocol.resume_writing(transport),
            Self::Exited => protocol.process_exited(transport),
            Self::Lost => protocol.connection_lost(transport, None),
        }
    }
}

impl Resident for Subprocess {
    /// Kills the child, and drops the protocol without calling it. The transports of the pipes are residents too.
    fn loop_closed(self: Rc<Self>) {
        self.is_closed.set(true);
        let _ = ProcessHandle(Rc::clone(&self.child)).kill();
        self.is_over.set(true);
        self.end();
    }
}

impl SubprocessTransport {
    /// Returns the number of the process. Once the child has been reaped, another process may get it. asyncio's `get_pid`.
    pub fn pid(&self) -> u32 {
        self.0.child.pid()
    }

    /// Returns the status of the child once it has ended: its exit code, or the negative number of the signal that ended it.
    /// asyncio's `get_returncode`.
    pub fn returncode(&self) -> Option<i32> {
        let status = self.0.child.status()?;
        status.code().or_else(|| status.signal().map(|signal| -signal))
    }

    /// Returns the transport of a pipe, to write to the child or to pause reading. `None` if the stream is no pipe, and once
    /// `connection_lost` has been called. asyncio's `get_pipe_transport`.
    pub fn pipe_transport(&self, pipe: ChildPipe) -> Option<Transport> {
        self.0.pipes.borrow()[pipe as usize].transport()
    }

    /// Returns a handle to the child, for tasks that wait for its end.
    pub fn process(&self) -> ProcessHandle {
        ProcessHandle(Rc::clone(&self.0.child))
    }

    /// Sends the child a signal.
    ///
    /// # Errors
    ///
    /// Returns the system's error: `ESRCH` if the child has ended and was reaped, `EINVAL` if there is no such signal.
    /// asyncio raises `ProcessLookupError`.
    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        self.0.child.signal(signal)
    }

    /// Asks the child to end, by `SIGTERM`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send_signal`](Self::send_signal).
    pub fn terminate(&self) -> io::Result<()> {
        self.process().terminate()
    }

    /// Kills the child, by `SIGKILL`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send_signal`](Self::send_signal).
    pub fn kill(&self) -> io::Result<()> {
        self.process().kill()
    }

    /// Closes the pipes, and kills the child unless it has ended. `connection_lost` is called once it has. Has no effect the
    /// second time.
    pub fn close(&self) {
        self.0.close();
    }

    /// Returns `true` if [`close`](Self::close) was called, or if the child and its pipes are gone.
    pub fn is_closing(&self) -> bool {
        self.0.is_closed.get() || self.0.is_over.get()
    }

    /// Calls `function` with the protocol. Returns `None` if the protocol is of another type, is being called, or is gone.
    /// asyncio's `get_protocol`.
    pub fn with_protocol<P: 'static, R>(&self, function: impl FnOnce(&mut P) -> R) -> Option<R> {
        let mut lent = Lent { subprocess: &self.0, protocol: Some(self.0.protocol.take()?) };
        let protocol: &mut dyn core::any::Any = &mut **lent.protocol.as_mut()?;
        protocol.downcast_mut().map(function)
    }
}

/// A protocol that is given back, also if the program's function panics.
struct Lent<'a> {
    subprocess: &'a Subprocess,
    protocol: Option<Box<dyn SubprocessProtocol>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let protocol = self.protocol.take();
        if self.subprocess.is_over.get() {
            self.subprocess.event_loop.scheduler().drop_each(protocol);
        } else {
            self.subprocess.protocol.set(protocol);
        }
    }
}

/// Two handles are equal if they stand for the same child.
impl PartialEq for SubprocessTransport {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SubprocessTransport {}

impl fmt::Debug for SubprocessTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SubprocessTransport").field(&self.0.child).finish()
    }
}
