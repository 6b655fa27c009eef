//! The server with machines: that of `examples/echo_server.rs`, without its orderly shutdown. Also transfers.

use std::io::Cursor;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Coroutine, CoroutineExt, EventLoop, Exception, LoopHandle, Resumed, State,
    Step, TcpListener, TcpStream, yield_from,
};

use super::process::{Work, announce};
use super::transfer::PIECE;

struct Echo {
    stream: TcpStream,
    buffer: Buffer,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Reading,
    Writing,
}

impl Coroutine for Echo {
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

    fn state(&self) -> State<'_> {
        State::new("Echo", &self.phase)
    }
}

/// Sends as long as the client reads.
struct Source {
    stream: TcpStream,
    piece: Cursor<Rc<[u8]>>,
}

impl Coroutine for Source {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            yield_from!(self.stream.write_all(&mut self.piece), sent)?;
            self.piece.set_position(0);
        }
    }
}

/// Reads to the end of the stream. Uses a different operation than the echo, so that the compiler inlines the echo's reads
/// as in a program that only echoes.
struct Sink {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Coroutine for Sink {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if yield_from!(self.stream.recv(&mut self.bytes), sent)? == 0 {
                return Ok(Step::Return(()));
            }
        }
    }
}

struct Server {
    listener: TcpListener,
    event_loop: LoopHandle,
    work: Work,
}

impl Coroutine for Server {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let (stream, _) = yield_from!(self.listener.accept(), sent)?;
            stream.set_nodelay(true)?;
            match self.work {
                Work::Echo | Work::Accepts | Work::Answers => {
                    let echo = Echo { stream, buffer: Buffer::new(), phase: Phase::Reading };
                    self.event_loop.create_task(echo.catch(|_| Ok(())))?;
                }
                Work::Source => {
                    let source = Source { stream, piece: Cursor::new([7; PIECE].into()) };
                    self.event_loop.create_task(source.catch(|_| Ok(())))?;
                }
                Work::Sink => {
                    let sink = Sink { stream, bytes: vec![0; PIECE] };
                    self.event_loop.create_task(sink.catch(|_| Ok(())))?;
                }
            }
        }
    }
}

pub(crate) fn serve(work: Work, spin: Duration) -> Result<(), Exception> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    announce(listener.local_addr()?)?;
    let event_loop = EventLoop::new()?;
    event_loop.set_spin(spin);
    let server = Server { listener, event_loop: event_loop.handle(), work };
    event_loop.run_until_complete(server)
}
