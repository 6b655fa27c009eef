//! `Tree`: the schedules that are still to be run, those with the fewest departures first.
//!
//! Each schedule departs from its parent in one more choice, after all departures of the parent. So each schedule is
//! reached on one path only. Nodes are appended while their parents are visited in order, which makes the vector a queue
//! by number of departures: the first failing schedule that is found has the fewest of them.

use super::choices::Departure;
use super::plan::{Made, Subject};

struct Node {
    /// The index of the parent. The root is its own.
    parent: u32,
    /// The number of departures of order.
    orders: u32,
    last: Departure,
    trail: u64,
}

pub(super) struct Tree {
    nodes: Vec<Node>,
    visited: usize,
    /// The most nodes.
    limit: usize,
    /// The most departures of order in one schedule.
    orders: u32,
    /// Whether the limit kept nodes out.
    cut: bool,
}

impl Tree {
    pub(super) fn new(limit: u64, orders: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(u32::MAX as usize);
        let root = Node { parent: 0, orders: 0, last: Departure { at: 0, taken: 0, of: 0 }, trail: 0 };
        Self { nodes: vec![root], visited: 0, limit, orders, cut: false }
    }

    /// The next schedule: its departures, and the hash that its run must have at the last of them.
    pub(super) fn next(&mut self) -> Option<(Vec<Departure>, Option<u64>)> {
        let node = self.nodes.get(self.visited)?;
        let trail = (self.visited > 0).then_some(node.trail);
        let mut departures = Vec::new();
        let mut at = self.visited;
        while at > 0 {
            departures.push(self.nodes[at].last);
            at = self.nodes[at].parent as usize;
        }
        departures.reverse();
        self.visited += 1;
        Some((departures, trail))
    }

    /// Adds the children of the schedule that [`next`](Self::next) has returned last, of whose run `made` are the first
    /// choices.
    pub(super) fn grow(&mut self, made: &[Made]) {
        let parent = self.visited - 1;
        let node = &self.nodes[parent];
        let (first, orders) = (if parent == 0 { 0 } else { node.last.at as usize + 1 }, node.orders);
        for (at, made) in made.iter().enumerate().skip(first) {
            let orders = orders + u32::from(made.subject == Subject::Order);
            if orders > self.orders {
                continue;
            }
            for taken in 1..made.of {
                if self.nodes.len() >= self.limit {
                    self.cut = true;
                    return;
                }
                let last = Departure { at: at as u32, taken, of: made.of };
                self.nodes.push(Node { parent: parent as u32, orders, last, trail: made.trail });
            }
        }
    }

    /// The number of schedules that were returned.
    pub(super) const fn visited(&self) -> u64 {
        self.visited as u64
    }

    /// Whether the limit left schedules out.
    pub(super) const fn is_cut(&self) -> bool {
        self.cut
    }
}
