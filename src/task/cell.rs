//! What a task is: a future, a coroutine with its frames, and what lies between the two, in one allocation.
//!
//! Invariants:
//!
//! 1. A task is in the ready queue, or waits for one thing, or runs, or is done; never two of these. So it needs one
//!    reference in the queue or in what it waits for, and no flag that says where it is.
//! 2. What the next step is to throw in is all that a cancel, or a wait that was refused, leaves behind.
//! 3. The coroutine is dropped before anybody is told of the outcome.
//! 4. What a task has waited for is let go of last in a step: that may drop the user's, which may panic, and the task is
//!    in its place by then.

use core::any::type_name;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::mem;
use std::boxed::Box;
use std::format;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::string::String;

use super::cancel::{Cancelling, cancel_waits};
use super::schedule::panicked;
use super::shared::{Produced, Shared, Status};
use super::special::SpecialStep;
use super::waits_for::{WaitsFor, Way};
use super::{
    Await, Awaitable, CallbackId, ErrorContext, Eventual, Future, Readied, Run, Scheduler, Task, TaskOptions,
    WaitTarget, Withdrawn, spawn_with,
};
use crate::context::{self, Context};
use crate::coroutine::{Coroutine, Driven, Driver, Exception, Kind, StackTrace};

/// A task whatever its coroutine.
pub(crate) trait Erased: Eventual + Run {
    /// What it is called, what it waits for, and what is to be thrown into it.
    fn state(&self) -> &TaskState;
    /// Where its coroutine stands.
    fn stack_trace(&self) -> StackTrace;
    /// What it has failed with, for people: it does not count as retrieved.
    fn failure(&self) -> Option<Exception>;
    /// Queues it.
    fn wake(self: Rc<Self>);
    /// Its step has panicked: ends with this.
    fn panicked(self: Rc<Self>, panic: Exception);
    /// Closes the coroutine, and ends cancelled.
    fn destroy(self: Rc<Self>);
}

/// The part of a task that does not depend on its coroutine.
pub(crate) struct TaskState {
    number: u64,
    pub(super) key: Cell<u32>,
    /// Whether its next step is not just the next step: it is done, something may be to be thrown in, or it has a context.
    pub(super) special: Cell<bool>,
    /// Whether a cancel is on its way through this task to what it waits for.
    pub(super) cancelling: Cell<bool>,
    /// What it waits for; while it runs, what it has waited for. `None` before its first wait, and once it is done.
    pub(super) waits_for: WaitsFor,
    pub(super) rare: Cell<Option<Box<Rare>>>,
}

/// What few tasks have, kept apart so that all others are small.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) name: Option<Rc<str>>,
    /// What the next step throws in.
    pub(super) throw: Option<Exception>,
    /// How often its cancellation was asked for.
    cancels: u32,
    /// Where it runs; `None` where nothing was ever set in that.
    pub(super) context: Option<Context>,
}

/// A task in one allocation: the result, the bookkeeping, the coroutine with its frames.
pub(super) struct TaskCell<C: Coroutine> {
    pub(super) shared: Shared<C::Return>,
    pub(super) state: TaskState,
    driver: RefCell<Driver<C>>,
}

/// Makes a task and queues its first step, if no task factory says otherwise.
///
/// # Errors
///
/// `RuntimeError` where the loop is closed; what a task factory raises.
pub(crate) fn spawn<C>(scheduler: &Rc<Scheduler>, coroutine: C) -> Result<Task<C::Return>, Exception>
where
    C: Awaitable + 'static,
{
    scheduler.check_open()?;
    if scheduler.has_factory() {
        return spawn_with(scheduler, coroutine, TaskOptions::default());
    }
    let task = TaskCell::new(scheduler, coroutine);
    if context::is_set() {
        task.state.set_context(context::copy_current());
    }
    task.state.key.set(scheduler.insert(Rc::clone(&task) as Rc<_>));
    scheduler.push(Rc::clone(&task) as Rc<_>);
    Ok(Task::of(Future::of(task as Rc<_>)))
}

