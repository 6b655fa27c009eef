//! The order of the cells of each row, with few crossings.

use std::collections::BTreeMap;

use super::rank::Ranking;
use super::trunks::Trunks;
use super::{Item, Link};

/// Rows of cells.
pub(super) struct Grid {
    pub(super) cells: Vec<Cell>,
    /// The cells of each row, from left to right.
    pub(super) rows: Vec<Vec<usize>>,
    /// The cells of each link between its items, from its beginning to its end, or to where it meets its trunk.
    pub(super) chains: Vec<Vec<usize>>,
    /// Cells that should be below each other, from top to bottom.
    pub(super) runs: Vec<Vec<usize>>,
}

/// A box, or a piece of an arrow.
pub(super) struct Cell {
    pub(super) row: usize,
    /// The index in the row.
    pub(super) position: usize,
    pub(super) content: Content,
    /// The neighbours in the rows above and below.
    pub(super) up: Vec<usize>,
    pub(super) down: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Content {
    Item(usize),
    /// A piece of this link.
    Piece(usize),
    /// A piece of this link, with its label.
    Label(usize),
}

impl Grid {
    /// Cuts the links into cells. The first cells are the items.
    pub(super) fn new(items: &[Item], links: &[Link], ranking: &Ranking) -> Self {
        let mut grid = Self { cells: Vec::new(), rows: Vec::new(), chains: Vec::new(), runs: Vec::new() };
        for item in 0..items.len() {
            grid.add(2 * ranking.rank[item], Content::Item(item));
        }
        let trunks = Trunks::new(links, ranking);
        let mut cells_of_trunks = BTreeMap::new();
        for (at, link) in links.iter().enumerate() {
            let (from, to) = (2 * ranking.rank[link.from], 2 * ranking.rank[link.to]);
            let count = from.abs_diff(to) - 1;
            let trunk = trunks.of(at);
            // The row for labels in the middle, or next to the box if the way is shared.
            let label = link.label.map(|_| if trunk.is_some() { 0 } else { count / 4 * 2 });
            let (mut chain, mut meets) = (Vec::new(), false);
            for step in 0..count {
                let row = if from < to { from + 1 + step } else { from - 1 - step };
                let shared = trunk.filter(|_| step > 0).map(|trunk| (trunk, row));
                let known = shared.and_then(|place| cells_of_trunks.get(&place).copied());
                let content = if label == Some(step) { Content::Label(at) } else { Content::Piece(at) };
                let cell = known.unwrap_or_else(|| grid.add(row, content));
                chain.push(cell);
                if let Some(place) = shared {
                    cells_of_trunks.insert(place, cell);
                }
                // From here on, an earlier link has made the trunk.
                meets = known.is_some() && !trunks.is_longest(at);
                if meets {
                    break;
                }
            }
            grid.connect(link, &chain, !meets);
            grid.chains.push(chain);
        }
        grid.runs = grid.chains.clone();
        grid.shorten_shared_runs(&trunks);
        grid.begin();
        grid
    }

    /// Makes the cells of a link neighbours, unless they are already. The item at its end is one of them if it goes there.
    fn connect(&mut self, link: &Link, chain: &[usize], goes_on: bool) {
        let end = goes_on.then_some(link.to);
        let way: Vec<_> = [link.from].iter().chain(chain).chain(&end).copied().collect();
        for pair in way.windows(2) {
            let is_down = self.cells[pair[0]].row < self.cells[pair[1]].row;
            let (above, below) = if is_down { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
            let (down, up) = (&self.cells[above].down, &self.cells[below].up);
            let is_known = if down.len() < up.len() { down.contains(&below) } else { up.contains(&above) };
            if !is_known {
                self.cells[above].down.push(below);
                self.cells[below].up.push(above);
            }
        }
    }

    /// Runs from top to bottom, in which each cell is once: a link has its own part, and its longest one has the trunk.
    fn shorten_shared_runs(&mut self, trunks: &Trunks) {
        for (link, run) in self.runs.iter_mut().enumerate() {
            if trunks.of(link).is_some() && !trunks.is_longest(link) {
                run.truncate(1);
            }
            if run.first().zip(run.last()).is_some_and(|(first, last)| self.cells[*first].row > self.cells[*last].row) {
                run.reverse();
            }
        }
    }

    fn add(&mut self, row: usize, content: Content) -> usize {
        if self.rows.len() <= row {
            self.rows.resize(row + 1, Vec::new());
        }
        let (cell, position) = (self.cells.len(), self.rows[row].len());
        self.rows[row].push(cell);
        self.cells.push(Cell { row, position, content, up: Vec::new(), down: Vec::new() });
        cell
    }

    /// Orders the rows as a walk from the top meets their cells: neighbours stay together.
    fn begin(&mut self) {
        let mut is_met = vec![false; self.cells.len()];
        let mut met = vec![Vec::new(); self.rows.len()];
        let tops = self.rows.iter().flatten().copied().filter(|cell| self.cells[*cell].up.is_empty());
        let mut waiting: Vec<_> = tops.collect();
        waiting.reverse();
        while let Some(cell) = waiting.pop() {
            if !core::mem::replace(&mut is_met[cell], true) {
                met[self.cells[cell].row].push(cell);
                waiting.extend(self.cells[cell].down.iter().rev());
            }
        }
        self.set(met);
    }

    fn set(&mut self, rows: Vec<Vec<usize>>) {
        self.rows = rows;
        (0..self.rows.len()).for_each(|row| self.number(row));
    }

    fn number(&mut self, row: usize) {
        for (position, cell) in self.rows[row].iter().enumerate() {
            self.cells[*cell].position = position;
        }
    }

    /// Moves each cell to the mean of its neighbours, down the rows and up again, and keeps the best order.
    pub(super) fn reduce_crossings(&mut self) {
        let mut best = (self.crossings(), self.rows.clone());
        let mut in_vain = 0;
        for round in 0..ROUNDS {
            if best.0 == 0 || in_vain == PATIENCE {
                break;
            }
            let is_down = round % 2 == 0;
            for step in 1..self.rows.len() {
                let row = if is_down { step } else { self.rows.len() - 1 - step };
                self.sort(row, is_down, round % 4 >= 2);
            }
            if self.cells.len() < SMALL {
                self.exchange();
            }
            let crossings = self.crossings();
            in_vain += 1;
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
                in_vain = 0;
            }
        }
        self.set(best.1);
    }

