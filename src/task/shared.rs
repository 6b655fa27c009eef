//! The state common to futures and tasks: the outcome, the waiting tasks and the callbacks.
//!
//! Invariants:
//!
//! 1. The outcome is set once. From then on, new callbacks are queued at once.
//! 2. Callbacks and waiting tasks run from the ready queue, in the order in which they came, never inside the call that
//!    completes the future.
//! 3. Nothing is borrowed while user code runs. A result is taken out while it is being cloned. Code that asks for the
//!    result meanwhile gets an `InvalidStateError`; all other calls find the future done.

use core::cell::Cell;
use core::mem::{self, needs_drop};
use std::rc::Rc;

use super::contracts::{ErasedTask, Eventual, Notice, Run, Withdrawn};
use super::waiters::{Key, Keyed, WaiterList};
use super::{CallbackId, CallbackResult, ErrorContext, Future, Scheduler, callback_in};
use crate::context::{self, Context};
use crate::coroutine::{Exception, Kind, drop_flat};

/// The object behind a handle: a result, and perhaps the coroutine that produces it, in one allocation.
pub(super) trait Produced<T>: Eventual {
    fn shared(&self) -> Shared<'_, T>;

    /// Returns `true` if the result may be set through a handle. A task's result may not.
    fn is_open(&self) -> bool;

    /// The object as a task, if it is one.
    fn task(self: Rc<Self>) -> Option<Rc<dyn ErasedTask>>;
}

/// A reference to the common state of a future or a task.
///
/// The status is apart from the rest: in a task it lies among other small fields, where it takes one byte rather than
/// eight.
pub(super) struct Shared<'a, T> {
    pub(super) kept: &'a Kept<T>,
    pub(super) status: &'a Cell<Status>,
}

/// The common state without the status.
pub(super) struct Kept<T> {
    pub(super) scheduler: Rc<Scheduler>,
    content: Cell<Content<T>>,
}

/// The common state in one piece, for futures that are not tasks.
pub(super) struct Whole<T> {
    kept: Kept<T>,
    status: Cell<Status>,
}

/// The state of a future or a task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    /// Pending, and the task's next step needs extra work: an exception to throw in, or a context to enter.
    Special,
    /// Done, and nobody has asked for the outcome yet.
    Finished,
    /// Done, and somebody has asked for the outcome, so its exception counts as retrieved.
    Retrieved,
    Cancelled,
    /// Done, and `take_result` has moved the result out.
    Taken,
}

impl Status {
    #[inline]
    pub(super) fn is_done(self) -> bool {
        !matches!(self, Self::Pending | Self::Special)
    }
}

/// The waiters while the future is pending, then the outcome. There is never room needed for both.
enum Content<T> {
    Waiters(Waiters<T>),
    Outcome(Result<T, Exception>),
}

// A program may have a million pending futures, so their size matters.
const _: () = assert!(size_of::<Whole<()>>() == 5 * size_of::<u64>() || size_of::<usize>() != 8);

impl<T> Content<T> {
    const NOTHING: Self = Self::Waiters(Waiters::None);
}

/// The tasks and callbacks that wait for the outcome: nearly always one task, or none.
enum Waiters<T> {
    /// No waiters. Also stands in for an outcome that was moved out, or is being cloned.
    None,
    Task(Rc<dyn Run>),
    Several(Box<WaiterList<Waiter<T>>>),
}

pub(super) enum Waiter<T> {
    Task(Rc<dyn Run>),
    Callback(CallbackId, DoneCallback<T>),
    /// A callback of this crate, which does not know the type of the result.
    Notice(CallbackId, Notice),
    /// A callback that runs in a context. It is rare, so it is boxed to keep the other variants small.
    InContext(CallbackId, Box<(Context, DoneCallback<T>)>),
}

pub(super) type DoneCallback<T> = Box<dyn FnOnce(Future<T>) -> Result<(), Exception>>;

impl<T> Waiter<T> {
    /// Makes a callback that runs in a copy of the current context.
    pub(super) fn callback(id: CallbackId, callback: DoneCallback<T>) -> Self {
        let context = if context::is_set() { context::copy_current() } else { None };
        match context {
            None => Self::Callback(id, callback),
            Some(context) => Self::InContext(id, Box::new((context, callback))),
        }
    }
}

impl<T> Keyed for Waiter<T> {
    fn key(&self) -> Key {
        match self {
            Self::Task(run) => Key::Task(Rc::as_ptr(run).cast()),
            Self::Callback(id, _) | Self::Notice(id, _) | Self::InContext(id, _) => Key::Callback(*id),
        }
    }
}

