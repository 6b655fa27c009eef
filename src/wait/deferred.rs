//! The methods of [`Gather`] and [`Shield`]: both are coroutines, and handles to a future.

use core::fmt;
use std::borrow::Cow;
use std::rc::Rc;

use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State};
use crate::event_loop::{find_running, running};
use crate::task::{Await, Future, Gather, Scheduler, Shield};

/// Returns the loop in which to start: that of `future`, or else the running loop.
pub(super) fn home_of(future: Option<Rc<Scheduler>>) -> Option<Rc<Scheduler>> {
    future.or_else(|| find_running().map(|event_loop| Rc::clone(event_loop.scheduler())))
}

/// Returns the running loop, or a `RuntimeError` if there is none.
fn running_home() -> Result<Rc<Scheduler>, Exception> {
    running().map(|event_loop| Rc::clone(event_loop.scheduler()))
}

macro_rules! handle_to_a_future {
    ($name:ident, $called:literal, $cancel:literal) => {
        impl<T: 'static> $name<T> {
            /// Returns the future of the outcome, for example to add a callback.
            ///
            /// If the children have not started, they start now, in the running loop. If that fails, the future holds
            /// the exception.
            ///
            /// # Errors
            ///
            /// Returns a `RuntimeError` if the children have not started and no loop is running.
            pub fn future(&self) -> Result<Future<T>, Exception> {
                Ok(self.0.start(running_home)?.future)
            }

            #[doc = $cancel]
            ///
            /// If the children have not started, they are dropped, and awaiting this raises `CancelledError`.
            pub fn cancel(&self) -> bool {
                self.0.cancel(Exception::cancelled())
            }

            /// Cancels like [`cancel`](Self::cancel), and adds a message to the `CancelledError`. Returns `false` if
            /// nothing was left to cancel.
            pub fn cancel_message(&self, message: impl Into<Cow<'static, str>>) -> bool {
                self.0.cancel(Exception::message(Kind::CancelledError, message))
            }

            /// Returns `true` once there is an outcome: a result, an exception or a cancellation.
            pub fn done(&self) -> bool {
                self.0.done()
            }

            /// Returns `true` if the outcome is a cancellation.
            pub fn cancelled(&self) -> bool {
                self.0.cancelled()
            }

            /// Returns a clone of the result.
            ///
            /// # Errors
            ///
            /// Returns the exception if that is the outcome, and `InvalidStateError` if there is no outcome yet or the
            /// result has been moved out.
            pub fn result(&self) -> Result<T, Exception>
            where
                T: Clone,
            {
                self.ended().and_then(|future| future.result())
            }

            /// Moves the result out. An exception is cloned instead, and stays.
            ///
            /// # Errors
            ///
            /// Returns the exception if that is the outcome, and `InvalidStateError` if there is no outcome yet or the
            /// result has been moved out.
            pub fn take_result(&self) -> Result<T, Exception> {
                self.ended().and_then(|future| future.take_result())
            }

            /// Returns the exception that is the outcome, or `None` if the outcome is a result.
            ///
            /// # Errors
            ///
            /// Returns `CancelledError` if the outcome is a cancellation, and `InvalidStateError` if there is no
            /// outcome yet or the result has been moved out.
            pub fn exception(&self) -> Result<Option<Exception>, Exception> {
                self.ended().and_then(|future| future.exception())
            }

            /// Returns the future, which has an outcome or will have one.
            fn ended(&self) -> Result<Future<T>, Exception> {
                self.0.check_not_cancelled()?;
                let not_done = || Exception::message(Kind::InvalidStateError, "Result is not set.");
                self.0.started().map(|child| child.future).ok_or_else(not_done)
            }

            /// Returns `true` once the children have started.
            pub fn started(&self) -> bool {
                self.0.started().is_some()
            }
        }

        impl<T: 'static> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<T: 'static> Coroutine for $name<T> {
            type Yield = Await;
            type Input = ();
            type Return = T;

            fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
                self.0.resume(sent, running_home)
            }

            fn state(&self) -> State<'_> {
                State::new($called, self)
            }
        }
    };
}

impl<R: 'static> fmt::Debug for Gather<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.started() {
            Some(child) => child.fmt(f),
            None if self.0.cancelled() => f.write_str("Gather(cancelled)"),
            None => f.write_str("Gather(unstarted)"),
        }
    }
}

impl<T: 'static> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.started() {
            Some(child) => write!(f, "Shield({child:?})"),
            None if self.0.cancelled() => f.write_str("Shield(cancelled)"),
            None => f.write_str("Shield(unstarted)"),
        }
    }
}

handle_to_a_future!(
    Gather,
    "gather",
    "Cancels every child that is not done. Returns `false` if there is none.\n\nA [`gather_all`](super::gather_all) ends with \
     `CancelledError` when all of its children have ended. A [`gather`](fn@super::gather) or [`join`](fn@super::join) ends \
     when the first child is cancelled or fails. If the children have started, [`cancelled`](Self::cancelled) stays `false`, \
     as in asyncio."
);
handle_to_a_future!(Shield, "shield", "Cancels the shield, but not its child. Returns `false` if the shield is done.");
