//! Counts per message: user instructions under callgrind, and system calls under strace. A count is the difference between
//! two loads with the same number of connections, so starting and connecting do not count. The only noise is how many
//! messages each wait of the server finds.

use std::collections::BTreeMap;
use std::io;

use super::accepts::Accepts;
use super::load::Load;
use super::options::Options;
use super::process::{Kind, Server, Work};

type Counts = BTreeMap<String, u64>;

const CALLGRIND: &[&str] = &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
const STRACE: &[&str] = &["strace", "-f", "-c"];

/// System calls that are rarer than this, per message, are not listed.
const SELDOM: f64 = 0.0005;

pub(crate) fn instructions(options: &Options) -> io::Result<()> {
    println!("| connections | bytes | server | user instructions each | / {} |", options.servers[0]);
    println!("|--:|--:|---|--:|--:|");
    each(options, |connections, size| {
        let mut first = None;
        for &kind in &options.servers {
            let cell = Cell { connections, size, kind, messages: options.messages };
            let count: f64 = cell.count(options, CALLGRIND, collected)?.values().sum();
            let ratio = count / *first.get_or_insert(count);
            println!("| {connections} | {size} | {kind} | {count:.1} | {ratio:.2} |");
        }
        Ok(())
    })
}

pub(crate) fn system_calls(options: &Options) -> io::Result<()> {
    println!("| connections | bytes | server | system calls each | which |\n|--:|--:|---|--:|---|");
    each(options, |connections, size| {
        for &kind in &options.servers {
            let cell = Cell { connections, size, kind, messages: options.messages / 10 };
            let calls = cell.count(options, STRACE, calls)?;
            let all: f64 = calls.values().sum();
            let which =
                calls.iter().filter(|(_, count)| **count >= SELDOM).map(|(name, count)| format!("{name} {count:.3}"));
            println!("| {connections} | {size} | {kind} | {all:.3} | {} |", which.collect::<Vec<_>>().join(", "));
        }
        Ok(())
    })
}

fn each(options: &Options, mut function: impl FnMut(usize, usize) -> io::Result<()>) -> io::Result<()> {
    if matches!(options.work, Work::Source | Work::Sink) {
        return Err(io::Error::other("a transfer is not counted: how much one call moves is chance"));
    }
    for &size in &options.sizes {
        for &connections in &options.connections {
            function(connections, size)?;
        }
    }
    Ok(())
}

struct Cell {
    connections: usize,
    size: usize,
    kind: Kind,
    messages: usize,
}

impl Cell {
    /// The counts per message, or per connection for `--accepts`.
    fn count(&self, options: &Options, under: &[&str], parse: fn(&str) -> Counts) -> io::Result<BTreeMap<String, f64>> {
        let (few, many) = (self.messages / 4, self.messages);
        let count = |messages| -> io::Result<Counts> {
            let server = Server::start(self.kind, options.work, under)?;
            if options.work == Work::Accepts {
                Accepts::new(server.address, self.connections).send(messages)?;
            } else {
                Load::connect(server.address, self.connections, self.size, options.wait)?.send(messages)?;
            }
            let text = server.stop()?;
            let counts = parse(&text);
            if counts.is_empty() {
                Err(io::Error::other(format!("no counts in the output of {}: {text}", under[0])))
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
}

/// Parses `==12345== Collected : 67890`.
fn collected(text: &str) -> Counts {
    let count = text.lines().filter_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.map(|count| (String::from("instructions"), count)).collect()
}

/// Parses the table of `strace -c`. A line has the share of time, seconds, microseconds per call, calls, errors if there
/// were any, and the name. The last line is the total.
fn calls(text: &str) -> Counts {
    let call = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let name = words.last().filter(|name| **name != "total")?;
        words.first()?.parse::<f64>().ok()?;
        Some((String::from(*name), words.get(3)?.parse().ok()?))
    };
    text.lines().filter_map(call).collect()
}
