//! Loops that do not wait for ever, protocols that record, and ends of connections.

use std::cell::RefCell;
use std::net;
use std::rc::Rc;
use std::time::Duration;

use innermost::transport::{AfterEof, CreateConnection};
use innermost::{EventLoop, Exception, LoopHandle, Protocol, Server, Transport};

pub(crate) use crate::support::loops::{any, run_until};

/// Longer than any machine needs for what a test does.
const DEADLINE: Duration = Duration::from_secs(30);

/// What has happened, in order.
pub(crate) type Events = Rc<RefCell<Vec<String>>>;

/// A loop that stops at a deadline, which fails what runs in it; what is reported there is an event.
pub(crate) fn new_loop() -> (EventLoop, Events) {
    let event_loop = crate::support::loops::new_loop();
    let events = Events::default();
    let reports = Rc::clone(&events);
    event_loop.set_exception_handler(move |context| {
        let raised = context.exception.as_ref().map(|raised| format!(": {raised}")).unwrap_or_default();
        reports.borrow_mut().push(format!("reported {}{raised}", context.message));
    });
    (event_loop, events)
}

/// Takes what was recorded.
pub(crate) fn taken(events: &Events) -> Vec<String> {
    events.take()
}

/// Runs some turns, in which the selector is asked more than once.
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

type Reaction = Box<dyn FnMut(&Transport, &str)>;

/// A protocol that records what it is told.
pub(crate) struct Recorder {
    name: &'static str,
    events: Events,
    at_eof: AfterEof,
    /// Called with each event, after it was recorded.
    reaction: Reaction,
}

impl Recorder {
    pub(crate) fn new(name: &'static str, events: &Events) -> Self {
        Self { name, events: Rc::clone(events), at_eof: AfterEof::Close, reaction: Box::new(|_, _| {}) }
    }

    pub(crate) fn keeping_open(mut self) -> Self {
        self.at_eof = AfterEof::KeepOpen;
        self
    }

    pub(crate) fn reacting(mut self, reaction: impl FnMut(&Transport, &str) + 'static) -> Self {
        self.reaction = Box::new(reaction);
        self
    }

    fn record(&mut self, transport: &Transport, event: &str) {
        self.events.borrow_mut().push(format!("{} {event}", self.name).trim_start().to_owned());
        (self.reaction)(transport, event);
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
        let error = error.map_or("None".to_owned(), |error| format!("{error}"));
        self.record(transport, &format!("lost {error}"));
    }

    fn pause_writing(&mut self, transport: &Transport) {
        self.record(transport, "pause");
    }

    fn resume_writing(&mut self, transport: &Transport) {
        self.record(transport, "resume");
    }
}

/// Sends back what comes.
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

/// A transport with that protocol, and the other end, which blocks. They are joined by a Unix socket: what is sent at
/// one end is at the other when the call returns.
pub(crate) fn pair(event_loop: &EventLoop, protocol: Recorder) -> (Transport, std::os::unix::net::UnixStream) {
    let (near, far) = std::os::unix::net::UnixStream::pair().expect("descriptors are free");
    far.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
    (connected(event_loop.connect_accepted_socket(|| protocol, near).unwrap(), event_loop), far)
}
