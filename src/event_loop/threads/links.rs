//! `wrap_future` and `thread_future`: links between a loop's future and a thread's future, so that one follows the
//! other.
//!
//! ```text
//!   this thread                              :   any thread
//!                                            :
//!   Future <------- link 7 <-- inbox: "7" <--:-- ThreadFuture       done: the loop's future follows
//!      | ------------------------------------:------> cancel        cancelled: the thread's future is too
//! ```
//!
//! A loop's future cannot leave its thread, so other threads know only the number of its link. The loop holds all
//! links, and closing the loop drops them. A thread that waits for the loop's future then learns that the loop is gone.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use super::super::{LoopHandle, RemoteHandle, running};
use crate::coroutine::Exception;
use crate::executor::{Promise, ThreadFuture};
use crate::task::{Future, panicked};

/// The actions to take when another thread sends the number of a link.
#[derive(Default)]
pub(super) struct Links {
    links: RefCell<BTreeMap<u64, (CompletedBy, Link)>>,
    next: Cell<u64>,
    closed: Cell<bool>,
}

type Link = Box<dyn FnOnce()>;

/// The side that completes the future, for the other side to follow.
#[derive(Clone, Copy, PartialEq)]
enum CompletedBy {
    Thread,
    Loop,
}

impl Links {
    fn insert(&self, from: CompletedBy, link: impl FnOnce() + 'static) -> u64 {
        // A number is never reused, so a late message finds nothing.
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

    /// Returns `true` if a future of the loop waits for a thread.
    pub(super) fn wait_for_threads(&self) -> bool {
        self.links.borrow().values().any(|(from, _)| *from == CompletedBy::Thread)
    }

    /// Takes all links out, to be dropped. CompletedBy now on, no link is kept.
    pub(super) fn close(&self) -> impl Iterator<Item = Link> + use<> {
        self.closed.set(true);
        self.links.take().into_values().map(|(_, link)| link)
    }
}

impl RemoteHandle {
    /// Has the loop take the action of a link. If the loop is gone, nobody waits for that.
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

/// Methods that connect futures of this loop with futures of threads.
impl LoopHandle {
    /// Returns a future of this loop that follows a thread's future. asyncio's `wrap_future`.
    ///
    /// The future gets a clone of the thread's result, or its exception. Cancelling either future cancels the other.
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
    /// `RuntimeError` if the loop is closed, or if `future` is pending and belongs to the process that forked this one.
    pub fn wrap_future<T: Clone + Send + 'static>(&self, future: &ThreadFuture<T>) -> Result<Future<T>, Exception> {
        self.0.scheduler.check_open()?;
        future.check_process()?;
        Ok(self.follow_thread(future, |future| future.result(None)))
    }

    /// Returns a future that other threads can wait for, and that follows a future of this loop.
    ///
    /// It gets a clone of the result, or the exception. Cancelling either future cancels the other. If the loop is
    /// closed first, it fails with [`LoopClosed`](crate::event_loop::LoopClosed). The loop's own thread cannot wait for
    /// it.
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

    /// Returns a future of this loop that follows `in_thread`. `read_result` reads the result of a
    /// thread's future that is done.
    pub(super) fn follow_thread<T: Send + 'static>(
        &self,
        in_thread: &ThreadFuture<T>,
        read_result: fn(&ThreadFuture<T>) -> Result<T, Exception>,
    ) -> Future<T> {
        let future = self.create_future();
        let (follows, followed) = (future.clone(), in_thread.clone());
        // If this loop completes the future itself, it does not wait for a thread, although the future is a thread's.
        let is_own = in_thread.completed_in() == Some(thread::current().id());
        let from = if is_own { CompletedBy::Loop } else { CompletedBy::Thread };
        let link = self.0.threads.links.insert(from, move || {
            if follows.done() {
                // Completed by hand, or cancelled in the same turn.
            } else if followed.cancelled() {
                follows.cancel();
            } else {
                // This fails only if the user's `Clone` has completed the future meanwhile.
                let _ = match ask(|| read_result(&followed)) {
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

    /// Has `in_thread`, the future of `promise`, follow `future`.
    pub(super) fn lead_thread<T: Send + 'static>(
        &self,
        future: &Future<T>,
        promise: Promise<T>,
        in_thread: &ThreadFuture<T>,
        read_result: fn(&Future<T>) -> Result<T, Exception>,
    ) {
        // The link alone owns the promise. So closing the loop breaks the promise, even if somebody keeps the future.
        let promise = Rc::new(Cell::new(Some(promise)));
        let (led, kept) = (future.clone(), Rc::downgrade(&promise));
        let link = self.0.threads.links.insert(CompletedBy::Loop, move || {
            // The thread's future was cancelled.
            led.cancel();
            drop(promise);
        });
        let weak = self.downgrade();
        future.add_done_callback(move |future| {
            let promise = kept.upgrade().and_then(|promise| promise.take());
            drop(weak.upgrade().and_then(|this| this.0.threads.links.take(link)));
            // If the thread's future was cancelled meanwhile, the outcome is not retrieved here.
            let Some(promise) = promise.filter(Promise::start) else { return };
            let _ = match ask(|| read_result(&future)) {
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

/// Reads a result, which may call the user's `Clone`. A panic becomes an exception for the other side, which would
/// otherwise wait forever.
fn ask<T>(read_result: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
    catch_unwind(AssertUnwindSafe(read_result)).unwrap_or_else(|panic| Err(panicked(panic)))
}
