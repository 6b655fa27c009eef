//! Layer 1: context variables, whose values follow a task rather than a thread. Python's `contextvars` (PEP 567).
//!
//! A [`ContextVar`] has a value in each [`Context`]. Code always runs in some context. A task has its own, a copy of the
//! context in which it was made. A callback runs in a copy of the context in which it was scheduled. So a value that a task
//! sets is visible to the functions it calls and to the tasks it starts afterwards, and to nobody else. Typical values are the
//! user of a request, or the number of a trace.
//!
//! ```
//! use innermost::context::ContextVar;
//! use innermost::{Await, CoroutineExt, EventLoop, Exception, ready};
//!
//! static USER: ContextVar<&str> = ContextVar::new("user").with_default(|| "nobody");
//!
//! let event_loop = EventLoop::new()?;
//! let greeting = || ready::<Await, (), _>(()).map(|()| format!("hello, {}", USER.get().expect("it has a default")));
//! let first = event_loop.create_task(greeting())?;
//! USER.set("ada");
//! let second = event_loop.create_task(greeting())?;
//! USER.set("bob");
//! assert_eq!(event_loop.run_until_complete(first)?, "hello, nobody");
//! assert_eq!(event_loop.run_until_complete(second)?, "hello, ada");
//! # Ok::<(), Exception>(())
//! ```
//!
//! # What it costs
//!
//! A program that sets no variable pays for reading one byte of a thread-local at each spawn, step and callback. Copying a
//! context is O(1): two contexts share their values until one of them changes. The first change copies the list, which is
//! O(number of variables that are set).
//!
//! # How it works
//!
//! The current context is a thread-local. It is absent as long as no variable is set. A loop takes it out while it runs, so
//! between two callbacks there is none. A task or a callback that has a context makes it current while it runs. A task that had
//! none, and sets a variable in a step, keeps the context that results.
//!
//! | file | holds |
//! |---|---|
//! | `var.rs`     | [`ContextVar`], and the [`Token`] that undoes a change |
//! | `object.rs`  | [`Context`]: the values of all variables |
//! | `threads.rs` | [`SendContext`]: the values that go to another thread |

use core::cell::Cell;
use core::mem::ManuallyDrop;

mod object;
mod threads;
mod var;

pub use self::object::Context;
pub use self::threads::SendContext;
pub(crate) use self::threads::current_for_thread;
pub use self::var::{ContextVar, Token};

thread_local! {
    /// Whether there is a current context. It is a variable of its own, without a destructor, so that reading it loads a
    /// byte.
    static IS_SET: Cell<bool> = const { Cell::new(false) };
    /// It has no destructor, so that it exists until the thread is gone: a destructor of another thread-local may run a
    /// loop. [`AtThreadEnd`] drops its content.
    static CURRENT: ManuallyDrop<Cell<Option<Context>>> = const { ManuallyDrop::new(Cell::new(None)) };
    static AT_THREAD_END: AtThreadEnd = const { AtThreadEnd };
}

/// Drops the thread's current context when the thread ends.
struct AtThreadEnd;

impl Drop for AtThreadEnd {
    fn drop(&mut self) {
        // A panic here ends the process, as in every destructor of a thread-local. It would be the user's.
        drop(swap(None));
    }
}

/// Returns a copy of the current context, as a new task would get. Python's `copy_context`.
///
/// ```
/// use innermost::context::{ContextVar, copy_context};
///
/// static DEPTH: ContextVar<u32> = ContextVar::new("depth");
///
/// DEPTH.set(1);
/// let copy = copy_context();
/// DEPTH.set(2);
/// assert_eq!(copy.get(&DEPTH), Some(1));
/// ```
pub fn copy_context() -> Context {
    copy_current().unwrap_or_default()
}

/// Whether there is a current context. Without one, no variable is set.
#[inline(always)]
pub(crate) fn is_set() -> bool {
    IS_SET.get()
}

/// A copy of the current context for a new task or callback. `None` if no variable is set.
#[cold]
pub(crate) fn copy_current() -> Option<Context> {
    current().filter(|context| !context.is_empty()).map(|context| context.copy())
}

/// The current context itself, if there is one.
pub(crate) fn current() -> Option<Context> {
    let look = |current: &ManuallyDrop<Cell<Option<Context>>>| {
        let context = current.take();
        current.set(context.clone());
        context
    };
    CURRENT.try_with(look).ok().flatten()
}

/// The current context. Makes one if there is none.
fn make_current() -> Context {
    current().unwrap_or_else(|| {
        let made = Context::implicit();
        drop(swap(Some(made.clone())));
        // In a thread that is ending, a loop takes the context out again. Values set outside a loop are leaked.
        let _ = AT_THREAD_END.try_with(|_| ());
        made
    })
}

/// A context for the running task, which had none before this step. This is the current context if setting a variable made
/// it. If there is none, a new context becomes current. If somebody has entered another context, the new one does not.
pub(crate) fn make_own() -> Context {
    match current() {
        None => make_current(),
        Some(context) if context.is_implicit() => context,
        Some(_entered) => Context::new(),
    }
}

/// Makes `context` the current one and returns the previous one. Its values are the user's, so the caller drops it in a guard.
/// In a thread that is ending, the thread-local may be gone on some systems.
pub(crate) fn swap(context: Option<Context>) -> Option<Context> {
    let is_set = context.is_some();
    let former = CURRENT.try_with(|current| current.replace(context));
    IS_SET.set(is_set && former.is_ok());
    former.ok().flatten()
}

/// Makes `context` the current one until the returned value is dropped, even by a panic.
fn enter(context: &Context) -> Entered {
    Entered(swap(Some(context.clone())))
}

/// Makes a context current again when it is dropped. Whoever entered the other context still holds that.
#[derive(Debug)]
struct Entered(Option<Context>);

impl Drop for Entered {
    fn drop(&mut self) {
        let left = swap(self.0.take());
        drop(left);
    }
}
