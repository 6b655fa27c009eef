//! A future that a coroutine produces.
//!
//! Invariants:
//!
//! 1. A task is in the ready queue, or waits for one thing, or runs, or is done; never two of these. So it needs one
//!    reference in the queue or in what it waits for, and no flag that says where it is.
//! 2. `throw` holds what the next step throws in, if anything: that is all that a cancel, or a wait that was refused,
//!    leaves behind.
//! 3. The coroutine is dropped before anybody is told of the outcome.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::ops::Deref;
use std::borrow::Cow;
use std::format;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;

use super::future::{Produced, Shared};
use super::{Await, Awaitable, Awaited, Future, Readied, Run, Scheduler, Withdrawn};
use crate::coroutine::{Coroutine, Driven, Driver, Exception, Kind, Resumed, StackTrace, State, Step};

/// A coroutine that runs in an event loop, and the [`Future`] of what it returns. asyncio's `Task`.
///
/// A handle: clones stand for the same task, and dropping all of them lets it run on. The loop keeps every task until it
/// has ended. It is awaited as every future is.
pub struct Task<T> {
    future: Future<T>,
    task: AnyTask,
}

/// A task whatever it returns. Awaiting it gives nothing, and raises nothing: it waits for the end.
#[derive(Clone)]
pub struct AnyTask(Rc<dyn Erased>);

/// A task whatever its coroutine.
pub(crate) trait Erased: Awaitable + Run {
    /// What it is called, what it waits for, and what is to be thrown into it.
    fn state(&self) -> &TaskState;
    /// The loop that it runs in.
    fn scheduler(&self) -> &Rc<Scheduler>;
    /// Whether it has ended.
    fn done(&self) -> bool;
    /// Where its coroutine stands.
    fn stack_trace(&self) -> StackTrace;
    /// Its step has panicked: ends with this.
    fn panicked(self: Rc<Self>, panic: Exception);
    /// Closes the coroutine, and ends cancelled.
    fn destroy(self: Rc<Self>);
}

/// The part of a task that does not depend on its coroutine.
pub(crate) struct TaskState {
    number: u64,
    name: RefCell<Option<Rc<str>>>,
    /// What it waits for; while it runs, what it has waited for.
    waits_for: Cell<Option<Await>>,
    throw: Cell<Option<Exception>>,
    /// Whether a step is not just the next step: the task is done, or `throw` is set.
    special: Cell<bool>,
    cancels: Cell<u32>,
    /// Whether a cancel is on its way through this task to what it waits for.
    cancelling: Cell<bool>,
    key: Cell<u32>,
}

impl<T: 'static> Task<T> {
    /// Has a `CancelledError` thrown in where the coroutine waits, at its next step: it may catch that, clean up, wait
    /// again, or go on. What it waits for is cancelled; where that is another task, that one too. `false` where the task
    /// is done already.
    pub fn cancel(&self) -> bool {
        self.future.cancel()
    }

    /// The same, with a message for whoever sees the `CancelledError`.
    pub fn cancel_message(&self, message: impl Into<Cow<'static, str>>) -> bool {
        self.future.cancel_message(message)
    }

    /// The task without its type.
    pub fn any(&self) -> &AnyTask {
        &self.task
    }
}

impl AnyTask {
    pub(crate) fn new(task: Rc<dyn Erased>) -> Self {
        Self(task)
    }

    /// As [`Task::cancel`].
    pub fn cancel(&self) -> bool {
        cancel(Rc::clone(&self.0), Exception::cancelled())
    }

    /// How often its cancellation was asked for, less [`uncancel`](Self::uncancel).
    pub fn cancelling(&self) -> u32 {
        self.0.state().cancels.get()
    }

