//! Declared against seen.

use std::panic::{AssertUnwindSafe, catch_unwind};

use innermost::testing::{Coverage, Graph, Node, TransitionKind, observe};
use innermost::{Coroutine, Exception, Generator, Resumed, State, Step, from_iter};

/// Shows one state after the other, and then ends.
struct Path(&'static [&'static str]);

impl Coroutine for Path {
    type Yield = ();
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        self.0 = &self.0[1..];
        if self.0.is_empty() { Ok(Step::Return(())) } else { Ok(Step::Yield(())) }
    }

    fn state(&self) -> State<'_> {
        State::new("Path", &self.0[0])
    }
}

fn run(graph: &Graph, path: &'static [&'static str]) {
    let mut path = Generator::new(observe(Path(path), graph));
    while path.next().is_ok() {}
}

fn declared() -> Graph {
    Graph::new("Path")
        .starting_in("A")
        .transition("A", "B")
        .transition("B", "A")
        .transition("B", "C")
        .transition("C", Node::End)
}

fn message(check: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(check)).expect_err("it panics");
    *panic.downcast::<String>().expect("it says why")
}

fn unseen(coverage: &Coverage) -> Vec<String> {
    coverage.unseen().map(ToString::to_string).collect()
}

#[test]
fn what_was_never_seen_is_listed() {
    let graph = declared();
    assert_eq!((graph.coverage().seen(), graph.coverage().declared()), (0, 5));
    run(&graph, &["A", "B", "C"]);
    let coverage = graph.coverage();
    coverage.assert_declared();
    assert_eq!((coverage.seen(), coverage.declared(), unseen(&coverage)), (4, 5, vec!["B --> A".to_owned()]));
    assert_eq!(
        message(|| coverage.assert_complete()),
        "Path: 4 of 5 declared transitions were seen\n  declared, but never seen:\n    B --> A"
    );
    run(&graph, &["A", "B", "A"]);
    run(&graph, &["A", "B", "A", "B", "C"]);
    assert_eq!(unseen(&graph.coverage()), [""; 0]);
}

#[test]
fn what_was_seen_and_not_declared_fails() {
    let graph = declared();
    run(&graph, &["A", "B", "C"]);
    run(&graph, &["A", "C"]);
    run(&graph, &["A", "D", "C"]);
    run(&graph, &["A"]);
    let coverage = graph.coverage();
    let expected = "Path: 4 of 5 declared transitions were seen
  seen, but not declared:
    A --> C (once); declared is A --> B --> C, which one resume may run through
    A --> D (once)
    D --> C (once)
    A --> end (once); declared is A --> B --> C --> end, which one resume may run through
  declared, but never seen:
    B --> A";
    assert_eq!(message(|| coverage.assert_declared()), expected);
    assert_eq!(coverage.undeclared().count(), 4);
}

#[test]
fn a_graph_without_a_declaration_proves_nothing() {
    let graph = Graph::default();
    run(&graph, &["A", "B"]);
    assert!(message(|| graph.coverage().assert_declared()).contains("no transition is declared"));
}

#[test]
fn staying_and_raising_need_no_declaration() {
    let graph = declared();
    run(&graph, &["A", "A", "B", "A", "B", "C", "C"]);
    for exception in [Exception::cancelled(), Exception::generator_exit(), std::io::Error::other("reset").into()] {
        let mut path = Generator::new(observe(Path(&["A", "A", "B"]), &graph));
        path.next().unwrap();
        assert!(path.throw(exception).is_err());
    }
    graph.coverage().assert_complete();
}

#[test]
fn a_start_is_compared_if_one_is_declared() {
    let elsewhere: &[&str] = &["B", "C"];
    let graph = declared();
    run(&graph, elsewhere);
    assert_eq!(graph.coverage().undeclared().map(ToString::to_string).collect::<Vec<_>>(), ["start --> B"]);
    let without = Graph::new("Path").transition("B", "C").transition("C", Node::End);
    run(&without, elsewhere);
    without.coverage().assert_complete();
}

#[test]
fn a_hook_may_lead_from_any_state() {
    let graph =
        || declared().transition_by(TransitionKind::Raised, Node::Any, "Closing").transition("Closing", Node::End);
    let missed = graph();
    run(&missed, &["A", "B", "A", "B", "C"]);
    assert_eq!(unseen(&missed.coverage()), ["any state --> Closing (raised)", "Closing --> end"]);
    let taken = graph();
    run(&taken, &["A", "B", "A", "B", "C"]);
    run(&taken, &["A", "Closing"]);
    taken.coverage().assert_complete();
}

#[test]
fn the_graph_of_a_child_is_compared_where_it_was_declared() {
    /// A machine that is always in one state, and shows a child.
    struct Parent(Path);
    impl Coroutine for Parent {
        type Yield = ();
        type Input = ();
        type Return = ();

        fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
            self.0.resume(sent)
        }

        fn state(&self) -> State<'_> {
            let own = State::new("Parent", &"Waiting");
            if self.0.0.is_empty() { own } else { own.delegating_to(self.0.state()) }
        }
    }
    let parent = || Graph::new("Parent").starting_in("Waiting").transition("Waiting", Node::End);
    let run = |graph: &Graph, path| {
        let mut parent = Generator::new(observe(Parent(Path(path)), graph));
        while parent.next().is_ok() {}
    };
    let graph = parent().nested("Waiting", &declared());
    run(&graph, &["A", "B", "C"]);
    assert_eq!(unseen(&graph.coverage()), ["Waiting > Path: B --> A"]);
    run(&graph, &["A", "B", "A", "C"]);
    let undeclared: Vec<_> = graph.coverage().undeclared().map(ToString::to_string).collect();
    assert_eq!(undeclared, ["Waiting > Path: A --> C"]);
    let without = parent();
    run(&without, &["A", "C"]);
    without.coverage().assert_complete();
}

#[test]
fn graphs_can_be_added_and_taken_as_a_declaration() {
    let (first, second) = (Graph::new("Path"), Graph::default());
    run(&first, &["A", "B"]);
    run(&second, &["A", "C"]);
    run(&second, &["A", "B"]);
    first.add(&second);
    assert_eq!((first.count("A", "B"), first.count("A", "C"), first.name()), (2, 1, "Path".into()));
    first.add(&first);
    assert_eq!(first.count("A", "B"), 4);
    let declared = first.as_declared();
    assert_eq!((declared.count("A", "B"), declared.coverage().declared(), first.count("A", "B")), (0, 5, 4));
    run(&declared, &["A", "D"]);
    assert_eq!(declared.coverage().undeclared().count(), 2);
    // The name of another machine does not matter.
    let mut other = Generator::new(observe(from_iter(0..1), &declared));
    other.next().unwrap();
    assert_eq!(declared.name(), "Path");
}
