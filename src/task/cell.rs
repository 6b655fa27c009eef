//! `TaskCell`: a task in memory, and how it takes a step. The result, the bookkeeping and the coroutine with its frames
//! are one allocation.
//!
//! Invariants:
//!
//! 1. A task is in the ready queue, or waits for one object, or runs, or is done; never two of these at once. So one
//!    reference, held by the queue or by that object, is enough, and no flag has to say where the task is. There is one
//!    exception: if a step comes up while the coroutine is being printed, it is postponed until the printing is over.
//! 2. A cancellation, or a wait that the object refused, leaves one thing behind: an exception for the next step to
//!    throw in.
//! 3. The coroutine is dropped before anybody learns the outcome.
//! 4. A step releases the object of the previous wait last. Releasing it may drop a user's value, whose destructor may
//!    panic; by then the task is where it belongs.

use core::any::type_name;
use core::cell::RefCell;
use core::fmt;
use core::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::cancel::cancel_wait;
use super::contracts::{ErasedTask, Eventual, Met, Notice, Run, WaitTarget, Waiter, Way, Withdrawn};
use super::report::panicked;
use super::shared::{Kept, Produced, Shared, Status};
use super::state::{Leftover, TaskState};
use super::waiting::{Await, Awaitable};
use super::{CallbackId, ErrorContext, Future, Scheduler};
use crate::context;
use crate::coroutine::{Coroutine, Driven, Exception, Kind, Stack, StackTrace};

/// A task: its result and waiters, its bookkeeping, and its coroutine with the frames.
pub(super) struct TaskCell<C: Coroutine + 'static> {
    pub(super) kept: Kept<C::Return>,
    pub(super) state: TaskState,
    driver: RefCell<Stack<C>>,
}

