//! How often the loop allocates: once for a spawn, and never for a turn, a yield, a wake or an operation that is ready. It
//! frees everything it has allocated.
//!
//! A test first runs the measured code a few times, so that the loop's vectors have grown.

use crate::counting;
use std::cell::Cell;
use std::io::Write;
use std::mem;
use std::net;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::Outgoing;
use innermost::selector::default_selector;
use innermost::{
    Await, Awaitable, Buffer, ByteRead, ByteWrite, Coroutine, EventLoop, Exception, Future, LoopHandle, Resumed, Sleep,
    Step, Task, TcpStream, from_fn, ready, sleep, yield_from,
};

use crate::counting::{ALLOCATIONS, alive, allocations};
use crate::support::clock::VirtualClock;

/// A loop whose time is virtual, so that nothing waits.
pub(crate) fn test_loop() -> EventLoop {
    let selector = default_selector().expect("there are descriptors left");
    EventLoop::with(selector, Box::new(VirtualClock::default())).expect("there are descriptors left")
}

const WARM_UP: u32 = 10;
const ROUNDS: u32 = 1000;

/// A coroutine that repeats another one until it is stopped, and counts the allocations of all rounds but the first few.
pub(crate) struct Measured<C> {
    round: C,
    rounds: u32,
    before: usize,
}

pub(crate) fn measured<C>(round: C) -> Measured<C> {
    Measured { round, rounds: 0, before: 0 }
}

/// A round: what is resumed until it returns, and then again.
impl<C: Awaitable<Return = ()>> Coroutine for Measured<C> {
    type Yield = Await;
    type Input = ();
    type Return = usize;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            yield_from!(self.round, sent)?;
            self.rounds += 1;
            if self.rounds == WARM_UP {
                self.before = ALLOCATIONS.get();
            }
            if self.rounds == WARM_UP + ROUNDS {
                return Ok(Step::Return(ALLOCATIONS.get() - self.before));
            }
        }
    }
}

/// Lets the others run once, each time anew.
pub(crate) fn pause() -> impl Awaitable<Return = ()> {
    let mut nap = sleep(Duration::ZERO);
    from_fn(move |sent| {
        let step = nap.resume(sent)?;
        if let Step::Return(()) = step {
            nap = sleep(Duration::ZERO);
        }
        Ok(step)
    })
}

fn running() -> LoopHandle {
    EventLoop::running().expect("a loop runs")
}

#[test]
fn a_spawn_allocates_once_and_frees_it() {
    let event_loop = test_loop();
    let round = || {
        let task = event_loop.create_task(ready(7_u64)).expect("the loop is open");
        event_loop.run_once().expect("nothing fails");
        task.take_result().expect("it has ended")
    };
    assert_eq!((0..WARM_UP).map(|_| round()).sum::<u64>(), 70);
    let before = alive();
    for _ in 0..ROUNDS {
        assert_eq!(allocations(round), (1, 7));
    }
    assert_eq!(alive(), before);
}

#[test]
fn a_spawn_allocates_once_whatever_the_coroutine_holds() {
    let event_loop = test_loop();
    let round = |_| {
        let mut large = [1_u64; 512];
        let coroutine = from_fn(move |sent: Result<(), Exception>| {
            sent?;
            large[0] += 1;
            Ok(if large[0] < 4 { Step::Yield(Await::next_turn()) } else { Step::Return(large.iter().sum::<u64>()) })
        });
        drop(event_loop.create_task(coroutine).expect("the loop is open"));
        (0..4).for_each(|_| event_loop.run_once().expect("nothing fails"));
    };
    (0..WARM_UP).for_each(round);
    assert_eq!(allocations(|| (0..ROUNDS).for_each(round)), (ROUNDS as usize, ()));
}

#[test]
fn inspecting_a_task_leaves_no_allocation_behind() {
    let event_loop = test_loop();
    let task = event_loop.create_task(yields_once()).unwrap();
    let before = alive();
    drop((task.any().name(), task.any().cancelling(), format!("{task:?}"), task.any().stack_trace()));
    assert_eq!(alive(), before);
    event_loop.run_until_complete(task).unwrap();
}

#[test]
fn a_thousand_tasks_at_once_allocate_once_each() {
    let event_loop = test_loop();
    let round = || {
        for _ in 0..1000 {
            drop(event_loop.create_task(yields_once()).expect("the loop is open"));
        }
        (0..3).for_each(|_| event_loop.run_once().expect("nothing fails"));
        assert!(event_loop.all_tasks().is_empty());
    };
    round();
    let before = alive();
    let (made, ()) = allocations(round);
    assert_eq!((made, alive()), (1000, before));
}

