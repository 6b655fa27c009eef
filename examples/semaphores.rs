//! `Semaphore` and `BoundedSemaphore`: limiting how many tasks run at a time.
//!
//! ```text
//! 0 begins
//! 1 begins
//! 0 ends
//! 1 ends
//! 2 begins
//! 3 begins
//! 2 ends
//! 3 ends
//! BoundedSemaphore released too many times
//! ```

use std::time::Duration;

use innermost::sync::BoundedSemaphore;
use innermost::{Awaitable, CoroutineExt, EventLoop, Exception, Semaphore, gather, lazy, sleep};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Exception> {
    run(&EventLoop::new()?)
}

/// ```python
/// async def work(n, semaphore):
///     async with semaphore:
///         print(n, 'begins')
///         await asyncio.sleep(1)
///         print(n, 'ends')
/// ```
fn work(n: u32, semaphore: &Semaphore) -> impl Awaitable<Return = ()> + use<> {
    semaphore.hold(lazy(move || {
        println!("{n} begins");
        sleep(SECOND).map(move |()| println!("{n} ends"))
    }))
}

/// ```python
/// async def main():
///     semaphore = asyncio.Semaphore(2)
///     await asyncio.gather(*(work(n, semaphore) for n in range(4)))
///
///     bounded = asyncio.BoundedSemaphore(4)
///     try:
///         bounded.release()
///     except ValueError as error:
///         print(error)
///
/// asyncio.run(main())
/// ```
pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    let semaphore = Semaphore::new(2);
    event_loop.run_until_complete(gather((0..4).map(|n| work(n, &semaphore))))?;

    let bounded = BoundedSemaphore::new(4);
    if let Err(error) = bounded.release() {
        println!("{error}");
    }
    Ok(())
}
