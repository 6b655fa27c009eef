//! [`Coverage`]: what a machine declares against what it was seen to do.

use core::fmt;

use super::model::{Comparison, Model, Spot, Standing};
use super::node::{Transition, children};

/// The transition coverage of a machine: which of its declared transitions were seen, and which others were seen.
///
/// Created by [`Graph::coverage`](super::Graph::coverage). `Display` is a report:
///
/// ```text
/// Echo: 3 of 4 declared transitions were seen
///   seen, but not declared:
///     Reading --> Closing (2 times)
///   declared, but never seen:
///     Reading --> end
/// ```
///
/// Some transitions may be seen without a declaration. A machine may stay in a state, and it may end by an exception in any
/// state. If no start is declared, it may start in any state. The children of a state are compared if their graph was
/// declared by [`Graph::nested`](super::Graph::nested).
#[derive(Clone, Debug)]
pub struct Coverage {
    name: String,
    declared: usize,
    unseen: Vec<Transition>,
    undeclared: Vec<Transition>,
    /// For each of those, a way of declared transitions that leads to the same state.
    ways: Vec<Option<String>>,
}

impl Coverage {
    pub(super) fn of(model: &Model) -> Self {
        let mut coverage = Self {
            name: model.name.clone(),
            declared: 0,
            unseen: Vec::new(),
            undeclared: Vec::new(),
            ways: Vec::new(),
        };
        coverage.compare(model, &[]);
        coverage
    }

    fn compare(&mut self, model: &Model, within: &[(String, String)]) {
        let comparison = Comparison::new(model);
        for edge in &model.edges {
            self.declared += usize::from(edge.is_declared);
            let transition = || Transition::of(model, edge, within);
            match comparison.standing(edge) {
                // The end of a child is not seen: only that its parent has gone on.
                Standing::Undeclared if !within.is_empty() && edge.to == Spot::End => {}
                Standing::Undeclared => {
                    self.undeclared.push(transition());
                    self.ways.push(way(model, edge.from, edge.to));
                }
                Standing::Unseen => self.unseen.push(transition()),
                Standing::Fine if edge.is_declared && !comparison.has_seen => self.unseen.push(transition()),
                Standing::Fine => {}
            }
        }
        for (child, within) in children(model, within) {
            self.compare(child, &within);
        }
    }

    /// Returns the number of declared transitions.
    pub const fn declared(&self) -> usize {
        self.declared
    }

    /// Returns the number of declared transitions that were seen.
    pub const fn seen(&self) -> usize {
        self.declared - self.unseen.len()
    }

    /// Returns the transitions that were declared and never seen.
    pub fn unseen(&self) -> impl Iterator<Item = &Transition> {
        self.unseen.iter()
    }

    /// Returns the transitions that were seen and not declared.
    pub fn undeclared(&self) -> impl Iterator<Item = &Transition> {
        self.undeclared.iter()
    }

    /// Checks that every transition that was seen is declared.
    ///
    /// # Panics
    ///
    /// Panics with the report if one is not, or if nothing was declared at all.
    #[track_caller]
    pub fn assert_declared(&self) {
        assert!(self.declared > 0, "{}: no transition is declared that could be compared with those seen", self.name);
        assert!(self.undeclared.is_empty(), "{self}");
    }

    /// Checks that every transition that was seen is declared, and that every declared transition was seen.
    ///
    /// # Panics
    ///
    /// Panics with the report if one is not.
    #[track_caller]
    pub fn assert_complete(&self) {
        self.assert_declared();
        assert!(self.unseen.is_empty(), "{self}");
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {} declared transitions were seen", self.name, self.seen(), self.declared)?;
        if !self.undeclared.is_empty() {
            write!(f, "\n  seen, but not declared:")?;
        }
        for (transition, way) in self.undeclared.iter().zip(&self.ways) {
            let times = if transition.seen == 1 { "once".to_owned() } else { format!("{} times", transition.seen) };
            write!(f, "\n    {transition} ({times})")?;
            if let Some(way) = way {
                write!(f, "; declared is {way}, which one resume may run through")?;
            }
        }
        if !self.unseen.is_empty() {
            write!(f, "\n  declared, but never seen:")?;
        }
        self.unseen.iter().try_for_each(|transition| write!(f, "\n    {transition}"))
    }
}

/// The shortest way of declared transitions from one state to another.
fn way(model: &Model, from: Spot, to: Spot) -> Option<String> {
    let mut reached = vec![(from, 0)];
    let mut next = 0;
    while let Some((at, _)) = reached.get(next).copied() {
        for edge in model.edges.iter().filter(|edge| edge.is_declared && edge.from == at) {
            if reached.iter().all(|(spot, _)| *spot != edge.to) {
                reached.push((edge.to, next));
            }
        }
        next += 1;
    }
    let mut at = reached.iter().position(|(spot, _)| *spot == to)?;
    let mut names = vec![model.name_of(reached[at].0)];
    while at != 0 {
        at = reached[at].1;
        names.push(model.name_of(reached[at].0));
    }
    names.reverse();
    Some(names.join(" --> "))
}
