//! An echo server on the library beside a bare epoll loop: messages a second, latency, CPU time a message, in one run.
//!
//! ```text
//! cargo bench --bench echo                            two minutes: the table of times
//! cargo bench --bench echo -- --spin                  loops that do not sleep, one connection
//! cargo bench --bench echo -- --accepts               connections that come, are echoed a byte, and go, a second
//! cargo bench --bench echo -- --sends                 a transfer of 1 GiB from the server; --receives: to it
//! cargo bench --bench echo -- --instructions          user instructions a message (needs valgrind)
//! cargo bench --bench echo -- --syscalls              system calls a message (needs strace)
//!   --servers bare,ours,protocol,streams    the first is what the others are compared with
//!   --conns 1,50,1000    connections, a row each; accepted at once
//!   --size 64            bytes a message; 64,4096: both
//!   --rounds 6           how often the servers are started anew
//!   --secs 1.2           how long each of them is measured in a round; of transfers, there is one in each fifth
//!   --messages 100000    how many messages are counted (system calls: a tenth of them)
//!   --mebibytes 1024     how much is transferred
//! ```
//!
//! Each server is this program, started again, on a core of its own; the client has the next one, and does not sleep.
//! A round starts all and connects to all; then they take turns, a fifth of a second each, so that what else the
//! machine does hits the one as it hits the others. A turn in which somebody else had one of the two cores for more than
//! 2 % of the time is disturbed: some are taken again, the rest is left out. Where a round has no others, the best of
//! them is all that counts.
//!
//! | file | holds |
//! |---|---|
//! | `echo/ours.rs`    | the server on the library, by machines |
//! | `echo/protocol.rs` | the same by callbacks |
//! | `echo/streams.rs` | the same by streams |
//! | `echo/bare.rs`    | the bound: a bare epoll loop |
//! | `echo/load.rs`    | the client |
//! | `echo/accepts.rs` | the client that comes and goes |
//! | `echo/transfer.rs` | the client of a transfer |
//! | `echo/process.rs` | servers as processes |
//! | `echo/options.rs` | the command line |
//! | `echo/table.rs`   | the table of times |
//! | `echo/counts.rs`  | instructions and system calls |
//! | `echo/poll.rs`    | epoll |
//! | `echo/machine.rs` | cores, clocks, what the machine is called |

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
#[path = "echo/ours.rs"]
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
use self::process::{ECHOES, SPINNERS, Server, Work};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
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

/// That each server does its work, a little of it.
fn smoke() -> Result<(), Failure> {
    for kind in ECHOES.into_iter().chain(SPINNERS) {
        for size in [1, 64, 300_000] {
            let server = Server::start(kind, Work::Echo, &[])?;
            Load::connect(server.address, 3, size, Wait::ForEver)?.send(30)?;
            server.stop()?;
            println!("{kind} echoes messages of {size} bytes");
        }
    }
    let small = ["--rounds", "1", "--secs", "0.02", "--mebibytes", "4"];
    for work in ["--accepts", "--sends", "--receives"] {
        let arguments = [&[work][..], &small].concat().into_iter().map(String::from).collect::<Vec<_>>();
        table::compare(&Options::parse(&arguments)?)?;
    }
    Ok(())
}
