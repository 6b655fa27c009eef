//! [`Scene`]: what is drawn of a graph, for all renderings. Transitions that look the same are one line.

use std::collections::{HashMap, HashSet};

use super::model::{Comparison, Edge, Model, Spot, Standing, TransitionKind};

/// The drawing of a machine, or of a child in a state.
pub(super) struct Scene {
    pub(super) title: String,
    pub(super) nodes: Vec<Drawn>,
    pub(super) lines: Vec<Line>,
}

/// A node of the drawing.
pub(super) struct Drawn {
    pub(super) shape: Shape,
    pub(super) name: String,
    pub(super) is_unseen: bool,
    /// What it contains. Empty for most states.
    pub(super) children: Vec<Scene>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Start,
    Any,
    State,
    End,
}

/// One or more transitions between the same nodes, by their index.
pub(super) struct Line {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: String,
    pub(super) is_dashed: bool,
    pub(super) standing: Standing,
}

pub(super) fn scene(model: &Model) -> Scene {
    let spots = spots(model);
    let index: HashMap<_, _> = spots.iter().enumerate().map(|(at, spot)| (*spot, at)).collect();
    let find = |spot: Spot| *index.get(&spot).expect("each end of an edge is drawn");
    let comparison = Comparison::new(model);
    let has_counts = comparison.has_seen;
    let seen = model.edges.iter().filter(|edge| edge.seen > 0);
    let seen: HashSet<_> = seen.flat_map(|edge| [edge.from, edge.to]).collect();
    let nodes = spots.iter().map(|spot| drawn(model, *spot, has_counts && !seen.contains(spot))).collect();
    let mut lines: Vec<Line> = Vec::new();
    let mut line_of = HashMap::new();
    let mut edges: Vec<&Edge> = model.edges.iter().collect();
    // By the nodes' order: that of the declaration, and a start before it.
    edges.sort_by_key(|edge| find(edge.from));
    for edge in edges {
        let (from, to) = (find(edge.from), find(edge.to));
        let standing = comparison.standing(edge);
        // A declaration that was seen as transitions of other kinds is not drawn beside them.
        if has_counts && edge.seen == 0 && standing == Standing::Fine && edge.label.is_empty() && edge.from != Spot::Any
        {
            continue;
        }
        let is_dashed = !edge.kind.is_regular();
        let text = text(edge, has_counts, standing);
        let at = *line_of.entry((from, to, is_dashed, standing)).or_insert(lines.len());
        match lines.get_mut(at) {
            Some(line) => {
                let parts = [&line.label, &text].into_iter().filter(|part| !part.is_empty());
                line.label = parts.map(String::as_str).collect::<Vec<_>>().join(", ");
            }
            None => lines.push(Line { from, to, label: text, is_dashed, standing }),
        }
    }
    Scene { title: shown(&model.name), nodes, lines }
}

/// What is drawn: the states, and the other nodes that a transition touches.
fn spots(model: &Model) -> Vec<Spot> {
    let is_used = |spot: &Spot| model.edges.iter().any(|edge| edge.from == *spot || edge.to == *spot);
    let states = (0..model.states.len()).map(Spot::State);
    let before = [Spot::Start].into_iter().filter(is_used);
    let behind = [Spot::Any, Spot::End].into_iter().filter(is_used);
    before.chain(states).chain(behind).collect()
}

fn drawn(model: &Model, spot: Spot, is_unseen: bool) -> Drawn {
    let (shape, children) = match spot {
        Spot::Start => (Shape::Start, Vec::new()),
        Spot::Any => (Shape::Any, Vec::new()),
        Spot::State(at) => (Shape::State, model.states[at].children.iter().map(scene).collect()),
        Spot::End => (Shape::End, Vec::new()),
    };
    let is_unseen = is_unseen && shape == Shape::State;
    Drawn { shape, name: shown(model.name_of(spot)), is_unseen, children }
}

/// A text as all renderings show it. Only a line feed is left of the control characters.
///
/// Characters that no text should contain, or that XML forbids, are replaced. So are those that change the direction of
/// the text around them: with them, a name could read as another one.
fn shown(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' => c,
        c if c.is_whitespace() => ' ',
        c if c.is_control() || is_noncharacter(c) || is_bidi_control(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}

const fn is_noncharacter(c: char) -> bool {
    c as u32 & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}')
}

const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn text(edge: &Edge, has_counts: bool, standing: Standing) -> String {
    let kind = match edge.kind {
        TransitionKind::Stayed if has_counts => "stays".to_owned(),
        kind if kind.is_regular() => String::new(),
        kind => kind.to_string(),
    };
    let count = match (has_counts, edge.seen) {
        (false, _) => String::new(),
        (true, 0) if standing == Standing::Unseen => "never seen".into(),
        (true, 0) => String::new(),
        (true, seen) => seen.to_string(),
    };
    let counted = [kind, count].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let note = if standing == Standing::Undeclared { "not declared" } else { "" };
    let label = shown(&edge.label);
    let parts = [label.as_str(), &counted, note];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}
