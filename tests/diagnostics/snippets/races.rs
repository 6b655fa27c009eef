//! What cannot be raced.

#![allow(dead_code)]

use std::time::Duration;

use innermost::queue::Get;
use innermost::wait::{Race, Racing};
use innermost::{Await, Buffer, ByteRead, Coroutine, Exception, Resumed, Sleep, TcpStream, end, sleep, yield_from};

struct Session {
    stream: TcpStream,
    buffer: Buffer,
    nap: Sleep,
    over: Racing<Sleep>,
    item: Racing<Get<u32>>,
    naps: Vec<Racing<Sleep>>,
    race: Race,
}

impl Coroutine for Session {
    type Yield = Await;
    type Input = ();
    type Return = ();

    #[rustfmt::skip]
    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        yield_from!(self.race.run((self.stream.read(&mut self.buffer), &mut self.nap)), sent)?; //~ Sleep` cannot be raced //~ as `Racing::new(..)`, and race `&mut self.field`
        yield_from!(self.race.run((&mut self.over, sleep(Duration::ZERO))), sent)?; //~ `innermost::Sleep` cannot be raced //~ neither `&mut Racing<_>` nor a stateless operation
        yield_from!(self.race.run((&mut self.item, self.over)), sent)?; //~ Racing<innermost::Sleep>` cannot be raced
        yield_from!(self.race.run((&mut self.item, &mut self.buffer)), sent)?; //~ Buffer` cannot be raced
        yield_from!(self.race.run((&mut self.over,)), sent)?; //~ not a tuple of two to eight coroutines that can be raced
        yield_from!(self.race.run(&mut self.over), sent)?; //~ not a tuple of two to eight coroutines that can be raced
        yield_from!(self.race.run([&mut self.over, &mut self.item]), sent)?; //~ mismatched types
        yield_from!(self.race.run(&mut self.naps), sent)?; //~ cannot be raced //~ or a slice of `Racing`
        yield_from!(self.race.run(&mut self.over, &mut self.item), sent)?; //~ this method takes 1 argument but 2 arguments were supplied //~ not a tuple of two to eight
        end(())
    }
}

fn main() {}
