//! `Threads`: the executor of a loop that is explored, and of its files. It runs functions in the loop's own thread, one
//! after the other, as callbacks whose place the exploration chooses.

use std::rc::Rc;

use super::pilot::Pilot;
use super::plan::Subject;
use crate::coroutine::Exception;
use crate::event_loop::{EventLoop, LoopHandle, RemoteHandle};
use crate::executor::{Executor, Job, Pending, ShutdownWait};

/// The most turns by which a function may be late.
const LATEST: usize = 2;

/// Makes `event_loop` run blocking functions in its own thread.
pub(super) fn simulate_threads(event_loop: &LoopHandle, pilot: &Rc<Pilot>) {
    event_loop.set_extension(Rc::clone(pilot));
    event_loop.set_default_executor(Threads { event_loop: event_loop.remote() });
    #[cfg(feature = "fs")]
    event_loop.simulate_file_threads(Threads { event_loop: event_loop.remote() });
}

struct Threads {
    event_loop: RemoteHandle,
}

impl Executor for Threads {
    fn execute(&self, job: Job) -> Result<(), Exception> {
        let run = move || {
            let event_loop = EventLoop::running()?;
            let pilot = event_loop.extension::<Pilot>();
            let turns = pilot.map_or(0, |pilot| pilot.choose(Subject::Order, 1 + LATEST));
            run_later(&event_loop, job, turns)
        };
        self.event_loop.call_soon_threadsafe(run).map_err(Exception::new)
    }

    /// A function that was submitted has its place in the loop, and keeps it.
    fn shutdown(&self, _: Pending, _: ShutdownWait) -> Result<(), Exception> {
        Ok(())
    }

    /// A thread that waited would be early or late, and the schedule would not repeat.
    fn shutdown_blocks(&self) -> bool {
        false
    }
}

/// Runs `job` after that many turns.
fn run_later(event_loop: &LoopHandle, job: Job, turns: usize) -> Result<(), Exception> {
    if turns == 0 {
        job.run();
        return Ok(());
    }
    let again = event_loop.clone();
    event_loop.call_soon(move || run_later(&again, job, turns - 1)).map(drop)
}
