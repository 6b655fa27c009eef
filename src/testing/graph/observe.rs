//! [`observe`]: a machine that records its transitions in a graph.

use core::fmt;

use super::Graph;
use super::model::{Landing, Resumption, TransitionKind};
use super::name::frames;
use crate::coroutine::{Coroutine, Entrance, Exception, Resumed, State, Step, Watch};

/// Runs `machine`, and records its transitions in `graph`.
///
/// The machine may be any coroutine, and its driver notices no difference: what it yields, returns, raises and delegates
/// to, and its [`state`](Coroutine::state), stay the same. Several machines may share a graph, one after another or at
/// the same time.
///
/// A state is named by the `Debug` form of the state that the machine shows, up to the first character that cannot be
/// part of an identifier: `Reading { left: 3 }` is `Reading`. The name of a machine that shows none is that of its type.
/// The children that the machine shows by [`State::delegating_to`] are recorded within its state.
///
/// # What is seen
///
/// A machine that [`machine!`](crate::machine) declares reports every state that it enters, and its hooks. Observe the
/// machine itself, as [`start`](crate::Machine::start) returns it: inside a box or another coroutine, it counts as any
/// other machine. A state that calls `stay` or `yield_here` has [stayed](TransitionKind::Stayed).
///
/// For any other machine, `observe` reads the state before and after each resume. So if it runs through several states in
/// one resume, only the first and the last are seen. [`MemoryPair::suspending`](super::super::MemoryPair::suspending)
/// makes each operation of a stream suspend, so that every state that waits for one is seen. A resume that ends in the
/// state in which it began is a transition from the state to itself. Children are seen in the same way.
///
/// A child that the machine delegates to by a [`Call`](crate::Call) belongs to the driver, and is not seen. To observe it
/// as well, call `Call::new(observe(child, &its_graph))`.
///
/// # What it costs
///
/// Each resume formats two states and locks the graph. In a release build, that took 0.6 µs.
pub fn observe<C: Coroutine>(machine: C, graph: &Graph) -> Observed<C> {
    Observed { machine, graph: graph.clone(), has_started: false, has_ended: false }
}

/// A machine that records its transitions. Created by [`observe`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Observed<C> {
    machine: C,
    graph: Graph,
    has_started: bool,
    has_ended: bool,
}

impl<C> Observed<C> {
    /// Returns the machine.
    pub const fn get_ref(&self) -> &C {
        &self.machine
    }

    /// Returns a mutable reference to the machine.
    pub const fn get_mut(&mut self) -> &mut C {
        &mut self.machine
    }

    /// Returns the machine, which is no longer observed.
    pub fn into_inner(self) -> C {
        self.machine
    }
}

impl<C: Coroutine> Coroutine for Observed<C> {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    fn resume(&mut self, sent: Result<C::Input, Exception>) -> Resumed<Self> {
        if self.has_ended {
            return self.machine.resume(sent);
        }
        let before = frames(&self.machine.state());
        let cause = sent.as_ref().err().map_or(TransitionKind::Normal, cause);
        let mut entered = Entered { cause, states: None };
        let step = self.machine.resume_watched(sent, &mut entered);
        let after = match &step {
            Ok(Step::Yield(_) | Step::Delegate(_)) => Landing::At(frames(&self.machine.state())),
            Ok(Step::Return(_)) => Landing::End(entered.next_cause()),
            Err(raised) => Landing::End(end_by(raised, entered.next_cause())),
        };
        self.has_ended = matches!(after, Landing::End(_));
        let is_first = !core::mem::replace(&mut self.has_started, true);
        self.graph.model().note(Resumption { before, is_first, entered: entered.states, cause, after });
        step
    }

    fn state(&self) -> State<'_> {
        self.machine.state()
    }
}

/// The states that a machine reports.
struct Entered {
    /// What the machine was resumed by. It causes the first transition, and the others follow by themselves.
    cause: TransitionKind,
    states: Option<Vec<(String, TransitionKind)>>,
}

impl Entered {
    /// What causes the next transition.
    fn next_cause(&self) -> TransitionKind {
        match &self.states {
            Some(states) if !states.is_empty() => TransitionKind::Normal,
            _ => self.cause,
        }
    }
}

impl Watch for Entered {
    fn begin(&mut self) {
        self.states = Some(Vec::new());
    }

    fn enter(&mut self, state: &'static str, entrance: Entrance) {
        let kind = match entrance {
            _ if !self.next_cause().is_regular() => self.cause,
            Entrance::Itself => TransitionKind::Normal,
            Entrance::Thrown => TransitionKind::Thrown,
            Entrance::Raised => TransitionKind::Raised,
        };
        self.states.get_or_insert_default().push((state.to_owned(), kind));
    }
}

/// What throwing this into a machine does to it.
fn cause(thrown: &Exception) -> TransitionKind {
    match thrown {
        exit if exit.is_generator_exit() => TransitionKind::Closed,
        cancelled if cancelled.is_cancelled() => TransitionKind::Cancelled,
        _ => TransitionKind::Thrown,
    }
}

/// How a machine has ended that has raised this.
fn end_by(raised: &Exception, cause: TransitionKind) -> TransitionKind {
    match self::cause(raised) {
        TransitionKind::Thrown if cause.is_regular() => TransitionKind::Raised,
        TransitionKind::Thrown => cause,
        closed_or_cancelled => closed_or_cancelled,
    }
}

impl<C: Coroutine> fmt::Debug for Observed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observed").field(&self.machine.state()).finish()
    }
}
