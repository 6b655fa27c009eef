//! The same on the library: the machine of `examples/echo_server.rs`, less what ends that in good order on a signal.

use std::net::{Ipv4Addr, SocketAddr};

use innermost::{
    Await, Buffer, Coroutine, CoroutineExt, EventLoop, Exception, LoopHandle, Resumed, State, Step, TcpListener,
    TcpStream, yield_from,
};

use super::process::announce;

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

struct Server {
    listener: TcpListener,
    event_loop: LoopHandle,
}

impl Coroutine for Server {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let (stream, _) = yield_from!(self.listener.accept(), sent)?;
            stream.set_nodelay(true)?;
            let echo = Echo { stream, buffer: Buffer::new(), phase: Phase::Reading };
            self.event_loop.create_task(echo.catch(|_| Ok(())))?;
        }
    }
}

pub(crate) fn serve() -> Result<(), Exception> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    announce(listener.local_addr()?)?;
    let event_loop = EventLoop::new()?;
    let server = Server { listener, event_loop: event_loop.handle() };
    event_loop.run_until_complete(server)
}
