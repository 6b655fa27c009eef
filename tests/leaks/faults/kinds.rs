//! Echo servers for the three kinds of connections.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::stream::{StreamReader, StreamWriter};
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Coroutine, EventLoop, Exception, LoopHandle, Protocol, Resumed, Server, Step,
    Task, TcpListener, TcpStream, Transport, from_fn, spawn, yield_from,
};

use crate::held::{any, run_until, without_io_errors};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Machine,
    Protocol,
    Streams,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Machine, Kind::Protocol, Kind::Streams];

/// Held by each connection that is open: they are counted by it.
pub(crate) type Mark = Rc<()>;

/// A machine on a socket that sends received bytes back.
pub(crate) struct EchoMachine {
    stream: TcpStream,
    buffer: Buffer,
    is_writing: bool,
    _mark: Mark,
}

impl EchoMachine {
    pub(crate) fn new(stream: TcpStream, mark: Mark) -> Self {
        Self { stream, buffer: Buffer::new(), is_writing: false, _mark: mark }
    }
}

impl Coroutine for EchoMachine {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if self.is_writing {
                yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
                self.is_writing = false;
            }
            if yield_from!(self.stream.read(&mut self.buffer), sent)? == 0 {
                return Ok(Step::Return(()));
            }
            self.is_writing = true;
        }
    }
}

/// A protocol that sends received bytes back, and reads no faster than its peer does.
pub(crate) struct EchoProtocol(#[allow(dead_code, reason = "counted")] pub(crate) Mark);

impl Protocol for EchoProtocol {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data).expect("it is open");
    }

    fn pause_writing(&mut self, transport: &Transport) {
        transport.pause_reading();
    }

    fn resume_writing(&mut self, transport: &Transport) {
        transport.resume_reading();
    }
}

/// A machine on streams that sends received bytes back.
pub(crate) struct EchoStreams {
    reader: StreamReader,
    writer: StreamWriter,
    is_writing: bool,
    _mark: Mark,
}

impl EchoStreams {
    pub(crate) fn new(reader: StreamReader, writer: StreamWriter, mark: Mark) -> Self {
        Self { reader, writer, is_writing: false, _mark: mark }
    }
}

impl Coroutine for EchoStreams {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if self.is_writing {
                yield_from!(self.writer.drain(), sent)?;
                self.is_writing = false;
            }
            let data = yield_from!(self.reader.read(64 * 1024), sent)?;
            if data.is_empty() {
                return Ok(Step::Return(()));
            }
            self.writer.write(&data)?;
            self.is_writing = true;
        }
    }
}

/// An echo server of some kind.
pub(crate) struct Echo {
    event_loop: LoopHandle,
    pub(crate) address: SocketAddr,
    mark: Mark,
    listening: Listening,
}

enum Listening {
    Machine(Task<()>),
    Server(Server),
}

impl Echo {
    pub(crate) fn serve(kind: Kind, event_loop: &EventLoop) -> Self {
        let mark = Mark::default();
        let kept = Rc::clone(&mark);
        let handle = event_loop.handle();
        let server = |serving| event_loop.run_until_complete(serving).expect("a port is free");
        let (address, listening) = match kind {
            Kind::Machine => {
                let listener = TcpListener::bind(any()).expect("a port is free");
                let address = listener.local_addr().expect("it is bound");
                let accepting = accepting(listener, kept);
                (address, Listening::Machine(event_loop.create_task(accepting).expect("it is open")))
            }
            Kind::Protocol => {
                let serving = event_loop.create_server(move || EchoProtocol(Rc::clone(&kept)), any()).backlog(4096);
                let server = server(serving);
                (server.local_addrs()[0], Listening::Server(server))
            }
            Kind::Streams => {
                let handler =
                    move |reader, writer| without_io_errors(EchoStreams::new(reader, writer, Rc::clone(&kept)));
                let server = server(event_loop.start_server(handler, any()).backlog(4096));
                (server.local_addrs()[0], Listening::Server(server))
            }
        };
        Self { event_loop: handle, address, mark, listening }
    }

    /// The number of open connections. Tests run until it reaches an expected value.
    pub(crate) fn count(&self) -> impl Fn() -> usize + use<> {
        let mark = Rc::downgrade(&self.mark);
        // The server has one for itself, and so has this.
        move || mark.strong_count().saturating_sub(2)
    }

    pub(crate) fn run_until_count(&self, count: usize) {
        let counted = self.count();
        run_until(&self.event_loop, move || counted() == count);
    }

    /// Listens no more. Connections go on.
    pub(crate) fn close(&self) {
        match &self.listening {
            Listening::Machine(task) => drop(task.cancel()),
            Listening::Server(server) => server.close(),
        }
    }

    /// Listens no more, and waits until all connections are over.
    pub(crate) fn finish(self) {
        self.close();
        let counted = Rc::downgrade(&self.mark);
        run_until(&self.event_loop, move || counted.strong_count() <= 1);
        if let Listening::Server(server) = self.listening {
            self.event_loop.run_until_complete(server.wait_closed()).expect("all are over");
        }
    }
}

/// Accepts connections, and echoes by a task for each.
pub(crate) fn accepting(
    listener: TcpListener,
    mark: Mark,
) -> impl Coroutine<Yield = Await, Input = (), Return = ()> + use<> {
    from_fn(move |mut sent: Result<(), Exception>| {
        loop {
            let (stream, _) = yield_from!(listener.accept(), sent)?;
            let echo = without_io_errors(EchoMachine::new(stream, Rc::clone(&mark)));
            spawn(echo)?;
        }
    })
}

/// Has an end of a pair echo; the other is the test's. What is sent there is here when the call returns.
pub(crate) fn echo_pair(kind: Kind, event_loop: &EventLoop, mark: Mark) -> UnixStream {
    let (near, far) = UnixStream::pair().expect("descriptors are free");
    far.set_nonblocking(true).expect("it is open");
    match kind {
        Kind::Machine => {
            let stream = TcpStream::from_std(OwnedFd::from(near).into()).expect("it is a socket");
            event_loop.create_task(without_io_errors(EchoMachine::new(stream, mark))).expect("it is open");
        }
        Kind::Protocol => {
            let opening = event_loop.connect_accepted_socket(move || EchoProtocol(mark), near);
            event_loop.run_until_complete(opening.unwrap()).expect("it is a stream");
        }
        Kind::Streams => {
            let opening = event_loop.open_connection_at(near);
            let (reader, writer) = event_loop.run_until_complete(opening.unwrap()).expect("it is a stream");
            let echo = without_io_errors(EchoStreams::new(reader, writer, mark));
            event_loop.create_task(echo).expect("it is open");
        }
    }
    far
}
