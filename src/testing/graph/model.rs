//! [`Model`]: the states and transitions of a machine, declared, seen or both, and those of its children.
//!
//! States and transitions keep the order in which they were declared or first seen, so that drawings are deterministic.

use core::fmt;
use std::collections::HashSet;

use super::name::Frame;

/// The states of one machine.
#[derive(Clone, Default)]
pub(super) struct Model {
    /// The machine's name, without the path and the parameters of its type.
    pub(super) name: String,
    pub(super) states: Vec<Vertex>,
    pub(super) edges: Vec<Edge>,
}

/// A state, and the machines that it has waited for.
#[derive(Clone)]
pub(super) struct Vertex {
    pub(super) name: String,
    pub(super) children: Vec<Model>,
}

/// A transition.
#[derive(Clone)]
pub(super) struct Edge {
    pub(super) from: Spot,
    pub(super) to: Spot,
    pub(super) kind: TransitionKind,
    pub(super) is_declared: bool,
    /// How often it was seen.
    pub(super) seen: u64,
    /// A text for readers of the drawing.
    pub(super) label: String,
}

/// An end of a transition. States are given by their index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Spot {
    Start,
    /// Any state: where hooks lead from.
    Any,
    State(usize),
    End,
}

/// What made a machine go from one state to another, or end.
///
/// All kinds but [`Normal`](Self::Normal) and [`Stayed`](Self::Stayed) are drawn dashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TransitionKind {
    /// The machine went on by itself, or returned.
    Normal,
    /// The machine was resumed, and was suspended again in the same state.
    Stayed,
    /// The machine raised an exception of its own, or its hook `raised` handled one.
    Raised,
    /// An exception was thrown in.
    Thrown,
    /// The machine was cancelled.
    Cancelled,
    /// The machine was closed.
    Closed,
}

impl TransitionKind {
    /// Whether no exception is involved.
    pub(in super::super) const fn is_regular(self) -> bool {
        matches!(self, Self::Normal | Self::Stayed)
    }
}

impl fmt::Display for TransitionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::Stayed => "stayed",
            Self::Raised => "raised",
            Self::Thrown => "thrown",
            Self::Cancelled => "cancelled",
            Self::Closed => "closed",
        })
    }
}

/// How what was declared of a transition compares with what was seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    /// There is nothing to compare, or both agree.
    Fine,
    /// Seen, but not declared.
    Undeclared,
    /// Declared, but never seen.
    Unseen,
}

/// What happened in one resume.
pub(super) struct Resumption {
    /// Where the machine was.
    pub(super) before: Vec<Frame>,
    /// Whether it was resumed for the first time.
    pub(super) is_first: bool,
    /// The states that it entered, if it tells: all of them, in order.
    pub(super) entered: Option<Vec<(String, TransitionKind)>>,
    /// What it was resumed by.
    pub(super) cause: TransitionKind,
    pub(super) after: Landing,
}

/// Where a resume has led.
pub(super) enum Landing {
    At(Vec<Frame>),
    End(TransitionKind),
}

impl Model {
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The index of a state, which is added if it is new.
    pub(super) fn state(&mut self, name: &str) -> usize {
        self.find(name).unwrap_or_else(|| {
            self.states.push(Vertex { name: name.to_owned(), children: Vec::new() });
            self.states.len() - 1
        })
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.states.iter().position(|state| state.name == name)
    }

    /// The edge, which is added if it is new.
    pub(super) fn edge(&mut self, from: Spot, to: Spot, kind: TransitionKind) -> &mut Edge {
        let is_same = |edge: &Edge| (edge.from, edge.to, edge.kind) == (from, to, kind);
        let at = self.edges.iter().position(is_same).unwrap_or_else(|| {
            self.edges.push(Edge { from, to, kind, is_declared: false, seen: 0, label: String::new() });
            self.edges.len() - 1
        });
        &mut self.edges[at]
    }

    pub(super) fn declare(&mut self, from: Spot, to: Spot, kind: TransitionKind) {
        self.edge(from, to, kind).is_declared = true;
    }

