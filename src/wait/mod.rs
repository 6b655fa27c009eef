//! Waiting for several things, for a limited time, or for everything that a scope has started. Layer 2.
//!
//! Instead of asyncio's `async with timeout(..)` and `async with TaskGroup()`, there are scopes: coroutines that wrap
//! another coroutine. A scope runs its child, and exits when the child returns or raises. A machine can also call
//! `enter` and `exit` of a [`Timeout`] or a [`TaskGroup`] itself.
//!
//! | to wait for | in one task | with a task for each |
//! |---|---|---|
//! | all of several | [`all`](fn@all) | [`gather`](fn@gather) for a list, [`join`](fn@join) for a tuple |
//! | the first of several, and cancel the others | [`race`](fn@race) | [`staggered_race`], which starts them one by one |
//! | the first of several, and keep the others | [`Race`], a field of a machine | [`wait`](fn@wait), [`as_completed`](fn@as_completed) |
//! | one, for a limited time | [`timeout`](fn@timeout), [`wait_for`](fn@wait_for); [`Limit`], a field for the operations of a machine | |
//!
//! The first argument of each function is the awaitable. Options follow it, or are builder methods of the returned
//! value. Everything here raises `CancelledError` when the task that awaits it [is
//! cancelled](crate#what-awaiting-raises).
//!
//! | file | holds | asyncio's |
//! |---|---|---|
//! | `gather.rs`       | [`gather`](fn@gather), [`gather_all`]: all results, in order | `gather` |
//! | `join.rs`         | [`join`](fn@join): all results of a tuple, which may differ in type | `gather` |
//! | `several.rs`      | [`wait`](fn@wait): which are done, which are pending | `wait` |
//! | `as_completed.rs` | [`as_completed`](fn@as_completed): results as they arrive | `as_completed` |
//! | `shield.rs`       | [`shield`](fn@shield): a wait that does not pass a cancellation on | `shield` |
//! | `deferred.rs`     | the methods of [`Gather`] and [`Shield`], which may start later than they are made | |
//! | `timeout.rs`      | [`timeout`](fn@timeout), [`timeout_at`], [`Timeout`] | `timeout`, `timeout_at`, `Timeout` |
//! | `limit.rs`        | [`Limit`]: a time limit as a field of a machine | |
//! | `race/`           | [`Race`], [`race`](fn@race): the first of several coroutines, in one task; [`all`](fn@all): all of them | |
//! | `wait_for.rs`     | [`wait_for`](fn@wait_for): one result, for a limited time | `wait_for` |
//! | `task_group.rs`   | [`task_group`](fn@task_group), [`TaskGroup`] | `TaskGroup` |
//! | `group_exit.rs`   | [`GroupExit`]: what a group raises when all of its tasks have ended | |
//! | `group_scope.rs`  | [`GroupScope`]: a group around the coroutine that runs inside it | `async with TaskGroup` |
//! | `staggered.rs`    | [`staggered_race`]: the first success of several attempts, started one after the other | `staggered_race` |
//! | `exceptions.rs`   | [`ExceptionGroup`]: several exceptions as one | `ExceptionGroup` |
//! | `arguments.rs`    | [`ListOf`], [`OrNone`]: the bounds of arguments | |
//!
//! Sources: `Lib/asyncio/{tasks,timeouts,taskgroups,staggered}.py` of CPython 3.13, for the behaviour and the order of events.

mod arguments;
mod as_completed;
mod deferred;
mod exceptions;
mod gather;
mod group_exit;
mod group_scope;
mod join;
mod limit;
mod race;
mod several;
mod shield;
mod staggered;
mod task_group;
mod timeout;
mod wait_for;

pub use self::arguments::{ListOf, OrNone};
pub use self::as_completed::{AsCompleted, NextCompleted, NextFuture, as_completed};
pub use self::exceptions::ExceptionGroup;
pub use self::gather::{GatherAll, gather, gather_all};
pub use self::group_exit::GroupExit;
pub use self::group_scope::GroupScope;
pub use self::join::{JoinTuple, join};
pub use self::limit::{Limit, Limited};
pub use self::race::{All, Children, FirstOf, Race, Racer, Racers, Racing, RunRace, Won, all, race};
pub use self::several::{ReturnWhen, Wait, Waitable, wait};
pub use self::shield::shield;
pub use self::staggered::{Raced, StaggeredRace, staggered_race};
pub use self::task_group::{TaskGroup, task_group};
pub use self::timeout::{Timeout, TimeoutScope, timeout, timeout_at};
pub use self::wait_for::{WaitFor, wait_for};
pub use crate::task::AnyFuture;
pub use crate::task::deferred::{Gather, Shield};
