//! The workloads. Each is measured in rounds. A round measures every peer once, so that a disturbance affects all of them
//! alike. The echo servers of a round run at the same time, and take turns.

mod echo;
mod footprint;
mod instructions;
mod programs;
mod syscalls;
mod turns;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::slice;
use std::time::{Duration, Instant};

use self::echo::Case;
use crate::build::Built;
use crate::machine;
use crate::options::{Options, WORKLOADS};
use crate::peers::{self, Peer};
use crate::results::{LeftOut, Line, Log, Record};
use crate::{Failure, process};

/// The names of a workload's peers, and of its cases.
fn names(workload: &str) -> (Vec<&'static str>, Vec<String>) {
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_string()).collect();
    let cases = match workload {
        "echo" => echo::CASES.iter().map(|&case| Case::from(case).name()).collect(),
        "syscalls" => syscalls::CASES.iter().map(|&case| Case::from(case).name()).collect(),
        "tasks" => strings(peers::TASK_BENCHES),
        "instructions" => strings(instructions::BENCHES),
        "generators" => strings(peers::GENERATOR_BENCHES),
        _ => footprint::PROFILES.iter().map(|(name, _)| (*name).to_string()).collect(),
    };
    let peers = match workload {
        "footprint" => footprint::SERVERS.iter().map(|(name, _)| *name).collect(),
        _ => peers_of(workload).iter().map(|peer| peer.name).collect(),
    };
    (peers, cases)
}

fn peers_of(workload: &str) -> &'static [Peer] {
    match workload {
        "echo" | "syscalls" => peers::ECHO,
        "tasks" | "instructions" => peers::TASKS,
        "generators" => peers::GENERATORS,
        _ => &[],
    }
}

/// Checks that all selected peers and cases exist. A mistyped name would otherwise measure nothing, and replace the last
/// results by nothing.
///
/// # Errors
///
/// Fails with the first unknown name, and the list of known ones.
pub fn check(options: &Options) -> Result<(), Failure> {
    let (mut peers, mut cases) = (Vec::new(), Vec::new());
    for workload in WORKLOADS {
        let names = names(workload);
        peers.extend(names.0.into_iter().map(String::from));
        cases.extend(names.1);
    }
    let distinct = |names: &mut Vec<String>| {
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
    };
    distinct(&mut peers);
    distinct(&mut cases);
    for wanted in &options.peers {
        if !peers.iter().any(|peer| peers::is_wanted(peer, slice::from_ref(wanted))) {
            return Err(format!("unknown peer {wanted:?}; there are {}", peers.join("; ")).into());
        }
    }
    match options.cases.iter().find(|wanted| !cases.contains(wanted)) {
        Some(wanted) => Err(format!("unknown case {wanted:?}; there are {}", cases.join(", ")).into()),
        None => Ok(()),
    }
}

/// Whether a workload has any of the selected peers and cases.
fn has_any(workload: &str, options: &Options) -> bool {
    let (peers, cases) = names(workload);
    peers.iter().any(|peer| peers::is_wanted(peer, &options.peers)) && cases.iter().any(|case| options.wants(case))
}

/// Measures one workload, and keeps the results.
pub fn measure(workload: &str, options: &Options, folder: &Path) -> Result<(), Failure> {
    let peers = peers_of(workload);
    println!("\n== {workload}");
    if !has_any(workload, options) {
        println!("none of the selected peers and cases: the last results stay");
        return Ok(());
    }
    let wanted: Vec<_> = peers.iter().filter(|peer| peers::is_wanted(peer.name, &options.peers)).collect();
    let built = Built::new(&wanted)?;
    let quick = if options.quick { ": a quick run, whose figures mean little" } else { "" };
    let log = Log::create(folder, workload, machine::description() + quick)?;
    let mut run = Run::new(workload, options, log);
    let mut startable = Vec::new();
    for peer in wanted {
        match built.start_of(peer) {
            Ok(start) => startable.push(Startable { peer, start }),
            Err(why) => run.left_out(peer.name, None, why)?,
        }
    }
    match workload {
        "echo" => echo::measure(&mut run, &startable),
        "syscalls" => syscalls::measure(&mut run, &startable),
        "tasks" => programs::measure(&mut run, &startable, peers::TASK_BENCHES),
        "instructions" => instructions::measure(&mut run, &startable),
        "generators" => programs::measure(&mut run, &startable, peers::GENERATOR_BENCHES),
        _ => footprint::measure(&mut run),
    }
}

/// A peer, and the program that starts it.
struct Startable<'a> {
    peer: &'a Peer,
    start: &'a str,
}

impl Startable<'_> {
    fn words(&self, given: &[String]) -> process::Words {
        self.peer.words(self.start, given)
    }
}

