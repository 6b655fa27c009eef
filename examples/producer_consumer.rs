//! Several producers and consumers on one queue: `create_task`, `gather`, `Queue.join`, `task_done`, `cancel`.
//!
//! ```text
//! cargo run --example producer_consumer -- [-p PRODUCERS] [-c CONSUMERS]      (default: 5 and 10)
//! ```
//!
//! The main coroutine waits until all producers have ended, and then until the consumers have processed every item. Then it
//! cancels the consumers, which would wait for ever. With `-p 2 -c 1`:
//!
//! ```text
//! bef 0
//! after 0
//! Producer 0 added <1fd5a70c39> to queue.
//! bef 0
//! after 0
//! Producer 0 added <b69d626e26> to queue.
//! bef 0
//! after 0
//! Producer 0 added <40a83d9b7e> to queue.
//! bef 1
//! after 1
//! Producer 1 added <c4252894f2> to queue.
//! bef 1
//! after 1
//! Producer 1 added <e6c32475c1> to queue.
//! Consumer 0 sleeping for 3 seconds
//! Consumer 0 got element <1fd5a70c39> in 3.00000 seconds
//! Consumer 0 sleeping for 0 seconds
//! Consumer 0 got element <b69d626e26> in 3.00000 seconds
//! Consumer 0 sleeping for 10 seconds
//! Consumer 0 got element <40a83d9b7e> in 13.00000 seconds
//! Consumer 0 sleeping for 7 seconds
//! Consumer 0 got element <c4252894f2> in 20.00000 seconds
//! Consumer 0 sleeping for 2 seconds
//! Consumer 0 got element <e6c32475c1> in 22.00000 seconds
//! Consumer 0 sleeping for 3 seconds
//! Program completed in 22.00000 seconds.
//! ```

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::{Get, Put, Queue};
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, LoopHandle, Resumed, Sleep, Step, gather, ready,
    sleep, yield_from,
};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    let ran = Options::parse(std::env::args().skip(1)).and_then(|options| run(&EventLoop::new()?, options));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("producer_consumer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The number of producers and of consumers.
pub(crate) struct Options {
    pub(crate) producers: u32,
    pub(crate) consumers: u32,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Exception> {
        let mut options = Self { producers: 5, consumers: 10 };
        while let Some(argument) = arguments.next() {
            let option = match argument.as_str() {
                "-p" | "--nprod" => &mut options.producers,
                "-c" | "--ncon" => &mut options.consumers,
                _ => return Err(std::io::Error::other(format!("{argument}: expected -p or -c, and a number")).into()),
            };
            let number = arguments.next().and_then(|number| number.parse().ok());
            *option = number.ok_or_else(|| std::io::Error::other(format!("{argument}: expected a number after it")))?;
        }
        Ok(options)
    }
}

/// ```python
/// class Random:
///     def __init__(self, seed):
///         self.state = seed
///
///     def bits(self, count):
///         self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
///         return self.state >> (64 - count)
///
///     def randint(self, a, b):
///         return a + self.bits(32) % (b - a + 1)
///
/// random = Random(444)
/// ```
///
/// A random number generator that Python and Rust can both compute, so that they draw the same numbers.
struct Random(Cell<u64>);

impl Random {
    fn bits(&self, count: u32) -> u64 {
        self.0.set(self.0.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        self.0.get() >> (64 - count)
    }

    fn up_to(&self, most: u32) -> u32 {
        (self.bits(32) % u64::from(most + 1)) as u32
    }
}

/// What all producers and consumers share.
#[derive(Clone)]
struct Market {
    queue: Queue<Item>,
    random: Rc<Random>,
    event_loop: LoopHandle,
}

/// An item's name, and when it was put into the queue.
type Item = (String, Duration);

/// ```python
/// async def makeitem(size=5):
///     return f'{random.bits(8 * size):0{2 * size}x}'
///
/// async def produce(name, q):
///     n = random.randint(0, 10)
///     for _ in range(n):
///         print(f'bef {name}')
///         i = await makeitem()
///         print(f'after {name}')
///         t = asyncio.get_running_loop().time()
///         await q.put((i, t))
///         print(f'Producer {name} added <{i}> to queue.')
/// ```
struct Produce {
    name: u32,
    market: Market,
    at: Producing,
}

enum Producing {
    Start,
    Making { left: u32 },
    Putting { left: u32, item: String, put: Put<Item> },
}

impl Coroutine for Produce {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let name = self.name;
        loop {
            self.at = match &mut self.at {
                Producing::Start => Producing::Making { left: self.market.random.up_to(10) },
                Producing::Making { left: 0 } => return Ok(Step::Return(())),
                Producing::Making { left } => {
                    println!("bef {name}");
                    let item = format!("{:010x}", self.market.random.bits(40));
                    println!("after {name}");
                    let put = self.market.queue.put((item.clone(), self.market.event_loop.time().since_zero()));
                    Producing::Putting { left: *left - 1, item, put }
                }
                Producing::Putting { left, item, put } => {
                    yield_from!(put, sent)?;
                    println!("Producer {name} added <{item}> to queue.");
                    Producing::Making { left: *left }
                }
            };
        }
    }
}

/// ```python
/// async def randsleep(caller):
///     i = random.randint(0, 10)
///     print(f'{caller} sleeping for {i} seconds')
///     await asyncio.sleep(i)
///
/// async def consume(name, q):
///     while True:
///         await randsleep(f'Consumer {name}')
///         i, t = await q.get()
///         now = asyncio.get_running_loop().time()
///         print(f'Consumer {name} got element <{i}> in {now - t:0.5f} seconds')
///         q.task_done()
/// ```
struct Consume {
    name: u32,
    market: Market,
    at: Consuming,
}

enum Consuming {
    TopOfLoop,
    Sleeping(Sleep),
    Getting(Get<Item>),
}

impl Coroutine for Consume {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let name = self.name;
        loop {
            self.at = match &mut self.at {
                Consuming::TopOfLoop => {
                    let pause = self.market.random.up_to(10);
                    println!("Consumer {name} sleeping for {pause} seconds");
                    Consuming::Sleeping(sleep(pause * SECOND))
                }
                Consuming::Sleeping(pause) => {
                    yield_from!(pause, sent)?;
                    Consuming::Getting(self.market.queue.get())
                }
                Consuming::Getting(get) => {
                    let (item, put_in) = yield_from!(get, sent)?;
                    let waited = seconds(self.market.event_loop.time().since_zero() - put_in);
                    println!("Consumer {name} got element <{item}> in {waited:.5} seconds");
                    self.market.queue.task_done()?;
                    Consuming::TopOfLoop
                }
            };
        }
    }
}

