//! The server on the library that answers requests, by a machine with two buffers.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Coroutine, CoroutineExt, EventLoop, Exception, LoopHandle, Resumed, Step,
    TcpListener, TcpStream, yield_from,
};

use super::process::{REQUEST, Work, announce};

/// Answers each request from a second buffer.
struct Answers {
    stream: TcpStream,
    requests: Buffer,
    answers: Buffer,
}

impl Coroutine for Answers {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            yield_from!(self.stream.write_all(&mut self.answers), sent)?;
            if yield_from!(self.stream.read(&mut self.requests), sent)? == 0 {
                return Ok(Step::Return(()));
            }
            while let Some((request, _)) = self.requests.bytes().split_at_checked(REQUEST) {
                self.answers.write_all(request)?;
                self.requests.consume(REQUEST);
            }
        }
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
            let answers = Answers { stream, requests: Buffer::new(), answers: Buffer::new() };
            self.event_loop.create_task(answers.catch(|_| Ok(())))?;
        }
    }
}

pub(crate) fn serve(_: Work, spin: Duration) -> Result<(), Exception> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    announce(listener.local_addr()?)?;
    let event_loop = EventLoop::new()?;
    event_loop.set_spin(spin);
    let server = Server { listener, event_loop: event_loop.handle() };
    event_loop.run_until_complete(server)
}
