//! Ranks: which arrows are drawn upwards, and in which row each box is.

use std::collections::BTreeMap;

use super::Link;

pub(super) struct Ranking {
    /// The rank of each item. Every link leads to a rank that is greater, or is reversed.
    pub(super) rank: Vec<usize>,
    pub(super) is_reversed: Vec<bool>,
}

/// Ranks the items so that the ranking shows where circles close. In a large and dense graph that gives very long ways, so
/// the distance from the start decides there if that is shorter.
pub(super) fn rank(count: usize, links: &[Link]) -> Ranking {
    let by_circles = ranked(count, links, links_that_close_circles(count, links));
    if by_circles.length(links) < LONG {
        return by_circles;
    }
    let by_distance = ranked(count, links, links_that_lead_back(count, links));
    if by_distance.length(links) < by_circles.length(links) { by_distance } else { by_circles }
}

impl Ranking {
    /// About the number of rows that the links cross. Those that share their way count once.
    fn length(&self, links: &[Link]) -> usize {
        let mut longest = BTreeMap::new();
        for (link, is_reversed) in links.iter().zip(&self.is_reversed) {
            let span = self.rank[link.from].abs_diff(self.rank[link.to]);
            let (shared, alone) = longest.entry((link.to, link.look, is_reversed)).or_insert((0, 0));
            (*shared, *alone) = (span.max(*shared), *alone + 1);
        }
        longest.values().map(|(shared, count)| shared + count).sum()
    }
}

fn ranked(count: usize, links: &[Link], is_reversed: Vec<bool>) -> Ranking {
    let ends = |(link, is_reversed): (&Link, &bool)| match is_reversed {
        false => (link.from, link.to),
        true => (link.to, link.from),
    };
    let directed: Vec<_> = links.iter().zip(&is_reversed).map(ends).collect();
    let (mut following, mut leading) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for (from, to) in &directed {
        following[*from].push(*to);
        leading[*to].push(*from);
    }
    let order = sorted(&following, &leading);
    let mut rank = vec![0; count];
    for item in &order {
        rank[*item] = leading[*item].iter().map(|before| rank[*before] + 1).max().unwrap_or(0);
    }
    // A box with more arrows out than in is moved down to where they lead.
    for item in order.iter().rev() {
        if following[*item].len() > leading[*item].len()
            && let Some(first) = following[*item].iter().map(|next| rank[*next]).min()
        {
            rank[*item] = first - 1;
        }
    }
    let mut used = rank.clone();
    used.sort_unstable();
    used.dedup();
    rank.iter_mut().for_each(|rank| *rank = used.partition_point(|used| used < rank));
    Ranking { rank, is_reversed }
}

/// Walks the graph depth first, from where nothing leads to. A link back to an item on the way closes a circle.
fn links_that_close_circles(count: usize, links: &[Link]) -> Vec<bool> {
    let mut out = vec![Vec::new(); count];
    let mut is_led_to = vec![false; count];
    for (at, link) in links.iter().enumerate() {
        out[link.from].push(at);
        is_led_to[link.to] = true;
    }
    let sources = (0..count).filter(|item| !is_led_to[*item]);
    let mut state = vec![Visit::Ahead; count];
    let mut is_reversed = vec![false; links.len()];
    for first in sources.chain(0..count) {
        if state[first] != Visit::Ahead {
            continue;
        }
        state[first] = Visit::OnTheWay;
        let mut way = vec![(first, 0)];
        while let Some((item, next)) = way.last_mut() {
            let Some(link) = out[*item].get(*next) else {
                state[*item] = Visit::Done;
                way.pop();
                continue;
            };
            *next += 1;
            let to = links[*link].to;
            match state[to] {
                Visit::OnTheWay => is_reversed[*link] = true,
                Visit::Done => {}
                Visit::Ahead => {
                    state[to] = Visit::OnTheWay;
                    way.push((to, 0));
                }
            }
        }
    }
    is_reversed
}

/// The links to an item that is not further from the start than the other end.
fn links_that_lead_back(count: usize, links: &[Link]) -> Vec<bool> {
    let mut out = vec![Vec::new(); count];
    let mut is_led_to = vec![false; count];
    for link in links {
        out[link.from].push(link.to);
        is_led_to[link.to] = true;
    }
    let sources: Vec<_> = (0..count).filter(|item| !is_led_to[*item]).collect();
    let mut place = vec![usize::MAX; count];
    let mut met = Vec::with_capacity(count);
    for first in sources.into_iter().chain(0..count) {
        let mut next = met.len();
        if place[first] == usize::MAX {
            place[first] = met.len();
            met.push(first);
        }
        while let Some(item) = met.get(next).copied() {
            next += 1;
            for to in &out[item] {
                if place[*to] == usize::MAX {
                    place[*to] = met.len();
                    met.push(*to);
                }
            }
        }
    }
    links.iter().map(|link| place[link.to] < place[link.from]).collect()
}

/// The number of rows that links may cross before another ranking is tried.
const LONG: usize = 2_000;

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    Ahead,
    OnTheWay,
    Done,
}

/// The items, each behind all that lead to it.
fn sorted(following: &[Vec<usize>], leading: &[Vec<usize>]) -> Vec<usize> {
    let mut missing: Vec<_> = leading.iter().map(Vec::len).collect();
    let mut order: Vec<_> = (0..missing.len()).filter(|item| missing[*item] == 0).collect();
    let mut next = 0;
    while let Some(item) = order.get(next).copied() {
        next += 1;
        for to in &following[item] {
            missing[*to] -= 1;
            if missing[*to] == 0 {
                order.push(*to);
            }
        }
    }
    order
}
