//! Layer 1: context variables, values that follow the work rather than the thread. PEP 567, asyncio's `contextvars`.
//!
//! A [`ContextVar`] has a value in each [`Context`]. Code always runs in some context: each task in its own, a copy of
//! the one in which it was made; each callback in a copy of the one in which it was scheduled. So what a task sets is
//! seen by what it calls, and by what it starts after that, and by nobody else: the user of this request, the number
//! of that trace.
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
//! Who sets no variable pays for a look at one byte of the thread's, for each spawn, step and callback. A copy is O(1)
//! at first: two contexts share their values until one of them changes; then the list is copied, so that a change is
//! O(number of variables that are set).
//!
//! # How it works
//!
//! The current context is a thread-local, and not there as long as nothing is set in it. A loop takes it out while it
//! runs, so that between two callbacks there is none; a task or a callback that has a context puts that in for the
//! time in which it runs; and a task that had none and has set something keeps what is there after its step.
//!
//! | file | holds |
//! |---|---|
//! | `var.rs`     | [`ContextVar`], and the [`Token`] by which a change is taken back |
//! | `object.rs`  | [`Context`]: the values |
//! | `threads.rs` | [`SendContext`]: what goes to another thread of it |

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
    /// Whether there is a current context. Apart, without a destructor: to look at this is to load a byte.
    static IS_SET: Cell<bool> = const { Cell::new(false) };
    /// Without a destructor, so that it is there until the thread is gone: a destructor of another thread-local may run a
    /// loop. [`AtThreadEnd`] drops what is in it.
    static CURRENT: ManuallyDrop<Cell<Option<Context>>> = const { ManuallyDrop::new(Cell::new(None)) };
    static AT_THREAD_END: AtThreadEnd = const { AtThreadEnd };
}

/// Drops the thread's current context when the thread ends.
struct AtThreadEnd;

impl Drop for AtThreadEnd {
    fn drop(&mut self) {
        // A panic here would end the process, as in every destructor of a thread-local: it is the user's.
        drop(swap(None));
    }
}

/// A copy of the current context: what a task that is made now would get. asyncio's `copy_context`.
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

/// Whether anything may be set in the current context.
#[inline(always)]
pub(crate) fn is_set() -> bool {
    IS_SET.get()
}

/// A copy of the current context for what is made now; `None` where nothing is set in it.
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

/// The current context, which is there from now on.
fn make_current() -> Context {
    current().unwrap_or_else(|| {
        let made = Context::implicit();
        drop(swap(Some(made.clone())));
        // In a thread that ends, a loop's run takes it out again; what is set outside of one is not dropped.
        let _ = AT_THREAD_END.try_with(|_| ());
        made
    })
}

/// The current context, if that has come to be by a change in it, and nobody has entered it; otherwise one that is made,
/// and entered where there was none. The task that runs had none before this step, and this is to be its own.
pub(crate) fn make_own() -> Context {
    match current() {
        None => make_current(),
        Some(context) if context.is_implicit() => context,
        Some(_entered) => Context::new(),
    }
}

/// Makes `context` the current one, and gives the former, whose values are the user's: to be dropped in a guard. Where
/// thread-locals need the system's help, a thread that ends may have none any more.
pub(crate) fn swap(context: Option<Context>) -> Option<Context> {
    let is_set = context.is_some();
    let former = CURRENT.try_with(|current| current.replace(context));
    IS_SET.set(is_set && former.is_ok());
    former.ok().flatten()
}

/// Makes `context` the current one until what is returned is dropped, by a panic too.
fn enter(context: &Context) -> Entered {
    Entered(swap(Some(context.clone())))
}

/// A context that is to be the current one again. Whoever has entered the other one still holds it.
#[derive(Debug)]
struct Entered(Option<Context>);

impl Drop for Entered {
    fn drop(&mut self) {
        let left = swap(self.0.take());
        drop(left);
    }
}
