//! The tree that the generators walk.

use super::measure::start;

/// The default number of nodes: 2^20 - 1.
pub const NODES: u64 = (1 << 20) - 1;

pub struct Node {
    pub key: u64,
    pub left: Option<Box<Node>>,
    pub right: Option<Box<Node>>,
}

/// A balanced tree with the keys from `least` up to, but not including, `end`.
pub fn tree(least: u64, end: u64) -> Option<Box<Node>> {
    if least >= end {
        return None;
    }
    let middle = least + (end - least) / 2;
    Some(Box::new(Node { key: middle, left: tree(least, middle), right: tree(middle + 1, end) }))
}

/// Takes all keys, checks that they come in order, and prints the time per key.
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
