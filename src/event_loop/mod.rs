//! Layer 2: the event loop. One thread, one ready queue, one wait a turn.
//!
//! ```text
//!             +------------------------ a turn -------------------------+
//!             |                                                         |
//!  threads -> |  ask the selector    move due timers    run what was    |
//!  signals -> |  (wait, if nothing -> to the ready   -> ready, not what |
//!  sockets -> |   is ready)           queue             that adds       |
//!             +---------------------------------------------------------+
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`      | [`EventLoop`] and [`LoopHandle`]: all that asyncio's loop object does |
//! | `turn.rs`     | one turn |
//! | `spin.rs`     | spinning before the wait |
//! | `timekeeper.rs` | the loop's clock |
//! | `timers.rs`   | what is to run later, by deadline |
//! | `registry.rs` | descriptors: their readiness, and who waits for it |
//! | `watch.rs`    | descriptors that are not ours: callbacks, and operations of the program's own |
//! | `asyncgens.rs` | the async generators that are to be closed with the loop |
//! | `registry/watched.rs` | descriptors that transports watch |
//! | `residents.rs` | what lives in the loop beside tasks |
//! | `memory.rs`   | the memory that reads go to |
//! | `remote.rs`   | [`RemoteHandle`]: the way in for other threads |
//! | `remote_run.rs` | coroutines that other threads send |
//! | `links.rs`    | the loop's futures and threads' futures, of which one follows the other |
//! | `executors.rs` | functions that run in threads, and the loop's default executor |
//! | `extensions.rs` | what rooms above keep for the loop |
//! | `shutdown.rs` | shutting that down |
//! | `run.rs`      | running and closing the loop |
//! | `errors.rs`   | the exception handler |
//! | `weak.rs`     | handles that keep nothing |
//! | `guest.rs`    | life as a guest of another loop |
//! | `forked.rs`   | what a forked child can do with a loop: nothing but drop it |
//! | `identity.rs` | which loop a handle is of, for programs and for people |
//! | `signals.rs`  | signal handlers |
//! | `running.rs`  | which loop runs in this thread, and which is its current one |
//! | `interrupt.rs` | Ctrl-C, while a main task runs |
//!
//! Sources: `Lib/asyncio/{base_events,selector_events,unix_events}.py` of CPython 3.13, for behaviour and order.

use core::cell::{Cell, RefCell};
use core::ops::Deref;
use core::time::Duration;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;

use crate::context::Context;
use crate::coroutine::Exception;
use crate::sys::{
    Clock, Event, MonotonicClock, Process, Selector, SelectorFd, Token, Waiting, Waker, default_selector, signal,
};
use crate::task::{
    AnyTask, Awaitable, Callback, CallbackResult, Future, Handle, Run, Scheduler, Task, TaskBuilder, TaskFactory,
    callback, callback_in, spawn, spawn_with,
};

#[cfg(feature = "async_iter")]
mod asyncgens;
mod errors;
#[cfg(feature = "executor")]
mod executors;
mod extensions;
mod forked;
mod guest;
mod identity;
mod interrupt;
#[cfg(feature = "executor")]
mod links;
mod memory;
mod registry;
mod remote;
#[cfg(feature = "executor")]
mod remote_run;
mod residents;
mod run;
mod running;
#[cfg(feature = "executor")]
mod shutdown;
mod signals;
mod spin;
mod timekeeper;
mod timers;
mod turn;
mod watch;
mod weak;

#[cfg(feature = "async_iter")]
use self::asyncgens::Asyncgens;
#[cfg(feature = "async_iter")]
pub(crate) use self::asyncgens::LiveAsyncgen;
#[cfg(feature = "executor")]
use self::executors::DefaultExecutor;
#[cfg(feature = "executor")]
pub use self::executors::{ThreadCall, ToThread, to_thread};
use self::extensions::Extensions;
pub(crate) use self::interrupt::Interrupts;
#[cfg(feature = "executor")]
use self::links::Links;
pub(crate) use self::memory::{MEMORY, Memory, SpareMemory, smaller};
use self::registry::Registry;
pub(crate) use self::registry::{Left, Registered};
use self::remote::{Inbox, Received};
pub use self::remote::{LoopClosed, RemoteHandle};
pub(crate) use self::residents::Resident;
use self::residents::Residents;
pub(crate) use self::running::{find_running, running, set_current};
#[cfg(feature = "executor")]
pub use self::shutdown::ShutdownExecutor;
use self::signals::{SignalHandler, SignalHandlers};
use self::timekeeper::Timekeeper;
use self::timers::Timers;
pub use self::timers::{CancelOnDrop, TimerHandle};
pub use self::watch::Watched;
pub(crate) use self::weak::WeakLoopHandle;

/// The token of the loop's own waker.
const WAKER: Token = Token(u64::MAX);

/// An event loop: runs callbacks and tasks in one thread, and waits for time and descriptors. asyncio's `EventLoop`.
///
/// This is its owner. What callbacks and coroutines need of it is the [`LoopHandle`] that it dereferences to, and that
/// [`EventLoop::running`] gives them.
///
/// ```
/// use innermost::{EventLoop, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// event_loop.call_soon(|| println!("first"))?;
/// event_loop.run_until_complete(sleep(Duration::from_millis(1)))?;
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Dropping
///
/// Closes the loop, as [`close`](LoopHandle::close) does, and drops its exception handler; where a callback drops it, when
/// the run ends.
///
/// # Forked children
///
/// A loop belongs to the process that made it. In a forked child of that process, [`running`](Self::running) and
/// [`current`](Self::current) find no loop, and the child can make and run loops of its own, even where it was forked in
/// a callback. The parent's loop raises a `RuntimeError` there when it is run, or asked to watch a descriptor; what the
/// child sends to it is refused with [`LoopClosed`]. The child may drop or close everything that it inherits, the loop
/// included: the parent keeps its registrations and is not woken. A child that returns from the callback in which it was
/// forked runs the rest of that turn, then the run ends with the `RuntimeError`. If the child has made a loop of its own in
/// the meantime, it first runs everything that is ready.
///
/// To use an inherited socket in a loop of its own, the child first converts it with `into_std`.
#[derive(Debug)]
pub struct EventLoop(LoopHandle);