impl<C> TaskCell<C>
where
    C: Awaitable + 'static,
{
    pub(super) fn new(scheduler: &Rc<Scheduler>, coroutine: C) -> Rc<Self> {
        Rc::new(Self {
            kept: Kept::new(Rc::clone(scheduler)),
            state: TaskState::new(scheduler.next_number()),
            driver: RefCell::new(Stack::new(coroutine)),
        })
    }

    fn future(self: &Rc<Self>) -> Future<C::Return> {
        Future::of(Rc::clone(self) as Rc<_>)
    }

    /// Takes one step: resumes the coroutine, which runs to its next wait or to its end.
    #[inline(always)]
    pub(super) fn step(self: Rc<Self>, sent: Result<(), Exception>, scheduler: &Rc<Scheduler>) {
        let Ok(mut driver) = self.driver.try_borrow_mut() else { return self.put_off(sent, scheduler) };
        let outer = scheduler.enter(self.state.key.get());
        let driven = driver.resume(sent);
        drop(driver);
        scheduler.leave(outer);
        if context::is_set() {
            self.state.keep_context(scheduler);
        }
        match driven {
            Driven::Yield(wanted) => self.wait_for(wanted, scheduler),
            Driven::End(outcome) => self.end(outcome),
        }
    }

    /// Takes a step that may throw an exception in, or that runs in a context.
    #[inline(never)]
    fn special_step(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        if self.state.is_done() {
            return;
        }
        match self.state.begin_special_step(scheduler) {
            None => self.step(Ok(()), scheduler),
            Some(thrown) if self.state.has_waited() => self.step(Err(thrown), scheduler),
            Some(thrown) => {
                // The coroutine has not started. There is no yield at which to raise the exception, so the body never
                // runs.
                self.discard();
                self.end(Err(thrown));
                scheduler.clear_context();
            }
        }
    }

    /// Postpones a step that comes up while the coroutine is being printed: a `Debug` implementation runs the loop.
    #[cold]
    fn put_off(self: Rc<Self>, sent: Result<(), Exception>, scheduler: &Scheduler) {
        if let Err(thrown) = sent {
            self.state.set_throw(thrown);
        }
        self.state.set_put_off(true);
        scheduler.clear_context();
    }

    /// Takes the step, or ends the coroutine, if that was postponed while the coroutine was being printed. Does nothing
    /// if an outer call is still printing it.
    #[cold]
    fn was_printed(self: &Rc<Self>) {
        if self.state.is_done() {
            self.end_leftover();
        } else if self.state.is_put_off() && self.driver.try_borrow_mut().is_ok() {
            self.state.set_put_off(false);
            self.kept.scheduler.push(Rc::clone(self) as Rc<_>);
        }
    }

    /// Registers the task with the object that the coroutine waits for.
    #[inline(always)]
    fn wait_for(self: Rc<Self>, wanted: Await, scheduler: &Rc<Scheduler>) {
        let (way, place, Some(object)) = wanted.into_parts() else {
            let _former = self.state.set_wait(Some(Way::NextTurn), None);
            return scheduler.push(self);
        };
        if let Err(refused) = object.register(way, place, Rc::clone(&self) as Rc<_>, scheduler) {
            return self.raise_next(refused, scheduler);
        }
        self.state.place.set(place);
        let _former = self.state.set_wait(Some(way), Some(object));
        if self.state.is_special() {
            self.waits_specially();
        }
    }

    /// Queues the task, and has its next step raise `refused`, because the object refused to register it.
    #[cold]
    #[inline(never)]
    fn raise_next(self: Rc<Self>, refused: Exception, scheduler: &Scheduler) {
        let _former = self.state.set_wait(Some(Way::NextTurn), None);
        self.state.set_throw_unless_cancelled(refused);
        scheduler.push(self);
    }

    /// Cancels the new wait at once if the task was cancelled while it ran.
    #[cold]
    fn waits_specially(self: Rc<Self>) {
        if let Some(cancelled) = self.state.take_throw() {
            cancel_wait(self, cancelled);
        }
    }

    /// Takes the coroutine out. Returns `None` while it is in use.
    fn take_driver(&self) -> Option<Stack<C>> {
        self.driver.try_borrow_mut().map(|mut driver| mem::replace(&mut *driver, Stack::ended())).ok()
    }

    /// Drops the coroutine without closing it.
    fn discard(&self) {
        self.ignoring(|| {
            match self.take_driver() {
                Some(mut driver) => driver.discard(),
                None => self.state.leave_coroutine(Leftover::ToDrop),
            }
            None
        });
    }

    /// Closes the coroutine. Nobody is there to take its result.
    fn abandon(&self) {
        self.ignoring(|| match self.take_driver() {
            Some(driver) => driver.abandon(),
            None => {
                self.state.leave_coroutine(Leftover::ToClose);
                None
            }
        });
    }

    /// Ends the coroutine of a task that ended while its coroutine was in use.
    #[cold]
    fn end_leftover(&self) {
        let Some(leftover) = self.state.take_leftover() else { return };
        let scheduler = &self.kept.scheduler;
        let (_outer, _receiving) = (scheduler.enter_context(self.state.context()), scheduler.receives());
        match leftover {
            Leftover::ToDrop => self.discard(),
            Leftover::ToClose => self.abandon(),
        }
    }

    /// Calls `end`, which runs the coroutine's code where nobody can catch its exception. The exception, or a panic, is
    /// reported.
    fn ignoring(&self, end: impl FnOnce() -> Option<Exception>) {
        let ended = catch_unwind(AssertUnwindSafe(end));
        if let Some(raised) = ended.unwrap_or_else(|panic| Some(panicked(panic))) {
            let context = ErrorContext::new("Exception ignored while a pending task was closed");
            self.kept.scheduler.report(context.caused_by(raised).about(self));
        }
    }

    fn end(self: &Rc<Self>, outcome: Result<C::Return, Exception>) {
        let _former = self.state.set_wait(None, None);
        self.kept.scheduler.remove(self.state.key.get());
        match outcome {
            Ok(_) if !self.state.is_special() => self.shared().complete(Status::Finished, outcome, || self.future()),
            outcome => self.end_specially(outcome),
        }
    }

    /// Ends the task with an exception, or while an exception is waiting to be thrown in.
    #[inline(never)]
    fn end_specially(self: &Rc<Self>, outcome: Result<C::Return, Exception>) {
        // A result that nobody gets is dropped at the very end.
        let _returned;
        let (status, outcome) = match (outcome, self.state.take_throw()) {
            // Cancelled during its last step: no later step is left to raise the exception.
            (Ok(returned), Some(cancelled)) => {
                _returned = returned;
                (Status::Cancelled, Err(cancelled))
            }
            (Err(raised), _) if raised.is_cancelled() => (Status::Cancelled, Err(raised)),
            (outcome, _) => (Status::Finished, outcome),
        };
        let ends_all = outcome.as_ref().is_err_and(|raised| self.kept.scheduler.is_ended_by(raised));
        self.shared().complete(status, outcome, || self.future());
        if ends_all {
            // The loop raises the exception, so it counts as retrieved.
            let _ = self.shared().raised();
        }
    }
}

impl<C: Coroutine + 'static> TaskCell<C> {
    #[inline]
    fn outcome(&self) -> Shared<'_, C::Return> {
        Shared { kept: &self.kept, status: &self.state.status }
    }
}

impl<C: Coroutine + 'static> Drop for TaskCell<C> {
    fn drop(&mut self) {
        if let Some(exception) = self.outcome().never_retrieved() {
            never_retrieved(exception, &self.state, &self.kept.scheduler);
        }
        if let Some(rare) = self.state.rare.take() {
            // Drop this and the result separately. If both panicked during one unwinding, the process would abort.
            self.kept.scheduler.drop_guarded(rare);
        }
        self.kept.empty();
    }
}

