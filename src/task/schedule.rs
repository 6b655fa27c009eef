//! All that a task or a future asks of an event loop.

use core::cell::{Cell, RefCell};
use core::cmp::Reverse;
use core::fmt;
use core::iter::from_fn;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use slab::Slab;

use super::contracts::{Circle, ErasedTask, Run};
use super::options::TaskFactory;
use super::report::{Postponed, default_handler};
use super::{ErrorContext, panicked};
use crate::context::{self, Context};
use crate::coroutine::{Exception, Kind, Receiver, drop_flat, is_deep};

/// Takes the errors that nobody else takes.
pub(crate) type ErrorHandler = Rc<dyn Fn(&ErrorContext)>;

/// The part of an event loop that tasks and futures know.
///
/// No user code runs while one of its cells is borrowed (rule 4): what is taken out of them is run, and dropped, after.
pub(crate) struct Scheduler {
    this: Weak<Self>,
    /// Runs in the next turn. A turn takes all of it, so that a vector does.
    ready: RefCell<Vec<Rc<dyn Run>>>,
    tasks: RefCell<Slab<Rc<dyn ErasedTask>>>,
    /// The key of the task whose step runs, or [`NOBODY`].
    current: Cell<u32>,
    handler: Cell<Option<ErrorHandler>>,
    factory: Cell<Option<TaskFactory>>,
    /// Whether there is one: to look at this is cheap.
    has_factory: Cell<bool>,
    tasks_made: Cell<u64>,
    closed: Cell<bool>,
    /// Whether it takes an exception handler: not once it has let go of its own.
    takes_handler: Cell<bool>,
    /// How many futures and tasks have failed, of which nobody has asked.
    failures: Cell<usize>,
    circles: RefCell<Slab<Weak<dyn Circle>>>,
    /// Whether the loop is to return at the end of this turn.
    stopping: Cell<bool>,
    /// What it is to raise then.
    leaving: Cell<Option<Exception>>,
    running: Cell<bool>,
    /// What the running step may still do without waiting: see [`spend`](Self::spend).
    budget: Cell<u32>,
}

/// The key of no task.
const NOBODY: u32 = u32::MAX;

/// How many operations a step may find ready one after the other before it must let others run. With buffers of 64 KiB,
/// a peer that never stops sending gets 2 MiB a turn.
const BUDGET: u32 = 32;

