//! What was asked for on the command line.

use std::str::FromStr;

use crate::Failure;

pub const HELP: &str = "\
Measures innermost beside its peers, in turns, and prints what they did.

    benches/peers/run [WORKLOAD ...] [OPTION ...]

    echo           messages a second, CPU time a message, latencies, memory a connection
    syscalls       system calls a message of the echo servers (needs strace)
    tasks          spawning, yielding, futures, queues, timers, parked tasks
    instructions   of the same, user instructions an operation (needs valgrind)
    generators     resumes, creation, delegation at any depth, the walk of a tree
    footprint      seconds of a cold build, crates, size of the stripped echo server
    tables         prints what was measured last, and measures nothing
    publish        writes the tables into benches/README.md and README.md, and the charts into benches/peers/charts

No workload: all of the first six. What is measured is kept in benches/peers/results, a file a workload.

    --quick            a round, short, to see that everything runs: the figures say little
    --rounds N         how often each is measured (5)
    --secs S           how long an echo server is measured in a round (2), in turns of a fifth of a second
    --peers A,B        only these: names, or their first word (tokio, innermost, bound); one that is none lists them
    --cases A,B        only these: 50x64 (connections x bytes), spawn_one, depth
    --help
";

pub const WORKLOADS: &[&str] = &["echo", "syscalls", "tasks", "instructions", "generators", "footprint"];
const OTHERS: &[&str] = &["tables", "publish"];

#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub workloads: Vec<String>,
    pub quick: bool,
    pub rounds: u32,
    pub seconds: f64,
    /// None are all.
    pub peers: Vec<String>,
    pub cases: Vec<String>,
    pub help: bool,
}

impl Options {
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        let (mut workloads, mut peers, mut cases) = (Vec::new(), Vec::new(), Vec::new());
        let (mut rounds, mut seconds, mut quick, mut help) = (None, None, false, false);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => quick = true,
                "--help" | "-h" => help = true,
                "--rounds" => rounds = Some(positive(&value()?)?),
                "--secs" => seconds = Some(seconds_of(&value()?)?),
                "--peers" => peers = list(&value()?),
                "--cases" => cases = list(&value()?),
                option if option.starts_with('-') => return Err(format!("{option} is no option: see --help").into()),
                word if WORKLOADS.contains(&word) || OTHERS.contains(&word) => workloads.push(argument),
                word => return Err(format!("{word:?} is no workload: see --help").into()),
            }
        }
        if workloads.is_empty() {
            workloads = WORKLOADS.iter().map(|word| (*word).to_string()).collect();
        }
        Ok(Self {
            workloads,
            quick,
            rounds: rounds.unwrap_or(if quick { 1 } else { 5 }),
            seconds: seconds.unwrap_or(if quick { 0.4 } else { 2.0 }),
            peers,
            cases,
            help,
        })
    }

    /// Whether a case is among those asked for.
    pub fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|wanted| wanted == case)
    }
}

fn list(text: &str) -> Vec<String> {
    // Names of peers have commas in them, with a space after.
    text.replace(", ", "\0").split(',').map(|name| name.replace('\0', ", ")).collect()
}

/// A day at most: turns are counted.
fn seconds_of(text: &str) -> Result<f64, Failure> {
    let seconds = positive(text)?;
    if seconds <= 86_400.0 { Ok(seconds) } else { Err(format!("{text:?} s are more than a day").into()) }
}

fn positive<T: FromStr + PartialOrd + Default>(text: &str) -> Result<T, Failure> {
    let number = text.parse().ok().filter(|number| *number > T::default());
    number.ok_or_else(|| format!("{text:?} is no number above 0").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, Failure> {
        Options::parse(text.split_whitespace().map(String::from))
    }

    #[test]
    fn nothing_asked_for_is_everything() {
        let options = parse("").unwrap();
        assert_eq!(options.workloads, WORKLOADS);
        assert_eq!((options.rounds, options.seconds, options.quick), (5, 2.0, false));
        assert!(options.wants("50x64"));
    }

    #[test]
    fn what_is_said_goes_before_what_quick_would_say() {
        let options = parse("echo --quick --rounds 3 --cases 50x64,1x64").unwrap();
        assert_eq!((options.rounds, options.seconds), (3, 0.4));
        assert!(options.wants("1x64") && !options.wants("1000x64"));
    }

    #[test]
    fn a_list_of_peers_may_hold_names_with_commas() {
        assert_eq!(list("tokio,monoio, epoll,smol"), ["tokio", "monoio, epoll", "smol"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, word) in [
            ("ecko", "ecko"),
            ("--fast", "--fast"),
            ("--rounds", "value"),
            ("--rounds 0", "above 0"),
            ("--secs x", "\"x\""),
            ("--secs nan", "above 0"),
            ("--secs inf", "more than a day"),
        ] {
            assert!(parse(text).unwrap_err().to_string().contains(word), "{text}");
        }
    }
}
