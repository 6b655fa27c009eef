//! Random programs with async generators. They leak nothing once their loop is closed and they have dropped their own
//! values.
//!
//! Each value is counted. Programs start and abandon operations in tasks, callbacks and destructors, return generators from
//! tasks, put them into futures, timers and contexts, and close the loop at any point. They do not make cycles that no loop
//! can break: a future in a callback of the same future, or a value in itself.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use innermost::async_iter::{AsyncGenerator, AsyncIterator, Produced, aclosing, awaiting};
use innermost::context::ContextVar;
use innermost::scope::with;
use innermost::testing::virtual_loop;
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, LoopHandle, Resumed, Sleep, Step, from_fn, sleep,
    yield_from,
};

/// Counts live values.
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(live: &Rc<Cell<usize>>) -> Self {
        live.set(live.get() + 1);
        Self(Rc::clone(live))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// The actions of a generator's body, in order, and its action when closed.
struct Producing {
    script: Vec<u32>,
    place: usize,
    pause: Option<Sleep>,
    /// The value it holds: a handle to the loop, a task, another generator, or itself.
    holds: Rc<RefCell<Vec<Box<dyn Any>>>>,
    program: Rc<Program>,
    _counted: Counted,
}

impl Coroutine for Producing {
    type Yield = Produced<Counted>;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some(pause) = &mut self.pause {
                let slept = yield_from!(awaiting(pause), sent);
                self.pause = None;
                if slept.is_err() && !self.goes_on_when_closed() {
                    return slept.map(Step::Return);
                }
            }
            if std::mem::replace(&mut sent, Ok(())).is_err() && !self.goes_on_when_closed() {
                return Err(Exception::generator_exit());
            }
            let Some(op) = self.script.get(self.place).copied() else { return Ok(Step::Return(())) };
            self.place += 1;
            match op % 4 {
                0 => return Ok(Step::Yield(Produced::Item(Counted::new(&self.program.live)))),
                1 => self.pause = Some(sleep(Duration::from_secs(u64::from(op % 3)))),
                2 => self.program.act(op / 4).unwrap_or_default(),
                _ => {
                    let kept = self.program.pick(op / 4);
                    self.holds.borrow_mut().extend(kept.map(|items| Box::new(items) as Box<dyn Any>));
                }
            }
        }
    }
}

impl Producing {
    /// A body may clean up by awaiting, or ignore its exit.
    fn goes_on_when_closed(&mut self) -> bool {
        let op = self.script.get(self.place).copied().unwrap_or(0);
        self.place += 1;
        if op % 5 == 0 {
            self.pause = Some(sleep(Duration::from_secs(1)));
        }
        op % 5 == 0
    }
}

type Items = AsyncGenerator<Producing>;

static HELD: ContextVar<Rc<dyn Any>> = ContextVar::new("held");

struct Program {
    event_loop: LoopHandle,
    live: Rc<Cell<usize>>,
    seed: Cell<u64>,
    generators: RefCell<Vec<Items>>,
    kept: RefCell<Vec<Box<dyn Any>>>,
    left: Cell<u32>,
}

impl Program {
    fn random(&self, below: u32) -> u32 {
        let mut state = self.seed.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.seed.set(state);
        (state >> 20) as u32 % below
    }

    fn pick(&self, op: u32) -> Option<Items> {
        let generators = self.generators.borrow();
        generators.get(op as usize % generators.len().max(1)).cloned()
    }

    fn generator(self: &Rc<Self>) -> Items {
        let script = (0..self.random(6)).map(|_| self.random(1000)).collect();
        let holds: Rc<RefCell<Vec<Box<dyn Any>>>> = Rc::default();
        if self.random(2) == 0 {
            holds.borrow_mut().push(Box::new(self.event_loop.clone()));
        }
        let body = Producing {
            script,
            place: 0,
            pause: None,
            holds,
            program: Rc::clone(self),
            _counted: Counted::new(&self.live),
        };
        AsyncGenerator::new(body)
    }

