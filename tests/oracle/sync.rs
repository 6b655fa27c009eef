//! Replays programs with locks and queues recorded from CPython 3.13, and compares every log entry and its turn.
//!
//! `tests/data/sync.jsonl` holds random programs whose tasks lock, wait, notify, put, get and cancel each other.
//! `tests/data/sync.py` has recorded them, and explains the format. A machine interprets the same programs with
//! [`innermost::sync`] and [`innermost::queue`].
//!
//! `ORACLE_FILE=path cargo test --release --test oracle sync::` replays another recording.

use std::cell::{Cell, RefCell};
use std::env;
use std::fs;
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::{GetError, LifoQueue, PriorityQueue, PutError, Queue, QueueShutDown, Shutdown};
use innermost::sync::{Barrier, BoundedSemaphore, BrokenBarrier, Condition, ConditionWait, Event, Lock, Semaphore};
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Kind, Resumed, State, Step, Task, sleep,
    yield_from,
};
use serde_json::{Value, json};

#[test]
fn every_program_behaves_in_each_turn_as_in_cpython() {
    let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sync.jsonl");
    let path = env::var("ORACLE_FILE").unwrap_or_else(|_| recorded.to_owned());
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut programs = 0;
    for line in text.lines() {
        programs += 1;
        let recorded: Value = serde_json::from_str(line).expect("a recording is JSON");
        let (log, end) = replay(&recorded["tasks"]);
        let expected = recorded["log"].as_array().expect("a log is a list");
        for at in 0..log.len().max(expected.len()) {
            let (made, expected) = (log.get(at), expected.get(at));
            assert_eq!(made, expected, "program {programs} of {path}, entry {at}\n{}\n{log:?}", recorded["tasks"]);
        }
        assert_eq!(end, recorded["final"], "program {programs} of {path}, in the end\n{}", recorded["tasks"]);
    }
    assert!(programs > 0, "{path} is empty");
}

/// The objects that the tasks of a program share.
struct Shared {
    turn: Cell<u32>,
    log: RefCell<Vec<Value>>,
    tasks: RefCell<Vec<Task<()>>>,
    locks: [Lock; 2],
    semaphores: [Semaphore; 2],
    bounded: BoundedSemaphore,
    events: [Event; 2],
    conditions: [Condition; 2],
    barriers: [Barrier; 2],
    queues: [Queue<u64>; 4],
    // Keep their type.
    _kinds: (LifoQueue<u64>, PriorityQueue<u64>),
}

fn replay(tasks: &Value) -> (Vec<Value>, Value) {
    let event_loop = EventLoop::new().expect("a loop");
    event_loop.set_exception_handler(|_| {});
    let shared = Rc::new(Shared::new());
    for (me, ops) in tasks.as_array().expect("tasks are a list").iter().enumerate() {
        let task = event_loop.create_task(Block::new(&shared, me, ops, None)).expect("the loop is open");
        shared.tasks.borrow_mut().push(task);
    }
    for _ in 0..9 {
        while event_loop.next_deadline().is_some() {
            shared.turn.set(shared.turn.get() + 1);
            event_loop.run_once().expect("a turn");
        }
        let tasks = shared.tasks.borrow().clone();
        for task in &tasks {
            task.cancel();
        }
    }
    let tasks = shared.tasks.take();
    let left = tasks.iter().filter(|task| !task.done()).count();
    let mut locked: Vec<_> = shared.locks.iter().map(Lock::locked).collect();
    locked.extend(shared.semaphores.iter().map(Semaphore::locked).chain([shared.bounded.locked()]));
    let sizes: Vec<_> = shared.queues.iter().map(Queue::len).collect();
    (shared.log.take(), json!([left, locked, sizes]))
}

impl Shared {
    fn new() -> Self {
        let locks = [Lock::new(), Lock::new()];
        let kinds = (LifoQueue::bounded(1), PriorityQueue::bounded(2));
        Self {
            turn: Cell::new(0),
            log: RefCell::default(),
            tasks: RefCell::default(),
            semaphores: [Semaphore::new(1), Semaphore::new(2)],
            bounded: BoundedSemaphore::new(1),
            events: [Event::new(), Event::new()],
            conditions: [Condition::new(), Condition::with_lock(locks[1].clone())],
            barriers: [2, 3].map(|parties| Barrier::new(parties).expect("it is for somebody")),
            queues: [Queue::new(), Queue::bounded(2), Queue::clone(&kinds.0), Queue::clone(&kinds.1)],
            locks,
            _kinds: kinds,
        }
    }

