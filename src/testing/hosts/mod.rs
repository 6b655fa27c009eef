//! [`Hosts`]: programs that run side by side in one thread and one virtual time, connected by a simulated network.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`     | [`Hosts`]: whose turn it is, and when time moves on |
//! | `host.rs`    | [`Host`]: one of them |
//! | `threads.rs` | what a host does in threads; `no_threads.rs` stands in for it if the feature `executor` is off |
//!
//! Each host has an event loop, which is run turn by turn as a guest. The network has one too: its timers are what is under
//! way. While any of the loops has something to do, one of them is chosen and takes a turn. When none has, the clock that
//! they share jumps to the next deadline. A small message to another host and back takes a microsecond of real time.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::rc::Rc;
use std::thread;

use super::VirtualClock;
use super::decisions::{Decider, Decision, Seeded};
use super::network::{Crash, Interface, Network};
use super::virtual_loop::virtual_loop_with;
use crate::coroutine::{Exception, Kind};
use crate::event_loop::{EventLoop, LoopHandle};
use crate::sys::Instant;
use crate::task::Awaitable;

mod host;
#[cfg_attr(not(feature = "executor"), path = "no_threads.rs")]
mod threads;

pub use self::host::Host;
use self::host::bury;

/// A simulation: hosts with an event loop each, in one thread and one virtual time, connected by a [`Network`].
///
/// Which host takes the next turn is random, as on real machines of different speed. Everything random follows from the
/// seed: the same seed gives the same events in the same order. A year takes no time.
///
/// ```
/// use innermost::server::GracefulServer;
/// use innermost::testing::{Crash, Hosts};
/// use innermost::{ByteRead, ByteWrite, CoroutineExt, Step, from_fn, yield_from};
/// use std::time::Duration;
///
/// let hosts = Hosts::new(7)?;
/// hosts.network().latency(Duration::from_millis(1)..Duration::from_millis(20)).lose(0.01);
/// let server = hosts.host("server", |interface| {
///     Ok(GracefulServer::new(interface.listen(80)?, |stream, _stop| {
///         Ok(from_fn(move |mut sent| {
///             yield_from!(stream.send(b"hello"), sent)?;
///             Ok(Step::Return(()))
///         }))
///     }))
/// })?;
/// let client = hosts.host("client", |interface| {
///     Ok(interface.connect("server", 80).then(|stream| {
///         let mut bytes = [0; 16];
///         from_fn(move |mut sent| {
///             assert_eq!(yield_from!(stream.recv(&mut bytes), sent)?, 5);
///             Ok(Step::Return(()))
///         })
///     }))
/// })?;
/// hosts.run_until(&client)?;
/// server.crash(Crash::Resets);
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// A host's loop has no descriptors. Functions for threads run at once, where they are submitted, and take no time.
pub struct Hosts {
    clock: VirtualClock,
    decider: Rc<dyn Decider>,
    network: Network,
    /// Its timers are what is under way in the network.
    event_loop: LoopHandle,
    /// The owner of that loop, unless it belongs to somebody else.
    _owned: Option<EventLoop>,
    hosts: RefCell<Vec<Host>>,
    /// The time at which a run fails.
    limit: Cell<Instant>,
    /// How many turns there were since the clock last moved.
    turns: Cell<u32>,
    /// The loops of programs that have crashed. They are closed when no loop is running.
    graves: Rc<RefCell<Vec<EventLoop>>>,
    /// Who has something to do: kept to reuse its memory.
    ready: RefCell<Vec<Option<Host>>>,
}

impl Hosts {
    /// Creates a simulation without hosts. Random decisions follow from `seed`.
    ///
    /// # Errors
    ///
    /// The system's error if no descriptor is free. Each loop takes one.
    pub fn new(seed: u64) -> Result<Self, Exception> {
        let (clock, decider) = (VirtualClock::new(), Rc::new(Seeded::new(seed)) as Rc<dyn Decider>);
        let owned = virtual_loop_with(clock.clone())?;
        let network = Network::deciding(&owned, Rc::clone(&decider));
        let mut hosts = Self::around(&owned, &clock, &network, decider);
        hosts._owned = Some(owned);
        Ok(hosts)
    }

    /// Creates a simulation whose network is in a loop of somebody else. `clock` is that of the loop.
    pub(super) fn around(
        event_loop: &LoopHandle,
        clock: &VirtualClock,
        network: &Network,
        decider: Rc<dyn Decider>,
    ) -> Self {
        let (clock, network, event_loop) = (clock.clone(), network.clone(), event_loop.clone());
        let (_owned, hosts, turns, graves, ready) = Default::default();
        Self { clock, decider, network, event_loop, _owned, hosts, limit: Cell::new(A_WEEK), turns, graves, ready }
    }

    /// Returns the network between the hosts.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the time, which is the same for all hosts and begins at zero.
    pub fn time(&self) -> Instant {
        self.event_loop.time()
    }

    /// Adds a host. Its `main` is called with the host's interface to the network, in the first turn of the host's loop. It
    /// returns the coroutine that the host runs.
    ///
    /// # Errors
    ///
    /// `ValueError` if there is a host of that name. The system's error if no descriptor is free.
    pub fn host<C>(
        &self,
        name: &str,
        main: impl FnOnce(Interface) -> Result<C, Exception> + 'static,
    ) -> Result<Host, Exception>
    where
        C: Awaitable<Return = ()> + 'static,
    {
        if self.hosts.borrow().iter().any(|host| host.name() == name) {
            return Err(Exception::message(Kind::ValueError, format!("there is a host {name:?} already")));
        }
        let host = Host::new(self.network.interface(name), &self.clock, &self.decider, &self.graves);
        host.restart(main)?;
        self.hosts.borrow_mut().push(host.clone());
        Ok(host)
    }

