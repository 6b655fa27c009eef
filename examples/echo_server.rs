//! An echo server for thousands of clients: one task per connection.
//!
//! ```text
//! cargo run --release --example echo_server [ADDR]      (127.0.0.1:7007; port 0 picks a free one)
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
//!     Reading --> Writing
//!     Reading --> Finishing
//!     Reading --> [*]
//!     Writing --> Reading
//!     Finishing --> Writing
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
    Buffer, ByteRead, ByteWrite, Coroutine, EventLoop, Exception, Machine, Step, TcpListener, TcpStream, machine,
    take_sent, yield_from,
};

use self::support::{GRACE, announce, argument, exit_code_of, report};

/// One connection. The buffer has the bytes that were read and not yet written.
pub(crate) struct Echo {
    stream: TcpStream,
    buffer: Buffer,
    stop: StopToken,
    race: Race,
}

machine!(
    impl Machine for Echo {
        pub(crate) type State = Phase;

        fn Reading(&mut self, sent: Sent) -> Next<Writing, Finishing, End> {
            match yield_from!(self.race.run((self.stream.read(&mut self.buffer), self.stop.wait())), sent)? {
                Won::A(0) => end(()),
                Won::A(_) => to(Writing),
                Won::B(()) => to(Finishing),
            }
        }

        fn Writing(&mut self, sent: Sent) -> Next<Reading> {
            yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
            to(Reading)
        }

        /// Reads only what has already arrived: it resumes the read by hand, and gives up if that would wait.
        fn Finishing(&mut self, sent: Sent) -> Next<Writing, Closing, End> {
            match self.stream.read(&mut self.buffer).resume(take_sent(sent))? {
                Step::Return(0) => end(()),
                Step::Return(_) => to(Writing),
                // There may be more, but other tasks run first.
                Step::Yield(wait) if wait.is_next_turn() => yield_here(wait),
                _ => to(Closing(Linger::new().time_limit(GRACE).byte_limit(u64::MAX))),
            }
        }

        /// Waits for the peer to close too: with a reset, the peer would lose what it has not read yet.
        fn Closing(&mut self, sent: Sent, linger: &mut Linger) -> Next<End> {
            yield_from!(linger.run(&self.stream), sent)?;
            end(())
        }
    }
);

fn main() -> ExitCode {
    let address = argument(1, "127.0.0.1:7007");
    exit_code_of(format_args!("echo_server {address}"), run(&address))
}

fn run(address: &str) -> Result<(), Exception> {
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let (event_loop, local) = (EventLoop::new()?, listener.local_addr()?);
    let server = GracefulServer::new(listener, |stream, stop| {
        stream.set_nodelay(true)?;
        Ok(Echo { stream, buffer: Buffer::new(), stop, race: Race::new() }.start(Phase::Reading))
    });
    let server = server.grace(GRACE).on_failure(report).stop_on_signals(&event_loop)?;
    announce([local])?;
    event_loop.run_until_complete(server)
}
