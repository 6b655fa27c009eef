//! Sends back whatever it is sent, to thousands of clients at once: a reader and a writer a connection, and one task.
//! What `echo_server.rs` does on sockets, and `echo_protocol.rs` by callbacks.
//!
//! ```text
//! cargo run --release --example echo_streams [ADDR]     (127.0.0.1:7007; port 0 picks a free one)
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
use std::time::Duration;

use innermost::signal::{SIGINT, SIGTERM};
use innermost::{
    Await, Coroutine, EventLoop, Exception, LoopHandle, Resumed, Server, State, Step, StreamReader, StreamWriter,
    take_sent, yield_from,
};
use socket2::SockRef;

/// One connection.
struct Echo {
    reader: StreamReader,
    writer: StreamWriter,
    phase: Phase,
    stopping: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Reading,
    Draining,
    /// Waits for the peer to close too. Closed by us alone, with bytes on their way that nobody will read, the
    /// connection would be reset, and the peer lose what it has not read yet.
    Closing,
}

/// How much is sent back at once.
const SIZE: usize = 64 * 1024;

impl Coroutine for Echo {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        match self.step(sent) {
            // A connection that its peer has reset is nobody else's concern.
            Err(raised) if raised.downcast_ref::<std::io::Error>().is_some() => Ok(Step::Return(())),
            stepped => stepped,
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Echo", &self.phase)
    }
}

impl Echo {
    fn step(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        // The first cancel asks for an end in good order. A second one is propagated below.
        if !self.stopping && sent.as_ref().is_err_and(Exception::is_cancelled) {
            self.stopping = true;
            sent = Ok(());
        }
        loop {
            self.phase = match self.phase {
                // Only what has come already: so the read is resumed by hand, and given up if it would wait.
                Phase::Reading if self.stopping => match self.reader.read(SIZE).resume(take_sent(&mut sent))? {
                    Step::Return(data) if data.is_empty() => return Ok(Step::Return(())),
                    Step::Return(data) => {
                        self.writer.write(&data)?;
                        Phase::Draining
                    }
                    Step::Yield(wanted) if has_more(&self.writer) => return Ok(Step::Yield(wanted)),
                    _ => {
                        self.writer.write_eof()?;
                        Phase::Closing
                    }
                },
                Phase::Reading => {
                    let data = yield_from!(self.reader.read(SIZE), sent)?;
                    if data.is_empty() {
                        return Ok(Step::Return(()));
                    }
                    self.writer.write(&data)?;
                    Phase::Draining
                }
                Phase::Draining => {
                    yield_from!(self.writer.drain(), sent)?;
                    Phase::Reading
                }
                Phase::Closing => match yield_from!(self.reader.read(SIZE), sent)?.is_empty() {
                    true => return Ok(Step::Return(())),
                    false => Phase::Closing,
                },
            };
        }
    }
}

/// Whether reading the socket would bring something: bytes, the end of the stream, or an error.
fn has_more(writer: &StreamWriter) -> bool {
    writer.transport().with_fd(|fd| {
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
fn stop(server: &Server) -> Result<(), Exception> {
    if !server.is_serving() {
        server.abort_clients();
        return Ok(());
    }
    server.close();
    let (cut_short, event_loop) = (server.clone(), server.event_loop());
    event_loop.call_later(GRACE, move || cut_short.abort_clients())?;
    // What is cancelled before it has started never runs. A connection accepted in this turn has its task in the next,
    // which starts in the one after that.
    let next = event_loop.clone();
    event_loop.call_soon(move || {
        let last = next.clone();
        next.call_soon(move || cancel_connections(&last)).map(drop)
    })?;
    Ok(())
}

/// The oldest task waits for the server.
fn cancel_connections(event_loop: &LoopHandle) {
    for connection in event_loop.all_tasks().iter().skip(1) {
        connection.cancel();
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
            complain(format_args!("echo_streams {address}: {error}"));
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
    let echo = |reader, writer| Echo { reader, writer, phase: Phase::Reading, stopping: false };
    let serving = event_loop.start_server(echo, address).accept_pause(PAUSE).backlog(4096);
    let server = event_loop.run_until_complete(serving)?;
    for signal in [SIGINT, SIGTERM] {
        let server = server.clone();
        event_loop.add_signal_handler(signal, move || stop(&server))?;
    }
    // Whoever reads this may send a signal: it is handled once the loop runs.
    for address in server.local_addrs() {
        writeln!(std::io::stdout(), "listening on {address}")?;
    }
    event_loop.run_until_complete(server.wait_closed())?;
    // All connections are over; their tasks have yet to find that out.
    for connection in event_loop.all_tasks() {
        event_loop.run_until_complete(connection)?;
    }
    Ok(())
}
