//! Sends back whatever it is sent, to thousands of clients at once: a protocol a connection, and no task. What
//! `echo_server.rs` does with machines.
//!
//! ```text
//! cargo run --release --example echo_protocol [ADDR]    (127.0.0.1:7007; port 0 picks a free one)
//! nc 127.0.0.1 7007                                     (type something)
//! ```
//!
//! Ctrl-C and SIGTERM stop it: nobody new is accepted, what has been received is still sent back, and when all clients
//! have closed it exits with 0. A second one, or five seconds, cut that short.

use std::cell::Cell;
use std::io::Write;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use innermost::{EventLoop, Exception, Protocol, Server, Transport};
use socket2::SockRef;

struct Echo {
    /// Whether the server stops.
    stopping: Rc<Cell<bool>>,
}

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        // Refused once the stream was ended: nobody wants that any more.
        let _ = transport.write(data);
        self.end_if_stopping(transport);
    }

    // A peer that does not read is not read from either.
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
        if self.stopping.get() {
            end_when_all_is_read(transport);
        }
    }
}

/// Ends the stream if nothing has come that is not read yet, and waits for the peer to close too. Closed by us alone,
/// with bytes on their way that nobody will read, the connection would be reset, and the peer lose what it has not read
/// yet.
fn end_when_all_is_read(transport: &Transport) {
    if transport.is_reading() && !has_more(transport) {
        // Where the peer has reset it, that is found by reading.
        let _ = transport.write_eof();
    }
}

/// Whether reading would bring something: bytes, the end of the stream, or an error.
fn has_more(transport: &Transport) -> bool {
    transport.with_fd(|fd| {
        fd.is_some_and(|fd| match SockRef::from(&fd).peek(&mut [MaybeUninit::uninit()]) {
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
            Ok(_) => true,
        })
    })
}

/// How long accepting pauses when it fails.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a peer may take to read the rest when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// The first time, asks every connection for an end in good order; the second time, for any.
fn stop(server: &Server, stopping: &Cell<bool>) {
    if stopping.replace(true) {
        return server.abort_clients();
    }
    server.close();
    for connection in server.clients() {
        end_when_all_is_read(&connection);
    }
    let (cut_short, event_loop) = (server.clone(), server.event_loop());
    if let Err(error) = event_loop.call_later(GRACE, move || cut_short.abort_clients()) {
        complain(format_args!("{error}"));
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
            complain(format_args!("echo_protocol {address}: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(address: &str) -> Result<(), Exception> {
    let address = address.parse::<SocketAddr>()?;
    let event_loop = EventLoop::new()?;
    let has_complained = Cell::new(false);
    event_loop.set_exception_handler(move |context| match &context.exception {
        // Once is enough: it tries again until it succeeds.
        Some(error) if !has_complained.replace(true) => {
            complain(format_args!("cannot accept, trying again: {error}"));
        }
        _ => {}
    });
    let stopping = Rc::new(Cell::new(false));
    let for_protocols = Rc::clone(&stopping);
    let factory = move || Echo { stopping: Rc::clone(&for_protocols) };
    let serving = event_loop.create_server(factory, address).accept_pause(PAUSE).backlog(4096);
    let server = event_loop.run_until_complete(serving)?;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let (server, stopping) = (server.clone(), Rc::clone(&stopping));
        event_loop.add_signal_handler(signal, move || stop(&server, &stopping))?;
    }
    // Whoever reads this may send a signal: it is handled once the loop runs.
    for address in server.local_addrs() {
        writeln!(std::io::stdout(), "listening on {address}")?;
    }
    event_loop.run_until_complete(server.wait_closed())
}
