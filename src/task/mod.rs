//! Futures, and tasks that drive coroutines. Layer 1.
//!
//! The only part of the event loop known here is the `Scheduler`: the ready queue, the live tasks, and the handler for
//! errors that nobody else takes.
//!
//! A task resumes its coroutine until the coroutine yields an [`Await`], a value that names the object and the event it
//! is waiting for. The task then registers with that object. When the event comes, the object puts the task back in the
//! ready queue.
//!
//! ```text
//!            create_task                       its turn
//!  coroutine -----------> in the ready queue ----------> step: resume the coroutine
//!                              ^                            |            |
//!                              |  the event comes           | yields     | ends
//!                              +----------------- waits <---+ an Await   v
//!                                                   |                finished, cancelled
//!                                                   +-- cancel: in the queue, with a CancelledError to throw in
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `contracts.rs` | the traits shared by all of these: something that runs, waits, can be awaited, can be cancelled |
//! | `schedule.rs`  | `Scheduler`: the ready queue, the live tasks, the exception handler |
//! | `report.rs`    | [`ErrorContext`]: a report for the exception handler |
//! | `waiting.rs`   | [`Await`]: the value a coroutine yields to its task |
//! | `future.rs`    | [`Future`]: a result that is not there yet |
//! | `timer_future.rs` | the future behind `sleep`, which is its own timer |
//! | `gathering.rs` | the future behind `gather`: its children complete it, and cancelling it cancels them |
//! | `deferred.rs`  | [`Gather`], [`Shield`]: futures that are created once their loop is known |
//! | `child.rs`     | a future that another object awaits, and how its result is read |
//! | `starting.rs`  | turning any awaitable into a future |
//! | `any_future.rs` | [`AnyFuture`]: a future or a task without the type of its result |
//! | `shared.rs`    | the state common to futures and tasks: the outcome, waiting tasks, callbacks |
//! | `waiters.rs`   | a list of waiters from which removing is fast |
//! | `task.rs`      | [`Task`], [`AnyTask`]: the handles |
//! | `view.rs`      | the read-only methods shared by `Task` and `ThreadCall` |
//! | `spawning.rs`  | creating a task |
//! | `options.rs`   | [`TaskOptions`]: a task's name, context and start |
//! | `cell.rs`      | a task in memory, and how it takes a step |
//! | `special.rs`   | steps that throw in an exception or enter a context |
//! | `state.rs`     | the part of a task that does not depend on its coroutine |
//! | `any_of.rs`    | waiting for any of several events in one task |
//! | `branch/`      | one of the coroutines that a task races, and how scopes in it cancel it |
//! | `owned.rs`     | [`OwnedTask`]: a task that is cancelled when its handle is dropped |
//! | `owner.rs`     | whom a scope cancels: the task, or one of the coroutines that it races |
//! | `cancel.rs`    | propagating a cancellation |
//! | `callback_result.rs` | [`CallbackResult`]: the return types of callbacks |
//! | `handle.rs`    | [`Handle`]: a callback in the ready queue |
//! | `steering.rs`  | what chooses the order of a turn in a test that explores a program |
//!
//! Sources: `Lib/asyncio/{futures,tasks,events}.py` of CPython 3.13, for the behaviour and the order of events.

mod any_future;
mod any_of;
mod branch;
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
mod owned;
mod owner;
mod report;
mod schedule;
mod shared;
mod spawning;
mod special;
mod starting;
mod state;
#[cfg(feature = "testing")]
mod steering;
#[expect(clippy::module_inception, reason = "the file that holds Task")]
mod task;
mod timer_future;
mod view;
mod waiters;
mod waiting;

pub use self::any_future::AnyFuture;
pub(crate) use self::any_of::{AnyOf, Resumption};
pub(crate) use self::branch::Branch;
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
pub use self::owned::OwnedTask;
pub(crate) use self::owner::{ScopeOwner, WeakScopeOwner};
pub use self::report::ErrorContext;
pub(crate) use self::report::panicked;
pub(crate) use self::schedule::Scheduler;
pub(crate) use self::spawning::{spawn, spawn_with};
pub(crate) use self::starting::Known;
use self::state::TaskState;
#[cfg(feature = "testing")]
pub(crate) use self::steering::{Steering, Wanted};
pub(crate) use self::task::WeakTask;
pub use self::task::{AnyTask, Task};
pub(crate) use self::view::view_of_future;
pub(crate) use self::waiters::{Key, WaiterList};
pub(crate) use self::waiting::dropped_while_awaited;
pub use self::waiting::{Await, Awaitable, Progress};
