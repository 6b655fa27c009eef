//! Futures: setting a result, and waiting for one.
//!
//! A future is pending until its result or an exception is set, or until it is cancelled. Then its callbacks are queued, and
//! the tasks that await it are resumed.
//!
//! ```text
//! pending
//! callback: My Future Has Completed
//! main: My Future Has Completed
//! awaited: My Future Has Completed
//! cancelled
//! ```

use std::time::Duration;

use innermost::{Awaitable, CoroutineExt, EventLoop, Exception, Future, lazy, sleep, spawn};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Exception> {
    run(&EventLoop::new()?)
}

/// ```python
/// async def my_future(future):
///     await asyncio.sleep(1)
///     future.set_result('My Future Has Completed')
/// ```
fn my_future(future: Future<&'static str>) -> impl Awaitable<Return = ()> {
    sleep(SECOND).map(move |()| future.set_result("My Future Has Completed").expect("only this task sets it"))
}

/// ```python
/// async def set_and_look():
///     future = asyncio.get_running_loop().create_future()
///     future.add_done_callback(lambda future: print('callback:', future.result()))
///     print('done' if future.done() else 'pending')
///     await asyncio.ensure_future(my_future(future))
///     print('main:', future.result())
/// ```
fn set_and_look() -> impl Awaitable<Return = ()> {
    lazy(|| {
        let event_loop = EventLoop::running()?;
        let future = event_loop.create_future();
        future.add_done_callback(|future| println!("callback: {}", future.result().expect("it was set")));
        println!("{}", if future.done() { "done" } else { "pending" });
        let setter = spawn(my_future(future.clone()))?;
        Ok(setter.map(move |()| println!("main: {}", future.result().expect("it was set"))))
    })
}

/// ```python
/// async def wait_for_it():
///     future = asyncio.get_running_loop().create_future()
///     asyncio.ensure_future(my_future(future))
///     print('awaited:', await future)
/// ```
fn wait_for_it() -> impl Awaitable<Return = ()> {
    lazy(|| {
        let event_loop = EventLoop::running()?;
        let future = event_loop.create_future();
        spawn(my_future(future.clone()))?;
        Ok(future.map(|result| println!("awaited: {result}")))
    })
}

/// ```python
/// async def wait_for_nothing():
///     loop = asyncio.get_running_loop()
///     future = loop.create_future()
///     loop.call_later(1, future.cancel)
///     try:
///         await future
///     except asyncio.CancelledError:
///         print('cancelled')
/// ```
fn wait_for_nothing() -> impl Awaitable<Return = ()> {
    lazy(|| {
        let event_loop = EventLoop::running()?;
        let future: Future<()> = event_loop.create_future();
        let canceller = future.clone();
        event_loop.call_later(SECOND, move || {
            canceller.cancel();
        })?;
        Ok(future.catch(|raised| {
            if raised.is_cancelled() {
                println!("cancelled");
                return Ok(());
            }
            Err(raised)
        }))
    })
}

/// ```python
/// loop = asyncio.new_event_loop()
/// loop.run_until_complete(set_and_look())
/// loop.run_until_complete(wait_for_it())
/// loop.run_until_complete(wait_for_nothing())
/// loop.close()
/// ```
pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    event_loop.run_until_complete(set_and_look())?;
    event_loop.run_until_complete(wait_for_it())?;
    event_loop.run_until_complete(wait_for_nothing())
}
