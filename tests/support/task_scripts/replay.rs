//! Runs a program as its recording was made, and compares.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::virtual_loop;
use innermost::{Exception, LoopHandle, TimerHandle};
use serde_json::{Value, json};

use super::exceptions::describe;
use super::program::Program;
use super::world::{ScriptTask, World};
use crate::recorded::Difference;

/// What came of a replay.
pub(crate) enum Replay {
    /// Exactly the recorded log and end.
    Same,
    Differs(Difference),
    /// It differs, and tasks have awaited each other in a circle.
    HasCircle,
}

/// Runs a program.
pub(crate) fn replay(program: &Rc<Program>) -> Replay {
    let event_loop = virtual_loop().expect("a descriptor is free");
    event_loop.set_exception_handler(|_| {});
    let world = World::new(Rc::clone(program), event_loop.handle());
    let end = end_of(&world).unwrap_or_else(|Deadlock| json!(["deadlock"]));
    let (mut came, mut expected) = (world.take_log(), program.log.clone());
    event_loop.close().expect("it does not run");
    came.push(json!({ "end": end }));
    expected.push(json!({ "end": program.end }));
    match Difference::between(&expected, came) {
        None => Replay::Same,
        Some(_) if world.has_circle() => Replay::HasCircle,
        Some(difference) => Replay::Differs(difference),
    }
}

struct Deadlock;

/// Runs the main task, then ends the others.
fn end_of(world: &Rc<World>) -> Result<Value, Deadlock> {
    let event_loop = &world.event_loop;
    let timers = [(20, World::release as fn(&World)), (40, World::cancel_all), (60, World::cancel_all)];
    let timers = timers.map(|(time, action)| {
        let world = Rc::clone(world);
        event_loop.call_at(Duration::from_secs(time), move || action(&world)).expect("the loop is open")
    });
    let main = world.task(0).expect("the loop is open");
    let end = match run_until_complete(event_loop, &main)? {
        Ok(value) => json!(["returned", value]),
        Err(raised) => json!(["raised", describe(&raised)]),
    };
    timers.iter().for_each(TimerHandle::cancel);
    let left = world.left();
    for task in &left {
        task.cancel();
    }
    if !left.is_empty() {
        run_until_all_have_ended(event_loop, &left)?;
    }
    Ok(end)
}

/// Runs until these tasks have ended, exactly as long as asyncio does for a `gather` of them: a callback of each task,
/// the last of which completes a future.
fn run_until_all_have_ended(event_loop: &LoopHandle, tasks: &[ScriptTask]) -> Result<(), Deadlock> {
    let all_ended = event_loop.create_future::<()>();
    let left = Rc::new(Cell::new(tasks.len()));
    for task in tasks {
        let (all_ended, left) = (all_ended.clone(), Rc::clone(&left));
        task.add_done_callback(move |_| {
            left.set(left.get() - 1);
            if left.get() == 0 {
                all_ended.set_result(()).expect("the last task ends once");
            }
        });
    }
    event_loop.run_until_complete(all_ended).map_err(|_| Deadlock)
}

/// What the task came to. A loop that cannot go on while it is pending is in a deadlock.
fn run_until_complete(event_loop: &LoopHandle, task: &ScriptTask) -> Result<Result<Option<i64>, Exception>, Deadlock> {
    let outcome = event_loop.run_until_complete(task.clone());
    if task.done() { Ok(outcome) } else { Err(Deadlock) }
}

impl World {
    fn release(&self) {
        self.note("loop", &json!(["callback", "release"]));
        for future in &self.futures {
            // One that is done stays as it is.
            let _ = future.set_result(0);
        }
        self.places.set_events();
    }

    fn cancel_all(&self) {
        self.note("loop", &json!(["callback", "cancel all"]));
        for task in self.left() {
            task.cancel();
        }
    }

    /// A callback that logs this.
    pub(super) fn callback(self: &Rc<Self>, what: Value) -> impl FnOnce() + use<> {
        let world = Rc::clone(self);
        move || world.note("loop", &what)
    }
}
