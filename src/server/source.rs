//! [`Source`]: where a server's connections come from, without the types of the listener and of the handler.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::StopToken;
use super::connections::Connections;
use crate::coroutine::{Exception, Step};
use crate::net::Acceptor;
use crate::task::{Awaitable, Progress, panicked};

/// Accepts a connection in one step and serves it in the next one, in which nothing is being raced.
pub(super) trait Source {
    /// Accepts a connection and keeps it.
    fn attempt(&mut self) -> Progress<()>;

    /// Makes a task of the connection that was accepted.
    ///
    /// # Errors
    ///
    /// Those of the handler, and those of making a task.
    fn serve(&mut self, connections: &Rc<Connections>, stop: &StopToken) -> Result<(), Exception>;
}

pub(super) struct Handled<A: Acceptor, F> {
    acceptor: A,
    handler: F,
    accepted: Option<A::Stream>,
}

impl<A: Acceptor, F> Handled<A, F> {
    pub(super) const fn new(acceptor: A, handler: F) -> Self {
        Self { acceptor, handler, accepted: None }
    }
}

impl<A, C, F> Source for Handled<A, F>
where
    A: Acceptor,
    C: Awaitable<Return = ()> + 'static,
    F: FnMut(A::Stream, StopToken) -> Result<C, Exception>,
{
    fn attempt(&mut self) -> Progress<()> {
        Ok(match self.acceptor.attempt_accept()? {
            Step::Return(accepted) => {
                self.accepted = Some(accepted);
                Step::Return(())
            }
            Step::Yield(wanted) => Step::Yield(wanted),
            Step::Delegate(frame) => Step::Delegate(frame),
        })
    }

    fn serve(&mut self, connections: &Rc<Connections>, stop: &StopToken) -> Result<(), Exception> {
        let Some(accepted) = self.accepted.take() else { return Ok(()) };
        let handler = AssertUnwindSafe(|| (self.handler)(accepted, stop.clone()));
        connections.start(catch_unwind(handler).unwrap_or_else(|panic| Err(panicked(panic)))?)
    }
}
