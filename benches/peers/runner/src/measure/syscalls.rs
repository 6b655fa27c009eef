//! System calls per message of the echo servers, counted by `strace -c`. A count is the difference between two loads with the
//! same number of connections, so starting and connecting do not count.
//!
//! strace slows servers down: with many connections, the next read nearly always finds a message. The case with one
//! connection shows the cost of finding none and waiting again. There, the client pauses before the next message, so a server
//! that reads again at once finds none.

use std::collections::BTreeMap;

use super::echo::{self, Case};
use super::{Run, Startable};
use crate::Failure;
use crate::results::Record;

pub(super) const CASES: &[(u32, u32)] = &[(1, 64), (50, 64)];
/// The sizes of the two loads, in messages. The client may send up to one message more per connection.
const ALONE: (u64, u64) = (1_000, 3_000);
const TOGETHER: (u64, u64) = (2_000, 12_000);
/// The pause between messages of one connection, in microseconds. Under strace, a call takes tens of microseconds.
const PAUSE: u32 = 1_000;

pub(super) fn measure(run: &mut Run<'_>, peers: &[Startable<'_>]) -> Result<(), Failure> {
    let load = echo::load()?;
    let cases: Vec<_> =
        CASES.iter().map(|&case| Case::from(case)).filter(|case| run.options.wants(&case.name())).collect();
    run.plan(cases.len() * peers.len());
    for case in cases {
        for peer in peers {
            let record = count(peer, &case, &load).map(|figures| {
                vec![Record { case: case.name(), peer: peer.peer.name.into(), round: 0, turn: 0, figures }]
            });
            run.done(peer.peer.name, &case.name(), record)?;
        }
    }
    Ok(())
}

fn count(peer: &Startable<'_>, case: &Case, load: &str) -> Result<BTreeMap<String, f64>, Failure> {
    let (pause, (few, many)) = if case.connections == 1 { (PAUSE, ALONE) } else { (0, TOGETHER) };
    let calls = |messages: u64| -> Result<BTreeMap<String, u64>, Failure> {
        let (server, port) = echo::start(peer, &["strace", "-f", "-c"].map(String::from))?;
        echo::send(load, &server, port, case, messages, pause)?;
        let text = server.stop()?;
        let calls = parse(&text);
        if calls.is_empty() { Err("no calls in the output of strace".into()) } else { Ok(calls) }
    };
    let (calls_of_few, calls_of_many) = (calls(few)?, calls(many)?);
    let a_message = calls_of_many.into_iter().map(|(name, count)| {
        let more = count as f64 - calls_of_few.get(&name).copied().unwrap_or(0) as f64;
        (name, more / (many - few) as f64)
    });
    let mut figures: BTreeMap<_, _> = a_message.filter(|(_, count)| *count >= 0.005).collect();
    figures.insert("calls".into(), figures.values().sum());
    Ok(figures)
}

/// Parses the table of `strace -c`. A line has the share of time, seconds, microseconds per call, calls, errors if there
/// were any, and the name. The last line is the total.
fn parse(text: &str) -> BTreeMap<String, u64> {
    let call = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let name = words.last().filter(|name| **name != "total")?;
        words.first()?.parse::<f64>().ok()?;
        Some((String::from(*name), words.get(3)?.parse().ok()?))
    };
    text.lines().filter_map(call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_with_and_without_errors() {
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----------- ----------- --------- --------- ----------------\n \
                    60.00    0.000300           1       300        12 recvfrom\n \
                    40.00    0.000200           1       200           sendto\n\
                    ------ ----------- ----------- --------- --------- ----------------\n\
                    100.00    0.000500                   500        12 total\n";
        assert_eq!(parse(text), [("recvfrom".to_string(), 300), ("sendto".to_string(), 200)].into());
    }
}
