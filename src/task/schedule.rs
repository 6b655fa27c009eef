//! `Scheduler`: the part of an event loop that tasks and futures use. It holds the ready queue, the live tasks, the
//! current task, the exception handler and the task factory.

use core::cell::{Cell, RefCell};
use core::cmp::Reverse;
use core::fmt;
use core::iter::from_fn;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use slab::Slab;

use super::branch::Branch;
use super::contracts::{Circle, ErasedTask, Run};
use super::options::TaskFactory;
use super::report::{Postponed, default_handler};
use super::{ErrorContext, panicked};
use crate::context::{self, Context};
use crate::coroutine::{Exception, Kind, Receiver, drop_flat, is_deep};

/// An exception handler: receives the errors that nobody else handles.
pub(crate) type ErrorHandler = Rc<dyn Fn(&ErrorContext)>;

/// The part of an event loop that tasks and futures use.
///
/// No user code runs while one of its cells is borrowed (rule 4). A value is taken out of its cell first, and then run
/// or dropped.
pub(crate) struct Scheduler {
    this: Weak<Self>,
    /// Tasks and callbacks to run in the next turn. A turn takes all of them at once, so a vector is enough.
    pub(super) ready: RefCell<Vec<Rc<dyn Run>>>,
    pub(super) tasks: RefCell<Slab<Rc<dyn ErasedTask>>>,
    /// The key of the task whose step is running, or [`NOBODY`].
    current: Cell<u32>,
    handler: Cell<Option<ErrorHandler>>,
    factory: Cell<Option<TaskFactory>>,
    /// True if `factory` is set. Reading this flag is cheaper than looking into the cell.
    has_factory: Cell<bool>,
    pub(super) tasks_made: Cell<u64>,
    closed: Cell<bool>,
    /// False once [`forget_handler`](Self::forget_handler) was called: no new exception handler is accepted.
    takes_handler: Cell<bool>,
    /// The number of failed futures and tasks whose exception nobody has retrieved.
    pub(super) failures: Cell<usize>,
    /// Objects in a reference cycle, which closing the loop breaks.
    pub(super) circles: RefCell<Slab<Weak<dyn Circle>>>,
    /// True if the loop returns at the end of this turn.
    pub(super) stopping: Cell<bool>,
    /// The exception that the loop then raises.
    pub(super) leaving: Cell<Option<Exception>>,
    running: Cell<bool>,
    /// The number of operations that the running step may still do without waiting. See [`spend`](Self::spend).
    budget: Cell<u32>,
    /// What chooses the order of each turn, in a test that explores a program.
    #[cfg(feature = "testing")]
    pub(super) steering: Cell<Option<Rc<dyn super::Steering>>>,
}

/// The key that stands for no task.
const NOBODY: u32 = u32::MAX;

/// The number of ready operations that one step may do before it must let other tasks run. With buffers of 64 KiB, a
/// peer that never stops sending gets 2 MiB a turn.
const BUDGET: u32 = 32;

/// The number of entries for which the ready queue always keeps memory.
const KEPT: usize = 1024;

