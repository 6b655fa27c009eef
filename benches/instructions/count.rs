//! Counts the user instructions of a benchmark's lines with callgrind. Prints the counts, compares them with the committed
//! ones, or writes them.
//!
//! A count is the difference between a run of three batches and a run of one, so starting the program does not count.
//! Counts do not depend on the load of the machine.

use std::error::Error;
use std::fs;
use std::process::Command;

use super::figures::{Figure, Figures};

type Failure = Box<dyn Error + Send + Sync>;

/// The argument that runs one side of one line. The line's name, the side and the number of batches follow.
pub(crate) const BATCHES: &str = "--batches";

/// The file with the committed counts of a benchmark.
fn path(bench: &str) -> String {
    format!("{}/benches/instructions/{bench}.txt", env!("CARGO_MANIFEST_DIR"))
}

/// What to do with the counts.
pub(crate) enum Then {
    Print,
    Check,
    Renew,
}

impl Then {
    pub(crate) fn of(arguments: &[String]) -> Self {
        let has = |name: &str| arguments.iter().any(|argument| argument == name);
        if has("--check") {
            Self::Check
        } else if has("--renew") {
            Self::Renew
        } else {
            Self::Print
        }
    }
}

/// Counts these lines. Each line has the number of operations in a batch.
pub(crate) fn count(bench: &str, lines: &[(&str, u64)], then: &Then) -> Result<(), Failure> {
    let mut counted = Figures { tools: tools()?, lines: Vec::new() };
    println!("counted with {}\n", counted.tools);
    println!("| line | ours, user instructions | bound | ours / bound |\n|---|--:|--:|--:|");
    for (line, items) in lines {
        let a_piece = |side| -> Result<f64, Failure> {
            let (few, many) = (collected(line, side, 1)?, collected(line, side, 3)?);
            Ok((many - few) as f64 / (2 * items) as f64)
        };
        let (ours, bound) = (a_piece("ours")?, a_piece("bound")?);
        println!("| {line} | {ours:.1} | {bound:.1} | {:.2} |", ours / bound);
        counted.lines.push(Figure { name: (*line).into(), ours, bound });
    }
    match then {
        Then::Print => Ok(()),
        Then::Check => check(bench, &counted),
        Then::Renew => Ok(fs::write(path(bench), counted.text())?),
    }
}

fn check(bench: &str, counted: &Figures) -> Result<(), Failure> {
    let path = path(bench);
    let committed = fs::read_to_string(&path).map_err(|error| error.to_string()).and_then(|text| Figures::parse(&text));
    let committed = committed.map_err(|error| format!("{path}: {error}"))?;
    if committed.tools != counted.tools {
        println!("\nThe committed counts are those of {}, so only ratios to the bounds are compared.", committed.tools);
    }
    let faults = committed.faults(counted);
    if faults.is_empty() {
        println!("\nno count has grown");
        return Ok(());
    }
    let renew = format!("cargo bench --bench {bench} -- --instructions --renew");
    Err(format!("{}\n  If this is intended: {renew}, and commit {path}", faults.join("\n  ")).into())
}

fn tools() -> Result<String, Failure> {
    let first_line = |program: &str| -> Result<String, Failure> {
        let output = Command::new(program).arg("--version").output().map_err(|error| format!("{program}: {error}"))?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().into())
    };
    // `rustc 1.95.0 (59807616e 2026-04-14)`, `ldd (Debian GLIBC 2.36-9) 2.36`
    let (rustc, ldd) = (first_line("rustc")?, first_line("ldd")?);
    let library = ldd.rsplit(' ').next().unwrap_or_default();
    Ok(format!("{}, libc {library}, {}", rustc.split(" (").next().unwrap_or_default(), std::env::consts::ARCH))
}

fn collected(name: &str, side: &str, batches: usize) -> Result<i64, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([BATCHES, name, side, &batches.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let count = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.ok_or_else(|| format!("no count in valgrind's output: {text}").into())
}
