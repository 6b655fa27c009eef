//! [`CallbackResult`]: the types that a callback may return.

use crate::coroutine::Exception;
#[cfg(doc)]
use crate::coroutine::Kind;

/// A type that a callback may return.
///
/// - `()`.
/// - `Result<(), Exception>`, so that a callback can use `?`. An exception goes to the loop's exception handler, except
///   that a [`KeyboardInterrupt`](Kind::KeyboardInterrupt) stops the loop, which raises it.
/// - The types that this crate's own methods return, so that `move || task.cancel()` needs no semicolon: `bool`,
///   integers, handles, tasks. These values are dropped.
/// - An `Option` of any of these.
///
/// ```
/// use innermost::EventLoop;
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// event_loop.call_soon(|| {
///     let event_loop = EventLoop::running()?;
///     let stopper = event_loop.clone();
///     event_loop.call_later(Duration::from_millis(1), move || stopper.stop())?;
///     Ok(())
/// })?;
/// event_loop.run_forever()?;
/// # Ok::<(), innermost::Exception>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a callback cannot return `{Self}`",
    label = "a callback returns `()` or `Result<(), Exception>`",
    note = "end the closure with a semicolon to drop its value, or with `Ok(())` if it uses `?`"
)]
pub trait CallbackResult: sealed::Sealed {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), Exception>;
}

impl CallbackResult for () {
    #[inline(always)]
    fn into_result(self) -> Result<(), Exception> {
        Ok(())
    }
}

/// Implements [`CallbackResult`] for a type whose values are dropped when a callback returns them.
macro_rules! dropped {
    ($value:ty $(, $parameter:ident)?) => {
        impl $(<$parameter>)? $crate::task::Sealed for $value {}

        impl $(<$parameter>)? $crate::task::CallbackResult for $value {
            #[inline(always)]
            fn into_result(self) -> Result<(), $crate::Exception> {
                Ok(())
            }
        }
    };
}
pub(crate) use dropped;

dropped!(bool);
dropped!(i8);
dropped!(i16);
dropped!(i32);
dropped!(i64);
dropped!(i128);
dropped!(isize);
dropped!(u8);
dropped!(u16);
dropped!(u32);
dropped!(u64);
dropped!(u128);
dropped!(usize);

impl<R: CallbackResult> CallbackResult for Option<R> {
    #[inline(always)]
    fn into_result(self) -> Result<(), Exception> {
        self.map_or(Ok(()), R::into_result)
    }
}

impl CallbackResult for Result<(), Exception> {
    #[inline(always)]
    fn into_result(self) -> Result<(), Exception> {
        self
    }
}

/// For a callback that always panics or exits the process.
impl CallbackResult for sealed::Never {
    fn into_result(self) -> Result<(), Exception> {
        self
    }
}

pub(crate) mod sealed {
    use crate::coroutine::Exception;

    pub trait Sealed {}

    impl Sealed for () {}
    impl<R: Sealed> Sealed for Option<R> {}
    impl Sealed for Result<(), Exception> {}
    impl Sealed for Never {}

    pub trait Returns {
        type Returned;
    }

    impl<R> Returns for fn() -> R {
        type Returned = R;
    }

    /// The type `!`, which has no name of its own in stable Rust.
    pub(super) type Never = <fn() -> ! as Returns>::Returned;
}
