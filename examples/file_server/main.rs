//! Serves the files below a directory over HTTP/1.1: one task a connection, each an explicit state machine.
//!
//! ```text
//! cargo run --release --example file_server [DIRECTORY [ADDR]]      (. and 127.0.0.1:8888; port 0 picks a free one)
//! curl --range 0-99 http://127.0.0.1:8888/README.md
//! ```
//!
//! ```python
//! from twisted.web.server import Site
//! from twisted.web.static import File
//! from twisted.internet import reactor, endpoints
//!
//! resource = File('tmp')
//! factory = Site(resource)
//! endpoint = endpoints.TCP4ServerEndpoint(reactor, 8888)
//! endpoint.listen(factory)
//! reactor.run()
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`       | the server: who may connect, and how it ends |
//! | `connection.rs` | one connection: the protocol |
//! | `request.rs`    | what is asked for: from bytes to a request |
//! | `resource.rs`   | what there is: from a path to a file or a directory |
//! | `response.rs`   | what is answered |
//! | `date.rs`       | times as HTTP writes them |
//!
//! Ctrl-C and SIGTERM stop it: nobody new is accepted, what has been asked for is still sent, and it exits with 0. A second
//! one, or five seconds, cut that short.

mod connection;
mod date;
mod request;
mod resource;
mod response;

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use innermost::signal::{SIGINT, SIGTERM};
use innermost::sync::{AcquirePermit, Permit};
use innermost::{
    AnyTask, Await, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Semaphore, Sleep, State, Step, TcpListener,
    TcpStream, sleep, spawn, yield_from,
};

use crate::connection::Connection;

/// How many connections there are at a time. More of them wait in the kernel.
const CONNECTIONS: usize = 512;

/// How long accepting pauses when it fails: no descriptor is free, or the like.
const PAUSE: Duration = Duration::from_millis(50);

/// How long what has been asked for may take when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// Accepts connections until it is cancelled, then waits for those that are left.
struct Server {
    root: Arc<Path>,
    /// `None` once it stops.
    listener: Option<TcpListener>,
    permits: Semaphore,
    phase: Phase,
    /// Whether accepting has failed since it last succeeded.
    failing: bool,
}

enum Phase {
    /// Waits until there are few enough connections.
    Admitting(AcquirePermit),
    Accepting(Option<Permit>),
    Pausing(Sleep),
    Stopping(Vec<AnyTask>),
}

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
            self.phase = match (&mut self.phase, &self.listener) {
                (Phase::Admitting(admission), _) => Phase::Accepting(Some(yield_from!(admission, sent)?)),
                (Phase::Accepting(permit), Some(listener)) => {
                    let accepted = yield_from!(listener.accept(), sent);
                    let permit = permit.take();
                    self.went(accepted.and_then(|(stream, _)| serve(stream, &self.root, permit)))
                }
                (Phase::Pausing(pause), _) => {
                    yield_from!(pause, sent)?;
                    Phase::Admitting(self.permits.acquire())
                }
                (Phase::Stopping(connections), _) => match connections.last_mut() {
                    Some(connection) => {
                        yield_from!(connection, sent)?;
                        connections.pop();
                        continue;
                    }
                    None => return Ok(Step::Return(())),
                },
                (Phase::Accepting(_), None) => return Ok(Step::Return(())),
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Server", &self.permits)
    }
}

impl Server {
    /// Goes on; pauses where accepting has failed, and says so the first time.
    fn went(&mut self, accepted: Result<(), Exception>) -> Phase {
        let was_failing = std::mem::replace(&mut self.failing, accepted.is_err());
        match accepted {
            Ok(()) => Phase::Admitting(self.permits.acquire()),
            Err(error) => {
                if !was_failing {
                    complain(format_args!("cannot accept, trying again: {error}"));
                }
                Phase::Pausing(sleep(PAUSE))
            }
        }
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
        self.phase = Phase::Stopping(tasks);
        Ok(())
    }
}

fn serve(stream: TcpStream, root: &Arc<Path>, permit: Option<Permit>) -> Result<(), Exception> {
    stream.set_nodelay(true)?;
    let connection = Connection::new(stream, Arc::clone(root));
    // A connection that its peer has reset is nobody else's concern. The permit is given back when its task ends.
    spawn(connection.catch(|_| Ok(())).map(move |()| drop(permit)))?;
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
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().unwrap_or_else(|| ".".into());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8888".into());
    let (directory, address) = (Path::new(&directory), address.to_string_lossy());
    match run(directory, &address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("file_server {} {address}: {error}", directory.display()));
            ExitCode::FAILURE
        }
    }
}

fn run(directory: &Path, address: &str) -> Result<(), Exception> {
    // Whether a file lies below it can be told of real paths alone.
    let root = directory.canonicalize()?;
    std::fs::read_dir(&root)?;
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let event_loop = EventLoop::new()?;
    for signal in [SIGINT, SIGTERM] {
        event_loop.add_signal_handler(signal, cancel_server)?;
    }
    // Whoever reads this may send a signal: it is handled once the loop runs.
    writeln!(std::io::stdout(), "listening on {}", listener.local_addr()?)?;
    let permits = Semaphore::new(CONNECTIONS);
    let phase = Phase::Admitting(permits.acquire());
    event_loop.run_until_complete(Server {
        root: root.into(),
        listener: Some(listener),
        permits,
        phase,
        failing: false,
    })
}
