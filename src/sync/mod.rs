//! Layer 2: what tasks of one loop wait on together. Fair: first come, first served, and nobody overtakes.
//!
//! All of these are handles: a clone stands for the same lock. What is acquired comes as a guard that gives it back when
//! it is dropped, or is held around a child ([`Lock::hold`], [`Semaphore::hold`]), so that no machine can forget. A waiter
//! that is cancelled or dropped leaves its queue, and hands on what it was given already.
//!
//! | asyncio | here | file |
//! |---|---|---|
//! | `Lock`, `async with lock` | [`Lock`], [`Lock::hold`] | `lock.rs`, `hold.rs` |
//! | `Event` | [`Event`] | `event.rs` |
//! | `Semaphore`, `BoundedSemaphore` | [`Semaphore`], [`BoundedSemaphore`] | `semaphore.rs` |
//! | `Condition` | [`Condition`] | `condition.rs` |
//! | `Barrier`, `BrokenBarrierError` | [`Barrier`], [`BrokenBarrier`] | `barrier.rs` |
//! | | who waits, in order: what all of these stand on | `wait_queue/` |
//!
//! None is bound to a loop: a waiter belongs to the loop that it waits in, and the loops of a thread run one after the
//! other.
//!
//! Source: `Lib/asyncio/locks.py` of CPython 3.13, for the behaviour and the order of events.

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
