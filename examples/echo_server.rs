//! An echo server for thousands of clients: one task per connection.
//!
//! ```text
//! cargo run --release --example echo_server [ADDR]      (127.0.0.1:7007; port 0 picks a free one)
//! nc 127.0.0.1 7007                                     (type something)
//! ```
//!
//! Ctrl-C or SIGTERM stops the server. It accepts no new connections, sends back what it has received, and exits with 0 when
//! all clients have closed. After a second signal, or after five seconds, it ends the remaining connections at once.

#[allow(dead_code, reason = "each server uses a part")]
mod support;

use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;

use innermost::{
    AnyTask, Buffer, ByteRead, ByteWrite, Coroutine, CoroutineExt, EventLoop, Exception, Machine, Sleep, Step,
    TcpListener, TcpStream, machine, sleep, spawn, take_sent, yield_from,
};

use self::support::{
    GRACE, PAUSE, announce, argument, cancel_connections, cancel_server, complain, exit_code_of, on_stop,
};

/// One connection. The buffer has the bytes that were read and not yet written.
struct Echo {
    stream: TcpStream,
    buffer: Buffer,
    stopping: bool,
}

machine!(
    impl Machine for Echo {
        type State = Phase;

        fn Reading(&mut self, sent: Sent) -> Next<Writing, Closing, End> {
            if !self.stopping {
                return match yield_from!(self.stream.read(&mut self.buffer), sent)? {
                    0 => end(()),
                    _ => to(Writing),
                };
            }
            // Reads only what has already arrived: it resumes the read by hand, and gives up if that would wait.
            match self.stream.read(&mut self.buffer).resume(take_sent(sent))? {
                Step::Return(0) => end(()),
                Step::Return(_) => to(Writing),
                // There may be more, but other tasks run first.
                Step::Yield(wait) if wait.is_next_turn() => yield_here(wait),
                _ => {
                    self.stream.shutdown(Shutdown::Write)?;
                    to(Closing)
                }
            }
        }

        fn Writing(&mut self, sent: Sent) -> Next<Reading> {
            yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
            to(Reading)
        }

        /// Waits for the peer to close too. If the server closed alone while more bytes arrived, the connection would be
        /// reset, and the peer would lose what it has not read yet.
        fn Closing(&mut self, sent: Sent) -> Next<End> {
            if yield_from!(self.stream.read(&mut self.buffer), sent)? == 0 {
                return end(());
            }
            self.buffer.clear();
            stay()
        }

        /// The first cancel asks for an orderly end. A second one is propagated.
        fn thrown(&mut self, _state: &mut Phase, thrown: Exception) -> Next {
            if self.stopping || !thrown.is_cancelled() {
                return Err(thrown);
            }
            self.stopping = true;
            stay()
        }
    }
);

/// Accepts connections until it is cancelled. Then it waits for the connections to end.
struct Server {
    /// `None` while stopping.
    listener: Option<TcpListener>,
    /// Whether the last attempt to accept failed.
    failing: bool,
}

machine!(
    impl Machine for Server {
        type State = Serving;

        fn Accepting(&mut self, sent: Sent) -> Next<Accepting, Pausing, End> {
            let Some(listener) = &self.listener else { return end(()) };
            let accepted = yield_from!(listener.accept(), sent);
            match accepted.and_then(|(stream, _)| serve(stream)) {
                Ok(()) => self.failing = false,
                Err(error) => {
                    self.complain(error);
                    return to(Pausing(sleep(PAUSE)));
                }
            }
            to(Accepting)
        }

        /// Accepting failed, for example because no descriptor is free. Connections wait in the kernel.
        fn Pausing(&mut self, slept: Outcome<Sleep>) -> Next<Accepting> {
            slept?;
            to(Accepting)
        }

        fn Stopping(&mut self, sent: Sent, connections: &mut Vec<AnyTask>) -> Next<End> {
            let Some(connection) = connections.last_mut() else { return end(()) };
            yield_from!(connection, sent)?;
            connections.pop();
            stay()
        }

        /// The first cancel asks every connection for an orderly end. A later cancel cancels them again.
        fn thrown(&mut self, _state: &mut Serving, thrown: Exception) -> Next<Stopping> {
            if !thrown.is_cancelled() {
                return Err(thrown);
            }
            if self.listener.take().is_some() {
                EventLoop::running()?.call_later(GRACE, cancel_server)?;
            }
            to(Stopping(cancel_connections()?))
        }

        /// Reports the first failure of several.
        fn complain(&mut self, error: Exception) {
            if !std::mem::replace(&mut self.failing, true) {
                complain(format_args!("cannot accept, trying again: {error}"));
            }
        }
    }
);

fn serve(stream: TcpStream) -> Result<(), Exception> {
    stream.set_nodelay(true)?;
    let echo = Echo { stream, buffer: Buffer::new(), stopping: false }.start(Phase::Reading);
    // If the peer resets its connection, only that connection's task ends.
    spawn(echo.catch(|_| Ok(())))?;
    Ok(())
}

fn main() -> ExitCode {
    let address = argument(1, "127.0.0.1:7007");
    exit_code_of(format_args!("echo_server {address}"), run(&address))
}

fn run(address: &str) -> Result<(), Exception> {
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let event_loop = EventLoop::new()?;
    on_stop(&event_loop, cancel_server)?;
    announce([listener.local_addr()?])?;
    let server = Server { listener: Some(listener), failing: false };
    event_loop.run_until_complete(server.start(Serving::Accepting))
}