impl<C> TaskCell<C>
where
    C: Awaitable + 'static,
{
    pub(super) fn new(scheduler: &Rc<Scheduler>, coroutine: C) -> Rc<Self> {
        Rc::new(Self {
            shared: Shared::new(Rc::clone(scheduler)),
            state: TaskState {
                number: scheduler.next_number(),
                key: Cell::new(0),
                special: Cell::new(false),
                cancelling: Cell::new(false),
                waits_for: WaitsFor::nothing(),
                rare: Cell::new(None),
            },
            driver: RefCell::new(Driver::new(coroutine)),
        })
    }

    fn future(self: &Rc<Self>) -> Future<C::Return> {
        Future::of(Rc::clone(self) as Rc<_>)
    }

    /// One step: up to the next thing to wait for, or to the end.
    #[inline(always)]
    pub(super) fn step(self: Rc<Self>, sent: Result<(), Exception>, scheduler: &Rc<Scheduler>) {
        let Ok(mut driver) = self.driver.try_borrow_mut() else { return self.put_off(sent, scheduler) };
        let outer = scheduler.enter(self.state.key.get());
        let driven = driver.resume(sent);
        drop(driver);
        scheduler.leave(outer);
        if context::is_set() {
            self.state.keep_context();
        }
        match driven {
            Driven::Yield(wanted) => self.wait_for(wanted, scheduler),
            Driven::End(outcome) => self.end(outcome),
        }
    }

    /// A step that may have something to throw in.
    #[inline(never)]
    fn special_step(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        if self.shared.done() {
            return;
        }
        match self.state.begin_special_step() {
            SpecialStep::Resume(sent) => self.step(sent, scheduler),
            SpecialStep::NeverStarts(thrown) => {
                self.discard();
                self.end(Err(thrown));
                context::clear();
            }
        }
    }

    /// Takes the step in the next turn: somebody is just printing the coroutine, and runs the loop from there.
    #[cold]
    fn put_off(self: Rc<Self>, sent: Result<(), Exception>, scheduler: &Scheduler) {
        if let Err(thrown) = sent {
            self.state.set_throw(thrown);
        }
        context::clear();
        scheduler.push(self);
    }

    /// Sleeps until what the coroutine waits for is done.
    #[inline(always)]
    fn wait_for(self: Rc<Self>, wanted: Await, scheduler: &Rc<Scheduler>) {
        let (way, object) = wanted.into_parts();
        let Some(object) = object else {
            let _former = self.state.waits_for.replace(way, None);
            return scheduler.push(self);
        };
        if let Err(refused) = object.wake_when_done(way.readied(), Rc::clone(&self) as Rc<_>, scheduler) {
            let _former = self.state.waits_for.replace(Way::NextTurn, None);
            self.state.set_throw_unless_cancelled(refused);
            return scheduler.push(self);
        }
        let _former = self.state.waits_for.replace(way, Some(object));
        if self.state.special.get() {
            self.waits_specially();
        }
    }

    /// It may have been cancelled while it ran: what it waits for now is cancelled at once.
    #[cold]
    fn waits_specially(self: Rc<Self>) {
        if let Some(cancelled) = self.state.take_throw() {
            cancel_waits(self, cancelled);
        }
    }

    /// Takes the coroutine out. `None` while it is in use.
    fn take_driver(&self) -> Option<Driver<C>> {
        self.driver.try_borrow_mut().map(|mut driver| mem::replace(&mut *driver, Driver::ended())).ok()
    }

    /// Drops the coroutine as it stands.
    fn discard(&self) {
        self.ignoring(|| {
            if let Some(mut driver) = self.take_driver() {
                driver.discard();
            }
            None
        });
    }

    /// Ends the coroutine by a call that runs its code in a place where nobody takes what that raises: it is reported.
    fn ignoring(&self, end: impl FnOnce() -> Option<Exception>) {
        let ended = catch_unwind(AssertUnwindSafe(end));
        if let Some(raised) = ended.unwrap_or_else(|panic| Some(panicked(panic))) {
            let context = ErrorContext::new("Exception ignored while a pending task was closed");
            self.shared.scheduler.report(context.caused_by(raised).about(self));
        }
    }

    fn end(self: &Rc<Self>, outcome: Result<C::Return, Exception>) {
        let cancelled = self.state.take_throw();
        self.state.special.set(true);
        let _former = self.state.waits_for.replace(Way::Nothing, None);
        self.shared.scheduler.remove(self.state.key.get());
        // What nobody gets is dropped when all is done.
        let _returned;
        let (status, outcome) = match (outcome, cancelled) {
            // Cancelled while it ran, for the last time: nothing was left in which to raise that.
            (Ok(returned), Some(cancelled)) => {
                _returned = returned;
                (Status::Cancelled, Err(cancelled))
            }
            (Err(raised), _) if raised.is_cancelled() => (Status::Cancelled, Err(raised)),
            (outcome, _) => (Status::Finished, outcome),
        };
        let ends_all = outcome.as_ref().is_err_and(|raised| self.shared.scheduler.is_ended_by(raised));
        self.shared.complete(status, outcome, || self.future());
        if ends_all {
            // The loop raises it, so that it counts as retrieved.
            let _ = self.shared.raised();
        }
    }
}

