//! Loops that stop at a deadline, and what many tests do with them.

use std::net::SocketAddr;
use std::time::Duration;

use innermost::{Await, EventLoop, Exception, LoopHandle, Step, from_fn};

/// Longer than any machine needs for a test.
const DEADLINE: Duration = Duration::from_secs(600);

/// A loop that stops at a deadline. Whatever it was running then fails.
pub(crate) fn new_loop() -> EventLoop {
    let event_loop = EventLoop::new().expect("a descriptor is free");
    let handle = event_loop.handle();
    event_loop.call_later(DEADLINE, move || handle.stop()).expect("it is open");
    event_loop
}

/// Runs the loop until `done` returns `true`. It is called once a turn.
pub(crate) fn run_until(event_loop: &LoopHandle, mut done: impl FnMut() -> bool + 'static) {
    let polling = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        Ok(if done() { Step::Return(()) } else { Step::<Await, (), ()>::Yield(Await::next_turn()) })
    });
    event_loop.run_until_complete(polling).expect("it comes to that before the deadline");
}

/// An address for binding to any free port of this machine.
pub(crate) fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
