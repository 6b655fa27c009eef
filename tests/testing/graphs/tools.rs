//! Graphviz accepts what is written for it.

use innermost::testing::{Graph, Node, TransitionKind};

use crate::support::tools::{filtered, needs, tool};

const NAMES: [&str; 14] = [
    "plain",
    "Vec<u8>",
    "a \"b\"",
    "a\\b",
    "größe",
    "日本語",
    "",
    "a\nb",
    "&amp;",
    "{x|y}",
    "node",
    "graph",
    "#1",
    "[*]",
];

#[test]
fn graphviz_lays_out_names_of_any_kind() {
    needs!("dot");
    let mut graph = Graph::new("odd \"names\" <&>").transition_by(TransitionKind::Raised, Node::Any, Node::End);
    for (at, name) in NAMES.iter().enumerate() {
        let next = NAMES[(at + 1) % NAMES.len()];
        graph =
            graph.transition(*name, next).label(*name, next, name).transition_by(TransitionKind::Thrown, *name, next);
        graph = graph.transition(*name, *name);
    }
    let inner = graph.as_declared();
    let graph =
        graph.nested("plain", &inner).nested("node", &inner.named("other")).nested("node", &Graph::new("empty"));
    let laid_out = filtered(tool("dot").arg("-Tplain"), graph.dot().as_bytes());
    let laid_out = String::from_utf8(laid_out).expect("it is text");
    assert!(laid_out.starts_with("graph ") && laid_out.trim_end().ends_with("stop"));
    let edges = laid_out.lines().filter(|line| line.starts_with("edge ")).count();
    assert_eq!(edges, graph.dot().matches(" -> ").count());
}
