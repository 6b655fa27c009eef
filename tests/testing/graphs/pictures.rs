//! The SVG of random graphs: nothing overlaps, and nothing is cut off.

use innermost::testing::{Graph, Node, TransitionKind};
use quickcheck::{Arbitrary, Gen, QuickCheck};

use super::geometry::{Box, Picture, Role};

/// A graph of up to thirty states, some of which contain others.
#[derive(Clone, Debug)]
struct Random {
    /// The names' lengths, and what the states contain.
    states: Vec<(usize, Option<Random>)>,
    /// Kind, ends and the label's length. Ends that are no states are the start, any state, or the end.
    edges: Vec<(u8, usize, usize, usize)>,
}

impl Random {
    fn of(g: &mut Gen, depth: usize) -> Self {
        let count = usize::arbitrary(g) % if depth == 0 { 30 } else { 4 } + 1;
        let is_parent = |g: &mut Gen| depth < 2 && u8::arbitrary(g) % 12 == 0;
        let state =
            |g: &mut Gen| (usize::arbitrary(g) % 60, if is_parent(g) { Some(Self::of(g, depth + 1)) } else { None });
        let edge = |g: &mut Gen| {
            let label = usize::arbitrary(g) % 3 * (usize::arbitrary(g) % 30);
            let end = |g: &mut Gen| usize::arbitrary(g) % (count + 2);
            (u8::arbitrary(g), end(g), end(g), label)
        };
        let edges = usize::arbitrary(g) % (3 * count + 1);
        Self { states: (0..count).map(|_| state(g)).collect(), edges: (0..edges).map(|_| edge(g)).collect() }
    }

    fn graph(&self, name: &str) -> Graph {
        let name_of = |at: usize| format!("S{at}{}", "x".repeat(self.states[at].0));
        let mut graph = Graph::new(name);
        for (at, (_, child)) in self.states.iter().enumerate() {
            graph = graph.state(&name_of(at));
            if let Some(child) = child {
                graph = graph.nested(&name_of(at), &child.graph("Child"));
                if child.states.len() % 2 == 0 {
                    graph = graph.nested(&name_of(at), &child.graph("Another"));
                }
            }
        }
        for (kind, from, to, label) in &self.edges {
            let from = match from.checked_sub(self.states.len()) {
                None => Node::State(name_of(*from)),
                Some(0) => Node::Start,
                Some(_) => Node::Any,
            };
            let to = if *to < self.states.len() { Node::State(name_of(*to)) } else { Node::End };
            let kind = if kind % 4 == 0 { TransitionKind::Raised } else { TransitionKind::Normal };
            graph = graph.transition_by(kind, from.clone(), to.clone());
            if *label > 0 {
                let words = ["l".repeat(label % 7 + 1), "w".repeat(*label)].join(" ");
                graph = graph.label(from, to, &vec![words; label % 3 + 1].join(" "));
            }
        }
        graph
    }
}

impl Arbitrary for Random {
    fn arbitrary(g: &mut Gen) -> Self {
        Self::of(g, 0)
    }

    fn shrink(&self) -> std::boxed::Box<dyn Iterator<Item = Self>> {
        let states = self.states.clone();
        std::boxed::Box::new(self.edges.shrink().map(move |edges| Self { states: states.clone(), edges }))
    }
}

/// What is wrong with a picture.
fn faults(picture: &Picture) -> Vec<String> {
    let mut faults = Vec::new();
    let (nodes, labels) = (picture.of(Role::State), picture.of(Role::Label));
    let groups = picture.of(Role::Group);
    for (at, one) in nodes.iter().enumerate() {
        faults.extend(
            nodes[at + 1..].iter().filter(|other| one.meets(other)).map(|other| format!("{one:?} on {other:?}")),
        );
        faults.extend(labels.iter().filter(|label| one.meets(label)).map(|label| format!("{one:?} on {label:?}")));
    }
    for (at, one) in labels.iter().enumerate() {
        faults.extend(
            labels[at + 1..].iter().filter(|other| one.meets(other)).map(|other| format!("{one:?} on {other:?}")),
        );
    }
    for group in &groups {
        let cut = |other: &&Box| group.meets(other) && !group.contains(other) && !other.contains(group);
        faults.extend(
            [&nodes, &labels, &groups]
                .into_iter()
                .flatten()
                .filter(cut)
                .map(|other| format!("{group:?} cuts {other:?}")),
        );
    }
    for text in picture.of(Role::Name) {
        let is_inside = nodes.iter().chain(&groups).any(|node| node.contains(&text));
        faults.extend((!is_inside).then(|| format!("{text:?} is wider than its state")));
    }
    for (x, y) in picture.line_points() {
        let is_on = |thing: &&Box| thing.holds(x, y);
        faults.extend(
            nodes.iter().chain(&labels).filter(is_on).map(|thing| format!("a line at {x},{y} crosses {thing:?}")),
        );
    }
    faults.extend(picture.outside());
    faults
}

fn is_faultless(random: Random) -> bool {
    let svg = random.graph("Random").svg();
    let faults = faults(&Picture::read(&svg));
    assert!(faults.is_empty(), "{faults:#?}\n{svg}");
    true
}

#[test]
fn labels_and_states_never_overlap() {
    QuickCheck::new().tests(150).quickcheck(is_faultless as fn(Random) -> bool);
}

#[test]
fn the_same_graph_gives_the_same_picture() {
    let alike = |random: Random| random.graph("Random").svg() == random.graph("Random").svg();
    QuickCheck::new().tests(10).quickcheck(alike as fn(Random) -> bool);
}

