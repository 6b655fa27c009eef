//! A round of echo servers. It starts all servers of a case, each with its own client, lets them take turns of a fifth of a
//! second, and stops them. The state of the machine, which changes from minute to minute, then affects all servers alike. The
//! order of the servers differs each time, because a server that always followed the same one would always find the same
//! caches.

use std::mem;

use common::{Chance, Histogram};
use serde::Deserialize;

use super::echo::{self, Case, MANY};
use super::{Run, Startable};
use crate::Failure;
use crate::peers::{BOUND, OURS};
use crate::process::{Dialog, Server};
use crate::results::{DISTURBED, Record, calm};
use crate::spread::Spread;

/// The servers that take turns with each other.
pub(super) struct Group<'a> {
    pub(super) peers: Vec<&'a Startable<'a>>,
    pub(super) round: u32,
    /// The number of the group, within the round and the case.
    pub(super) number: u32,
    pub(super) case: &'a Case,
    pub(super) load: &'a str,
}

/// Puts all peers into one group if there is room for them. Otherwise makes several groups. Each includes the first bound and
/// ours, because ratios compare with those.
pub(super) fn groups<'a>(peers: Vec<&'a Startable<'a>>, room: usize) -> Vec<Vec<&'a Startable<'a>>> {
    if peers.len() <= room {
        return vec![peers];
    }
    let bound = peers.iter().map(|peer| peer.peer.name).find(|name| name.starts_with(BOUND));
    let is_kept = |peer: &&Startable<'_>| [Some(OURS), bound].contains(&Some(peer.peer.name));
    let (kept, others): (Vec<_>, Vec<_>) = peers.into_iter().partition(is_kept);
    if others.is_empty() {
        return vec![kept];
    }
    let at_once = room.saturating_sub(kept.len()).max(1);
    let count = others.len().div_ceil(at_once);
    others.chunks(others.len().div_ceil(count)).map(|others| [&kept, others].concat()).collect()
}

/// The length of a turn, and the number of turns.
#[derive(Debug, PartialEq)]
struct Turns {
    count: u32,
    warm_up: f64,
    seconds: f64,
}

impl Turns {
    /// Turns in which each peer is measured for `seconds` in total. With thousands of connections, a message has to wait for
    /// those of all other connections. Turns are then longer, so that each has time for many messages.
    fn new(connections: u32, seconds: f64) -> Self {
        let slice = (0.2 + 50e-6 * f64::from(connections)).min(seconds);
        let count = (seconds / slice).round();
        Self { count: count as u32, warm_up: 0.01 + 25e-6 * f64::from(connections), seconds: seconds / count }
    }

    /// The line that asks the client for a turn.
    fn line(&self) -> String {
        format!("{} {}", self.warm_up, self.seconds)
    }
}

/// The figures of one server in one turn, as its client prints them.
#[derive(Clone, Debug, Default, Deserialize)]
struct Slice {
    messages: u64,
    seconds: f64,
    /// CPU time of the server and of the client, and the time in which other programs had either core. In seconds.
    server: f64,
    client: f64,
    waited: f64,
    /// The server's CPU time between the last turn and this one, as a share of elapsed time.
    idle_load: f64,
    /// The growth of the server's memory per connection.
    bytes: f64,
    /// A histogram in nanoseconds: the buckets and their counts.
    latencies: Vec<(usize, u64)>,
}

impl Slice {
    fn disturbed(&self) -> f64 {
        self.waited / self.seconds
    }

    fn figures(&self) -> [(&'static str, f64); 5] {
        let messages = self.messages.max(1) as f64;
        [
            ("rate", self.messages as f64 / self.seconds),
            ("server_us", self.server * 1e6 / messages),
            ("server_load", self.server / self.seconds),
            ("client_load", self.client / self.seconds),
            ("disturbed", self.disturbed()),
        ]
    }
}

/// The figures of all turns together. Latencies are those of the calm turns.
fn figures_of_all(slices: &[Slice], connections: u32) -> Vec<(&'static str, f64)> {
    let mut latencies = Histogram::default();
    for slice in calm(slices.iter().collect(), |slice| slice.disturbed()) {
        for &(bucket, count) in &slice.latencies {
            latencies.add_bucket(bucket, count);
        }
    }
    let micros = |share| latencies.quantile(share) / 1e3;
    let mut figures = vec![
        ("p50_us", micros(0.5)),
        ("p99_us", micros(0.99)),
        ("p999_us", micros(0.999)),
        ("idle_load", idle_load(slices)),
    ];
    if let Some(last) = slices.last().filter(|_| connections >= MANY) {
        figures.push(("bytes", last.bytes));
    }
    figures
}

/// The median of the server's load between turns. Two turns in a row have too little time between them for their figure to
/// mean anything, and the median ignores it.
fn idle_load(slices: &[Slice]) -> f64 {
    Spread::of(slices.iter().map(|slice| slice.idle_load)).map_or(0.0, |spread| spread.median)
}

/// An idle server with a higher load than this slows down the others.
const BUSY: f64 = 0.02;

/// A server with its client. The client is dropped first.
struct Pair<'a> {
    peer: &'a Startable<'a>,
    client: Dialog,
    server: Server,
    slices: Vec<Slice>,
    /// How many disturbed turns may still be repeated.
    repeats: u32,
}

