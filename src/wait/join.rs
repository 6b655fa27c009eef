//! Runs a tuple of coroutines, which may differ in type, at the same time, and collects their results.

use std::rc::Rc;

use super::deferred::home_of;
use super::gather::{Failures, gather_futures};
use crate::task::{AnyFuture, Awaitable, Child, Deferred, Gather, Known, Scheduler};

/// Runs a tuple of coroutines at the same time, and returns the tuple of their results. asyncio's `gather`, for up to eight
/// awaitables of different types.
///
/// Coroutines become tasks, in order. If a child raises an exception or is cancelled, the join raises that exception
/// without waiting for the others, which go on. Cancelling the join cancels every child that is not done.
///
/// `join` can be called without a running loop. [`Gather`] says when the children start.
///
/// # Errors
///
/// Awaiting it raises the first exception of a child, `ValueError` for futures of different loops, and `RuntimeError`
/// if no loop is running or the loop is closed.
///
/// # Examples
///
/// ```
/// use innermost::wait::join;
/// use innermost::{Exception, ready, run, sleep};
/// use std::time::Duration;
///
/// let ((), text) = run(join((sleep(Duration::ZERO), ready("slept"))))?;
/// assert_eq!(text, "slept");
/// # Ok::<(), Exception>(())
/// ```
pub fn join<J: JoinTuple>(coroutines: J) -> Gather<J::Returns> {
    coroutines.gather()
}

/// A tuple of coroutines for [`join`](fn@join). Implemented for tuples of one to eight awaitables; it is sealed.
#[diagnostic::on_unimplemented(
    message = "`join` takes a tuple of one to eight coroutines, not `{Self}`",
    label = "not such a tuple",
    note = "for a list of coroutines of one type, use `gather`"
)]
pub trait JoinTuple: sealed::Sealed {
    /// The type of the tuple of results.
    type Returns: 'static;

    #[doc(hidden)]
    fn gather(self) -> Gather<Self::Returns>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! tuples {
    ($($coroutine:ident $child:ident),+) => {
        impl<$($coroutine),+> sealed::Sealed for ($($coroutine,)+) {}

        impl<$($coroutine),+> JoinTuple for ($($coroutine,)+)
        where
            $($coroutine: Awaitable + 'static),+
        {
            type Returns = ($($coroutine::Return,)+);

            fn gather(self) -> Gather<Self::Returns> {
                let ($($child,)+) = self;
                let start = move |home: &Rc<Scheduler>, ($($child,)+): ($($coroutine,)+)| {
                    $(let $child = Child::start(home, $child)?;)+
                    let futures: Vec<AnyFuture> = [$($child.any()),+].into();
                    gather_futures(home, futures, Failures::Raised, move || Ok(($($child.outcome()?,)+)))
                };
                let known = [$(Known::of(&$child)),+];
                Gather(match home_of(known[0].home.clone()) {
                    Some(home) => Deferred::now(&home, |home| start(home, ($($child,)+))),
                    None => {
                        let inner = known.into_iter().filter_map(|known| known.unstarted).collect();
                        Deferred::later(inner, move |home| start(home, ($($child,)+)))
                    }
                })
            }
        }
    };
}

tuples!(A a);
tuples!(A a, B b);
tuples!(A a, B b, C c);
tuples!(A a, B b, C c, D d);
tuples!(A a, B b, C c, D d, E e);
tuples!(A a, B b, C c, D d, E e, F f);
tuples!(A a, B b, C c, D d, E e, F f, G g);
tuples!(A a, B b, C c, D d, E e, F f, G g, H h);
