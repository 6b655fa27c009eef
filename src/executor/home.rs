//! The event loop that will complete a future, as the threads that wait for it see it.

use std::sync::Arc;
use std::thread::ThreadId;

use crate::coroutine::Exception;

/// Of a future that an event loop is to complete.
pub(crate) struct Origin {
    pub(crate) home: Arc<dyn Home>,
    /// Told of an exception that nobody has asked for.
    pub(crate) report: Box<dyn FnOnce(Exception) + Send>,
    /// What the future fails with if the loop goes away.
    pub(crate) broken: Exception,
}

/// The event loop that is to complete a future, as other threads know it.
pub(crate) trait Home: Send + Sync {
    /// The thread that alone can complete it: that may not wait for it.
    fn thread(&self) -> ThreadId;

    /// Threads wait for the loop from now on.
    fn threads_wait(&self, threads: Threads);

    /// Those do so no more.
    fn threads_go_on(&self, threads: Threads);
}

/// How many threads wait.
#[derive(Clone, Copy, Default)]
pub(crate) struct Threads {
    pub(crate) all: usize,
    /// Those among them that wait without a timeout.
    pub(crate) for_ever: usize,
}
