//! Exploring a program: running it in every order, with every fault, rather than in the one order that tests show.
//!
//! See [`explore`].
//!
//! | file | holds |
//! |---|---|
//! | `explorer.rs` | [`Explore`]: what is explored, and its bounds |
//! | `runner.rs`   | runs schedules until one fails |
//! | `reduce.rs`   | makes a schedule that fails small |
//! | `repeat.rs`   | whether a program does the same each time |
//! | `seen.rs`     | states that were seen before |
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
//! | `world.rs`    | its network and its hosts |
//! | `failure.rs`  | [`Explored`], [`Failure`]: the results |

mod choices;
mod explorer;
mod failure;
mod faults;
mod pilot;
mod plan;
mod quiet;
mod reduce;
mod repeat;
mod runner;
mod seen;
mod sim;
mod stage;
mod story;
#[cfg(feature = "executor")]
mod threads;
mod tree;
mod world;

pub use self::choices::Choices;
pub use self::explorer::Explore;
pub use self::failure::{Explored, Failure};
pub use self::faults::Faults;
pub use self::sim::Sim;
use crate::coroutine::Exception;

/// Explores a program: runs it under every order of what is ready together, within bounds.
///
/// A test shows one order of events. In real life, a peer answers a little earlier or later, and what is ready in one turn
/// becomes ready in another order. This runs `program` once for each order. What is chosen is which of the tasks, callbacks
/// and timers that are ready in one turn runs next. Nothing moves from one turn to another.
///
/// The chapter [`exploring`](mod@super::exploring) begins with a bug and ends with a regression test. It says how to read a
/// failure, which faults and bounds there are, and what a program must not depend on.
///
/// A schedule fails if
///
/// - the program raises or panics,
/// - a check of [`Sim::always`] or [`Sim::finally`] raises or panics,
/// - a task waits for ever, or the program does not end within a number of [steps](Explore::steps),
/// - something is left once the program has returned and every task has ended: a connection, a task that something still
///   holds, a timer (run the loop until it is due, or cancel it),
/// - an exception is lost: it goes to the loop's exception handler.
///
/// Schedules with few departures from the natural order come first, and of these, those with few faults. So the first that
/// fails has the fewest.
///
/// # Programs that do not repeat
///
/// A schedule is known by its choices alone, so a program must do the same each time that these are the same. What breaks
/// this:
///
/// - A real clock, such as [`std::time::Instant::now`]. Use the loop's [`time`](crate::LoopHandle::time).
/// - The order of a `HashMap` or a `HashSet`, which is another one in each run. Use a `BTreeMap`.
/// - Random numbers from elsewhere. Use [`Sim::random`].
/// - An order by address, such as that of a `BTreeMap` whose keys are pointers.
/// - Threads of your own, and executors other than the default one. [`to_thread`](crate::to_thread) and
///   [`run_in_executor`](crate::LoopHandle::run_in_executor) run their functions in the loop's thread here.
/// - Files, signals, processes, and sockets whose other end is not in the loop. The two ends of a
///   [`UnixStream::pair`](std::os::unix::net::UnixStream::pair) may both be there, with transports and streams around them:
///   what one end does, the other end finds in the next wait.
/// - What outlives a run: a `static`, a thread-local, a variable outside of `program`.
///
/// The first schedule runs three times, in memory with other addresses, and must have the same story. Each later schedule
/// must do the same as the one before it up to the choice in which it departs. Otherwise the exploration fails, and says
/// where two runs have parted and what ran then in each of them. A difference that shows neither in who runs, nor in the
/// states of the machines, nor in the time is not found.
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

/// A number with its noun: `1 step`, `2 steps`.
fn counted(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}
