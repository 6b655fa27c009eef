//! The read-only methods of a future, for handles whose result nobody but its producer can set: [`Task`](super::Task)
//! and [`ThreadCall`](crate::event_loop::ThreadCall).
//!
//! These handles do not dereference to [`Future`](super::Future), which also has `set_result` and `set_exception`:
//! those would always fail.

/// Implements the methods of [`Future`](super::Future) that look at the outcome, for a tuple struct around a future.
macro_rules! view_of_future {
    ($handle:ident) => {
        impl<T: 'static> $handle<T> {
            /// Returns `true` once there is an outcome: a result, an exception or a cancellation.
            #[inline]
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
            /// The exception, if there is one instead of a result. `CancelledError` if it was cancelled.
            /// `InvalidStateError` if it is still pending, or if the result was moved out.
            pub fn result(&self) -> Result<T, Exception>
            where
                T: Clone,
            {
                self.0.result()
            }

            /// Moves the result out. An exception stays and is cloned.
            ///
            /// # Errors
            ///
            /// The exception, if there is one instead of a result. `CancelledError` if it was cancelled.
            /// `InvalidStateError` if it is still pending, or if the result was moved out.
            pub fn take_result(&self) -> Result<T, Exception> {
                self.0.take_result()
            }

            /// Returns the exception, or `None` if there is a result.
            ///
            /// # Errors
            ///
            /// `CancelledError` if it was cancelled. `InvalidStateError` if it is still pending, or if the result was
            /// moved out.
            pub fn exception(&self) -> Result<Option<Exception>, Exception> {
                self.0.exception()
            }

            /// Calls `callback` with a handle once there is an outcome.
            ///
            /// Callbacks run from the ready queue, in the order they were added. If there is an outcome already, the
            /// callback is queued at once. It runs in a copy of the current context.
            pub fn add_done_callback<R>(&self, callback: impl FnOnce(Self) -> R + 'static) -> CallbackId
            where
                R: CallbackResult,
            {
                self.0.add_done_callback(move |future| callback(Self(future)))
            }

            /// Calls `callback` with a handle once there is an outcome, in `context` itself rather than in a copy of
            /// the current context.
            pub fn add_done_callback_in<R>(
                &self,
                context: &Context,
                callback: impl FnOnce(Self) -> R + 'static,
            ) -> CallbackId
            where
                R: CallbackResult,
            {
                self.0.add_done_callback_in(context, move |future| callback(Self(future)))
            }

            /// Removes a callback and drops it. Returns `false` if the callback was removed before, or is already
            /// queued. If dropping the callback panics, the panic goes to the loop's exception handler.
            pub fn remove_done_callback(&self, id: CallbackId) -> bool {
                self.0.remove_done_callback(id)
            }

            /// Returns a handle without the type of the result.
            pub fn any_future(&self) -> AnyFuture {
                self.0.any_future()
            }

            /// Returns `true` if both handles refer to the same object.
            pub fn is(&self, other: &Self) -> bool {
                self.0.is(&other.0)
            }
        }
    };
}
pub(crate) use view_of_future;
