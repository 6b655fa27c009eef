//! Graphs of machines: declared, observed, compared, drawn.
//!
//! ```text
//!  Graph::declared::<M>()   \                  /  svg, mermaid, dot
//!                             ->  Graph (model) ->
//!  observe(machine, &graph)  /                  \  coverage
//! ```
//!
//! A [`Graph`] holds both what was declared and what was seen, so one drawing can show the difference.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`      | [`Graph`], and how it is built by hand |
//! | `node.rs`     | [`Node`] and [`Transition`]: what a program can read from a graph |
//! | `model.rs`    | states, transitions, and how a resume adds to them |
//! | `name.rs`     | the names of machines and states |
//! | `steps.rs`    | the steps of a machine that somebody else drives |
//! | `observe.rs`  | [`observe`](fn@observe): a machine that records its transitions |
//! | `coverage.rs` | [`Coverage`]: declared against seen |
//! | `scene.rs`    | what is drawn, for all renderings |
//! | `mermaid.rs`, `dot.rs` | the renderings that other programs lay out |
//! | `layout/`     | a layout of boxes and arrows in rows |
//! | `svg/`        | the rendering that uses it |
//! | `drawn.rs`    | [`assert_drawn`]: committed diagrams |

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::coroutine::Machine;

mod coverage;
mod dot;
mod drawn;
mod layout;
mod mermaid;
mod model;
mod name;
mod node;
mod observe;
mod scene;
mod steps;
mod svg;

pub use self::coverage::Coverage;
pub use self::drawn::{assert_drawn, assert_drawn_in};
pub use self::model::TransitionKind;
use self::model::{Model, Spot};
pub(super) use self::name::{Frame, frames};
pub use self::node::{Node, Transition};
pub use self::observe::{Observed, observe};

/// The states and transitions of a machine: declared, observed, or both.
///
/// A graph comes from a machine that [`machine!`](crate::machine) declares, from machines that run under
/// [`observe`](fn@observe), or from the methods here, one transition at a time. Clones stand for the same graph, also in
/// other threads.
///
/// ```
/// use innermost::testing::{Graph, observe};
/// use innermost::{Generator, Machine, machine};
///
/// struct Light;
///
/// machine!(
///     impl Machine for Light {
///         type Yield = &'static str;
///         type State = Color;
///
///         fn Green(&mut self) -> Next<Red> {
///             yield_to("go", Red)
///         }
///
///         fn Red(&mut self) -> Next<Green, End> {
///             yield_to("stop", Green)
///         }
///     }
/// );
///
/// let graph = Graph::declared::<Light>().starting_in("Green");
/// let drawn = "stateDiagram-v2
///     accTitle: Light
///     [*] --> Green
///     Green --> Red
///     Red --> Green
///     Red --> [*]
/// ";
/// assert_eq!(graph.mermaid(), drawn);
///
/// let mut light = Generator::new(observe(Light.start(Color::Green), &graph));
/// assert_eq!([light.next()?, light.next()?, light.next()?], ["go", "stop", "go"]);
/// assert_eq!((graph.count("Green", "Red"), graph.count("Red", "Green")), (2, 1));
/// let coverage = graph.coverage();
/// coverage.assert_declared();
/// assert_eq!(coverage.unseen().map(|unseen| unseen.to_string()).collect::<Vec<_>>(), ["Red --> end"]);
/// # Ok::<(), innermost::Stop<()>>(())
/// ```
///
/// # Drawings
///
/// [`svg`](Self::svg) draws a picture, for light and dark pages. [`mermaid`](Self::mermaid) and [`dot`](Self::dot) write
/// text that other programs draw. The same graph always gives the same text. Commit it, and let [`assert_drawn`] keep it
/// true.
///
/// A transition that an exception causes is dashed. Once machines were observed, the transitions show how often they were
/// seen. If there is also a declaration, transitions that were never seen or not declared stand out. A state whose
/// machine waits for a child, as [`State::delegating_to`](crate::State::delegating_to) tells, contains the child's
/// states.
///
/// Names and labels may contain any characters. Where a drawing cannot show one as it is, it shows a space or U+FFFD
/// instead, for control characters and for those that change the direction of text.
#[derive(Clone, Default)]
pub struct Graph(Arc<Mutex<Model>>);

