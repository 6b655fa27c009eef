//! A callback whose value is nothing that it may return.

use innermost::{EventLoop, Exception};

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    event_loop.call_soon(|| String::new())?; //~ a callback cannot return `String` //~ end the closure with a semicolon
    event_loop.call_soon(|| Ok::<_, std::io::Error>(()))?; //~ a callback returns `()` or `Result<(), Exception>`
    Ok(())
}
