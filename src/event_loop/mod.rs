//! The event loop: one thread and one ready queue. It waits when nothing is ready. Layer 2.
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
//! | `mod.rs`        | [`EventLoop`], the owner; [`LoopHandle`], the handle to it; the fields of a loop |
//! | `run.rs`        | running and closing the loop |
//! | `turn.rs`       | one turn |
//! | `spin.rs`       | spinning before the wait |
//! | `running.rs`    | the running loop and the current loop of a thread |
//! | `calls.rs`      | scheduling callbacks, now or later; futures; the time |
//! | `tasks.rs`      | creating tasks and listing them |
//! | `timers.rs`, `timekeeper.rs` | callbacks by deadline; the loop's clock |
//! | `io/`           | descriptors: their readiness, the tasks that wait for it, the memory they are read into |
//! | `remote.rs`     | [`RemoteHandle`]: calling into the loop from other threads |
//! | `threads/`      | functions and coroutines that cross threads, and the futures on both sides |
//! | `signals/`      | signal handlers; Ctrl-C while a main task runs |
//! | `errors.rs`     | setting the exception handler, and reporting to it |
//! | `asyncgens.rs`  | suspended async generators, which are closed with the loop |
//! | `extensions.rs` | state that higher layers attach to the loop |
//! | `guest.rs`      | running as a guest of another loop |
//! | `forked.rs`     | the parent's loop in a forked child, which can only drop it |
//! | `steered.rs`    | running in an order that a test chooses |
//! | `identity.rs`   | comparing and printing handles; weak handles |
//!
//! Sources: `Lib/asyncio/{base_events,selector_events,unix_events}.py` of CPython 3.13, for behaviour and order.

use core::cell::{Cell, RefCell};
use core::ops::Deref;
use core::time::Duration;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;

use crate::coroutine::Exception;
use crate::sys::{
    Clock, MonotonicClock, Process, Selector, SelectorEvent, SelectorFd, SelectorToken, Waiting, Waker,
    default_selector, signal,
};
use crate::task::{Run, Scheduler};

mod asyncgens;
mod calls;
mod errors;
mod extensions;
mod forked;
mod guest;
mod identity;
mod io;
mod remote;
mod run;
mod running;
mod signals;
mod spin;
#[cfg(feature = "testing")]
mod steered;
mod tasks;
#[cfg_attr(not(feature = "executor"), path = "threads/absent.rs")]
mod threads;
mod timekeeper;
mod timers;
mod turn;

use self::asyncgens::Asyncgens;
pub(crate) use self::asyncgens::LiveAsyncgen;
use self::extensions::Extensions;
pub(crate) use self::identity::WeakLoopHandle;
#[cfg(feature = "net")]
pub(crate) use self::io::Operation;
pub use self::io::Watched;
pub(crate) use self::io::{Left, MEMORY, Memory, Registered, Resident, SpareMemory, smaller};
use self::io::{Registry, Residents};
use self::remote::{Inbox, Received};
pub use self::remote::{LoopClosed, RemoteHandle};
pub(crate) use self::running::{find_running, running, set_current};
pub(crate) use self::signals::Interrupts;
use self::signals::SignalHandlers;
#[cfg(feature = "testing")]
pub(crate) use self::steered::Leftovers;
pub use self::tasks::spawn;
use self::threads::Threads;
#[cfg(feature = "executor")]
pub use self::threads::{ShutdownExecutor, ThreadCall, ToThread, to_thread};
use self::timekeeper::Timekeeper;
use self::timers::Timers;
pub use self::timers::{CancelOnDrop, TimerHandle};

/// The token of the loop's own waker.
const WAKER: SelectorToken = SelectorToken(u64::MAX);