    /// Calls `function` after `delay`, between the turns of hosts: for a fault at a certain time, such as a partition or a
    /// crash.
    ///
    /// # Errors
    ///
    /// Never, while the simulation exists.
    pub fn call_later(&self, delay: Duration, function: impl FnOnce() + 'static) -> Result<(), Exception> {
        self.event_loop.call_later(delay, function).map(drop)
    }

    /// Sets the time at which a run fails with `TimeoutError`: after a week, if this is not called.
    pub fn set_limit(&self, time: Instant) {
        self.limit.set(time);
    }

    /// Runs until the main coroutine of each host has ended, or the host has crashed.
    ///
    /// # Errors
    ///
    /// - The exception of a main coroutine that fails, with a note that names the host.
    /// - `RuntimeError` if all hosts would wait forever. It lists their tasks, and what each waits for.
    /// - `RuntimeError` if the hosts take a million turns without waiting, and `TimeoutError` at the [limit](Self::set_limit).
    ///   Both list the tasks too.
    /// - The `KeyboardInterrupt` of a task or a callback.
    pub fn run(&self) -> Result<(), Exception> {
        self.run_while(|hosts| hosts.hosts.borrow().iter().any(Host::is_running))
    }

    /// Runs until the main coroutine of that host has ended, or the host has crashed. Other hosts, such as servers, stay as
    /// they are.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    pub fn run_until(&self, host: &Host) -> Result<(), Exception> {
        self.run_while(|_| host.is_running())
    }

    /// Runs for so long, even if all hosts wait.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    pub fn run_for(&self, time: Duration) -> Result<(), Exception> {
        let is_over = Rc::new(Cell::new(false));
        let over = Rc::clone(&is_over);
        self.call_later(time, move || over.set(true))?;
        self.run_while(|_| !is_over.get())
    }

    pub(super) fn run_while(&self, goes_on: impl Fn(&Self) -> bool) -> Result<(), Exception> {
        self.turns.set(0);
        while goes_on(self) {
            self.step()?;
        }
        bury(&self.graves);
        Ok(())
    }

    /// Gives a turn to somebody who has something to do, or moves the clock.
    fn step(&self) -> Result<(), Exception> {
        bury(&self.graves);
        let next = self.find_ready();
        let mut ready = self.ready.borrow_mut();
        if ready.is_empty() {
            drop(ready);
            return self.wait(next);
        }
        let turns = self.turns.replace(self.turns.get() + 1);
        if turns == MANY_TURNS {
            return Err(
                self.stuck(Kind::RuntimeError, "livelock: the hosts have taken a million turns without waiting")
            );
        }
        let chosen = self.decider.choose(Decision::Turn, ready.len());
        let chosen = ready.drain(..).nth(chosen).flatten();
        drop(ready);
        self.decider.turn(chosen.as_ref().map(Host::name));
        let Some(host) = chosen else { return self.event_loop.run_once() };
        host.event_loop().map_or(Ok(()), |event_loop| event_loop.run_once())?;
        host.outcome().unwrap_or(Ok(()))
    }

    /// Lists who has something to do. The network is `None`. Returns the first deadline of the others.
    fn find_ready(&self) -> Option<Instant> {
        let (now, mut next, mut ready) = (self.time(), None, self.ready.borrow_mut());
        let mut look = |event_loop: &LoopHandle| match event_loop.next_deadline() {
            Some(deadline) if deadline <= now => true,
            Some(deadline) => {
                next = Some(next.map_or(deadline, |next: Instant| next.min(deadline)));
                event_loop.has_remote_calls()
            }
            None => event_loop.has_remote_calls(),
        };
        if look(&self.event_loop) {
            ready.push(None);
        }
        for host in &*self.hosts.borrow() {
            if host.look(&mut look) {
                ready.push(Some(host.clone()));
            }
        }
        next
    }

    /// Nobody has anything to do before `next`.
    fn wait(&self, next: Option<Instant>) -> Result<(), Exception> {
        if self.hosts.borrow().iter().any(|host| host.look(LoopHandle::awaits_thread)) {
            thread::sleep(A_MOMENT);
            return Ok(());
        }
        let Some(next) = next else {
            return Err(self.stuck(Kind::RuntimeError, "deadlock: all hosts would wait forever"));
        };
        if next > self.limit.get() {
            return Err(self.stuck(Kind::TimeoutError, "the hosts have not ended in time"));
        }
        self.clock.advance(next - self.time());
        self.turns.set(0);
        Ok(())
    }

    /// The exception for hosts that do not end. It lists the pending tasks of each.
    #[cold]
    fn stuck(&self, kind: Kind, what: &str) -> Exception {
        let mut text = String::from(what);
        for host in &*self.hosts.borrow() {
            let tasks = host.event_loop().map_or_else(Vec::new, |event_loop| event_loop.pending_tasks());
            text.extend(tasks.iter().map(|task| format!("\n  {}: {task}", host.name())));
        }
        Exception::message(kind, text)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        // What the programs clean up does not reach the network, which is about to end too.
        for host in self.hosts.take() {
            host.crash(Crash::Silent);
        }
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.hosts.borrow();
        f.debug_struct("Hosts").field("time", &self.time()).field("hosts", &*hosts).finish_non_exhaustive()
    }
}

const A_WEEK: Instant = Instant::from_zero(Duration::from_secs(7 * 24 * 3600));

/// How many turns the hosts may take without any of them waiting.
const MANY_TURNS: u32 = 1_000_000;

/// How long to wait for a thread before looking again.
const A_MOMENT: Duration = Duration::from_micros(50);