impl<C: Coroutine> Drop for TaskCell<C> {
    fn drop(&mut self) {
        if let Some(exception) = self.shared.never_retrieved() {
            let _outer = context::enter(self.state.context());
            let context = ErrorContext::new("Task exception was never retrieved").caused_by(exception);
            self.shared.scheduler.report(context.about(&format_args!("Task({}, failed)", self.state.name())));
        }
    }
}

impl<C> Run for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        if self.state.special.get() {
            return self.special_step(scheduler);
        }
        self.step(Ok(()), scheduler);
    }

    fn will_raise(&self) {
        self.state.special.set(true);
    }
}

impl<C> Erased for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn state(&self) -> &TaskState {
        &self.state
    }

    fn stack_trace(&self) -> StackTrace {
        match self.driver.try_borrow() {
            Ok(driver) => StackTrace::new(driver.describe(), self.state.waits_for()),
            Err(_) => StackTrace::new([String::from(type_name::<C>()) + " (running)"].into(), None),
        }
    }

    fn failure(&self) -> Option<Exception> {
        self.shared.failure()
    }

    fn wake(self: Rc<Self>) {
        Rc::clone(&self.shared.scheduler).push(self);
    }

    fn panicked(self: Rc<Self>, panic: Exception) {
        self.discard();
        self.end(Err(panic));
    }

    fn destroy(self: Rc<Self>) {
        if self.state.has_waited() {
            self.ignoring(|| self.take_driver().and_then(Driver::abandon));
        } else {
            self.discard();
        }
        if !self.shared.done() {
            self.end(Err(Exception::cancelled()));
        }
    }
}

impl<C> Produced<C::Return> for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn shared(&self) -> &Shared<C::Return> {
        &self.shared
    }

    fn is_open(&self) -> bool {
        false
    }

    fn task(self: Rc<Self>) -> Option<Rc<dyn Erased>> {
        Some(self)
    }
}

impl<C> Eventual for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn scheduler(&self) -> &Rc<Scheduler> {
        &self.shared.scheduler
    }

    fn done(&self) -> bool {
        self.shared.done()
    }

    fn is_cancelled(&self) -> bool {
        self.shared.status.get() == Status::Cancelled
    }

    fn notify(&self, notice: Box<dyn FnOnce()>) -> CallbackId {
        self.shared.notify(notice)
    }

    fn remove_callback(&self, id: CallbackId) -> bool {
        self.shared.remove_callback(id)
    }

    fn cancel_once(self: Rc<Self>, _: &Exception) -> Cancelling {
        if self.shared.done() { Cancelling::Over(false) } else { Cancelling::Task(self) }
    }
}

