//! Loops with a time limit, protocols that record events, and ends of connections.

use std::io;
use std::net;
use std::os::unix;
use std::path::Path;
use std::time::Duration;

use innermost::transport::{AfterEof, CreateConnection, DatagramAddress};
use innermost::{DatagramProtocol, DatagramTransport, EventLoop, Exception, LoopHandle, Protocol, Server, Transport};

pub(crate) use crate::support::events::Log;
pub(crate) use crate::support::loops::{any, run_until};

/// Longer than a test takes on any machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A loop with a deadline, at which the test fails. Records reports to its exception handler.
pub(crate) fn new_loop() -> (EventLoop, Log) {
    let event_loop = crate::support::loops::new_loop();
    let events = Log::default();
    let reports = events.clone();
    event_loop.set_exception_handler(move |context| {
        let raised = context.exception.as_ref().map(|raised| format!(": {raised}")).unwrap_or_default();
        reports.add(format_args!("reported {}{raised}", context.message));
    });
    (event_loop, events)
}

/// Runs some turns, and polls the selector more than once.
pub(crate) fn run_turns(event_loop: &LoopHandle, mut turns: u32) {
    run_until(event_loop, move || {
        turns -= 1;
        turns == 0
    });
}

/// Runs until a transport is over, its descriptor closed.
pub(crate) fn run_until_lost(event_loop: &LoopHandle, transport: &Transport) {
    let watched = transport.clone();
    run_until(event_loop, move || watched.with_fd(|fd| fd.is_none()));
}

type Reaction<T> = Box<dyn FnMut(&T, &str)>;

/// A protocol that records every call. `T` is the type of its transport.
pub(crate) struct Recorder<T = Transport> {
    name: &'static str,
    events: Log,
    at_eof: AfterEof,
    /// Called with each event, after it was recorded.
    reaction: Reaction<T>,
}

impl Recorder {
    /// For a stream. Each entry begins with `name`.
    pub(crate) fn new(name: &'static str, events: &Log) -> Self {
        Self::recording(name, events)
    }

    pub(crate) fn keeping_open(mut self) -> Self {
        self.at_eof = AfterEof::KeepOpen;
        self
    }
}

impl<A: DatagramAddress> Recorder<DatagramTransport<A>> {
    pub(crate) fn of_datagrams(events: &Log) -> Self {
        Self::recording("", events)
    }
}

impl<T> Recorder<T> {
    fn recording(name: &'static str, events: &Log) -> Self {
        Self { name, events: events.clone(), at_eof: AfterEof::Close, reaction: Box::new(|_, _| {}) }
    }

    pub(crate) fn reacting(mut self, reaction: impl FnMut(&T, &str) + 'static) -> Self {
        self.reaction = Box::new(reaction);
        self
    }

    fn record(&mut self, transport: &T, event: &str) {
        self.events.add(format!("{} {event}", self.name).trim_start());
        (self.reaction)(transport, event);
    }

    fn record_loss(&mut self, transport: &T, error: Option<Exception>) {
        let error = error.map_or("None".to_owned(), |error| error.to_string());
        self.record(transport, &format!("lost {error}"));
    }
}

impl Protocol for Recorder {
    fn connection_made(&mut self, transport: &Transport) {
        self.record(transport, "made");
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.record(transport, &format!("data {}", String::from_utf8_lossy(data)));
    }

    fn eof_received(&mut self, transport: &Transport) -> AfterEof {
        self.record(transport, "eof");
        self.at_eof
    }

    fn connection_lost(&mut self, transport: &Transport, error: Option<Exception>) {
        self.record_loss(transport, error);
    }

    fn pause_writing(&mut self, transport: &Transport) {
        self.record(transport, "pause");
    }

    fn resume_writing(&mut self, transport: &Transport) {
        self.record(transport, "resume");
    }
}

impl<A: DatagramAddress + Sender> DatagramProtocol<A> for Recorder<DatagramTransport<A>> {
    fn connection_made(&mut self, transport: &DatagramTransport<A>) {
        self.record(transport, "made");
    }

    fn datagram_received(&mut self, transport: &DatagramTransport<A>, data: &[u8], from: A) {
        self.record(transport, &format!("data {}{}", String::from_utf8_lossy(data), from.recorded()));
    }

    fn error_received(&mut self, transport: &DatagramTransport<A>, error: io::Error) {
        self.record(transport, &format!("error {:?}", error.kind()));
    }

    fn connection_lost(&mut self, transport: &DatagramTransport<A>, error: Option<Exception>) {
        self.record_loss(transport, error);
    }

    fn pause_writing(&mut self, transport: &DatagramTransport<A>) {
        self.record(transport, "pause");
    }

    fn resume_writing(&mut self, transport: &DatagramTransport<A>) {
        self.record(transport, "resume");
    }
}

/// The sender of a datagram.
pub(crate) trait Sender {
    /// The addition of a [`Recorder`] to its entry for the datagram.
    fn recorded(&self) -> String;
}

impl Sender for net::SocketAddr {
    /// Nothing: its port is another one in each run.
    fn recorded(&self) -> String {
        String::new()
    }
}

impl Sender for unix::net::SocketAddr {
    /// The extension of its path.
    fn recorded(&self) -> String {
        let name = self.as_pathname().and_then(Path::extension);
        format!(" from {}", name.map_or("nobody".into(), |name| name.to_string_lossy()))
    }
}

/// Sends received bytes back.
pub(crate) struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data).expect("it is open");
    }
}

/// A server that echoes, and its address.
pub(crate) fn echo_server(event_loop: &EventLoop) -> (Server, net::SocketAddr) {
    let server = event_loop.run_until_complete(event_loop.create_server(|| Echo, any())).expect("a port is free");
    let address = server.local_addrs()[0];
    (server, address)
}

pub(crate) fn connected(connecting: CreateConnection, event_loop: &EventLoop) -> Transport {
    event_loop.run_until_complete(connecting).expect("somebody listens")
}

/// A transport with the given protocol, and the other end, which blocks. They use a Unix socket: bytes sent at one end are at
/// the other when the call returns.
pub(crate) fn pair(event_loop: &EventLoop, protocol: Recorder) -> (Transport, unix::net::UnixStream) {
    let (near, far) = unix::net::UnixStream::pair().expect("descriptors are free");
    far.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
    (connected(event_loop.connect_accepted_socket(|| protocol, near).unwrap(), event_loop), far)
}
