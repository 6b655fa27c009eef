//! innermost, with one machine per connection.
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Coroutine, CoroutineExt, EventLoop, Exception, LoopHandle, Resumed, Step,
    TcpListener, TcpStream, yield_from,
};

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

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let listener = TcpListener::from_std(common::listen(common::port_argument()))?;
    common::ready();
    event_loop.run_until_complete(Accepting { listener, event_loop: event_loop.handle() })
}
