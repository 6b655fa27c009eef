//! The twin of `callback_value.rs`: values that a callback may return.

use std::time::Duration;

use innermost::{EventLoop, Exception, ready};

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let task = event_loop.create_task(ready(()))?;
    let (other, third, timer) = (task.clone(), task.clone(), event_loop.call_later(Duration::ZERO, || {})?);
    event_loop.call_soon(move || task.cancel())?;
    event_loop.call_later(Duration::ZERO, move || other.uncancel())?;
    event_loop.call_soon(move || third.add_done_callback(|task| task.cancelled()))?;
    event_loop.call_soon(move || Some(timer))?;
    event_loop.call_soon(|| Ok(std::io::Write::flush(&mut std::io::stdout())?))?;
    event_loop.call_soon(|| Some(7))?;
    Ok(())
}
