//! An echo server measured against a bare epoll loop: messages per second, latency, and CPU time per message.
//!
//! ```text
//! cargo bench --bench echo                            the table of times: two minutes
//! cargo bench --bench echo -- --spin                  one connection, with loops that do not sleep
//! cargo bench --bench echo -- --accepts               connections per second that come, have a byte echoed, and go
//! cargo bench --bench echo -- --sends                 a transfer of 1 GiB from the server; --receives: to the server
//! cargo bench --bench echo -- --instructions          user instructions per message (needs valgrind)
//! cargo bench --bench echo -- --syscalls              system calls per message (needs strace)
//!   --servers bare,ours,protocol,streams    the servers; the others are compared with the first
//!   --conns 1,50,1000    the number of connections: one row for each number
//!   --size 64            the size of a message in bytes; 64,4096 measures both sizes
//!   --rounds 6           how often the servers are started
//!   --secs 1.2           how long each server is measured in a round (transfers: one for each fifth of a second)
//!   --messages 100000    how many messages are counted (system calls: a tenth of them)
//!   --mebibytes 1024     the size of a transfer
//! ```
//!
//! A server is this program, started again on a core of its own. The client has the next core, and does not sleep. A round
//! starts all servers and connects to all of them. Then they take turns of a fifth of a second, so that other load on the
//! machine affects all alike. A turn is disturbed if other programs used one of the two cores for more than 2 % of the
//! time. Some disturbed turns are repeated, and the others are discarded. If all turns of a round are disturbed, only the
//! calmest counts.
//!
//! | file | holds |
//! |---|---|
//! | `echo/harness.rs` | the program, shared with `answers.rs` |
//! | `echo/ours.rs`    | the server on the library, with machines |
//! | `echo/protocol.rs` | the server on the library, with callbacks |
//! | `echo/streams.rs` | the server on the library, with streams |
//! | `echo/bare.rs`    | the bound: a bare epoll loop |
//! | `echo/load.rs`    | the client |
//! | `echo/accepts.rs` | the client that connects and disconnects |
//! | `echo/transfer.rs` | the client of a transfer |
//! | `echo/process.rs` | servers as processes |
//! | `echo/options.rs` | the command line |
//! | `echo/table.rs`   | the table of times |
//! | `echo/counts.rs`  | instructions and system calls |
//! | `echo/poll.rs`    | epoll |
//! | `echo/machine.rs` | the machine: cores, clocks, its description |

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