impl Scheduler {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            this: this.clone(),
            ready: RefCell::new(Vec::new()),
            tasks: RefCell::new(Slab::new()),
            current: Cell::new(NOBODY),
            handler: Cell::new(None),
            factory: Cell::new(None),
            has_factory: Cell::new(false),
            tasks_made: Cell::new(0),
            closed: Cell::new(false),
            takes_handler: Cell::new(true),
            failures: Cell::new(0),
            circles: RefCell::new(Slab::new()),
            stopping: Cell::new(false),
            leaving: Cell::new(None),
            running: Cell::new(false),
            budget: Cell::new(BUDGET),
            #[cfg(feature = "testing")]
            steering: Cell::new(None),
        })
    }

    /// Appends to the ready queue. If the loop is closed, drops `run` instead, since it would never run.
    #[inline(always)]
    pub(crate) fn push(&self, run: Rc<dyn Run>) {
        if self.closed.get() {
            return self.refuse(run);
        }
        self.ready.borrow_mut().push(run);
    }

    /// Lets `function` append to the ready queue. The loop must be open, and `function` must neither run user code nor
    /// drop user values.
    #[inline]
    pub(crate) fn push_all(&self, function: impl FnOnce(&mut Vec<Rc<dyn Run>>)) {
        function(&mut self.ready.borrow_mut());
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, run: Rc<dyn Run>) {
        self.discard_each([run]);
    }

    /// The length of the ready queue.
    #[inline]
    pub(crate) fn ready(&self) -> usize {
        self.ready.borrow().len()
    }

    /// Runs everything in the ready queue, but nothing that is queued meanwhile. Returns the number of entries that
    /// ran. `batch` is an empty vector, passed in so that its memory is reused.
    pub(crate) fn run_ready(self: &Rc<Self>, batch: &mut Vec<Rc<dyn Run>>) -> usize {
        core::mem::swap(&mut *self.ready.borrow_mut(), batch);
        let count = batch.len();
        // Entries are popped from the end. That is cheaper than `drain`, whose destructor moves the remaining entries:
        // it saves 20 of 199 instructions in a turn of a single task that yields.
        batch.reverse();
        let mut run_all = || {
            while let Some(run) = batch.pop() {
                run.run(self);
            }
        };
        // One `catch_unwind` serves the whole batch. A task that panics ends, and the loop goes on with the rest.
        while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut run_all)) {
            self.end_panicked(panicked(panic));
        }
        // A destructor may have set a context variable after the end of its step.
        if context::is_set() {
            self.clear_context();
        }
        if batch.capacity() > KEPT {
            give_back(batch, count);
        }
        count
    }

    /// Handles a panic in the ready queue: ends the task whose step panicked, or reports a callback's panic.
    #[cold]
    #[inline(never)]
    pub(super) fn end_panicked(self: &Rc<Self>, raised: Exception) {
        match self.current() {
            Some(task) => {
                self.leave(NOBODY);
                self.guarded(|| Rc::clone(&task).panicked(raised));
                task.state().keep_context(self);
                self.drop_guarded(task);
            }
            None => self.report(ErrorContext::new("Exception in callback").caused_by(raised)),
        }
        self.clear_context();
    }

    /// Removes the current context. Its values belong to the user, so they are dropped in a guard.
    #[cold]
    #[inline(never)]
    pub(crate) fn clear_context(&self) {
        self.drop_guarded(context::swap(None));
    }

    /// Makes `context` the current one until the returned guard is dropped, by a panic too.
    pub(crate) fn enter_context(&self, context: Option<Context>) -> EnteredContext<'_> {
        EnteredContext { scheduler: self, outer: context::swap(context) }
    }

    /// Sets whether the loop returns at the end of this turn, or of its first turn if it is not running yet.
    pub(crate) fn set_stopping(&self, stopping: bool) {
        self.stopping.set(stopping);
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Has the loop return at the end of this turn and raise `raised`. Returns `false` if another exception came first;
    /// then that is the one the loop raises.
    pub(crate) fn leave_with(&self, raised: Exception) -> bool {
        self.stopping.set(true);
        let first = self.leaving.take();
        let is_first = first.is_none();
        self.leaving.set(first.or(Some(raised)));
        is_first
    }

    /// If `raised` is a `KeyboardInterrupt`, stops the loop, which then raises it. Returns `true` if the loop raises
    /// this exception, so that the task or callback is not the one to report it.
    pub(super) fn is_ended_by(&self, raised: &Exception) -> bool {
        raised.kind() == Kind::KeyboardInterrupt && self.leave_with(raised.clone())
    }

    /// Takes the exception that the loop raises when it returns.
    pub(crate) fn take_leaving(&self) -> Option<Exception> {
        self.leaving.take()
    }

    /// Returns `true` while the loop is running.
    pub(crate) fn is_running(&self) -> bool {
        self.running.get()
    }

    pub(crate) fn set_running(&self, running: bool) {
        self.running.set(running);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// # Errors
    ///
    /// `RuntimeError` once the loop is closed.
    pub(crate) fn check_open(&self) -> Result<(), Exception> {
        if self.closed.get() {
            return Err(Exception::message(Kind::RuntimeError, "Event loop is closed"));
        }
        Ok(())
    }

    /// Closes the scheduler: it accepts nothing more, and drops the ready queue. Tasks that are still pending are
    /// reported and closed, oldest first.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.discard_each(self.ready.take());
        for task in self.live_tasks() {
            let _outer = self.enter_context(task.state().context());
            self.report(ErrorContext::new("Task was destroyed but it is pending!").about(&*task));
            self.guarded(|| Rc::clone(&task).destroy());
            self.drop_guarded(task);
        }
        let circles = self.circles.take();
        for (_, circle) in circles {
            if let Some(circle) = circle.upgrade() {
                self.guarded(|| circle.break_open());
            }
        }
    }

    /// Drops the task factory, which may hold a handle to the loop. A closed loop does not accept another one.
    pub(crate) fn forget_factory(&self) {
        self.has_factory.set(false);
        self.drop_guarded(self.factory.take());
    }

    /// Drops the exception handler, because the loop has no owner any more and the handler may hold a handle to the
    /// loop. The handler stays as long as a failed future or task may still need it. No other handler is accepted from
    /// now on.
    pub(crate) fn forget_handler(&self) {
        self.takes_handler.set(false);
        if self.failures.get() == 0 {
            self.drop_guarded(self.handler.take());
        }
    }

    /// Counts a future or a task that failed and whose exception nobody has retrieved yet.
    #[cold]
    pub(super) fn count_failure(&self) {
        self.failures.set(self.failures.get() + 1);
    }

    /// Takes back one [`count_failure`](Self::count_failure): the exception was retrieved or reported.
    #[cold]
    pub(super) fn settle_failure(&self) {
        self.failures.set(self.failures.get().saturating_sub(1));
        if !self.takes_handler.get() {
            self.forget_handler();
        }
    }

    /// Drops entries that will never run. The user code in them is dropped even if somebody keeps a handle.
    pub(crate) fn discard_each<R: Run + ?Sized + 'static>(&self, runs: impl IntoIterator<Item = Rc<R>>) {
        for run in runs {
            run.discard(self);
            self.drop_guarded(run);
        }
    }

    /// Registers an object in a reference cycle: if it is still alive when the loop is closed, the cycle is broken. The
    /// loop must be open. Returns a key for [`forget_circle`](Self::forget_circle).
    pub(crate) fn remember_circle(&self, circle: Weak<dyn Circle>) -> u32 {
        let key = self.circles.borrow_mut().insert(circle);
        u32::try_from(key).expect("fewer than 2^32 are alive: each takes memory")
    }

    pub(crate) fn forget_circle(&self, key: u32) {
        let forgotten = self.circles.borrow_mut().try_remove(key as usize);
        drop(forgotten);
    }

    /// Drops values that may belong to the user. If one destructor panics, the other values are still dropped.
    #[inline(never)]
    pub(crate) fn drop_each<T: 'static>(&self, values: impl IntoIterator<Item = T>) {
        let mut values = values.into_iter();
        // One `catch_unwind` serves all. After a panic, the loop goes on with the next value.
        while !self.is_quiet(&mut || {
            for value in values.by_ref() {
                drop_flat(value);
            }
        }) {}
    }

    /// Drops a value that may belong to the user, without recursion however deep it is nested. A panic is reported to
    /// the exception handler and goes no further.
    pub(crate) fn drop_guarded<T: 'static>(&self, value: T) {
        if is_deep() {
            drop_flat(Postponed::new(value, self.this.clone()));
        } else if core::mem::needs_drop::<T>() {
            self.guarded(|| drop_flat(value));
        }
    }

    /// Calls `dropping`, which drops user values. A panic is reported to the exception handler and goes no further.
    pub(crate) fn guarded(&self, dropping: impl FnOnce()) {
        let mut dropping = Some(dropping);
        self.is_quiet(&mut || dropping.take().map_or((), |dropping| dropping()));
    }

    /// Calls `dropping`. Returns `true` if it did not panic; a panic is reported. Not generic, so that it is compiled
    /// once.
    #[inline(never)]
    fn is_quiet(&self, dropping: &mut dyn FnMut()) -> bool {
        let Err(panic) = catch_unwind(AssertUnwindSafe(dropping)) else { return true };
        self.receive(panic);
        false
    }

    /// Keeps a task alive until [`remove`](Self::remove) is called with the returned key.
    pub(crate) fn insert(&self, task: Rc<dyn ErasedTask>) -> u32 {
        u32::try_from(self.tasks.borrow_mut().insert(task)).expect("fewer than 2^32 tasks are alive: each takes memory")
    }

    pub(crate) fn remove(&self, key: u32) {
        let removed = self.tasks.borrow_mut().try_remove(key as usize);
        drop(removed);
    }

    /// The number of the next task, counted from 1. An unnamed task is named after it.
    pub(crate) fn next_number(&self) -> u64 {
        self.tasks_made.set(self.tasks_made.get() + 1);
        self.tasks_made.get()
    }

    /// Every task that has not ended, oldest first.
    pub(crate) fn live_tasks(&self) -> Vec<Rc<dyn ErasedTask>> {
        let tasks = self.tasks.borrow();
        // A heap rather than a sort: sorting would add 9 KB of code to every program.
        let mut oldest: BinaryHeap<_> = tasks.iter().map(|(key, task)| (Reverse(task.state().number()), key)).collect();
        from_fn(|| oldest.pop()).map(|(_, key)| Rc::clone(&tasks[key])).collect()
    }

    /// The task whose step is running.
    pub(crate) fn current(&self) -> Option<Rc<dyn ErasedTask>> {
        self.tasks.borrow().get(self.current.get() as usize).cloned()
    }

    /// Makes the task with this key the current one, and gives it a full budget. Returns the key of the former current
    /// task, for [`leave`](Self::leave).
    #[inline]
    pub(crate) fn enter(&self, key: u32) -> u32 {
        self.budget.set(BUDGET);
        self.current.replace(key)
    }

    /// Makes the former task the current one again.
    #[inline]
    pub(crate) fn leave(&self, outer: u32) {
        self.current.set(outer);
    }

    /// Calls `step`, a step of another task, in the middle of the running step. Restores the current task and its
    /// budget afterwards, after a panic too.
    pub(super) fn amid_step<R>(&self, step: impl FnOnce() -> R) -> std::thread::Result<R> {
        let (current, budget) = (self.current.get(), self.budget.get());
        let stepped = catch_unwind(AssertUnwindSafe(|| Branch::outside(step)));
        self.current.set(current);
        self.budget.set(budget);
        stepped
    }

    /// Counts an operation that found its descriptor ready. Returns `false` once the step has used up its budget.
    /// Without a budget, a task whose peer is always ready would never wait, and no other task would run.
    #[inline]
    pub(crate) fn spend(&self) -> bool {
        match self.budget.get().checked_sub(1) {
            Some(left) => {
                self.budget.set(left);
                true
            }
            None => false,
        }
    }

    /// Sets the task factory. A closed loop ignores it.
    pub(crate) fn set_factory(&self, factory: Option<TaskFactory>) {
        if !self.closed.get() {
            self.has_factory.set(factory.is_some());
            self.drop_guarded(self.factory.replace(factory));
        }
    }

    #[inline]
    pub(crate) fn has_factory(&self) -> bool {
        self.has_factory.get()
    }

    /// The task factory, which decides on the options of new tasks.
    pub(crate) fn factory(&self) -> Option<TaskFactory> {
        let factory = self.factory.take();
        self.factory.set(factory.clone());
        factory
    }

    /// Sets the exception handler. A loop without an owner ignores it.
    pub(crate) fn set_handler(&self, handler: Option<ErrorHandler>) {
        if self.takes_handler.get() {
            self.drop_guarded(self.handler.replace(handler));
        }
    }

    /// Handles an exception that a callback raised: a `KeyboardInterrupt` stops the loop, any other goes to the
    /// exception handler.
    #[cold]
    #[inline(never)]
    pub(crate) fn failed_callback(&self, raised: Exception, callback: &str) {
        if self.is_ended_by(&raised) {
            return;
        }
        self.report(ErrorContext::new("Exception in callback").caused_by(raised).about(callback));
    }

    /// Reports an error that nobody handled to the exception handler. If that handler panics, the default handler gets
    /// both the report and the panic.
    pub(crate) fn report(&self, context: ErrorContext) {
        let handler = self.handler.take();
        self.handler.set(handler.clone());
        let outer = context.context.as_ref().map(|within| self.enter_context(Some(within.clone())));
        match handler {
            None => default_handler(&context),
            Some(handler) => {
                let told = &context;
                // The call drops the handler too, which may be its last reference: it may have installed another one.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(move || handler(told))) {
                    default_handler(&context);
                    let text = "Unhandled error in exception handler";
                    default_handler(&ErrorContext::new(text).caused_by(panicked(panic)));
                }
            }
        }
        drop(outer);
        // The exception and the values of the context may belong to the user.
        let ErrorContext { exception, context, .. } = context;
        self.drop_guarded(exception);
        self.drop_guarded(context);
    }
}

/// A guard of [`enter_context`](Scheduler::enter_context): makes the outer context the current one again.
pub(crate) struct EnteredContext<'a> {
    scheduler: &'a Scheduler,
    outer: Option<Context>,
}

impl Drop for EnteredContext<'_> {
    fn drop(&mut self) {
        let left = context::swap(self.outer.take());
        self.scheduler.drop_guarded(left);
    }
}

/// Frees memory that a burst of entries took, once the queue uses less than an eighth of it.
#[cold]
#[inline(never)]
fn give_back(batch: &mut Vec<Rc<dyn Run>>, used: usize) {
    if batch.capacity() / 8 > used {
        batch.shrink_to(KEPT);
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Read first, so that nothing is borrowed while the text goes to the user's writer.
        let tasks = self.tasks.borrow().len();
        f.debug_struct("Scheduler")
            .field("ready", &self.ready())
            .field("tasks", &tasks)
            .field("closed", &self.closed.get())
            .finish_non_exhaustive()
    }
}
