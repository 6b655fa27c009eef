//! `run_once`, `next_deadline` and `with_fd`: running a loop as a guest of another loop.
//!
//! The host (the loop of a GUI or a game, a C program) waits in the guest's place, and runs one turn of the guest
//! whenever there is something to do.

use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use super::LoopHandle;
use super::timers::Timers;
use crate::coroutine::Exception;
use crate::sys::{Instant, SelectorFd};

impl LoopHandle {
    /// Runs one turn without waiting, for a host that waits in the loop's place. The host calls this at
    /// [`next_deadline`](Self::next_deadline), and when the descriptor from [`with_fd`](Self::with_fd) becomes
    /// readable.
    ///
    /// [`with_fd`](Self::with_fd) has an example of a host that waits for timers and descriptors. A host can also call
    /// this at regular intervals, for example once per frame:
    ///
    /// ```
    /// use innermost::{EventLoop, sleep};
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// const FRAME: Duration = Duration::from_millis(1);
    ///
    /// let event_loop = EventLoop::new()?;
    /// let task = event_loop.create_task(sleep(Duration::from_millis(3)))?;
    /// while !task.done() {
    ///     // Read the input and draw a frame here.
    ///     event_loop.run_once()?;
    ///     thread::sleep(FRAME);
    /// }
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed or running, or if another loop runs in this thread. The selector's errors.
    /// The [`KeyboardInterrupt`](crate::Kind::KeyboardInterrupt) of a task or a callback.
    pub fn run_once(&self) -> Result<(), Exception> {
        self.check_can_run()?;
        self.stop();
        self.run_forever()
    }

    /// Returns the time at which the host should next call [`run_once`](Self::run_once): now if anything is ready,
    /// otherwise the first timer's deadline. Returns `None` if only a descriptor, a signal or another thread can give
    /// the loop work.
    ///
    /// A host whose guest waits for nothing but timers can sleep until then:
    ///
    /// ```
    /// use innermost::{EventLoop, sleep};
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let task = event_loop.create_task(sleep(Duration::from_millis(1)))?;
    /// while let Some(deadline) = event_loop.next_deadline() {
    ///     thread::sleep(deadline - event_loop.time());
    ///     event_loop.run_once()?;
    /// }
    /// assert!(task.done());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.0.scheduler.ready() > 0 {
            return Some(self.time());
        }
        self.0.with_timers(Timers::next_deadline)
    }

    /// Calls `function` with a descriptor that becomes readable when a descriptor, a signal or another thread gives the
    /// loop work.
    ///
    /// The argument is `None` if the loop is closed, if the loop belongs to the process that forked this one, if the
    /// loop's selector has no descriptor, or if no descriptor is free for the duplicate that is lent.
    ///
    /// A host adds the descriptor to whatever it waits with, such as `poll(2)` or a GUI's main loop. This host waits
    /// with a [`Selector`](crate::selector::Selector) of its own:
    ///
    /// ```
    /// use innermost::selector::{SelectorToken, default_selector};
    /// use innermost::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// # if event_loop.with_fd(|fd| fd.is_none()) { return Ok(()); }
    /// let mut host = default_selector()?;
    /// event_loop.with_fd(|fd| host.register(fd.expect("this selector has one"), SelectorToken(1)))?;
    ///
    /// let call = event_loop.run_in_executor(None, || Ok(6 * 7))?;
    /// let mut events = Vec::new();
    /// while !call.done() {
    ///     let timeout = event_loop.next_deadline().map(|deadline| deadline - event_loop.time());
    ///     host.select(&mut events, timeout)?;
    ///     events.clear();
    ///     event_loop.run_once()?;
    /// }
    /// assert_eq!(call.result()?, 42);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn with_fd<R>(&self, function: impl FnOnce(Option<BorrowedFd<'_>>) -> R) -> R {
        if self.is_closed() || self.is_inherited() {
            return function(None);
        }
        let kept = self.0.fd_for_hosts.take();
        let copy = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().ok().map(|fd| Rc::new(SelectorFd::from(fd)));
        let fd = kept.or_else(|| self.0.registry.with_fd(|fd| fd.and_then(copy)));
        self.0.fd_for_hosts.set(fd.clone());
        // `fd` keeps the descriptor open during the call, since `function` may close the loop.
        function(fd.as_deref().map(AsFd::as_fd))
    }
    /// Whether another thread has sent a call that the loop has not taken yet.
    #[cfg(feature = "testing")]
    pub(crate) fn has_remote_calls(&self) -> bool {
        self.0.inbox.is_notified()
    }

    /// Whether the loop awaits a thread, so that a clock that jumps must stand still.
    #[cfg(feature = "testing")]
    pub(crate) fn awaits_thread(&self) -> bool {
        self.0.threads.clock_must_wait(&self.0.inbox, self.next_deadline().is_some())
    }

    /// Describes each pending task, and what it is waiting for.
    #[cfg(feature = "testing")]
    pub(crate) fn pending_tasks(&self) -> Vec<String> {
        self.0.pending_tasks()
    }
}
