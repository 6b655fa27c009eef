//! Ours, three times: a machine a connection, a protocol a connection, a reader and a writer a connection.
//! The second argument says which: `machines` (if there is none), `protocols`, `streams`.
use innermost::{
    Await, Buffer, Coroutine, CoroutineExt, EventLoop, Exception, LoopHandle, Protocol, Resumed, Step, StreamReader,
    StreamWriter, TcpListener, TcpStream, Transport, yield_from,
};

// ---- machines

struct Machine {
    stream: TcpStream,
    buffer: Buffer,
    phase: Phase,
}

#[derive(Clone, Copy)]
enum Phase {
    Reading,
    Writing,
}

impl Coroutine for Machine {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.phase = match self.phase {
                Phase::Reading => match yield_from!(self.stream.read(&mut self.buffer), sent)? {
                    0 => return Ok(Step::Return(())),
                    _ => Phase::Writing,
                },
                Phase::Writing => {
                    yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
                    Phase::Reading
                }
            };
        }
    }
}

struct Accepting {
    listener: TcpListener,
    event_loop: LoopHandle,
}

impl Coroutine for Accepting {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let (stream, _) = yield_from!(self.listener.accept(), sent)?;
            stream.set_nodelay(true)?;
            let echo = Machine { stream, buffer: Buffer::new(), phase: Phase::Reading };
            self.event_loop.create_task(echo.catch(|_| Ok(())))?;
        }
    }
}

fn machines(event_loop: &EventLoop, port: u16) -> Result<(), Exception> {
    let listener = TcpListener::from_std(common::listen(port))?;
    common::ready();
    event_loop.run_until_complete(Accepting { listener, event_loop: event_loop.handle() })
}

// ---- protocols

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        let _ = transport.write(data);
    }

    fn pause_writing(&mut self, transport: &Transport) {
        transport.pause_reading();
    }

    fn resume_writing(&mut self, transport: &Transport) {
        transport.resume_reading();
    }
}

fn protocols(event_loop: &EventLoop, port: u16) -> Result<(), Exception> {
    let serving = event_loop.create_server(|| Echo, (std::net::Ipv4Addr::LOCALHOST, port)).backlog(8192);
    let server = event_loop.run_until_complete(serving)?;
    common::ready();
    event_loop.run_until_complete(server.wait_closed())
}

// ---- streams

struct Stream {
    reader: StreamReader,
    writer: StreamWriter,
    draining: bool,
}

impl Coroutine for Stream {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if self.draining {
                yield_from!(self.writer.drain(), sent)?;
                self.draining = false;
            }
            let data = yield_from!(self.reader.read(16 * 1024), sent)?;
            if data.is_empty() {
                return Ok(Step::Return(()));
            }
            self.writer.write(&data)?;
            self.draining = true;
        }
    }
}

fn streams(event_loop: &EventLoop, port: u16) -> Result<(), Exception> {
    let connected = |reader, writer| Stream { reader, writer, draining: false }.catch(|_: Exception| Ok(()));
    let serving = event_loop.start_server(connected, (std::net::Ipv4Addr::LOCALHOST, port)).backlog(8192);
    let server = event_loop.run_until_complete(serving)?;
    common::ready();
    event_loop.run_until_complete(server.wait_closed())
}

fn main() {
    let event_loop = EventLoop::new().expect("there is a descriptor for it");
    let port = common::port_argument();
    let ended = match std::env::args().nth(2).as_deref() {
        None | Some("machines") => machines(&event_loop, port),
        Some("protocols") => protocols(&event_loop, port),
        Some("streams") => streams(&event_loop, port),
        Some(other) => panic!("there are no {other}"),
    };
    ended.expect("it serves until it is killed");
}
