//! Loops whose executor fails. They show that an operation uses no thread.

use innermost::Exception;
use innermost::Kind;
use innermost::executor::{Executor, Job, Pending, ShutdownWait};

/// Takes no job: what needs a thread fails.
pub(crate) struct NoThreads;

impl Executor for NoThreads {
    fn execute(&self, _: Job) -> Result<(), Exception> {
        Err(Exception::message(Kind::RuntimeError, "no thread"))
    }

    fn shutdown(&self, _: Pending, _: ShutdownWait) -> Result<(), Exception> {
        Ok(())
    }
}