impl Pair<'_> {
    fn ask(&mut self, line: &str) -> Result<Slice, Failure> {
        let answer = self.client.ask(line)?;
        serde_json::from_str(&answer).map_err(|error| format!("the client printed {answer:?}: {error}").into())
    }

    fn take_turn(&mut self, line: &str) -> Result<(), Failure> {
        let mut slice = self.ask(line)?;
        if slice.disturbed() > DISTURBED && self.repeats > 0 {
            self.repeats -= 1;
            let again = self.ask(line)?;
            if again.disturbed() < slice.disturbed() {
                slice = again;
            }
        }
        self.slices.push(slice);
        Ok(())
    }

    fn end(self, group: &Group<'_>, turns: &Turns) -> Result<Vec<Record>, Failure> {
        drop(self.client);
        self.server.stop()?;
        let first = group.number * turns.count;
        let record = |turn, figures: &[(&str, f64)]| Record {
            case: group.case.name(),
            peer: self.peer.peer.name.into(),
            round: group.round,
            turn,
            figures: figures.iter().map(|(name, value)| ((*name).to_string(), *value)).collect(),
        };
        let mut records = vec![record(first, &figures_of_all(&self.slices, group.case.connections))];
        records.extend((first..).zip(&self.slices).map(|(turn, slice)| record(turn, &slice.figures())));
        Ok(records)
    }
}

pub(super) fn measure(run: &mut Run<'_>, group: &Group<'_>, chance: &mut Chance) -> Result<(), Failure> {
    let name = group.case.name();
    let turns = Turns::new(group.case.connections, run.options.seconds);
    let mut pairs = start(run, group, turns.count / 2)?;
    let line = turns.line();
    // The first turn does not count: a server touches its memory for the first time in it.
    for turn in 0..=turns.count {
        run.progress(&format!("{name:<16} turn {turn} of {}", turns.count));
        shuffle(&mut pairs, chance);
        for mut pair in mem::take(&mut pairs) {
            match if turn == 0 { pair.ask(&line).map(drop) } else { pair.take_turn(&line) } {
                Ok(()) => pairs.push(pair),
                Err(error) => run.done(pair.peer.peer.name, &name, Err(error))?,
            }
        }
    }
    // Results are in the order of the peers.
    pairs.sort_by_key(|pair| group.peers.iter().position(|peer| peer.peer.name == pair.peer.peer.name));
    for pair in pairs {
        let idle_load = idle_load(&pair.slices);
        if idle_load > BUSY {
            run.note(&format!(
                "{}, {name}: runs for {:.0} % of the time between its turns",
                pair.peer.peer.name,
                idle_load * 100.0
            ));
        }
        run.done(pair.peer.peer.name, &name, pair.end(group, &turns))?;
    }
    Ok(())
}

/// Starts all servers, and then the clients. Otherwise the connection of a client could take the port of a later server.
fn start<'a>(run: &mut Run<'_>, group: &Group<'a>, repeats: u32) -> Result<Vec<Pair<'a>>, Failure> {
    let (name, mut servers, mut pairs) = (group.case.name(), Vec::new(), Vec::new());
    for peer in &group.peers {
        match echo::start(peer, &[]) {
            Ok((server, port)) => servers.push((*peer, server, port)),
            Err(error) => run.done(peer.peer.name, &name, Err(error))?,
        }
    }
    for (peer, server, port) in servers {
        match echo::connect(group.load, &server, port, group.case) {
            Ok((client, _)) => pairs.push(Pair { peer, client, server, slices: Vec::new(), repeats }),
            Err(error) => run.done(peer.peer.name, &name, Err(error))?,
        }
    }
    Ok(pairs)
}

