//! The objects that the scripts of a program share, and the names of its tasks.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use innermost::coroutine::Map;
use innermost::wait::{TaskGroup, Timeout};
use innermost::{AnyTask, CoroutineExt, Exception, Future, LoopHandle, Task};
use serde_json::{Value, json};

use super::activation::Activation;
use super::program::{Body, Program};
use super::slot::Slot;
use super::synchronising::MeetingPlaces;
use crate::blocks::Flow;

/// The result of a script.
pub(super) type Number = Option<i64>;

/// A script that runs as a task.
pub(super) type ScriptTask = Task<Number>;

/// A script to run.
pub(super) type Script = Map<Activation, fn(Flow) -> Number>;

/// Things that the scripts know by a number.
pub(super) type Numbered<T> = RefCell<BTreeMap<usize, T>>;

/// The state that the scripts of a run share.
pub(super) struct World {
    program: Rc<Program>,
    pub(super) event_loop: LoopHandle,
    log: RefCell<Vec<Value>>,
    /// `None` while it is made: an eager task may make others before it is there.
    created: RefCell<Vec<Option<ScriptTask>>>,
    slots: Numbered<Slot>,
    has_circle: Cell<bool>,
    /// The last gather of each task, by the task's name.
    gathered: RefCell<BTreeMap<String, Vec<AnyTask>>>,
    futures: RefCell<[Future<Number>; 3]>,
    /// Removes a callback. Returns how many were removed.
    pub(super) callbacks: Numbered<Rc<dyn Fn() -> u32>>,
    /// Cancels a handle.
    pub(super) handles: Numbered<Rc<dyn Fn()>>,
    pub(super) timeouts: Numbered<Timeout>,
    pub(super) groups: Numbered<TaskGroup>,
    pub(super) places: MeetingPlaces,
}

impl World {
    pub(super) fn new(program: Rc<Program>, event_loop: LoopHandle) -> Rc<Self> {
        let futures = std::array::from_fn(|_| event_loop.create_future());
        Rc::new(Self {
            program,
            log: RefCell::default(),
            created: RefCell::default(),
            slots: RefCell::default(),
            has_circle: Cell::new(false),
            gathered: RefCell::default(),
            futures: RefCell::new(futures),
            callbacks: RefCell::default(),
            handles: RefCell::default(),
            timeouts: RefCell::default(),
            groups: RefCell::default(),
            places: MeetingPlaces::new(),
            event_loop,
        })
    }

    /// Logs an event of `who`.
    pub(super) fn note(&self, who: &str, what: &Value) {
        let entry = [json!(self.event_loop.time().since_zero().as_secs()), json!(who)];
        let entry = entry.into_iter().chain(what.as_array().expect("an entry is a list").iter().cloned());
        self.log.borrow_mut().push(entry.collect());
    }

    pub(super) fn take_log(&self) -> Vec<Value> {
        self.log.take()
    }

    pub(super) fn script(&self, script: usize) -> &Body {
        &self.program.scripts[script]
    }

    /// Runs a script as a task.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed.
    pub(super) fn task(self: &Rc<Self>, script: usize) -> Result<ScriptTask, Exception> {
        self.task_by(script, |run| self.event_loop.create_task(run))
    }

    /// Creates a task for a script with `create`. The task's name is its number in the order of creation.
    ///
    /// # Errors
    ///
    /// Fails with the exception of `create`.
    pub(super) fn task_by(
        self: &Rc<Self>,
        script: usize,
        create: impl FnOnce(Script) -> Result<ScriptTask, Exception>,
    ) -> Result<ScriptTask, Exception> {
        let number = self.created.borrow().len();
        let name: Rc<str> = format!("t{number}").into();
        let me = Me { world: Rc::clone(self), name: Rc::clone(&name) };
        self.created.borrow_mut().push(None);
        let task = create(me.run(script)).inspect_err(|_| drop(self.created.borrow_mut().pop()))?;
        task.any().set_name(name);
        self.created.borrow_mut()[number] = Some(task.clone());
        Ok(task)
    }

