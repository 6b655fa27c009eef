//! Runs commands side by side, like `make -j --output-sync`: each after those that it needs, a few at once. The output of a
//! job is printed in one piece, in the order of the file, whichever job ends first.
//!
//! ```text
//! cargo run --release --example jobs -- [--file FILE] [--jobs N] [--keep-going] [TARGET ..]
//! ```
//!
//! The file, `Jobs` by default, has a line for each job: its name, a colon, and the jobs that it needs. The lines below it
//! that begin with a blank are a script for `/bin/sh`, which ends at the first command that fails:
//!
//! ```text
//! # a comment
//! report: numbers words
//!     cat numbers words > report
//! numbers:
//!     seq 100 > numbers
//! words:
//!     echo hello > words
//! ```
//!
//! Once a job fails, no other job starts, and the program waits for those that run. With `--keep-going`, it leaves out
//! only the jobs that need the failed one. The program ends with status 2 if a job has failed, and with 130 after Ctrl-C,
//! which kills every job and what it has started.
//!
//! ```python
//! async def job(rule):
//!     await asyncio.gather(*(ended[need].wait() for need in rule.needs))
//!     async with slots:
//!         process = await asyncio.create_subprocess_shell(rule.script, stdout=PIPE, stderr=STDOUT)
//!         outputs[rule.name], _ = await process.communicate()
//!     ended[rule.name].set()
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`   | the command line |
//! | `plan.rs`   | reading the file, and the order of its jobs |
//! | `runner.rs` | a job, which is a machine; printing in order |

mod plan;
mod runner;

use std::fs;
use std::io::Write;
use std::process::ExitCode;

use innermost::{exit_code, run};

use self::plan::plan;
use self::runner::{Failures, Options, run_jobs};

const USAGE: &str = "usage: jobs [--file FILE] [--jobs N] [--keep-going] [TARGET ..]";

struct Arguments {
    file: String,
    options: Options,
    targets: Vec<String>,
}

fn main() -> ExitCode {
    let Arguments { file, options, targets } = match parse(std::env::args().skip(1)) {
        Ok(parsed) => parsed,
        Err(wrong) => return complain(format_args!("{wrong}\n{USAGE}")),
    };
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => return complain(format_args!("{file}: {error}")),
    };
    let rules = match plan(&text, &targets) {
        Ok(rules) => rules,
        Err(wrong) => return complain(format_args!("{file}: {wrong}")),
    };
    let print = |output: &[u8]| {
        // Somebody may have closed the output. The jobs run on.
        let _ = std::io::stdout().write_all(output);
    };
    match run(run_jobs(rules, options, print)) {
        Ok(Failures(failures)) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(Failures(failures)) => {
            for failure in failures {
                complain(format_args!("{failure}"));
            }
            ExitCode::from(2)
        }
        Err(raised) => exit_code::<()>(Err(raised)),
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options { limit: cores, keep_going: false };
    let mut parsed = Arguments { file: "Jobs".to_owned(), options, targets: Vec::new() };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument}: expected a value after it"));
        match argument.as_str() {
            "--file" => parsed.file = value()?,
            "--jobs" => {
                let number = value()?;
                let limit = number.parse().ok().filter(|limit| *limit > 0);
                parsed.options.limit = limit.ok_or(format!("--jobs: expected a number above 0, not {number}"))?;
            }
            "--keep-going" => parsed.options.keep_going = true,
            option if option.starts_with('-') => return Err(format!("{option}: no such option")),
            target => parsed.targets.push(target.to_owned()),
        }
    }
    Ok(parsed)
}

/// Prints a line to standard error. Ignores failures, so that a closed standard error does not stop the program.
fn complain(message: std::fmt::Arguments<'_>) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "jobs: {message}");
    ExitCode::from(2)
}
