//! `Tree`: the schedules that are still to be run, those with the fewest departures first, and of these, those with the
//! fewest faults.
//!
//! Each schedule departs from its parent in one more choice, after all departures of the parent. So each schedule is
//! reached on one path only, and its parent has run before it: the first failing schedule that is found has the fewest
//! departures.

use std::collections::{BTreeMap, VecDeque};

use super::choices::Departure;
use super::plan::{Made, Subject};

struct Node {
    /// The index of the parent. The root is its own.
    parent: u32,
    /// The number of departures.
    depth: u32,
    /// The number of departures of order.
    orders: u32,
    faults: u32,
    last: Departure,
    trail: u64,
}

pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The nodes that were not returned yet, by the numbers of departures and faults, in the order in which they came.
    left: BTreeMap<(u32, u32), VecDeque<u32>>,
    /// The node that was returned last.
    current: usize,
    visited: u64,
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
        let last = Departure { at: 0, taken: 0, of: 0 };
        let root = Node { parent: 0, depth: 0, orders: 0, faults: 0, last, trail: 0 };
        let left = BTreeMap::from([((0, 0), VecDeque::from([0]))]);
        Self { nodes: vec![root], left, current: 0, visited: 0, limit, orders, cut: false }
    }

    /// The next schedule: its departures, and the hash that its run must have at the last of them.
    pub(super) fn next(&mut self) -> Option<(Vec<Departure>, Option<u64>)> {
        let mut level = self.left.first_entry()?;
        let next = level.get_mut().pop_front()?;
        if level.get().is_empty() {
            level.remove();
        }
        self.current = next as usize;
        self.visited += 1;
        let trail = (self.current > 0).then_some(self.nodes[self.current].trail);
        Some((self.departures(), trail))
    }

    /// The departures of the schedule that was returned last.
    pub(super) fn departures(&self) -> Vec<Departure> {
        let node = &self.nodes[self.current];
        let mut departures = Vec::with_capacity(node.depth as usize);
        let mut at = self.current;
        while at > 0 {
            departures.push(self.nodes[at].last);
            at = self.nodes[at].parent as usize;
        }
        departures.reverse();
        departures
    }

    /// The number of faults in the schedule that was returned last.
    pub(super) fn faults(&self) -> usize {
        self.nodes[self.current].faults as usize
    }

    /// Adds the children of the schedule that [`next`](Self::next) has returned last, of whose run `made` are the first
    /// choices.
    pub(super) fn grow(&mut self, made: &[Made]) {
        let Node { depth, orders, faults, last, .. } = self.nodes[self.current];
        let first = if self.current == 0 { 0 } else { last.at as usize + 1 };
        for (at, made) in made.iter().enumerate().skip(first) {
            let orders = orders + u32::from(made.subject == Subject::Order);
            if orders > self.orders {
                continue;
            }
            let faults = faults + u32::from(made.subject == Subject::Fault);
            for taken in 1..made.of {
                if self.nodes.len() >= self.limit {
                    self.cut = true;
                    return;
                }
                self.left.entry((depth + 1, faults)).or_default().push_back(self.nodes.len() as u32);
                let last = Departure { at: at as u32, taken, of: made.of };
                let parent = self.current as u32;
                self.nodes.push(Node { parent, depth: depth + 1, orders, faults, last, trail: made.trail });
            }
        }
    }

    /// The number of schedules that were returned.
    pub(super) const fn visited(&self) -> u64 {
        self.visited
    }

    /// Whether the limit left schedules out.
    pub(super) const fn is_cut(&self) -> bool {
        self.cut
    }
}
