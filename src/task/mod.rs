//! Layer 1: futures, and tasks that drive coroutines. Knows of the event loop only what `Scheduler` says: a queue of
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
//! | `contracts.rs` | the traits that all of this shares: what runs, what waits, what can be waited for, what can be cancelled |
//! | `schedule.rs`  | `Scheduler`: the queue, the live tasks, the exception handler |
//! | `report.rs`    | [`ErrorContext`]: what the exception handler is told |
//! | `waiting.rs`   | [`Await`]: what a coroutine yields to its task |
//! | `future.rs`    | [`Future`]: a result that is not there yet |
//! | `timer_future.rs` | the future of a `sleep`, which is its own timer |
//! | `gathering.rs` | a future that others complete, and whose cancel is theirs |
//! | `deferred.rs`  | [`Gather`], [`Shield`]: a future that is made when its loop is known |
//! | `child.rs`     | a future that somebody waits for, and how its result comes back |
//! | `starting.rs`  | making a future of an awaitable |
//! | `any_future.rs` | [`AnyFuture`]: futures and tasks whatever their result |
//! | `shared.rs`    | what futures and tasks have in common: an outcome, and who waits for it |
//! | `waiters.rs`   | a long list of waiters |
//! | `task.rs`      | [`Task`], [`AnyTask`]: the handles |
//! | `view.rs`      | the methods of a handle to a future that somebody else completes |
//! | `spawning.rs`  | making a task |
//! | `options.rs`   | [`TaskOptions`]: its name, its context, its start |
//! | `cell.rs`      | a task from within, and how it takes a step |
//! | `special.rs`   | steps that throw something in, or enter a context |
//! | `state.rs`     | the part of a task that does not depend on its coroutine |
//! | `cancel.rs`    | how a cancellation propagates |
//! | `callback_result.rs` | [`CallbackResult`]: what a callback may return |
//! | `handle.rs`    | [`Handle`]: a callback in the queue |
//!
//! Sources: `Lib/asyncio/{futures,tasks,events}.py` of CPython 3.13, for the behaviour and the order of events.

mod any_future;
mod callback_result;
mod cancel;
mod cell;
mod child;
mod contracts;
pub(crate) mod deferred;
mod future;
mod gathering;
mod handle;
mod options;
mod report;
mod schedule;
mod shared;
mod spawning;
mod special;
mod starting;
mod state;
#[expect(clippy::module_inception, reason = "the file that holds Task")]
mod task;
mod timer_future;
mod view;
mod waiters;
mod waiting;

pub use self::any_future::AnyFuture;
pub use self::callback_result::CallbackResult;
pub(crate) use self::callback_result::dropped;
pub(crate) use self::callback_result::sealed::Sealed;
pub(crate) use self::child::{Child, Outcome, failing_on_panic};
pub(crate) use self::contracts::{Circle, ErasedTask, Eventual, Met, Run, WaitTarget, Waiter, Way, Withdrawn};
pub(crate) use self::deferred::{Deferred, Gather, Shield};
pub use self::future::{CallbackId, Future, InvalidState, Join};
pub(crate) use self::gathering::Gathering;
pub use self::handle::Handle;
pub(crate) use self::handle::{Callback, Timed, callback, callback_in};
pub use self::options::{Start, TaskBuilder, TaskFactory, TaskOptions, eager_task_factory};
pub use self::report::ErrorContext;
pub(crate) use self::report::panicked;
pub(crate) use self::schedule::Scheduler;
pub(crate) use self::spawning::{spawn, spawn_with};
pub(crate) use self::starting::Known;
use self::state::TaskState;
pub(crate) use self::task::WeakTask;
pub use self::task::{AnyTask, Task};
pub(crate) use self::view::view_of_future;
pub(crate) use self::waiters::{Key, WaiterList};
pub use self::waiting::{Await, Awaitable};
