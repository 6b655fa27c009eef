//! Loops whose jobs fail: what needs no thread is shown to use none.

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
