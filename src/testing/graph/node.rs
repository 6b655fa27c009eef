//! [`Node`] and [`Transition`]: what a program can read from a graph.

use core::fmt;

use super::model::{Edge, Model, Spot, TransitionKind};

/// One end of a transition: a state, or a node that is no state. A string is the name of a state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Node {
    /// Where a machine starts.
    Start,
    /// Any state: where the hooks `thrown` and `raised` lead from.
    Any,
    /// A state, by its name.
    State(String),
    /// The end of the machine: it has returned, raised, or been closed.
    End,
}

impl Node {
    /// Returns the place of the node. Adds a state that is new.
    pub(super) fn added_to(&self, model: &mut Model) -> Spot {
        match self {
            Self::State(name) => Spot::State(model.state(name)),
            other => other.found_in(model).expect("it is no state"),
        }
    }

    pub(super) fn found_in(&self, model: &Model) -> Option<Spot> {
        match self {
            Self::Start => Some(Spot::Start),
            Self::Any => Some(Spot::Any),
            Self::State(name) => model.find(name).map(Spot::State),
            Self::End => Some(Spot::End),
        }
    }

    fn of(model: &Model, spot: Spot) -> Self {
        match spot {
            Spot::Start => Self::Start,
            Spot::Any => Self::Any,
            Spot::State(at) => Self::State(model.states[at].name.clone()),
            Spot::End => Self::End,
        }
    }
}

impl From<&str> for Node {
    fn from(name: &str) -> Self {
        Self::State(name.to_owned())
    }
}

impl From<String> for Node {
    fn from(name: String) -> Self {
        Self::State(name)
    }
}

impl From<&String> for Node {
    fn from(name: &String) -> Self {
        Self::State(name.clone())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Any => "any state",
            Self::State(name) => name,
            Self::End => "end",
        })
    }
}

/// A transition of a [`Graph`](super::Graph), and what the graph knows about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The states that contain it, outermost first, each with the child machine whose transition it is. Empty for the
    /// machine's own.
    pub within: Vec<(String, String)>,
    /// Where it leads from.
    pub from: Node,
    /// Where it leads to.
    pub to: Node,
    /// What causes it.
    pub kind: TransitionKind,
    /// Whether it was declared.
    pub is_declared: bool,
    /// How often it was seen.
    pub seen: u64,
}

impl Transition {
    pub(super) fn of(model: &Model, edge: &Edge, within: &[(String, String)]) -> Self {
        Self {
            within: within.to_vec(),
            from: Node::of(model, edge.from),
            to: Node::of(model, edge.to),
            kind: edge.kind,
            is_declared: edge.is_declared,
            seen: edge.seen,
        }
    }
}

/// Prints the transition without its count: `Reading > Login: Waiting --> end (cancelled)`.
impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (state, machine) in &self.within {
            write!(f, "{state} > {machine}: ")?;
        }
        write!(f, "{} --> {}", self.from, self.to)?;
        match self.kind.is_regular() {
            true => Ok(()),
            false => write!(f, " ({})", self.kind),
        }
    }
}

/// Appends the transitions of a machine, and then those of its children.
pub(super) fn collect(model: &Model, within: &[(String, String)], into: &mut Vec<Transition>) {
    into.extend(model.edges.iter().map(|edge| Transition::of(model, edge, within)));
    for (child, within) in children(model, within) {
        collect(child, &within, into);
    }
}

/// The children of all states, each with where it is.
pub(super) fn children<'m>(
    model: &'m Model,
    within: &[(String, String)],
) -> impl Iterator<Item = (&'m Model, Vec<(String, String)>)> {
    model.states.iter().flat_map(move |state| {
        state.children.iter().map(move |child| {
            let mut path = within.to_vec();
            path.push((state.name.clone(), child.name.clone()));
            (child, path)
        })
    })
}
