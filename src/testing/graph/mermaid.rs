//! Mermaid's `stateDiagram-v2`.

use core::fmt::Write;
use std::collections::BTreeSet;

use super::scene::{Drawn, Scene, Shape};

pub(super) fn write(scene: &Scene) -> String {
    let mut text = String::from("stateDiagram-v2\n");
    if !scene.title.is_empty() {
        text.push_str(&format!("    accTitle: {}\n", escaped(&scene.title)));
    }
    let mut writer = Writer { text, taken: BTreeSet::new() };
    writer.scene(scene, "", 1);
    writer.text
}

struct Writer {
    text: String,
    /// The identifiers in use. All states of a diagram share them, also nested ones.
    taken: BTreeSet<String>,
}

impl Writer {
    fn scene(&mut self, scene: &Scene, prefix: &str, depth: usize) {
        let ids: Vec<_> = scene.nodes.iter().map(|node| self.id(node, prefix)).collect();
        let touched: BTreeSet<_> = scene.lines.iter().flat_map(|line| [&ids[line.from], &ids[line.to]]).collect();
        for (node, id) in scene.nodes.iter().zip(&ids) {
            self.node(node, id, !touched.contains(id), depth);
        }
        for line in &scene.lines {
            let label = if line.label.is_empty() { String::new() } else { format!(": {}", escaped(&line.label)) };
            self.line(depth, &format!("{} --> {}{label}", ids[line.from], ids[line.to]));
        }
    }

    /// Declares a state that needs it: for its name, its children, or because no transition mentions it.
    fn node(&mut self, node: &Drawn, id: &str, is_alone: bool, depth: usize) {
        let name = match node.children.as_slice() {
            [child] => format!("{} > {}", node.name, child.title),
            _ => node.name.clone(),
        };
        let described = if name == id { id.to_owned() } else { format!("state \"{}\" as {id}", escaped(&name)) };
        match node.children.as_slice() {
            [] if name != id && matches!(node.shape, Shape::State | Shape::Any) => self.line(depth, &described),
            [] if is_alone => self.line(depth, id),
            [] => {}
            [child] => {
                self.line(depth, &format!("{described} {{"));
                self.scene(child, id, depth + 1);
                self.line(depth, "}");
            }
            children => {
                let state = if name == id { format!("state {id}") } else { described };
                self.line(depth, &format!("{state} {{"));
                for child in children {
                    let inner = self.free(&format!("{id}_{}", plain(&child.title)));
                    self.line(depth + 1, &format!("state \"{}\" as {inner} {{", escaped(&child.title)));
                    self.scene(child, &inner, depth + 2);
                    self.line(depth + 1, "}");
                }
                self.line(depth, "}");
            }
        }
    }

    fn id(&mut self, node: &Drawn, prefix: &str) -> String {
        let name = match node.shape {
            Shape::Start | Shape::End => return "[*]".into(),
            Shape::Any => "any",
            Shape::State => node.name.as_str(),
        };
        let name = plain(name);
        self.free(&if prefix.is_empty() { name } else { format!("{prefix}_{name}") })
    }

    /// The first identifier that is free: the name, or the name with a number.
    fn free(&mut self, name: &str) -> String {
        let is_reserved = RESERVED.contains(&name.to_lowercase().as_str());
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let first = if is_reserved { format!("{name}_") } else { name.to_owned() };
        let free = core::iter::once(first).chain(numbered).find(|id| !self.taken.contains(id));
        let free = free.expect("numbers do not end");
        self.taken.insert(free.clone());
        free
    }

    fn line(&mut self, depth: usize, line: &str) {
        writeln!(self.text, "{:indent$}{line}", "", indent = 4 * depth).expect("a string takes all");
    }
}

/// A name with characters that any version of Mermaid accepts in an identifier.
fn plain(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(LONGEST).collect();
    let begins = plain.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins { plain } else { format!("s{plain}") }
}

/// Text for a label: Mermaid takes no character here for syntax but letters, digits and some signs.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || " .,_-+/'()=!?".contains(c) => escaped.push(c),
            c if c.is_whitespace() => escaped.push(' '),
            c if c.is_ascii() => escaped.push_str(&format!("#{};", u32::from(c))),
            c => escaped.push(c),
        }
    }
    // Mermaid takes no empty text.
    if escaped.trim().is_empty() { "#8203;".to_owned() } else { escaped.trim().to_owned() }
}

/// Words that Mermaid does not take for a state.
const RESERVED: [&str; 14] = [
    "state",
    "end",
    "note",
    "direction",
    "class",
    "classdef",
    "style",
    "as",
    "hide",
    "scale",
    "click",
    "default",
    "accdescr",
    "acctitle",
];

const LONGEST: usize = 60;