impl<T> Kept<T> {
    #[inline]
    pub(super) fn new(scheduler: Rc<Scheduler>) -> Self {
        Self { scheduler, content: Cell::new(Content::NOTHING) }
    }

    /// Takes the outcome out, if there is one. Waiters stay registered.
    fn remove_outcome(&self) -> Option<Result<T, Exception>> {
        match self.content.replace(Content::NOTHING) {
            Content::Outcome(outcome) => Some(outcome),
            waiters @ Content::Waiters(_) => {
                self.content.set(waiters);
                None
            }
        }
    }

    /// Passes `look` an outcome that was taken out, and then puts the outcome back, even if `look` panics.
    #[inline]
    fn lend<R>(&self, outcome: Result<T, Exception>, look: impl FnOnce(&Result<T, Exception>) -> R) -> Option<R> {
        struct Lent<'a, T>(&'a Kept<T>, Option<Result<T, Exception>>);
        impl<T> Lent<'_, T> {
            #[inline(always)]
            fn put_back(&mut self) {
                if let Some(outcome) = self.1.take() {
                    self.0.content.set(Content::Outcome(outcome));
                }
            }
        }
        impl<T> Drop for Lent<'_, T> {
            fn drop(&mut self) {
                self.put_back();
            }
        }
        let mut lent = Lent(self, Some(outcome));
        let seen = lent.1.as_ref().map(look);
        lent.put_back();
        // The guard is empty now. Forgetting it saves its destructor from checking that again.
        mem::forget(lent);
        seen
    }

    /// Looks at the content. `look` must not run user code.
    fn look<R>(&self, look: impl FnOnce(&Content<T>) -> R) -> R {
        let content = self.content.replace(Content::NOTHING);
        let seen = look(&content);
        self.content.set(content);
        seen
    }
}

impl<T: 'static> Kept<T> {
    /// Drops the content. A result may hold other futures, nested to any depth, so it is dropped without recursion.
    #[inline]
    pub(super) fn empty(&mut self) {
        match self.content.get_mut() {
            Content::Waiters(Waiters::Several(_)) => self.drop_waiters(),
            Content::Outcome(Ok(_)) if needs_drop::<T>() => drop_flat(self.content.replace(Content::NOTHING)),
            Content::Waiters(Waiters::None | Waiters::Task(_)) | Content::Outcome(_) => {}
        }
    }

    /// Drops the waiters of a future that will never complete. Each is dropped in a guard of its own, because each
    /// callback is user code.
    #[cold]
    fn drop_waiters(&self) {
        let Content::Waiters(Waiters::Several(waiters)) = self.content.replace(Content::NOTHING) else { return };
        for waiter in waiters.into_iter() {
            self.drop_waiter(waiter);
        }
    }

    /// Drops a waiter. A callback and its context are dropped separately: if both panicked during one unwinding, the
    /// process would abort.
    #[cold]
    fn drop_waiter(&self, waiter: Waiter<T>) {
        match waiter {
            Waiter::InContext(_, both) => {
                let (context, callback) = *both;
                self.scheduler.drop_guarded(callback);
                self.scheduler.drop_guarded(context);
            }
            waiter => self.scheduler.drop_guarded(waiter),
        }
    }
}

impl<T> Whole<T> {
    pub(super) fn new(scheduler: Rc<Scheduler>) -> Self {
        Self { kept: Kept::new(scheduler), status: Cell::new(Status::Pending) }
    }

    /// Reports an exception that nobody has retrieved, and drops the content.
    pub(super) fn end(&mut self)
    where
        T: 'static,
    {
        if let Some(exception) = self.shared().never_retrieved() {
            let context = ErrorContext::new("Future exception was never retrieved").caused_by(exception);
            self.scheduler().report(context);
            self.scheduler().settle_failure();
        }
        self.kept.empty();
    }

    #[inline]
    pub(super) fn shared(&self) -> Shared<'_, T> {
        Shared { kept: &self.kept, status: &self.status }
    }

    pub(super) fn scheduler(&self) -> &Rc<Scheduler> {
        &self.kept.scheduler
    }
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