    fn see(&mut self, from: Spot, to: Spot, kind: TransitionKind) {
        let edge = self.edge(from, to, kind);
        edge.seen = edge.seen.saturating_add(1);
    }

    pub(super) fn is_seen(&self) -> bool {
        self.edges.iter().any(|edge| edge.seen > 0)
    }

    /// Notes a resume of the machine.
    pub(super) fn note(&mut self, resumption: Resumption) {
        let Resumption { before, is_first, entered, cause, after } = resumption;
        let Some((frame, below)) = before.split_first() else { return };
        if self.name.is_empty() {
            self.name.clone_from(&frame.machine);
        }
        let from = self.state(&frame.state);
        if is_first {
            self.see(Spot::Start, Spot::State(from), TransitionKind::Normal);
            self.states[from].enter(below);
        }
        let staying = if entered.is_some() { TransitionKind::Stayed } else { TransitionKind::Normal };
        let entered = entered.unwrap_or_default();
        if let Landing::At(after) = &after
            && entered.is_empty()
            && let Some((now, below_now)) = after.split_first()
            && now.state == frame.state
        {
            if !self.states[from].go(below, below_now, cause) {
                self.see(Spot::State(from), Spot::State(from), staying);
            }
            return;
        }
        let first = match (entered.first(), &after) {
            (Some((_, first)), _) => *first,
            (None, Landing::End(kind)) => *kind,
            (None, Landing::At(_)) => cause,
        };
        self.states[from].leave(below, first);
        let mut here = from;
        for (name, kind) in &entered {
            let next = self.state(name);
            self.see(Spot::State(here), Spot::State(next), *kind);
            here = next;
        }
        match after {
            Landing::End(kind) => self.see(Spot::State(here), Spot::End, kind),
            Landing::At(after) => {
                let Some((now, below_now)) = after.split_first() else { return };
                if self.states[here].name != now.state {
                    let next = self.state(&now.state);
                    let kind = if entered.is_empty() { cause } else { TransitionKind::Normal };
                    self.see(Spot::State(here), Spot::State(next), kind);
                    here = next;
                }
                self.states[here].enter(below_now);
            }
        }
    }

    /// Adds what is known of another graph.
    pub(super) fn add(&mut self, other: &Self) {
        if self.name.is_empty() {
            self.name.clone_from(&other.name);
        }
        let states: Vec<_> = other.states.iter().map(|state| self.state(&state.name)).collect();
        for (theirs, ours) in other.states.iter().zip(&states) {
            for child in &theirs.children {
                self.states[*ours].child(&child.name).add(child);
            }
        }
        let here = |spot| match spot {
            Spot::State(at) => Spot::State(states[at]),
            spot => spot,
        };
        for edge in &other.edges {
            let own = self.edge(here(edge.from), here(edge.to), edge.kind);
            own.is_declared |= edge.is_declared;
            own.seen = own.seen.saturating_add(edge.seen);
            if own.label.is_empty() {
                own.label.clone_from(&edge.label);
            }
        }
    }

    /// Declares all that was seen, and forgets how often.
    pub(super) fn settle(&mut self) {
        for edge in &mut self.edges {
            (edge.is_declared, edge.seen) = (true, 0);
        }
        for child in self.states.iter_mut().flat_map(|state| &mut state.children) {
            child.settle();
        }
    }

    /// Returns the name of an end of a transition, for people.
    pub(super) fn name_of(&self, spot: Spot) -> &str {
        match spot {
            Spot::Start => "start",
            Spot::Any => "any state",
            Spot::State(at) => &self.states[at].name,
            Spot::End => "end",
        }
    }
}

/// What the edges of a model declare, and what was seen of them. It is gathered once, so that comparing all edges does
/// not take the square of their number.
pub(super) struct Comparison<'m> {
    model: &'m Model,
    /// The ends of the edges that are declared.
    declared: HashSet<(Spot, Spot)>,
    /// Whether a declaration says where the machine starts.
    declares_start: bool,
    pub(super) has_seen: bool,
    /// The ends of the edges that were seen, without those by which the machine stayed.
    seen: HashSet<(Spot, Spot)>,
}

