//! The echo servers: each on a core of its own, the client on the next one.

use std::net::TcpListener;
use std::time::Duration;

use super::{Run, Startable};
use crate::build::build_packages;
use crate::process::{Server, on_core, run};
use crate::results::Record;
use crate::{Failure, machine};

/// Connections, and bytes a message.
const CASES: &[(u32, u32)] =
    &[(1, 64), (50, 64), (1000, 64), (8000, 64), (1, 4096), (50, 4096), (1000, 4096), (8000, 4096)];

/// From so many connections on, the server's memory is told apart from noise.
const MANY: u32 = 1000;

/// How often a measurement is made again that others have disturbed.
const REPEATS: u32 = 2;

pub(super) fn measure(run: &mut Run<'_>, peers: &[Startable<'_>]) -> Result<(), Failure> {
    let load = load()?;
    let options = run.options;
    let is_wanted = |case: &Case| {
        // Thousands of connections take seconds to make.
        let in_time = !options.quick || case.connections <= MANY || !options.cases.is_empty();
        options.wants(&case.name()) && in_time
    };
    let cases: Vec<_> = CASES.iter().map(|&case| Case::from(case)).filter(is_wanted).collect();
    run.plan(options.rounds as usize * cases.len() * peers.len());
    for round in 0..options.rounds {
        for case in &cases {
            for peer in peers {
                let name = case.name();
                if !run.has_failed(peer.peer.name, &name) {
                    let record = calm(peer, case, &load, run);
                    run.done(peer.peer.name, &name, record.map(|record| vec![Record { round, ..record }]))?;
                }
            }
        }
    }
    Ok(())
}

pub(super) fn load() -> Result<String, Failure> {
    build_packages(&["load"])?.remove("load").ok_or_else(|| "the load generator does not build".into())
}

pub(super) struct Case {
    pub(super) connections: u32,
    pub(super) size: u32,
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

    /// What the client is told.
    pub(super) fn words(&self) -> Vec<String> {
        let words = ["--conns", &self.connections.to_string(), "--size", &self.size.to_string()];
        words.map(String::from).into()
    }
}

/// The calmest of a few.
fn calm(peer: &Startable<'_>, case: &Case, load: &str, run: &Run<'_>) -> Result<Record, Failure> {
    let mut best = once(peer, case, load, run.options.seconds)?;
    let repeats = if run.options.quick { 0 } else { REPEATS };
    for _ in 0..repeats {
        if !best.is_disturbed() {
            break;
        }
        let again = once(peer, case, load, run.options.seconds)?;
        if again.disturbed() < best.disturbed() {
            best = again;
        }
    }
    Ok(best)
}

fn once(peer: &Startable<'_>, case: &Case, load: &str, seconds: f64) -> Result<Record, Failure> {
    let warm_up = if case.connections >= MANY { 1.0 } else { 0.5 };
    let times = ["--secs", &seconds.to_string(), "--warm", &(warm_up * seconds.min(1.0)).to_string()];
    let (server, port) = start(peer, &[])?;
    let stdout = drive(load, &server, port, case, &times.map(String::from))?;
    server.stop()?;
    let mut record =
        Record { case: case.name(), peer: peer.peer.name.into(), round: 0, figures: serde_json::from_str(&stdout)? };
    if case.connections < MANY {
        record.figures.remove("bytes");
    }
    Ok(record)
}

/// Starts a server on the first core, under the command `under` if that is not empty.
pub(super) fn start(peer: &Startable<'_>, under: &[String]) -> Result<(Server, u16), Failure> {
    // A port that is free now, and will be in a moment.
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let words = [under, &peer.words(&[port.to_string()])].concat();
    Ok((Server::start(&on_core(machine::server_and_client().0, &words))?, port))
}

/// Has the client send on the second core; gives what it prints.
pub(super) fn drive(load: &str, server: &Server, port: u16, case: &Case, more: &[String]) -> Result<String, Failure> {
    let (server_core, client_core) = machine::server_and_client();
    let mut words = vec![load.into(), "--port".into(), port.to_string(), "--pid".into(), server.process.to_string()];
    words.extend(case.words());
    words.extend_from_slice(more);
    if server_core == client_core {
        words.push("--block".into());
    }
    Ok(run(&on_core(client_core, &words), Duration::from_secs(120))?.stdout)
}
