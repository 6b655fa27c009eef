//! `Child`: the loop's side of a child process.
//!
//! The child's descriptor is registered in the loop, and the `Child` itself waits there to be queued. When the descriptor
//! is ready, the loop reaps the child, and wakes everybody who waits for the end.
//!
//! Invariants:
//!
//! 1. A child is reaped once, and its status is set in the same step. No signal is sent by number after that.
//! 2. While a child runs, its registration keeps this object alive, whether or not anybody holds a handle. Closing the loop
//!    ends the registration. When the last handle is dropped after that, a thread waits for the child.
//! 3. Only the process that started a child reaps or signals it.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{self, ExitStatus};
use std::rc::Rc;
use std::thread;

use crate::coroutine::{Coroutine, Exception, Step};
use crate::event_loop::{Left, LoopHandle, Registered};
use crate::sys::child::{Prepared, Watch, is_lost, no_such_process};
use crate::sys::{self, Direction, Readiness};
use crate::task::{AnyFuture, ErrorContext, Future, Progress, Run, Scheduler};

pub(super) struct Child {
    event_loop: LoopHandle,
    pid: u32,
    /// True if the child leads a process group that was made for it.
    leads_group: bool,
    status: Cell<Option<ExitStatus>>,
    /// Finished once the status is set.
    ended: Future<()>,
    /// `None` once the child was reaped, unless its group may still get signals.
    watch: RefCell<Option<Rc<Watch>>>,
    /// `None` once the child was reaped.
    registered: RefCell<Option<Rc<Registered<Rc<Watch>>>>>,
    /// The process that started the child.
    parent: sys::Process,
}

/// The status of a child that somebody else has reaped.
fn lost() -> ExitStatus {
    ExitStatus::from_raw(255 << 8)
}

impl Child {
    /// Starts a program. Also returns the standard library's object, which is used for its pipes only.
    ///
    /// # Errors
    ///
    /// Returns the system's error if the program cannot be started or watched. Nothing of it is left then. Returns
    /// `RuntimeError` if the loop is closed.
    pub(super) fn start(
        event_loop: &LoopHandle,
        command: &mut process::Command,
        leads_group: bool,
    ) -> Result<(Rc<Self>, process::Child), Exception> {
        event_loop.scheduler().check_open()?;
        let prepared = Prepared::new()?;
        let mut started = command.spawn()?;
        let watch = match prepared.watch(started.id()) {
            Ok(watch) => Some(Rc::new(watch)),
            // Somebody else has reaped it already.
            Err(error) if is_lost(&error) || error.raw_os_error() == no_such_process().raw_os_error() => None,
            Err(error) => {
                end(&mut started);
                return Err(error.into());
            }
        };
        let child = Rc::new(Self {
            event_loop: event_loop.clone(),
            pid: started.id(),
            leads_group,
            status: Cell::new(None),
            ended: event_loop.create_future(),
            watch: RefCell::new(watch),
            registered: RefCell::default(),
            parent: sys::Process::current(),
        });
        match child.register() {
            Ok(()) => Ok((child, started)),
            Err(raised) => {
                // The destructor must not wait for it in a thread.
                drop(child.watch.take());
                end(&mut started);
                Err(raised)
            }
        }
    }