impl<'m> Comparison<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let ends = |edge: &Edge| (edge.from, edge.to);
        let went = |edge: &&Edge| edge.seen > 0 && edge.kind != TransitionKind::Stayed;
        let declared: HashSet<_> = model.edges.iter().filter(|edge| edge.is_declared).map(ends).collect();
        Self {
            model,
            declares_start: declared.iter().any(|(from, _)| *from == Spot::Start),
            declared,
            has_seen: model.is_seen(),
            seen: model.edges.iter().filter(went).map(ends).collect(),
        }
    }

    /// Compares what was declared of an edge with what was seen. A graph that was only declared, or only seen, has
    /// nothing to compare.
    pub(super) fn standing(&self, edge: &Edge) -> Standing {
        match (edge.is_declared, edge.seen > 0) {
            (false, true) if !self.declared.is_empty() && !self.is_permitted(edge) => Standing::Undeclared,
            (true, false) if self.has_seen && !self.is_covered(edge) => Standing::Unseen,
            _ => Standing::Fine,
        }
    }

    /// Returns `true` if the transition may be seen although it is not declared.
    fn is_permitted(&self, edge: &Edge) -> bool {
        // Staying needs no declaration, and any state may raise.
        let is_free = edge.from == edge.to || edge.to == Spot::End && !edge.kind.is_regular();
        is_free
            || edge.from == Spot::Start && !self.declares_start
            || [edge.from, Spot::Any].iter().any(|from| self.declared.contains(&(*from, edge.to)))
    }

    /// Whether a transition that is declared was seen as one of another kind.
    fn is_covered(&self, edge: &Edge) -> bool {
        if edge.from != Spot::Any {
            return edge.from != Spot::Start && self.seen.contains(&(edge.from, edge.to));
        }
        let is_from_any = |seen: &Edge| match seen.kind.is_regular() {
            true => !self.declared.contains(&(seen.from, seen.to)),
            false => edge.kind == TransitionKind::Raised || seen.kind != TransitionKind::Raised,
        };
        let mut edges = self.model.edges.iter();
        edges.any(|seen| seen.seen > 0 && seen.to == edge.to && seen.from != Spot::Start && is_from_any(seen))
    }
}

impl Vertex {
    /// The states of a child machine.
    pub(super) fn child(&mut self, machine: &str) -> &mut Model {
        let at = self.children.iter().position(|child| child.name == machine).unwrap_or_else(|| {
            self.children.push(Model::named(machine));
            self.children.len() - 1
        });
        &mut self.children[at]
    }

    /// Notes that these children were begun.
    fn enter(&mut self, frames: &[Frame]) {
        let Some((frame, below)) = frames.split_first() else { return };
        let child = self.child(&frame.machine);
        let to = child.state(&frame.state);
        child.see(Spot::Start, Spot::State(to), TransitionKind::Normal);
        child.states[to].enter(below);
    }

    /// Notes that these children have ended.
    fn leave(&mut self, frames: &[Frame], kind: TransitionKind) {
        let Some((frame, below)) = frames.split_first() else { return };
        let child = self.child(&frame.machine);
        let from = child.state(&frame.state);
        child.states[from].leave(below, kind);
        child.see(Spot::State(from), Spot::End, kind);
    }

    /// Notes where the children went. Returns `false` if there were none.
    fn go(&mut self, before: &[Frame], after: &[Frame], cause: TransitionKind) -> bool {
        match (before.split_first(), after.split_first()) {
            (None, None) => return false,
            (Some((frame, below)), Some((now, below_now))) if frame.machine == now.machine => {
                let child = self.child(&frame.machine);
                let from = child.state(&frame.state);
                if frame.state == now.state {
                    if !child.states[from].go(below, below_now, cause) {
                        child.see(Spot::State(from), Spot::State(from), TransitionKind::Normal);
                    }
                } else {
                    child.states[from].leave(below, cause);
                    let to = child.state(&now.state);
                    child.see(Spot::State(from), Spot::State(to), cause);
                    child.states[to].enter(below_now);
                }
            }
            _ => {
                self.leave(before, cause);
                self.enter(after);
            }
        }
        true
    }
}
