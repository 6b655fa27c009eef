//! The sizes of states, from the innermost to the outermost.

use super::super::layout::{Item, Layout, Link, lay_out};
use super::super::scene::{Drawn, Line, Scene, Shape};
use super::shapes::LOOP;
use super::text::{LABEL, STATE, cut, wrapped};

/// A machine that is laid out.
pub(super) struct Measured {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) layout: Layout,
    pub(super) nodes: Vec<Node>,
    /// The text beside each line of the scene, in lines.
    pub(super) labels: Vec<Vec<String>>,
    /// The index of the route of each line. A line from a node to itself has no route, but a number among such lines.
    pub(super) routes: Vec<usize>,
}

pub(super) struct Node {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) name: String,
    pub(super) children: Vec<Nested>,
    /// How far the middle of each arrow from the box to itself is below that of the box.
    loops: Vec<f64>,
}

/// A machine in a state. The place counts from the state's corner.
pub(super) struct Nested {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// The machine's name, if the state has several.
    pub(super) name: Option<String>,
    pub(super) drawing: Measured,
}

pub(super) fn measured(scene: &Scene) -> Measured {
    let loops = loops(scene);
    let of = |(at, node): (usize, &Drawn)| {
        Node::of(node, &loops[at].iter().map(|line| &scene.lines[*line]).collect::<Vec<_>>())
    };
    let nodes: Vec<_> = scene.nodes.iter().enumerate().map(of).collect();
    let labels: Vec<_> = scene.lines.iter().map(|line| wrapped(&line.label)).collect();
    let label_size = |at: usize| {
        let widest = labels[at].iter().map(|line| LABEL.width(line)).fold(0.0, f64::max);
        (widest, labels[at].len() as f64 * LABEL_HEIGHT + 2.0)
    };
    let item = |(at, node): (usize, &Node)| {
        let beside = loops[at].iter().map(|line| LOOP + label_size(*line).0).fold(0.0, f64::max);
        let is_point = matches!(scene.nodes[at].shape, Shape::Start | Shape::End);
        Item { width: node.width, height: node.height, beside, is_point }
    };
    let items: Vec<_> = nodes.iter().enumerate().map(item).collect();
    let (mut links, mut routes) = (Vec::new(), Vec::new());
    for (at, line) in scene.lines.iter().enumerate() {
        if is_loop(line) {
            routes.push(loops[line.from].partition_point(|other| *other < at));
        } else {
            routes.push(links.len());
            let label = Some(label_size(at)).filter(|_| !labels[at].is_empty());
            let look = line.standing as u8 * 2 + u8::from(line.is_dashed);
            links.push(Link { from: line.from, to: line.to, label, look });
        }
    }
    let layout = lay_out(&items, &links);
    Measured { width: layout.width, height: layout.height, layout, nodes, labels, routes }
}

const fn is_loop(line: &Line) -> bool {
    line.from == line.to
}

/// The lines from each node to itself, by their index.
fn loops(scene: &Scene) -> Vec<Vec<usize>> {
    let mut loops = vec![Vec::new(); scene.nodes.len()];
    let lines = scene.lines.iter().enumerate().filter(|(_, line)| is_loop(line));
    lines.for_each(|(at, line)| loops[line.from].push(at));
    loops
}

impl Node {
    fn of(node: &Drawn, loops: &[&Line]) -> Self {
        let point = |width| Self { width, height: width, name: String::new(), children: Vec::new(), loops: Vec::new() };
        match node.shape {
            Shape::Start => point(14.0),
            Shape::End => point(18.0),
            Shape::Any | Shape::State => Self::state(node, loops),
        }
    }

    fn state(node: &Drawn, lines: &[&Line]) -> Self {
        let name = match node.children.as_slice() {
            [child] => cut(&format!("{} > {}", node.name, child.title)),
            _ => cut(&node.name),
        };
        let width = STATE.width(&name) + 2.0 * PADDING;
        let (mut loops, mut height) = (Vec::new(), 0.0);
        for line in lines {
            let own = (wrapped(&line.label).len() as f64 * LABEL_HEIGHT + 6.0).max(LOOP_HEIGHT);
            loops.push(height + own / 2.0);
            height += own;
        }
        loops.iter_mut().for_each(|middle| *middle -= height / 2.0);
        let height = HEIGHT.max(height + 8.0);
        let (children, inner_width, inner_height) = placed(&node.children);
        if children.is_empty() {
            return Self { width: width.max(NARROWEST), height, name, children, loops };
        }
        let mut whole = Self { width: width.max(inner_width), height: height.max(inner_height), name, children, loops };
        // In the middle, if the name is wider.
        let shift = (whole.width - inner_width) / 2.0;
        whole.children.iter_mut().for_each(|child| child.x += shift);
        whole
    }

    /// The height of the middle of an arrow from the box to itself, if that of the box is given.
    pub(super) fn loop_height(&self, center: f64, number: usize) -> f64 {
        center + self.loops[number]
    }
}

/// Children side by side, below the name of the state, and the size of that.
fn placed(scenes: &[Scene]) -> (Vec<Nested>, f64, f64) {
    let has_several = scenes.len() > 1;
    let (mut x, mut height) = (PADDING, 0.0_f64);
    let mut children = Vec::new();
    for scene in scenes {
        let drawing = measured(scene);
        let name = has_several.then(|| cut(&scene.title));
        let name_width = name.as_deref().map_or(0.0, |name| LABEL.width(name));
        let mut child = Nested { x, y: TITLE_BAR, width: 0.0, height: 0.0, name, drawing };
        let inset = child.inset();
        child.width = child.drawing.width.max(name_width) + 2.0 * inset.0;
        child.height = child.drawing.height + inset.1 + inset.0;
        x += child.width + PADDING;
        height = height.max(child.height);
        children.push(child);
    }
    (children, x, TITLE_BAR + height + PADDING)
}

impl Nested {
    /// Where the drawing begins, from the corner of the region that it has if there are several.
    pub(super) const fn inset(&self) -> (f64, f64) {
        if self.name.is_some() { (PADDING, TITLE_BAR) } else { (0.0, 0.0) }
    }
}

/// The height of the name of a state that contains others.
pub(super) const TITLE_BAR: f64 = 28.0;
const HEIGHT: f64 = 32.0;
const NARROWEST: f64 = 56.0;
const PADDING: f64 = 12.0;
/// The height of a line of a label.
pub(super) const LABEL_HEIGHT: f64 = 13.0;
const LOOP_HEIGHT: f64 = 24.0;
