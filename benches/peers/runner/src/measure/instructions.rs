//! User instructions per operation: the difference between two runs under callgrind. Such counts have no noise.

use std::time::Duration;

use super::{Run, Startable};
use crate::Failure;
use crate::peers::ALL_AT_ONCE;
use crate::process::run as run_program;
use crate::results::Record;

/// The cases whose instructions do not depend on the clock, because no timer fires. Cases that measure two operations, such as
/// setting and cancelling a timer, are counted as one.
pub(super) const BENCHES: &[&str] = &[
    "spawn_one",
    "spawn_batch",
    "yield_one",
    "yield_thousand",
    "call_soon",
    "handover",
    "future",
    "timers",
    "parked_future",
];

const FEW: u64 = 10_000;
const MANY: u64 = 30_000;

pub(super) fn measure(run: &mut Run<'_>, peers: &[Startable<'_>]) -> Result<(), Failure> {
    let options = run.options;
    let benches: Vec<_> = BENCHES.iter().filter(|bench| options.wants(bench)).collect();
    // Python takes minutes to start under callgrind.
    let peers: Vec<_> = peers.iter().filter(|peer| peer.peer.program.package().is_some()).collect();
    let can = |peer: &Startable<'_>, bench: &str| {
        let has_room = !ALL_AT_ONCE.contains(&bench) || peer.peer.most.is_none_or(|most| most >= MANY);
        peer.peer.can(bench) && has_room
    };
    run.plan(peers.iter().map(|peer| benches.iter().filter(|bench| can(peer, bench)).count()).sum());
    for bench in benches {
        for peer in peers.iter().filter(|peer| can(peer, bench)) {
            // A peer that callgrind cannot run in one case, such as io_uring, fails in all others too.
            if run.failed.iter().any(|(failed, _)| failed == peer.peer.name) {
                continue;
            }
            let record = a_piece(peer, bench).map(|count| {
                let figures = [("instructions".to_string(), count)].into();
                vec![Record { case: (*bench).into(), peer: peer.peer.name.into(), round: 0, turn: 0, figures }]
            });
            run.done(peer.peer.name, bench, record)?;
        }
    }
    Ok(())
}

fn a_piece(peer: &Startable<'_>, bench: &str) -> Result<f64, Failure> {
    let count = |operations: u64| {
        let callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"].map(String::from);
        let words = [callgrind.to_vec(), peer.words(&[bench.into(), operations.to_string()])].concat();
        let output = run_program(&words, Duration::from_secs(60))?;
        collected(&output.stderr).ok_or_else(|| Failure::from("no count in callgrind's output"))
    };
    Ok((count(MANY)? - count(FEW)?) / (MANY - FEW) as f64)
}

/// Parses `==12345== Collected : 67890`.
fn collected(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_callgrinds_output() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 123\n"), Some(123.0));
        assert_eq!(collected("valgrind: no such program"), None);
    }
}
