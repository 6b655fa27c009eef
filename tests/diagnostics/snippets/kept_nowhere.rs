//! Coroutines that keep state, made anew at each resume.

#![allow(dead_code)]

use std::time::Duration;

use innermost::{
    Await, Buffer, ByteRead, Call, Coroutine, Exception, Queue, Resumed, Sleep, Step, TcpStream, from_iter, gather,
    join, sleep, spawn, timeout, to_thread, yield_from,
};

struct Machine {
    stream: TcpStream,
    buffer: Buffer,
    queue: Queue<u32>,
    nap: Option<Sleep>,
    naps: Vec<Sleep>,
}

impl Coroutine for Machine {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let delay = Duration::from_secs(1);
        yield_from!(sleep(delay), sent)?; //~ Sleep` keeps state between two resumes //~ made anew at each resume //~ store it in a field
        yield_from!(timeout(self.stream.read(&mut self.buffer), delay), sent)?; //~ keeps state between two resumes //~ store a `Limit` or a `Race`: `self.limit.run(operation)`
        yield_from!(to_thread(|| Ok(1)), sent)?; //~ `ToThread<{integer}>` keeps state between two resumes
        yield_from!(self.queue.get(), sent)?; //~ `Get<u32>` keeps state between two resumes
        yield_from!(self.queue.put(1), sent)?; //~ `Put<u32>` keeps state between two resumes
        yield_from!(spawn(sleep(delay))?, sent)?; //~ `Task<()>` keeps state between two resumes
        yield_from!(gather([sleep(delay)]), sent)?; //~ keeps state between two resumes
        yield_from!(join((sleep(delay), sleep(delay))), sent)?; //~ keeps state between two resumes
        yield_from!(Call::new(sleep(delay)), sent)?; //~ Call<innermost::Sleep>` keeps state between two resumes
        yield_from!(&mut sleep(delay), sent)?; //~ &mut innermost::Sleep` keeps state between two resumes
        yield_from!((&mut sleep(delay)), sent)?; //~ &mut innermost::Sleep` keeps state between two resumes
        yield_from!(Box::new(sleep(delay)), sent)?; //~ Box<innermost::Sleep>` keeps state between two resumes
        yield_from!({ sleep(delay) }, sent)?; //~ Sleep` keeps state between two resumes
        yield_from!(self.nap.insert(sleep(delay)), sent)?; //~ &mut innermost::Sleep` keeps state between two resumes
        yield_from!(self.naps.last_mut().unwrap(), sent)?; //~ if the expression only leads to a coroutine stored elsewhere
        Ok(Step::Return(()))
    }
}

struct Numbers;

impl Coroutine for Numbers {
    type Yield = u32;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        yield_from!(from_iter(0..3), sent)?; //~ FromIter<std::ops::Range<{integer}>>` keeps state between two resumes
        Ok(Step::Return(()))
    }
}

fn main() {}