/// Shuffles items, with the same probability for every order (Fisher and Yates).
fn shuffle<T>(items: &mut [T], chance: &mut Chance) {
    for place in (1..items.len()).rev() {
        items.swap(place, (chance.next() % (place as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::ECHO;

    fn names(room: usize) -> Vec<Vec<&'static str>> {
        let peers: Vec<_> = ECHO[..7].iter().map(|peer| Startable { peer, start: "" }).collect();
        let groups = groups(peers.iter().collect(), room);
        groups.into_iter().map(|group| group.into_iter().map(|peer| peer.peer.name).collect()).collect()
    }

    #[test]
    fn peers_that_fit_are_one_group() {
        assert_eq!(names(7), [ECHO[..7].iter().map(|peer| peer.name).collect::<Vec<_>>()]);
    }

    #[test]
    fn smaller_groups_all_include_the_bound_and_ours() {
        let groups = names(5);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [5, 4]);
        assert!(groups.iter().all(|group| group[..2] == ["bound: epoll", OURS]), "{groups:?}");
        let mut others: Vec<_> = groups.iter().flat_map(|group| &group[2..]).collect();
        others.sort_unstable();
        others.dedup();
        assert_eq!(others.len(), 5);
        assert_eq!(names(0).len(), 5, "one more in each group, even without room");
    }

    #[test]
    fn turns_are_a_fifth_of_a_second_and_longer_with_many_connections() {
        assert_eq!(Turns::new(1, 2.0).count, 10);
        assert_eq!(Turns::new(8000, 2.0).count, 3);
        let turns = Turns::new(50, 0.1);
        assert_eq!((turns.count, turns.seconds), (1, 0.1));
        assert_eq!(turns.line(), "0.01125 0.1");
    }

    fn slice(waited: f64, latencies: &[(usize, u64)]) -> Slice {
        Slice {
            messages: 100,
            seconds: 0.5,
            server: 0.25,
            waited,
            idle_load: 0.5,
            bytes: 300.0,
            latencies: latencies.into(),
            ..Slice::default()
        }
    }

    #[test]
    fn the_figures_of_a_turn_are_its_rate_and_the_cost_per_message() {
        let figures = slice(0.05, &[]).figures();
        assert_eq!(figures[..3], [("rate", 200.0), ("server_us", 2500.0), ("server_load", 0.5)]);
        assert_eq!(figures[4], ("disturbed", 0.1));
        assert!(
            Slice { seconds: 1.0, server: 1.0, ..Slice::default() }
                .figures()
                .iter()
                .all(|(_, value)| value.is_finite())
        );
    }

    #[test]
    fn latencies_are_those_of_calm_turns() {
        // Calm turns have three messages of 10 ns and two of 20 ns. A disturbed turn has messages of 50 ns.
        let slices = [slice(0.0, &[(10, 3)]), slice(0.4, &[(50, 100)]), slice(0.0, &[(20, 2)])];
        let figure = |slices: &[Slice], connections, name: &str| {
            figures_of_all(slices, connections).into_iter().find(|(figure, _)| *figure == name).map(|(_, value)| value)
        };
        assert_eq!(figure(&slices, 1, "p50_us"), Some(0.01));
        assert_eq!(figure(&slices, 1, "p99_us"), Some(0.02));
        assert_eq!(figure(&slices[1..2], 1, "p50_us"), Some(0.05), "if there is no other");
        assert_eq!(figure(&slices, 1, "idle_load"), Some(0.5));
        assert_eq!((figure(&slices, 1, "bytes"), figure(&slices, MANY, "bytes")), (None, Some(300.0)));
    }

    #[test]
    fn two_turns_in_a_row_do_not_make_a_server_busy() {
        let loads = [0.001, 4.5, 0.002].map(|idle_load| Slice { idle_load, ..Slice::default() });
        assert_eq!(idle_load(&loads), 0.002);
        assert_eq!(idle_load(&[]), 0.0);
    }

    #[test]
    fn no_server_always_follows_the_same_one() {
        let (mut chance, mut order) = (Chance::default(), [0, 1, 2, 3, 4]);
        let mut follows = [[0; 5]; 5];
        for _ in 0..100 {
            shuffle(&mut order, &mut chance);
            order.windows(2).for_each(|pair| follows[pair[0]][pair[1]] += 1);
        }
        // A given pair is adjacent in a fifth of all orders.
        let all = follows
            .iter()
            .enumerate()
            .flat_map(|(one, row)| row.iter().enumerate().filter(move |(other, _)| one != *other));
        assert!(all.clone().all(|(_, count)| (5..40).contains(count)), "{follows:?}");
    }
}
