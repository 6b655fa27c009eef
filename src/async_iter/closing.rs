//! Closes generators at the end of a scope, and at the end of a loop.

use core::fmt;
use std::rc::Rc;

use super::{AsyncGenerator, Close, Producer};
use crate::coroutine::{Coroutine, Exception, Resumed, Step, take_sent};
use crate::event_loop::{LiveAsyncgen, LoopHandle};
use crate::scope::{AsyncContextManager, Exited, Progress};
use crate::task::{Await, ErrorContext};
use crate::wait::{GatherAll, gather_all};
use crate::yield_from;

/// Creates a manager that closes a generator on exit. Python's `contextlib.aclosing`.
///
/// The body gets a handle to the generator. Without this manager, the loop closes a dropped generator some turns later.
/// The manager closes it before the code after the scope runs.
///
/// # Errors
///
/// Exiting raises the errors of [`AsyncGenerator::aclose`].
///
/// # Examples
///
/// ```
/// use innermost::async_iter::{AsyncGenerator, Produced, aclosing};
/// use innermost::scope::with;
/// use innermost::{EventLoop, Exception, Step, from_fn};
///
/// let endless = AsyncGenerator::new(from_fn(|sent: Result<(), Exception>| {
///     sent?;
///     Ok(Step::Yield::<_, _, ()>(Produced::Item("again")))
/// }));
/// let first = with(aclosing(endless.clone()), |items| items.anext());
/// let event_loop = EventLoop::new()?;
/// assert_eq!(event_loop.run_until_complete(first)?, Some(Some("again")));
/// assert_eq!(event_loop.run_until_complete(endless.anext())?, None);
/// # Ok::<(), Exception>(())
/// ```
pub const fn aclosing<P: Producer + 'static>(generator: AsyncGenerator<P>) -> Aclosing<P> {
    Aclosing { generator, close: None }
}

/// A manager that closes a generator on exit. Created by [`aclosing`].
#[derive(Debug)]
#[must_use = "the generator is not closed unless this is entered"]
pub struct Aclosing<P: Producer + 'static> {
    generator: AsyncGenerator<P>,
    close: Option<Close<P>>,
}

impl<P: Producer + 'static> AsyncContextManager for Aclosing<P> {
    type Value = AsyncGenerator<P>;

    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<AsyncGenerator<P>> {
        sent.map(|()| Step::Return(self.generator.clone()))
    }

    fn resume_exit(&mut self, _raised: Option<&Exception>, mut sent: Result<(), Exception>) -> Progress<Exited> {
        let generator = &self.generator;
        let close = self.close.get_or_insert_with(|| generator.aclose());
        yield_from!(close, sent)?;
        Ok(Step::Return(Exited::Propagate))
    }
}

impl LoopHandle {
    /// Closes every suspended async generator of this loop, all at the same time. asyncio's `shutdown_asyncgens`.
    ///
    /// Await it last, before the loop is closed. Exceptions of the generators go to the exception handler. So does a
    /// warning for each generator that starts later.
    ///
    /// # Errors
    ///
    /// Awaiting it raises `RuntimeError` if the loop is closed or not running.
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// event_loop.run_until_complete(event_loop.shutdown_asyncgens())?;
    /// event_loop.close()?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn shutdown_asyncgens(&self) -> ShutdownAsyncgens {
        ShutdownAsyncgens { event_loop: self.clone(), closing: None }
    }
}

/// A coroutine that closes every suspended async generator of a loop. Created by [`LoopHandle::shutdown_asyncgens`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct ShutdownAsyncgens {
    event_loop: LoopHandle,
    closing: Option<Closing>,
}

/// The generators that are being closed, and their outcomes in the same order.
type Closing = (Vec<Rc<dyn LiveAsyncgen>>, GatherAll<()>);

impl Coroutine for ShutdownAsyncgens {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let (_, closed) = match &mut self.closing {
            Some(closing) => closing,
            None => {
                take_sent(&mut sent)?;
                let generators = self.event_loop.take_asyncgens();
                if generators.is_empty() {
                    return Ok(Step::Return(()));
                }
                let closed = gather_all(generators.iter().map(|generator| Rc::clone(generator).aclose()));
                self.closing.insert((generators, closed))
            }
        };
        let outcomes = yield_from!(closed, sent)?;
        let Some((generators, _)) = self.closing.take() else { return Ok(Step::Return(())) };
        for (generator, outcome) in generators.into_iter().zip(outcomes) {
            // A cancellation is not reported, as in CPython.
            if let Some(raised) = outcome.err().filter(|raised| !raised.is_cancelled()) {
                let text = format!("an error occurred during closing of asynchronous generator {generator:?}");
                let context = ErrorContext::new(text).about(&*generator).caused_by(raised);
                self.event_loop.call_exception_handler(context);
            }
        }
        Ok(Step::Return(()))
    }
}

impl fmt::Debug for ShutdownAsyncgens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShutdownAsyncgens").field(&self.closing.as_ref().map(|(generators, _)| generators)).finish()
    }
}
