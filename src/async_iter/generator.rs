//! [`AsyncGenerator`]: drives a producer item by item. Its loop closes it if nobody else does.
//!
//! ```text
//!             a next begins              yields Await
//!  created --------------+            +--------------> awaiting: the next is under way
//!                        v            |                   |
//!                     resume the producer <---------------+ the task resumes
//!                        ^            |
//!             a next begins           | yields Item          returns, raises, panics: over
//!                        +--------- at an item
//! ```
//!
//! Invariants:
//!
//! 1. While the producer runs, it is borrowed, and the generator counts as over. A panic leaves it over.
//! 2. One operation at a time is under way. A second one raises `RuntimeError`, unless the first was abandoned: its
//!    coroutine was dropped, or its task has gone on to something else.
//! 3. The loop knows the generator from its first step until it is over or dropped.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::mem;
use std::rc::Rc;

use super::{AsyncIterator, Close, NextItem, Produced, Producer};
use crate::coroutine::{Driven, Exception, Kind, Printing, Stack, Step, drop_flat};
use crate::event_loop::{LiveAsyncgen, LoopHandle, WeakLoopHandle, running};
use crate::scope::Progress;
use crate::task::{AnyTask, Awaitable, ErrorContext, Scheduler, WeakTask};

/// A generator whose body can await. Python's async generator.
///
/// The body is a coroutine that yields [`Produced`]: items for the consumer, and waits for the task. It awaits through
/// [`awaiting`](super::awaiting), and delegates directly to other producers of the same items.
///
/// A generator is a handle: clones refer to the same generator, which serves one consumer at a time. While one task
/// waits for [`next`](AsyncIterator::next), the same call in a second task raises the `RuntimeError` "anext():
/// asynchronous generator is already running". Outside of tasks, the generator cannot tell consumers apart.
///
/// ```
/// use innermost::async_iter::{AsyncGenerator, AsyncIterator, Produced};
/// use innermost::{EventLoop, Exception, Step, from_fn};
///
/// let mut count = 0;
/// let numbers = AsyncGenerator::new(from_fn(move |sent: Result<(), Exception>| {
///     sent?;
///     count += 1;
///     Ok(if count < 4 { Step::Yield(Produced::Item(count)) } else { Step::Return(()) })
/// }));
/// let event_loop = EventLoop::new()?;
/// assert_eq!(event_loop.run_until_complete(numbers.anext())?, Some(1));
/// let rest: Vec<_> = event_loop.run_until_complete(numbers.collect())?;
/// assert_eq!(rest, [2, 3]);
/// # Ok::<(), Exception>(())
/// ```
///
/// # Closing and dropping
///
/// [`aclose`](Self::aclose) throws `GeneratorExit` into the body. The body may await while it cleans up. The coroutines
/// that it awaits, and the producers that it delegates to, may not (PEP 380). When the last handle to a suspended
/// generator is dropped, its loop closes it in a new task. [`aclosing`](super::aclosing) closes it in the consumer's
/// task instead. [`shutdown_asyncgens`](LoopHandle::shutdown_asyncgens) closes all suspended generators before the loop
/// ends.
///
/// When its loop closes, a suspended generator is closed at once, even if handles remain. Its body can clean up, but
/// cannot await. The same happens to a generator that is dropped after its loop has closed, or that was never in a
/// loop. While a panic unwinds, a generator that is dropped runs none of its body.
pub struct AsyncGenerator<P: Producer + 'static>(pub(super) Rc<Shared<P>>);

pub(super) struct Shared<P: Producer + 'static> {
    driver: RefCell<Stack<P>>,
    standing: Cell<Standing>,
    /// The consumer that began the operation under way.
    consumer: RefCell<Consumer>,
    home: RefCell<Option<Home>>,
    /// `true` if an `aclose` has begun. A loop closes no generator twice.
    closed: Cell<bool>,
}

/// The loop in which a generator has started. The handle is weak, so that a generator does not keep its loop alive.
struct Home {
    event_loop: WeakLoopHandle,
    /// Reports exceptions, even after the loop is gone.
    scheduler: Rc<Scheduler>,
    /// The key of the generator in the loop's list.
    key: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Created,
    AtItem,
    Awaiting,
    Over,
}

