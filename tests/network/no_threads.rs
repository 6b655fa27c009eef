//! Loops whose executor fails. They show that an operation uses no thread.

use innermost::Exception;
use innermost::Kind;
use innermost::executor::{Executor, Job, Pending, ShutdownWait};

/// An executor that refuses all jobs, so that operations that need a thread fail.
pub(crate) struct NoThreads;

impl Executor for NoThreads {
    fn execute(&self, _: Job) -> Result<(), Exception> {
        Err(Exception::message(Kind::RuntimeError, "no thread"))
    }

    fn shutdown(&self, _: Pending, _: ShutdownWait) -> Result<(), Exception> {
        Ok(())
    }
}