    /// Takes one request for cancellation back, and gives how many are left. At none, one that was not delivered yet
    /// will not be.
    pub fn uncancel(&self) -> u32 {
        let state = self.0.state();
        let left = state.cancels.get().saturating_sub(1);
        state.cancels.set(left);
        if left == 0 {
            match state.throw.take() {
                Some(raised) if !raised.is_cancelled() => state.set_throw(raised),
                withdrawn => drop(withdrawn),
            }
        }
        left
    }

    /// Whether it has ended.
    pub fn done(&self) -> bool {
        self.0.done()
    }

    /// What it is called: `Task-1` and so on, if nobody has named it.
    pub fn name(&self) -> String {
        self.0.state().name()
    }

    /// Names it.
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        let former = self.0.state().name.replace(Some(name.into()));
        drop(former);
    }

    /// Its coroutine's frames, outermost first, and what the innermost waits for. asyncio's `get_stack`.
    pub fn stack_trace(&self) -> StackTrace {
        self.0.stack_trace()
    }

    /// Whether both stand for the same task.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for Task<T> {
    type Target = Future<T>;

    fn deref(&self) -> &Future<T> {
        &self.future
    }
}

impl<T> Clone for Task<T> {
    fn clone(&self) -> Self {
        Self { future: self.future.clone(), task: self.task.clone() }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task.fmt(f)
    }
}

impl fmt::Debug for AnyTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Waiting for it: the result, cloned.
impl<T: Clone + 'static> Coroutine for Task<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        Coroutine::resume(&mut self.future, sent)
    }

    fn state(&self) -> State<'_> {
        State::new("Task", self)
    }
}

/// Waiting for its end, however it ends.
impl Coroutine for AnyTask {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.done() {
            return Ok(Step::Return(()));
        }
        Ok(Step::Yield(Await::Future(Awaited::new(Rc::clone(&self.0) as Rc<_>))))
    }

    fn state(&self) -> State<'_> {
        State::new("Task", self)
    }
}

/// A task in one allocation: the result, the bookkeeping, the coroutine with its frames.
struct TaskCell<C: Coroutine> {
    shared: Shared<C::Return>,
    state: TaskState,
    driver: RefCell<Driver<C>>,
}

/// Makes a task and queues its first step.
///
/// # Errors
///
/// `RuntimeError` where the loop is closed.
pub(crate) fn spawn<C>(scheduler: &Rc<Scheduler>, coroutine: C) -> Result<Task<C::Return>, Exception>
where
    C: Coroutine<Yield = Await, Input = ()> + 'static,
{
    scheduler.check_open()?;
    let task = Rc::new(TaskCell {
        shared: Shared::new(Rc::clone(scheduler)),
        state: TaskState {
            number: scheduler.next_number(),
            name: RefCell::new(None),
            waits_for: Cell::new(None),
            throw: Cell::new(None),
            special: Cell::new(false),
            cancels: Cell::new(0),
            cancelling: Cell::new(false),
            key: Cell::new(0),
        },
        driver: RefCell::new(Driver::new(coroutine)),
    });
    task.state.key.set(scheduler.insert(Rc::clone(&task) as Rc<_>));
    scheduler.push(Rc::clone(&task) as Rc<_>);
    Ok(Task { future: Future::of(Rc::clone(&task) as Rc<_>), task: AnyTask(task) })
}

