//! Ways that several arrows share.
//!
//! Many states may end a machine, or reset it. If each had a line of its own to the end, the picture would be as wide as they
//! are many. So long arrows to one box join, if they look alike and come from the same side. The longest one is drawn as a
//! whole, and the others up to where they meet it.

use std::collections::BTreeMap;

use super::Link;
use super::rank::Ranking;

pub(super) struct Trunks {
    /// The trunk of each link, and whether the link is its longest.
    of: Vec<Option<(usize, bool)>>,
}

impl Trunks {
    pub(super) fn new(links: &[Link], ranking: &Ranking) -> Self {
        let span = |link: &Link| ranking.rank[link.from].abs_diff(ranking.rank[link.to]);
        let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (at, link) in links.iter().enumerate().filter(|(_, link)| span(link) > 1) {
            groups.entry((link.to, link.look, ranking.is_reversed[at])).or_default().push(at);
        }
        let mut of = vec![None; links.len()];
        for (number, group) in groups.values().filter(|group| group.len() >= FEWEST).enumerate() {
            let longest = group.iter().copied().max_by_key(|link| (span(&links[*link]), usize::MAX - link));
            group.iter().for_each(|link| of[*link] = Some((number, longest == Some(*link))));
        }
        Self { of }
    }

    pub(super) fn of(&self, link: usize) -> Option<usize> {
        self.of[link].map(|(trunk, _)| trunk)
    }

    pub(super) fn is_longest(&self, link: usize) -> bool {
        self.of[link].is_some_and(|(_, is_longest)| is_longest)
    }
}

/// Fewer arrows than this keep ways of their own.
const FEWEST: usize = 4;
