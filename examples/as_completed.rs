//! `as_completed`: results in the order in which they come, not in that in which they were asked for.
//!
//! ```text
//! 1
//! 2
//! 3
//! ```

use std::time::Duration;

use innermost::wait::{AsCompleted, NextCompleted, as_completed};
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Step, lazy, sleep, yield_from,
};

/// Short, so that nobody has to wait.
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
/// What comes next is a coroutine of its own: it is kept until it has ended.
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
    // In a closure, since the jobs become tasks at once, and for that the loop must run.
    event_loop.run_until_complete(lazy(|| {
        let mut results = as_completed([job(3), job(1), job(2)], None)?;
        Ok(PrintAll { next: results.next(), results })
    }))
}