#[test]
fn two_hundred_states_with_a_thousand_transitions_do_not_overlap() {
    let mut graph = Graph::new("Large");
    let mut next = 1_usize;
    let mut random = |below: usize| {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (next >> 33) % below
    };
    for number in 0..1_000 {
        let (from, to) = (format!("State{}", random(200)), format!("State{}", random(200)));
        graph = graph.transition(&from, &to);
        if number % 5 == 0 {
            graph = graph.label(from, to, &format!("label {number}"));
        }
    }
    let picture = Picture::read(&graph.svg());
    let (nodes, labels) = (picture.of(Role::State), picture.of(Role::Label));
    assert_eq!((nodes.len(), labels.len() > 150), (200, true));
    for (at, one) in nodes.iter().chain(&labels).enumerate() {
        assert!(nodes.iter().chain(&labels).skip(at + 1).all(|other| !one.meets(other)), "{one:?}");
    }
    assert_eq!(picture.outside(), [""; 0]);
}

#[test]
fn small_graphs_are_drawn() {
    let empty = Graph::new("").svg();
    assert!(empty.contains("<title>Machine</title>"));
    for graph in [
        Graph::default(),
        Graph::new("one").state("A"),
        Graph::new("loop").transition("A", "A").transition_by(TransitionKind::Raised, "A", "A"),
        Graph::new("two").transition("A", "B").transition("B", "A"),
        Graph::new("ends").transition(Node::Start, Node::End),
        Graph::new("any").transition_by(TransitionKind::Raised, Node::Any, Node::End),
        Graph::new("nested").nested("A", &Graph::default()),
    ] {
        let picture = Picture::read(&graph.svg());
        assert_eq!(faults(&picture), [""; 0], "{graph:?}");
    }
}

#[test]
fn many_long_arrows_to_one_state_share_their_way() {
    let width = |ends: usize| {
        let mut graph = Graph::new("Chain");
        for at in 0..30 {
            graph = graph.transition(format!("S{at}"), format!("S{}", at + 1));
            if at < ends {
                graph = graph.transition_by(TransitionKind::Raised, format!("S{at}"), Node::End);
            }
        }
        let picture = Picture::read(&graph.svg());
        assert_eq!(faults(&picture), [""; 0]);
        let tips = graph.svg().matches("class=\"tip\"").count();
        (picture.width(), picture.lines().len(), tips)
    };
    // The last of the states is next to the end, so that its arrow is short.
    let (few, many) = (width(4), width(20));
    assert_eq!(((few.1, few.2), (many.1, many.2)), ((34, 34), (50, 32)));
    assert!(many.0 < 2.0 * few.0, "{few:?} {many:?}");
}

#[test]
fn two_way_transitions_are_apart() {
    let svg = Graph::new("two").transition("A", "B").transition("B", "A").svg();
    let picture = Picture::read(&svg);
    let lines = picture.lines();
    let xs: Vec<_> = lines.iter().map(|line| line.iter().map(|point| point.0).fold(f64::MAX, f64::min)).collect();
    assert_eq!(xs.len(), 2);
    assert!((xs[0] - xs[1]).abs() > 10.0, "{svg}");
}

#[test]
fn exceptions_are_dashed_and_differences_stand_out() {
    let graph = Graph::new("x")
        .transition("A", "B")
        .transition_by(TransitionKind::Cancelled, "A", Node::End)
        .transition_by(TransitionKind::Raised, "B", "A");
    let svg = graph.svg();
    let classes = |svg: &str| {
        let groups =
            svg.lines().filter_map(|line| line.strip_prefix("<g class=\"")?.strip_suffix("\">").map(str::to_owned));
        groups.collect::<Vec<_>>()
    };
    assert_eq!(classes(&svg), ["line", "line dashed", "line dashed"]);
    let numbers = Graph::new("numbers").transition("FromIter", "Elsewhere");
    let mut observed = innermost::Generator::new(innermost::testing::observe(innermost::from_iter(0..1), &numbers));
    while observed.next().is_ok() {}
    let svg = numbers.svg();
    assert_eq!(classes(&svg), ["line", "line unseen", "line", "line undeclared"]);
    assert!(svg.contains(">never seen</text>") && svg.contains(">1, not declared</text>"));
    assert!(svg.contains("class=\"state unseen\""));
}

#[test]
fn names_of_any_kind_are_well_formed() {
    let long = format!("{}<end>", "x".repeat(500));
    let names = ["<a & \"b\">", "größe", "日本語", "\u{0}\u{ffff}", "a\nb", "", "]]>", &long];
    let mut graph = Graph::new("<title> & \"quotes\"");
    for (at, name) in names.iter().enumerate() {
        let next = names[(at + 1) % names.len()];
        graph = graph.transition(*name, next).label(*name, next, name);
    }
    let svg = graph.svg();
    let picture = Picture::read(&svg);
    assert_eq!(faults(&picture), [""; 0], "{svg}");
    assert!(svg.contains("<title>&lt;title&gt; &amp; &quot;quotes&quot;</title>"));
    // A name that is cut is there as a whole as well.
    assert!(svg.contains(&format!("<title>{}&lt;end&gt;</title>", "x".repeat(500))));
    assert!(svg.contains("<desc>&lt;a &amp; &quot;b&quot;&gt; to größe: &lt;a"));
    assert!(!svg.contains('\u{0}') && !svg.contains('\u{ffff}'));
}
