//! A server on the library that answers requests from a second buffer, as one of Redis's kind does, beside a bare epoll loop
//! that keeps two static buffers: 50 connections, requests of 40 bytes, one at a time or 16 at once.
//!
//! ```text
//! cargo bench --bench answers                      CPU time, in turns
//! cargo bench --bench answers -- --instructions    user instructions (needs valgrind)
//! ```
//!
//! Everything but the machine is the echo benchmark's, options too: see the head of `echo.rs`. An answer is its request
//! again, so that the client of an echo can compare it; a message of 640 bytes is 16 requests. A program of its own, because
//! a second machine that reads would change how the echo's is compiled.

use std::error::Error;
use std::process::ExitCode;

#[path = "echo/accepts.rs"]
mod accepts;
#[path = "echo/bare.rs"]
mod bare;
#[path = "echo/counts.rs"]
mod counts;
#[path = "echo/load.rs"]
mod load;
#[path = "echo/machine.rs"]
mod machine;
#[path = "echo/options.rs"]
mod options;
#[path = "answers/ours.rs"]
mod ours;
#[path = "echo/poll.rs"]
mod poll;
#[path = "echo/process.rs"]
mod process;
#[path = "echo/protocol.rs"]
mod protocol;
#[path = "echo/streams.rs"]
mod streams;
#[path = "echo/table.rs"]
mod table;
#[path = "echo/transfer.rs"]
mod transfer;

use self::load::Load;
use self::options::{Mode, Options};
use self::poll::Wait;
use self::process::{ANSWERERS, REQUEST, Server, Work};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("answers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<(), Failure> {
    if let [server, kind, work, core @ ..] = &arguments[..]
        && server == process::SERVER
    {
        return process::serve(kind, work, core.first().map(String::as_str));
    }
    process::raise_descriptor_limit()?;
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    // `cargo bench` says `--bench`, `cargo test` does not; and `--test` asks for a trial whoever starts it.
    if !has("--bench") || has("--test") {
        return smoke();
    }
    let options = Options::parse(&[&[String::from("--answers")], &arguments[..]].concat())?;
    if let [_, client, ..] = *machine::cores() {
        machine::pin(client)?;
    }
    match options.mode {
        Mode::Times => table::compare(&options),
        Mode::Instructions => Ok(counts::instructions(&options)?),
        Mode::SystemCalls => Ok(counts::system_calls(&options)?),
    }
}

/// That each server does its work, a little of it.
fn smoke() -> Result<(), Failure> {
    for kind in ANSWERERS {
        for requests in [1, 16, 5_000] {
            let server = Server::start(kind, Work::Answers, &[])?;
            Load::connect(server.address, 3, requests * REQUEST, Wait::ForEver)?.send(30)?;
            server.stop()?;
            println!("{kind} answers {requests} requests at once");
        }
    }
    Ok(())
}
