//! The objects that programs work on, and the operations on them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use innermost::context::Context;
use innermost::queue::{LifoQueue, PriorityQueue, Queue};
use innermost::sync::{Barrier, Condition, Event, Lock, LockGuard, Permit, Semaphore};
use innermost::task::{CallbackId, Handle};
use innermost::testing::virtual_loop;
use innermost::{EventLoop, Future, LoopHandle, Task, TimerHandle};

use super::actions::told;
use super::bodies::{Generator, Value};
use super::ledger::Ledger;
use super::operations::{Line, Operation, Place, SCRIPTS, Script};
use crate::campaign::{ON_PURPOSE, fault};

/// After this many operations, user code does nothing.
const FUEL: u32 = 400;
/// At this depth of nested calls, user code does nothing.
const DEEP: u32 = 10;

/// Objects of one kind. User code may take one while it is called by another.
pub(super) struct Slots<T>(RefCell<Vec<T>>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> Slots<T> {
    pub(super) fn push(&self, object: T) {
        self.0.borrow_mut().push(object);
    }

    pub(super) fn take(&self, which: u8) -> Option<T> {
        let mut objects = self.0.borrow_mut();
        let count = objects.len();
        (count > 0).then(|| objects.remove(usize::from(which) % count))
    }

    /// Whether there was anything.
    fn clear(&self) -> bool {
        let objects = self.0.take();
        let any = !objects.is_empty();
        for object in objects {
            caught(|| drop(object));
        }
        any
    }
}

impl<T: Clone> Slots<T> {
    pub(super) fn pick(&self, which: u8) -> Option<T> {
        let objects = self.0.borrow();
        (!objects.is_empty()).then(|| objects[usize::from(which) % objects.len()].clone())
    }
}

pub(super) struct World {
    pub(super) loops: [RefCell<Option<EventLoop>>; 2],
    handles: RefCell<Vec<LoopHandle>>,
    scripts: BTreeMap<Script, Vec<Line>>,
    fuel: Cell<u32>,
    /// The script that panics, and the number of calls before that.
    panics: Cell<Option<(Script, u32)>>,
    /// How many values there are of each script.
    live: [Cell<i32>; SCRIPTS as usize],
    pub(super) ledger: Ledger,
    pub(super) soon: Slots<(u64, Handle)>,
    pub(super) timers: Slots<(u64, TimerHandle)>,
    pub(super) futures: Slots<(u64, Future<Value>)>,
    pub(super) tasks: Slots<(u64, Task<Value>)>,
    pub(super) callbacks: Slots<(u64, Future<Value>, CallbackId)>,
    pub(super) generators: Slots<Generator>,
    pub(super) guards: Slots<LockGuard>,
    pub(super) permits: Slots<Permit>,
    queues: [Queue<Value>; 3],
    pub(super) lock: Lock,
    pub(super) event: Event,
    pub(super) condition: Condition,
    pub(super) semaphore: Semaphore,
    pub(super) barrier: Barrier,
}

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
    /// How deep user code is called from user code.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// The world of the program that runs.
pub(super) fn world() -> Rc<World> {
    WORLD.with_borrow(Clone::clone).expect("a program runs")
}

/// Calls user code, which may panic and runs its script.
pub(super) fn visit(script: Script) {
    if std::thread::panicking() {
        return;
    }
    let world = world();
    if let Some((panics, after)) = world.panics.get().filter(|(panics, _)| *panics == script) {
        world.panics.set(after.checked_sub(1).map(|after| (panics, after)));
        if after == 0 {
            std::panic::panic_any(ON_PURPOSE);
        }
    }
    let (deeper, mut number) = (Deeper::new(), 0);
    while let Some(line) = world.line(script, number) {
        if deeper.is_too_deep() || !world.burn() {
            return;
        }
        world.perform(line);
        number += 1;
    }
}

/// User code runs, maybe inside user code.
pub(super) struct Deeper;

impl Deeper {
    pub(super) fn new() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self
    }

    pub(super) fn is_too_deep(&self) -> bool {
        DEPTH.get() > DEEP
    }
}

impl Drop for Deeper {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Lets it panic, on purpose.
fn caught(function: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(function));
}

/// Runs a program, and checks that it has leaked nothing.
pub(super) fn run(lines: Vec<Line>) {
    let before = descriptors();
    let world = World::new(&lines);
    WORLD.with_borrow_mut(|current| *current = Some(Rc::clone(&world)));
    let context = Context::new();
    context.run(|| {
        for line in lines.into_iter().filter(|line| line.place == Place::Main) {
            caught(|| world.perform(line));
        }
        world.drain();
        world.end();
    });
    caught(|| drop(context));
    if world.live.iter().any(|live| live.get() != 0) {
        fault(format!("values are left, so many of each script: {:?}", world.live));
    }
    WORLD.with_borrow_mut(Option::take);
    drop(world);
    if descriptors() != before {
        fault(format!("{before:?} descriptors were open, and {:?} are", descriptors()));
    }
}

