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
//! A server is this program, started again on a core of its own. The client has the next core, and does not sleep. A round
//! starts all servers and connects to all of them. Then they take turns of a fifth of a second, so that whatever else the
//! machine does affects all alike. A turn is disturbed if other programs used one of the two cores for more than 2 % of the
//! time. Some disturbed turns are repeated, the others are discarded. If all turns of a round are disturbed, only the calmest
//! counts.
//!
//! | file | holds |
//! |---|---|
//! | `echo/harness.rs` | the program, shared with `answers.rs` |
//! | `echo/ours.rs`    | the server on the library, with machines |
//! | `echo/protocol.rs` | the server on the library, with callbacks |
//! | `echo/streams.rs` | the server on the library, with streams |
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

use std::process::ExitCode;

#[path = "echo/harness.rs"]
mod harness;
#[path = "echo/ours.rs"]
mod ours;

use self::harness::load::Load;
use self::harness::options::Options;
use self::harness::poll::Wait;
use self::harness::process::{self, ECHOES, SPINNERS, Server, Work};
use self::harness::{Failure, table, transfer};

fn main() -> ExitCode {
    harness::main("echo", &[], smoke)
}

/// Checks that each server works, with a few messages.
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
