//! Layer 1: futures, and tasks that drive coroutines. Knows of the event loop only what [`Scheduler`] says: a queue of
//! what is to run next, and a place for errors that nobody else takes.
//!
//! A task resumes its coroutine until that yields an [`Await`], a value that says what the coroutine waits for. The task
//! binds itself to that, and nothing else does: when it is done, the task stands in the queue again.
//!
//! ```text
//!            create_task                 the queue comes to it
//!  coroutine -----------> in the queue ------------------------> step: resume the coroutine
//!                              ^                                    |            |
//!                              |  it is done                        | yields     | ends
//!                              +----------------- waits for it <----+ an Await   v
//!                                                      |                     finished, cancelled
//!                                                      +-- cancel: in the queue with a CancelledError
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `schedule.rs`  | [`Scheduler`]: the queue, the live tasks, the exception handler |
//! | `report.rs`    | [`ErrorContext`]: what the exception handler is told |
//! | `await_on.rs`  | [`Await`], and what can be waited for |
//! | `future.rs`    | [`Future`]: a result that is not there yet |
//! | `shared.rs`    | what futures and tasks have in common |
//! | `waiters.rs`   | who waits for one future, where many do |
//! | `waits_for.rs` | what a task waits for |
//! | `state.rs`     | the rest of what does not depend on the task's coroutine |
//! | `task.rs`      | [`Task`]: a future that a coroutine produces |
//! | `eventual.rs`  | [`AnyFuture`]: futures and tasks whatever their result |
//! | `gathering.rs` | a future that others make done, and whose cancel is theirs |
//! | `cell.rs`      | what a task is, and how it takes a step |
//! | `cancel.rs`    | how a cancel finds its way |
//! | `special.rs`   | tasks of which more is said: a context, a name, an eager start |
//! | `handle.rs`    | [`Handle`]: a callback in the queue |
//! | `options.rs`   | [`TaskOptions`]: what can be said of a task before it is made |
//!
//! Sources: `Lib/asyncio/{futures,tasks,events}.py` of CPython 3.13, for the behaviour and the order of events.

mod await_on;
mod cancel;
mod cell;
mod eventual;
mod future;
mod gathering;
mod handle;
mod options;
mod report;
mod schedule;
mod shared;
mod special;
mod state;
#[expect(clippy::module_inception, reason = "the file that holds Task")]
mod task;
mod waiters;
mod waits_for;

pub use self::await_on::{Await, Awaitable, Awaited};
pub(crate) use self::await_on::{Readied, WaitTarget, Withdrawn};
pub(crate) use self::cell::{Erased, spawn};
pub use self::eventual::AnyFuture;
pub(crate) use self::eventual::{Eventual, Notice};
pub use self::future::{CallbackId, Future, InvalidState, Join};
pub(crate) use self::gathering::Gathering;
pub(crate) use self::handle::{Callback, Timed, callback, callback_in};
pub use self::handle::{CallbackResult, Handle};
pub use self::options::{Start, TaskBuilder, TaskFactory, TaskOptions, eager_task_factory};
pub use self::report::ErrorContext;
pub(crate) use self::report::panicked;
pub(crate) use self::schedule::{Circle, Run, Scheduler};
pub(crate) use self::special::spawn_with;
pub(crate) use self::task::WeakTask;
pub use self::task::{AnyTask, Task};
pub(crate) use self::waiters::{Key, WaiterList};
