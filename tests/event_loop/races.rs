//! Waiting for the first of several coroutines in one task.
//!
//! | file | holds |
//! |---|---|
//! | `order.rs`      | who is resumed when, and who wins |
//! | `locals.rs`     | races and coroutines in local variables of what suspends |
//! | `losers.rs`     | what becomes of the others: their wait, their place, what they were given |
//! | `exceptions.rs` | what is thrown in, closing, dropping |
//! | `scopes.rs`     | timeouts and task groups inside a race |
//! | `nested.rs`     | races inside races |
//! | `sockets.rs`    | operations on sockets |
//! | `changes.rs`    | racers that are not the same at each resume |
//! | `by_hand.rs`    | without a loop |
//! | `owned.rs`      | `race` and `all`, which run coroutines to their end |
//! | `model.rs`      | random races against a model with a task for each coroutine |

mod by_hand;
mod changes;
mod exceptions;
mod locals;
mod losers;
mod model;
mod nested;
mod order;
mod owned;
mod scopes;
mod sockets;

use std::time::Duration;

use innermost::{Await, Coroutine, EventLoop, Exception, Future, Resumed, sleep};

use crate::support::events::Log;

const LONG: Duration = Duration::from_secs(3600);

/// Runs that many turns.
fn spin(event_loop: &EventLoop, turns: u32) {
    for _ in 0..turns {
        event_loop.run_until_complete(sleep(Duration::ZERO)).expect("a turn");
    }
}

/// Runs until nothing is left to do but to wait. The loop's time is virtual.
fn settle(event_loop: &EventLoop) {
    event_loop.run_until_complete(sleep(Duration::from_millis(1))).expect("a nap");
}

/// A future of the running loop that nobody will set.
fn never() -> Future<u32> {
    EventLoop::running().expect("in a loop").create_future()
}

/// Logs each resume of a coroutine.
struct Noted<C> {
    name: &'static str,
    child: C,
    log: Log,
}

impl<C: Coroutine<Yield = Await, Input = ()>> Coroutine for Noted<C> {
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        match &sent {
            Ok(()) => self.log.add(self.name),
            Err(raised) => self.log.add(format_args!("{}: {:?}", self.name, raised.kind())),
        }
        self.child.resume(sent)
    }
}

/// Logs each resume of `child`.
fn noted<C>(log: &Log, name: &'static str, child: C) -> Noted<C> {
    Noted { name, child, log: log.clone() }
}