    /// Asks the loop to queue this object when the child has ended.
    fn register(self: &Rc<Self>) -> Result<(), Exception> {
        let Some(watch) = self.watch.borrow().clone() else {
            self.has_lost_status();
            return Ok(());
        };
        let readiness = if watch.has_ended() { Readiness::READABLE } else { Readiness::NONE };
        let registered = Registered::new(watch);
        registered.register_in(&self.event_loop, readiness)?;
        registered.watch(Direction::Read, Rc::clone(self) as Rc<_>);
        drop(self.registered.replace(Some(Rc::new(registered))));
        Ok(())
    }

    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) const fn leads_group(&self) -> bool {
        self.leads_group
    }

    /// The status, once the loop or [`try_wait`](Self::try_wait) has reaped the child.
    pub(super) const fn status(&self) -> Option<ExitStatus> {
        self.status.get()
    }

    /// A future that is finished once there is a status.
    pub(super) fn ended(&self) -> AnyFuture {
        self.ended.any_future()
    }

    /// The status, or what to wait for.
    pub(super) fn attempt_wait(&self) -> Progress<ExitStatus> {
        if let Some(status) = self.status.get() {
            return Ok(Step::Return(status));
        }
        self.check_parent()?;
        match self.ended().resume(Ok(()))? {
            Step::Yield(wanted) => Ok(Step::Yield(wanted)),
            Step::Delegate(frame) => Ok(Step::Delegate(frame)),
            Step::Return(()) => Ok(Step::Return(self.status.get().unwrap_or_else(lost))),
        }
    }

    /// Reaps the child if it has ended. Returns its status, or `None` while it runs.
    pub(super) fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        if self.status.get().is_none() {
            self.check_parent()?;
            let watch = self.watch.borrow().clone();
            self.reaped(watch.map_or(Ok(None), |watch| watch.reap()))?;
        }
        Ok(self.status.get())
    }

    /// Sends a signal to the child.
    ///
    /// # Errors
    ///
    /// The system's: `ESRCH` if the child has ended, `EINVAL` for a number that is no signal.
    pub(super) fn signal(&self, signal: i32) -> io::Result<()> {
        self.check_parent()?;
        match &*self.watch.borrow() {
            Some(watch) if self.status.get().is_none() => watch.signal(signal),
            _ => Err(no_such_process()),
        }
    }

    /// Sends a signal to the process group that the child leads.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if no group was made for the child. The system's.
    pub(super) fn signal_group(&self, signal: i32) -> io::Result<()> {
        self.check_parent()?;
        if !self.leads_group {
            let text = "the process leads no group: start it with `process_group(0)`";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        match &*self.watch.borrow() {
            Some(watch) => watch.signal_group(signal, self.status.get().is_some()),
            None => Err(no_such_process()),
        }
    }

    fn check_parent(&self) -> io::Result<()> {
        if self.parent.is_current() {
            return Ok(());
        }
        Err(io::Error::other("this process was started by the process that forked this one"))
    }

    /// Takes note of an attempt to reap the child.
    fn reaped(&self, result: io::Result<Option<ExitStatus>>) -> io::Result<()> {
        match result {
            Ok(None) => {}
            Ok(Some(status)) => self.has_ended(status),
            Err(error) if is_lost(&error) => self.has_lost_status(),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    #[cold]
    fn has_lost_status(&self) {
        self.has_ended(lost());
        let text = "the status of a child was read by somebody else, or SIGCHLD is ignored: it is reported as 255";
        self.event_loop.call_exception_handler(ErrorContext::new(text).about(self));
    }

    fn has_ended(&self, status: ExitStatus) {
        self.status.set(Some(status));
        if let Some(registered) = self.registered.take() {
            registered.unwatch();
            registered.deregister();
        }
        if !self.leads_group {
            drop(self.watch.take());
        }
        // Nobody else finishes it.
        let _ = self.ended.set_result(());
    }
}

impl Run for Child {
    /// The descriptor may be ready.
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        let Some(registered) = self.registered.borrow().clone() else { return };
        let reap = |watch: &Rc<Watch>| match watch.reap() {
            Ok(None) => Err(io::ErrorKind::WouldBlock.into()),
            result => Ok((result, Left::More)),
        };
        match registered.try_now(Direction::Read, reap) {
            Ok(Some(result)) => {
                if let Err(error) = self.reaped(result) {
                    let context = ErrorContext::new("a child cannot be reaped").caused_by(error.into());
                    scheduler.report(context.about(&*self));
                }
            }
            // `reap` fails in no other way.
            Ok(None) | Err(_) => registered.watch(Direction::Read, self),
        }
    }
}

impl Drop for Child {
    /// The loop was closed, and no handle is left. Nobody else would reap the child.
    fn drop(&mut self) {
        drop(self.registered.take());
        let watch = self.watch.take().and_then(Rc::into_inner);
        if let (None, Some(watch)) = (self.status.get(), watch)
            && self.parent.is_current()
            && let Ok(None) = watch.reap()
        {
            // If no thread is free, the child is reaped when this process ends.
            let _ =
                thread::Builder::new().name("innermost_reaper".into()).stack_size(STACK).spawn(move || watch.wait());
        }
    }
}

/// The stack of a thread that makes one call.
const STACK: usize = 64 * 1024;

/// Kills and reaps a child that cannot be watched.
#[cold]
fn end(child: &mut process::Child) {
    // These calls fail only if the child is gone.
    let _ = child.kill();
    let _ = child.wait();
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status.get() {
            Some(status) => write!(f, "Process({}, {status})", self.pid),
            None => write!(f, "Process({}, running)", self.pid),
        }
    }
}