#[cold]
#[inline(never)]
fn never_retrieved(exception: Exception, state: &TaskState, scheduler: &Scheduler) {
    let _outer = scheduler.enter_context(state.context());
    let context = ErrorContext::new("Task exception was never retrieved").caused_by(exception);
    scheduler.report(context.about(&format_args!("Task({}, failed)", state.name())));
    scheduler.settle_failure();
}

impl<C> Run for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        if self.state.is_special() {
            return self.special_step(scheduler);
        }
        self.step(Ok(()), scheduler);
    }

    fn will_raise(&self) {
        self.state.make_special();
    }

    #[cfg(feature = "testing")]
    fn as_task(self: Rc<Self>) -> Option<Rc<dyn ErasedTask>> {
        Some(self)
    }
}

impl<C> Waiter for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn wake(self: Rc<Self>) {
        Rc::clone(&self.kept.scheduler).push(self);
    }

    fn task(&self) -> *const () {
        core::ptr::from_ref(self).cast()
    }
}

/// Declared first where a coroutine is printed, so it is dropped last, after a panic too. Printing calls user code, which
/// may run or close the loop.
struct Printed<'a, C: Awaitable + 'static>(&'a Rc<TaskCell<C>>);

impl<C: Awaitable + 'static> Drop for Printed<'_, C> {
    fn drop(&mut self) {
        self.0.was_printed();
    }
}

impl<C> ErasedTask for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn state(&self) -> &TaskState {
        &self.state
    }

    fn stack_trace(self: Rc<Self>) -> StackTrace {
        let _printed = Printed(&self);
        match self.driver.try_borrow() {
            Ok(driver) => StackTrace::new(driver.describe(), self.state.describe_wait()),
            Err(_) => StackTrace::new([String::from(type_name::<C>()) + " (running)"].into(), None),
        }
    }

    #[cfg(feature = "testing")]
    fn show_states(self: Rc<Self>, show: &mut dyn FnMut(&crate::coroutine::State<'_>)) {
        let _printed = Printed(&self);
        if let Ok(driver) = self.driver.try_borrow() {
            driver.show_states(show);
        }
    }

    fn failure(&self) -> Option<Exception> {
        self.shared().failure()
    }

    fn panicked(self: Rc<Self>, panic: Exception) {
        self.discard();
        self.end(Err(panic));
    }

    fn destroy(self: Rc<Self>) {
        if self.state.has_waited() {
            self.abandon();
        } else {
            self.discard();
        }
        if !self.state.is_done() {
            self.end(Err(Exception::cancelled()));
        }
    }
}

impl<C> Produced<C::Return> for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn shared(&self) -> Shared<'_, C::Return> {
        self.outcome()
    }

    fn is_open(&self) -> bool {
        false
    }

    fn task(self: Rc<Self>) -> Option<Rc<dyn ErasedTask>> {
        Some(self)
    }
}

impl<C> Eventual for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn scheduler(&self) -> &Rc<Scheduler> {
        &self.kept.scheduler
    }

    fn done(&self) -> bool {
        self.state.is_done()
    }

    fn is_cancelled(&self) -> bool {
        self.shared().is_cancelled()
    }

    fn notify(self: Rc<Self>, notice: Notice) -> CallbackId {
        self.shared().notify(notice, || self.future())
    }

    fn remove_callback(&self, id: CallbackId) -> bool {
        self.shared().remove_callback(id)
    }

    fn cancel_once(self: Rc<Self>, _: &Exception) -> Met {
        if self.state.is_done() { Met::TooLate } else { Met::Task(self) }
    }
}

impl<C> WaitTarget for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn register(&self, _: Way, _: u32, waiter: Rc<dyn Waiter>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        if core::ptr::addr_eq(Rc::as_ptr(&waiter), self) {
            return Err(Exception::message(Kind::RuntimeError, "Task cannot await on itself"));
        }
        self.shared().register(waiter, of)
    }

    fn has_come(&self, _: Way, _: u32) -> bool {
        self.state.is_done()
    }

    fn withdraw(&self, _: Way, _: u32, waiter: *const ()) -> Withdrawn {
        self.shared().withdraw(waiter)
    }

    fn cancel_wait(self: Rc<Self>, way: Way, place: u32, waiter: *const (), _: &Exception) -> Met {
        match way {
            _ if self.state.is_done() => Met::TooLate,
            Way::Outcome => Met::Task(self),
            _ => self.withdraw(way, place, waiter).into(),
        }
    }

    fn raised(&self, _: u32) -> Option<Exception> {
        self.shared().raised()
    }
}

impl<C> fmt::Debug for TaskCell<C>
where
    C: Awaitable + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({}, {}", self.state.name(), self.shared().state())?;
        match f.alternate().then(|| self.state.describe_wait()).flatten() {
            // Print only this object, and not the object that it waits for in turn. Such a chain can have any length,
            // and can be a cycle.
            Some(wanted) => write!(f, ", waits for {wanted})"),
            None => f.write_str(")"),
        }
    }
}