    /// Sorts a row by the mean position of the neighbours in the row before.
    fn sort(&mut self, row: usize, is_down: bool, turns_ties: bool) {
        let key = |cell: &usize| {
            let cell = &self.cells[*cell];
            let neighbours = if is_down { &cell.up } else { &cell.down };
            let sum: usize = neighbours.iter().map(|neighbour| self.cells[*neighbour].position).sum();
            if neighbours.is_empty() { cell.position as f64 } else { sum as f64 / neighbours.len() as f64 }
        };
        let mut keyed: Vec<_> = self.rows[row].iter().map(|cell| (key(cell), *cell)).collect();
        if turns_ties {
            keyed.reverse();
        }
        keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
        self.rows[row] = keyed.into_iter().map(|(_, cell)| cell).collect();
        self.number(row);
    }

    /// Exchanges neighbours in a row as long as that removes crossings.
    fn exchange(&mut self) {
        for _ in 0..EXCHANGES {
            let mut has_changed = false;
            for row in 0..self.rows.len() {
                for left in 1..self.rows[row].len() {
                    let (one, other) = (self.rows[row][left - 1], self.rows[row][left]);
                    if self.crossings_of(other, one) < self.crossings_of(one, other) {
                        self.rows[row].swap(left - 1, left);
                        (self.cells[one].position, self.cells[other].position) = (left, left - 1);
                        has_changed = true;
                    }
                }
            }
            if !has_changed {
                return;
            }
        }
    }

    /// The crossings of the links of two cells, if the first is to the left of the second.
    fn crossings_of(&self, left: usize, right: usize) -> usize {
        let (left, right) = (&self.cells[left], &self.cells[right]);
        let position = |cell: &usize| self.cells[*cell].position;
        let count = |left: &[usize], right: &[usize]| -> usize {
            left.iter().map(|one| right.iter().filter(|other| position(other) < position(one)).count()).sum()
        };
        count(&left.up, &right.up) + count(&left.down, &right.down)
    }

    fn crossings(&self) -> usize {
        (1..self.rows.len()).map(|row| self.crossings_above(row)).sum()
    }

    /// The crossings between a row and the one above: the pairs of links whose ends are in different orders.
    fn crossings_above(&self, row: usize) -> usize {
        let width = self.rows[row - 1].len();
        // How many links have been met at each position above, as a tree of sums.
        let mut sums = vec![0_usize; width + 1];
        let (mut crossings, mut met) = (0, 0);
        let mut ends = Vec::new();
        for cell in &self.rows[row] {
            ends.clear();
            ends.extend(self.cells[*cell].up.iter().map(|above| self.cells[*above].position));
            for end in &ends {
                let mut at = end + 1;
                let mut to_the_left = 0;
                while at > 0 {
                    to_the_left += sums[at];
                    at &= at - 1;
                }
                crossings += met - to_the_left;
            }
            for end in &ends {
                let mut at = end + 1;
                while at <= width {
                    sums[at] += 1;
                    at += at & at.wrapping_neg();
                }
            }
            met += ends.len();
        }
        crossings
    }
}

const ROUNDS: usize = 32;
/// Rounds without a better order, before it gives up.
const PATIENCE: usize = 6;
/// With fewer cells than this, neighbours are exchanged as well.
const SMALL: usize = 4_000;
const EXCHANGES: usize = 6;
