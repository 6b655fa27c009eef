//! Running a loop until a coroutine has ended. It stands here since what is a future already is so in this room: a
//! [`Gather`](super::Gather) or a [`Shield`](super::Shield) is waited for as it is, and not made a task.

use super::child::{Child, Home};
use crate::coroutine::Exception;
use crate::event_loop::LoopHandle;
use crate::task::{Awaitable, Future};

impl LoopHandle {
    /// Runs until a coroutine has ended, and gives what it returned. What is a future of this loop ([`Future`],
    /// [`Task`](crate::Task), [`Join`](crate::task::Join), [`Gather`](super::Gather), [`Shield`](super::Shield)) is waited
    /// for; anything else is made a task.
    ///
    /// # Errors
    ///
    /// What the coroutine raised; `RuntimeError` as for [`run_forever`](Self::run_forever), and where the loop was
    /// stopped before; `ValueError` for a future of another loop.
    pub fn run_until_complete<C>(&self, coroutine: C) -> Result<C::Return, Exception>
    where
        C: Awaitable + 'static,
    {
        self.check_can_run()?;
        let child = Child::start(&mut Home::of(self), coroutine)?;
        self.run_until_done(&child.any())?;
        child.outcome()
    }

    /// The future that a coroutine is, where it is one, or that its task is.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed; `ValueError` for a future of another loop.
    pub fn ensure_future<C>(&self, coroutine: C) -> Result<Future<C::Return>, Exception>
    where
        C: Awaitable + 'static,
    {
        Ok(Child::start(&mut Home::of(self), coroutine)?.future)
    }
}