impl<C> WaitTarget for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn wake_when_done(&self, _: Readied, task: Rc<dyn Erased>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        if core::ptr::addr_eq(Rc::as_ptr(&task), self) {
            return Err(Exception::message(Kind::RuntimeError, "Task cannot await on itself"));
        }
        self.shared.wake_when_done(task, of)
    }

    fn cancel_wait(self: Rc<Self>, what: Readied, task: *const (), _: &Exception) -> Withdrawn {
        match what {
            _ if self.shared.done() => Withdrawn::TooLate,
            Readied::First => Withdrawn::Task(self),
            // Who waits for the end alone does not bring it about.
            Readied::Second | Readied::Place(_) => {
                self.take_waiter(what, task).map_or(Withdrawn::TooLate, Withdrawn::Waiting)
            }
        }
    }

    fn raised(&self, _: Readied) -> Option<Exception> {
        self.shared.raised()
    }

    fn take_waiter(&self, _: Readied, task: *const ()) -> Option<Rc<dyn Run>> {
        self.shared.take_waiter(task)
    }
}

impl<C> fmt::Debug for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({}, {}", self.state.name(), self.shared.state())?;
        match f.alternate().then(|| self.state.waits_for()).flatten() {
            // Not in turn what that waits for: a chain may be as long as its user likes, and a circle.
            Some(wanted) => write!(f, ", waits for {wanted})"),
            None => f.write_str(")"),
        }
    }
}

impl TaskState {
    /// Makes the rare part if it is not there yet. `change` runs nothing of the user's.
    pub(super) fn with_rare<R>(&self, change: impl FnOnce(&mut Rare) -> R) -> R {
        let mut rare = self.rare.take().unwrap_or_default();
        let result = change(&mut rare);
        self.rare.set(Some(rare));
        result
    }

    /// Has the next step throw this in.
    pub(super) fn set_throw(&self, raised: Exception) {
        let former = self.with_rare(|rare| rare.throw.replace(raised));
        self.special.set(true);
        drop(former);
    }

    /// The same, but a cancel that is on its way already goes first.
    fn set_throw_unless_cancelled(&self, raised: Exception) {
        self.with_rare(|rare| {
            rare.throw.get_or_insert(raised);
        });
        self.special.set(true);
    }

    fn take_throw(&self) -> Option<Exception> {
        let mut rare = self.rare.take()?;
        let thrown = rare.throw.take();
        self.rare.set(Some(rare));
        thrown
    }

    pub(super) fn count_cancel(&self) {
        self.with_rare(|rare| rare.cancels = rare.cancels.saturating_add(1));
    }

    pub(super) fn uncancel(&self) -> u32 {
        let (left, withdrawn) = self.with_rare(|rare| {
            rare.cancels = rare.cancels.saturating_sub(1);
            let withdraw = rare.cancels == 0 && rare.throw.as_ref().is_some_and(Exception::is_cancelled);
            (rare.cancels, if withdraw { rare.throw.take() } else { None })
        });
        drop(withdrawn);
        left
    }

    /// Whether its first step has been taken.
    fn has_waited(&self) -> bool {
        !self.waits_for.is_nothing()
    }

    fn waits_for(&self) -> Option<String> {
        self.waits_for.get().map(|wanted| format!("{wanted:?}"))
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// How often its cancellation was asked for.
    pub(super) fn cancels(&self) -> u32 {
        self.look_at_rare(|rare| rare.cancels)
    }

    /// What is in the rare part, or would be, if it were there.
    pub(super) fn look_at_rare<R: Default>(&self, look: impl FnOnce(&Rare) -> R) -> R {
        let rare = self.rare.take();
        let result = rare.as_deref().map(look).unwrap_or_default();
        self.rare.set(rare);
        result
    }

    pub(crate) fn name(&self) -> String {
        let name = self.look_at_rare(|rare| rare.name.clone());
        name.map_or_else(|| format!("Task-{}", self.number), |name| String::from(&*name))
    }
}