impl Graph {
    /// Creates an empty graph. The name is the title of its drawings.
    pub fn new(name: &str) -> Self {
        Self::from(Model::named(name))
    }

    /// Creates the graph that a machine declares.
    ///
    /// A declaration does not say in which state the machine starts; [`starting_in`](Self::starting_in) does. The states
    /// that the hooks `thrown` and `raised` may go to are drawn from a node that stands for any state. A hook `finally`
    /// is drawn as a state through which every way to the end leads.
    pub fn declared<M: Machine>() -> Self {
        let mut model = Model::named(&name::machine_name(core::any::type_name::<M>()));
        for (name, _) in M::TRANSITIONS {
            model.state(name);
        }
        let end = if M::FINALLY { Spot::State(model.state("finally")) } else { Spot::End };
        let declare = |model: &mut Model, from, following: &[&str], kind| {
            for to in following {
                let to = if *to == "End" { end } else { Spot::State(model.state(to)) };
                model.declare(from, to, kind);
            }
        };
        for (name, following) in M::TRANSITIONS {
            let from = Spot::State(model.state(name));
            declare(&mut model, from, following, TransitionKind::Normal);
        }
        declare(&mut model, Spot::Any, M::ON_THROWN, TransitionKind::Thrown);
        declare(&mut model, Spot::Any, M::ON_RAISED, TransitionKind::Raised);
        if M::FINALLY {
            model.declare(Spot::Any, end, TransitionKind::Raised);
            model.declare(end, Spot::End, TransitionKind::Normal);
        }
        Self::from(model)
    }

    /// Changes the name, which is the title of drawings.
    pub fn named(self, name: &str) -> Self {
        name.clone_into(&mut self.model().name);
        self
    }

    /// Declares in which state the machine starts. Call it once for each of several.
    pub fn starting_in(self, state: &str) -> Self {
        self.transition(Node::Start, state)
    }

    /// Adds a state. A state that a transition names need not be added first.
    pub fn state(self, name: &str) -> Self {
        self.model().state(name);
        self
    }

    /// Declares a transition. A string is the name of a state; [`Node`] has the other ends, such as the end of the
    /// machine.
    ///
    /// ```
    /// use innermost::testing::{Graph, Node, TransitionKind};
    ///
    /// let door = Graph::new("Door")
    ///     .starting_in("Closed")
    ///     .transition("Closed", "Open")
    ///     .transition("Open", "Closed")
    ///     .transition_by(TransitionKind::Raised, Node::Any, Node::End)
    ///     .label("Closed", "Open", "someone pushes");
    /// assert!(door.mermaid().contains("Closed --> Open: someone pushes"));
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the transition leads from the end, or to the start or to any state.
    #[track_caller]
    pub fn transition(self, from: impl Into<Node>, to: impl Into<Node>) -> Self {
        self.transition_by(TransitionKind::Normal, from, to)
    }

    /// Declares a transition of any kind.
    ///
    /// # Panics
    ///
    /// Panics if the transition leads from the end, or to the start or to any state.
    #[track_caller]
    pub fn transition_by(self, kind: TransitionKind, from: impl Into<Node>, to: impl Into<Node>) -> Self {
        let (from, to) = (from.into(), to.into());
        assert!(from != Node::End && !matches!(to, Node::Start | Node::Any), "no transition leads from {from} to {to}");
        {
            let mut model = self.model();
            let (from, to) = (from.added_to(&mut model), to.added_to(&mut model));
            model.declare(from, to, kind);
        }
        self
    }

