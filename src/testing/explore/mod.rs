//! Exploring a program: running it in every order, with every fault, rather than in the one order that tests show.
//!
//! See [`explore`].
//!
//! | file | holds |
//! |---|---|
//! | `explorer.rs` | [`Explore`]: runs the schedules of a program, and makes a failing one small |
//! | `tree.rs`     | the schedules that are still to be run |
//! | `plan.rs`     | the choices of one run |
//! | `choices.rs`  | [`Choices`]: a schedule as text |
//! | `quiet.rs`    | panics that are not printed |
//! | `stage.rs`    | one run: the loop it uses, and what was wrong with it |
//! | `pilot.rs`    | what the loop asks for each choice |
//! | `sim.rs`      | [`Sim`]: what the program sees |
//! | `faults.rs`   | [`Faults`]: what may go wrong |
//! | `threads.rs`  | functions that run in threads, simulated in the loop's thread |
//! | `story/`      | what happened in a run, for people |
//! | `failure.rs`  | [`Explored`], [`Failure`]: the results |

mod choices;
mod explorer;
mod failure;
mod faults;
mod pilot;
mod plan;
mod quiet;
mod sim;
mod stage;
mod story;
#[cfg(feature = "executor")]
mod threads;
mod tree;

pub use self::choices::Choices;
pub use self::explorer::Explore;
pub use self::failure::{Explored, Failure};
pub use self::faults::Faults;
pub use self::sim::Sim;
use crate::coroutine::Exception;

/// Explores a program: runs it under every order of what is ready together, within bounds.
///
/// The loop makes no promise that a program may rely on about the speed of its peers: what is ready in one turn may become
/// ready in another order the next time. This runs `program` once for each order. What is chosen is which of the things
/// that are ready in one turn runs next: tasks, callbacks, timers with one deadline. Nothing moves from one turn to
/// another.
///
/// A schedule fails if
///
/// - the program raises or panics,
/// - a check of [`Sim::always`] or [`Sim::finally`] raises or panics,
/// - a task waits for ever, or the program does not end within a number of [steps](Explore::steps),
/// - something is left once the program has returned and every task has ended: a timer, a connection, a task that
///   something still holds,
/// - an exception is lost: it goes to the loop's exception handler.
///
/// Schedules with few departures from the natural order come first, so the first that fails has the fewest.
///
/// ```
/// use innermost::testing::explore;
/// use innermost::{Await, Coroutine, Exception, Resumed, Sleep, Step, sleep, yield_from};
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// /// Reads, lets others run, and writes what it read plus one.
/// struct Add {
///     total: Rc<Cell<u32>>,
///     read: Option<u32>,
///     pause: Sleep,
/// }
///
/// impl Coroutine for Add {
///     type Yield = Await;
///     type Input = ();
///     type Return = ();
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         let read = *self.read.get_or_insert_with(|| self.total.get());
///         yield_from!(self.pause, sent)?;
///         self.total.set(read + 1);
///         Ok(Step::Return(()))
///     }
/// }
///
/// let failure = explore(|sim| {
///     let total = Rc::new(Cell::new(0));
///     for _ in 0..2 {
///         sim.create_task(Add { total: Rc::clone(&total), read: None, pause: sleep(Duration::ZERO) })?;
///     }
///     sim.finally(move || assert_eq!(total.get(), 2));
///     Ok(())
/// })
/// .try_run()
/// .unwrap_err();
/// assert_eq!(failure.schedules(), 1, "asyncio's order shows it too");
/// ```
pub fn explore<F>(program: F) -> Explore<F>
where
    F: FnMut(&Sim) -> Result<(), Exception>,
{
    Explore::new(program)
}

/// Runs a program under `schedules` random schedules, and panics at the first that fails.
///
/// The message holds the seed, the choices, made few, and the story. A schedule depends on nothing but its seed: run `n` of
/// them with the seeds `seed`, `seed + 1` and so on.
///
/// ```
/// use innermost::testing::random;
/// use innermost::sleep;
/// use std::time::Duration;
///
/// let explored = random(42, 100, |sim| {
///     let nap = Duration::from_nanos(sim.random());
///     sim.run(sleep(nap))
/// });
/// assert_eq!(explored.schedules, 100);
/// ```
///
/// # Panics
///
/// If a schedule fails.
#[track_caller]
pub fn random<F>(seed: u64, schedules: u64, program: F) -> Explored
where
    F: FnMut(&Sim) -> Result<(), Exception>,
{
    Explore::new(program).random(seed).schedules(schedules).run()
}

/// Runs a program once, with exactly these choices.
///
/// ```
/// use innermost::testing::replay;
/// use innermost::sleep;
/// use std::time::Duration;
///
/// replay("", |sim| sim.run(sleep(Duration::from_secs(1))));
/// ```
///
/// # Panics
///
/// If the schedule fails, if `choices` is not in the form of [`Choices`], or if the program does not make these choices:
/// then it has changed, or is not deterministic.
#[track_caller]
pub fn replay<F>(choices: &str, program: F) -> Explored
where
    F: FnMut(&Sim) -> Result<(), Exception>,
{
    Explore::new(program).replay(choices).run()
}
