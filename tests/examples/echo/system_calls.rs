//! System calls per message, counted by `strace`.
//!
//! The count is the difference between two loads that differ only in the number of messages, so starting, connecting and
//! stopping do not count. `cargo test --test examples system_calls -- --nocapture` prints the tables.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::thread;

use super::client::connect;
use super::server::{ANY, Server};
use crate::support::process::{Process, example};
use crate::support::tools::needs;

with_each_server! {
    a_message_on_one_of_many_connections_costs_one_read_and_one_write,
    a_message_of_a_lone_connection_costs_one_read_one_write_and_one_wait,
}

const MESSAGE: [u8; 64] = [42; 64];

/// A load: a number of messages on each of a number of connections, each sent after the previous echo.
#[derive(Clone, Copy)]
struct Load {
    connections: u64,
    messages: u64,
}

impl Load {
    const fn total(self) -> u64 {
        self.connections * self.messages
    }

    fn run(self, server: &Server) {
        let connections: Vec<_> = (0..self.connections).map(|_| connect(server.address)).collect();
        thread::scope(|scope| {
            for mut connection in &connections {
                scope.spawn(move || {
                    for _ in 0..self.messages {
                        connection.write_all(&MESSAGE).expect("the server takes what it is sent");
                        let mut echo = [0; MESSAGE.len()];
                        connection.read_exact(&mut echo).expect("the server sends it back");
                        assert_eq!(echo, MESSAGE);
                    }
                });
            }
        });
    }
}

#[derive(Clone, Copy, Default)]
struct Count {
    calls: u64,
    errors: u64,
}

type Counts = BTreeMap<String, Count>;

/// Runs the server under a load, and counts its system calls from its start to its end.
fn count(program: &str, load: Load) -> Counts {
    let name = format!("strace.{program}.{}.{}x{}", std::process::id(), load.connections, load.messages);
    let table = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new("strace");
    command.args(["-c", "-f", "-o"]).arg(&table);
    // The process to be signalled is the server, not strace.
    command.args(["/bin/sh", "-c", "echo $$ && exec \"$0\" \"$1\""]).arg(example(program)).arg(ANY);
    let mut process = Process::spawn(&mut command).expect("it is installed");
    let pid = process.line().and_then(|line| line.parse().ok());
    process.follow(pid.unwrap_or_else(|| panic!("strace cannot: {:?}", process.error_line())));
    let server = Server::listening(process);
    load.run(&server);
    server.stop();
    let counts = parse(&fs::read_to_string(&table).expect("strace has written it"));
    let _ = fs::remove_file(table);
    counts
}

/// Lines such as `0.42  0.001234  12  100  3 recvfrom`, where the errors may be missing.
fn parse(table: &str) -> Counts {
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter_map(|row| {
        let (name, numbers) = row.split_last()?;
        let calls = numbers.get(3)?.parse().ok()?;
        let errors = numbers.get(4).map_or(Some(0), |errors| errors.parse().ok())?;
        (*name != "total").then(|| ((*name).to_owned(), Count { calls, errors }))
    })
    .collect()
}

/// What `load` has cost more than the half of its messages: by name, calls and errors.
fn cost_of_half(program: &str, load: Load) -> Counts {
    let half = Load { messages: load.messages / 2, ..load };
    let (all, less) = (count(program, load), count(program, half));
    println!(
        "\n{} connections; {} messages of {} bytes each, and {} (in brackets)",
        load.connections,
        load.messages,
        MESSAGE.len(),
        half.messages
    );
    println!("{:<12} {:>8} {:>9} {:>8} {:>7} {:>12}", "", "calls", "", "errors", "", "per message");
    let mut more = Counts::new();
    for (name, after) in all {
        let before = less.get(&name).copied().unwrap_or_default();
        let calls = after.calls.saturating_sub(before.calls);
        let errors = after.errors.saturating_sub(before.errors);
        // Ignores calls that are made only a few times, at the start and the end.
        if after.calls > load.connections.max(10) {
            println!(
                "{name:<12} {:>8} {:>9} {:>8} {:>7} {:>12.3}",
                after.calls,
                format!("({})", before.calls),
                after.errors,
                format!("({})", before.errors),
                calls as f64 / (load.total() - half.total()) as f64
            );
        }
        more.insert(name, Count { calls, errors });
    }
    more
}

/// Compares the cost of a load's additional messages with the allowed cost.
fn check(program: &str, load: Load) {
    let mut cost = cost_of_half(program, load);
    let messages = load.total() - load.total() / 2;
    for name in ["recvfrom", "sendto"] {
        let Count { calls, errors } = cost.remove(name).unwrap_or_default();
        assert!(calls.abs_diff(messages) <= messages / 50, "{calls} of {name} for {messages} messages");
        assert!(errors <= messages / 50, "{errors} of {name} fail, for {messages} messages");
    }
    // One wait can bring many messages.
    let waits: u64 = ["epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll"]
        .into_iter()
        .map(|name| cost.remove(name).unwrap_or_default().calls)
        .sum();
    assert!(waits <= messages + messages / 50, "{waits} waits for {messages} messages");
    for (name, Count { calls, .. }) in cost {
        assert!(calls < messages / 20, "{calls} of {name} for {messages} messages");
    }
}

fn a_message_on_one_of_many_connections_costs_one_read_and_one_write(program: &str) {
    needs!("strace");
    check(program, Load { connections: 50, messages: 200 });
}

fn a_message_of_a_lone_connection_costs_one_read_one_write_and_one_wait(program: &str) {
    needs!("strace");
    check(program, Load { connections: 1, messages: 2000 });
}
