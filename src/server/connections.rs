//! [`Connections`]: the tasks of a server's connections, and the reports of those that fail.

use core::cell::{OnceCell, RefCell};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use slab::Slab;

use super::bell::Bell;
use crate::coroutine::{Exception, Stateless};
use crate::event_loop::{find_running, running};
use crate::task::{AnyTask, Awaitable, ErrorContext, Task, panicked};

pub(super) struct Connections {
    tasks: RefCell<Slab<AnyTask>>,
    /// Rung when a connection ends.
    ended: Rc<Bell>,
    hook: OnceCell<Box<dyn Fn(ErrorContext)>>,
}

impl Connections {
    pub(super) fn new() -> Rc<Self> {
        let (tasks, ended) = (RefCell::default(), Bell::new("the end of a connection"));
        Rc::new(Self { tasks, ended, hook: OnceCell::new() })
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.borrow().len()
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
        let place = self.tasks.borrow_mut().insert(task.any());
        // Tasks must not keep their server alive: the server cancels them when it is dropped.
        let connections = Rc::downgrade(self);
        task.add_done_callback(move |task| {
            if let Some(connections) = connections.upgrade() {
                connections.leave(place, &task);
            }
        });
    }

    fn leave(&self, place: usize, task: &Task<()>) {
        let left = self.tasks.borrow_mut().try_remove(place);
        drop(left);
        self.ended.ring();
        match task.exception() {
            Ok(Some(raised)) if !is_lost(&raised) => {
                self.report(ErrorContext::new(FAILED).caused_by(raised).about(&task.any()));
            }
            _ => {}
        }
    }

    pub(super) fn cancel_all(&self) {
        let tasks: Vec<_> = self.tasks.borrow().iter().map(|(_, task)| task.clone()).collect();
        for task in tasks {
            task.cancel();
        }
    }

    pub(super) fn set_hook(&self, hook: Box<dyn Fn(ErrorContext)>) {
        let _set_once = self.hook.set(hook);
    }

    /// Reports that a connection could not be made or served. A peer that is gone is no failure.
    pub(super) fn refuse(&self, raised: Exception) {
        if !is_lost(&raised) {
            self.report(ErrorContext::new(REFUSED).caused_by(raised));
        }
    }

    pub(super) fn report(&self, context: ErrorContext) {
        let Some(event_loop) = find_running() else { return };
        match self.hook.get() {
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

/// Whether the peer or the network has ended the connection. That happens all day, and is nobody's mistake.
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
