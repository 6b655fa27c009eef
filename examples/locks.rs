//! `Lock`: tasks hold it one at a time, in the order in which they asked for it. One task uses a scope, the other a guard.
//!
//! ```text
//! 1 has attained the lock, modifying variable: locked
//! 1 has released the lock: unlocked
//! 2 has attained the lock, modifying variable: locked
//! 2 has released the lock: unlocked
//! ```

use std::time::Duration;

use innermost::sync::{Acquire, Lock, LockGuard};
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Sleep, Step, lazy, sleep, wait,
    yield_from,
};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Exception> {
    run(&EventLoop::new()?)
}

fn attained(worker: u32, lock: &Lock) {
    println!("{worker} has attained the lock, modifying variable: {}", state(lock));
}

fn released(worker: u32, lock: &Lock) {
    println!("{worker} has released the lock: {}", state(lock));
}

fn state(lock: &Lock) -> &'static str {
    if lock.locked() { "locked" } else { "unlocked" }
}

/// ```python
/// def state(lock):
///     return 'locked' if lock.locked() else 'unlocked'
///
/// async def my_worker(worker, lock):
///     async with lock:
///         print(worker, 'has attained the lock, modifying variable:', state(lock))
///         await asyncio.sleep(2)
///     print(worker, 'has released the lock:', state(lock))
/// ```
///
/// Uses a scope: `hold` acquires the lock, runs the coroutine, and releases the lock however the coroutine ends.
fn my_worker(worker: u32, lock: Lock) -> impl Awaitable<Return = ()> {
    let held = lock.clone();
    let work = lazy(move || {
        attained(worker, &held);
        sleep(2 * SECOND)
    });
    lock.hold(work).map(move |()| released(worker, &lock))
}

/// Uses a guard: the machine holds the lock as long as it keeps the guard. Leaving the state drops the guard, which releases
/// the lock.
enum MyWorker {
    Acquiring(u32, Acquire),
    Working(u32, LockGuard, Sleep),
}

impl Coroutine for MyWorker {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            *self = match self {
                Self::Acquiring(worker, acquire) => {
                    let guard = yield_from!(acquire, sent)?;
                    attained(*worker, guard.lock());
                    Self::Working(*worker, guard, sleep(2 * SECOND))
                }
                Self::Working(worker, guard, work) => {
                    yield_from!(work, sent)?;
                    let (worker, lock) = (*worker, guard.lock().clone());
                    *self = Self::Acquiring(worker, lock.acquire()); // drops the guard
                    released(worker, &lock);
                    return Ok(Step::Return(()));
                }
            };
        }
    }
}

/// ```python
/// async def main():
///     lock = asyncio.Lock()
///     await asyncio.wait([asyncio.create_task(my_worker(n, lock)) for n in (1, 2)])
///
/// asyncio.run(main())
/// ```
pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    let lock = Lock::new();
    let first = event_loop.create_task(my_worker(1, lock.clone()))?;
    let second = event_loop.create_task(MyWorker::Acquiring(2, lock.acquire()))?;
    event_loop.run_until_complete(wait([first, second]))?;
    Ok(())
}
