//! The echo servers, which share the first core, one working at a time. Their clients share the second core.

use std::net::TcpListener;
use std::time::Duration;

use common::Chance;

use super::turns::{self, Group};
use super::{Run, Startable};
use crate::build::build_packages;
use crate::process::{Dialog, Server, Words, on_core, run};
use crate::{Failure, machine};

/// The number of connections, and the bytes per message.
pub(super) const CASES: &[(u32, u32)] =
    &[(1, 64), (50, 64), (1000, 64), (8000, 64), (1, 4096), (50, 4096), (1000, 4096), (8000, 4096)];

/// With fewer connections, the server's memory per connection is lost in noise.
pub(super) const MANY: u32 = 1000;

pub(super) fn measure(run: &mut Run<'_>, peers: &[Startable<'_>]) -> Result<(), Failure> {
    let load = load()?;
    let options = run.options;
    let is_wanted = |case: &Case| {
        // Opening thousands of connections takes seconds.
        let in_time = !options.quick || case.connections <= MANY || !options.cases.is_empty();
        options.wants(&case.name()) && in_time
    };
    let cases: Vec<_> = CASES.iter().map(|&case| Case::from(case)).filter(is_wanted).collect();
    run.plan(options.rounds as usize * cases.len() * peers.len());
    let mut chance = Chance::default();
    for round in 0..options.rounds {
        for case in &cases {
            let left = peers.iter().filter(|peer| !run.has_failed(peer.peer.name, &case.name()));
            let room = machine::room_for_connections() / u64::from(case.connections);
            for (number, peers) in (0..).zip(turns::groups(left.collect(), room as usize)) {
                turns::measure(run, &Group { peers, round, number, case, load: &load }, &mut chance)?;
            }
        }
    }
    Ok(())
}

pub(super) fn load() -> Result<String, Failure> {
    build_packages(&["load"])?.remove("load").ok_or_else(|| "the load generator does not build".into())
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Case {
    pub(super) connections: u32,
    size: u32,
}

impl From<(u32, u32)> for Case {
    fn from((connections, size): (u32, u32)) -> Self {
        Self { connections, size }
    }
}

impl Case {
    pub(super) fn name(&self) -> String {
        format!("{}x{}", self.connections, self.size)
    }

    /// The arguments of the client.
    fn words(&self) -> Vec<String> {
        let words = ["--conns", &self.connections.to_string(), "--size", &self.size.to_string()];
        words.map(String::from).into()
    }
}

/// Starts a server on the first core, under the command `under` if that is not empty.
pub(super) fn start(peer: &Startable<'_>, under: &[String]) -> Result<(Server, u16), Failure> {
    // This port is free now. Nothing reserves it, but it is unlikely to be taken at once.
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let words = [under, &peer.words(&[port.to_string()])].concat();
    Ok((Server::start(&on_core(machine::server_and_client().0, &words))?, port))
}

/// Connects to a server from the second core. Also returns the client's first line.
pub(super) fn connect(load: &str, server: &Server, port: u16, case: &Case) -> Result<(Dialog, String), Failure> {
    Dialog::start(&client(load, server, port, case))
}

/// Sends `messages` messages, with a pause in microseconds after each.
pub(super) fn send(
    load: &str,
    server: &Server,
    port: u16,
    case: &Case,
    messages: u64,
    pause: u32,
) -> Result<(), Failure> {
    let more = ["--messages", &messages.to_string(), "--pause-us", &pause.to_string()].map(String::from);
    let words = [client(load, server, port, case), more.into()].concat();
    run(&words, Duration::from_secs(120)).map(drop)
}

fn client(load: &str, server: &Server, port: u16, case: &Case) -> Words {
    let (server_core, client_core) = machine::server_and_client();
    let mut words = vec![load.into(), "--port".into(), port.to_string(), "--pid".into(), server.process.to_string()];
    words.extend(case.words());
    if server_core == client_core {
        words.push("--block".into());
    }
    on_core(client_core, &words)
}