#[test]
fn memory_of_a_burst_is_freed_after_it() {
    let event_loop = test_loop();
    let turns = |count| (0..count).for_each(|_| event_loop.run_once().expect("nothing fails"));
    let rush = || (0..100_000).for_each(|_| drop(event_loop.call_soon(|| ()).expect("the loop is open")));
    turns(3);
    let before = counting::bytes();
    rush();
    turns(1);
    assert!(counting::bytes() - before > 1_000_000, "it may go on");
    turns(3);
    assert!(counting::bytes() - before < 100_000, "{}", counting::bytes() - before);
}

/// Lets the others run once.
fn yields_once() -> impl Awaitable<Return = ()> {
    innermost::from_iter(std::iter::once(Await::next_turn()))
}

#[test]
fn a_yield_to_the_loop_does_not_allocate() {
    assert_eq!(test_loop().run_until_complete(measured(pause())).unwrap(), 0);
}

#[test]
fn a_turn_does_not_allocate() {
    let event_loop = test_loop();
    let turns = || (0..100).for_each(|_| event_loop.run_once().expect("nothing fails"));
    turns();
    assert_eq!(allocations(turns), (0, ()));
    // With tasks that wait, and a timer that is set.
    let future = event_loop.create_future::<()>();
    let tasks: Vec<Task<()>> = (0..10).map(|_| event_loop.create_task(future.clone()).unwrap()).collect();
    event_loop.call_later(Duration::from_secs(1), || {}).unwrap();
    turns();
    assert_eq!(allocations(turns), (0, ()));
    assert!(tasks.iter().all(|task| task.cancel()));
    turns();
}

/// Two tasks that wake each other by futures that they make: each future has one waiter.
#[test]
fn waking_through_a_future_does_not_allocate() {
    type Slot = Rc<Cell<Option<Future<()>>>>;
    let event_loop = test_loop();
    let slot = Slot::default();
    let (setter, mut awaited) = (Rc::clone(&slot), None::<Future<()>>);
    let wakes = Rc::new(Cell::new((0, 0)));
    let counted = Rc::clone(&wakes);
    // Sets whatever future there is, once per turn.
    let sets = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        if let Some(future) = setter.take() {
            let (made, set) = allocations(|| future.set_result(()));
            set.expect("nobody else sets it");
            counted.set((counted.get().0 + made, counted.get().1 + 1));
        }
        Ok(Step::<_, _, ()>::Yield(Await::next_turn()))
    });
    let setting = event_loop.create_task(sets).unwrap();
    let waits = from_fn(move |mut sent| {
        let future = awaited.get_or_insert_with(|| {
            let future = running().create_future();
            slot.set(Some(future.clone()));
            future
        });
        yield_from!(future, sent)?;
        awaited = None;
        Ok(Step::Return(()))
    });
    // The future itself is the one allocation of a round.
    assert_eq!(event_loop.run_until_complete(measured(waits)).unwrap(), ROUNDS as usize);
    let (made, woken) = wakes.get();
    assert!(woken >= ROUNDS);
    assert_eq!(made, 0);
    assert!(setting.cancel());
    event_loop.run_once().unwrap();
}

#[test]
fn waking_through_an_ended_task_does_not_allocate() {
    let event_loop = test_loop();
    let mut awaited = None::<Task<()>>;
    let spawns_and_waits = from_fn(move |mut sent| {
        let task = match &mut awaited {
            Some(task) => task,
            None => awaited.insert(running().create_task(yields_once())?),
        };
        yield_from!(task, sent)?;
        awaited = None;
        Ok(Step::Return(()))
    });
    // The spawn.
    assert_eq!(event_loop.run_until_complete(measured(spawns_and_waits)).unwrap(), ROUNDS as usize);
}

#[test]
fn a_callback_allocates_once() {
    let event_loop = test_loop();
    let ran = Rc::new(Cell::new(0));
    let round = || {
        let ran = Rc::clone(&ran);
        drop(event_loop.call_soon(move || ran.set(ran.get() + 1)).expect("the loop is open"));
        event_loop.run_once().expect("nothing fails");
    };
    (0..WARM_UP).for_each(|_| round());
    assert_eq!(allocations(|| (0..ROUNDS).for_each(|_| round())), (ROUNDS as usize, ()));
    assert_eq!(ran.get(), WARM_UP + ROUNDS);
}

