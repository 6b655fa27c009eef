//! Loops and coroutines that several of these tests use.

use innermost::{AnyTask, Awaitable, EventLoop, Future, Task};

use crate::support::clock::test_loop;
use crate::support::events::{Body, Log, Next, awaits, body, pauses, returns};

/// A loop whose turns are counted.
pub(crate) fn counting_loop() -> (EventLoop, Log) {
    let (event_loop, log) = (test_loop(), Log::default());
    log.count_turns(&event_loop);
    (event_loop, log)
}

pub(crate) fn me() -> AnyTask {
    EventLoop::running().expect("a loop runs").current_task().expect("a task runs")
}

/// Logs its start, awaits `awaited`, logs the result, and returns the result plus one.
pub(crate) fn link(log: &Log, name: &'static str, awaited: impl Awaitable<Return = i32> + 'static) -> Body {
    let (log, mut awaited) = (log.clone(), Some(awaited));
    body(move |_, got| {
        if let Some(awaited) = awaited.take() {
            log.note(format_args!("{name} starts"));
            return awaits(awaited);
        }
        match got {
            Ok(value) => {
                log.note(format_args!("{name} got {value}"));
                returns(value + 1)
            }
            Err(raised) => {
                log.note(format_args!("{name}: {raised}"));
                Err(raised)
            }
        }
    })
}

/// Awaits `future`, logs its exception, yields to the loop, and continues.
pub(crate) fn stubborn(log: &Log, future: Future<i32>) -> Body {
    let log = log.clone();
    body(move |n, got| match n {
        0 => awaits(future.clone()),
        1 => {
            log.note(format_args!("got {}", got.unwrap_err()));
            pauses()
        }
        _ => {
            log.note("went on");
            got.map(Next::Return)
        }
    })
}

/// Short words for assertions.
pub(crate) trait Frames {
    fn stack_trace_frames(&self) -> Vec<String>;
}

impl<T: 'static> Frames for Task<T> {
    fn stack_trace_frames(&self) -> Vec<String> {
        self.any().stack_trace().frames().to_vec()
    }
}
