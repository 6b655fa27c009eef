//! Counts a message: user instructions under callgrind, system calls under strace. Both are differences between two
//! loads on as many connections, so that starting and connecting do not count; and both are free of noise, but for how
//! many messages one wait of the server finds.

use std::collections::BTreeMap;
use std::io;

use super::Options;
use super::load::Load;
use super::process::{KINDS, Kind, Server};

type Counts = BTreeMap<String, u64>;

const CALLGRIND: &[&str] = &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
const STRACE: &[&str] = &["strace", "-f", "-c"];

/// What is called less often than this a message is not worth a word.
const SELDOM: f64 = 0.0005;

pub(crate) fn instructions(options: &Options) -> io::Result<()> {
    println!(
        "| connections | bare, user instructions a message | ours | ours / bare | protocol |\n|--:|--:|--:|--:|--:|"
    );
    for &connections in &options.connections {
        let count = |kind| -> io::Result<f64> {
            Ok(a_message(options, options.messages, connections, kind, CALLGRIND, collected)?.values().sum())
        };
        let (bare, ours, protocol) = (count(Kind::Bare)?, count(Kind::Ours)?, count(Kind::Protocol)?);
        println!("| {connections} | {bare:.1} | {ours:.1} | {:.2} | {protocol:.1} |", ours / bare);
    }
    Ok(())
}

pub(crate) fn system_calls(options: &Options) -> io::Result<()> {
    println!("| connections | server | system calls a message | which |\n|--:|---|--:|---|");
    for &connections in &options.connections {
        for kind in KINDS {
            let calls = a_message(options, options.messages / 10, connections, kind, STRACE, calls)?;
            let all: f64 = calls.values().sum();
            let which =
                calls.iter().filter(|(_, count)| **count >= SELDOM).map(|(name, count)| format!("{name} {count:.3}"));
            println!("| {connections} | {kind} | {all:.3} | {} |", which.collect::<Vec<_>>().join(", "));
        }
    }
    Ok(())
}

fn a_message(
    options: &Options,
    messages: usize,
    connections: usize,
    kind: Kind,
    under: &[&str],
    parse: fn(&str) -> Counts,
) -> io::Result<BTreeMap<String, f64>> {
    let (few, many) = (messages / 4, messages);
    let count = |messages| -> io::Result<Counts> {
        let server = Server::start(kind, under)?;
        let mut load = Load::connect(server.address, connections, options.size, options.wait)?;
        load.send(messages)?;
        let text = server.stop()?;
        let counts = parse(&text);
        if counts.is_empty() {
            Err(io::Error::other(format!("no counts in what {} says: {text}", under[0])))
        } else {
            Ok(counts)
        }
    };
    let (less, more) = (count(few)?, count(many)?);
    let difference = |(name, count): (String, u64)| {
        let before = less.get(&name).copied().unwrap_or(0);
        (name, (count as f64 - before as f64) / (many - few) as f64)
    };
    Ok(more.into_iter().map(difference).collect())
}

/// `==12345== Collected : 67890`
fn collected(text: &str) -> Counts {
    let count = text.lines().filter_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.map(|count| (String::from("instructions"), count)).collect()
}

/// A line is: share of the time, seconds, microseconds a call, calls, perhaps errors, name. The last one is the total.
fn calls(text: &str) -> Counts {
    let call = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let name = words.last().filter(|name| **name != "total")?;
        words.first()?.parse::<f64>().ok()?;
        Some((String::from(*name), words.get(3)?.parse().ok()?))
    };
    text.lines().filter_map(call).collect()
}
