//! A server that answers requests from a second buffer, as Redis does, measured against a bare epoll loop with two static
//! buffers. 50 connections send requests of 40 bytes, one at a time or 16 at once.
//!
//! ```text
//! cargo bench --bench answers                      CPU time, in turns
//! cargo bench --bench answers -- --instructions    user instructions (needs valgrind)
//! ```
//!
//! This benchmark shares everything but the machine with the echo benchmark; the head of `echo.rs` explains the options. An
//! answer repeats its request, so the client of the echo benchmark can check it. A message of 640 bytes is 16 requests. This
//! is a separate program, because a second machine that reads would change how the compiler inlines the echo server's.

use std::process::ExitCode;

#[path = "echo/harness.rs"]
mod harness;
#[path = "answers/ours.rs"]
mod ours;

use self::harness::Failure;
use self::harness::load::Load;
use self::harness::poll::Wait;
use self::harness::process::{self, ANSWERERS, REQUEST, Server, Work};

fn main() -> ExitCode {
    harness::main("answers", &["--answers"], smoke)
}

/// Checks that each server works, with a few requests.
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
