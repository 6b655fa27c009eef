//! [`Held`]: an open descriptor that is closed in a thread.

use std::fs;
use std::sync::Arc;

use super::pool::Threads;
use crate::coroutine::Exception;
use crate::executor::Job;

/// A descriptor. Dropping it closes it in a thread, because closing may wait for a disk.
pub(super) struct Held {
    /// `None` once it is taken out.
    file: Option<Arc<fs::File>>,
    /// `None` until a job is started, for a file that was opened elsewhere.
    threads: Option<Threads>,
}

impl Held {
    pub(super) fn new(file: fs::File, threads: Option<Threads>) -> Self {
        Self { file: Some(Arc::new(file)), threads }
    }

    pub(super) fn file(&self) -> &Arc<fs::File> {
        self.file.as_ref().expect("it is taken out only at its end")
    }

    /// The threads of the loop that opened the file, or that first uses it.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if there is no such loop.
    pub(super) fn threads(&mut self) -> Result<&Threads, Exception> {
        match &mut self.threads {
            Some(threads) => Ok(threads),
            threads => Ok(threads.insert(Threads::of_running_loop()?)),
        }
    }

    /// The kernel cannot read this file from memory alone.
    pub(super) fn never_ask_cache(&mut self) {
        if let Some(threads) = &mut self.threads {
            threads.asks_cache = false;
        }
    }

    /// Takes the descriptor out, unless a job still has it.
    pub(super) fn take(mut self) -> Option<fs::File> {
        self.file.take().and_then(Arc::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let (Some(file), Some(threads)) = (self.file.take(), &self.threads) {
            let (job, _) = Job::new(move || {
                drop(file);
                Ok(())
            });
            // If the loop is closed, or no thread can be started, this closes the file here.
            let _ = threads.executor.execute(job);
        }
    }
}
