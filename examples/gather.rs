//! `gather`: running several coroutines at once. The last program nests gathers, and explains each step.
//!
//! `gather` makes a task of each coroutine. Awaiting the gather gives all results, in the order in which the coroutines were
//! given. Coroutines that sleep do so at the same time.
//!
//! ```text
//! My Coroutine 1
//! My Coroutine 2
//! One
//! One
//! One
//! Two
//! Two
//! Two
//! executed in 1.00 seconds.
//! main2 start
//! 1
//! 2
//! 3
//! 1
//! main2 end
//! 2
//! 3
//! executed in 3.00 seconds.
//! ```

use std::time::Duration;

use innermost::wait::Gather;
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Sleep, Step, gather, join, lazy, ready,
    sleep, yield_from,
};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Exception> {
    run(&EventLoop::new()?)
}

// ---- 1. All at once ---------------------------------------------------------------------------------------------------

/// ```python
/// async def my_coroutine(i):
///     print('My Coroutine', i)
/// ```
fn my_coroutine(i: u32) -> impl Awaitable<Return = ()> {
    ready(i).map(|i| println!("My Coroutine {i}"))
}

/// ```python
/// async def one_two():
///     print('One')
///     await asyncio.sleep(1)
///     print('Two')
/// ```
fn one_two() -> impl Awaitable<Return = ()> {
    lazy(|| {
        println!("One");
        sleep(SECOND).map(|()| println!("Two"))
    })
}

// ---- 2. Gathers inside a gather ---------------------------------------------------------------------------------------
//
// The numbers in the comments give the order of events.

/// ```python
/// async def count(i):
///     print(i)
///     await asyncio.sleep(i)
///     print(i)
/// ```
enum Count {
    Start(u32),
    Sleeping(u32, Sleep),
}

impl Coroutine for Count {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            *self = match self {
                Self::Start(i) => {
                    // 6., 7., 8. Each count prints its number, sets a timer, and waits for it.
                    println!("{i}");
                    Self::Sleeping(*i, sleep(*i * SECOND))
                }
                Self::Sleeping(i, pause) => {
                    // 9., 11., 12. The timer is due. The loop completed the future behind `sleep`, and that queued this
                    // task.
                    yield_from!(pause, sent)?;
                    println!("{i}");
                    return Ok(Step::Return(()));
                }
            };
        }
    }
}

/// ```python
/// async def main1():
///     await asyncio.gather(count(1), count(2), count(3))
/// ```
enum Main1 {
    Start,
    Gathering(Gather<Vec<()>>),
}

impl Coroutine for Main1 {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            *self = match self {
                // 4. The first task runs. It queues a task for each count, and waits for all of them.
                Self::Start => Self::Gathering(gather((1..=3).map(Count::Start))),
                Self::Gathering(counts) => {
                    yield_from!(counts, sent)?;
                    // 13. The last count has ended.
                    return Ok(Step::Return(()));
                }
            };
        }
    }
}

/// ```python
/// async def main2():
///     print('main2 start')
///     await asyncio.sleep(2)
///     print('main2 end')
/// ```
fn main2() -> impl Awaitable<Return = ()> {
    lazy(|| {
        // 5. The second task runs. The counts are behind it in the queue.
        println!("main2 start");
        // 10. Its timer was set before the timer of the second count, so it fires first.
        sleep(2 * SECOND).map(|()| println!("main2 end"))
    })
}

/// ```python
/// async def main_of_main():
///     await asyncio.gather(main1(), main2())
/// ```
fn main_of_main() -> impl Awaitable<Return = ()> {
    // 2. It runs, queues two tasks, and waits for both. `join` gathers coroutines of different types.
    // 3. The loop takes the first of them from the queue.
    // 14. Both have ended, so this ends too.
    join((Main1::Start, main2())).map(|((), ())| ())
}

/// ```python
/// async def gather(*coroutines):
///     await asyncio.gather(*coroutines)
///
/// loop = asyncio.new_event_loop()
/// loop.run_until_complete(gather(my_coroutine(1), my_coroutine(2)))
///
/// s = loop.time()
/// loop.run_until_complete(gather(one_two(), one_two(), one_two()))
/// print(f'executed in {loop.time() - s:0.2f} seconds.')
///
/// s = loop.time()
/// loop.run_until_complete(main_of_main())
/// print(f'executed in {loop.time() - s:0.2f} seconds.')
/// loop.close()
/// ```
pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    event_loop.run_until_complete(gather([my_coroutine(1), my_coroutine(2)]))?;

    let start = event_loop.time();
    event_loop.run_until_complete(gather([one_two(), one_two(), one_two()]))?;
    println!("executed in {:.2} seconds.", seconds(event_loop.time() - start));

    let start = event_loop.time();
    // 1. The loop makes it a task, and starts running.
    event_loop.run_until_complete(main_of_main())?;
    // 15. The loop has stopped.
    println!("executed in {:.2} seconds.", seconds(event_loop.time() - start));
    Ok(())
}

fn seconds(time: Duration) -> f64 {
    time.div_duration_f64(SECOND)
}
