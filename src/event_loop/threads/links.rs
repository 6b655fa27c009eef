//! Links between a loop's future and a thread's future: one follows the other.
//!
//! ```text
//!   this thread                              :   any thread
//!                                            :
//!   Future <------- link 7 <-- inbox: "7" <--:-- ThreadFuture       is done: the loop's future follows
//!      | ------------------------------------:------> cancel        is cancelled: so is the thread's
//! ```
//!
//! A loop's future cannot leave its thread: what other threads know of it is the number of a link. The loop holds all
//! links, so that closing it ends them: a thread that waits for the loop's future is told that the loop is gone.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use super::super::{LoopHandle, RemoteHandle, running};
use crate::coroutine::Exception;
use crate::executor::{Promise, ThreadFuture};
use crate::task::{Future, panicked};

/// What is to be done when another thread says the number.
#[derive(Default)]
pub(super) struct Links {
    links: RefCell<BTreeMap<u64, (From, Link)>>,
    next: Cell<u64>,
    closed: Cell<bool>,
}

type Link = Box<dyn FnOnce()>;

/// Who completes what the other side waits for.
#[derive(Clone, Copy, PartialEq)]
enum From {
    Thread,
    Loop,
}

impl Links {
    fn insert(&self, from: From, link: impl FnOnce() + 'static) -> u64 {
        // Never used again: a late message finds nothing.
        let number = self.next.replace(self.next.get() + 1);
        if self.closed.get() {
            return number;
        }
        self.links.borrow_mut().insert(number, (from, Box::new(link)));
        number
    }

    fn take(&self, number: u64) -> Option<Link> {
        self.links.borrow_mut().remove(&number).map(|(_, link)| link)
    }

    /// Whether the loop waits for a thread.
    pub(super) fn wait_for_threads(&self) -> bool {
        self.links.borrow().values().any(|(from, _)| *from == From::Thread)
    }

    /// All of them, to be dropped. From now on, none is kept.
    pub(super) fn close(&self) -> impl Iterator<Item = Link> + use<> {
        self.closed.set(true);
        self.links.take().into_values().map(|(_, link)| link)
    }
}

impl RemoteHandle {
    /// Has the loop do what a link says. In a loop that is gone, nobody waits for it.
    fn follow_link(&self, number: u64) {
        let follow = move || {
            let link = running().ok().and_then(|event_loop| event_loop.0.threads.links.take(number));
            if let Some(link) = link {
                link();
            }
        };
        let _ = self.call_soon_threadsafe(follow);
    }
}