impl<T> Shared<'_, T> {
    /// The state in words, for printing.
    pub(super) fn state(self) -> &'static str {
        let failed = self.kept.look(|content| matches!(content, Content::Outcome(Err(_))));
        match self.status.get() {
            Status::Pending | Status::Special => "pending",
            Status::Finished | Status::Retrieved if failed => "failed",
            Status::Finished | Status::Retrieved | Status::Taken => "finished",
            Status::Cancelled => "cancelled",
        }
    }

    #[inline]
    pub(super) fn done(self) -> bool {
        self.status.get().is_done()
    }

    pub(super) fn is_cancelled(self) -> bool {
        self.status.get() == Status::Cancelled
    }

    /// Marks the outcome as retrieved. Returns `true` the first time.
    #[inline]
    fn retrieve(self) -> bool {
        let is_first = self.status.get() == Status::Finished;
        if is_first {
            self.status.set(Status::Retrieved);
        }
        is_first
    }

    /// Marks an exception as retrieved.
    #[cold]
    #[inline(never)]
    fn retrieve_failure(self) {
        if self.retrieve() {
            self.kept.scheduler.settle_failure();
        }
    }

    /// Passes the outcome to `look`. Since `look` may run user code (a `Clone`), the outcome is taken out meanwhile. It
    /// is put back afterwards, after a panic too.
    pub(super) fn with_outcome<R>(self, look: impl FnOnce(&Result<T, Exception>) -> R) -> Result<R, Exception> {
        // Exceptions have a branch of their own, so that a result is checked for success only once.
        let seen = match self.kept.remove_outcome() {
            Some(outcome @ Ok(_)) => {
                self.retrieve();
                self.kept.lend(outcome, look)
            }
            Some(outcome @ Err(_)) => {
                self.retrieve_failure();
                self.kept.lend(outcome, look)
            }
            None => None,
        };
        seen.ok_or_else(|| self.no_outcome())
    }

    /// The exception that the future failed or was cancelled with. Marks it as retrieved.
    pub(super) fn raised(self) -> Option<Exception> {
        let failure = self.failure();
        if failure.is_some() {
            self.retrieve_failure();
        } else {
            self.retrieve();
        }
        failure
    }

    /// The exception that the future failed or was cancelled with, for printing. Does not mark it as retrieved.
    pub(super) fn failure(self) -> Option<Exception> {
        self.kept.look(|content| match content {
            Content::Outcome(Err(raised)) => Some(raised.clone()),
            Content::Outcome(Ok(_)) | Content::Waiters(_) => None,
        })
    }

    /// The exception, if the future failed and nobody has retrieved it.
    #[inline]
    pub(super) fn never_retrieved(self) -> Option<Exception> {
        // A result stays in its place: dropping it may panic, so everything else is dropped first.
        if self.status.get() == Status::Finished { self.failure() } else { None }
    }

    /// Moves the outcome out.
    pub(super) fn take_outcome(self) -> Result<T, Exception> {
        self.status.set(Status::Taken);
        self.kept.remove_outcome().unwrap_or_else(|| Err(self.no_outcome()))
    }

    /// The exception for asking for an outcome that is not there.
    #[cold]
    #[inline(never)]
    fn no_outcome(self) -> Exception {
        let text = match self.status.get() {
            Status::Pending | Status::Special => "Result is not set.",
            Status::Taken => "Result was taken before.",
            Status::Finished | Status::Retrieved | Status::Cancelled => "Result is being cloned.",
        };
        Exception::message(Kind::InvalidStateError, text)
    }
}

impl<T: 'static> Shared<'_, T> {
    /// Stores the outcome and queues the waiters. `this` makes a handle to this future.
    pub(super) fn finish(self, outcome: Result<T, Exception>, this: impl Fn() -> Future<T>) {
        self.complete(Status::Finished, outcome, this);
    }

    pub(super) fn finish_cancelled(self, cancelled: Exception, this: impl Fn() -> Future<T>) {
        self.complete(Status::Cancelled, Err(cancelled), this);
    }

    #[inline]
    pub(super) fn complete(self, status: Status, outcome: Result<T, Exception>, this: impl Fn() -> Future<T>) {
        let failed = outcome.is_err();
        if failed && status == Status::Finished {
            self.kept.scheduler.count_failure();
        }
        self.status.set(status);
        match self.kept.content.replace(Content::Outcome(outcome)) {
            Content::Waiters(Waiters::Task(task)) => self.wake(task, failed),
            Content::Waiters(Waiters::None) => {}
            others => self.queue_all(others, failed, &this),
        }
    }

    /// Queues waiters that are not a single task. `this` comes as `dyn Fn`, so that this is compiled once for each type
    /// of result rather than for each coroutine.
    #[inline(never)]
    fn queue_all(self, waiters: Content<T>, may_have_failed: bool, this: &dyn Fn() -> Future<T>) {
        if let Content::Waiters(Waiters::Several(waiters)) = waiters {
            waiters.into_iter().for_each(|waiter| self.queue(waiter, may_have_failed, this));
        }
    }

