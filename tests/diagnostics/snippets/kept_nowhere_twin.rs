//! The twin of `kept_nowhere.rs`: places, and operations that keep nothing.

#![allow(dead_code)]

use std::collections::HashMap;
use std::time::Duration;

use innermost::async_iter::{AsyncIterator, Interval};
use innermost::coroutine::Stateless;
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Call, Coroutine, CoroutineExt, Exception, Resumed, Sleep, Step, StreamReader,
    StreamWriter, Task, TcpListener, TcpStream, UdpSocket, ready, sleep, yield_from,
};

struct Machine {
    stream: TcpStream,
    buffer: Buffer,
    listener: TcpListener,
    socket: UdpSocket,
    reader: StreamReader,
    writer: StreamWriter,
    ticks: Interval,
    task: Task<()>,
    nap: Option<Sleep>,
    naps: Vec<Sleep>,
    named: HashMap<u32, (u8, Sleep)>,
    pair: ((u8, Sleep), [Sleep; 2]),
    call: Call<Sleep>,
    boxed: Box<Sleep>,
}

impl Coroutine for Machine {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        yield_from!(self.stream.read(&mut self.buffer), sent)?;
        yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
        yield_from!(self.listener.accept(), sent)?;
        yield_from!(self.socket.recv_from(&mut [0; 8]), sent)?;
        yield_from!(self.reader.read_line(), sent)?;
        yield_from!(self.reader.read_until("\r\n").map(|line| line.len()), sent)?;
        yield_from!(self.writer.drain(), sent)?;
        yield_from!(self.ticks.next(), sent)?;
        yield_from!(self.task.join(), sent)?;
        yield_from!(ready(1), sent)?;
        yield_from!(self.call, sent)?;
        yield_from!(self.boxed, sent)?;
        yield_from!(*self.boxed, sent)?;
        yield_from!(self.pair.0.1, sent)?;
        yield_from!((self.pair.1[1]), sent)?;
        yield_from!(self.naps[0], sent)?;
        yield_from!(&mut self.naps[1], sent)?;
        yield_from!(self.nap.get_or_insert_with(|| sleep(Duration::ZERO)), sent)?;
        let (Some((_, named)), Some(last)) = (self.named.get_mut(&1), self.naps.last_mut()) else {
            return Ok(Step::Return(()));
        };
        yield_from!(named, sent)?;
        yield_from!(last, sent,)?;
        Ok(Step::Return(()))
    }
}

/// Where the type is a parameter, the bound says that it keeps nothing.
fn twice<C, S>(operation: impl Fn() -> S, mut sent: Result<(), Exception>) -> Resumed<C>
where
    C: Coroutine<Yield = Await, Input = ()>,
    S: Stateless<Yield = Await, Input = (), Return = C::Return>,
{
    let _first = yield_from!(operation(), sent)?;
    yield_from!(operation(), sent).map(Step::Return)
}

fn main() {}
