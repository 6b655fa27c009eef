//! Coordinates. The order of the cells in each row is given, and is kept.

use super::order::{Content, Grid};
use super::rank::Ranking;
use super::{Item, Layout, Link, Part, Route};

pub(super) fn place(grid: &mut Grid, items: &[Item], links: &[Link], ranking: &Ranking) -> Layout {
    sort_ports(grid);
    let mut columns = Columns::new(grid, items, links);
    columns.settle();
    columns.straighten();
    let left = columns.move_to_zero();
    let rows = heights(grid, items, links, &columns.x);
    let height = rows.last().map_or(0.0, |row| row.1);
    let center =
        |item: usize| (columns.x[item], f64::midpoint(rows[grid.cells[item].row].0, rows[grid.cells[item].row].1));
    let routes = (0..links.len()).map(|link| {
        let ends = if ranking.is_reversed[link] {
            (links[link].to, links[link].from)
        } else {
            (links[link].from, links[link].to)
        };
        columns.route(link, ends, &rows, ranking.is_reversed[link])
    });
    Layout { width: left, height, items: (0..items.len()).map(center).collect(), routes: routes.collect() }
}

/// Sorts the neighbours of each item from left to right, so that its arrows do not cross where they leave it.
fn sort_ports(grid: &mut Grid) {
    let position: Vec<_> = grid.cells.iter().map(|cell| cell.position).collect();
    for cell in &mut grid.cells {
        cell.up.sort_by_key(|neighbour| position[*neighbour]);
        cell.down.sort_by_key(|neighbour| position[*neighbour]);
    }
}

/// The horizontal coordinates.
struct Columns<'g> {
    grid: &'g Grid,
    items: &'g [Item],
    /// Where the arrows cross a cell. The middle of an item.
    x: Vec<f64>,
    /// The room that a cell needs to the left and to the right of that.
    room: Vec<(f64, f64)>,
}

impl<'g> Columns<'g> {
    fn new(grid: &'g Grid, items: &'g [Item], links: &[Link]) -> Self {
        let room = |content| match content {
            Content::Item(item) => {
                let item: &Item = &items[item];
                (item.width / 2.0 + BETWEEN_ITEMS, item.width / 2.0 + item.beside + BETWEEN_ITEMS)
            }
            Content::Piece(_) => (BETWEEN_LINKS, BETWEEN_LINKS),
            Content::Label(link) => {
                let width = links[link].label.map_or(0.0, |label| label.0);
                (BETWEEN_LINKS, BESIDE_LINK + width + BETWEEN_LINKS)
            }
        };
        let room: Vec<_> = grid.cells.iter().map(|cell| room(cell.content)).collect();
        let mut columns = Self { grid, items, x: vec![0.0; grid.cells.len()], room };
        for row in &grid.rows {
            let width: f64 = row.iter().map(|cell| columns.room[*cell].0 + columns.room[*cell].1).sum();
            let mut left = -width / 2.0;
            for cell in row {
                columns.x[*cell] = left + columns.room[*cell].0;
                left += columns.room[*cell].0 + columns.room[*cell].1;
            }
        }
        columns
    }

    /// The least distance of two neighbours in a row.
    fn distance(&self, left: usize, right: usize) -> f64 {
        self.room[left].1 + self.room[right].0
    }

    /// How far from the middle of a cell the arrow to its neighbour leaves it.
    fn port(&self, cell: usize, neighbour: usize) -> f64 {
        let Content::Item(item) = self.grid.cells[cell].content else { return 0.0 };
        let item = &self.items[item];
        if item.is_point {
            return 0.0;
        }
        let cells = &self.grid.cells;
        let ports = if cells[neighbour].row < cells[cell].row { &cells[cell].up } else { &cells[cell].down };
        let position = ports.iter().position(|port| *port == neighbour).expect("they are neighbours") as f64;
        let step = PORTS.min((item.width - 2.0 * CORNER) / ports.len() as f64);
        (position - (ports.len() - 1) as f64 / 2.0) * step
    }

    /// Moves the cells to where their neighbours are, row after row: down, up, and so on.
    fn settle(&mut self) {
        let rows = self.grid.rows.len();
        for sweep in 0..SWEEPS {
            let side = match sweep % 2 {
                _ if sweep + 2 >= SWEEPS => Side::Both,
                0 => Side::Up,
                _ => Side::Down,
            };
            for step in 0..rows {
                let row = if sweep % 2 == 0 { step } else { rows - 1 - step };
                self.settle_row(row, side);
            }
        }
    }

