//! A round of echo servers: all of a case are started, each with a client that connects; then they take turns, a fifth
//! of a second each, in another order each time; then all are stopped. What the machine is like from minute to minute,
//! it is like for all of them in a turn, and who always came after the same one would always find the same caches.

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

/// Those who take turns with each other.
pub(super) struct Group<'a> {
    pub(super) peers: Vec<&'a Startable<'a>>,
    pub(super) round: u32,
    /// Which group of the round, and of the case.
    pub(super) number: u32,
    pub(super) case: &'a Case,
    pub(super) load: &'a str,
}

/// All together, where there is room for so many. Else so many at a time, among whom are always the two with whom all
/// others are compared: the first bound, and ours.
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

/// How long a turn is, and how many there are.
#[derive(Debug, PartialEq)]
struct Turns {
    count: u32,
    warm_up: f64,
    seconds: f64,
}

impl Turns {
    /// So many that each peer is measured for so long. With thousands of connections a message takes as long as all of
    /// them do, and a turn is to be many of these.
    fn new(connections: u32, seconds: f64) -> Self {
        let slice = (0.2 + 50e-6 * f64::from(connections)).min(seconds);
        let count = (seconds / slice).round();
        Self { count: count as u32, warm_up: 0.01 + 25e-6 * f64::from(connections), seconds: seconds / count }
    }

    /// What the client is told.
    fn line(&self) -> String {
        format!("{} {}", self.warm_up, self.seconds)
    }
}

/// What one server did in one turn, as its client says it.
#[derive(Clone, Debug, Default, Deserialize)]
struct Slice {
    messages: u64,
    seconds: f64,
    /// Seconds of the server's and of the client's CPU time, and those in which others had either's core.
    server: f64,
    client: f64,
    waited: f64,
    /// The server's CPU time between the last turn and this one, as a share of the time.
    idle_load: f64,
    /// What the server has grown by, a connection.
    bytes: f64,
    /// In nanoseconds: buckets of a histogram, and how much is in each.
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

/// What is seen of all turns together: latencies of those that are calm.
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

/// The median: who has two turns without a break has no time between them of which to say anything.
fn idle_load(slices: &[Slice]) -> f64 {
    Spread::of(slices.iter().map(|slice| slice.idle_load)).map_or(0.0, |spread| spread.median)
}

/// From such a share of its time on, a server that has nothing to do takes from those who have.
const BUSY: f64 = 0.02;

/// A server with its client, who goes first when they are dropped.
struct Pair<'a> {
    peer: &'a Startable<'a>,
    client: Dialog,
    server: Server,
    slices: Vec<Slice>,
    /// How many turns may be taken again that others have disturbed.
    repeats: u32,
}

impl Pair<'_> {
    fn ask(&mut self, line: &str) -> Result<Slice, Failure> {
        let answer = self.client.ask(line)?;
        serde_json::from_str(&answer).map_err(|error| format!("the client says {answer:?}: {error}").into())
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
    // In the first turn, a server touches its memory for the first time: it does not count.
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
    // The order of the results is the peers'.
    pairs.sort_by_key(|pair| group.peers.iter().position(|peer| peer.peer.name == pair.peer.peer.name));
    for pair in pairs {
        let idle_load = idle_load(&pair.slices);
        if idle_load > BUSY {
            run.note(&format!(
                "{}, {name}: runs {:.0} % of the time when others have their turn",
                pair.peer.peer.name,
                idle_load * 100.0
            ));
        }
        run.done(pair.peer.peer.name, &name, pair.end(group, &turns))?;
    }
    Ok(())
}

/// First all servers, then their clients, whose connections could else take a port that a server is to have.
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

/// Every order is as likely as any other (Fisher and Yates).
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
    fn those_who_have_room_are_together() {
        assert_eq!(names(7), [ECHO[..7].iter().map(|peer| peer.name).collect::<Vec<_>>()]);
    }

    #[test]
    fn where_there_is_no_room_each_group_has_the_bound_and_us() {
        let groups = names(5);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [5, 4]);
        assert!(groups.iter().all(|group| group[..2] == ["bound: epoll", OURS]), "{groups:?}");
        let mut others: Vec<_> = groups.iter().flat_map(|group| &group[2..]).collect();
        others.sort_unstable();
        others.dedup();
        assert_eq!(others.len(), 5);
        assert_eq!(names(0).len(), 5, "one at a time, if there is room for none");
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
    fn a_slice_has_its_rate_and_what_a_message_cost() {
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
    fn latencies_are_those_of_all_calm_turns() {
        // Three in the bucket of 10 ns, two in that of 20; what was disturbed says 50.
        let slices = [slice(0.0, &[(10, 3)]), slice(0.4, &[(50, 100)]), slice(0.0, &[(20, 2)])];
        let figure = |slices: &[Slice], connections, name: &str| {
            figures_of_all(slices, connections).into_iter().find(|(figure, _)| *figure == name).map(|(_, value)| value)
        };
        assert_eq!(figure(&slices, 1, "p50_us"), Some(0.01));
        assert_eq!(figure(&slices, 1, "p99_us"), Some(0.02));
        assert_eq!(figure(&slices[1..2], 1, "p50_us"), Some(0.05), "where there is no other");
        assert_eq!(figure(&slices, 1, "idle_load"), Some(0.5));
        assert_eq!((figure(&slices, 1, "bytes"), figure(&slices, MANY, "bytes")), (None, Some(300.0)));
    }

    #[test]
    fn a_server_that_has_two_turns_without_a_break_is_no_busy_one() {
        let loads = [0.001, 4.5, 0.002].map(|idle_load| Slice { idle_load, ..Slice::default() });
        assert_eq!(idle_load(&loads), 0.002);
        assert_eq!(idle_load(&[]), 0.0);
    }

    #[test]
    fn in_a_hundred_turns_nobody_always_follows_the_same_one() {
        let (mut chance, mut order) = (Chance::default(), [0, 1, 2, 3, 4]);
        let mut follows = [[0; 5]; 5];
        for _ in 0..100 {
            shuffle(&mut order, &mut chance);
            order.windows(2).for_each(|pair| follows[pair[0]][pair[1]] += 1);
        }
        // Each pair stands in this order in a fifth of all orders.
        let all = follows
            .iter()
            .enumerate()
            .flat_map(|(one, row)| row.iter().enumerate().filter(move |(other, _)| one != *other));
        assert!(all.clone().all(|(_, count)| (5..40).contains(count)), "{follows:?}");
    }
}