#[test]
fn a_timer_allocates_once_and_so_does_a_sleep() {
    let event_loop = test_loop();
    let round = || {
        drop(event_loop.call_later(Duration::ZERO, || {}).expect("the loop is open"));
        event_loop.run_once().expect("nothing fails");
    };
    (0..WARM_UP).for_each(|_| round());
    assert_eq!(allocations(|| (0..ROUNDS).for_each(|_| round())), (ROUNDS as usize, ()));
    // The future that the timer finishes is what the timer runs.
    let mut nap: Option<Sleep> = None;
    let naps = from_fn(move |mut sent| {
        yield_from!(nap.get_or_insert_with(|| sleep(Duration::from_secs(1))), sent)?;
        nap = None;
        Ok(Step::Return(()))
    });
    assert_eq!(event_loop.run_until_complete(measured(naps)).unwrap(), ROUNDS as usize);
}

// E8
#[test]
fn cancelled_timers_free_their_memory_soon() {
    let event_loop = test_loop();
    let before = alive();
    for number in 0..100_000 {
        let timer = event_loop.call_later(Duration::from_secs(3600 + number % 7), || {}).expect("the loop is open");
        timer.cancel();
    }
    assert!(alive() - before < 1000, "{} are alive", alive() - before);
    // Beside a thousand that are not.
    for _ in 0..1000 {
        event_loop.call_later(Duration::from_secs(3600), || {}).expect("the loop is open");
    }
    for number in 0..100_000 {
        let timer = event_loop.call_later(Duration::from_secs(3600 + number % 7), || {}).expect("the loop is open");
        timer.cancel();
    }
    assert!(alive() - before < 5000, "{} are alive", alive() - before);
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let client = net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (server, _) = listener.accept().expect("somebody connects");
    let stream = |stream| TcpStream::from_std(stream).expect("it is open");
    (stream(client), stream(server))
}

/// Sends received bytes back.
struct Echo {
    stream: TcpStream,
    buffer: Buffer,
    writing: bool,
}

impl Coroutine for Echo {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if self.writing {
                yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
            } else if yield_from!(self.stream.read(&mut self.buffer), sent)? == 0 {
                return Ok(Step::Return(()));
            }
            self.writing = !self.writing;
        }
    }
}

/// Sends something, and waits for as much.
struct Ask {
    stream: TcpStream,
    bytes: [u8; 16],
    come: usize,
    asked: bool,
}

impl Coroutine for Ask {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if !self.asked {
            assert_eq!(yield_from!(self.stream.send(b"0123456789abcdef"), sent)?, self.bytes.len());
            self.asked = true;
        }
        while self.come < self.bytes.len() {
            self.come += yield_from!(self.stream.recv(&mut self.bytes[self.come..]), sent)?;
        }
        assert_eq!(&self.bytes, b"0123456789abcdef");
        (self.asked, self.come) = (false, 0);
        Ok(Step::Return(()))
    }
}

#[test]
fn reads_writes_and_waits_for_descriptors_do_not_allocate() {
    let (client, server) = pair();
    let event_loop = EventLoop::new().unwrap();
    let echo = event_loop.create_task(Echo { stream: server, buffer: Buffer::new(), writing: false }).unwrap();
    let asks = measured(Ask { stream: client, bytes: [0; 16], come: 0, asked: false });
    assert_eq!(event_loop.run_until_complete(asks).unwrap(), 0);
    // The client is gone with its coroutine: the end of the stream.
    event_loop.run_until_complete(echo).unwrap();
}

#[test]
fn a_run_frees_its_task_and_its_stop_callback() {
    let event_loop = test_loop();
    let round = || event_loop.run_until_complete(ready(1)).expect("it returns");
    assert_eq!((0..WARM_UP).map(|_| round()).sum::<u32>(), WARM_UP);
    let before = alive();
    let (first, _) = allocations(round);
    for _ in 0..ROUNDS {
        assert_eq!(allocations(round), (first, 1));
    }
    assert_eq!(alive(), before);
    assert_eq!(first, 4);
}

#[test]
fn dropping_a_loop_frees_all_its_allocations() {
    // The first run does what a process allocates for only once.
    drop(EventLoop::new().unwrap());
    let before = alive();
    let event_loop = EventLoop::new().unwrap();
    event_loop.set_exception_handler(|_| {});
    let (client, server) = pair();
    event_loop.create_task(Echo { stream: server, buffer: Buffer::new(), writing: false }).unwrap();
    event_loop.create_task(sleep(Duration::from_secs(3600))).unwrap();
    let future = event_loop.create_future::<()>();
    event_loop.create_task(future.clone()).unwrap();
    future.add_done_callback(|_| {});
    event_loop.call_later(Duration::from_secs(3600), || {}).unwrap();
    let asks = Ask { stream: client, bytes: [0; 16], come: 0, asked: false };
    event_loop.run_until_complete(asks).unwrap();
    event_loop.call_soon(|| {}).unwrap();
    event_loop.remote().call_soon_threadsafe(|| {}).unwrap();
    // Two that wait for each other.
    let other = Rc::new(Cell::new(None::<Task<()>>));
    let awaited = Rc::clone(&other);
    let mut first = None;
    let circle = event_loop.create_task(from_fn(move |sent| {
        let first = first.get_or_insert_with(|| awaited.take().expect("it is made before it runs"));
        first.resume(sent)
    }));
    let circle = circle.unwrap();
    other.set(Some(event_loop.create_task(circle.clone()).unwrap()));
    event_loop.run_once().unwrap();
    event_loop.run_once().unwrap();
    drop((circle, other, event_loop, future));
    assert_eq!(alive(), before);
}

