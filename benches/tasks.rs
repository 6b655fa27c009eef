//! The cost of tasks, futures, callbacks and timers, measured against hand-written code.
//!
//! ```text
//! cargo bench --bench tasks                      all lines
//! cargo bench --bench tasks -- spawn timer       the lines whose name contains one of these words
//! cargo bench --bench tasks -- sleep million     the slow lines too, which take seconds per round
//! cargo bench --bench tasks -- --instructions    user instructions instead of time (needs valgrind): no noise
//!   --check        fails if a count is more than 5 % above `instructions/tasks.txt`
//!   --renew        writes that file
//!   --rounds 21    the number of rounds, for times
//! ```
//!
//! In each round, ours runs a batch of about 100,000 operations, and then the bound does. Other load on the machine thus
//! affects both alike. A figure is the median of the rounds, and a ratio is that of the medians. The bound does the same
//! work as code written by hand for this program alone: boxed closures in a `VecDeque`. It has no cancellation, no
//! exceptions and no results, and does not order equal deadlines.
//!
//! | line | ours | bound |
//! |---|---|---|
//! | `spawn 1000`    | making, running and awaiting 1,000 tasks | 1,000 closures, each with a shared flag |
//! | `spawn 1`       | making, running and awaiting one task | one closure with a flag |
//! | `yield 1`       | a task that yields to the loop, alone | a closure that is queued again |
//! | `yield 1000`    | 1,000 tasks that yield to the loop | 1,000 closures |
//! | `yield sleep 0` | a task that yields to the loop with `sleep(0)`, alone | a closure that is queued again |
//! | `future`        | one task makes and awaits a future, another sets it and yields | a shared slot, two closures |
//! | `future wake`   | the median time from setting the future until its waiter runs | from setting the slot until its closure runs |
//! | `queue`         | two tasks pass an item through two queues: one round trip | two closures, two `VecDeque`s |
//! | `call_soon`     | queueing a callback, and running it in the next turn | boxing, queueing and running a closure |
//! | `timer set`     | setting 100,000 timers with `call_later` | a boxed closure, and an entry in a heap |
//! | `timer cancel`  | cancelling them | dropping the closure; the heap is swept when it has doubled |
//! | `timer million` | setting and running a million timers, with random deadlines within a second | a boxed closure, a heap entry, a sleeping thread |
//! | `sleep`         | 100,000 tasks that sleep up to 100 ms | a boxed closure, a heap entry, a sleeping thread |
//! | `sleep million` | a million tasks that sleep up to a second | a boxed closure, a heap entry, a sleeping thread |
//!
//! All figures are CPU time, except for `future wake`. The time of `sleep` and `sleep million` covers the whole life of a
//! task.
//!
//! | file | holds |
//! |---|---|
//! | `tasks.rs`         | the lines, and our side of each |
//! | `tasks/bound.rs`   | the bound of each |
//! | `tasks/harness.rs` | rounds, medians |
//! | `tasks/passing.rs` | two tasks that pass an item to and fro |
//! | `instructions/`    | counting instructions, and the committed counts |
//!
//! A goal is a figure that no other runtime reached on this kind of machine. The goals of the `sleep` lines are for a
//! million tasks.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hint::black_box;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use innermost::{
    Await, Awaitable, Coroutine, EventLoop, Exception, Future, LoopHandle, Resumed, Sleep, Step, Task, TimerHandle,
    sleep, yield_from,
};

#[path = "tasks/bound.rs"]
mod bound;
#[path = "instructions/figures.rs"]
mod figures;
#[path = "tasks/harness.rs"]
mod harness;
#[path = "instructions/count.rs"]
mod instructions;
#[path = "echo/machine.rs"]
mod machine;
#[path = "tasks/passing.rs"]
mod passing;

use self::harness::{Batch, Chance, Effort, Line, Stamps, count, line, timed};

