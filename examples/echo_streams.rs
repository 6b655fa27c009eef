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

#[allow(dead_code, reason = "each server uses a part")]
mod support;

use std::net::SocketAddr;
use std::process::ExitCode;

use innermost::{
    Coroutine, EventLoop, Exception, LoopHandle, Machine, Server, Step, StreamReader, StreamWriter, machine, take_sent,
    yield_from,
};

use self::support::{GRACE, PAUSE, announce, argument, complain_once_about_accepting, exit_code_of, has_more, on_stop};

/// How many bytes are sent back at once.
const SIZE: usize = 64 * 1024;

/// One connection.
struct Echo {
    reader: StreamReader,
    writer: StreamWriter,
    stopping: bool,
}

machine!(
    impl Machine for Echo {
        type State = Phase;

        fn Reading(&mut self, sent: Sent) -> Next<Draining, Closing, End> {
            let data = if self.stopping {
                // Reads only what has already arrived: it resumes the read by hand, and gives up if that would wait.
                match self.reader.read(SIZE).resume(take_sent(sent))? {
                    Step::Return(data) => data,
                    Step::Yield(wanted) if has_more(self.writer.transport()) => return yield_here(wanted),
                    _ => {
                        self.writer.write_eof()?;
                        return to(Closing);
                    }
                }
            } else {
                yield_from!(self.reader.read(SIZE), sent)?
            };
            if data.is_empty() {
                return end(());
            }
            self.writer.write(&data)?;
            to(Draining)
        }

        fn Draining(&mut self, sent: Sent) -> Next<Reading> {
            yield_from!(self.writer.drain(), sent)?;
            to(Reading)
        }

        /// Waits for the peer to close too. If the server closed alone while more bytes arrived, the connection would be
        /// reset, and the peer would lose what it has not read yet.
        fn Closing(&mut self, sent: Sent) -> Next<End> {
            match yield_from!(self.reader.read(SIZE), sent)?.is_empty() {
                true => end(()),
                false => stay(),
            }
        }

        /// The first cancel asks for an orderly end. A second one is propagated.
        fn thrown(&mut self, _state: &mut Phase, thrown: Exception) -> Next {
            if self.stopping || !thrown.is_cancelled() {
                return Err(thrown);
            }
            self.stopping = true;
            stay()
        }

        /// If the peer resets its connection, only this task ends.
        fn raised(&mut self, raised: Exception) -> Next<End> {
            if raised.downcast_ref::<std::io::Error>().is_some() { end(()) } else { Err(raised) }
        }
    }
);

/// The first call asks every connection for an orderly end. The second call aborts all connections.
fn stop(server: &Server) -> Result<(), Exception> {
    if !server.is_serving() {
        server.abort_clients();
        return Ok(());
    }
    server.close();
    let (cut_short, event_loop) = (server.clone(), server.event_loop());
    event_loop.call_later(GRACE, move || cut_short.abort_clients())?;
    // A task that is cancelled before it starts never runs. The task of a connection that was accepted in this turn is made
    // in the next turn, and starts in the one after that.
    let next = event_loop.clone();
    event_loop.call_soon(move || {
        let last = next.clone();
        next.call_soon(move || cancel_connections(&last)).map(drop)
    })?;
    Ok(())
}

/// Cancels all tasks but the oldest, which waits for the server.
fn cancel_connections(event_loop: &LoopHandle) {
    for connection in event_loop.all_tasks().iter().skip(1) {
        connection.cancel();
    }
}

fn main() -> ExitCode {
    let address = argument(1, "127.0.0.1:7007");
    exit_code_of(format_args!("echo_streams {address}"), run(&address))
}

fn run(address: &str) -> Result<(), Exception> {
    let address = address.parse::<SocketAddr>()?;
    let event_loop = EventLoop::new()?;
    complain_once_about_accepting(&event_loop);
    let echo = |reader, writer| Echo { reader, writer, stopping: false }.start(Phase::Reading);
    let serving = event_loop.start_server(echo, address).accept_pause(PAUSE).backlog(4096);
    let server = event_loop.run_until_complete(serving)?;
    let for_signals = server.clone();
    on_stop(&event_loop, move || stop(&for_signals))?;
    announce(server.local_addrs())?;
    event_loop.run_until_complete(server.wait_closed())?;
    // All connections have ended. Their tasks have yet to notice.
    for connection in event_loop.all_tasks() {
        event_loop.run_until_complete(connection)?;
    }
    Ok(())
}