    fn note(&self, me: usize, entry: &[Value]) {
        let mut line = vec![json!(self.turn.get()), json!(me)];
        line.extend_from_slice(entry);
        self.log.borrow_mut().push(Value::Array(line));
    }
}

type Running = Box<dyn Awaitable<Return = Value>>;

/// Runs one op after the other.
struct Block {
    shared: Rc<Shared>,
    me: usize,
    ops: Vec<Value>,
    at: usize,
    running: Option<Running>,
    /// The log entry when it starts.
    announced: Option<&'static str>,
}

impl Block {
    fn new(shared: &Rc<Shared>, me: usize, ops: &Value, announced: Option<&'static str>) -> Self {
        let ops = ops.as_array().expect("a block is a list").clone();
        Self { shared: Rc::clone(shared), me, ops, at: 0, running: None, announced }
    }
}

impl Coroutine for Block {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if self.at == 0 && self.running.is_none() {
            innermost::take_sent(&mut sent)?;
        }
        if let Some(announced) = self.announced.take() {
            self.shared.note(self.me, &[json!(announced)]);
        }
        while let Some(op) = self.ops.get(self.at) {
            let name = op[0].as_str().expect("an op has a name");
            let running = self.running.get_or_insert_with(|| start(&self.shared, self.me, op));
            let outcome = yield_from!(running, sent);
            self.running = None;
            self.at += 1;
            let (swallows, name) = name.strip_prefix('!').map_or((true, name), |name| (false, name));
            match outcome {
                Ok(value) => self.shared.note(self.me, &[json!(name), value]),
                Err(raised) => {
                    self.shared.note(self.me, &[json!(name), json!(name_of(&raised))]);
                    if !swallows {
                        return Err(raised);
                    }
                }
            }
        }
        Ok(Step::Return(()))
    }

    fn state(&self) -> State<'_> {
        State::new("Block", &self.at)
    }
}

fn name_of(raised: &Exception) -> &'static str {
    if raised.downcast_ref::<BrokenBarrier>().is_some() {
        return "BrokenBarrierError";
    }
    if raised.downcast_ref::<QueueShutDown>().is_some() {
        return "QueueShutDown";
    }
    match (raised.downcast_ref::<PutError<u64>>(), raised.downcast_ref::<GetError>()) {
        (Some(PutError::Full(_)), _) => return "QueueFull",
        (Some(PutError::ShutDown(_)), _) | (_, Some(GetError::ShutDown)) => return "QueueShutDown",
        (_, Some(GetError::Empty)) => return "QueueEmpty",
        _ => {}
    }
    match raised.kind() {
        Kind::CancelledError => "CancelledError",
        Kind::ValueError => "ValueError",
        Kind::RuntimeError => "RuntimeError",
        kind => panic!("{kind:?}: {raised}"),
    }
}

/// A coroutine that returns nothing, as an op.
fn plain<C: Awaitable + 'static>(coroutine: C) -> Running {
    Box::new(coroutine.map(|_| Value::Null))
}