/// The number of open descriptors, if the system has it.
fn descriptors() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

impl World {
    fn new(lines: &[Line]) -> Rc<Self> {
        let mut scripts = BTreeMap::<_, Vec<_>>::new();
        let mut panics = None;
        for line in lines {
            match (line.place, line.operation) {
                (Place::In(script), _) => scripts.entry(script).or_default().push(*line),
                (_, Operation::Panic(script, after)) => panics = Some((script, after)),
                _ => {}
            }
        }
        let loops = [0, 1].map(|_| RefCell::new(Some(virtual_loop().expect("descriptors are left"))));
        let handles = loops.iter().filter_map(|owner| Some(owner.borrow().as_ref()?.handle())).collect::<Vec<_>>();
        for handle in &handles {
            handle.set_exception_handler(|context| told(context, 0));
        }
        let (lifo, priority) = (LifoQueue::new(), PriorityQueue::bounded(2));
        let condition = Condition::new();
        Rc::new(Self {
            loops,
            handles: RefCell::new(handles),
            scripts,
            fuel: Cell::new(FUEL),
            panics: Cell::new(panics),
            live: Default::default(),
            ledger: Ledger::default(),
            soon: Slots::default(),
            timers: Slots::default(),
            futures: Slots::default(),
            tasks: Slots::default(),
            callbacks: Slots::default(),
            generators: Slots::default(),
            guards: Slots::default(),
            permits: Slots::default(),
            queues: [Queue::bounded(1), Queue::clone(&lifo), Queue::clone(&priority)],
            lock: condition.lock().clone(),
            event: Event::new(),
            condition,
            semaphore: Semaphore::new(1),
            barrier: Barrier::new(2).expect("it is for somebody"),
        })
    }

    pub(super) fn line(&self, script: Script, number: usize) -> Option<Line> {
        self.scripts.get(&script)?.get(number).copied()
    }

    /// A value is made, or dropped.
    pub(super) fn count(&self, script: Script, difference: i32) {
        let live = &self.live[usize::from(script)];
        live.set(live.get() + difference);
    }

    /// Whether there is fuel for one more operation.
    pub(super) fn burn(&self) -> bool {
        let left = self.fuel.get().checked_sub(1);
        self.fuel.set(left.unwrap_or(0));
        left.is_some()
    }

    pub(super) fn handle(&self, event_loop: u8) -> Option<LoopHandle> {
        self.handles.borrow().get(usize::from(event_loop)).cloned()
    }

    pub(super) fn is_closed(&self, event_loop: u8) -> bool {
        self.handle(event_loop).is_none_or(|handle| handle.is_closed())
    }

    pub(super) fn queue(&self, which: u8) -> Queue<Value> {
        self.queues[usize::from(which) % self.queues.len()].clone()
    }

    /// Runs both loops until nothing happens any more, and sees that nothing is owed.
    fn drain(&self) {
        // One loop may queue something in the other. Without fuel, a round or two are enough.
        let (mut round, mut quiet) = (0, 0);
        while quiet < 4 {
            let fuel = self.fuel.get();
            self.drain_loop(round % 2);
            round = (round + 1) % 2;
            quiet = if self.fuel.get() == fuel { quiet + 1 } else { 0 };
        }
        self.ledger.check_idle(|event_loop| self.is_closed(event_loop));
    }

    /// Without a task: the user's task factory would be called for that.
    fn drain_loop(&self, event_loop: u8) {
        let Some(handle) = self.handle(event_loop) else { return };
        let (stops, reached) = (handle.clone(), Rc::new(Cell::new(false)));
        let reaches = Rc::clone(&reached);
        let set = handle.call_later(Duration::from_secs(60), move || {
            reaches.set(true);
            stops.stop();
        });
        // Ends early if the loop was stopped.
        while set.is_ok() && !reached.get() && !handle.is_closed() {
            if catch_unwind(AssertUnwindSafe(|| handle.run_forever())).is_err() {
                fault("a panic comes out of the loop");
            }
        }
    }

    /// Lets go of everything.
    fn end(&self) {
        let mut rounds = 0;
        while self.clear() {
            rounds += 1;
            if rounds == 20 {
                self.fuel.set(0);
            }
        }
        for handle in self.handles.borrow().clone() {
            if !matches!(catch_unwind(AssertUnwindSafe(|| handle.close())), Ok(Ok(()))) {
                fault("a loop could not be closed");
            }
        }
        self.fuel.set(0);
        while self.clear() {}
        for owner in &self.loops {
            caught(|| drop(owner.take()));
        }
        drop(self.handles.take());
    }

    fn clear(&self) -> bool {
        let mut any = self.soon.clear() | self.timers.clear() | self.futures.clear() | self.tasks.clear();
        any |= self.callbacks.clear() | self.generators.clear() | self.guards.clear() | self.permits.clear();
        for queue in &self.queues {
            while !queue.is_empty() {
                caught(|| drop(queue.get_nowait()));
                any = true;
            }
        }
        any
    }
}
