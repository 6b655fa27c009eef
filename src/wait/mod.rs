//! Layer 2: waiting for several things, for a limited time, or for all that a scope has started.
//!
//! What asyncio writes as a block (`async with timeout(..)`, `async with TaskGroup()`) is a coroutine around a
//! coroutine here: the scope drives the child that runs inside it, and leaves when the child has ended, whichever way.
//! Where a machine would rather enter and leave by hand, both halves are public.
//!
//! | file | holds | asyncio's |
//! |---|---|---|
//! | `gather.rs`       | [`gather`](fn@gather), [`gather_all`]: all results, in order | `gather` |
//! | `join.rs`         | [`join`](fn@join): the same for a tuple of different types | `gather` |
//! | `several.rs`      | [`wait`](fn@wait): which are done, which are not | `wait` |
//! | `as_completed.rs` | [`as_completed`](fn@as_completed): results as they come | `as_completed` |
//! | `shield.rs`       | [`shield`](fn@shield): a wait whose cancel goes no further | `shield` |
//! | `timeout.rs`      | [`timeout`](fn@timeout), [`timeout_at`], [`Timeout`] | `timeout`, `timeout_at`, `Timeout` |
//! | `wait_for.rs`     | [`wait_for`](fn@wait_for): one result, for a limited time | `wait_for` |
//! | `task_group.rs`   | [`task_group`](fn@task_group), [`TaskGroup`] | `TaskGroup` |
//! | `staggered.rs`    | [`staggered_race`]: the first that succeeds, of several started one after the other | `staggered_race` |
//! | `group_scope.rs`  | [`GroupScope`]: the group around the coroutine that runs inside it | `async with TaskGroup` |
//! | `exceptions.rs`   | [`ExceptionGroup`]: several failures as one | `ExceptionGroup` |
//! | `run.rs`          | [`LoopHandle::run_until_complete`](crate::LoopHandle::run_until_complete), [`ensure_future`](crate::LoopHandle::ensure_future) | the same |
//! | `child.rs`        | a coroutine that was made a future, and how its result comes back | `ensure_future` |
//!
//! Sources: `Lib/asyncio/{tasks,timeouts,taskgroups,staggered}.py` of CPython 3.13, for the behaviour and the order of events.

#[cfg(feature = "wait")]
mod as_completed;
mod child;
#[cfg(feature = "wait")]
mod exceptions;
#[cfg(feature = "wait")]
mod gather;
#[cfg(feature = "wait")]
mod group_scope;
#[cfg(feature = "wait")]
mod join;
mod run;
#[cfg(feature = "wait")]
mod several;
#[cfg(feature = "wait")]
mod shield;
#[cfg(feature = "wait")]
mod staggered;
#[cfg(feature = "wait")]
mod task_group;
#[cfg(feature = "wait")]
mod timeout;
#[cfg(feature = "wait")]
mod wait_for;

#[cfg(feature = "wait")]
pub use self::as_completed::{AsCompleted, NextCompleted, NextFuture, as_completed};
#[cfg(feature = "wait")]
pub use self::exceptions::ExceptionGroup;
#[cfg(feature = "wait")]
pub use self::gather::{Gather, GatherAll, gather, gather_all};
#[cfg(feature = "wait")]
pub use self::group_scope::GroupScope;
#[cfg(feature = "wait")]
pub use self::join::{JoinTuple, join};
#[cfg(feature = "wait")]
pub use self::several::{ReturnWhen, Wait, Waitable, wait};
#[cfg(feature = "wait")]
pub use self::shield::{Shield, shield};
#[cfg(feature = "wait")]
pub use self::staggered::{Raced, StaggeredRace, staggered_race};
#[cfg(feature = "wait")]
pub use self::task_group::{GroupExit, TaskGroup, task_group};
#[cfg(feature = "wait")]
pub use self::timeout::{Timeout, TimeoutScope, timeout, timeout_at};
#[cfg(feature = "wait")]
pub use self::wait_for::{WaitFor, wait_for};
pub use crate::task::AnyFuture;
