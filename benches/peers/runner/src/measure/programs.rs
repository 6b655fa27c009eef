//! Programs that measure themselves and print the results: tasks and generators.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{Run, Startable};
use crate::peers::ALL_AT_ONCE;
use crate::process::{on_core, run as run_program};
use crate::results::Record;
use crate::{Failure, machine};

const LIMIT: Duration = Duration::from_secs(120);

/// The number of operations in a quick run. With 0, a program chooses: for `depth`, it gets fewer items through deeper
/// delegation.
fn quick_count(bench: &str) -> u64 {
    match bench {
        "depth" => 0,
        "resume" => 2_000_000,
        _ => 20_000,
    }
}

pub(super) fn measure(run: &mut Run<'_>, peers: &[Startable<'_>], benches: &[&str]) -> Result<(), Failure> {
    let options = run.options;
    let benches: Vec<_> = benches.iter().filter(|bench| options.wants(bench)).collect();
    let planned = peers.iter().map(|peer| benches.iter().filter(|bench| peer.peer.can(bench)).count()).sum::<usize>();
    run.plan(options.rounds as usize * planned);
    for round in 0..options.rounds {
        for bench in &benches {
            for peer in peers.iter().filter(|peer| peer.peer.can(bench)) {
                if !run.has_failed(peer.peer.name, bench) {
                    run.done(peer.peer.name, bench, once(peer, bench, options.quick, round))?;
                }
            }
        }
    }
    Ok(())
}

fn once(peer: &Startable<'_>, bench: &str, quick: bool, round: u32) -> Result<Vec<Record>, Failure> {
    let usual = if quick { quick_count(bench) } else { 0 };
    let count = peer.peer.most.filter(|_| ALL_AT_ONCE.contains(&bench)).unwrap_or(usual);
    let words = peer.words(&[bench.into(), count.to_string()]);
    let output = run_program(&on_core(machine::server_and_client().1, &words), LIMIT)?;
    parse(&output.stdout, round)
}

/// A line that a program prints.
#[derive(Deserialize)]
struct Printed {
    peer: String,
    bench: String,
    #[serde(flatten)]
    figures: BTreeMap<String, f64>,
}

fn parse(stdout: &str, round: u32) -> Result<Vec<Record>, Failure> {
    let lines = stdout.lines().filter(|line| !line.trim().is_empty());
    let records = lines.map(|line| {
        let Printed { peer, bench, figures } =
            serde_json::from_str(line).map_err(|error| format!("prints {line:?}: {error}"))?;
        Ok(Record { case: bench, peer, round, turn: 0, figures })
    });
    let records = records.collect::<Result<Vec<_>, Failure>>()?;
    if records.is_empty() { Err("prints nothing".into()) } else { Ok(records) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_print_several_lines() {
        let text = "{\"peer\":\"a\",\"bench\":\"timer_set\",\"n\":10,\"cpu_ns\":1.5}\n\
                    {\"peer\":\"a\",\"bench\":\"timer_cancel\",\"n\":10,\"cpu_ns\":0.5}\n";
        let records = parse(text, 3).unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!((records[1].case.as_str(), records[1].round), ("timer_cancel", 3));
        assert_eq!(records[1].figures, [("n".to_string(), 10.0), ("cpu_ns".to_string(), 0.5)].into());
    }

    #[test]
    fn the_error_quotes_malformed_output() {
        assert!(parse("panic!", 0).unwrap_err().to_string().contains("panic!"));
        assert!(parse("\n", 0).unwrap_err().to_string().contains("nothing"));
    }
}