    /// Moves the cells of a row as near to their wishes as the distances allow: a regression with least squares.
    fn settle_row(&mut self, row: usize, side: Side) {
        let cells = &self.grid.rows[row];
        // Blocks of cells that touch: the sum of weights, the mean of what they wish, and the number of cells.
        let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(cells.len());
        let mut offsets = Vec::with_capacity(cells.len());
        let mut offset = 0.0;
        for (at, cell) in cells.iter().enumerate() {
            offset += if at == 0 { 0.0 } else { self.distance(cells[at - 1], *cell) };
            offsets.push(offset);
            let (wish, weight) = self.wish(*cell, side);
            let mut block = (weight, wish - offset, 1);
            while let Some(before) = blocks.last().copied().filter(|before| before.1 >= block.1) {
                let weight = before.0 + block.0;
                block = (weight, (before.0 * before.1 + block.0 * block.1) / weight, before.2 + block.2);
                blocks.pop();
            }
            blocks.push(block);
        }
        let starts = blocks.iter().flat_map(|block| core::iter::repeat_n(block.1, block.2));
        for ((cell, start), offset) in cells.iter().zip(starts).zip(offsets) {
            self.x[*cell] = start + offset;
        }
    }

    /// Where a cell wants to be, and how much.
    fn wish(&self, cell: usize, side: Side) -> (f64, f64) {
        let (up, down): (&[usize], &[usize]) = (&self.grid.cells[cell].up, &self.grid.cells[cell].down);
        let neighbours = match side {
            Side::Up if !up.is_empty() => [up, &[]],
            Side::Down if !down.is_empty() => [&[], down],
            Side::Both => [up, down],
            _ => return (self.x[cell], ALONE),
        };
        let (mut sum, mut weights) = (0.0, 0.0);
        for neighbour in neighbours.into_iter().flatten() {
            let weight = self.weight(cell, *neighbour);
            sum += weight * (self.x[*neighbour] + self.port(*neighbour, cell) - self.port(cell, *neighbour));
            weights += weight;
        }
        if weights == 0.0 { (self.x[cell], ALONE) } else { (sum / weights, weights) }
    }

    /// Long arrows should be straight, so their inner pieces hold together most.
    fn weight(&self, cell: usize, neighbour: usize) -> f64 {
        let is_item = |cell: usize| matches!(self.grid.cells[cell].content, Content::Item(_));
        if is_item(cell) || is_item(neighbour) { 1.0 } else { STRAIGHT }
    }

    /// Makes the arrows as straight as their neighbours in the rows leave room for.
    fn straighten(&mut self) {
        for _ in 0..STRAIGHTENINGS {
            for chain in &self.grid.chains {
                self.straighten_chain(chain);
            }
            self.align();
        }
    }

    /// Sets the cells of an arrow to few different places: each as far down as there is a free way.
    fn straighten_chain(&mut self, chain: &[usize]) {
        let (first, last) = (chain[0], chain[chain.len() - 1]);
        let cells = &self.grid.cells;
        let (above, below) = (self.end(cells[first].up[0], first), self.end(cells[last].down[0], last));
        // An item with a single arrow moves to it later, so that the other end decides.
        let upper = &cells[cells[first].up[0]];
        let decides_below = upper.up.is_empty() && upper.down.len() == 1;
        let mut before = if decides_below { below } else { above };
        let mut rest = chain;
        while !rest.is_empty() {
            let (mut low, mut high) = (f64::MIN, f64::MAX);
            let fits = |cell: &&usize| {
                let free = self.free(**cell);
                let (lower, higher) = (low.max(free.0), high.min(free.1));
                if lower <= higher {
                    (low, high) = (lower, higher);
                }
                lower <= higher
            };
            let count = rest.iter().take_while(fits).count();
            if count == 0 {
                // It touches its neighbours, and stays.
                before = self.x[rest[0]];
                rest = &rest[1..];
                continue;
            }
            let (run, behind) = rest.split_at(count);
            rest = behind;
            let is_free = |x: f64| (low..=high).contains(&x);
            let x = match (rest.is_empty(), is_free(before)) {
                (true, false) if is_free(below) => below,
                (true, true) if count < chain.len() && is_free(below) => below,
                _ => before.clamp(low, high),
            };
            run.iter().for_each(|cell| self.x[*cell] = x);
            before = x;
        }
    }

    /// Moves items with a single arrow above or below to where that is straight.
    fn align(&mut self) {
        for item in 0..self.items.len() {
            let cell = &self.grid.cells[item];
            let single = match (cell.up.as_slice(), cell.down.as_slice()) {
                ([single], []) | ([], [single]) => *single,
                ([above], [_, ..]) if (self.x[*above] - self.x[item]).abs() < NEARLY => *above,
                _ => continue,
            };
            let free = self.free(item);
            if free.0 <= free.1 {
                self.x[item] = self.x[single].clamp(free.0, free.1);
            }
        }
    }

