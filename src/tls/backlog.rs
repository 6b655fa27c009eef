//! [`Backlog`]: sends what is sealed once the stream below has room, whichever task waits for what.
//!
//! Reading may produce bytes to send: answers to the handshake, an update of keys. A reader must not wait until they are
//! sent, because the peer may be waiting for its own bytes to be read. So nobody waits for the stream below to have room
//! but the backlog, which is called by the ready queue and needs no task. A task that writes waits for the backlog.
//!
//! ```text
//!   stream below --has room--> Backlog --flushes--> stream below
//!                                 |
//!                                 '--wakes--> the task that writes
//! ```

use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::{Rc, Weak};

use crate::coroutine::Exception;
use crate::event_loop::find_running;
use crate::task::{Await, Run, Scheduler, WaitTarget, Waiter, Way, Withdrawn};

/// Something with bytes to send.
pub(super) trait Flush {
    /// Sends what it can. Waits by [`Backlog::wait`] if bytes are left.
    fn flush_later(&self);
}

pub(super) struct Backlog {
    owner: Weak<dyn Flush>,
    /// What the stream below waits for.
    wanted: RefCell<Option<Await>>,
    scheduler: RefCell<Option<Rc<Scheduler>>>,
    /// The task that waits until everything is sent.
    writer: Cell<Option<Rc<dyn Waiter>>>,
}

impl Backlog {
    pub(super) fn new(owner: Weak<dyn Flush>) -> Rc<Self> {
        Rc::new(Self { owner, wanted: RefCell::new(None), scheduler: RefCell::new(None), writer: Cell::new(None) })
    }

    /// Has the owner flushed once the stream below has room. Returns what a task is to wait for until then. Without a
    /// running loop, that is the stream below itself.
    ///
    /// # Errors
    ///
    /// Those of waiting for the stream below: it is used by another loop, or somebody else waits for it.
    pub(super) fn wait(self: &Rc<Self>, wanted: Await) -> Result<Await, Exception> {
        let Some(event_loop) = find_running() else { return Ok(wanted) };
        let scheduler = event_loop.scheduler();
        self.scheduler.replace(Some(Rc::clone(scheduler)));
        self.wanted.replace(Some(wanted.clone()));
        if wanted.is_next_turn() {
            scheduler.push(Rc::clone(self) as Rc<dyn Run>);
        } else if let Err(refused) = wanted.register(Rc::clone(self) as Rc<_>, scheduler) {
            self.wanted.replace(None);
            return Err(refused);
        }
        Ok(self.flushed())
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.wanted.borrow().is_some()
    }

    /// The event that everything is sent, or never will be.
    pub(super) fn flushed(self: &Rc<Self>) -> Await {
        Await::on(Way::Writable, Rc::clone(self) as Rc<_>)
    }

    fn wake_writer(&self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    /// The owner is gone, or has nothing to send any more.
    pub(super) fn stop(self: &Rc<Self>) {
        let wanted = self.wanted.take();
        if let Some(wanted) = wanted {
            drop(wanted.withdraw(Rc::as_ptr(self).cast()));
        }
        self.wake_writer();
    }
}

impl Run for Backlog {
    fn run(self: Rc<Self>, _: &Rc<Scheduler>) {
        if self.wanted.take().is_none() {
            return;
        }
        if let Some(owner) = self.owner.upgrade() {
            owner.flush_later();
        }
        if !self.is_waiting() {
            self.wake_writer();
        }
    }

    fn discard(&self, _: &Scheduler) {
        self.wanted.take();
    }
}

impl Waiter for Backlog {
    fn wake(self: Rc<Self>) {
        let scheduler = self.scheduler.borrow().clone();
        if let Some(scheduler) = scheduler {
            scheduler.push(self);
        }
    }

    fn task(&self) -> *const () {
        core::ptr::null()
    }
}

impl WaitTarget for Backlog {
    fn register(&self, _: Way, _: u32, waiter: Rc<dyn Waiter>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        if !self.is_waiting() {
            waiter.wake();
            return Ok(());
        }
        if self.scheduler.borrow().as_ref().is_some_and(|own| !Rc::ptr_eq(own, of)) {
            return Err(Exception::runtime("this stream is attached to a different event loop"));
        }
        match self.writer.replace(Some(waiter)) {
            Some(former) if !former.give_way() => {
                let refused = self.writer.replace(Some(former));
                drop(refused);
                Err(Exception::runtime("another task is already waiting for this stream in the same direction"))
            }
            _ => Ok(()),
        }
    }

    fn has_come(&self, _: Way, _: u32) -> bool {
        !self.is_waiting()
    }

    fn withdraw(&self, _: Way, _: u32, waiter: *const ()) -> Withdrawn {
        let taken = match self.writer.take() {
            Some(writer) if Rc::as_ptr(&writer).cast::<()>() == waiter => Some(writer),
            another => {
                self.writer.set(another);
                None
            }
        };
        Withdrawn::new(taken.map(|writer| writer as Rc<_>))
    }
}

impl fmt::Debug for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.wanted.borrow() {
            Some(wanted) => write!(f, "TLS over {wanted:?}"),
            None => f.write_str("TLS"),
        }
    }
}