/// ```python
/// async def main(nprod, ncon):
///     q = asyncio.Queue()
///     producers = [asyncio.create_task(produce(n, q)) for n in range(nprod)]
///     consumers = [asyncio.create_task(consume(n, q)) for n in range(ncon)]
///     await asyncio.gather(*producers)
///     await q.join()  # implicitly awaits consumers, too
///     for c in consumers:
///         c.cancel()
/// ```
fn market(options: Options) -> impl Awaitable<Return = ()> {
    ready(options).then(|Options { producers, consumers }| {
        let event_loop = EventLoop::running()?;
        let (queue, random) = (Queue::new(), Rc::new(Random(Cell::new(444))));
        let market = Market { queue: queue.clone(), random, event_loop: event_loop.clone() };
        let produce = |name| Produce { name, market: market.clone(), at: Producing::Start };
        let consume = |name| Consume { name, market: market.clone(), at: Consuming::TopOfLoop };
        let everything_is_put = gather((0..producers).map(produce));
        let consumers: Result<Vec<_>, _> = (0..consumers).map(|name| event_loop.create_task(consume(name))).collect();
        let consumers = consumers?;
        Ok(everything_is_put.then(move |_| queue.join()).map(move |()| {
            for consumer in consumers {
                consumer.cancel();
            }
        }))
    })
}

/// ```python
/// loop = asyncio.new_event_loop()
/// start = loop.time()
/// loop.run_until_complete(main(nprod=2, ncon=1))
/// elapsed = loop.time() - start
/// print(f'Program completed in {elapsed:0.5f} seconds.')
/// ```
pub(crate) fn run(event_loop: &EventLoop, options: Options) -> Result<(), Exception> {
    let start = event_loop.time();
    event_loop.run_until_complete(market(options))?;
    println!("Program completed in {:.5} seconds.", seconds(event_loop.time() - start));
    Ok(())
}

fn seconds(time: Duration) -> f64 {
    time.div_duration_f64(SECOND)
}
