//! User instructions of a benchmark's lines, by callgrind: printed, compared with what is committed, or committed anew.
//!
//! A count is the difference between two runs of the program, one batch and three of them, so that starting does not
//! count. Counts are the same each time, whatever else the machine does.

use std::error::Error;
use std::fs;
use std::process::Command;

use super::figures::{Figure, Figures};

type Failure = Box<dyn Error + Send + Sync>;

/// The argument that has one side of one line run for so many batches; a line's name, the side, and how many follow.
pub(crate) const BATCHES: &str = "--batches";

/// The file that a benchmark's figures are committed in.
fn path(bench: &str) -> String {
    format!("{}/benches/instructions/{bench}.txt", env!("CARGO_MANIFEST_DIR"))
}

/// What is to be done with the counts.
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

/// Counts these lines, of which each does so many operations in a batch.
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
        println!("\nThe committed figures are those of {}: ratios to the bounds are compared.", committed.tools);
    }
    let faults = committed.faults(counted);
    if faults.is_empty() {
        println!("\nnone has grown");
        return Ok(());
    }
    let renew = format!("cargo bench --bench {bench} -- --instructions --renew");
    Err(format!("{}\n  If that is meant to be: {renew}, and commit {path}", faults.join("\n  ")).into())
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
    count.ok_or_else(|| format!("no count in what valgrind says: {text}").into())
}