    /// The actions of a task on a generator. It may return the generator.
    fn use_of(self: &Rc<Self>, items: Items) -> Box<dyn Awaitable<Return = Option<Items>>> {
        let (counted, returned) = (Counted::new(&self.live), items.clone());
        match self.random(9) {
            0 => Box::new(items.anext().map(move |_| (counted, None).1)),
            1 => Box::new(items.aclose().map(move |()| (counted, None).1)),
            2 => Box::new(items.athrow(Exception::timeout()).map(move |_| (counted, None).1)),
            3 => Box::new(with(aclosing(items), |items| items.anext()).map(move |_| (counted, None).1)),
            4 => Box::new(items.for_each(|_| sleep(Duration::from_secs(1))).map(move |()| (counted, None).1)),
            5 => Box::new(items.anext().map(move |_| (counted, Some(returned)).1)),
            6 => Box::new(
                innermost::wait::timeout(items.anext(), Duration::from_secs(1)).map(move |_| (counted, None).1),
            ),
            _ => {
                // A `next` that is begun and abandoned: its task returns the generator.
                let (mut items, mut begun) = (items, false);
                Box::new(from_fn(move |sent: Result<(), Exception>| {
                    sent?;
                    let _held = &counted;
                    if !std::mem::replace(&mut begun, true)
                        && let Ok(Step::Yield(_)) = items.next().resume(Ok(()))
                    {
                        return Ok(Step::Yield(Await::next_turn()));
                    }
                    Ok(Step::Return(Some(items.clone())))
                }))
            }
        }
    }

    /// Performs one action. Drops its value if the loop is closed.
    fn act(self: &Rc<Self>, op: u32) -> Option<()> {
        let left = self.left.get().checked_sub(1)?;
        self.left.set(left);
        match op % 12 {
            0 => {
                let made = self.generator();
                self.generators.borrow_mut().push(made);
            }
            1 => {
                let dropped = self.generators.borrow_mut().pop();
                drop(dropped);
            }
            2..=5 => {
                let coroutine = self.use_of(self.pick(op)?);
                let task = self.event_loop.create_task(coroutine).ok()?;
                match self.random(4) {
                    0 => {
                        task.cancel();
                    }
                    1 => self.kept.borrow_mut().push(Box::new(task)),
                    // The body holds the task that drives it.
                    2 => {
                        task.clone().add_done_callback(move |_| drop(task));
                    }
                    _ => {}
                }
            }
            6 => {
                let (this, op) = (Rc::clone(self), self.random(1000));
                self.event_loop.call_soon(move || this.act(op).unwrap_or_default()).ok()?;
            }
            7 => {
                let (items, counted) = (self.pick(op)?, Counted::new(&self.live));
                let held = move || {
                    let _held = (&items, &counted);
                };
                self.event_loop.call_later(Duration::from_secs(u64::from(op % 5)), held).ok()?;
            }
            8 => {
                let future = self.event_loop.create_future();
                let _ = future.set_result(self.pick(op)?);
                self.kept.borrow_mut().push(Box::new(future));
            }
            9 => {
                let items = Rc::new((self.pick(op)?, self.event_loop.clone()));
                innermost::context::Context::new().run(|| {
                    HELD.set(items);
                    drop(self.event_loop.call_soon(|| {}));
                    drop(self.event_loop.create_task(sleep(Duration::from_secs(1))));
                });
            }
            10 => {
                let kept = self.kept.take();
                drop(kept);
            }
            _ => drop(self.event_loop.create_task(self.event_loop.shutdown_asyncgens())),
        }
        Some(())
    }
}

/// Runs a program. Returns the number of values still alive.
fn leaks_of(seed: u64) -> usize {
    let event_loop = virtual_loop().expect("there are descriptors left");
    event_loop.set_exception_handler(|_| {});
    let program = Rc::new(Program {
        event_loop: event_loop.handle(),
        live: Rc::default(),
        seed: Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
        generators: RefCell::default(),
        kept: RefCell::default(),
        left: Cell::new(60),
    });
    let live = Rc::clone(&program.live);
    for _ in 0..40 {
        let op = program.random(1000);
        program.act(op);
        if program.random(3) == 0 && event_loop.run_once().is_err() {
            break;
        }
    }
    for _ in 0..program.random(12) {
        drop(event_loop.run_until_complete(sleep(Duration::from_millis(700))));
    }
    match program.random(3) {
        0 => drop(event_loop),
        1 => {
            event_loop.close().expect("it does not run");
            program.generators.take();
            program.kept.take();
            drop(event_loop);
        }
        _ => {
            program.generators.take();
            drop(event_loop.run_until_complete(event_loop.shutdown_asyncgens()));
            drop(EventLoop::running());
            drop(event_loop);
        }
    }
    // A value dropped now may do nothing more: its new objects would keep it alive.
    program.left.set(0);
    let (generators, kept) = (program.generators.take(), program.kept.take());
    drop((generators, kept, program));
    live.get()
}

#[test]
fn random_programs_leak_nothing_after_their_loop_is_closed() {
    let count = std::env::var("INNERMOST_PROGRAMS").ok().and_then(|count| count.parse().ok()).unwrap_or(3000);
    let leaking: Vec<u64> = (1..=count).filter(|seed| leaks_of(*seed) > 0).collect();
    assert!(leaking.is_empty(), "programs {leaking:?} leave something alive");
}
