//! Twenty-two classic bugs of concurrent programs, each found and each mended.
//!
//! Each file holds a small program, as somebody could have written it. `program::<false>` has the bug. In `program::<true>`
//! it is mended, and no schedule fails.
//!
//! FIFO, the natural order, hides most of the bugs: a test that runs only that order passes. The other columns say after how
//! many schedules a bug is found at the latest, and in how many choices the failing schedule differs from the natural one at
//! most.
//!
//! | bug | what is wrong | FIFO | schedules | choices |
//! |---|---|---|--:|--:|
//! | lost update | what was read is written back after others have written | shows it | 1 | 0 |
//! | lost wake-up | an event is cleared after it was set, and then awaited | hides it | 2 | 1 |
//! | check, then await | what was checked has changed when the await is over | shows it | 1 | 0 |
//! | cancelled `get` | an item goes to a task that is cancelled before it runs | hides it | 5 | 1 |
//! | lock order | two tasks take two locks in opposite order | hides it | 2 | 1 |
//! | timeout and result | a timeout fires in the turn in which the result comes | hides it | 2 | 1 |
//! | forgotten `task_done` | one path through a worker does not report its job | hides it | 2 | 1 |
//! | double release | two tasks each give back the same place | hides it | 2 | 1 |
//! | notify before wait | a notification comes before anybody waits for it | hides it | 2 | 1 |
//! | lost exception | a task that nobody awaits raises | hides it | 2 | 1 |
//! | swallowed cancel | a handler for every exception catches `CancelledError` | hides it | 3 | 1 |
//! | fetched twice | a cache is looked up again before its first fetch has ended | shows it | 1 | 0 |
//! | changed list | a list changes while a loop over it awaits | hides it | 2 | 1 |
//! | leaked permit | a cancel comes after acquiring and before the release | hides it | 3 | 1 |
//! | dead worker | a worker dies, and its queue is served by nobody | hides it | 3 | 1 |
//! | late producer | a job is accepted after the last worker was stopped | hides it | 3 | 1 |
//! | ABA | a flag is what it was, and meanwhile it was not | hides it | 3 | 1 |
//! | equal deadlines | two timers with one deadline are taken for ordered | hides it | 2 | 1 |
//! | callback before task | a task relies on a callback that was scheduled before it | hides it | 2 | 1 |
//! | endless retry | two tasks give way to each other for ever | shows it | 1 | 0 |
//! | stale reply | a reply on an old connection answers a new request | hides it | 2 | 1 |
//! | threads in order | two functions in threads are taken for ordered | hides it | 2 | 1 |

use innermost::Exception;
use innermost::testing::{Explore, Failure, Sim, explore};

mod aba_flag;
mod callback_before_task;
mod cancelled_get;
mod changed_list;
mod check_then_await;
mod dead_worker;
mod double_release;
mod endless_retry;
mod equal_deadlines;
mod fetched_twice;
mod forgotten_task_done;
mod late_producer;
mod leaked_permit;
mod lock_order;
mod lost_exception;
mod lost_update;
mod lost_wakeup;
mod notify_before_wait;
mod stale_reply;
mod swallowed_cancel;
mod threads_in_order;
mod timeout_and_result;

type Program = fn(&Sim) -> Result<(), Exception>;

struct Bug {
    name: &'static str,
    fifo: Fifo,
    schedules: u64,
    choices: usize,
    /// A part of what the failure says.
    says: &'static str,
    wrong: Program,
    mended: Program,
}

/// What the natural order does to a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fifo {
    Hides,
    Shows,
}

macro_rules! bug {
    ($file:ident, $name:literal, $fifo:ident, $schedules:literal, $choices:literal, $says:literal) => {
        Bug {
            name: $name,
            fifo: Fifo::$fifo,
            schedules: $schedules,
            choices: $choices,
            says: $says,
            wrong: $file::program::<false>,
            mended: $file::program::<true>,
        }
    };
}