/// Futures of threads.
impl LoopHandle {
    /// Makes a future of this loop that follows a thread's future: it gets a clone of the result, or the exception.
    /// Cancelling either cancels the other. asyncio's `wrap_future`.
    ///
    /// ```
    /// use innermost::EventLoop;
    /// use innermost::executor::promise;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (promise, in_thread) = promise();
    /// let in_loop = event_loop.wrap_future(&in_thread)?;
    /// let thread = std::thread::spawn(move || promise.set_result(42));
    /// assert_eq!(event_loop.run_until_complete(in_loop)?, 42);
    /// # assert!(thread.join().expect("it does not panic").is_ok());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed, and in a forked child, for a pending future of its parent.
    pub fn wrap_future<T: Clone + Send + 'static>(&self, future: &ThreadFuture<T>) -> Result<Future<T>, Exception> {
        self.0.scheduler.check_open()?;
        future.check_process()?;
        Ok(self.follow_thread(future, |future| future.result(None)))
    }

    /// Makes a future for threads that follows a future of this loop: it gets a clone of the result, or the exception.
    /// Cancelling either cancels the other. If the loop is closed first, it fails with [`LoopClosed`](crate::event_loop::LoopClosed). The
    /// loop's own thread cannot wait for it.
    ///
    /// ```
    /// use innermost::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let in_loop = event_loop.create_future();
    /// let in_thread = event_loop.thread_future(&in_loop)?;
    /// let thread = std::thread::spawn(move || in_thread.result(None));
    /// in_loop.set_result(42).expect("nobody else sets it");
    /// event_loop.run_once()?;
    /// assert_eq!(thread.join().expect("it does not panic")?, 42);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed. `ValueError` for a future of another loop.
    pub fn thread_future<T: Clone + Send + 'static>(&self, future: &Future<T>) -> Result<ThreadFuture<T>, Exception> {
        self.0.scheduler.check_open()?;
        future.check_is_of(&self.0.scheduler)?;
        let (promise, in_thread) = Promise::new(Some(self.remote().origin()));
        self.lead_thread(future, promise, &in_thread, Future::result);
        Ok(in_thread)
    }

    /// `how` gets the result of a future that is done.
    pub(super) fn follow_thread<T: Send + 'static>(
        &self,
        in_thread: &ThreadFuture<T>,
        how: fn(&ThreadFuture<T>) -> Result<T, Exception>,
    ) -> Future<T> {
        let future = self.create_future();
        let (follows, followed) = (future.clone(), in_thread.clone());
        // What this loop is to complete itself comes from no thread, although a thread could wait for it too.
        let is_own = in_thread.completed_in() == Some(thread::current().id());
        let from = if is_own { From::Loop } else { From::Thread };
        let link = self.0.threads.links.insert(from, move || {
            if follows.done() {
                // Completed by hand, or cancelled in the same turn.
            } else if followed.cancelled() {
                follows.cancel();
            } else {
                // Who could have set it in between is the user's `Clone`.
                let _ = match ask(|| how(&followed)) {
                    Ok(result) => follows.set_result(result).is_ok(),
                    Err(raised) => follows.set_exception(raised).is_ok(),
                };
            }
        });
        let (weak, followed) = (self.downgrade(), in_thread.clone());
        future.add_done_callback(move |future| {
            drop(weak.upgrade().and_then(|this| this.0.threads.links.take(link)));
            if future.cancelled() {
                followed.cancel();
            }
        });
        let remote = self.remote();
        in_thread.add_done_callback(move |_| remote.follow_link(link));
        future
    }

    /// Has the future at the other end of `promise`, which is `in_thread`, follow `future`.
    pub(super) fn lead_thread<T: Send + 'static>(
        &self,
        future: &Future<T>,
        promise: Promise<T>,
        in_thread: &ThreadFuture<T>,
        how: fn(&Future<T>) -> Result<T, Exception>,
    ) {
        // The link alone owns the promise, so that closing the loop breaks that, whoever keeps the future.
        let promise = Rc::new(Cell::new(Some(promise)));
        let (led, kept) = (future.clone(), Rc::downgrade(&promise));
        let link = self.0.threads.links.insert(From::Loop, move || {
            // The thread's was cancelled.
            led.cancel();
            drop(promise);
        });
        let weak = self.downgrade();
        future.add_done_callback(move |future| {
            let promise = kept.upgrade().and_then(|promise| promise.take());
            drop(weak.upgrade().and_then(|this| this.0.threads.links.take(link)));
            // Where the thread's was cancelled meanwhile, nobody looks at what this one has failed with.
            let Some(promise) = promise.filter(Promise::start) else { return };
            let _ = match ask(|| how(&future)) {
                Err(cancelled) if future.cancelled() => {
                    promise.cancel(cancelled);
                    true
                }
                Ok(result) => promise.set_result(result).is_ok(),
                Err(raised) => promise.set_exception(raised).is_ok(),
            };
        });
        let remote = self.remote();
        in_thread.add_done_callback(move |in_thread| {
            if in_thread.cancelled() {
                remote.follow_link(link);
            }
        });
    }
}

/// Gets a result by the user's `Clone`. Where that panics, this is what the other side fails with: it would wait for
/// ever otherwise.
fn ask<T>(how: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
    catch_unwind(AssertUnwindSafe(how)).unwrap_or_else(|panic| Err(panicked(panic)))
}
