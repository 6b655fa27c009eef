//! Coordinates. The order of the cells in each row is given, and is kept.

use super::order::{Content, Grid};
use super::{Item, Layout, Link, Part, Route};

pub(super) fn place(grid: &mut Grid, items: &[Item], links: &[Link]) -> Layout {
    sort_ports(grid);
    let mut columns = Columns::new(grid, items, links);
    columns.settle();
    columns.straighten();
    let left = columns.move_to_zero();
    let rows = heights(grid, items, links, &columns.x);
    let height = rows.last().map_or(0.0, |row| row.1);
    let center =
        |item: usize| (columns.x[item], f64::midpoint(rows[grid.cells[item].row].0, rows[grid.cells[item].row].1));
    let routes = links.iter().enumerate().map(|(at, link)| columns.route(at, link, &rows));
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
        // They are sorted by their places in the row.
        let position = ports.partition_point(|port| cells[*port].position < cells[neighbour].position) as f64;
        let step = PORTS.min((item.width - 2.0 * CORNER) / ports.len() as f64);
        // An arrow that goes on alone leaves from the middle, rather than one that joins others.
        let middle = match (ports.len() / 2, ports.len() % 2) {
            (right, 0) if self.joins(ports[right]) && !self.joins(ports[right - 1]) => right as f64 - 1.0,
            (right, 0) if self.joins(ports[right - 1]) && !self.joins(ports[right]) => right as f64,
            _ => (ports.len() - 1) as f64 / 2.0,
        };
        (position - middle) * step
    }

    /// Whether the arrow of a cell next to an item meets others in the next row.
    fn joins(&self, cell: usize) -> bool {
        let cell = &self.grid.cells[cell];
        cell.up.iter().chain(&cell.down).any(|neighbour| self.is_shared(*neighbour))
    }

    fn is_shared(&self, cell: usize) -> bool {
        let cell = &self.grid.cells[cell];
        !matches!(cell.content, Content::Item(_)) && cell.up.len().max(cell.down.len()) > 1
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
        if is_item(cell) || is_item(neighbour) {
            1.0
        } else if self.is_shared(cell) != self.is_shared(neighbour) {
            // Arrows that join come from the side.
            0.0
        } else {
            STRAIGHT
        }
    }

    /// Makes the arrows as straight as their neighbours in the rows leave room for.
    fn straighten(&mut self) {
        for number in 0..=STRAIGHTENINGS {
            for run in &self.grid.runs {
                self.straighten_run(run);
            }
            if number < STRAIGHTENINGS {
                self.align();
            }
        }
    }

    /// Sets the cells of an arrow to few different places: each as far down as there is a free way.
    fn straighten_run(&mut self, run: &[usize]) {
        let (first, last) = (run[0], run[run.len() - 1]);
        let cells = &self.grid.cells;
        let (above, below) = (self.end(cells[first].up[0], first), self.end(cells[last].down[0], last));
        // An item with a single arrow moves to it later, so that the other end decides.
        let upper = &cells[cells[first].up[0]];
        let decides_below = upper.up.is_empty() && upper.down.len() == 1;
        let mut before = if decides_below { below } else { above };
        let mut rest = run;
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
            let (straight, behind) = rest.split_at(count);
            rest = behind;
            let is_free = |x: f64| (low..=high).contains(&x);
            let x = match (rest.is_empty(), is_free(before)) {
                (true, false) if is_free(below) => below,
                (true, true) if count < run.len() && is_free(below) => below,
                _ => before.clamp(low, high),
            };
            straight.iter().for_each(|cell| self.x[*cell] = x);
            before = x;
        }
    }

    /// Moves items with a single arrow above or below to where that is straight.
    fn align(&mut self) {
        for item in 0..self.items.len() {
            let cell = &self.grid.cells[item];
            let target = match (cell.up.as_slice(), cell.down.as_slice()) {
                ([single], []) | ([], [single]) => self.x[*single],
                ([above], [_, ..]) => {
                    let target = self.source(*above);
                    if (target - self.x[item]).abs() > NEARLY {
                        continue;
                    }
                    target
                }
                _ => continue,
            };
            let free = self.free(item);
            if free.0 <= free.1 {
                self.x[item] = target.clamp(free.0, free.1);
            }
        }
    }

    /// Where an arrow comes from that reaches an item through this cell.
    fn source(&self, cell: usize) -> f64 {
        match self.grid.cells[cell].up.as_slice() {
            [above] if matches!(self.grid.cells[*above].content, Content::Item(_)) => self.end(*above, cell),
            _ => self.x[cell],
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

    /// The way of a link, up or down. It ends where it meets another one that leads on to the same item.
    fn route(&self, link: usize, ends: &Link, rows: &[(f64, f64)]) -> Route {
        let chain = &self.grid.chains[link];
        let row = |cell: usize| rows[self.grid.cells[cell].row];
        let half = |item: usize| self.items[item].height / 2.0;
        let middle = |item: usize| f64::midpoint(row(item).0, row(item).1);
        let is_down = self.grid.cells[ends.from].row < self.grid.cells[ends.to].row;
        // The near and the far side of a row, and a box's side.
        let sides = |cell: usize| if is_down { row(cell) } else { (row(cell).1, row(cell).0) };
        let leaves = |item: usize| if is_down { middle(item) + half(item) } else { middle(item) - half(item) };
        let enters = |item: usize| if is_down { middle(item) - half(item) } else { middle(item) + half(item) };
        let (first, last) = (chain[0], chain[chain.len() - 1]);
        let mut parts = vec![Part { x: self.end(ends.from, first), from: leaves(ends.from), to: sides(ends.from).1 }];
        let part = |cell: &usize| Part { x: self.x[*cell], from: sides(*cell).0, to: sides(*cell).1 };
        let is_joined = self.grid.runs[link].len() < chain.len();
        if is_joined {
            parts.extend(chain.iter().take(2).map(part));
            let meets = &mut parts[2];
            meets.to = meets.from;
        } else {
            parts.extend(chain.iter().map(part));
            parts.push(Part { x: self.end(ends.to, last), from: sides(ends.to).0, to: enters(ends.to) });
        }
        let is_labelled = |cell: &&usize| self.grid.cells[**cell].content == Content::Label(link);
        let label = chain.iter().find(is_labelled);
        let label = label.map(|cell| (self.x[*cell] + BESIDE_LINK, f64::midpoint(row(*cell).0, row(*cell).1)));
        Route { parts, label, is_joined }
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