const LINES: &[Line] = &[
    line("spawn 1000", Some(45.0), 100_000, |items| spawn(items, 1000), |items| bound::spawn(items, 1000)),
    line("spawn 1", Some(80.0), 20_000, |items| spawn(items, 1), |items| bound::spawn(items, 1)),
    line("yield 1", Some(12.0), 100_000, yield_alone, |items| bound::yield_among(items, 1)),
    line("yield 1000", Some(12.0), 1_000_000, yield_among_thousand, |items| bound::yield_among(items, 1000)),
    line("yield sleep 0", Some(12.0), 100_000, nap, |items| bound::yield_among(items, 1)),
    line("future", None, 50_000, |items| futures(items, Figure::Mean), |items| bound::slots(items, Figure::Mean)),
    Line {
        effort: Effort::Shared,
        ..line("future wake", Some(40.0), 50_000, |n| futures(n, Figure::Median), |n| bound::slots(n, Figure::Median))
    },
    line("queue", Some(70.0), 50_000, queues, bound::queues),
    line("call_soon", Some(15.0), 100_000, call_soon, bound::call_soon),
    Line {
        effort: Effort::Clocked,
        ..line("timer set", Some(40.0), 100_000, |n| timers(n, Half::Set), |n| bound::timers(n, Half::Set))
    },
    Line {
        effort: Effort::Shared,
        ..line("timer cancel", Some(15.0), 100_000, |n| timers(n, Half::Cancel), |n| bound::timers(n, Half::Cancel))
    },
    Line {
        effort: Effort::OnDemand,
        ..line("timer million", Some(700.0), 1_000_000, |n| fired(n, 1000), |n| bound::sleepers(n, 1000))
    },
    Line {
        effort: Effort::Slow,
        ..line("sleep", Some(1000.0), 100_000, |items| sleepers(items, 100), |items| bound::sleepers(items, 100))
    },
    Line {
        effort: Effort::OnDemand,
        ..line(
            "sleep million",
            Some(1000.0),
            1_000_000,
            |items| sleepers(items, 1000),
            |items| bound::sleepers(items, 1000),
        )
    },
];

fn main() -> ExitCode {
    match harness::run("tasks", LINES, &std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tasks: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Which part of a batch of timers is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Set,
    Cancel,
}

/// Which time of a batch of futures is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    /// The mean CPU time of a whole round trip.
    Mean,
    /// The median time from setting the future until the waiter runs.
    Median,
}

// ---- batches

/// A batch that runs a coroutine to its end, in one loop.
fn in_loop<C>(items: u64, counts: u64, machine: impl Fn(&LoopHandle) -> C + 'static) -> Batch
where
    C: Awaitable<Return = ()> + 'static,
{
    let event_loop = EventLoop::new().expect("there is a descriptor for it");
    Box::new(move || timed(items, counts, || complete(&event_loop, machine(&event_loop))))
}

fn complete(event_loop: &LoopHandle, coroutine: impl Awaitable<Return = ()> + 'static) {
    event_loop.run_until_complete(coroutine).expect("nothing raises here");
}

fn spawn(items: u64, at_once: u64) -> Batch {
    in_loop(items, items, move |event_loop| SpawnAndJoin {
        event_loop: event_loop.clone(),
        make: || Once,
        left: items,
        at_once,
        tasks: VecDeque::new(),
    })
}

fn yield_alone(items: u64) -> Batch {
    in_loop(items, 0, move |_| Yields(items))
}

fn yield_among_thousand(items: u64) -> Batch {
    in_loop(items, 0, move |event_loop| SpawnAndJoin {
        event_loop: event_loop.clone(),
        make: move || Yields(items / 1000),
        left: 1000,
        at_once: 1000,
        tasks: VecDeque::new(),
    })
}

fn nap(items: u64) -> Batch {
    in_loop(items, 0, move |_| Naps { left: items, nap: sleep(Duration::ZERO) })
}

fn call_soon(items: u64) -> Batch {
    in_loop(items, items, move |event_loop| CallsSoon { event_loop: event_loop.clone(), left: items })
}

/// One task makes a future and waits for it. Another sets it, and yields.
fn futures(items: u64, figure: Figure) -> Batch {
    let event_loop = EventLoop::new().expect("there is a descriptor for it");
    Box::new(move || {
        let slot = Rc::new(Slot { future: RefCell::new(None), stamps: Stamps::new(items), over: Cell::new(false) });
        let waiter = Waiter { event_loop: event_loop.handle(), slot: Rc::clone(&slot), waits_for: None, left: items };
        let setter = event_loop.create_task(Setter(Rc::clone(&slot))).expect("the loop is open");
        let mean = timed(items, 0, || complete(&event_loop, waiter));
        complete(&event_loop, setter);
        if figure == Figure::Mean { mean } else { slot.stamps.median() }
    })
}

/// Two tasks pass an item to each other and back.
fn queues(items: u64) -> Batch {
    in_loop(items, 0, move |event_loop| passing::pair(event_loop, items))
}

fn timers(items: u64, half: Half) -> Batch {
    let event_loop = EventLoop::new().expect("there is a descriptor for it");
    let mut chance = Chance::new();
    let mut handles: Vec<TimerHandle> = Vec::with_capacity(items as usize);
    Box::new(move || {
        let set = timed(items, 0, || {
            for number in 0..items {
                let delay = Duration::from_secs(10) + chance.below(Duration::from_secs(1));
                let callback = move || {
                    black_box(number);
                    count();
                };
                handles.push(event_loop.call_later(delay, callback).expect("the loop is open"));
            }
        });
        let cancel = timed(items, 0, || handles.drain(..).for_each(|handle| handle.cancel()));
        if half == Half::Set { set } else { cancel }
    })
}

/// Sets and runs timers with random deadlines.
fn fired(items: u64, milliseconds: u64) -> Batch {
    let event_loop = EventLoop::new().expect("there is a descriptor for it");
    Box::new(move || {
        let mut chance = Chance::new();
        let (left, handle) = (Rc::new(Cell::new(items)), event_loop.handle());
        timed(items, 0, || {
            for number in 0..items {
                let (left, this) = (Rc::clone(&left), handle.clone());
                let callback = move || {
                    black_box(number);
                    left.set(left.get() - 1);
                    if left.get() == 0 {
                        this.stop();
                    }
                };
                let delay = chance.below(Duration::from_millis(milliseconds));
                handle.call_later(delay, callback).expect("the loop is open");
            }
            event_loop.run_forever().expect("nothing raises here");
        })
    })
}

fn sleepers(items: u64, milliseconds: u64) -> Batch {
    let event_loop = EventLoop::new().expect("there is a descriptor for it");
    Box::new(move || {
        let mut chance = Chance::new();
        let longest = Duration::from_millis(milliseconds);
        let machine = SpawnAndJoin {
            event_loop: event_loop.handle(),
            make: move || sleep(chance.below(longest)),
            left: items,
            at_once: items,
            tasks: VecDeque::new(),
        };
        timed(items, 0, || complete(&event_loop, machine))
    })
}

// ---- the machines

/// Makes `at_once` tasks and waits for all of them, until no tasks are left to make.
struct SpawnAndJoin<F, C> {
    event_loop: LoopHandle,
    make: F,
    left: u64,
    at_once: u64,
    tasks: VecDeque<Task<C>>,
}

impl<F, C> Coroutine for SpawnAndJoin<F, ()>
where
    F: FnMut() -> C,
    C: Awaitable<Return = ()> + 'static,
{
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            while let Some(task) = self.tasks.front_mut() {
                yield_from!(task, sent)?;
                self.tasks.pop_front();
            }
            if self.left == 0 {
                return Ok(Step::Return(()));
            }
            self.left -= self.at_once;
            for _ in 0..self.at_once {
                self.tasks.push_back(self.event_loop.create_task((self.make)())?);
            }
        }
    }
}