/// A way to an event loop, for use in its thread. Clones are handles to the same loop, and do not keep it open.
#[derive(Clone)]
pub struct LoopHandle(Rc<Core>);

/// What a loop consists of.
struct Core {
    scheduler: Rc<Scheduler>,
    process: Process,
    registry: Rc<Registry>,
    timers: RefCell<Timers>,
    clock: Timekeeper,
    /// Whether that goes to the next deadline by itself.
    clock_jumps: bool,
    inbox: Arc<Inbox>,
    /// `None` once the loop is closed: a handle that is kept holds no descriptor.
    waker: RefCell<Option<Arc<Waker>>>,
    received: Rc<Received>,
    #[cfg(feature = "executor")]
    links: Links,
    #[cfg(feature = "executor")]
    default_executor: DefaultExecutor,
    extensions: Extensions,
    /// The selector's descriptor once more, for who waits in the loop's place: to lend that one would be to borrow the
    /// selector while a function of the user's runs.
    fd_for_hosts: Cell<Option<Rc<SelectorFd>>>,
    signal_handlers: RefCell<SignalHandlers>,
    #[cfg(feature = "async_iter")]
    asyncgens: Asyncgens,
    residents: Residents,
    /// Taken out while the loop runs.
    scratch: Cell<Scratch>,
    /// Whether its owner was dropped while it ran: it is closed when the run ends.
    orphaned: Cell<bool>,
    /// How often the loop has run, counted at the end of each run.
    runs: Cell<u64>,
    /// How much has run since the selector was last asked.
    since_select: Cell<usize>,
    /// For how long it spins before it sleeps.
    spin: Cell<Duration>,
}

/// Vectors that are empty between two turns, kept for their memory.
#[derive(Default)]
struct Scratch {
    events: Vec<Event>,
    batch: Vec<Rc<dyn Run>>,
}

impl EventLoop {
    /// A loop over the system's best selector and its monotonic clock.
    ///
    /// # Errors
    ///
    /// The system's: no descriptor is free, or no memory.
    pub fn new() -> Result<Self, Exception> {
        Self::with(default_selector()?, Box::new(MonotonicClock::new()))
    }

