//! `as_completed`: results in the order in which the coroutines end, not in the order in which they were passed.
//!
//! ```text
//! 1
//! 2
//! 3
//! ```

use std::time::Duration;

use innermost::wait::{AsCompleted, NextCompleted, as_completed};
use innermost::{Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Step, sleep, yield_from};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Exception> {
    run(&EventLoop::new()?)
}

/// ```python
/// async def job(seconds):
///     await asyncio.sleep(seconds)
///     return seconds
/// ```
fn job(seconds: u32) -> impl Awaitable<Return = u32> {
    sleep(seconds * SECOND).map(move |()| seconds)
}

/// ```python
/// async def main():
///     for f in asyncio.as_completed([job(3), job(1), job(2)]):
///         result = await f
///         print(result)
///
/// asyncio.run(main())
/// ```
///
/// The next result is a coroutine of its own, so the machine keeps it in a field until it has ended.
struct PrintAll {
    results: AsCompleted<u32>,
    next: Option<NextCompleted<u32>>,
}

impl Coroutine for PrintAll {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while let Some(next) = &mut self.next {
            let result = yield_from!(next, sent)?;
            println!("{result}");
            self.next = self.results.next();
        }
        Ok(Step::Return(()))
    }
}

pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    // No loop runs yet, so the jobs start when the machine first waits for a result.
    let mut results = as_completed([job(3), job(1), job(2)]);
    event_loop.run_until_complete(PrintAll { next: results.next(), results })
}
