//! `run_forever` until Ctrl-C: two tasks, each of which starts its successor.
//!
//! ```text
//! step: run_forever()
//! Hello World
//! Good Evening
//! Hello World
//! Good Evening
//! Hello World
//! Good Evening
//! step: close()
//! ```

use std::time::Duration;

use innermost::signal::SIGINT;
use innermost::{CoroutineExt, EventLoop, Exception, ready, sleep, spawn};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    // Python raises KeyboardInterrupt. Here, the handler of a signal is a callback of the loop.
    let handle = event_loop.handle();
    event_loop.add_signal_handler(SIGINT, move || handle.stop())?;
    run(&event_loop)
}

/// ```python
/// async def hello_world():
///     await asyncio.sleep(1)
///     print('Hello World')
///     asyncio.ensure_future(hello_world())
///
/// async def good_evening():
///     await asyncio.sleep(1)
///     print('Good Evening')
///     asyncio.ensure_future(good_evening())
/// ```
///
/// One function serves for both: it starts a task that sleeps, prints, and starts the next one. An error becomes the task's
/// exception.
fn say_every_second(text: &'static str) -> Result<(), Exception> {
    let say = sleep(SECOND).then(move |()| {
        println!("{text}");
        say_every_second(text).map(ready)
    });
    spawn(say)?;
    Ok(())
}

/// ```python
/// loop = asyncio.new_event_loop()
/// try:
///     print('step: run_forever()')
///     loop.create_task(hello_world())
///     loop.create_task(good_evening())
///     loop.run_forever()
/// except KeyboardInterrupt:
///     pass
/// finally:
///     print('step: close()')
///     loop.close()
/// ```
pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    println!("step: run_forever()");
    for text in ["Hello World", "Good Evening"] {
        event_loop.call_soon(move || say_every_second(text).expect("the loop is open"))?;
    }
    event_loop.run_forever()?;
    println!("step: close()");
    event_loop.close()
}
