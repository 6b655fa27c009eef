//! An echo server for thousands of clients, with callbacks: each connection has a protocol, and no task. `echo_server.rs` does
//! the same with machines.
//!
//! ```text
//! cargo run --release --example echo_protocol [ADDR]    (127.0.0.1:7007; port 0 picks a free one)
//! nc 127.0.0.1 7007                                     (type something)
//! ```
//!
//! Ctrl-C or SIGTERM stops the server. It accepts no new connections, sends back what it has received, and exits with 0 when
//! all clients have closed. After a second signal, or after five seconds, it ends the remaining connections at once.

#[allow(dead_code, reason = "each server uses a part")]
mod support;

use std::net::SocketAddr;
use std::process::ExitCode;

use innermost::server::{GracefulServer, StopToken};
use innermost::{EventLoop, Exception, Protocol, TcpListener, Transport};

use self::support::{GRACE, announce, argument, exit_code_of, has_more, report};

struct Echo {
    stop: StopToken,
}

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        // An error means that the stream has ended, so the peer no longer wants the answer.
        let _ = transport.write(data);
        self.end_if_stopping(transport);
    }

    // Stops reading from a peer that does not read.
    fn pause_writing(&mut self, transport: &Transport) {
        transport.pause_reading();
    }

    fn resume_writing(&mut self, transport: &Transport) {
        transport.resume_reading();
        self.end_if_stopping(transport);
    }
}

impl Echo {
    fn end_if_stopping(&self, transport: &Transport) {
        if self.stop.is_stopping() {
            end_when_all_is_read(transport);
        }
    }
}

/// Ends the stream if everything that arrived has been read, and then waits for the peer to close too. If the server closed
/// alone while more bytes arrived, the connection would be reset, and the peer would lose what it has not read yet.
fn end_when_all_is_read(transport: &Transport) {
    if transport.is_reading() && !has_more(transport) {
        // An error means that the peer has reset the connection. Reading reports that.
        let _ = transport.write_eof();
    }
}

fn main() -> ExitCode {
    let address = argument(1, "127.0.0.1:7007");
    exit_code_of(format_args!("echo_protocol {address}"), run(&address))
}

fn run(address: &str) -> Result<(), Exception> {
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let (event_loop, local) = (EventLoop::new()?, listener.local_addr()?);
    let server = GracefulServer::protocols(listener, |stop| Echo { stop }, end_when_all_is_read);
    let server = server.grace(GRACE).on_failure(report).stop_on_signals(&event_loop)?;
    announce([local])?;
    event_loop.run_until_complete(server)
}