/// The consumer that began the operation under way.
pub(super) enum Consumer {
    /// Nobody, or a consumer that has lost interest.
    Nobody,
    /// A [`NextItem`] or a [`Close`], which keeps track itself.
    Operation,
    /// A [`Next`](super::Next). It is created afresh at each resume, so its task identifies it; `None` outside of a
    /// task. The handle is weak, because the task may hold or return the generator.
    Task(Option<WeakTask>),
}

impl<P: Producer + 'static> AsyncGenerator<P> {
    /// Creates a generator. Its body starts with the first operation.
    pub fn new(producer: P) -> Self {
        Self(Rc::new(Shared {
            driver: RefCell::new(Stack::new(producer)),
            standing: Cell::new(Standing::Created),
            consumer: RefCell::new(Consumer::Nobody),
            home: RefCell::new(None),
            closed: Cell::new(false),
        }))
    }

    /// Returns a coroutine that waits for the next item, or returns `None` at the end. Python's `anext`.
    ///
    /// The coroutine can be stored, or run as a task. A machine that holds the generator can call
    /// [`next`](AsyncIterator::next) instead, and store nothing.
    ///
    /// # Errors
    ///
    /// Awaiting it raises whatever the body raises, and `RuntimeError` while another operation is under way.
    pub fn anext(&self) -> NextItem<P> {
        NextItem::anext(self.clone())
    }

    /// Returns a coroutine that sends `value` to the body and waits for the next item. Python's `asend`.
    ///
    /// The yield at which the body is suspended evaluates to `value`.
    ///
    /// # Errors
    ///
    /// Awaiting it raises whatever the body raises, and `RuntimeError` while another operation is under way. It raises
    /// `TypeError` if the body has not started, because no yield could take the value; a value without information,
    /// such as `()`, starts the body instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::async_iter::{AsyncGenerator, Produced};
    /// use innermost::{EventLoop, Exception, Step, from_fn};
    ///
    /// let doubler = AsyncGenerator::new(from_fn(|sent: Result<u32, Exception>| {
    ///     Ok(Step::Yield::<_, _, ()>(Produced::Item(2 * sent?)))
    /// }));
    /// let event_loop = EventLoop::new()?;
    /// assert_eq!(event_loop.run_until_complete(doubler.anext())?, Some(0));
    /// assert_eq!(event_loop.run_until_complete(doubler.asend(21))?, Some(42));
    /// event_loop.run_until_complete(doubler.aclose())?;
    /// assert_eq!(event_loop.run_until_complete(doubler.anext())?, None);
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn asend(&self, value: P::Input) -> NextItem<P> {
        NextItem::asend(self.clone(), value)
    }

    /// Returns a coroutine that throws `exception` into the body and waits for the next item. Python's `athrow`.
    ///
    /// It returns `None` if the generator has ended.
    ///
    /// # Errors
    ///
    /// Awaiting it raises whatever the body raises, and `RuntimeError` while another operation is under way. If the
    /// body has not started, it never will, and `exception` itself is raised.
    pub fn athrow(&self, exception: impl Into<Exception>) -> NextItem<P> {
        NextItem::athrow(self.clone(), exception.into())
    }

    /// Returns a coroutine that closes the generator and waits until the body has ended. Python's `aclose`.
    ///
    /// It throws `GeneratorExit` into the body. It has no effect on a generator that has ended.
    ///
    /// # Errors
    ///
    /// Awaiting it raises any other exception that the body raises, and `RuntimeError` while another operation is under
    /// way. It raises the `RuntimeError` "async generator ignored GeneratorExit" if the body yields an item; the body
    /// then stays suspended there.
    pub fn aclose(&self) -> Close<P> {
        Close::new(self.clone())
    }
}

impl<P: Producer + 'static> AsyncIterator for AsyncGenerator<P> {
    type Item = P::Item;

    fn resume_next(&mut self, sent: Result<(), Exception>) -> Progress<Option<P::Item>> {
        let shared = &self.0;
        if shared.standing.get() == Standing::Awaiting {
            if !shared.is_consumed_here() && !shared.is_closed_with_its_consumer(&sent) {
                return Err(already_running("anext"));
            }
            return shared.resume(sent.map(|()| P::Input::default()));
        }
        // Nothing is under way, so an exception that is thrown in is the consumer's own.
        sent?;
        let step = shared.start("anext", Ok(P::Input::default()))?;
        if let Step::Yield(_) = &step {
            shared.set_consumer(Consumer::Task(current_task().map(|task| task.downgrade())));
        }
        Ok(step)
    }
}

