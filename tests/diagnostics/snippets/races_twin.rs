//! The twin of `races.rs`.

#![allow(dead_code)]

use innermost::queue::Get;
use innermost::wait::{Race, Racing, Won};
use innermost::{Await, Buffer, ByteRead, Coroutine, Exception, Resumed, Sleep, TcpStream, end, yield_from};

struct Session {
    stream: TcpStream,
    buffer: Buffer,
    over: Racing<Sleep>,
    item: Racing<Get<u32>>,
    naps: Vec<Racing<Sleep>>,
    race: Race,
}

impl Coroutine for Session {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        yield_from!(self.race.run((self.stream.read(&mut self.buffer), &mut self.over)), sent)?;
        yield_from!(self.race.run((&mut self.over, &mut self.item)), sent)?;
        yield_from!(self.race.run((&mut self.over, (!self.buffer.is_empty()).then_some(&mut self.item))), sent)?;
        yield_from!(self.race.run([&mut self.over]), sent)?;
        yield_from!(self.race.run(&mut self.naps[..]), sent)?;
        match yield_from!(self.race.run((&mut self.over, &mut self.item)), sent)? {
            Won::A(()) => end(()),
            Won::B(_item) => end(()),
        }
    }
}

fn main() {}
