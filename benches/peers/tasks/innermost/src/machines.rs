//! The machines of the workload.

use super::*;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The work of each task and callback. The workload checks that all of them have run.
#[inline]
pub(crate) fn count() {
    COUNT.set(COUNT.get() + 1);
}

pub(crate) fn counted() -> u64 {
    COUNT.get()
}

/// Makes a number of tasks and waits for all of them, until no tasks are left to make.
pub(crate) struct SpawnAndJoin<F> {
    event_loop: LoopHandle,
    make: F,
    left: u64,
    at_once: u64,
    /// The tasks to wait for. The next one is last.
    tasks: InOrder,
}

impl<F> SpawnAndJoin<F> {
    pub(crate) fn new(event_loop: &LoopHandle, make: F, tasks: u64, at_once: u64) -> Self {
        Self { event_loop: event_loop.clone(), make, left: tasks, at_once, tasks: InOrder(Vec::new()) }
    }
}

impl<F, C> Coroutine for SpawnAndJoin<F>
where
    F: FnMut() -> C,
    C: Awaitable<Return = ()> + 'static,
{
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            yield_from!(self.tasks, sent)?;
            if self.left == 0 {
                return Ok(Step::Return(()));
            }
            self.left -= self.at_once;
            for _ in 0..self.at_once {
                self.tasks.0.push(self.event_loop.create_task((self.make)())?);
            }
            self.tasks.0.reverse();
        }
    }
}

/// Waits for tasks, from the last to the first.
pub(crate) struct InOrder(pub(crate) Vec<Task<()>>);

impl Coroutine for InOrder {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while let Some(task) = self.0.last_mut() {
            yield_from!(task, sent)?;
            self.0.pop();
        }
        sent.map(Step::Return)
    }
}

pub(crate) struct Once;

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

/// Yields to the loop a number of times.
pub(crate) struct Yields(pub(crate) u64);

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

/// Moves items from one queue to another, and adds one to each.
pub(crate) struct Echo {
    from: Queue<u64>,
    to: Queue<u64>,
    left: u64,
    get: Get<u64>,
}

impl Echo {
    pub(crate) fn new(from: &Queue<u64>, to: &Queue<u64>, items: u64) -> Self {
        Self { get: from.get(), from: from.clone(), to: to.clone(), left: items }
    }
}

impl Coroutine for Echo {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.left > 0 {
            let item = yield_from!(self.get, sent)?;
            self.to.put_nowait(item + 1)?;
            self.left -= 1;
            self.get = self.from.get();
        }
        Ok(Step::Return(()))
    }
}

/// The next future to set, and the latencies of wakes.
#[derive(Default)]
pub(crate) struct Slot {
    future: RefCell<Option<Future<()>>>,
    set_at: Cell<u64>,
    pub(crate) wakes: RefCell<Histogram>,
    over: Cell<bool>,
}

/// Repeatedly makes a future and waits for it.
pub(crate) struct Waiter {
    event_loop: LoopHandle,
    slot: Rc<Slot>,
    waits_for: Option<Future<()>>,
    left: u64,
}

impl Waiter {
    pub(crate) fn new(event_loop: &LoopHandle, slot: &Rc<Slot>, futures: u64) -> Self {
        Self { event_loop: event_loop.clone(), slot: Rc::clone(slot), waits_for: None, left: futures }
    }
}

impl Coroutine for Waiter {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some(future) = &mut self.waits_for {
                yield_from!(future, sent)?;
                self.slot.wakes.borrow_mut().add(ticks() - self.slot.set_at.get());
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

/// Repeatedly sets the next future, and yields to the loop.
pub(crate) struct Setter(pub(crate) Rc<Slot>);

impl Coroutine for Setter {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if let Some(future) = self.0.future.take() {
            self.0.set_at.set(ticks());
            future.set_result(()).expect("nobody else sets it");
        }
        Ok(if self.0.over.get() { Step::Return(()) } else { Step::Yield(Await::next_turn()) })
    }
}

/// Sleeps, and notes how late it woke.
pub(crate) struct Late {
    delay: Duration,
    /// The sum and the maximum over all tasks.
    lateness: Rc<Cell<(u64, u64)>>,
    sleeping: Option<(Instant, Sleep)>,
}

impl Late {
    pub(crate) fn new(delay: Duration, lateness: &Rc<Cell<(u64, u64)>>) -> Self {
        Self { delay, lateness: Rc::clone(lateness), sleeping: None }
    }
}

impl Coroutine for Late {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let delay = self.delay;
        let (due, nap) = self.sleeping.get_or_insert_with(|| (Instant::now() + delay, sleep(delay)));
        yield_from!(nap, sent)?;
        let late = Instant::now().saturating_duration_since(*due).as_nanos() as u64;
        let (sum, most) = self.lateness.get();
        self.lateness.set((sum + late, most.max(late)));
        count();
        Ok(Step::Return(()))
    }
}

/// Waits for a future.
pub(crate) struct Parked(pub(crate) Future<()>);

impl Coroutine for Parked {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if sent.is_ok() && !self.0.done() {
            count();
        }
        yield_from!(self.0, sent)?;
        count();
        Ok(Step::Return(()))
    }
}
