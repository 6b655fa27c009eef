//! Runs a program like its recording, and compares the logs.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::virtual_loop;
use innermost::{Exception, Future, TimerHandle};
use serde_json::{Value, json};

use super::exceptions::describe;
use super::program::Program;
use super::world::{ScriptTask, World};
use crate::recorded::{self, Difference};

/// How many programs were replayed.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) programs: usize,
    /// Which of them differ, and tasks have awaited each other in a circle.
    pub(crate) let_off: Vec<usize>,
}

/// The result of a replay.
enum Replay {
    /// Exactly the recorded log and end.
    Same,
    Differs(Difference),
    /// It differs, and tasks have awaited each other in a circle.
    HasCircle,
}

/// Runs every program of a recording.
///
/// # Panics
///
/// Once all have run, where one has done something else.
pub(crate) fn replay_all(recording: &str) -> Replayed {
    let (path, lines) = recorded::programs(recording);
    let mut replayed = Replayed { programs: 0, let_off: Vec::new() };
    let (mut different, mut first) = (Vec::new(), None);
    for line in lines {
        replayed.programs += 1;
        match replay(&Rc::new(Program::parse(&line))) {
            Replay::Same => {}
            Replay::HasCircle => replayed.let_off.push(replayed.programs),
            Replay::Differs(difference) => {
                different.push(replayed.programs);
                first.get_or_insert_with(|| format!("program {}\n{line}\n{difference}", replayed.programs));
            }
        }
    }
    println!("{replayed:?}");
    assert!(different.is_empty(), "{}of {path}, these differ: {different:?}", first.unwrap_or_default());
    replayed
}

/// Runs a program.
fn replay(program: &Rc<Program>) -> Replay {
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
        event_loop
            .call_at(innermost::Instant::from_zero(Duration::from_secs(time)), move || action(&world))
            .expect("the loop is open")
    });
    let main = world.task(0).and_then(|main| event_loop.ensure_future(main)).expect("the loop is open");
    let end = match run_until_complete(world, &main)? {
        Ok(value) => json!(["returned", value]),
        Err(raised) => json!(["raised", describe(&raised)]),
    };
    timers.iter().for_each(TimerHandle::cancel);
    let left = world.left();
    for task in &left {
        task.cancel();
    }
    if !left.is_empty() {
        run_until_all_have_ended(world, &left)?;
    }
    Ok(end)
}

/// Runs until these tasks have ended, for as many turns as asyncio needs for a `gather` of them. Each task has a callback, and
/// the last callback completes a future.
fn run_until_all_have_ended(world: &World, tasks: &[ScriptTask]) -> Result<(), Deadlock> {
    let all_ended = world.event_loop.create_future::<()>();
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
    run_until_complete(world, &all_ended).map(drop)
}

/// The outcome of the future, however often the loop is stopped. A loop that cannot continue is in a deadlock.
fn run_until_complete<T: Clone + 'static>(world: &World, future: &Future<T>) -> Result<Result<T, Exception>, Deadlock> {
    loop {
        let outcome = world.event_loop.run_until_complete(future.clone());
        match outcome {
            outcome if future.done() => return Ok(outcome),
            Err(stopped) if stopped.to_string().starts_with("Event loop stopped") => {
                world.note("loop", &json!(["stopped"]));
            }
            _ => return Err(Deadlock),
        }
    }
}

impl World {
    fn release(&self) {
        self.note("loop", &json!(["callback", "release"]));
        for number in 0..3 {
            // A finished task stays as it is.
            let _ = self.future(number).set_result(Some(0));
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
