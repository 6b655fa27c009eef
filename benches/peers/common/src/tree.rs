//! The tree that generators walk.

use super::measure::start;

/// How many nodes it has if nobody asks for another number: 2^20 - 1.
pub const NODES: u64 = (1 << 20) - 1;

pub struct Node {
    pub key: u64,
    pub left: Option<Box<Node>>,
    pub right: Option<Box<Node>>,
}

/// A balanced tree of the keys from `least` to below `end`.
pub fn tree(least: u64, end: u64) -> Option<Box<Node>> {
    if least >= end {
        return None;
    }
    let middle = least + (end - least) / 2;
    Some(Box::new(Node { key: middle, left: tree(least, middle), right: tree(middle + 1, end) }))
}

/// Takes the keys, which are to come in order, and prints what one has taken.
pub fn check_walk(peer: &str, count: u64, keys: impl Iterator<Item = u64>) {
    let timer = start();
    let mut expected = 0;
    for key in keys {
        assert_eq!(key, expected);
        expected += 1;
    }
    assert_eq!(expected, count);
    timer.done(peer, "tree", count);
}