    pub(super) fn fill_slot(&self, slot: usize, task: ScriptTask) {
        let former = self.slots.borrow_mut().insert(slot, Slot::new(task));
        drop(former);
    }

    pub(super) fn slot(&self, slot: usize) -> Option<Slot> {
        self.slots.borrow().get(&slot).cloned()
    }

    pub(super) fn future(&self, number: usize) -> Future<Number> {
        self.futures.borrow()[number].clone()
    }

    /// Puts another future in the place of that one.
    pub(super) fn renew_future(&self, number: usize) {
        let future = self.event_loop.create_future();
        let former = std::mem::replace(&mut self.futures.borrow_mut()[number], future);
        drop(former);
    }

    /// Every task, in the order of creation.
    pub(super) fn created(&self) -> Vec<ScriptTask> {
        self.created.borrow().iter().flatten().cloned().collect()
    }

    /// Records that the running task is about to await `task`. If tasks await each other in a circle, a cancel in CPython follows
    /// the circle until it reaches the recursion limit, and only raises an exception. Here, it cancels all of them.
    pub(super) fn joins(&self, task: &AnyTask) {
        let Some(current) = self.event_loop.current_task() else { return };
        let mut found = vec![task.clone()];
        let mut next = 0;
        while let Some(task) = found.get(next) {
            for awaited in self.awaited_by(task) {
                if awaited.is(&current) {
                    self.has_circle.set(true);
                }
                if !found.iter().any(|task| task.is(&awaited)) {
                    found.push(awaited);
                }
            }
            next += 1;
        }
    }

    /// Notes that the running task is about to gather these.
    pub(super) fn gathers(&self, tasks: &[ScriptTask]) {
        if let Some(current) = self.event_loop.current_task() {
            self.gathered.borrow_mut().insert(current.name(), tasks.iter().map(|task| task.any()).collect());
        }
    }

    /// Whether tasks have awaited each other in a circle.
    pub(super) fn has_circle(&self) -> bool {
        self.has_circle.get()
    }

    /// The tasks that a task awaits, according to its stack.
    fn awaited_by(&self, task: &AnyTask) -> Vec<AnyTask> {
        match task.stack_trace().yielded() {
            Some("Gather(pending)") => self.gathered.borrow().get(&task.name()).cloned().unwrap_or_default(),
            Some(wanted) => {
                let awaited = self.created().into_iter().map(|task| task.any());
                awaited.filter(|task| format!("Task({}, pending)", task.name()) == wanted).collect()
            }
            None => Vec::new(),
        }
    }

    /// The names of these tasks, in the order of their creation.
    pub(super) fn names_in_order(&self, tasks: &[ScriptTask]) -> Vec<String> {
        let created = self.created().into_iter();
        created.filter(|task| tasks.iter().any(|other| other.is(task))).map(|task| task.any().name()).collect()
    }

    /// The tasks that have not ended.
    pub(super) fn left(&self) -> Vec<ScriptTask> {
        self.created().into_iter().filter(|task| !task.done()).collect()
    }
}

/// The task that runs a script, as its statements see it.
#[derive(Clone)]
pub(super) struct Me {
    pub(super) world: Rc<World>,
    pub(super) name: Rc<str>,
}

impl Me {
    pub(super) fn note(&self, what: &Value) {
        self.world.note(&self.name, what);
    }

    /// The name under which callbacks are logged.
    pub(super) fn the_loop(&self) -> Self {
        Self { world: Rc::clone(&self.world), name: "loop".into() }
    }

    /// A script that this task is to run, itself or as another.
    pub(super) fn run(&self, script: usize) -> Script {
        Activation::new(self.clone(), self.world.script(script), None).map(Flow::returned)
    }
}