/// The measuring of one workload.
struct Run<'a> {
    workload: &'a str,
    options: &'a Options,
    log: Log,
    since: Instant,
    /// The number of planned measurements, and of those made.
    planned: usize,
    made: usize,
    /// When the last line of progress was printed.
    shown: Cell<Option<Instant>>,
    /// Peers and cases that have failed. They are not tried again.
    failed: Vec<(String, String)>,
}

impl<'a> Run<'a> {
    fn new(workload: &'a str, options: &'a Options, log: Log) -> Self {
        Self {
            workload,
            options,
            log,
            since: Instant::now(),
            planned: 0,
            made: 0,
            shown: Cell::new(None),
            failed: Vec::new(),
        }
    }

    fn plan(&mut self, measurements: usize) {
        (self.planned, self.since) = (measurements, Instant::now());
    }

    fn has_failed(&self, peer: &str, case: &str) -> bool {
        self.failed.iter().any(|(failed, of)| failed == peer && of == case)
    }

    /// Keeps the records of a measurement, or reports why it failed.
    fn done(&mut self, peer: &str, case: &str, records: Result<Vec<Record>, Failure>) -> Result<(), Failure> {
        self.made += 1;
        match records {
            Err(error) => {
                self.failed.push((peer.into(), case.into()));
                self.left_out(peer, Some(case), &error.to_string())
            }
            Ok(records) => {
                for record in records {
                    self.progress(&format!("{:<16} {}", record.case, record.peer));
                    self.log.write(&Line::Record(record))?;
                }
                Ok(())
            }
        }
    }

    /// Prints a remark, without disturbing the line of progress.
    fn note(&self, text: &str) {
        self.end_progress();
        println!("{text}");
    }

    fn left_out(&mut self, peer: &str, case: Option<&str>, why: &str) -> Result<(), Failure> {
        self.note(&format!("left out: {peer}{}: {why}", case.map(|case| format!(", {case}")).unwrap_or_default()));
        let left_out = LeftOut { peer: peer.into(), case: case.map(String::from), why: why.into() };
        Ok(self.log.write(&Line::LeftOut(left_out))?)
    }

    /// Prints progress. On a terminal, replaces the last line. Elsewhere, prints at most one line per minute.
    fn progress(&self, what: &str) {
        let is_terminal = io::stdout().is_terminal();
        if !is_due(is_terminal, self.shown.get().map(|shown| shown.elapsed())) {
            return;
        }
        self.shown.set(Some(Instant::now()));
        let left = match self.made {
            0 => String::new(),
            made => {
                let each = self.since.elapsed().as_secs_f64() / made as f64;
                format!(", {:.0} s left", each * self.planned.saturating_sub(made) as f64)
            }
        };
        self.end_progress();
        let end = if is_terminal { "" } else { "\n" };
        print!("{}: {}/{}{left}   {what}{end}", self.workload, self.made, self.planned);
        let _ = io::stdout().flush();
    }

    fn end_progress(&self) {
        if io::stdout().is_terminal() {
            print!("\r\x1b[K");
        }
    }
}

/// Whether to print a line of progress, given the time since the last one.
fn is_due(is_terminal: bool, since_last: Option<Duration>) -> bool {
    is_terminal || since_last.is_none_or(|since| since >= Duration::from_secs(60))
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.end_progress();
        println!("{}: {} measurements in {:.0} s", self.workload, self.made, self.since.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        Options::parse(text.split_whitespace().map(String::from)).unwrap()
    }

    #[test]
    fn an_unknown_name_is_reported_with_the_known_ones() {
        for (text, wrong, known) in [
            ("tasks --peers nope", "unknown peer \"nope\"", "tokio, LocalSet; "),
            ("--cases 50x64,nope", "unknown case \"nope\"", "spawn_one, "),
            ("--cases 50x65", "\"50x65\"", "50x64"),
        ] {
            let error = check(&options(text)).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains(known), "{error}");
        }
        check(&options("--peers tokio,bound,monoio --cases 50x64,depth,release_lto")).unwrap();
        check(&options("")).unwrap();
    }

    #[test]
    fn a_terminal_shows_all_progress_and_a_pipe_one_line_per_minute() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert!(is_due(true, None) && is_due(true, seconds(0)));
        assert!(is_due(false, None) && !is_due(false, seconds(59)) && is_due(false, seconds(60)));
    }

    #[test]
    fn a_workload_without_selected_cases_keeps_its_results() {
        let folder = std::env::temp_dir().join(format!("peers-nothing-{}", std::process::id()));
        measure("generators", &options("--cases 50x64"), &folder).unwrap();
        measure("tasks", &options("--peers corosensei"), &folder).unwrap();
        assert!(!folder.exists(), "the last results were replaced");
    }
}
