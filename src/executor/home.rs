//! `Home`: the event loop that will complete a future, as seen by the threads that wait for the future.

use std::sync::Arc;
use std::thread::ThreadId;

use crate::coroutine::Exception;

/// The event loop that will complete a future, with what the future needs from it.
pub(crate) struct Origin {
    pub(crate) home: Arc<dyn Home>,
    /// Called with the future's exception if nobody has retrieved it.
    pub(crate) report: Box<dyn FnOnce(Exception) + Send>,
    /// The exception that the future fails with if the loop goes away.
    pub(crate) broken: Exception,
}

/// An event loop that will complete a future, as other threads see it.
pub(crate) trait Home: Send + Sync {
    /// The thread that runs the loop. It must not wait for the future.
    fn thread(&self) -> ThreadId;

    /// Called when threads begin to wait for the loop.
    fn threads_wait(&self, threads: WaitingThreads);

    /// Called when threads stop waiting for the loop.
    fn threads_go_on(&self, threads: WaitingThreads);
}

/// The number of waiting threads.
#[derive(Clone, Copy, Default)]
pub(crate) struct WaitingThreads {
    pub(crate) all: usize,
    /// The number of those that wait without a timeout.
    pub(crate) for_ever: usize,
}
