//! A server that speaks Redis's protocol: strings, lists, messages to many, and transactions, in memory alone.
//!
//! ```text
//! cargo run --release --example redis_server [ADDR [IDLE_SECONDS]]      (127.0.0.1:6379 and 0; port 0 picks a free one)
//! redis-cli -p 6379 BLPOP jobs 0
//! ```
//!
//! A client that sends nothing for `IDLE_SECONDS` is cut off, unless it waits for an item or for messages. 0 is for ever.
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`       | the program: it accepts connections, and stops them |
//! | `connection.rs` | one connection: a machine over any byte stream |
//! | `client/`       | one client: its transaction, its subscriptions, and the commands that concern it |
//! | `resp.rs`       | from bytes to requests |
//! | `request.rs`    | the arguments of a request |
//! | `words.rs`      | requests that a person types |
//! | `answers.rs`    | from values to bytes |
//! | `commands/`     | the commands, by type |
//! | `glob.rs`       | patterns for names |
//! | `info.rs`       | what the server tells about itself |
//! | `store.rs`      | the data |
//! | `values.rs`     | what the data are |
//! | `sweeper.rs`    | frees keys whose time is over |
//! | `blocked.rs`    | clients that wait for an item |
//! | `pubsub.rs`     | messages from one client to many |
//! | `server.rs`     | what all connections share |
//!
//! Ctrl-C or SIGTERM stops the server. It accepts no new connections, answers the requests it has, and exits with 0. After a
//! second signal, or after five seconds, it ends the remaining connections at once.

mod answers;
mod blocked;
mod client;
mod commands;
mod connection;
mod glob;
mod info;
mod pubsub;
mod request;
mod resp;
mod server;
mod store;
#[allow(dead_code, reason = "each server uses a part")]
#[path = "../support/mod.rs"]
mod support;
mod sweeper;
mod values;
mod words;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use innermost::{
    AnyTask, CoroutineExt, EventLoop, Exception, Machine, Sleep, TcpListener, TcpStream, machine, sleep, spawn,
    yield_from,
};

use crate::connection::Connection;
use crate::server::{Server, Settings};
use crate::support::{
    GRACE, PAUSE, announce, argument, cancel_connections, cancel_server, complain, exit_code_of, on_stop,
};
use crate::sweeper::Sweeper;

/// Accepts connections until it is cancelled. Then it waits for the connections to end.
struct Listening {
    server: Rc<Server>,
    /// `None` while stopping.
    listener: Option<TcpListener>,
    /// Whether the last attempt to accept failed.
    failing: bool,
}

machine!(
    impl Machine for Listening {
        type State = Phase;

        fn Accepting(&mut self, sent: Sent) -> Next<Pausing, End> {
            let Some(listener) = &self.listener else { return end(()) };
            match yield_from!(listener.accept(), sent).and_then(|(stream, _)| serve(stream, &self.server)) {
                Ok(()) => {
                    self.failing = false;
                    stay()
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        complain(format_args!("cannot accept, trying again: {error}"));
                    }
                    to(Pausing(sleep(PAUSE)))
                }
            }
        }

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
        fn thrown(&mut self, _state: &mut Phase, thrown: Exception) -> Next<Stopping> {
            if !thrown.is_cancelled() {
                return Err(thrown);
            }
            if self.listener.take().is_some() {
                EventLoop::running()?.call_later(GRACE, cancel_server)?;
            }
            to(Stopping(cancel_connections()?))
        }
    }
);

fn serve(stream: TcpStream, server: &Rc<Server>) -> Result<(), Exception> {
    stream.set_nodelay(true)?;
    spawn(Connection::new(stream, server).catch(|_| Ok(())))?;
    Ok(())
}

fn main() -> ExitCode {
    let (address, idle) = (argument(1, "127.0.0.1:6379"), argument(2, "0"));
    exit_code_of(format_args!("redis_server {address} {idle}"), run(&address, &idle))
}

fn run(address: &str, idle: &str) -> Result<(), Exception> {
    let idle = Some(idle.parse()?).filter(|seconds| *seconds > 0).map(Duration::from_secs);
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let event_loop = EventLoop::new()?;
    on_stop(&event_loop, cancel_server)?;
    announce([listener.local_addr()?])?;
    let server = Server::new(Settings { idle, ..Settings::default() });
    let listening = Listening { server: Rc::clone(&server), listener: Some(listener), failing: false };
    let listening = event_loop.create_task(listening.start(Phase::Accepting))?;
    event_loop.create_task(Sweeper::new(&server).catch(|_| Ok(())))?;
    event_loop.run_until_complete(listening)
}
