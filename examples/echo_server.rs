//! Sends back whatever it is sent, to thousands of clients at once: one task a connection.
//!
//! ```text
//! cargo run --release --example echo_server [ADDR]      (127.0.0.1:7007; port 0 picks a free one)
//! nc 127.0.0.1 7007                                     (type something)
//! ```
//!
//! Ctrl-C and SIGTERM stop it: nobody new is accepted, what has been received is still sent back, and when all clients
//! have closed it exits with 0. A second one, or five seconds, cut that short.

use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use innermost::signal::{SIGINT, SIGTERM};
use innermost::{
    AnyTask, Await, Buffer, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Sleep, State, Step, TcpListener,
    TcpStream, sleep, spawn, yield_from,
};

/// One connection. What was read and is not written yet stands in the buffer, so the phase is only where it waits.
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
    /// Waits for the peer to close too. Closed by us alone, with bytes on their way that nobody will read, the
    /// connection would be reset, and the peer lose what it has not read yet.
    Closing,
}

impl Coroutine for Echo {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        // The first cancel asks for an end in good order. A second one is propagated below.
        if !self.stopping && sent.as_ref().is_err_and(Exception::is_cancelled) {
            self.stopping = true;
            sent = Ok(());
        }
        loop {
            self.phase = match self.phase {
                // Only what has come already: so the read is resumed by hand, and given up if it would wait.
                Phase::Reading if self.stopping => match self.stream.read(&mut self.buffer).resume(sent)? {
                    Step::Return(0) => return Ok(Step::Return(())),
                    Step::Return(_) => {
                        sent = Ok(());
                        Phase::Writing
                    }
                    // There may be more, but now it is others' turn.
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

/// Accepts connections until it is cancelled, then waits for those that are left.
struct Server {
    /// `None` once it stops.
    listener: Option<TcpListener>,
    phase: ServerPhase,
    /// Whether accepting has failed since it last succeeded.
    failing: bool,
}

enum ServerPhase {
    Accepting,
    /// No descriptor was free, or the like: connections wait in the kernel.
    Pausing(Sleep),
    Stopping(Vec<AnyTask>),
}

/// How long accepting pauses when it fails.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a peer may take to read the rest when the server stops.
const GRACE: Duration = Duration::from_secs(5);

impl Coroutine for Server {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        // The first cancel asks every connection for an end in good order; the second is passed on as it is.
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
    /// Pauses where accepting has failed, and says so the first time.
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
        let event_loop = EventLoop::running()?;
        let mut tasks = event_loop.all_tasks();
        if let Some(server) = event_loop.current_task() {
            tasks.retain(|task| !task.is(&server));
        }
        if self.listener.take().is_some() {
            event_loop.call_later(GRACE, cancel_server)?;
        }
        for connection in &tasks {
            connection.cancel();
        }
        self.phase = ServerPhase::Stopping(tasks);
        Ok(())
    }
}

fn serve(stream: TcpStream) -> Result<(), Exception> {
    stream.set_nodelay(true)?;
    let echo = Echo { stream, buffer: Buffer::new(), phase: Phase::Reading, stopping: false };
    // A connection that its peer has reset is nobody else's concern.
    spawn(echo.catch(|_| Ok(())))?;
    Ok(())
}

/// The server is the oldest task. Connections are cancelled by its next step, not at once: one that was accepted in this
/// turn has not started yet, and what is cancelled before it has started never runs.
fn cancel_server() {
    if let Ok(event_loop) = EventLoop::running()
        && let Some(server) = event_loop.all_tasks().first()
    {
        server.cancel();
    }
}

/// Standard error being closed is no reason to stop.
fn complain(message: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

fn main() -> ExitCode {
    let address = match std::env::args_os().nth(1).map(std::ffi::OsString::into_string) {
        None => "127.0.0.1:7007".into(),
        Some(Ok(address)) => address,
        Some(Err(address)) => address.to_string_lossy().into_owned(),
    };
    match run(&address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("echo_server {address}: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(address: &str) -> Result<(), Exception> {
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let event_loop = EventLoop::new()?;
    for signal in [SIGINT, SIGTERM] {
        event_loop.add_signal_handler(signal, cancel_server)?;
    }
    // Whoever reads this may send a signal: it is handled once the loop runs.
    writeln!(std::io::stdout(), "listening on {}", listener.local_addr()?)?;
    let server = Server { listener: Some(listener), phase: ServerPhase::Accepting, failing: false };
    event_loop.run_until_complete(server)
}
