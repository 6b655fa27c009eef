//! A layered layout: boxes in rows, arrows from row to row.
//!
//! ```text
//!  rank.rs    reverses some arrows, so that there are no circles, and gives each box a rank
//!  trunks.rs  lets arrows share their way
//!  order.rs   cuts the arrows into cells, one for each row that they cross, and orders the cells of each row
//!  place.rs   finds the coordinates
//! ```
//!
//! Boxes are in the even rows. An arrow has a cell in each row between its boxes, and its label stands in one of those, so
//! that there is a row for labels between any two rows of boxes. Cells of a row do not overlap, and neither do rows. An arrow
//! crosses a row straight down its own cell, and curves only between rows. So whatever the graph: a label meets no box, no
//! other label and no arrow, and an arrow meets no box but its own.
//!
//! Sources: Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981); Gansner,
//! Koutsofios, North and Vo, "A technique for drawing directed graphs" (1993), for ports and labels.

mod order;
mod place;
mod rank;
mod trunks;

use self::order::Grid;

/// A box to lay out.
#[derive(Clone, Copy)]
pub(super) struct Item {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Room to the right of the box, for arrows from it to itself.
    pub(super) beside: f64,
    /// Whether all arrows meet in its middle.
    pub(super) is_point: bool,
}

/// An arrow between two boxes, with the size of its label.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: Option<(f64, f64)>,
    /// Many long arrows of one look to one box share their way.
    pub(super) look: u8,
}

/// Where everything is. The origin is at the top left.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The middle of each box.
    pub(super) items: Vec<(f64, f64)>,
    pub(super) routes: Vec<Route>,
}

/// The way of an arrow.
#[derive(Clone, Default)]
pub(super) struct Route {
    /// The straight parts, in the order of the arrow.
    pub(super) parts: Vec<Part>,
    /// The left end and the middle of the height of the label.
    pub(super) label: Option<(f64, f64)>,
    /// Whether it ends where it meets another arrow to the same box.
    pub(super) is_joined: bool,
}

/// A vertical line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) x: f64,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// Lays out boxes and arrows. No arrow may lead from a box to itself.
pub(super) fn lay_out(items: &[Item], links: &[Link]) -> Layout {
    let parts = connected(items.len(), links);
    let layouts: Vec<_> = parts.iter().map(|part| lay_out_connected(part, items, links)).collect();
    let mut whole = Layout {
        items: vec![(0.0, 0.0); items.len()],
        routes: vec![Route::default(); links.len()],
        ..Layout::default()
    };
    for ((part, layout), (x, y)) in parts.iter().zip(&layouts).zip(packed(&layouts)) {
        whole.width = whole.width.max(x + layout.width);
        whole.height = whole.height.max(y + layout.height);
        for (item, at) in part.items.iter().zip(&layout.items) {
            whole.items[*item] = (at.0 + x, at.1 + y);
        }
        for (link, route) in part.links.iter().zip(&layout.routes) {
            whole.routes[*link] = route.moved(x, y);
        }
    }
    whole
}

impl Route {
    fn moved(&self, x: f64, y: f64) -> Self {
        let parts = self.parts.iter().map(|part| Part { x: part.x + x, from: part.from + y, to: part.to + y });
        let label = self.label.map(|label| (label.0 + x, label.1 + y));
        Self { parts: parts.collect(), label, is_joined: self.is_joined }
    }
}

/// A connected part of the graph, by index.
struct Connected {
    items: Vec<usize>,
    links: Vec<usize>,
}

fn connected(count: usize, links: &[Link]) -> Vec<Connected> {
    let mut neighbours = vec![Vec::new(); count];
    for link in links {
        neighbours[link.from].push(link.to);
        neighbours[link.to].push(link.from);
    }
    let mut part_of = vec![usize::MAX; count];
    let mut parts: Vec<Connected> = Vec::new();
    for first in 0..count {
        if part_of[first] != usize::MAX {
            continue;
        }
        part_of[first] = parts.len();
        let mut waiting = vec![first];
        while let Some(item) = waiting.pop() {
            for next in &neighbours[item] {
                if part_of[*next] == usize::MAX {
                    part_of[*next] = parts.len();
                    waiting.push(*next);
                }
            }
        }
        parts.push(Connected { items: Vec::new(), links: Vec::new() });
    }
    (0..count).for_each(|item| parts[part_of[item]].items.push(item));
    (0..links.len()).for_each(|link| parts[part_of[links[link].from]].links.push(link));
    parts
}

fn lay_out_connected(part: &Connected, items: &[Item], links: &[Link]) -> Layout {
    let mut index = vec![0; items.len()];
    part.items.iter().enumerate().for_each(|(at, item)| index[*item] = at);
    let items: Vec<_> = part.items.iter().map(|item| items[*item]).collect();
    let own = |link: &usize| {
        let link = links[*link];
        Link { from: index[link.from], to: index[link.to], ..link }
    };
    let links: Vec<_> = part.links.iter().map(own).collect();
    let ranking = rank::rank(items.len(), &links);
    let mut grid = Grid::new(&items, &links, &ranking);
    grid.reduce_crossings();
    place::place(&mut grid, &items, &links)
}

/// Where the parts go: in rows, so that the whole is a little wider than high.
fn packed(layouts: &[Layout]) -> Vec<(f64, f64)> {
    let area: f64 = layouts.iter().map(|layout| (layout.width + GAP) * (layout.height + GAP)).sum();
    let widest = layouts.iter().map(|layout| layout.width).fold(0.0, f64::max);
    let width = widest.max((1.5 * area).sqrt());
    let (mut x, mut y, mut row) = (0.0, 0.0, 0.0);
    let place = |layout: &Layout| {
        if x > 0.0 && x + layout.width > width {
            (x, y, row) = (0.0, y + row + GAP, 0.0);
        }
        let at = (x, y);
        (x, row) = (x + layout.width + GAP, layout.height.max(row));
        at
    };
    layouts.iter().map(place).collect()
}

/// Between parts that are not connected.
const GAP: f64 = 28.0;