    pub(super) fn register(self, task: Rc<dyn Run>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        if !Rc::ptr_eq(of, &self.kept.scheduler) {
            return Err(Exception::message(Kind::RuntimeError, "this future is attached to a different event loop"));
        }
        if self.done() {
            self.wake(task, true);
            return Ok(());
        }
        match self.kept.content.replace(Content::NOTHING) {
            Content::Waiters(Waiters::None) => self.kept.content.set(Content::Waiters(Waiters::Task(task))),
            others => {
                self.push(others, |_| Waiter::Task(task));
            }
        }
        Ok(())
    }

    pub(super) fn add(self, waiter: impl FnOnce(CallbackId) -> Waiter<T>, this: impl Fn() -> Future<T>) -> CallbackId {
        if self.done() {
            self.queue(waiter(CallbackId::QUEUED), true, &this);
            return CallbackId::QUEUED;
        }
        self.push(self.kept.content.replace(Content::NOTHING), waiter)
    }

    /// Has `notice` called once the future is done. It keeps its place among the callbacks.
    pub(super) fn notify(self, notice: Notice, this: impl Fn() -> Future<T>) -> CallbackId {
        if self.done() {
            self.queue(Waiter::Notice(CallbackId::QUEUED, notice), true, &this);
            return CallbackId::QUEUED;
        }
        self.push(self.kept.content.replace(Content::NOTHING), |id| Waiter::Notice(id, notice))
    }

    pub(super) fn remove_callback(self, id: CallbackId) -> bool {
        let removed = self.take_from_list(Key::Callback(id));
        removed.map(|callback| self.kept.drop_waiter(callback)).is_some()
    }

    /// Adds a waiter to `others`, the waiters of a pending future.
    fn push(self, others: Content<T>, waiter: impl FnOnce(CallbackId) -> Waiter<T>) -> CallbackId {
        let mut list = match others {
            Content::Waiters(Waiters::Several(list)) => list,
            Content::Waiters(Waiters::Task(task)) => Box::new(WaiterList::new(Some(Waiter::Task(task)))),
            Content::Waiters(Waiters::None) | Content::Outcome(_) => Box::new(WaiterList::new(None)),
        };
        let id = list.push(waiter);
        self.kept.content.set(Content::Waiters(Waiters::Several(list)));
        id
    }

    /// Removes the waiter at that address.
    pub(super) fn withdraw(self, waiter: *const ()) -> Withdrawn {
        match self.kept.content.replace(Content::NOTHING) {
            Content::Waiters(Waiters::Task(run)) if Rc::as_ptr(&run).cast::<()>() == waiter => {
                return Withdrawn::Waiting(run);
            }
            others => self.kept.content.set(others),
        }
        match self.take_from_list(Key::Task(waiter)) {
            Some(Waiter::Task(run)) => Withdrawn::Waiting(run),
            _ => Withdrawn::Queued,
        }
    }

    fn take_from_list(self, key: Key) -> Option<Waiter<T>> {
        let mut content = self.kept.content.replace(Content::NOTHING);
        let taken = match &mut content {
            Content::Waiters(Waiters::Several(list)) => list.take(key),
            Content::Waiters(Waiters::None | Waiters::Task(_)) | Content::Outcome(_) => None,
        };
        self.kept.content.set(content);
        taken
    }

    /// Queues a waiting task. Only if the future may have failed, the task's next step looks for an exception.
    #[inline]
    fn wake(self, task: Rc<dyn Run>, may_have_failed: bool) {
        if may_have_failed {
            task.will_raise();
        }
        self.kept.scheduler.push(task);
    }

    fn queue(self, waiter: Waiter<T>, may_have_failed: bool, this: &dyn Fn() -> Future<T>) {
        match waiter {
            Waiter::Task(task) => self.wake(task, may_have_failed),
            Waiter::Notice(_, notice) => {
                let this = this().any_future();
                self.queue_callback(None, call_notice(notice, this));
            }
            Waiter::Callback(_, function) => {
                let this = this();
                self.queue_callback(None, move || function(this));
            }
            Waiter::InContext(_, waiter) => {
                let (this, (context, function)) = (this(), *waiter);
                self.queue_callback(Some(context), move || function(this));
            }
        }
    }

    fn queue_callback<R: CallbackResult>(self, context: Option<Context>, function: impl FnOnce() -> R + 'static) {
        self.kept.scheduler.push(callback_in(context, function));
    }
}

/// A function of its own, so that stories of tests can tell these closures, by their names, from callbacks of programs.
fn call_notice<F>(notice: Box<dyn FnOnce(F)>, this: F) -> impl FnOnce() {
    move || notice(this)
}
