//! Serves the files below a directory over HTTP/1.1. Each connection is a task, and an explicit state machine.
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
//! | `main.rs`       | the server: it limits the number of connections, and stops them |
//! | `connection.rs` | one connection: the protocol |
//! | `request.rs`    | from bytes to a request |
//! | `resource.rs`   | from a path to a file or a directory |
//! | `response.rs`   | the answer |
//! | `date.rs`       | dates in HTTP |
//!
//! Ctrl-C or SIGTERM stops the server. It accepts no new connections, answers the requests it has, and exits with 0. After a
//! second signal, or after five seconds, it ends the remaining connections at once.

mod connection;
mod date;
mod request;
mod resource;
mod response;
#[allow(dead_code, reason = "each server uses a part")]
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use innermost::sync::{AcquirePermit, Permit};
use innermost::{
    AnyTask, Await, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Semaphore, Sleep, State, Step, TcpListener,
    TcpStream, sleep, spawn, yield_from,
};

use crate::connection::Connection;
use crate::support::{
    GRACE, PAUSE, announce, argument, cancel_connections, cancel_server, complain, exit_code_of, on_stop,
};

/// The number of connections that are served at a time. Further ones wait in the kernel.
const CONNECTIONS: usize = 512;

/// Accepts connections until it is cancelled. Then it waits for the connections to end.
struct Server {
    root: Arc<Path>,
    /// `None` while stopping.
    listener: Option<TcpListener>,
    permits: Semaphore,
    phase: Phase,
    /// Whether the last attempt to accept failed.
    failing: bool,
}

enum Phase {
    /// Waits until another connection is allowed.
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
        // The first cancel asks every connection for an orderly end. A later cancel cancels them again.
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
    /// The phase after an attempt to accept. Pauses after a failure, and reports the first one.
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
        if self.listener.take().is_some() {
            EventLoop::running()?.call_later(GRACE, cancel_server)?;
        }
        self.phase = Phase::Stopping(cancel_connections()?);
        Ok(())
    }
}

fn serve(stream: TcpStream, root: &Arc<Path>, permit: Option<Permit>) -> Result<(), Exception> {
    stream.set_nodelay(true)?;
    let connection = Connection::new(stream, Arc::clone(root));
    // If the peer resets its connection, only that connection's task ends. The end of the task releases the permit.
    spawn(connection.catch(|_| Ok(())).map(move |()| drop(permit)))?;
    Ok(())
}

fn main() -> ExitCode {
    let directory = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let (directory, address) = (Path::new(&directory), argument(2, "127.0.0.1:8888"));
    exit_code_of(format_args!("file_server {} {address}", directory.display()), run(directory, &address))
}

fn run(directory: &Path, address: &str) -> Result<(), Exception> {
    // Only a real path can tell whether a file is below it.
    let root = directory.canonicalize()?;
    std::fs::read_dir(&root)?;
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let event_loop = EventLoop::new()?;
    on_stop(&event_loop, cancel_server)?;
    announce([listener.local_addr()?])?;
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
