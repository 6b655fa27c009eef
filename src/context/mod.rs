//! Context variables, whose values follow a task rather than a thread. Python's `contextvars` (PEP 567). Layer 1.
//!
//! A [`ContextVar`] has a value in each [`Context`], and all code runs in some context. Each task has its own: a copy
//! of the context in which it was created. A callback runs in a copy of the context in which it was scheduled. A value
//! that a task sets is therefore visible to the functions it calls and to the tasks it starts afterwards, but to nobody
//! else. Typical values are the user of a request and the number of a trace.
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
//! The current context is a thread-local. There is none until a variable is set. A loop takes it out while it runs, so
//! there is none between two callbacks. A task or a callback that has a context makes it current while it runs. A task
//! without a context gets one when it first sets a variable.
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
    /// `true` if there is a current context. A separate variable without a destructor: reading it loads one byte.
    static IS_SET: Cell<bool> = const { Cell::new(false) };
    /// Has no destructor, so it exists until the thread is gone. The destructor of another thread-local may run a loop.
    /// [`AtThreadEnd`] drops the content.
    static CURRENT: ManuallyDrop<Cell<Option<Context>>> = const { ManuallyDrop::new(Cell::new(None)) };
    static AT_THREAD_END: AtThreadEnd = const { AtThreadEnd };
}

/// Drops the thread's current context when the thread ends.
struct AtThreadEnd;

impl Drop for AtThreadEnd {
    fn drop(&mut self) {
        // A panic in a user's destructor ends the process here, as in every destructor of a thread-local.
        drop(swap(None));
    }
}

/// Returns a copy of the current context, like the one that a new task gets. Python's `copy_context`.
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

/// Returns `true` if there is a current context. Without one, no variable is set.
#[inline(always)]
pub(crate) fn is_set() -> bool {
    IS_SET.get()
}

/// Copies the current context for a new task or callback. Returns `None` if no variable is set.
#[cold]
pub(crate) fn copy_current() -> Option<Context> {
    current().filter(|context| !context.is_empty()).map(|context| context.copy())
}

/// Returns the current context itself, if there is one.
pub(crate) fn current() -> Option<Context> {
    let look = |current: &ManuallyDrop<Cell<Option<Context>>>| {
        let context = current.take();
        current.set(context.clone());
        context
    };
    CURRENT.try_with(look).ok().flatten()
}

/// Returns the current context, and creates one if there is none.
fn make_current() -> Context {
    current().unwrap_or_else(|| {
        let made = Context::implicit();
        drop(swap(Some(made.clone())));
        // In a thread that is ending, a loop takes the context out again. Values set outside a loop are leaked.
        let _ = AT_THREAD_END.try_with(|_| ());
        made
    })
}

/// Returns a context for the running task, which had none before this step.
///
/// That is the current context if setting a variable created it. If there is no current context, a new one becomes
/// current. If the task has entered another context, the new one does not become current.
pub(crate) fn make_own() -> Context {
    match current() {
        None => make_current(),
        Some(context) if context.is_implicit() => context,
        Some(_entered) => Context::new(),
    }
}

/// Makes `context` the current one and returns the previous one. Dropping that one may run destructors of the user, so
/// the caller does it in a guard. On some systems, the thread-local may be gone in a thread that is ending.
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

/// Makes the previous context current again when it is dropped.
#[derive(Debug)]
struct Entered(Option<Context>);

impl Drop for Entered {
    fn drop(&mut self) {
        let left = swap(self.0.take());
        drop(left);
    }
}
