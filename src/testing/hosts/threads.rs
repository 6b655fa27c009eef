//! What a host does in threads.

use crate::coroutine::Exception;
use crate::event_loop::LoopHandle;
use crate::executor::{Executor, Job, Pending, ShutdownWait};

/// Makes the functions for threads run where they are submitted, so that their order is always the same, and they take no
/// time.
pub(super) fn do_without(event_loop: &LoopHandle) {
    event_loop.set_default_executor(AtOnce);
    #[cfg(feature = "fs")]
    event_loop.simulate_file_threads(AtOnce);
}

struct AtOnce;

impl Executor for AtOnce {
    fn execute(&self, job: Job) -> Result<(), Exception> {
        job.run();
        Ok(())
    }

    fn shutdown(&self, _: Pending, _: ShutdownWait) -> Result<(), Exception> {
        Ok(())
    }
}
