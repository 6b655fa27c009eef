//! All results of a tuple of coroutines, which may differ in type.

use super::Gather;
use super::child::{Child, Home};
use super::gather::Failures;
use crate::coroutine::Exception;
use crate::task::{AnyFuture, Awaitable};

/// Runs the coroutines of a tuple at once, and gives the tuple of their results. asyncio's `gather`.
///
/// As [`gather`](fn@super::gather), for up to eight coroutines of different types.
///
/// ```
/// use innermost::wait::{Gather, join};
/// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step, ready, sleep, yield_from};
/// use std::time::Duration;
///
/// struct Both(Option<Gather<((), &'static str)>>);
///
/// impl Coroutine for Both {
///     type Yield = Await;
///     type Input = ();
///     type Return = &'static str;
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         if self.0.is_none() {
///             self.0 = Some(join((sleep(Duration::ZERO), ready("slept")))?);
///         }
///         let both = self.0.as_mut().expect("it was just made");
///         let ((), text) = yield_from!(both, sent)?;
///         Ok(Step::Return(text))
///     }
/// }
///
/// assert_eq!(EventLoop::new()?.run_until_complete(Both(None))?, "slept");
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
///
/// As [`gather`](fn@super::gather).
pub fn join<J: JoinTuple>(coroutines: J) -> Result<Gather<J::Returns>, Exception> {
    coroutines.start()
}

/// A tuple of coroutines for [`join`]. Sealed: the tuples of one to eight are all there are.
pub trait JoinTuple: sealed::Sealed {
    /// The tuple of what they return.
    type Returns;

    #[doc(hidden)]
    fn start(self) -> Result<Gather<Self::Returns>, Exception>;
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

            fn start(self) -> Result<Gather<Self::Returns>, Exception> {
                let mut home = Home::default();
                let ($($child,)+) = self;
                $(let $child = Child::start(&mut home, $child)?;)+
                let futures: Vec<AnyFuture> = [$($child.any()),+].into();
                Gather::new(home, futures, Failures::Raised, move || Ok(($($child.outcome()?,)+)))
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
