//! An `async` block where a coroutine is expected.

use innermost::{EventLoop, Exception, run, spawn};

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    event_loop.create_task(async { 1 })?; //~ is not a coroutine //~ an `async` block or function is not one
    spawn(async { 1 })?; //~ is not a coroutine that a task can run //~ an `async` block or function is not one
    run(async {})?; //~ is not a coroutine that a task can run //~ an `async` block or function is not one
    event_loop.run_until_complete(async {})?; //~ is not a coroutine //~ an `async` block or function is not one
    Ok(())
}
