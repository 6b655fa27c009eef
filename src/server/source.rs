//! [`Source`]: where a server's connections come from, without the types of the listener and of the handler.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::StopToken;
use super::connections::Connections;
use crate::coroutine::{Exception, Step};
use crate::net::Acceptor;
use crate::task::{Progress, panicked};

/// Accepts a connection in one step, inside a race, and serves it in the next step, outside of any race.
pub(super) trait Source {
    /// Accepts a connection and keeps it.
    fn attempt(&mut self) -> Progress<()>;

    /// Serves the connection that was accepted.
    ///
    /// # Errors
    ///
    /// Returns the handler's errors and panics, and the errors of making a task.
    fn serve(&mut self, connections: &Rc<Connections>, stop: &StopToken) -> Result<(), Exception>;
}

/// A listener, and the function that serves its connections.
pub(super) struct Served<A: Acceptor, F> {
    acceptor: A,
    serve: F,
    accepted: Option<A::Stream>,
}

impl<A: Acceptor, F> Served<A, F> {
    pub(super) const fn new(acceptor: A, serve: F) -> Self {
        Self { acceptor, serve, accepted: None }
    }
}

impl<A, F> Source for Served<A, F>
where
    A: Acceptor,
    F: FnMut(A::Stream, &Rc<Connections>, StopToken) -> Result<(), Exception>,
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
        let serve = AssertUnwindSafe(|| (self.serve)(accepted, connections, stop.clone()));
        catch_unwind(serve).unwrap_or_else(|panic| Err(panicked(panic)))
    }
}
