//! Synchronization between the tasks of a loop. Every object here is fair: first come, first served. Layer 2.
//!
//! Each object is a handle, so its clones refer to the same lock, event and so on. Acquiring a lock or a permit gives a
//! guard that releases it when dropped. To hold a lock or a permit while a child runs, use [`Lock::hold`] or
//! [`Semaphore::hold`].
//!
//! A waiter that is cancelled or dropped leaves the queue, and passes on a lock or permit that it had already been
//! given. Every operation that waits raises `CancelledError` when its task [is cancelled](crate#what-awaiting-raises).
//!
//! | asyncio | here | to store in a machine | file |
//! |---|---|---|---|
//! | `Lock` | [`Lock`] | [`Acquire`] while waiting, then [`LockGuard`] | `lock.rs` |
//! | `async with lock` | [`Lock::hold`] | [`Hold`] | `hold.rs` |
//! | `Event` | [`Event`] | [`EventWait`] | `event.rs` |
//! | `Semaphore`, `BoundedSemaphore` | [`Semaphore`], [`BoundedSemaphore`] | [`AcquirePermit`] while waiting, then [`Permit`] | `semaphore.rs` |
//! | `Condition` | [`Condition`] | [`ConditionWait`], [`ConditionWaitFor`] | `condition.rs` |
//! | `Barrier`, `BrokenBarrierError` | [`Barrier`], [`BrokenBarrier`] | [`BarrierWait`], [`BarrierChange`] | `barrier.rs` |
//!
//! Locks and semaphores wait in the same way (`acquire.rs`). Every object keeps its waiters in a queue (`wait_queue/`).
//!
//! No object is bound to a loop. The same lock can serve several loops of one thread, which run one after the other. A
//! waiter belongs to the loop in which it waits.
//!
//! Source: `Lib/asyncio/locks.py` of CPython 3.13, for the behaviour and the order of events.

mod acquire;
mod barrier;
mod condition;
mod event;
mod hold;
mod lock;
mod semaphore;
mod wait_queue;

pub use self::barrier::{Barrier, BarrierChange, BarrierWait, BrokenBarrier};
pub use self::condition::{Condition, ConditionWait, ConditionWaitFor};
pub use self::event::{Event, EventWait};
pub use self::hold::Hold;
pub use self::lock::{Acquire, Lock, LockGuard};
pub use self::semaphore::{AcquirePermit, BoundedSemaphore, Permit, Semaphore};
pub(crate) use self::wait_queue::{Phase, WaitQueue};
