//! Runs seeds in a separate process, finds out how a seed fails, and reduces it.

use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::panic;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// An attack: how to make a program from a seed, and how to run it.
pub(crate) trait Campaign {
    type Operation: Debug;
    /// The test in which the other process runs seeds. It calls [`run_seeds`].
    const CHILD: &'static str;
    /// How many seeds `cargo test` runs.
    const SEEDS: u64;

    fn operations(seed: u64) -> Vec<Self::Operation>;

    /// Runs these. Panics, or ends the process, where something is wrong.
    fn run(operations: Vec<Self::Operation>);
}

/// How long one list of operations may run. It takes a millisecond or two.
const PATIENCE: Duration = Duration::from_secs(15);
/// The limit while a list is reduced, when many runs may hang.
const LESS_PATIENCE: Duration = Duration::from_secs(3);
/// How many shorter lists are tried.
const ATTEMPTS: usize = 400;

/// Runs the campaign; fails with the reduced list of operations of the first seed that fails.
pub(crate) fn attack<C: Campaign>() {
    let first = variable("INNERMOST_ATTACK_SEED").unwrap_or(1);
    if let Ok(kept) = std::env::var("INNERMOST_ATTACK_KEEP") {
        let kept = if kept == "all" { (0..C::operations(first).len()).collect() } else { numbers(&kept) };
        if let Err(failure) = in_a_process::<C>(first, 1, Some(&kept)) {
            panic!("{}", failure.report::<C>(&kept));
        }
        return;
    }
    let count = C::SEEDS * variable("INNERMOST_ATTACK_TIMES").unwrap_or(1);
    if let Err(failure) = in_a_process::<C>(first, count, None) {
        eprintln!("seed {} fails, and is reduced: {}", failure.seed, failure.how);
        let (kept, failure) = reduced::<C>(failure);
        panic!("{}", failure.report::<C>(&kept));
    }
}

/// The work of the other process.
pub(crate) fn run_seeds<C: Campaign>() {
    let Some(first) = variable::<u64>("INNERMOST_ATTACK_RUN") else { return };
    let count = variable("INNERMOST_ATTACK_COUNT").unwrap_or(1);
    let kept = std::env::var("INNERMOST_ATTACK_ONLY").ok().map(|kept| numbers(&kept));
    quiet_panics();
    end_with_parent();
    for seed in first..first + count {
        say(format_args!("seed {seed}"));
        let operations = C::operations(seed).into_iter().enumerate();
        let operations = operations.filter(|(number, _)| kept.as_ref().is_none_or(|kept| kept.contains(number)));
        C::run(operations.map(|(_, operation)| operation).collect());
    }
    say("all seeds have passed");
}

/// Ends the process: a panic would be caught by the library.
pub(crate) fn fault(what: impl std::fmt::Display) -> ! {
    eprintln!("{what}");
    std::process::exit(3)
}

/// Ends this process when its standard input closes, so that no child outlives its parent.
fn end_with_parent() {
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(4)
    });
}

/// Says nothing of the panics that are part of the attack.
fn quiet_panics() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&ON_PURPOSE) {
            tell(panic);
        }
    }));
}

pub(crate) const ON_PURPOSE: &str = "on purpose";

/// Writes to the parent, past the test harness.
fn say(what: impl std::fmt::Display) {
    let mut output = std::io::stdout().lock();
    // A parent that is gone wants nothing more.
    if writeln!(output, "\n{what}").and_then(|()| output.flush()).is_err() {
        std::process::exit(4);
    }
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}")))
}

fn numbers(list: &str) -> Vec<usize> {
    list.split(',').filter(|number| !number.is_empty()).map(|number| number.parse().expect("a number")).collect()
}

fn listed(numbers: &[usize]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

struct Failure {
    seed: u64,
    how: String,
}

impl Failure {
    fn report<C: Campaign>(&self, kept: &[usize]) -> String {
        let operations = C::operations(self.seed).into_iter().enumerate();
        let operations = operations.filter(|(number, _)| kept.contains(number));
        let program: String = operations.map(|(number, operation)| format!("{number:4}  {operation:?}\n")).collect();
        let (seed, how, kept) = (self.seed, &self.how, listed(kept));
        format!(
            "seed {seed} fails: {how}\n\n{program}\n\
             INNERMOST_ATTACK_SEED={seed} INNERMOST_ATTACK_KEEP={kept} runs it again\n"
        )
    }
}

/// Removes pieces of the list, larger ones first, as long as the rest still fails: delta debugging.
fn reduced<C: Campaign>(mut failure: Failure) -> (Vec<usize>, Failure) {
    let mut kept: Vec<usize> = (0..C::operations(failure.seed).len()).collect();
    let (mut size, mut attempts) = (kept.len() / 2, 0);
    while size > 0 && attempts < ATTEMPTS {
        let (mut start, before) = (0, kept.len());
        while start < kept.len() && attempts < ATTEMPTS {
            attempts += 1;
            let end = (start + size).min(kept.len());
            let fewer = [&kept[..start], &kept[end..]].concat();
            match in_a_process::<C>(failure.seed, 1, Some(&fewer)) {
                Err(still) => (kept, failure) = (fewer, still),
                Ok(()) => start = end,
            }
        }
        if kept.len() == before || size > 1 {
            size /= 2;
        }
    }
    (kept, failure)
}

/// Runs seeds in a new process of this test.
fn in_a_process<C: Campaign>(first: u64, count: u64, kept: Option<&[usize]>) -> Result<(), Failure> {
    let mut command = Command::new(std::env::current_exe().expect("a test knows where it lies"));
    command.args([C::CHILD, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("INNERMOST_ATTACK_RUN", first.to_string()).env("INNERMOST_ATTACK_COUNT", count.to_string());
    command.env_remove("INNERMOST_ATTACK_ONLY").env_remove("RUST_BACKTRACE");
    if let Some(kept) = kept {
        command.env("INNERMOST_ATTACK_ONLY", listed(kept));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Killed(command.spawn().expect("this test can be started"));
    let lines = lines_of(child.0.stdout.take().expect("it is piped"));
    let errors = lines_of(child.0.stderr.take().expect("it is piped"));
    let patience = if kept.is_some() { LESS_PATIENCE } else { PATIENCE };
    let (mut seed, mut passed) = (first, false);
    let hangs = loop {
        match lines.recv_timeout(patience) {
            Ok(line) => {
                passed |= line == "all seeds have passed";
                seed = line.strip_prefix("seed ").and_then(|number| number.parse().ok()).unwrap_or(seed);
            }
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    if hangs {
        return Err(Failure { seed, how: "it hangs".into() });
    }
    let status = child.0.wait().expect("it is our child");
    if passed && status.success() {
        return Ok(());
    }
    let errors: Vec<String> = errors.iter().collect();
    let last = errors[errors.len().saturating_sub(12)..].join("\n");
    Err(Failure { seed, how: format!("{status}\n{last}") })
}

/// A process that does not outlive this.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lines_of(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}
