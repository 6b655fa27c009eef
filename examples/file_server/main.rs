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
    AnyTask, CoroutineExt, EventLoop, Exception, Machine, Semaphore, Sleep, TcpListener, TcpStream, machine, sleep,
    spawn, yield_from,
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
    /// Whether the last attempt to accept failed.
    failing: bool,
}

machine!(
    impl Machine for Server {
        type State = Phase;

        /// Waits until another connection is allowed.
        fn Admitting(&mut self, admitted: Outcome<AcquirePermit>) -> Next<Accepting> {
            to(Accepting(Some(admitted?)))
        }

        fn Accepting(&mut self, sent: Sent, permit: &mut Option<Permit>) -> Next<Admitting, Pausing, End> {
            let Some(listener) = &self.listener else { return end(()) };
            let accepted = yield_from!(listener.accept(), sent);
            let permit = permit.take();
            match accepted.and_then(|(stream, _)| serve(stream, &self.root, permit)) {
                Ok(()) => {
                    self.failing = false;
                    to(Admitting(self.permits.acquire()))
                }
                Err(error) => {
                    self.complain(error);
                    to(Pausing(sleep(PAUSE)))
                }
            }
        }

        fn Pausing(&mut self, slept: Outcome<Sleep>) -> Next<Admitting> {
            slept?;
            to(Admitting(self.permits.acquire()))
        }

        fn Stopping(&mut self, sent: Sent, connections: &mut Vec<AnyTask>) -> Next<End> {
            let Some(connection) = connections.last_mut() else { return end(()) };
            yield_from!(connection, sent)?;
            connections.pop();
            stay()
        }

        /// The first cancel asks every connection for an orderly end. A later cancel cancels them again.
        fn thrown(&mut self, _state: &mut Phase, thrown: Exception) -> Next<Stopping> {
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
    let first = Phase::Admitting(permits.acquire());
    let server = Server { root: root.into(), listener: Some(listener), permits, failing: false };
    event_loop.run_until_complete(server.start(first))
}
