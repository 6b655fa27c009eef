//! Waits for a child, and does not pass a cancellation on to it.

use std::rc::Rc;

use super::deferred::home_of;
use crate::coroutine::Exception;
use crate::task::{Awaitable, Child, Deferred, Future, Known, Outcome, Scheduler, Shield, failing_on_panic};

/// Waits for a coroutine, a task or a future, and protects it from cancellation. asyncio's `shield`.
///
/// Cancelling the shield, or a task that waits for it, raises `CancelledError` in the waiter, while the child goes on.
/// If the child itself is cancelled, so is the shield. A coroutine becomes a task.
///
/// `shield` can be called without a running loop. [`Shield`] says when the child starts.
///
/// # Errors
///
/// Awaiting it raises whatever the child raises, and `RuntimeError` if no loop is running or the loop is closed.
///
/// # Examples
///
/// ```
/// use innermost::wait::shield;
/// use innermost::{EventLoop, Exception};
///
/// let event_loop = EventLoop::new()?;
/// let inner = event_loop.create_future::<u32>();
/// let waiting = event_loop.create_task(shield(inner.clone()))?;
/// event_loop.run_once()?;
/// waiting.cancel();
/// assert!(event_loop.run_until_complete(waiting).unwrap_err().is_cancelled());
/// assert!(!inner.done());
/// # Ok::<(), Exception>(())
/// ```
pub fn shield<C>(child: C) -> Shield<C::Return>
where
    C: Awaitable + 'static,
{
    let known = Known::of(&child);
    Shield(match home_of(known.home) {
        Some(home) => Deferred::now(&home, |home| start(home, child)),
        None => Deferred::later(known.unstarted.into_iter().collect(), move |home| start(home, child)),
    })
}

fn start<C>(home: &Rc<Scheduler>, child: C) -> Result<Child<C::Return>, Exception>
where
    C: Awaitable + 'static,
{
    let inner = Child::start(home, child)?;
    if inner.future.done() {
        return Ok(inner);
    }
    let outer: Future<C::Return> = Future::new(Rc::clone(home));
    let (passed_on, how) = (outer.clone(), inner.how());
    let id = inner.future.add_done_callback(move |inner| pass_on(&inner, how, &passed_on));
    outer.any_future().notify(inner.any().callback_remover(id));
    Ok(Child::moving(outer))
}

/// Ends the outer future in the same way as the inner one, which is done.
fn pass_on<T: 'static>(inner: &Future<T>, how: Outcome<T>, outer: &Future<T>) {
    if outer.cancelled() {
        // Nobody waits any more, so the exception counts as retrieved.
        if !inner.cancelled() {
            drop(inner.any_future().raised());
        }
    } else if inner.cancelled() {
        outer.cancel();
    } else {
        let outcome = failing_on_panic(|| how(inner), |panic| drop(outer.set_exception(panic)));
        // Refused if the shield's owner has set the outer future by hand.
        let _ = match outcome {
            Ok(result) => outer.set_result(result).is_ok(),
            Err(raised) => outer.set_exception(raised).is_ok(),
        };
    }
}
