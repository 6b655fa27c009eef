//! What a race costs beside a plain wait for the same thing, in one program.
//!
//! ```text
//! cargo bench --bench races                      both lines
//! cargo bench --bench races -- --instructions    user instructions in place of time (needs valgrind)
//!   --check        fails if one has grown by more than 5 % over `instructions/races.txt`
//!   --renew        writes that file
//! ```
//!
//! | line | ours | bound |
//! |---|---|---|
//! | `queue`   | two tasks hand an item to and fro, each racing its item with a future that nobody sets | the same without a race |
//! | `sockets` | two tasks send a byte to and fro, each racing three sockets | the same with one socket each |
//!
//! A program of its own: with the lines of `tasks` in one program, the compiler would inline less of either.

use std::io::Write as _;
use std::process::ExitCode;

use innermost::queue::{Get, Queue};
use innermost::wait::{Race, Racing, Won};
use innermost::{
    Await, Awaitable, ByteRead, ByteWrite, Coroutine, EventLoop, Exception, Future, LoopHandle, Resumed, Step,
    UnixStream, yield_from,
};

#[path = "instructions/figures.rs"]
mod figures;
#[path = "tasks/harness.rs"]
#[allow(dead_code, reason = "each benchmark uses its part")]
mod harness;
#[path = "instructions/count.rs"]
mod instructions;
#[path = "echo/machine.rs"]
#[allow(dead_code, reason = "each benchmark uses its part")]
mod machine;
#[path = "tasks/passing.rs"]
mod passing;

use self::harness::{Batch, Line, line, timed};

const LINES: &[Line] = &[
    line("queue", None, 50_000, queue_and_future, queue_alone),
    line("sockets", None, 20_000, three_sockets, one_socket),
];

fn main() -> ExitCode {
    match harness::run("races", LINES, &std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("races: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A batch that runs a coroutine to its end, in one loop.
fn in_loop<C>(items: u64, machine: impl Fn(&LoopHandle) -> C + 'static) -> Batch
where
    C: Awaitable<Return = ()> + 'static,
{
    let event_loop = EventLoop::new().expect("there is a descriptor for it");
    Box::new(move || {
        timed(items, 0, || event_loop.run_until_complete(machine(&event_loop)).expect("nothing raises here"))
    })
}

/// Two tasks pass an item to each other and back. Each races its item with a future that nobody sets.
fn queue_and_future(items: u64) -> Batch {
    in_loop(items, move |event_loop| {
        let (there, back) = (Queue::new(), Queue::new());
        there.put_nowait(0).expect("it has no bounds");
        let echo = |from: &Queue<u64>, to: &Queue<u64>| RacingEcho {
            item: Racing::new(from.get()),
            stop: Racing::new(event_loop.create_future()),
            race: Race::new(),
            from: from.clone(),
            to: to.clone(),
            left: items,
        };
        event_loop.create_task(echo(&there, &back)).expect("the loop is open");
        echo(&back, &there)
    })
}

/// Two tasks pass an item to each other and back.
fn queue_alone(items: u64) -> Batch {
    in_loop(items, move |event_loop| passing::pair(event_loop, items))
}

/// Moves items from one queue to another, until it is told to stop.
struct RacingEcho {
    from: Queue<u64>,
    to: Queue<u64>,
    left: u64,
    item: Racing<Get<u64>>,
    stop: Racing<Future<u64>>,
    race: Race,
}

impl Coroutine for RacingEcho {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.left > 0 {
            match yield_from!(self.race.run((&mut self.item, &mut self.stop)), sent)? {
                Won::A(item) => self.to.put_nowait(item)?,
                Won::B(_) => return Ok(Step::Return(())),
            }
            self.left -= 1;
            self.item.restart(self.from.get());
        }
        Ok(Step::Return(()))
    }
}

/// Two tasks send a byte to each other and back. Each races its socket with two on which nothing comes.
fn three_sockets(items: u64) -> Batch {
    sockets(items, |stream, left| {
        let others = [(); 2].map(|()| UnixStream::pair().expect("there are descriptors left"));
        RacingSockets { stream, others, left, race: Race::new() }
    })
}

/// Two tasks send a byte to each other and back.
fn one_socket(items: u64) -> Batch {
    sockets(items, |stream, left| Socket { stream, left })
}

fn sockets<C>(items: u64, make: impl Fn(UnixStream, u64) -> C + 'static) -> Batch
where
    C: Awaitable<Return = ()> + 'static,
{
    in_loop(items, move |event_loop: &LoopHandle| {
        let (near, far) = UnixStream::pair().expect("there are descriptors left");
        let first = near.into_std().expect("there is a descriptor for it");
        (&first).write_all(b"x").expect("there is room");
        let near = UnixStream::from_std(first).expect("it is a socket");
        event_loop.create_task(make(near, items)).expect("the loop is open");
        make(far, items)
    })
}

struct Socket {
    stream: UnixStream,
    left: u64,
}

impl Coroutine for Socket {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.left > 0 {
            let mut byte = [0];
            yield_from!(self.stream.recv(&mut byte), sent)?;
            self.left -= 1;
            send(&self.stream)?;
        }
        Ok(Step::Return(()))
    }
}

struct RacingSockets {
    stream: UnixStream,
    others: [(UnixStream, UnixStream); 2],
    left: u64,
    race: Race,
}

impl Coroutine for RacingSockets {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.left > 0 {
            let mut bytes = [[0]; 3];
            let [a, b, c] = &mut bytes;
            let racers = (self.others[0].0.recv(a), self.stream.recv(b), self.others[1].0.recv(c));
            match yield_from!(self.race.run(racers), sent)? {
                Won::B(_) => {}
                Won::A(_) | Won::C(_) => return Err(Exception::cancelled()),
            }
            self.left -= 1;
            send(&self.stream)?;
        }
        Ok(Step::Return(()))
    }
}

/// Sends a byte, for which there is always room.
fn send(stream: &UnixStream) -> Result<(), Exception> {
    match stream.send(b"x").resume(Ok(()))? {
        Step::Return(_) => Ok(()),
        _ => unreachable!("a socket has room for a byte"),
    }
}
