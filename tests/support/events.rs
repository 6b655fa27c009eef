//! Recording what happens in a loop, and small coroutines for tasks, written as closures in the test.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use innermost::{Await, Awaitable, Coroutine, CoroutineExt, Exception, LoopHandle, Resumed, Step, sleep, yield_from};

pub(crate) use super::log::{Log, OnDrop, on_drop};

/// More turns than any test needs. [`Log::count_turns`] stops a program that would wait for ever.
const MANY_TURNS: u32 = 200;

impl Log {
    /// Counts turns from now on, with a callback that queues itself again. Call this before anything else is queued, so
    /// that the callback comes first in every turn.
    pub(crate) fn count_turns(&self, event_loop: &LoopHandle) {
        let (this, handle) = (self.clone(), event_loop.clone());
        let count = move || {
            if this.next_turn() == MANY_TURNS {
                handle.stop();
            }
            this.count_turns(&handle);
        };
        event_loop.call_soon(count).expect("the loop is open");
    }

    /// Sets an exception handler that adds each report to the log: the message and the exception.
    pub(crate) fn reports(&self, event_loop: &LoopHandle) {
        let this = self.clone();
        event_loop.set_exception_handler(move |context| {
            let exception = context.exception.as_ref().map_or_else(|| "nothing".into(), ToString::to_string);
            this.add(format_args!("{}: {exception}", context.message));
        });
    }
}

/// A coroutine for a task: it returns a number.
pub(crate) type Body = Box<dyn Awaitable<Return = i32>>;

/// The next step of a [`body`].
pub(crate) enum Next {
    Await(Body),
    Return(i32),
}

pub(crate) type Answer = Result<Next, Exception>;

/// Makes a coroutine that awaits one object after another. `next` chooses the next one. Its arguments are the number of
/// the step, counted from 0, and the outcome of the last object. At step 0, that is 0, or the exception
/// that the coroutine was started with.
pub(crate) fn body(next: impl FnMut(u32, Result<i32, Exception>) -> Answer + 'static) -> Body {
    Box::new(Awaiting { next, awaited: None, number: 0 })
}

struct Awaiting<F> {
    next: F,
    awaited: Option<Body>,
    number: u32,
}

impl<F: FnMut(u32, Result<i32, Exception>) -> Answer> Coroutine for Awaiting<F> {
    type Yield = Await;
    type Input = ();
    type Return = i32;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let got = match &mut self.awaited {
                Some(awaited) => yield_from!(awaited, sent),
                None => std::mem::replace(&mut sent, Ok(())).map(|()| 0),
            };
            self.awaited = None;
            let number = self.number;
            self.number += 1;
            match (self.next)(number, got)? {
                Next::Await(awaited) => self.awaited = Some(awaited),
                Next::Return(value) => return Ok(Step::Return(value)),
            }
        }
    }
}

/// Awaits an object that returns a number.
pub(crate) fn awaits(awaited: impl Awaitable<Return = i32> + 'static) -> Answer {
    Ok(Next::Await(Box::new(awaited)))
}

/// Awaits an object that returns nothing. The next step gets 0.
pub(crate) fn awaits_end(awaited: impl Awaitable<Return = ()> + 'static) -> Answer {
    awaits(awaited.map(|()| 0))
}

/// Lets everything else that is ready run once.
pub(crate) fn pauses() -> Answer {
    awaits_end(sleep(Duration::ZERO))
}

pub(crate) fn sleeps(seconds: u64) -> Answer {
    awaits_end(sleep(Duration::from_secs(seconds)))
}

pub(crate) fn returns(value: i32) -> Answer {
    Ok(Next::Return(value))
}

pub(crate) fn raises(exception: impl Into<Exception>) -> Answer {
    Err(exception.into())
}

/// A coroutine that lets everything else run `count` times.
pub(crate) fn pausing(count: u32) -> Body {
    body(move |n, got| {
        got?;
        if n < count { pauses() } else { returns(0) }
    })
}

/// Runs the loop for two turns more than `turns`.
pub(crate) fn run(event_loop: &LoopHandle, turns: u32) {
    event_loop.run_until_complete(pausing(turns)).expect("it only pauses");
}

/// An error type of the program's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Oops(pub(crate) i32);

impl fmt::Display for Oops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oops {}", self.0)
    }
}

impl Error for Oops {}
