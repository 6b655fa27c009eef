//! A wait whose cancel goes no further.

use core::fmt;
use core::ops::Deref;

use super::child::{Child, Home, Outcome, failing_on_panic};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::task::{Await, Awaitable, Future};

/// Waits for a future or a task without passing a cancel on to it. asyncio's `shield`.
///
/// Whoever waits is cancelled all the same, and what it waited for runs on. Where that is cancelled itself, so is the
/// shield. A coroutine that is no future is made a task now. One that is done already is the shield itself.
///
/// ```
/// use innermost::wait::shield;
/// use innermost::{EventLoop, Exception, lazy};
///
/// let event_loop = EventLoop::new()?;
/// let inner = event_loop.create_future::<u32>();
/// let other = inner.clone();
/// let waiting = event_loop.create_task(lazy(move || shield(other).expect("the loop runs")))?;
/// event_loop.run_once()?;
/// waiting.cancel();
/// assert!(event_loop.run_until_complete(waiting).unwrap_err().is_cancelled());
/// assert!(!inner.done());
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
///
/// `RuntimeError` where the loop is closed, or a task is to be made and no loop runs. A future or a task is shielded in
/// its own loop, whether or not that runs.
pub fn shield<C>(child: C) -> Result<Shield<C::Return>, Exception>
where
    C: Awaitable + 'static,
{
    let mut home = Home::default();
    let inner = Child::start(&mut home, child)?;
    if inner.future.done() {
        return Ok(Shield(inner));
    }
    let outer: Future<C::Return> = home.create_future()?;
    let (passed_on, how) = (outer.clone(), inner.how());
    let id = inner.future.add_done_callback(move |inner| pass_on(&inner, how, &passed_on));
    outer.any_future().notify(inner.any().callback_remover(id));
    Ok(Shield(Child::moving(outer)))
}

/// The inner future is done, and the outer one is to be, in the same way.
fn pass_on<T: 'static>(inner: &Future<T>, how: Outcome<T>, outer: &Future<T>) {
    if outer.cancelled() {
        // Nobody waits any more, and what it failed with counts as retrieved.
        if !inner.cancelled() {
            drop(inner.any_future().raised());
        }
    } else if inner.cancelled() {
        outer.cancel();
    } else {
        let outcome = failing_on_panic(|| how(inner), |panic| drop(outer.set_exception(panic)));
        // Done already: its owner has set it by hand.
        let _ = match outcome {
            Ok(result) => outer.set_result(result).is_ok(),
            Err(raised) => outer.set_exception(raised).is_ok(),
        };
    }
}

/// What [`shield`] makes: a handle to a [`Future`] of its own, or to that which was done already. To wait for the
/// former moves the result out; so it is awaited once.
pub struct Shield<T>(Child<T>);

impl<T: 'static> Shield<T> {
    pub(super) fn how(&self) -> Outcome<T> {
        self.0.how()
    }
}

impl<T> Deref for Shield<T> {
    type Target = Future<T>;

    fn deref(&self) -> &Future<T> {
        &self.0.future
    }
}

impl<T> Clone for Shield<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shield({:?})", self.0.future)
    }
}

/// Waiting for it: the result.
impl<T: 'static> Coroutine for Shield<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.0.future.done() {
            return self.0.outcome().map(Step::Return);
        }
        Ok(Step::Yield(self.0.future.wanted()))
    }

    fn state(&self) -> State<'_> {
        State::new("shield", &self.0)
    }
}
