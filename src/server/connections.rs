//! [`Connections`]: the tasks of a server's connections, and the reports of those that fail.

use core::cell::RefCell;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use slab::Slab;

use super::bell::Bell;
use crate::coroutine::{Exception, Stateless};
use crate::event_loop::{find_running, running};
use crate::task::{AnyTask, Awaitable, ErrorContext, Task, panicked};

pub(super) struct Connections {
    open: RefCell<Slab<Connection>>,
    /// Rung when a connection ends.
    ended: Rc<Bell>,
    hook: RefCell<Option<Hook>>,
}

/// Gets the failures, instead of the loop's exception handler.
pub(super) type Hook = Rc<dyn Fn(ErrorContext)>;

/// An open connection.
#[derive(Clone)]
enum Connection {
    Task(AnyTask),
    Other(Rc<dyn Other>),
}

/// A connection without a task. It calls `leave` itself when it is over.
pub(super) trait Other {
    /// Asks it to end. A task needs no call: it learns that from its `StopToken`.
    fn stop(&self);

    /// Ends it now.
    fn cancel(&self);
}

impl Connections {
    pub(super) fn new() -> Rc<Self> {
        let (open, ended) = (RefCell::default(), Bell::new("the end of a connection"));
        Rc::new(Self { open, ended, hook: RefCell::default() })
    }

    pub(super) fn len(&self) -> usize {
        self.open.borrow().len()
    }

    pub(super) fn ends(&self) -> u32 {
        self.ended.strokes()
    }

    /// Waits until more than `seen` connections have ended.
    pub(super) fn end_after(&self, seen: u32) -> impl Awaitable<Return = ()> + Stateless + '_ {
        self.ended.after(seen)
    }

    /// Runs a connection as a task.
    pub(super) fn start<C>(self: &Rc<Self>, connection: C) -> Result<(), Exception>
    where
        C: Awaitable<Return = ()> + 'static,
    {
        self.enter(&running()?.create_task(connection)?);
        Ok(())
    }

    fn enter(self: &Rc<Self>, task: &Task<()>) {
        let place = self.open.borrow_mut().insert(Connection::Task(task.any()));
        // Tasks must not keep their server alive: the server cancels them when it is dropped.
        let connections = Rc::downgrade(self);
        task.add_done_callback(move |task| {
            if let Some(connections) = connections.upgrade() {
                connections.ended(place, &task);
            }
        });
    }

    fn ended(&self, place: usize, task: &Task<()>) {
        self.leave(place);
        match task.exception() {
            Ok(Some(raised)) if !is_lost(&raised) => {
                self.report(ErrorContext::new(FAILED).caused_by(raised).about(&task.any()));
            }
            _ => {}
        }
    }

    /// Adds a connection without a task, and returns its place.
    pub(super) fn enter_other(&self, connection: Rc<dyn Other>) -> usize {
        self.open.borrow_mut().insert(Connection::Other(connection))
    }

    /// Removes the connection at that place, which is over.
    pub(super) fn leave(&self, place: usize) {
        let left = self.open.borrow_mut().try_remove(place);
        drop(left);
        self.ended.ring();
    }

    fn all(&self) -> Vec<Connection> {
        self.open.borrow().iter().map(|(_, connection)| connection.clone()).collect()
    }

    /// Asks the connections without a task to end. Cancels the tasks too if `cancels_tasks` is true.
    pub(super) fn stop(&self, cancels_tasks: bool) {
        for connection in self.all() {
            match connection {
                Connection::Task(task) if cancels_tasks => {
                    task.cancel();
                }
                Connection::Task(_) => {}
                Connection::Other(other) => other.stop(),
            }
        }
    }

    /// Ends all of them now.
    pub(super) fn cancel(&self) {
        for connection in self.all() {
            match connection {
                Connection::Task(task) => {
                    task.cancel();
                }
                Connection::Other(other) => other.cancel(),
            }
        }
    }

    pub(super) fn set_hook(&self, hook: Hook) {
        let former = self.hook.replace(Some(hook));
        drop(former);
    }

    /// Reports that a connection could not be made or served. Does nothing if the peer is gone, which is no failure.
    pub(super) fn refuse(&self, raised: Exception) {
        if !is_lost(&raised) {
            self.report(ErrorContext::new(REFUSED).caused_by(raised));
        }
    }

    pub(super) fn report(&self, context: ErrorContext) {
        let Some(event_loop) = find_running() else { return };
        let hook = self.hook.borrow().clone();
        match hook {
            None => event_loop.call_exception_handler(context),
            Some(hook) => {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| hook(context))) {
                    let text = "the function that is told of a server's failures panicked";
                    event_loop.call_exception_handler(ErrorContext::new(text).caused_by(panicked(panic)));
                }
            }
        }
    }
}

/// Returns `true` if the peer or the network has ended the connection. That happens every day, and is not a fault.
fn is_lost(raised: &Exception) -> bool {
    let kind = raised.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(
        kind,
        Some(
            ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::NotConnected
                | ErrorKind::TimedOut
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::NetworkDown
        )
    )
}

const FAILED: &str = "a connection of the server failed";
const REFUSED: &str = "the server could not serve a connection";