impl<C> TaskCell<C>
where
    C: Coroutine<Yield = Await, Input = ()> + 'static,
{
    fn future(self: &Rc<Self>) -> Future<C::Return> {
        Future::of(Rc::clone(self) as Rc<_>)
    }

    /// One step: up to the next thing to wait for, or to the end.
    #[inline(always)]
    fn step(self: Rc<Self>, sent: Result<(), Exception>) {
        let scheduler = &self.shared.scheduler;
        let outer = scheduler.enter(self.state.key.get());
        let driven = self.driver.borrow_mut().resume(sent);
        scheduler.leave(outer);
        match driven {
            Driven::Yield(wanted) => self.wait_for(wanted),
            Driven::End(outcome) => self.end(outcome),
        }
    }

    #[cold]
    #[inline(never)]
    fn special_step(self: Rc<Self>) {
        if !self.shared.done() {
            let sent = self.state.take_throw().map_or(Ok(()), Err);
            self.step(sent);
        }
    }

    /// Sleeps until what the coroutine waits for is done.
    #[inline]
    fn wait_for(self: Rc<Self>, wanted: Await) {
        if wanted == Await::NextTurn {
            return self.queue();
        }
        if let Err(refused) = wanted.wake_when_done(Rc::clone(&self) as Rc<_>, &self.shared.scheduler) {
            self.state.set_throw(refused);
            return self.queue();
        }
        self.state.waits_for.set(Some(wanted));
        // Cancelled while it ran: what it waits for now is cancelled at once.
        if let Some(cancelled) = self.state.take_throw() {
            cancel_waits(self, cancelled);
        }
    }

    #[inline]
    fn queue(self: Rc<Self>) {
        let scheduler = Rc::clone(&self.shared.scheduler);
        scheduler.push(self);
    }

    fn end(self: &Rc<Self>, outcome: Result<C::Return, Exception>) {
        let cancelled = self.state.take_throw();
        self.state.special.set(true);
        drop(self.state.waits_for.take());
        self.shared.scheduler.remove(self.state.key.get());
        match (outcome, cancelled) {
            // Cancelled while it ran, for the last time: nothing was left in which to raise that.
            (Ok(_), Some(cancelled)) => self.shared.finish_cancelled(cancelled, || self.future()),
            (Err(raised), _) if raised.is_cancelled() => self.shared.finish_cancelled(raised, || self.future()),
            (outcome, _) => self.shared.finish(outcome, || self.future()),
        }
    }
}

impl<C> Run for TaskCell<C>
where
    C: Coroutine<Yield = Await, Input = ()> + 'static,
{
    fn run(self: Rc<Self>) {
        if self.state.special.get() {
            return self.special_step();
        }
        self.step(Ok(()));
    }
}

impl<C> Erased for TaskCell<C>
where
    C: Coroutine<Yield = Await, Input = ()> + 'static,
{
    fn state(&self) -> &TaskState {
        &self.state
    }

    fn scheduler(&self) -> &Rc<Scheduler> {
        &self.shared.scheduler
    }

    fn done(&self) -> bool {
        self.shared.done()
    }

    fn stack_trace(&self) -> StackTrace {
        match self.driver.try_borrow() {
            Ok(driver) => StackTrace::new(driver.describe(), self.state.waits_for()),
            Err(_) => StackTrace::new([String::from(core::any::type_name::<C>()) + " (running)"].into(), None),
        }
    }

    fn panicked(self: Rc<Self>, panic: Exception) {
        self.driver.borrow_mut().discard();
        self.end(Err(panic));
    }

    fn destroy(self: Rc<Self>) {
        // Not while it runs: then it is the task that closes the loop, which the loop refuses.
        let driver = self.driver.try_borrow_mut().map(|mut driver| core::mem::replace(&mut *driver, Driver::ended()));
        if let Ok(driver) = driver {
            let _ = catch_unwind(AssertUnwindSafe(|| driver.abandon()));
        }
        if !self.shared.done() {
            self.end(Err(Exception::cancelled()));
        }
    }
}

impl<C> Produced<C::Return> for TaskCell<C>
where
    C: Coroutine<Yield = Await, Input = ()> + 'static,
{
    fn shared(&self) -> &Shared<C::Return> {
        &self.shared
    }

    fn is_open(&self) -> bool {
        false
    }

    fn cancel(self: Rc<Self>, cancelled: Exception) -> bool {
        cancel(self, cancelled)
    }
}