#[rustfmt::skip]
const BUGS: [Bug; 22] = [
    bug!(lost_update, "lost update", Shows, 1, 0, "a deposit was lost"),
    bug!(lost_wakeup, "lost wake-up", Hides, 2, 1, "deadlock"),
    bug!(check_then_await, "check, then await", Shows, 1, 0, "a seat was sold twice"),
    bug!(cancelled_get, "cancelled `get`", Hides, 5, 1, "the item is lost"),
    bug!(lock_order, "lock order", Hides, 2, 1, "deadlock"),
    bug!(timeout_and_result, "timeout and result", Hides, 2, 1, "the future is done"),
    bug!(forgotten_task_done, "forgotten `task_done`", Hides, 2, 1, "deadlock"),
    bug!(double_release, "double release", Hides, 2, 1, "there is one place"),
    bug!(notify_before_wait, "notify before wait", Hides, 2, 1, "deadlock"),
    bug!(lost_exception, "lost exception", Hides, 2, 1, "the log is closed"),
    bug!(swallowed_cancel, "swallowed cancel", Hides, 3, 1, "this is not the price"),
    bug!(fetched_twice, "fetched twice", Shows, 1, 0, "the value was fetched twice"),
    bug!(changed_list, "changed list", Hides, 2, 1, "bob is still there"),
    bug!(leaked_permit, "leaked permit", Hides, 3, 1, "the slot was not given back"),
    bug!(dead_worker, "dead worker", Hides, 3, 1, "deadlock"),
    bug!(late_producer, "late producer", Hides, 3, 1, "a job was accepted and not done"),
    bug!(aba_flag, "ABA", Hides, 3, 1, "it was not sent on this link"),
    bug!(equal_deadlines, "equal deadlines", Hides, 2, 1, "the gate is shut"),
    bug!(callback_before_task, "callback before task", Hides, 2, 1, "there are no settings"),
    bug!(endless_retry, "endless retry", Shows, 1, 0, "has not ended"),
    bug!(stale_reply, "stale reply", Hides, 2, 1, "the reply to another question"),
    bug!(threads_in_order, "threads in order", Hides, 2, 1, "there is no folder"),
];

/// A program that has not ended after a thousand steps never will.
fn exploring(program: Program) -> Explore<Program> {
    explore(program).steps(1_000)
}

/// Fails with everything that `check` says about the bugs.
#[track_caller]
fn check_each(check: impl Fn(&Bug) -> Result<(), String>) {
    let wrong: Vec<_> = BUGS.iter().filter_map(|bug| Some(format!("{}: {}", bug.name, check(bug).err()?))).collect();
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.join(
            "
"
        )
    );
}

impl Bug {
    fn check_failure(&self, failure: &Failure) -> Result<(), String> {
        let choices = failure.choices().departures();
        if choices > self.choices {
            return Err(format!(
                "{choices} choices
{failure}"
            ));
        }
        if !failure.exception().to_string().contains(self.says) {
            return Err(format!(
                "it should say {:?}
{failure}",
                self.says
            ));
        }
        Ok(())
    }

    fn random_failure(&self) -> Result<Box<Failure>, String> {
        match exploring(self.wrong).random(15).schedules(1_000).try_run() {
            Ok(explored) => Err(format!("not found: {explored:?}")),
            Err(failure) => Ok(failure),
        }
    }
}

#[test]
fn each_bug_is_found_in_few_schedules_and_few_choices() {
    check_each(|bug| match exploring(bug.wrong).try_run() {
        Ok(explored) => Err(format!("not found: {explored:?}")),
        Err(failure) if failure.schedules() > bug.schedules => Err(format!("{} schedules", failure.schedules())),
        Err(failure) => bug.check_failure(&failure),
    });
}

#[test]
fn a_bug_that_is_said_to_be_hidden_passes_in_the_natural_order() {
    check_each(|bug| match exploring(bug.wrong).replay("").try_run() {
        Err(failure) if bug.fifo == Fifo::Hides => Err(failure.to_string()),
        Ok(_) if bug.fifo == Fifo::Shows => Err("passes".into()),
        _ => Ok(()),
    });
}

#[test]
fn each_bug_is_found_among_random_schedules_and_reduced_to_as_few_choices() {
    check_each(|bug| bug.check_failure(&*bug.random_failure()?));
}

#[test]
fn each_failure_happens_again_when_it_is_replayed() {
    check_each(|bug| {
        let failure = bug.random_failure()?;
        match exploring(bug.wrong).replay(&failure.choices().to_string()).try_run() {
            Ok(_) => Err(format!(
                "it passes
{failure}"
            )),
            Err(again) if again.story() != failure.story() => Err(format!(
                "another story
{failure}{again}"
            )),
            Err(again) => bug.check_failure(&again),
        }
    });
}

#[test]
fn no_schedule_of_a_mended_program_fails() {
    check_each(|bug| match exploring(bug.mended).try_run() {
        Ok(explored) if explored.is_complete() => Ok(()),
        Ok(explored) => Err(format!("{explored:?}")),
        Err(failure) => Err(failure.to_string()),
    });
}

#[test]
fn the_table_above_lists_each_bug() {
    let head = include_str!("mod.rs");
    for Bug { name, fifo, schedules, choices, .. } in BUGS {
        let fifo = if fifo == Fifo::Hides { "hides it" } else { "shows it" };
        let end = format!(" | {fifo} | {schedules} | {choices} |");
        let row = head.lines().find(|line| line.starts_with(&format!("//! | {name} | ")));
        assert!(row.is_some_and(|row| row.ends_with(&end)), "{name}: {row:?} should end with {end:?}");
    }
}