/// How a server uses its buffers: it takes the request from the first, and puts the answer into the second.
type Answering = fn(&mut Buffer, &mut Buffer);

/// All that one can do with a buffer.
const ANSWERING: [(&str, Answering); 10] = [
    ("consume", |request, answer| {
        answer.write_all(request.bytes()).expect("a buffer takes all");
        request.consume(request.len());
    }),
    ("consume bit by bit", |request, answer| {
        while let Some(byte) = request.bytes().first().copied() {
            answer.write_all(&[byte]).expect("a buffer takes all");
            request.consume(1);
        }
    }),
    ("clear", |request, answer| {
        answer.write_all(request.bytes()).expect("a buffer takes all");
        request.clear();
    }),
    ("drop", |request, answer| {
        let taken = mem::take(request);
        answer.write_all(taken.bytes()).expect("a buffer takes all");
    }),
    ("replace both", |request, answer| {
        let taken = mem::replace(request, Buffer::with_limit(100));
        *answer = Buffer::new();
        answer.write_all(taken.bytes()).expect("a buffer takes all");
    }),
    ("swap", mem::swap),
    ("a third", |request, answer| {
        let mut third = Buffer::new();
        third.write_all(request.bytes()).expect("a buffer takes all");
        request.clear();
        answer.write_all(third.bytes()).expect("a buffer takes all");
    }),
    ("a split", |request, answer| {
        let (head, body) = request.bytes().split_at(4);
        let mut parts = [head, body].map(|bytes| Buffer::from(bytes.to_vec()));
        request.consume(4);
        request.consume(100);
        for part in &mut parts {
            answer.write_all(part.bytes()).expect("a buffer takes all");
            part.clear();
        }
    }),
    ("a vector", |request, answer| {
        *answer = Buffer::from(request.bytes().to_vec());
        request.clear();
    }),
    ("a copy", |request, answer| {
        std::io::copy(&mut request.bytes(), answer).expect("a buffer takes all");
        Outgoing::consume(request, usize::MAX);
    }),
];

/// Answers by a second buffer, in one of three ways to write.
struct Server {
    stream: TcpStream,
    request: Buffer,
    answer: Buffer,
    answering: Answering,
    round: usize,
}

impl Coroutine for Server {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if self.answer.is_empty() {
                if yield_from!(self.stream.read(&mut self.request), sent)? == 0 {
                    return Ok(Step::Return(()));
                }
                (self.answering)(&mut self.request, &mut self.answer);
                self.round += 1;
            }
            match self.round % 3 {
                0 => yield_from!(self.stream.write_all(&mut self.answer), sent)?,
                1 => yield_from!(self.stream.write_all(&mut self.answer), sent)?,
                _ => {
                    let count = yield_from!(self.stream.send(self.answer.bytes()), sent)?;
                    self.answer.consume(count);
                }
            }
        }
    }
}

#[test]
fn a_thousand_answers_from_a_second_buffer_allocate_three_times_at_most() {
    for (name, answering) in ANSWERING {
        let before = counting::large();
        let (client, server) = pair();
        let event_loop = EventLoop::new().unwrap();
        let (request, answer) = (Buffer::new(), Buffer::new());
        let server = Server { stream: server, request, answer, answering, round: 0 };
        let server = event_loop.create_task(server).unwrap();
        event_loop.run_until_complete(measured(Ask { stream: client, bytes: [0; 16], come: 0, asked: false })).unwrap();
        event_loop.run_until_complete(server).unwrap();
        let pieces = counting::large() - before;
        assert!(pieces <= 3, "{name}: {pieces} pieces");
    }
}

#[test]
fn writing_a_message_without_a_loop_does_not_allocate() {
    let before = counting::large();
    let mut buffer = Buffer::new();
    for _ in 0..ROUNDS {
        buffer.write_all(b"a message").expect("a buffer takes all");
        buffer.clear();
    }
    assert_eq!(counting::large(), before);
}
