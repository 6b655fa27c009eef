//! `Paths`: the states that each task went through, as one line and as a graph.

use core::fmt;
use std::collections::BTreeMap;

use super::super::super::graph::{Frame, Graph, TransitionKind};
use super::states;
use crate::task::AnyTask;

/// The paths of all tasks, by their number.
#[derive(Default)]
pub(super) struct Paths(BTreeMap<u64, Path>);

/// The states of one task.
pub(in super::super) struct Path {
    pub(in super::super) task: String,
    pub(in super::super) graph: Graph,
    /// The states in which it was suspended, each with how often one after the other.
    states: Vec<(String, usize)>,
    /// How it ended.
    end: Option<TransitionKind>,
}

impl Paths {
    pub(super) fn of(&mut self, task: &AnyTask) -> &mut Path {
        self.0.entry(task.number()).or_insert_with(|| Path {
            task: task.name(),
            graph: Graph::default(),
            states: Vec::new(),
            end: None,
        })
    }

    pub(super) fn into_vec(self) -> Vec<Path> {
        self.0.into_values().collect()
    }
}

impl Path {
    pub(super) fn go(&mut self, before: &[Frame], is_first: bool, cause: TransitionKind, after: &[Frame]) {
        self.graph.note_step(before, is_first, cause, Ok(after));
        if is_first && !before.is_empty() && before.first() != after.first() {
            self.add(states(&before[..1]));
        }
        self.add(states(after));
    }

    pub(super) fn end(&mut self, before: &[Frame], is_first: bool, kind: TransitionKind) {
        if self.end.is_some() {
            return;
        }
        self.graph.note_step(before, is_first, kind, Err(kind));
        if is_first {
            self.add(states(before));
        }
        self.end = Some(kind);
    }

    fn add(&mut self, state: String) {
        match self.states.last_mut() {
            Some((last, count)) if *last == state => *count += 1,
            _ => self.states.push((state, 1)),
        }
    }
}

/// Of a long path, the middle is left out.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        let count = self.states.len();
        for (position, (state, times)) in self.states.iter().enumerate() {
            if count > 2 * SHOWN && (SHOWN..count - SHOWN).contains(&position) {
                if position == SHOWN {
                    write!(f, " -> ... {} more ...", count - 2 * SHOWN)?;
                }
                continue;
            }
            f.write_str(if position > 0 { " -> " } else { "" })?;
            f.write_str(state)?;
            if *times > 1 {
                write!(f, " (x{times})")?;
            }
        }
        match self.end {
            None => Ok(()),
            Some(kind) if kind.is_regular() => f.write_str(" -> end"),
            Some(kind) => write!(f, " -> end ({kind})"),
        }
    }
}
