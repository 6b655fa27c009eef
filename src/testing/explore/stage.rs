//! `Stage`: runs a program once, by a plan, and judges what it has done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::super::VirtualClock;
use super::super::virtual_loop::virtual_loop_of_pairs;
use super::counted;
use super::pilot::{Pilot, call};
use super::plan::Source;
use super::quiet::quietly;
use super::sim::Sim;
use super::story::{Story, Told};
use crate::coroutine::{Exception, Kind};
use crate::event_loop::{EventLoop, Leftovers};
use crate::task::panicked;

/// The bounds of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The most departures from the natural order.
    pub(super) orders: u32,
    pub(super) steps: u64,
    pub(super) leaks: bool,
}

/// A loop that is used for one run after the other, and what steers it.
pub(super) struct Stage {
    event_loop: EventLoop,
    pub(super) pilot: Rc<Pilot>,
    /// Whether panics of the program print their messages.
    pub(super) is_loud: bool,
}

impl Stage {
    pub(super) fn new() -> Result<Self, Exception> {
        let clock = VirtualClock::new();
        let event_loop = virtual_loop_of_pairs(clock.clone())?;
        let pilot = Rc::new(Pilot::new(clock));
        pilot.steer(&event_loop);
        Ok(Self { event_loop, pilot, is_loud: false })
    }

    /// Runs `program` once. Returns what was wrong with it.
    pub(super) fn run(
        &mut self,
        program: &mut dyn FnMut(&Sim) -> Result<(), Exception>,
        source: Source,
        seed: u64,
        bounds: Bounds,
    ) -> Result<Option<Exception>, Exception> {
        let handle = self.event_loop.handle();
        self.pilot.restart(source, bounds.orders, bounds.steps, handle.clone());
        #[cfg(feature = "executor")]
        super::threads::simulate_threads(&handle, &self.pilot);
        let sim = Sim::new(handle, Rc::clone(&self.pilot), seed);
        let perform = || {
            let ran = catch_unwind(AssertUnwindSafe(|| program(&sim)));
            let ran = ran.unwrap_or_else(|panic| Err(panicked(panic)));
            // What the program has given to the run is dropped here, which may panic too.
            let judged = catch_unwind(AssertUnwindSafe(|| self.judge(sim, ran, bounds)));
            let cleared = catch_unwind(AssertUnwindSafe(|| self.pilot.clear()));
            let judged = judged.unwrap_or_else(|panic| Some(panicked(panic)));
            judged.or_else(|| cleared.err().map(panicked))
        };
        let wrong = if self.is_loud { perform() } else { quietly(perform) };
        if !self.event_loop.recycle() {
            self.renew()?;
        }
        self.pilot.clock.restart();
        Ok(wrong)
    }

    /// What was wrong with a run that has ended with `ran`.
    fn judge(&self, mut sim: Sim, ran: Result<(), Exception>, bounds: Bounds) -> Option<Exception> {
        let lost = || self.pilot.reports.borrow().iter().find(|raised| !self.pilot.faults.excuse(raised)).cloned();
        let ended = self.excused(ran);
        let rested = if ended.is_ok() { self.excused(sim.run_to_rest()) } else { Ok(()) };
        // A task that fails is often why others wait for ever.
        let failure = self.pilot.failure().or(ended.err()).or_else(lost).or(rested.err());
        let failure = failure.or_else(|| {
            let mut checks = self.pilot.finally.take();
            checks.iter_mut().find_map(|check| call(check).err())
        });
        if failure.is_some() {
            return failure;
        }
        let leak = bounds.leaks.then(|| leak(&sim.leftovers())).flatten();
        // Checks and hosts own parts of the program.
        self.pilot.drop_checks();
        sim.end();
        let held = || bounds.leaks.then(|| held(self.pilot.tasks_still_held())).flatten();
        leak.or_else(held).or_else(lost)
    }

    /// Treats an exception that stems from a fault as success.
    fn excused(&self, ran: Result<(), Exception>) -> Result<(), Exception> {
        match ran {
            Err(raised) if self.pilot.faults.excuse(&raised) && self.pilot.failure().is_none() => Ok(()),
            ran => ran,
        }
    }

    /// Replaces a loop in which something was left.
    fn renew(&mut self) -> Result<(), Exception> {
        let event_loop = virtual_loop_of_pairs(self.pilot.clock.clone())?;
        self.event_loop.set_steering(None);
        self.event_loop.set_exception_handler(|_| {});
        self.pilot.steer(&event_loop);
        // What is dropped with the old loop has been judged before.
        drop(core::mem::replace(&mut self.event_loop, event_loop));
        Ok(())
    }

    /// Has the next run write its story.
    pub(super) fn tell(&self) {
        *self.pilot.story.borrow_mut() = Some(Story::default());
    }

    pub(super) fn take_story(&self) -> Told {
        self.pilot.story.take().map(Story::finish).unwrap_or_default()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.event_loop.set_steering(None);
    }
}

fn leak(left: &Leftovers) -> Option<Exception> {
    let Leftovers { tasks, timers, residents, descriptors, generators } = left;
    let text = if let [first, ..] = &**tasks {
        format!("{}: {first}", counted(tasks.len(), "task has not ended", "tasks have not ended"))
    } else if *timers > 0 {
        let timers = counted(*timers, "timer is set", "timers are set");
        format!("{timers} although no task is left; cancel it, or run the loop until it is due")
    } else if *residents > 0 {
        let open = counted(*residents, "connection or server is open", "connections or servers are open");
        format!("{open} although no task is left")
    } else if *descriptors > 0 {
        let registered = counted(*descriptors, "descriptor is registered", "descriptors are registered");
        format!("{registered} although no task is left")
    } else if *generators > 0 {
        let suspended = counted(*generators, "async generator is suspended", "async generators are suspended");
        format!("{suspended} although no task is left")
    } else {
        return None;
    };
    Some(Exception::message(Kind::RuntimeError, format!("leak: {text}")))
}

fn held(names: Vec<String>) -> Option<Exception> {
    let first = names.first()?;
    let text = match names.len() {
        1 => format!("leak: {first} has ended, and something still holds it"),
        count => format!("leak: {count} tasks have ended, and something still holds them; the first is {first}"),
    };
    Some(Exception::message(Kind::RuntimeError, text))
}
