//! `Story`: what happened in a run, for people.

use core::fmt::Write as _;
use core::time::Duration;
use std::rc::Rc;

use super::super::case::Interruption;
use crate::task::{AnyTask, Run};

/// A run, as lines of text.
#[derive(Debug, Default)]
pub(super) struct Story {
    lines: String,
    turn: u32,
    time: Duration,
    /// Whether the heading of this turn was written.
    has_heading: bool,
    /// Whether the next step was not the natural one, and before whom it runs.
    instead_of: Option<String>,
    who: String,
    before: String,
}

impl Story {
    pub(super) fn chosen(&mut self, taken: usize, waiting: &[Rc<dyn Run>]) {
        self.instead_of = (taken > 0).then(|| name(&waiting[0]));
    }

    pub(super) fn begins(&mut self, next: &Rc<dyn Run>, task: Option<&AnyTask>) {
        self.who = name(next);
        self.before = task.map(state).unwrap_or_default();
    }

    pub(super) fn ends(&mut self, task: Option<&AnyTask>) {
        let before = core::mem::take(&mut self.before);
        let who = core::mem::take(&mut self.who);
        let instead = self.instead_of.take().map(|other| format!(", before {other}")).unwrap_or_default();
        let mark = if instead.is_empty() { ' ' } else { '*' };
        let what = task.map(|task| format!(": {before} -> {}", state(task))).unwrap_or_default();
        self.line(&format!("{mark} {who}{instead}{what}"));
    }

    pub(super) fn interrupted(&mut self, task: &AnyTask, interruption: Interruption, moment: &str) {
        self.line(&format!("! {}: {interruption:?} {moment}, {}", task.name(), state(task)));
    }

    pub(super) fn jumped(&mut self, jump: Duration) {
        self.line(&format!("! the clock jumps by {jump:?}"));
    }

    pub(super) fn turn_is_over(&mut self, time: Duration) {
        self.turn += 1;
        self.time = time;
        self.has_heading = false;
    }

    fn line(&mut self, line: &str) {
        if !self.has_heading {
            self.has_heading = true;
            let _ = writeln!(self.lines, "turn {}, {:?}:", self.turn, self.time);
        }
        let _ = writeln!(self.lines, "  {line}");
    }

    pub(super) fn into_text(self) -> String {
        self.lines
    }
}

fn name(entry: &Rc<dyn Run>) -> String {
    match AnyTask::stepped_by(entry) {
        Some(task) => task.name(),
        None => format!("callback {}", entry.label()),
    }
}

/// The frames of a task, and what it waits for.
fn state(task: &AnyTask) -> String {
    if task.done() {
        return if task.cancelled() { "cancelled" } else { "ended" }.into();
    }
    let trace = task.stack_trace();
    let frames = trace.frames().join(" > ");
    match trace.yielded() {
        Some(wanted) => format!("{frames}, waits for {wanted}"),
        None => frames,
    }
}
