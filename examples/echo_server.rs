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
    AnyTask, Await, Buffer, ByteRead, ByteWrite, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Sleep, State,
    Step, TcpListener, TcpStream, sleep, spawn, yield_from,
};

use self::support::{
    GRACE, PAUSE, announce, argument, cancel_connections, cancel_server, complain, exit_code_of, on_stop,
};

/// One connection. The buffer has the bytes that were read and not yet written. The phase says what the machine waits for.
struct Echo {
    stream: TcpStream,
    buffer: Buffer,
    phase: Phase,
    stopping: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Reading,
    Writing,
    /// Waits for the peer to close too. If the server closed alone while more bytes arrived, the connection would be reset,
    /// and the peer would lose what it has not read yet.
    Closing,
}

impl Coroutine for Echo {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        // The first cancel asks for an orderly end. A second one is propagated below.
        if !self.stopping && sent.as_ref().is_err_and(Exception::is_cancelled) {
            self.stopping = true;
            sent = Ok(());
        }
        loop {
            self.phase = match self.phase {
                // Reads only what has already arrived: it resumes the read by hand, and gives up if that would wait.
                Phase::Reading if self.stopping => match self.stream.read(&mut self.buffer).resume(sent)? {
                    Step::Return(0) => return Ok(Step::Return(())),
                    Step::Return(_) => {
                        sent = Ok(());
                        Phase::Writing
                    }
                    // There may be more, but other tasks run first.
                    Step::Yield(wait) if wait.is_next_turn() => return Ok(Step::Yield(wait)),
                    _ => {
                        self.stream.shutdown(Shutdown::Write)?;
                        sent = Ok(());
                        Phase::Closing
                    }
                },
                Phase::Closing => match yield_from!(self.stream.read(&mut self.buffer), sent)? {
                    0 => return Ok(Step::Return(())),
                    _ => {
                        self.buffer.clear();
                        Phase::Closing
                    }
                },
                Phase::Reading => match yield_from!(self.stream.read(&mut self.buffer), sent)? {
                    0 => return Ok(Step::Return(())),
                    _ => Phase::Writing,
                },
                Phase::Writing => {
                    yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
                    Phase::Reading
                }
            };
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Echo", &self.phase)
    }
}

/// Accepts connections until it is cancelled. Then it waits for the connections to end.
struct Server {
    /// `None` while stopping.
    listener: Option<TcpListener>,
    phase: ServerPhase,
    /// Whether the last attempt to accept failed.
    failing: bool,
}

enum ServerPhase {
    Accepting,
    /// Accepting failed, for example because no descriptor is free. Connections wait in the kernel.
    Pausing(Sleep),
    Stopping(Vec<AnyTask>),
}

impl Coroutine for Server {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        // The first cancel asks every connection for an orderly end. A later cancel cancels them again.
        if sent.as_ref().is_err_and(Exception::is_cancelled) {
            self.stop()?;
            sent = Ok(());
        }
        loop {
            match (&mut self.phase, &self.listener) {
                (ServerPhase::Accepting, Some(listener)) => {
                    let accepted = yield_from!(listener.accept(), sent);
                    self.went(accepted.and_then(|(stream, _)| serve(stream)));
                }
                (ServerPhase::Pausing(sleep), _) => {
                    yield_from!(sleep, sent)?;
                    self.phase = ServerPhase::Accepting;
                }
                (ServerPhase::Stopping(connections), _) => match connections.last_mut() {
                    Some(connection) => {
                        yield_from!(connection, sent)?;
                        connections.pop();
                    }
                    None => return Ok(Step::Return(())),
                },
                (ServerPhase::Accepting, None) => return Ok(Step::Return(())),
            }
        }
    }
}

impl Server {
    /// Pauses if accepting failed, and reports the first failure.
    fn went(&mut self, accepted: Result<(), Exception>) {
        let failing = accepted.is_err();
        if let Err(error) = accepted {
            if !self.failing {
                complain(format_args!("cannot accept, trying again: {error}"));
            }
            self.phase = ServerPhase::Pausing(sleep(PAUSE));
        }
        self.failing = failing;
    }

    fn stop(&mut self) -> Result<(), Exception> {
        if self.listener.take().is_some() {
            EventLoop::running()?.call_later(GRACE, cancel_server)?;
        }
        self.phase = ServerPhase::Stopping(cancel_connections()?);
        Ok(())
    }
}

fn serve(stream: TcpStream) -> Result<(), Exception> {
    stream.set_nodelay(true)?;
    let echo = Echo { stream, buffer: Buffer::new(), phase: Phase::Reading, stopping: false };
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
    let server = Server { listener: Some(listener), phase: ServerPhase::Accepting, failing: false };
    event_loop.run_until_complete(server)
}
