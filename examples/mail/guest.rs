//! The machine in an event loop that is a guest: another loop, written by hand, waits in its place.

use std::time::{Duration, Instant};

use innermost::selector::{SelectorToken, default_selector};
use innermost::{EventLoop, Exception};

use super::awaited::delivering;
use super::delivery::{Delivered, Mail};

/// Delivers `mail` within a loop that calls `tick` once in `pause`. The loop stands for that of a GUI or a game.
///
/// # Errors
///
/// The errors of the connection and those that the machine raises.
pub(crate) fn deliver(
    server: &str,
    mail: Mail,
    pause: Duration,
    mut tick: impl FnMut(),
) -> Result<Delivered, Exception> {
    let guest = EventLoop::new()?;
    let task = guest.create_task(delivering(server, mail)?)?;
    // A host that is not written in Rust calls poll(2), or adds the descriptor to what it has.
    let mut host = default_selector()?;
    let descriptor = guest.with_fd(|fd| fd.map(|fd| host.register(fd, SelectorToken(1))).transpose())?;
    // Without a descriptor, the host has to look after its guest all the time.
    let longest = if descriptor.is_some() { pause } else { Duration::from_millis(5) };
    let mut events = Vec::new();
    let mut next_tick = Instant::now() + pause;
    while !task.done() {
        let until_tick = next_tick.saturating_duration_since(Instant::now());
        let until_deadline = guest.next_deadline().map_or(longest, |deadline| deadline - guest.time());
        host.select(&mut events, Some(until_tick.min(until_deadline).min(longest)))?;
        events.clear();
        guest.run_once()?;
        if Instant::now() >= next_tick {
            tick();
            next_tick += pause;
        }
    }
    task.take_result()
}
