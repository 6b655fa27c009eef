//! Graphviz's language.

use core::fmt::Write;

use super::model::Standing;
use super::scene::{Drawn, Line, Scene, Shape};

pub(super) fn write(scene: &Scene) -> String {
    let mut writer = Writer { text: String::new(), next: 0 };
    writer.line(0, &format!("digraph {} {{", quoted(&scene.title)));
    for line in HEAD {
        writer.line(1, line);
    }
    if !scene.title.is_empty() {
        writer.line(1, &format!("label={}; labelloc=t;", quoted(&scene.title)));
    }
    writer.scene(scene, 1);
    writer.line(0, "}");
    writer.text
}

struct Writer {
    text: String,
    /// The number of the next node. Names of states may come twice: in a machine and in its child.
    next: usize,
}

/// How a node is meant in an edge: the node, and the cluster at whose border the edge ends.
struct Port {
    node: String,
    cluster: Option<String>,
}

impl Writer {
    fn scene(&mut self, scene: &Scene, depth: usize) {
        let ports: Vec<_> = scene.nodes.iter().map(|node| self.node(node, depth)).collect();
        for line in &scene.lines {
            self.edge(line, &ports[line.from], &ports[line.to], depth);
        }
    }

    fn node(&mut self, node: &Drawn, depth: usize) -> Port {
        let id = format!("s{}", self.next);
        self.next += 1;
        if !node.children.is_empty() {
            return self.cluster(node, id, depth);
        }
        let attributes = match node.shape {
            Shape::Start => "shape=circle, style=filled, fillcolor=black, label=\"\", width=0.18".to_owned(),
            Shape::End => {
                "shape=doublecircle, style=filled, fillcolor=black, label=\"\", width=0.13, tooltip=\"end\"".to_owned()
            }
            Shape::Any => format!("label={}, style=\"rounded,dashed\"", quoted(&node.name)),
            Shape::State if node.is_unseen => {
                format!("label={}, color=gray50, fontcolor=gray50", quoted(&node.name))
            }
            Shape::State => format!("label={}", quoted(&node.name)),
        };
        self.line(depth, &format!("{id} [{attributes}];"));
        Port { node: id, cluster: None }
    }

    /// A state with children. Edges lead to an invisible node in it, and are cut off at its border.
    fn cluster(&mut self, node: &Drawn, id: String, depth: usize) -> Port {
        let cluster = format!("cluster_{id}");
        self.line(depth, &format!("subgraph {cluster} {{"));
        let label = match node.children.as_slice() {
            [child] => format!("{} > {}", node.name, child.title),
            _ => node.name.clone(),
        };
        self.line(depth + 1, &format!("label={}; style=rounded;", quoted(&label)));
        self.line(depth + 1, &format!("{id} [shape=point, style=invis, label=\"\"];"));
        match node.children.as_slice() {
            [child] => self.scene(child, depth + 1),
            children => {
                for child in children {
                    let inner = self.next;
                    self.next += 1;
                    self.line(depth + 1, &format!("subgraph cluster_s{inner} {{"));
                    self.line(depth + 2, &format!("label={}; style=\"rounded,dashed\";", quoted(&child.title)));
                    self.scene(child, depth + 2);
                    self.line(depth + 1, "}");
                }
            }
        }
        self.line(depth, "}");
        Port { node: id, cluster: Some(cluster) }
    }

    fn edge(&mut self, line: &Line, from: &Port, to: &Port, depth: usize) {
        let mut attributes = Vec::new();
        if !line.label.is_empty() {
            attributes.push(format!("label={}", quoted(&line.label)));
        }
        if line.is_dashed {
            attributes.push("style=dashed".into());
        }
        match line.standing {
            Standing::Fine => {}
            Standing::Undeclared => attributes.push("color=red3, fontcolor=red3".into()),
            Standing::Unseen => attributes.push("color=gray50, fontcolor=gray50".into()),
        }
        if from.node != to.node {
            attributes.extend(from.cluster.iter().map(|cluster| format!("ltail={cluster}")));
            attributes.extend(to.cluster.iter().map(|cluster| format!("lhead={cluster}")));
        }
        let attributes = if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        self.line(depth, &format!("{} -> {}{attributes};", from.node, to.node));
    }

    fn line(&mut self, depth: usize, line: &str) {
        writeln!(self.text, "{:indent$}{line}", "", indent = 4 * depth).expect("a string takes all");
    }
}

/// A quoted string of the language. A backslash begins an escape only in it, so it is doubled.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            // An ampersand begins an entity of HTML here.
            '&' => quoted.push_str("&amp;"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

const HEAD: [&str; 3] = [
    "graph [compound=true, fontname=\"monospace\", fontsize=12, nodesep=0.4, ranksep=0.5];",
    "node [shape=box, style=rounded, fontname=\"monospace\", fontsize=12];",
    "edge [fontname=\"monospace\", fontsize=10];",
];