/// An event loop: runs callbacks and tasks in one thread, and waits for time and descriptors. asyncio's `EventLoop`.
///
/// `EventLoop` owns the loop. Its methods are those of [`LoopHandle`], to which it dereferences. Callbacks and
/// coroutines get a handle from [`EventLoop::running`].
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
/// Dropping the `EventLoop` closes the loop, as [`close`](LoopHandle::close) does, and drops its exception handler once
/// every failed future has been retrieved or reported. If a callback drops it, this happens when the run ends.
///
/// # Forked children
///
/// A loop belongs to the process that created it. In a forked child:
///
/// - [`running`](Self::running) and [`current`](Self::current) find no loop. The child can create and run its own, even
///   if it was forked inside a callback.
/// - Running the parent's loop, or watching a descriptor with it, raises `RuntimeError`. Sending to it through a
///   [`RemoteHandle`] fails with [`LoopClosed`].
/// - The child may drop or close everything it inherits, including the loop. The parent keeps its registrations and is
///   not woken.
/// - If the child returns from the callback in which it was forked, the rest of that turn runs, and then the run ends
///   with `RuntimeError`. If the child has created a loop meanwhile, everything that is ready runs first.
/// - To use an inherited socket in a loop of its own, the child first converts it with `into_std`.
#[derive(Debug)]
pub struct EventLoop(LoopHandle);

/// A handle to an event loop, for use in the loop's thread.
///
/// Clones refer to the same loop. A handle does not keep the loop open: dropping the [`EventLoop`] closes it.
#[derive(Clone)]
pub struct LoopHandle(Rc<Core>);

/// The fields of a loop.
struct Core {
    scheduler: Rc<Scheduler>,
    process: Process,
    registry: Rc<Registry>,
    timers: RefCell<Timers>,
    clock: Timekeeper,
    /// True if the clock jumps to the next deadline by itself, as a test's clock does.
    clock_jumps: bool,
    inbox: Arc<Inbox>,
    /// `None` once the loop is closed, so that a handle to a closed loop holds no descriptor.
    waker: RefCell<Option<Arc<Waker>>>,
    received: Rc<Received>,
    threads: Threads,
    extensions: Extensions,
    /// A duplicate of the selector's descriptor, for hosts that wait in the loop's place. Lending the original would
    /// keep the selector borrowed while a user's function runs.
    fd_for_hosts: Cell<Option<Rc<SelectorFd>>>,
    signal_handlers: RefCell<SignalHandlers>,
    asyncgens: Asyncgens,
    residents: Residents,
    /// Taken out while the loop runs.
    scratch: Cell<Scratch>,
    /// True if the owner was dropped while the loop ran. The loop is then closed when the run ends.
    orphaned: Cell<bool>,
    /// The number of runs that have ended.
    runs: Cell<u64>,
    /// The number of callbacks and steps since the selector was last asked.
    since_select: Cell<usize>,
    /// How long the loop spins before it sleeps.
    spin: Cell<Duration>,
}

/// Vectors that are empty between turns. They are kept to reuse their memory.
#[derive(Default)]
struct Scratch {
    events: Vec<SelectorEvent>,
    batch: Vec<Rc<dyn Run>>,
}

impl EventLoop {
    /// Creates a loop with the system's best selector and its monotonic clock.
    ///
    /// # Errors
    ///
    /// The system's error if no descriptor or no memory is free.
    pub fn new() -> Result<Self, Exception> {
        Self::with(default_selector().map_err(not_created)?, Box::new(MonotonicClock::new()))
    }

    /// Creates a loop with the given selector and clock.
    ///
    /// ```
    /// use innermost::EventLoop;
    /// use innermost::selector::{MonotonicClock, default_selector};
    ///
    /// let event_loop = EventLoop::with(default_selector()?, Box::new(MonotonicClock::new()))?;
    /// # drop(event_loop);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The system's error if no descriptor or no memory is free. The selector's error if it cannot watch the loop's
    /// waker.
    pub fn with(mut selector: Box<dyn Selector>, clock: Box<dyn Clock>) -> Result<Self, Exception> {
        signal::forget_fork();
        // A wait until now is over at once, so asking about it moves no clock.
        let clock_jumps = clock.wait_until(Some(clock.now())) != Waiting::Sleep;
        let waker = Arc::new(Waker::new().map_err(not_created)?);
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
            threads: Threads::default(),
            extensions: Extensions::default(),
            fd_for_hosts: Cell::default(),
            signal_handlers: RefCell::default(),
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

    /// Returns a handle to the loop, which callbacks and coroutines can keep.
    pub fn handle(&self) -> LoopHandle {
        self.0.clone()
    }
}

#[cold]
fn not_created(error: std::io::Error) -> Exception {
    Exception::from(error).with_note("creating an event loop")
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
        // Closing fails only while the loop runs. Then the end of the run closes it.
        if self.close().is_ok() {
            self.0.0.scheduler.forget_handler();
        }
    }
}