struct Once;

impl Coroutine for Once {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        count();
        Ok(Step::Return(()))
    }
}

struct Yields(u64);

impl Coroutine for Yields {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.0 == 0 {
            return Ok(Step::Return(()));
        }
        self.0 -= 1;
        Ok(Step::Yield(Await::next_turn()))
    }
}

struct Naps {
    left: u64,
    nap: Sleep,
}

impl Coroutine for Naps {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.left > 0 {
            yield_from!(self.nap, sent)?;
            self.nap = sleep(Duration::ZERO);
            self.left -= 1;
        }
        Ok(Step::Return(()))
    }
}

/// Queues a thousand callbacks and yields, until none are left.
struct CallsSoon {
    event_loop: LoopHandle,
    left: u64,
}

impl Coroutine for CallsSoon {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.left == 0 {
            return Ok(Step::Return(()));
        }
        self.left -= 1000;
        for number in 0..1000_u64 {
            let callback = move || {
                black_box(number);
                count();
            };
            self.event_loop.call_soon(callback)?;
        }
        Ok(Step::Yield(Await::next_turn()))
    }
}

struct Slot {
    future: RefCell<Option<Future<()>>>,
    stamps: Stamps,
    over: Cell<bool>,
}

struct Waiter {
    event_loop: LoopHandle,
    slot: Rc<Slot>,
    waits_for: Option<Future<()>>,
    left: u64,
}

impl Coroutine for Waiter {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some(future) = &mut self.waits_for {
                yield_from!(future, sent)?;
                self.slot.stamps.stop();
                self.left -= 1;
            }
            if self.left == 0 {
                self.slot.over.set(true);
                return Ok(Step::Return(()));
            }
            let future = self.event_loop.create_future();
            self.slot.future.replace(Some(future.clone()));
            self.waits_for = Some(future);
        }
    }
}

struct Setter(Rc<Slot>);

impl Coroutine for Setter {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if let Some(future) = self.0.future.take() {
            self.0.stamps.start();
            future.set_result(()).expect("nobody else sets it");
        }
        Ok(if self.0.over.get() { Step::Return(()) } else { Step::Yield(Await::next_turn()) })
    }
}