    /// Sets a text that drawings show beside the transitions from one node to another.
    ///
    /// # Panics
    ///
    /// Panics if there is no such transition.
    #[track_caller]
    pub fn label(self, from: impl Into<Node>, to: impl Into<Node>, text: &str) -> Self {
        let (from, to) = (from.into(), to.into());
        let mut model = self.model();
        let ends = from.found_in(&model).zip(to.found_in(&model));
        let mut edges = model.edges.iter_mut().filter(|edge| Some((edge.from, edge.to)) == ends);
        let Some(edge) = edges.next() else {
            drop(model);
            panic!("there is no transition from {from} to {to} that could have a label");
        };
        text.clone_into(&mut edge.label);
        drop(model);
        self
    }

    /// Adds the graph of a child to the state that waits for it. The name of the child's graph must be that of the
    /// child's [`State`](crate::State), without a path and type parameters.
    pub fn nested(self, state: &str, child: &Self) -> Self {
        let child = child.snapshot();
        {
            let mut model = self.model();
            let at = model.state(state);
            model.states[at].child(&child.name).add(&child);
        }
        self
    }

    /// Adds the states, transitions and counts of another graph.
    pub fn add(&self, other: &Self) {
        // A copy: the other graph may be this one.
        let other = other.snapshot();
        self.model().add(&other);
    }

    /// Returns a graph that declares all that this one knows, and has seen nothing.
    ///
    /// Use it to draw a machine that is written by hand. Without it, the drawing shows counts, which change with each new
    /// test.
    pub fn as_declared(&self) -> Self {
        let mut model = self.snapshot();
        model.settle();
        Self::from(model)
    }

    /// Returns the name.
    pub fn name(&self) -> String {
        self.model().name.clone()
    }

    /// Returns how often the machine was seen to go from one node to another, over transitions of all kinds.
    pub fn count(&self, from: impl Into<Node>, to: impl Into<Node>) -> u64 {
        let model = self.model();
        let ends = from.into().found_in(&model).zip(to.into().found_in(&model));
        model.edges.iter().filter(|edge| Some((edge.from, edge.to)) == ends).map(|edge| edge.seen).sum()
    }

    /// Returns the names of the states, in the order in which they were declared or first seen.
    pub fn states(&self) -> Vec<String> {
        self.model().states.iter().map(|state| state.name.clone()).collect()
    }

    /// Returns the transitions in the order in which they were declared or first seen, and then those of children.
    pub fn transitions(&self) -> Vec<Transition> {
        let mut transitions = Vec::new();
        node::collect(&self.model(), &[], &mut transitions);
        transitions
    }

    /// Compares what was declared with what was seen.
    pub fn coverage(&self) -> Coverage {
        Coverage::of(&self.snapshot())
    }

    /// Draws the graph as a picture in SVG.
    ///
    /// The picture has its own background, for light and dark pages, and a description for people who cannot see it.
    /// Names of more than 42 characters are cut in the middle, and long labels are broken into lines; the whole text is
    /// shown when the pointer rests on it.
    ///
    /// A machine of 200 states and 1,000 transitions took 60 ms in a release build, and 0.4 s in a debug build. A chain
    /// of 10,000 states took 0.4 s in a debug build.
    pub fn svg(&self) -> String {
        svg::write(&scene::scene(&self.snapshot()))
    }

    /// Draws the graph for [Mermaid](https://mermaid.js.org), which many viewers of Markdown render. A `stateDiagram` has
    /// no dashed lines; the labels say what an exception causes.
    pub fn mermaid(&self) -> String {
        mermaid::write(&scene::scene(&self.snapshot()))
    }

    /// Draws the graph in the language of [Graphviz](https://graphviz.org).
    pub fn dot(&self) -> String {
        dot::write(&scene::scene(&self.snapshot()))
    }

    fn snapshot(&self) -> Model {
        self.model().clone()
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Model> for Graph {
    fn from(model: Model) -> Self {
        Self(Arc::new(Mutex::new(model)))
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.snapshot();
        f.debug_struct("Graph")
            .field("name", &model.name)
            .field("states", &model.states.len())
            .field("transitions", &model.edges.len())
            .finish()
    }
}