impl<P: Producer + 'static> Shared<P> {
    pub(super) fn standing(&self) -> Standing {
        self.standing.get()
    }

    /// Returns a `RuntimeError` if another operation is under way. `operation` names the new one.
    pub(super) fn check_idle(&self, operation: &str) -> Result<(), Exception> {
        let runs = self.driver.try_borrow_mut().is_err();
        if runs || (self.standing.get() == Standing::Awaiting && !self.is_abandoned()) {
            return Err(already_running(operation));
        }
        Ok(())
    }

    /// Begins an operation: resumes the body with `sent`, if the generator has not ended.
    pub(super) fn start(
        self: &Rc<Self>,
        operation: &str,
        sent: Result<P::Input, Exception>,
    ) -> Progress<Option<P::Item>> {
        self.check_idle(operation)?;
        match self.standing.get() {
            Standing::Over => return Ok(Step::Return(None)),
            Standing::Created => match sent {
                Ok(_) => self.settle(),
                Err(thrown) => {
                    self.end_unstarted();
                    return Err(thrown);
                }
            },
            Standing::AtItem | Standing::Awaiting => {}
        }
        self.resume(sent)
    }

    /// Adds the generator to the list of the running loop, if there is one.
    fn settle(self: &Rc<Self>) {
        if let Ok(event_loop) = running() {
            let key = event_loop.remember_asyncgen(self);
            self.home.replace(Some(Home::new(&event_loop, Some(key))));
        }
    }

    /// Ends a generator whose body has not started.
    pub(super) fn end_unstarted(&self) {
        self.standing.set(Standing::Over);
        let driver = self.driver.replace(Stack::ended());
        drop(driver);
    }

    /// Resumes the body to its next yield, or to its end, which is `None`.
    pub(super) fn resume(&self, sent: Result<P::Input, Exception>) -> Progress<Option<P::Item>> {
        let Ok(mut driver) = self.driver.try_borrow_mut() else { return Err(already_running("anext")) };
        self.standing.set(Standing::Over);
        let driven = driver.resume(sent);
        drop(driver);
        match driven {
            Driven::Yield(Produced::Await(awaited)) => {
                self.standing.set(Standing::Awaiting);
                Ok(Step::Yield(awaited))
            }
            Driven::Yield(Produced::Item(item)) => {
                self.standing.set(Standing::AtItem);
                self.set_consumer(Consumer::Nobody);
                Ok(Step::Return(Some(item)))
            }
            Driven::End(outcome) => {
                self.set_consumer(Consumer::Nobody);
                self.leave_home();
                outcome.map(|()| Step::Return(None))
            }
        }
    }

    fn leave_home(&self) -> Option<Home> {
        let home = self.home.take()?;
        if let (Some(key), Some(event_loop)) = (home.key, home.event_loop.upgrade()) {
            event_loop.forget_asyncgen(key);
        }
        Some(home)
    }

    pub(super) fn set_consumer(&self, consumer: Consumer) {
        let former = self.consumer.replace(consumer);
        drop(former);
    }

    pub(super) fn set_closed(&self) {
        self.closed.set(true);
    }

    /// Returns `true` if a [`Next`](super::Next) of this task, or nobody, began the operation that is under way.
    fn is_consumed_here(&self) -> bool {
        let operation = matches!(*self.consumer.borrow(), Consumer::Operation);
        !operation && self.is_abandoned()
    }

    /// Returns `true` if the operation that is under way is being closed from outside, with the task that began it: no task
    /// runs then.
    fn is_closed_with_its_consumer(&self, sent: &Result<(), Exception>) -> bool {
        let is_closing = sent.as_ref().err().is_some_and(Exception::is_generator_exit);
        is_closing && matches!(*self.consumer.borrow(), Consumer::Task(_)) && current_task().is_none()
    }

    /// Returns `true` if nobody will finish the operation that is under way. A task does one thing at a time: if the
    /// current task began the operation, and now begins another one, it has abandoned the first.
    fn is_abandoned(&self) -> bool {
        match &*self.consumer.borrow() {
            Consumer::Nobody | Consumer::Task(None) => true,
            Consumer::Operation => false,
            Consumer::Task(Some(task)) => match task.upgrade() {
                Some(task) => task.done() || current_task().is_some_and(|current| current.is(&task)),
                None => true,
            },
        }
    }
}