/// The operation for `op`. Operations that do not wait happen at the first resume.
fn start(shared: &Rc<Shared>, me: usize, op: &Value) -> Running {
    let number = |at: usize| usize::try_from(op[at].as_u64().expect("an operand is a number")).expect("a small one");
    let queue = || shared.queues[number(1)].clone();
    let condition = || shared.conditions[number(1)].clone();
    match op[0].as_str().expect("an op has a name").trim_start_matches('!') {
        "yield" => plain(sleep(Duration::ZERO)),
        "lock" => plain(shared.locks[number(1)].hold(Block::new(shared, me, &op[2], Some("locked")))),
        "sem" => {
            let body = Block::new(shared, me, &op[2], Some("acquired"));
            match number(1) {
                2 => plain(shared.bounded.hold(body)),
                semaphore => plain(shared.semaphores[semaphore].hold(body)),
            }
        }
        "event_wait" => plain(shared.events[number(1)].wait()),
        "cond_wait" => {
            let condition = condition();
            plain(condition.acquire().then(move |guard| condition.wait(guard)))
        }
        "cond_wait_again" => {
            let (shared, condition) = (Rc::clone(shared), condition());
            plain(condition.acquire().then(move |guard| WaitAgain {
                wait: condition.wait(guard),
                condition,
                shared: Some(shared),
                me,
            }))
        }
        "cond_wait_for" => {
            let (condition, event) = (condition(), shared.events[number(2)].clone());
            plain(condition.acquire().then(move |guard| condition.wait_for(guard, move || event.is_set())))
        }
        "notify" => {
            let (condition, count) = (condition(), number(2));
            Box::new(condition.acquire().map(move |_guard| condition.notify(count)).then(Done::of))
        }
        "barrier" => Box::new(shared.barriers[number(1)].wait().map(|index| json!(index))),
        "reset" => plain(shared.barriers[number(1)].reset()),
        "abort" => plain(shared.barriers[number(1)].abort()),
        "put" => plain(queue().put(number(2) as u64)),
        "get" => Box::new(queue().get().map(|item| json!(item))),
        "join" => plain(queue().join()),
        name => Box::new(Done(Some(at_once(shared, name, op, number)))),
    }
}

/// An operation that does not wait.
fn at_once(shared: &Rc<Shared>, name: &str, op: &Value, number: impl Fn(usize) -> usize) -> Result<Value, Exception> {
    let queue = || shared.queues[number(1)].clone();
    let nothing = |()| Value::Null;
    match name {
        "locked" => Ok(json!(shared.locks[number(1)].locked())),
        "sem_locked" => Ok(json!(match number(1) {
            2 => shared.bounded.locked(),
            semaphore => shared.semaphores[semaphore].locked(),
        })),
        "release" => match number(1) {
            2 => shared.bounded.release().map(nothing),
            semaphore => {
                shared.semaphores[semaphore].release();
                Ok(Value::Null)
            }
        },
        "event_set" => {
            shared.events[number(1)].set();
            Ok(Value::Null)
        }
        "event_clear" => {
            shared.events[number(1)].clear();
            Ok(Value::Null)
        }
        "notify_nowait" => shared.conditions[number(1)].notify_all().map(nothing),
        "barrier_state" => {
            let barrier = &shared.barriers[number(1)];
            Ok(json!([barrier.n_waiting(), barrier.broken()]))
        }
        "put_nowait" => Ok(queue().put_nowait(number(2) as u64).map(nothing)?),
        "get_nowait" => Ok(queue().get_nowait().map(|item| json!(item))?),
        "task_done" => queue().task_done().map(nothing),
        "size" => Ok(json!(queue().len())),
        "shutdown" => {
            let immediate = op[2].as_bool().expect("an operand is a truth value");
            queue().shutdown(if immediate { Shutdown::Immediate } else { Shutdown::Drain });
            Ok(Value::Null)
        }
        "cancel" => {
            let task = shared.tasks.borrow()[number(1)].clone();
            Ok(json!(task.cancel()))
        }
        _ => panic!("no such op: {op}"),
    }
}

/// Ends with the stored result.
struct Done(Option<Result<Value, Exception>>);

impl Done {
    fn of(outcome: Result<(), Exception>) -> Self {
        Self(Some(outcome.map(|()| Value::Null)))
    }
}

impl Coroutine for Done {
    type Yield = Await;
    type Input = ();
    type Return = Value;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        self.0.take().expect("it is resumed once").map(Step::Return)
    }
}

/// Waits, and once more where it is cancelled, with the lock that it was given back.
struct WaitAgain {
    condition: Condition,
    wait: ConditionWait,
    /// `None` once it was cancelled.
    shared: Option<Rc<Shared>>,
    me: usize,
}

impl Coroutine for WaitAgain {
    type Yield = Await;
    type Input = ();
    type Return = innermost::sync::LockGuard;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match yield_from!(self.wait, sent) {
                Ok(guard) => return Ok(Step::Return(guard)),
                Err(raised) => {
                    let guard = self.wait.take_guard();
                    let (Some(shared), Some(guard), true) = (self.shared.take(), guard, raised.is_cancelled()) else {
                        return Err(raised);
                    };
                    shared.note(self.me, &[json!("caught")]);
                    self.wait = self.condition.wait(guard);
                }
            }
        }
    }
}