    /// A loop over a selector and a clock of the caller's.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with(mut selector: Box<dyn Selector>, clock: Box<dyn Clock>) -> Result<Self, Exception> {
        signal::forget_fork();
        // That nothing will happen before now is true at any time.
        let clock_jumps = clock.wait_until(Some(clock.now())) != Waiting::Sleep;
        let waker = Arc::new(Waker::new()?);
        selector.register(waker.as_fd(), WAKER)?;
        let inbox = Arc::new(Inbox::new(Arc::clone(&waker), clock_jumps));
        let scheduler = Scheduler::new();
        Ok(Self(LoopHandle(Rc::new(Core {
            registry: Rc::new(Registry::new(Rc::clone(&scheduler), selector)),
            timers: RefCell::new(Timers::new()),
            clock_jumps,
            clock: Timekeeper::new(clock),
            received: Received::new(Rc::clone(&scheduler), Arc::clone(&inbox)),
            inbox,
            waker: RefCell::new(Some(waker)),
            #[cfg(feature = "executor")]
            links: Links::default(),
            #[cfg(feature = "executor")]
            default_executor: DefaultExecutor::default(),
            extensions: Extensions::default(),
            fd_for_hosts: Cell::default(),
            signal_handlers: RefCell::default(),
            #[cfg(feature = "async_iter")]
            asyncgens: Asyncgens::default(),
            residents: Residents::default(),
            scratch: Cell::default(),
            orphaned: Cell::new(false),
            runs: Cell::new(0),
            since_select: Cell::new(0),
            spin: Cell::default(),
            process: Process::current(),
            scheduler,
        }))))
    }

    /// A handle for callbacks and coroutines to keep.
    pub fn handle(&self) -> LoopHandle {
        self.0.clone()
    }
}

impl Deref for EventLoop {
    type Target = LoopHandle;

    fn deref(&self) -> &LoopHandle {
        &self.0
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.0.0.orphaned.set(true);
        // Refused only while it runs.
        if self.close().is_ok() {
            self.0.0.scheduler.forget_handler();
        }
    }
}

/// Scheduling.
impl LoopHandle {
    /// Runs `function` in the next turn, after what was queued before, in a copy of the current context.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed.
    pub fn call_soon<R: CallbackResult>(&self, function: impl FnOnce() -> R + 'static) -> Result<Handle, Exception> {
        self.0.scheduler.check_open()?;
        Ok(self.push(callback(function)))
    }

