//! The twin of `async_block.rs`: coroutines in the same places.

use innermost::{EventLoop, Exception, ready, run, spawn};

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    event_loop.create_task(ready(1))?;
    spawn(ready(1))?;
    run(ready(()))?;
    event_loop.run_until_complete(ready(()))?;
    Ok(())
}