    /// Where the arrow to a cell leaves an item.
    fn end(&self, item: usize, cell: usize) -> f64 {
        self.x[item] + self.port(item, cell)
    }

    /// How far a cell can be moved between its neighbours.
    fn free(&self, cell: usize) -> (f64, f64) {
        let row = &self.grid.rows[self.grid.cells[cell].row];
        let position = self.grid.cells[cell].position;
        let left = position.checked_sub(1).map(|at| self.x[row[at]] + self.distance(row[at], cell));
        let right = row.get(position + 1).map(|next| self.x[*next] - self.distance(cell, *next));
        (left.unwrap_or(f64::MIN), right.unwrap_or(f64::MAX))
    }

    /// Moves everything to begin at zero. Returns the width.
    fn move_to_zero(&mut self) -> f64 {
        let cells = || self.x.iter().zip(&self.room);
        let left = cells().map(|(x, room)| x - room.0).fold(f64::MAX, f64::min);
        let right = cells().map(|(x, room)| x + room.1).fold(f64::MIN, f64::max);
        self.x.iter_mut().for_each(|x| *x -= left);
        if right > left { right - left } else { 0.0 }
    }

    /// The way of a link from its upper item to its lower one, or back.
    fn route(&self, link: usize, (upper, lower): (usize, usize), rows: &[(f64, f64)], is_reversed: bool) -> Route {
        let chain = &self.grid.chains[link];
        let row = |cell: usize| rows[self.grid.cells[cell].row];
        let half = |item: usize| self.items[item].height / 2.0;
        let middle = |item: usize| f64::midpoint(row(item).0, row(item).1);
        let (first, last) = (chain[0], chain[chain.len() - 1]);
        let mut parts = vec![Part {
            x: self.x[upper] + self.port(upper, first),
            from: middle(upper) + half(upper),
            to: row(upper).1,
        }];
        parts.extend(chain.iter().map(|cell| Part { x: self.x[*cell], from: row(*cell).0, to: row(*cell).1 }));
        parts.push(Part {
            x: self.x[lower] + self.port(lower, last),
            from: row(lower).0,
            to: middle(lower) - half(lower),
        });
        if is_reversed {
            parts.reverse();
            parts.iter_mut().for_each(|part| (part.from, part.to) = (part.to, part.from));
        }
        let labelled = chain.iter().find(|cell| matches!(self.grid.cells[**cell].content, Content::Label(_)));
        let label = labelled.map(|cell| (self.x[*cell] + BESIDE_LINK, f64::midpoint(row(*cell).0, row(*cell).1)));
        Route { parts, label }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Up,
    Down,
    Both,
}

/// The top and the bottom of each row. Where arrows go far to the side, rows are further apart.
fn heights(grid: &Grid, items: &[Item], links: &[Link], x: &[f64]) -> Vec<(f64, f64)> {
    let height = |cell: &usize| match grid.cells[*cell].content {
        Content::Item(item) => items[item].height,
        Content::Piece(_) => 0.0,
        Content::Label(link) => links[link].label.map_or(0.0, |label| label.1),
    };
    let mut rows: Vec<(f64, f64)> = Vec::with_capacity(grid.rows.len());
    for row in &grid.rows {
        let sideways =
            row.iter().flat_map(|cell| grid.cells[*cell].up.iter().map(|above| (x[*above] - x[*cell]).abs()));
        let gap = (NEAR + sideways.fold(0.0, f64::max) * SLOPE).min(FAR);
        let top = rows.last().map_or(0.0, |above| above.1 + gap);
        rows.push((top, top + row.iter().map(height).fold(0.0, f64::max)));
    }
    rows
}

/// The room beside an item, an arrow, and between an arrow and its label.
const BETWEEN_ITEMS: f64 = 14.0;
const BETWEEN_LINKS: f64 = 8.0;
const BESIDE_LINK: f64 = 5.0;
/// The distance of the arrows that leave an item, and how near they come to its corners.
const PORTS: f64 = 22.0;
const CORNER: f64 = 6.0;
/// The distance of rows.
const NEAR: f64 = 15.0;
const FAR: f64 = 56.0;
const SLOPE: f64 = 0.1;
const SWEEPS: usize = 20;
const STRAIGHT: f64 = 8.0;
const STRAIGHTENINGS: usize = 3;
/// An item that is so near to its arrow is moved below it.
const NEARLY: f64 = 6.0;
const ALONE: f64 = 0.5;
