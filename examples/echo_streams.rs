//! An echo server for thousands of clients, with streams: each connection has a reader, a writer and a task.
//! `echo_server.rs` does the same with sockets, and `echo_protocol.rs` with callbacks.
//!
//! ```text
//! cargo run --release --example echo_streams [ADDR]     (127.0.0.1:7007; port 0 picks a free one)
//! nc 127.0.0.1 7007                                     (type something)
//! ```
//!
//! Ctrl-C or SIGTERM stops the server. It accepts no new connections, sends back what it has received, and exits with 0 when
//! all clients have closed. After a second signal, or after five seconds, it ends the remaining connections at once.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Echo
//!     [*] --> Reading
//!     Reading --> Draining
//!     Reading --> Finishing
//!     Reading --> [*]
//!     Draining --> Reading
//!     Finishing --> Draining
//!     Finishing --> Closing
//!     Finishing --> [*]
//!     Closing --> [*]
//! ```

#[allow(dead_code, reason = "each server uses a part")]
mod support;

use std::net::SocketAddr;
use std::process::ExitCode;

use innermost::net::Linger;
use innermost::server::{GracefulServer, StopToken};
use innermost::wait::{Race, Won};
use innermost::{
    Coroutine, EventLoop, Exception, Machine, Step, StreamReader, StreamWriter, TcpListener, machine, take_sent,
    yield_from,
};

use self::support::{GRACE, announce, argument, exit_code_of, has_more, report};

/// How many bytes are sent back at once.
const SIZE: usize = 64 * 1024;

/// One connection.
pub(crate) struct Echo {
    reader: StreamReader,
    writer: StreamWriter,
    stop: StopToken,
    race: Race,
}

machine!(
    impl Machine for Echo {
        pub(crate) type State = Phase;

        fn Reading(&mut self, sent: Sent) -> Next<Draining, Finishing, End> {
            match yield_from!(self.race.run((self.reader.read(SIZE), self.stop.wait())), sent)? {
                Won::A(data) if data.is_empty() => return end(()),
                Won::A(data) => self.writer.write(&data)?,
                Won::B(()) => return to(Finishing),
            }
            to(Draining)
        }

        fn Draining(&mut self, sent: Sent) -> Next<Reading> {
            yield_from!(self.writer.drain(), sent)?;
            to(Reading)
        }

        /// Reads only what has already arrived: it resumes the read by hand, and gives up if that would wait.
        fn Finishing(&mut self, sent: Sent) -> Next<Draining, Closing, End> {
            match self.reader.read(SIZE).resume(take_sent(sent))? {
                Step::Return(data) if data.is_empty() => return end(()),
                Step::Return(data) => self.writer.write(&data)?,
                Step::Yield(wanted) if has_more(self.writer.transport()) => return yield_here(wanted),
                _ => return to(Closing(Linger::new().time_limit(GRACE).byte_limit(u64::MAX))),
            }
            to(Draining)
        }

        /// Waits for the peer to close too: with a reset, the peer would lose what it has not read yet.
        fn Closing(&mut self, sent: Sent, linger: &mut Linger) -> Next<End> {
            yield_from!(linger.run(&(&self.reader, &self.writer)), sent)?;
            end(())
        }
    }
);

fn main() -> ExitCode {
    let address = argument(1, "127.0.0.1:7007");
    exit_code_of(format_args!("echo_streams {address}"), run(&address))
}

fn run(address: &str) -> Result<(), Exception> {
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let (event_loop, local) = (EventLoop::new()?, listener.local_addr()?);
    let server = GracefulServer::streams(listener, |reader, writer, stop| {
        Ok(Echo { reader, writer, stop, race: Race::new() }.start(Phase::Reading))
    });
    let server = server.grace(GRACE).on_failure(report).stop_on_signals(&event_loop)?;
    announce([local])?;
    event_loop.run_until_complete(server)
}
