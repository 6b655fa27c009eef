//! `Story`: what happens in a run, for people.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`     | [`Story`]: is told what happens, and writes it down |
//! | `names.rs`   | the names of callbacks |
//! | `objects.rs` | the names of what tasks wait for |
//! | `paths.rs`   | the states that each task went through |
//! | `told.rs`    | [`Told`]: the finished story |

use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::super::case::Interruption;
use super::super::decisions::Direction;
use super::super::graph::{Frame, TransitionKind, frames};
use super::counted;
use crate::coroutine::Exception;
use crate::task::{AnyTask, Run, Wanted};

mod names;
mod objects;
mod paths;
mod told;

use self::objects::Objects;
use self::paths::Paths;
use self::told::Line;
pub(super) use self::told::Told;

/// A run, as it is being told.
#[derive(Default)]
pub(super) struct Story {
    lines: Vec<Line>,
    turn: u32,
    steps: u32,
    /// The host whose turn it is, if there are several.
    host: String,
    time: Duration,
    /// The number of choices that were made.
    pub(super) choices: usize,
    /// Whether the heading of this turn was written.
    has_heading: bool,
    step: Step,
    /// Who has queued each entry of the ready queue, by its address.
    queued: HashMap<*const (), String>,
    /// The number of entries in the ready queue whose origin is known.
    known: usize,
    objects: Objects,
    paths: Paths,
}

/// A step that has begun.
#[derive(Default)]
struct Step {
    who: String,
    /// What would have run in the natural order.
    instead_of: Option<String>,
    queued_by: Option<String>,
    thrown: Option<Exception>,
    before: Vec<Frame>,
    is_first: bool,
    /// Whether a fault has ended the task before the step.
    is_over: bool,
    cause: Option<TransitionKind>,
}

/// What stops a loop when the future that it runs for is done.
const END_OF_RUN: &str = "the end of run_until_complete";

impl Story {
    pub(super) fn chosen(&mut self, taken: usize, waiting: &[Rc<dyn Run>]) {
        self.step.instead_of = (taken > 0).then(|| name(&waiting[0]));
    }

    pub(super) fn begins(&mut self, next: &Rc<dyn Run>, task: Option<&AnyTask>, time: Duration) {
        self.time = time;
        let queued_by = self.queued.remove(&address(next));
        let step = &mut self.step;
        step.who = name(next);
        step.queued_by = queued_by.filter(|by| *by != step.who);
        let Some(task) = task else { return };
        step.before = frames_of(task);
        step.is_first = !task.has_waited();
        step.is_over = task.done();
        step.thrown = task.thrown();
        step.cause = Some(cause(task, step.thrown.as_ref()));
    }

    /// A step has ended, and `ready` has the addresses of what is in the ready queue now. `stops` says whether it has stopped
    /// the loop.
    pub(super) fn ends(&mut self, task: Option<&AnyTask>, ready: &[*const ()], stops: bool) {
        let mut step = core::mem::take(&mut self.step);
        if stops && step.who == names::NOTICE {
            END_OF_RUN.clone_into(&mut step.who);
        }
        self.know(ready, &step.who);
        self.steps += 1;
        let mark = if step.instead_of.is_some() { '*' } else { ' ' };
        let mut text = format!("{mark}{:>4} {}", self.steps, step.who);
        if let Some(other) = &step.instead_of {
            text += &format!(" instead of {other}");
        }
        let mut more = String::new();
        if let Some(task) = task {
            text += &format!(": {}", self.what(task, &step, &mut more));
        }
        let mut notes = Vec::new();
        notes.extend(step.thrown.map(|thrown| format!("{:?} was thrown in", thrown.kind())));
        let verb = if task.is_some() { "woken" } else { "queued" };
        notes.extend(step.queued_by.map(|by| format!("{verb} by {by}")));
        if !notes.is_empty() {
            text += &format!(" ({})", notes.join(", "));
        }
        self.line(text, more);
    }

    /// Where a step has led its task: `Reading -> Writing, waits for Lock#1`. The text of an exception goes to `more`.
    fn what(&mut self, task: &AnyTask, step: &Step, more: &mut String) -> String {
        if step.is_over {
            return "has ended before".into();
        }
        let cause = step.cause.unwrap_or(TransitionKind::Normal);
        let after = if task.done() { Vec::new() } else { frames_of(task) };
        let path = self.paths.of(task);
        let from = if step.is_first { String::from("start") } else { states(&step.before) };
        if !task.done() {
            path.go(&step.before, step.is_first, cause, &after);
            let to = states(&after);
            let change = if from == to { to } else { format!("{from} -> {to}") };
            let wait = task.wanted().map(|wanted| format!(", waits {}", self.waits(&wanted, &after)));
            return change + &wait.unwrap_or_default();
        }
        let raised = if task.cancelled() { None } else { task.failure() };
        let end = match (&raised, task.cancelled()) {
            (_, true) => TransitionKind::Cancelled,
            (Some(_), _) if cause.is_regular() => TransitionKind::Raised,
            _ => cause,
        };
        path.end(&step.before, step.is_first, end);
        *more = raised.as_ref().map(|raised| format!("; {raised}")).unwrap_or_default();
        let how = match raised {
            _ if task.cancelled() => " (cancelled)".into(),
            Some(raised) => format!(" (raised {:?})", raised.kind()),
            None => String::new(),
        };
        format!("{from} -> end{how}")
    }

    fn waits(&mut self, wanted: &Wanted, frames: &[Frame]) -> String {
        match frames.last() {
            Some(frame) if frame.machine == "sleep" && wanted.object.is_some() => "for its timer".into(),
            _ => self.objects.describe(wanted),
        }
    }