impl Home {
    fn new(event_loop: &LoopHandle, key: Option<u64>) -> Self {
        Self { event_loop: event_loop.downgrade(), scheduler: Rc::clone(event_loop.scheduler()), key }
    }

    /// Returns the loop while it is open.
    fn open(&self) -> Option<LoopHandle> {
        self.event_loop.upgrade().filter(|event_loop| !event_loop.is_closed())
    }
}

fn current_task() -> Option<AnyTask> {
    running().ok()?.current_task()
}

#[cold]
fn already_running(operation: &str) -> Exception {
    Exception::message(Kind::RuntimeError, format!("{operation}(): asynchronous generator is already running"))
}

impl<P: Producer + 'static> LiveAsyncgen for Shared<P> {
    fn aclose(self: Rc<Self>) -> Box<dyn Awaitable<Return = ()>> {
        Box::new(AsyncGenerator(self).aclose())
    }

    fn abandon(&self) -> Option<Exception> {
        // A generator that is being printed is closed when it is dropped.
        let driver = mem::replace(&mut *self.driver.try_borrow_mut().ok()?, Stack::ended());
        let is_suspended = matches!(self.standing.replace(Standing::Over), Standing::AtItem | Standing::Awaiting);
        self.set_consumer(Consumer::Nobody);
        self.home.take();
        is_suspended.then_some(driver)?.abandon()
    }
}

/// Lets the loop close a suspended generator. [`AsyncGenerator`] describes how.
impl<P: Producer + 'static> Drop for Shared<P> {
    fn drop(&mut self) {
        let home = self.leave_home();
        let driver = mem::replace(self.driver.get_mut(), Stack::ended());
        let standing = self.standing.get();
        // Without recursion, because the generator may hold other generators.
        drop_flat(Remains { driver: Some(driver), standing, home, closed: self.closed.get() });
    }
}

/// The parts of a generator whose last handle was dropped.
struct Remains<P: Producer + 'static> {
    driver: Option<Stack<P>>,
    standing: Standing,
    home: Option<Home>,
    closed: bool,
}

impl<P: Producer + 'static> Drop for Remains<P> {
    fn drop(&mut self) {
        let suspended = matches!(self.standing, Standing::AtItem | Standing::Awaiting);
        if !suspended || std::thread::panicking() {
            return;
        }
        let Some(driver) = self.driver.take() else { return };
        match self.home.as_ref().and_then(Home::open) {
            Some(event_loop) if !self.closed => {
                let again = AsyncGenerator(Rc::new(Shared {
                    driver: RefCell::new(driver),
                    standing: Cell::new(self.standing),
                    consumer: RefCell::new(Consumer::Nobody),
                    home: RefCell::new(Some(Home::new(&event_loop, None))),
                    closed: Cell::new(false),
                }));
                close_in_a_task(&event_loop, again);
            }
            _ => {
                if let (Some(raised), Some(home)) = (driver.abandon(), &self.home) {
                    let context = ErrorContext::new("Exception ignored while closing an asynchronous generator");
                    home.scheduler.report(context.caused_by(raised));
                }
            }
        }
    }
}

/// Queues a callback that creates the task, as CPython's hook does. If the loop ends first, it drops the callback and
/// with it the generator, which is then closed at once.
fn close_in_a_task<P: Producer + 'static>(home: &LoopHandle, generator: AsyncGenerator<P>) {
    let close = move || {
        if let Ok(event_loop) = running() {
            drop(event_loop.create_task(generator.aclose()));
        }
    };
    // Never refused, because the loop is open.
    let _ = home.call_soon(close);
}

impl<P: Producer + 'static> Clone for AsyncGenerator<P> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<P: Producer + 'static> fmt::Debug for AsyncGenerator<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<P: Producer + 'static> fmt::Debug for Shared<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AsyncGenerator");
        shown.field("standing", &self.standing.get());
        // A frame that waits for an item of another generator shows that generator, and so on.
        let Some(_printing) = Printing::begin_quoted() else { return shown.finish_non_exhaustive() };
        let frames = self.driver.try_borrow_mut().ok().map(|driver| driver.describe());
        shown.field("frames", &frames).finish()
    }
}