impl<C> Awaitable for TaskCell<C>
where
    C: Coroutine<Yield = Await, Input = ()> + 'static,
{
    fn wake_when_done(&self, _: Readied, task: Rc<dyn Run>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        if core::ptr::addr_eq(Rc::as_ptr(&task), self) {
            return Err(Exception::message(Kind::RuntimeError, "Task cannot await on itself"));
        }
        self.shared.wake_when_done(task, of)
    }

    fn cancel_wait(self: Rc<Self>, _: Readied, _: &Exception) -> Withdrawn {
        if self.shared.done() { Withdrawn::TooLate } else { Withdrawn::Task(self) }
    }

    fn take_waiter(&self, _: Readied, task: *const ()) -> Option<Rc<dyn Run>> {
        self.shared.take_waiter(task)
    }
}

impl<C> fmt::Debug for TaskCell<C>
where
    C: Coroutine<Yield = Await, Input = ()> + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({}, {})", self.state.name(), self.shared.state())
    }
}

/// Cancels a task: what it waits for is cancelled, or it gets the exception at its next step. `false` if it is done.
fn cancel(task: Rc<dyn Erased>, cancelled: Exception) -> bool {
    if task.done() {
        return false;
    }
    task.state().count_cancel();
    cancel_waits(task, cancelled);
    true
}

/// Cancels what a task waits for. Where that is another task, it is cancelled in its turn, and so on to the innermost:
/// in a loop, since a chain may be as long as its user likes. Where the chain is a circle, its last task before the
/// first is woken with the exception.
fn cancel_waits(task: Rc<dyn Erased>, cancelled: Exception) {
    let mut on_the_way = Vec::new();
    let mut task = task;
    while let Some(awaited) = task.cancel_wait_once(&cancelled) {
        task.state().cancelling.set(true);
        if awaited.state().cancelling.get() {
            task.wake_with(cancelled);
            on_the_way.push(task);
            break;
        }
        on_the_way.push(task);
        awaited.state().count_cancel();
        task = awaited;
    }
    for task in on_the_way {
        task.state().cancelling.set(false);
    }
}

impl dyn Erased {
    /// Cancels what the task waits for; gives that, where it is a task and so must be cancelled itself.
    fn cancel_wait_once(&self, cancelled: &Exception) -> Option<Rc<dyn Erased>> {
        let state = self.state();
        let waits_for = state.waits_for.take();
        let withdrawn = waits_for.as_ref().map_or(Withdrawn::TooLate, |wanted| wanted.cancel_wait(cancelled));
        state.waits_for.set(waits_for);
        match withdrawn {
            Withdrawn::Cancelled => None,
            Withdrawn::Task(task) => Some(task),
            Withdrawn::Waiting(run) => {
                state.set_throw(cancelled.clone());
                self.scheduler().push(run);
                None
            }
            Withdrawn::TooLate => {
                state.set_throw(cancelled.clone());
                None
            }
        }
    }

    /// Ends the task's wait with an exception, whatever it waits for.
    fn wake_with(&self, raised: Exception) {
        let state = self.state();
        let Some(wanted) = state.waits_for.take() else { return };
        if let Some(run) = wanted.take_waiter(core::ptr::from_ref(self).cast()) {
            state.set_throw(raised);
            self.scheduler().push(run);
        }
    }
}

impl TaskState {
    fn set_throw(&self, raised: Exception) {
        self.throw.set(Some(raised));
        self.special.set(true);
    }

    #[inline]
    fn take_throw(&self) -> Option<Exception> {
        if self.special.replace(false) { self.throw.take() } else { None }
    }

    fn count_cancel(&self) {
        self.cancels.set(self.cancels.get().saturating_add(1));
    }

    fn waits_for(&self) -> Option<String> {
        let waits_for = self.waits_for.take();
        let described = waits_for.as_ref().map(|wanted| format!("{wanted:?}"));
        self.waits_for.set(waits_for);
        described
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    fn name(&self) -> String {
        match &*self.name.borrow() {
            Some(name) => String::from(&**name),
            None => format!("Task-{}", self.number),
        }
    }
}