    pub(super) fn interrupted(&mut self, task: &AnyTask, interruption: Interruption, moment: &str, time: Duration) {
        self.time = time;
        let before = frames_of(task);
        let how = match interruption {
            Interruption::Cancel => "is cancelled",
            Interruption::Throw => "gets an exception thrown in",
            Interruption::Close => "is closed",
        };
        let text = format!("!     {} {how} {moment}, in {}", task.name(), states(&before));
        self.note(text);
        if interruption == Interruption::Close {
            self.paths.of(task).end(&before, !task.has_waited(), TransitionKind::Closed);
        }
    }

    /// What a fault has queued is known as its work.
    pub(super) fn was_interrupted(&mut self, ready: &[*const ()]) {
        self.know(ready, "the fault");
    }

    pub(super) fn jumped(&mut self, jump: Duration, time: Duration) {
        self.note(format!("!     the clock jumps by {jump:?}, to {time:?}"));
    }

    /// With several hosts, each has its own turns.
    pub(super) fn enter_host(&mut self, host: &str) {
        if self.host != host {
            host.clone_into(&mut self.host);
            self.has_heading = false;
        }
    }

    pub(super) fn refused(&mut self, error: i32) {
        let text = format!("!     no descriptor: {}", io::Error::from_raw_os_error(error));
        self.note(text);
    }

    /// An operation moves fewer bytes than it could.
    pub(super) fn moved(&mut self, direction: Direction, count: usize, possible: usize) {
        let done = match direction {
            Direction::Read => "read",
            Direction::Write => "written",
        };
        let count = if count == 0 { String::from("none") } else { count.to_string() };
        self.note(format!("!     {count} of {} can be {done} now", counted(possible, "byte", "bytes")));
    }

    pub(super) fn lost(&mut self) {
        self.note(String::from("!     the network loses a packet"));
    }

    /// The program, or something that stands for its surroundings, was given another alternative than the natural one.
    pub(super) fn decided(&mut self, taken: usize, of: usize) {
        let text = format!("*     a choice of the program: {taken} of 0 to {}", of - 1);
        self.note(text);
    }

    pub(super) fn turn_is_over(&mut self) {
        self.has_heading = false;
        self.known = 0;
    }

    /// The run has made another choice than its list says, and these are the alternatives.
    pub(super) fn parted(&mut self, at: u32, waiting: &[Rc<dyn Run>]) {
        let names: Vec<_> = waiting.iter().map(name).collect();
        self.note(format!("?     choice {at} is another one now: {}", names.join(", ")));
    }

    pub(super) fn finish(self) -> Told {
        Told::new(self.lines, self.paths)
    }

    /// Notes who has queued the new entries of the ready queue.
    fn know(&mut self, ready: &[*const ()], by: &str) {
        for entry in ready.iter().skip(self.known) {
            self.queued.insert(*entry, by.to_owned());
        }
        self.known = ready.len();
    }

    /// Adds something that is no step.
    fn note(&mut self, text: String) {
        self.line(text, String::new());
    }

    fn line(&mut self, text: String, more: String) {
        let choices = self.choices;
        if !self.has_heading {
            self.has_heading = true;
            // Turns in which nothing runs do not count: a wake-up from another thread may come in one of its own.
            self.turn += 1;
            let on = if self.host.is_empty() { String::new() } else { format!(" on {}", self.host) };
            let text = format!("turn {}{on}, at {:?}:", self.turn, self.time);
            self.lines.push(Line { text, more: String::new(), is_step: false, choices });
        }
        self.lines.push(Line { text, more, is_step: true, choices });
    }
}

/// The identity of an entry of the ready queue, as long as it is there.
pub(super) fn address(entry: &Rc<dyn Run>) -> *const () {
    Rc::as_ptr(entry).cast()
}

/// Whom an entry of the ready queue stands for.
pub(super) fn name(entry: &Rc<dyn Run>) -> String {
    AnyTask::stepped_by(entry).map_or_else(|| names::of_callback(entry.label()), |task| task.name())
}

/// What the next step of a task is caused by.
fn cause(task: &AnyTask, thrown: Option<&Exception>) -> TransitionKind {
    if let Some(thrown) = thrown {
        return match thrown {
            exit if exit.is_generator_exit() => TransitionKind::Closed,
            cancelled if cancelled.is_cancelled() => TransitionKind::Cancelled,
            _ => TransitionKind::Thrown,
        };
    }
    match task.wanted() {
        Some(wanted) if wanted.raises() && wanted.text.ends_with("failed)") => TransitionKind::Thrown,
        Some(wanted) if wanted.raises() && wanted.text.ends_with("cancelled)") => TransitionKind::Cancelled,
        _ => TransitionKind::Normal,
    }
}

/// The machine of a task and its children, outermost first.
fn frames_of(task: &AnyTask) -> Vec<Frame> {
    let mut groups = Vec::new();
    // `Debug` of the program may panic. What was shown until then is shown.
    let _shown = catch_unwind(AssertUnwindSafe(|| task.show_states(&mut |state| groups.push(frames(state)))));
    let all = groups.into_iter().rev().flatten();
    // The machine called shows what a `Call` stands for.
    all.filter(|frame| frame.machine != "Call").collect()
}

/// The states of a machine and its children, as diagrams name them. Of many children, some are left out.
fn states(frames: &[Frame]) -> String {
    const SHOWN: usize = 3;
    let names: Vec<_> = frames.iter().map(|frame| &*frame.state).collect();
    match names.len() {
        0 => String::from("?"),
        count if count > 2 * SHOWN => {
            let (first, last) = (&names[..SHOWN], &names[count - SHOWN..]);
            format!("{} > ... > {}", first.join(" > "), last.join(" > "))
        }
        _ => names.join(" > "),
    }
}