/// For how many the ready queue keeps memory, whatever comes.
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
        })
    }

    /// Appends to the ready queue. A closed loop takes nothing: what would never run is dropped.
    #[inline(always)]
    pub(crate) fn push(&self, run: Rc<dyn Run>) {
        if self.closed.get() {
            return self.refuse(run);
        }
        self.ready.borrow_mut().push(run);
    }

    /// Has `function` append to the ready queue of a loop that is open. It may run and drop nothing of the user's.
    #[inline]
    pub(crate) fn push_all(&self, function: impl FnOnce(&mut Vec<Rc<dyn Run>>)) {
        function(&mut self.ready.borrow_mut());
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, run: Rc<dyn Run>) {
        self.discard_each([run]);
    }

    /// How much stands in the ready queue.
    #[inline]
    pub(crate) fn ready(&self) -> usize {
        self.ready.borrow().len()
    }

    /// Runs all that is ready, and nothing that is queued by that; gives how much that was. `batch` is an empty vector,
    /// for its memory.
    pub(crate) fn run_ready(self: &Rc<Self>, batch: &mut Vec<Rc<dyn Run>>) -> usize {
        core::mem::swap(&mut *self.ready.borrow_mut(), batch);
        let count = batch.len();
        // Taken from the end: that costs a turn less than `drain`, whose destructor moves what is left (20 of 199
        // instructions where one task yields alone).
        batch.reverse();
        let mut run_all = || {
            while let Some(run) = batch.pop() {
                run.run(self);
            }
        };
        // One boundary for all: where a task panics, it ends, and the rest of the batch goes on.
        while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut run_all)) {
            self.end_panicked(panicked(panic));
        }
        // What a destructor has set, after the step that it belongs to.
        if context::is_set() {
            self.clear_context();
        }
        if batch.capacity() > KEPT {
            give_back(batch, count);
        }
        count
    }

    /// Ends the task whose step has panicked, if it was one's.
    #[cold]
    #[inline(never)]
    fn end_panicked(self: &Rc<Self>, raised: Exception) {
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

    /// Leaves no current context. Its values are the user's.
    #[cold]
    #[inline(never)]
    pub(crate) fn clear_context(&self) {
        self.drop_guarded(context::swap(None));
    }

    /// Makes `context` the current one until what is returned is dropped, by a panic too.
    pub(crate) fn enter_context(&self, context: Option<Context>) -> EnteredContext<'_> {
        EnteredContext { scheduler: self, outer: context::swap(context) }
    }

    /// Sets whether the loop is to return at the end of this turn, or of the first one that it will run.
    pub(crate) fn set_stopping(&self, stopping: bool) {
        self.stopping.set(stopping);
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Has the loop return at the end of this turn, and raise this. `false` where it is to raise another already.
    pub(super) fn leave_with(&self, raised: Exception) -> bool {
        self.stopping.set(true);
        let first = self.leaving.take();
        let is_first = first.is_none();
        self.leaving.set(first.or(Some(raised)));
        is_first
    }

    /// Whether that is to end more than what has raised it, and the loop raises it now in its place.
    pub(super) fn is_ended_by(&self, raised: &Exception) -> bool {
        raised.kind() == Kind::KeyboardInterrupt && self.leave_with(raised.clone())
    }

    /// What the loop is to raise, now that it returns.
    pub(crate) fn take_leaving(&self) -> Option<Exception> {
        self.leaving.take()
    }

    /// Whether the loop runs.
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

    /// Takes nothing from now on, and drops what is queued. Tasks that are still pending are closed, oldest first, and
    /// reported.
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

    /// Lets go of the task factory, which may hold a handle to the loop. A closed loop takes none.
    pub(crate) fn forget_factory(&self) {
        self.has_factory.set(false);
        self.drop_guarded(self.factory.take());
    }

    /// The loop has no owner any more. Lets go of the exception handler, which may hold a handle to the loop, as soon as there
    /// is nothing left of which to tell it, and takes no other.
    pub(crate) fn forget_handler(&self) {
        self.takes_handler.set(false);
        if self.failures.get() == 0 {
            self.drop_guarded(self.handler.take());
        }
    }

    /// A future or a task has failed. Nobody has asked for that yet.
    #[cold]
    pub(super) fn count_failure(&self) {
        self.failures.set(self.failures.get() + 1);
    }

    /// Somebody has asked, or it was reported.
    #[cold]
    pub(super) fn settle_failure(&self) {
        self.failures.set(self.failures.get().saturating_sub(1));
        if !self.takes_handler.get() {
            self.forget_handler();
        }
    }

    /// Drops what would never run, and the user's code in it even where somebody keeps a handle.
    pub(crate) fn discard_each<R: Run + ?Sized + 'static>(&self, runs: impl IntoIterator<Item = Rc<R>>) {
        for run in runs {
            run.discard(self);
            self.drop_guarded(run);
        }
    }

    /// Has `circle` broken open when the loop, which is open, is closed, if it is still about by then. Gives the key to
    /// [forget](Self::forget_circle) it by.
    pub(crate) fn remember_circle(&self, circle: Weak<dyn Circle>) -> u32 {
        let key = self.circles.borrow_mut().insert(circle);
        u32::try_from(key).expect("fewer than 2^32 are alive: each takes memory")
    }

    pub(crate) fn forget_circle(&self, key: u32) {
        let forgotten = self.circles.borrow_mut().try_remove(key as usize);
        drop(forgotten);
    }

    /// Drops what may be the user's, so that one that panics meanwhile is no harm to the others.
    #[inline(never)]
    pub(crate) fn drop_each<T: 'static>(&self, values: impl IntoIterator<Item = T>) {
        let mut values = values.into_iter();
        // One boundary for all: the rest goes on behind one that panics.
        while !self.is_quiet(&mut || {
            for value in values.by_ref() {
                drop_flat(value);
            }
        }) {}
    }

    /// Drops what may be the user's, by no recursion, however deep it is nested. A panic goes to the exception handler, and no
    /// further.
    pub(crate) fn drop_guarded<T: 'static>(&self, value: T) {
        if is_deep() {
            drop_flat(Postponed::new(value, self.this.clone()));
        } else if core::mem::needs_drop::<T>() {
            self.guarded(|| drop_flat(value));
        }
    }

    /// Calls what drops something of the user's in a place where a panic must go no further: it is reported.
    pub(crate) fn guarded(&self, dropping: impl FnOnce()) {
        let mut dropping = Some(dropping);
        self.is_quiet(&mut || dropping.take().map_or((), |dropping| dropping()));
    }

    /// The same; whether it did not panic. It is compiled once, whatever is dropped.
    #[inline(never)]
    fn is_quiet(&self, dropping: &mut dyn FnMut()) -> bool {
        let Err(panic) = catch_unwind(AssertUnwindSafe(dropping)) else { return true };
        self.receive(panic);
        false
    }

    /// Keeps a task alive until [`remove`](Self::remove).
    pub(crate) fn insert(&self, task: Rc<dyn ErasedTask>) -> u32 {
        u32::try_from(self.tasks.borrow_mut().insert(task)).expect("fewer than 2^32 tasks are alive: each takes memory")
    }

    pub(crate) fn remove(&self, key: u32) {
        let removed = self.tasks.borrow_mut().try_remove(key as usize);
        drop(removed);
    }

    /// The number of the next task, from 1: what an unnamed task is called by.
    pub(crate) fn next_number(&self) -> u64 {
        self.tasks_made.set(self.tasks_made.get() + 1);
        self.tasks_made.get()
    }

    /// Every task that has not ended, oldest first.
    pub(crate) fn live_tasks(&self) -> Vec<Rc<dyn ErasedTask>> {
        let tasks = self.tasks.borrow();
        // A heap in place of a sort, of which every program would carry 9 KB.
        let mut oldest: BinaryHeap<_> = tasks.iter().map(|(key, task)| (Reverse(task.state().number()), key)).collect();
        from_fn(|| oldest.pop()).map(|(_, key)| Rc::clone(&tasks[key])).collect()
    }

    /// The task whose step runs now.
    pub(crate) fn current(&self) -> Option<Rc<dyn ErasedTask>> {
        self.tasks.borrow().get(self.current.get() as usize).cloned()
    }

    /// Makes the task with this key the current one, and gives the former, to be put back by [`leave`](Self::leave).
    #[inline]
    pub(crate) fn enter(&self, key: u32) -> u32 {
        self.budget.set(BUDGET);
        self.current.replace(key)
    }

    #[inline]
    pub(crate) fn leave(&self, outer: u32) {
        self.current.set(outer);
    }

    /// Calls `step`, which is another task's, in the middle of a step, and makes all be as it was.
    pub(super) fn amid_step<R>(&self, step: impl FnOnce() -> R) -> std::thread::Result<R> {
        let (current, budget) = (self.current.get(), self.budget.get());
        let stepped = catch_unwind(AssertUnwindSafe(step));
        self.current.set(current);
        self.budget.set(budget);
        stepped
    }

    /// Counts an operation that found its descriptor ready; `false` when the step has had its share. Without that, a
    /// task whose peer is always ready would never wait, and nobody else would run.
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

    /// A closed loop takes none.
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

    /// What decides on the options of new tasks.
    pub(crate) fn factory(&self) -> Option<TaskFactory> {
        let factory = self.factory.take();
        self.factory.set(factory.clone());
        factory
    }

    /// A loop without an owner takes none.
    pub(crate) fn set_handler(&self, handler: Option<ErrorHandler>) {
        if self.takes_handler.get() {
            self.drop_guarded(self.handler.replace(handler));
        }
    }

    /// Takes what a callback has raised: the exception handler gets it, or the loop raises it.
    #[cold]
    #[inline(never)]
    pub(crate) fn failed_callback(&self, raised: Exception, callback: &str) {
        if self.is_ended_by(&raised) {
            return;
        }
        self.report(ErrorContext::new("Exception in callback").caused_by(raised).about(callback));
    }

    /// Gives an error that nobody takes to the exception handler; one that panics is reported to the default handler,
    /// along with its own panic.
    pub(crate) fn report(&self, context: ErrorContext) {
        let handler = self.handler.take();
        self.handler.set(handler.clone());
        let outer = context.context.as_ref().map(|within| self.enter_context(Some(within.clone())));
        match handler {
            None => default_handler(&context),
            Some(handler) => {
                let told = &context;
                // It goes there too: it may have set another in its place.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(move || handler(told))) {
                    default_handler(&context);
                    let text = "Unhandled error in exception handler";
                    default_handler(&ErrorContext::new(text).caused_by(panicked(panic)));
                }
            }
        }
        drop(outer);
        // Its exception may be the user's, and so may the values of its context.
        let ErrorContext { exception, context, .. } = context;
        self.drop_guarded(exception);
        self.drop_guarded(context);
    }
}

/// A context that is to be the current one again.
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

/// Gives back what a rush took, when it is over.
#[cold]
#[inline(never)]
fn give_back(batch: &mut Vec<Rc<dyn Run>>, used: usize) {
    if batch.capacity() / 8 > used {
        batch.shrink_to(KEPT);
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // First, since nothing is borrowed while the user's sink is written to.
        let tasks = self.tasks.borrow().len();
        f.debug_struct("Scheduler")
            .field("ready", &self.ready())
            .field("tasks", &tasks)
            .field("closed", &self.closed.get())
            .finish_non_exhaustive()
    }
}
