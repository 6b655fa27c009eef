//! The program that the benchmarks `echo` and `answers` share. Each adds its own server on the library.
//!
//! The head of `echo.rs` lists the files with the servers and the clients.

use std::error::Error;
use std::process::ExitCode;

pub(crate) mod accepts;
pub(crate) mod bare;
pub(crate) mod counts;
pub(crate) mod load;
pub(crate) mod machine;
pub(crate) mod options;
pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod protocol;
pub(crate) mod streams;
pub(crate) mod table;
pub(crate) mod transfer;

use self::options::{Mode, Options};
use crate::ours;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Runs the program `name` as a server if its arguments say so, and otherwise as the benchmark. Puts `first` before the
/// arguments of the command line. `cargo test` runs `smoke`.
pub(crate) fn main(name: &str, first: &[&str], smoke: fn() -> Result<(), Failure>) -> ExitCode {
    match run(first, std::env::args().skip(1).collect(), smoke) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(first: &[&str], arguments: Vec<String>, smoke: fn() -> Result<(), Failure>) -> Result<(), Failure> {
    if let [server, kind, work, core @ ..] = &arguments[..]
        && server == process::SERVER
    {
        return process::serve(kind, work, core.first().map(String::as_str));
    }
    process::raise_descriptor_limit()?;
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    // `cargo bench` passes `--bench`, and `cargo test` does not. `--test` always asks for the smoke test.
    if !has("--bench") || has("--test") {
        return smoke();
    }
    let arguments: Vec<_> = first.iter().map(ToString::to_string).chain(arguments).collect();
    let options = Options::parse(&arguments)?;
    if let [_, client, ..] = *machine::cores() {
        machine::pin(client)?;
    }
    match options.mode {
        Mode::Times => table::compare(&options),
        Mode::Instructions => Ok(counts::instructions(&options)?),
        Mode::SystemCalls => Ok(counts::system_calls(&options)?),
    }
}