    /// The same, but `function` runs in the given context itself.
    ///
    /// # Errors
    ///
    /// As [`call_soon`](Self::call_soon).
    pub fn call_soon_in<R: CallbackResult>(
        &self,
        context: &Context,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<Handle, Exception> {
        self.0.scheduler.check_open()?;
        Ok(self.push(callback_in(Some(context.clone()), function)))
    }

    fn push(&self, callback: Rc<dyn Callback>) -> Handle {
        self.0.scheduler.push(Rc::clone(&callback) as Rc<dyn Run>);
        Handle::new(callback)
    }

    /// Runs `function` once `delay` has passed. Timers with equal deadlines run in the order in which they were set.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed.
    pub fn call_later<R: CallbackResult>(
        &self,
        delay: Duration,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<TimerHandle, Exception> {
        self.call_at(self.time().saturating_add(delay), function)
    }

    /// Runs `function` once the loop's [`time`](Self::time) has reached `deadline`.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed.
    pub fn call_at<R: CallbackResult>(
        &self,
        deadline: Duration,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<TimerHandle, Exception> {
        self.0.scheduler.check_open()?;
        Ok(self.set_timer(deadline, callback(function)))
    }

    /// As [`call_later`](Self::call_later), but `function` runs in the given context itself.
    ///
    /// # Errors
    ///
    /// As [`call_later`](Self::call_later).
    pub fn call_later_in<R: CallbackResult>(
        &self,
        context: &Context,
        delay: Duration,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<TimerHandle, Exception> {
        self.call_at_in(context, self.time().saturating_add(delay), function)
    }

    /// As [`call_at`](Self::call_at), but `function` runs in the given context itself.
    ///
    /// # Errors
    ///
    /// As [`call_at`](Self::call_at).
    pub fn call_at_in<R: CallbackResult>(
        &self,
        context: &Context,
        deadline: Duration,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<TimerHandle, Exception> {
        self.0.scheduler.check_open()?;
        Ok(self.set_timer(deadline, callback_in(Some(context.clone()), function)))
    }

    /// A future of this loop that is finished once `delay` has passed.
    pub(crate) fn finish_later(&self, delay: Duration) -> Result<Future<()>, Exception> {
        // Read first: the clock may be the user's, and close the loop.
        let deadline = self.time().saturating_add(delay);
        self.0.scheduler.check_open()?;
        let (future, timed) = Future::timed(Rc::clone(&self.0.scheduler));
        self.0.with_timers(|timers| timers.push(deadline, timed));
        Ok(future)
    }

    fn set_timer(&self, deadline: Duration, callback: Rc<dyn Callback>) -> TimerHandle {
        let timed = Rc::clone(&callback) as Rc<_>;
        self.0.with_timers(|timers| timers.push(deadline, timed));
        TimerHandle::new(Handle::new(callback), deadline)
    }

    /// The time on the loop's clock, read now.
    pub fn time(&self) -> Duration {
        self.0.clock.now()
    }

    /// A future of this loop.
    pub fn create_future<T: 'static>(&self) -> Future<T> {
        Future::new(Rc::clone(&self.0.scheduler))
    }

    /// Runs a coroutine as a task; its first step is in the next turn. The loop keeps the task until it has ended,
    /// whether or not anybody keeps the handle.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed.
    pub fn create_task<C>(&self, coroutine: C) -> Result<Task<C::Return>, Exception>
    where
        C: Awaitable + 'static,
    {
        spawn(&self.0.scheduler, coroutine)
    }

    /// A task that is about to be made, to be given a name, a context, or an eager start:
    /// `event_loop.task().name("reader").spawn(coroutine)`.
    pub fn task(&self) -> TaskBuilder<'_, Self> {
        TaskBuilder::new(self)
    }

    /// Has `factory` decide how each task of this loop is made: it is told what was said of the task, and may change it,
    /// or refuse the task by raising. `None` for no such function. asyncio's `set_task_factory`; since a function cannot
    /// take coroutines of all types, it does not make the task itself. Closing the loop drops it.
    ///
    /// ```
    /// use innermost::{EventLoop, ready};
    /// use std::rc::Rc;
    ///
    /// let event_loop = EventLoop::new()?;
    /// event_loop.set_task_factory(Some(Rc::new(|options| {
    ///     options.name.get_or_insert("anonymous".into());
    ///     Ok(())
    /// })));
    /// let task = event_loop.create_task(ready(()))?;
    /// assert_eq!(task.name(), "anonymous");
    /// # event_loop.run_until_complete(task)?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn set_task_factory(&self, factory: Option<TaskFactory>) {
        self.0.scheduler.set_factory(factory);
    }

    /// What was set by [`set_task_factory`](Self::set_task_factory). asyncio's `get_task_factory`.
    pub fn task_factory(&self) -> Option<TaskFactory> {
        self.0.scheduler.factory()
    }

    /// Every task that has not ended, oldest first.
    pub fn all_tasks(&self) -> Vec<AnyTask> {
        self.0.scheduler.live_tasks().into_iter().map(AnyTask::new).collect()
    }

    /// The task whose coroutine runs now, if one does.
    pub fn current_task(&self) -> Option<AnyTask> {
        self.0.scheduler.current().map(AnyTask::new)
    }

    /// A handle for other threads.
    pub fn remote(&self) -> RemoteHandle {
        RemoteHandle::new(Arc::clone(&self.0.inbox))
    }
}

impl LoopHandle {
    /// The memory that reads go to.
    pub(crate) fn spare_memory(&self) -> &SpareMemory {
        self.0.registry.spare()
    }
}

impl LoopHandle {
    /// Counts an operation that was ready at once; `false` when the running task has had its share of the turn.
    pub(crate) fn spend(&self) -> bool {
        self.0.scheduler.spend() || self.0.scheduler.current().is_none()
    }
}

impl TaskBuilder<'_, LoopHandle> {
    /// Makes the task.
    ///
    /// # Errors
    ///
    /// As [`LoopHandle::create_task`]; what the [task factory](LoopHandle::set_task_factory) raises. What the coroutine
    /// raises in an eager step is the task's.
    pub fn spawn<C>(self, coroutine: C) -> Result<Task<C::Return>, Exception>
    where
        C: Awaitable + 'static,
    {
        let Self { spawner, options } = self;
        spawn_with(&spawner.0.scheduler, coroutine, options)
    }
}
