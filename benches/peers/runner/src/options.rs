//! The options on the command line.

use std::str::FromStr;

use crate::Failure;

pub const HELP: &str = "\
Compares innermost with other libraries, in turns, and prints the results.

    benches/peers/run [WORKLOAD ...] [OPTION ...]

    echo           messages per second, CPU time per message, latencies, memory per connection
    syscalls       system calls per message of the echo servers (needs strace)
    tasks          spawning, yielding, futures, queues, timers, parked tasks
    instructions   user instructions per operation on tasks (needs valgrind)
    generators     resuming, creating, delegating at any depth, walking a tree
    footprint      duration of a build from scratch, number of crates, size of the stripped echo server
    tables         prints the last results, and measures nothing
    publish        writes the tables into benches/README.md and README.md, and the charts into benches/peers/charts

Without a workload, runs the first six. The results are kept in benches/peers/results, one file per workload.

    --quick            one short round, to check that everything runs: the figures mean little
    --rounds N         the number of rounds (5)
    --secs S           how long to measure an echo server in a round (2), in turns of a fifth of a second
    --peers A,B        only these peers: full names, or first words (tokio, innermost, bound); an unknown name lists all
    --cases A,B        only these cases, such as 50x64 (connections x bytes), spawn_one, depth
    --help             prints this text
";

pub const WORKLOADS: &[&str] = &["echo", "syscalls", "tasks", "instructions", "generators", "footprint"];
const OTHERS: &[&str] = &["tables", "publish"];

#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub workloads: Vec<String>,
    pub quick: bool,
    pub rounds: u32,
    pub seconds: f64,
    /// The peers to measure. Empty for all.
    pub peers: Vec<String>,
    /// The cases to measure. Empty for all.
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
                option if option.starts_with('-') => return Err(format!("unknown option {option}: see --help").into()),
                word if WORKLOADS.contains(&word) || OTHERS.contains(&word) => workloads.push(argument),
                word => return Err(format!("unknown workload {word:?}: see --help").into()),
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

    /// Whether to measure a case.
    pub fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|wanted| wanted == case)
    }
}

fn list(text: &str) -> Vec<String> {
    // In the name of a peer, a space follows a comma.
    text.replace(", ", "\0").split(',').map(|name| name.replace('\0', ", ")).collect()
}

/// Parses seconds, up to a day: more turns than that cannot be counted.
fn seconds_of(text: &str) -> Result<f64, Failure> {
    let seconds = positive(text)?;
    if seconds <= 86_400.0 { Ok(seconds) } else { Err(format!("{text:?} seconds are more than a day").into()) }
}

fn positive<T: FromStr + PartialOrd + Default>(text: &str) -> Result<T, Failure> {
    let number = text.parse().ok().filter(|number| *number > T::default());
    number.ok_or_else(|| format!("{text:?} is not a positive number").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, Failure> {
        Options::parse(text.split_whitespace().map(String::from))
    }

    #[test]
    fn no_arguments_select_everything() {
        let options = parse("").unwrap();
        assert_eq!(options.workloads, WORKLOADS);
        assert_eq!((options.rounds, options.seconds, options.quick), (5, 2.0, false));
        assert!(options.wants("50x64"));
    }

    #[test]
    fn explicit_options_override_quick() {
        let options = parse("echo --quick --rounds 3 --cases 50x64,1x64").unwrap();
        assert_eq!((options.rounds, options.seconds), (3, 0.4));
        assert!(options.wants("1x64") && !options.wants("1000x64"));
    }

    #[test]
    fn names_of_peers_may_contain_commas() {
        assert_eq!(list("tokio,monoio, epoll,smol"), ["tokio", "monoio, epoll", "smol"]);
    }

    #[test]
    fn errors_name_the_wrong_argument() {
        for (text, word) in [
            ("ecko", "ecko"),
            ("--fast", "--fast"),
            ("--rounds", "value"),
            ("--rounds 0", "positive number"),
            ("--secs x", "\"x\""),
            ("--secs nan", "positive number"),
            ("--secs inf", "more than a day"),
        ] {
            assert!(parse(text).unwrap_err().to_string().contains(word), "{text}");
        }
    }
}
