//! Tasks: `run_until_complete`, `create_task`, `ensure_future`, `all_tasks`, `current_task`, `close`.
//!
//! A coroutine does nothing until it is resumed. `create_task` tells the loop to run it, starting in the next turn, beside
//! all other tasks. A task has a name, and reports where its coroutine is suspended.
//!
//! ```text
//! Starting Work
//! Ending Work
//! Complete Tasks
//! Processing 0
//! Processing 1
//! Processing 2
//! Processing 3
//! Processing 4
//! pending: a, b, c
//! My Coroutine a
//! My Coroutine b
//! My Coroutine c
//! current: main
//! closed: yes
//! ```

use std::time::Duration;

use innermost::{
    AnyTask, Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Sleep, Step, Task, ready, sleep,
    spawn, yield_from,
};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Exception> {
    run(&EventLoop::new()?)
}

// ---- 1. Two states with a pause between them --------------------------------------------------------------------------

/// ```python
/// async def my_work():
///     print('Starting Work')
///     await asyncio.sleep(5)
///     print('Ending Work')
/// ```
enum MyWork {
    Start,
    Working(Sleep),
}

impl Coroutine for MyWork {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            *self = match self {
                Self::Start => {
                    println!("Starting Work");
                    Self::Working(sleep(5 * SECOND))
                }
                Self::Working(work) => {
                    yield_from!(work, sent)?;
                    println!("Ending Work");
                    return Ok(Step::Return(()));
                }
            };
        }
    }
}

// ---- 2. A coroutine that starts tasks ---------------------------------------------------------------------------------

/// ```python
/// async def my_task(n):
///     await asyncio.sleep(1)
///     print(f'Processing {n}')
/// ```
fn my_task(n: u32) -> impl Awaitable<Return = ()> {
    sleep(SECOND).map(move |()| println!("Processing {n}"))
}

/// ```python
/// async def my_generator():
///     for i in range(5):
///         asyncio.ensure_future(my_task(i))
///     print('Complete Tasks')
///     await asyncio.sleep(2)
/// ```
enum MyGenerator {
    Start,
    Pausing(Sleep),
}

impl Coroutine for MyGenerator {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            *self = match self {
                Self::Start => {
                    for n in 0..5 {
                        spawn(my_task(n))?; // the loop keeps the task, so its handle can be dropped
                    }
                    println!("Complete Tasks");
                    Self::Pausing(sleep(2 * SECOND))
                }
                Self::Pausing(pause) => return yield_from!(pause, sent).map(Step::Return),
            };
        }
    }
}

// ---- 3. Listing all tasks, and the one that is running ----------------------------------------------------------------

/// ```python
/// async def my_coroutine():
///     print('My Coroutine', asyncio.current_task().get_name())
/// ```
fn my_coroutine() -> impl Awaitable<Return = ()> {
    ready(()).map(|()| println!("My Coroutine {}", name_of_current_task()))
}

fn name_of_current_task() -> String {
    let current = EventLoop::running().ok().and_then(|event_loop| event_loop.current_task());
    current.as_ref().map(AnyTask::name).unwrap_or_default()
}

fn named<T: 'static>(task: Task<T>, name: &'static str) -> Task<T> {
    task.set_name(name);
    task
}

/// ```python
/// async def main():
///     print('current:', asyncio.current_task().get_name())
///
/// loop = asyncio.new_event_loop()
/// try:
///     loop.run_until_complete(my_work())
///     loop.run_until_complete(my_generator())
///
///     for name in 'abc':
///         loop.create_task(my_coroutine(), name=name)
///     print('pending:', ', '.join(sorted(task.get_name() for task in asyncio.all_tasks(loop))))
///     loop.run_until_complete(loop.create_task(main(), name='main'))
/// finally:
///     loop.close()
/// print('closed:', 'yes' if loop.is_closed() else 'no')
/// ```
pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    event_loop.run_until_complete(MyWork::Start)?;
    event_loop.run_until_complete(MyGenerator::Start)?;

    for name in ["a", "b", "c"] {
        named(event_loop.create_task(my_coroutine())?, name);
    }
    let pending: Vec<_> = event_loop.all_tasks().iter().map(AnyTask::name).collect();
    println!("pending: {}", pending.join(", "));
    let main = ready(()).map(|()| println!("current: {}", name_of_current_task()));
    event_loop.run_until_complete(named(event_loop.create_task(main)?, "main"))?;

    event_loop.close()?;
    println!("closed: {}", if event_loop.is_closed() { "yes" } else { "no" });
    Ok(())
}
