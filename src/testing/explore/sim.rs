//! [`Sim`]: the world of a program that is explored.

use core::fmt;
use core::hash::Hash;
use core::ops::Deref;
use std::rc::Rc;

use super::super::{Host, Hosts, Interface, Network};
use super::faults::Faults;
use super::pilot::Pilot;
use super::plan::Subject;
use super::world::World;
use crate::coroutine::Exception;
use crate::event_loop::{Leftovers, LoopHandle};
use crate::task::{Awaitable, CallbackResult};

/// The world of a program that is explored: an event loop with virtual time, faults, invariants and random numbers.
///
/// It dereferences to the loop's [`LoopHandle`].
pub struct Sim {
    event_loop: LoopHandle,
    pilot: Rc<Pilot>,
    world: World,
}

impl Sim {
    pub(super) fn new(event_loop: LoopHandle, pilot: Rc<Pilot>, seed: u64) -> Self {
        let world = World::new(&pilot, seed);
        Self { event_loop, pilot, world }
    }

    /// Runs the loop, and the hosts if there are any, until an awaitable is done. Returns its result.
    ///
    /// # Errors
    ///
    /// Those of [`run_until_complete`](LoopHandle::run_until_complete), and with hosts those of [`Hosts::run`].
    pub fn run<C: Awaitable + 'static>(&self, awaitable: C) -> Result<C::Return, Exception> {
        let Some(hosts) = self.world.has_hosts() else { return self.event_loop.run_until_complete(awaitable) };
        let task = self.event_loop.create_task(awaitable)?;
        hosts.run_while(|_| !task.done())?;
        task.take_result()
    }

    /// The network between the hosts, and between the tasks of the program's own loop.
    ///
    /// What is lost, how many bytes an operation moves and whether a descriptor is free are choices. So are the turns of
    /// hosts. Latencies are random numbers.
    ///
    /// ```
    /// use innermost::testing::explore;
    /// use innermost::{ByteRead, ByteWrite, CoroutineExt, Step, from_fn, yield_from};
    ///
    /// // Whatever share of the bytes an operation moves, all of them arrive.
    /// let explored = explore(|sim| {
    ///     let network = sim.net().partial();
    ///     let listener = network.interface("server").listen(80)?;
    ///     let client = network.interface("client").connect("server", 80).then(|stream| {
    ///         from_fn(move |mut sent| yield_from!(stream.send(b"hello"), sent).map(Step::Return))
    ///     });
    ///     let sent = sim.create_task(client)?;
    ///     let accept = from_fn(move |mut sent| yield_from!(listener.accept(), sent).map(Step::Return));
    ///     let stream = sim.run(accept)?;
    ///     let mut bytes = [0; 16];
    ///     let mut received = 0;
    ///     let read = from_fn(move |mut sent| loop {
    ///         match yield_from!(stream.recv(&mut bytes), sent)? {
    ///             0 => return Ok(Step::Return(received)),
    ///             count => received += count,
    ///         }
    ///     });
    ///     assert_eq!(sim.run(read)?, sim.run(sent)?);
    ///     Ok(())
    /// })
    /// .schedules(1_000)
    /// .run();
    /// assert_eq!(explored.schedules, 1_000);
    /// ```
    pub fn net(&self) -> &Network {
        self.world.network(&self.event_loop)
    }

    /// Adds a host: a program with a loop of its own. [`Hosts::host`] describes the details.
    ///
    /// Its loop is steered too: the order of its tasks is a choice, its tasks are interrupted, and what it reports to its
    /// exception handler fails the schedule.
    ///
    /// # Errors
    ///
    /// Those of [`Hosts::host`].
    pub fn host<C>(
        &self,
        name: &str,
        main: impl FnOnce(Interface) -> Result<C, Exception> + 'static,
    ) -> Result<Host, Exception>
    where
        C: Awaitable<Return = ()> + 'static,
    {
        self.hosts().host(name, main)
    }

    /// The hosts, to run them and to plan faults at certain times.
    pub fn hosts(&self) -> &Hosts {
        self.world.hosts(&self.event_loop)
    }

    /// A random number. It is the same in each run of one schedule.
    pub fn random(&self) -> u64 {
        self.world.random()
    }

    /// Lets the exploration choose: returns a number below `of`, which is 0 in the natural order.
    ///
    /// ```
    /// use innermost::testing::explore;
    /// use std::collections::BTreeSet;
    ///
    /// let mut seen = BTreeSet::new();
    /// explore(|sim| {
    ///     seen.insert((sim.choose(2), sim.choose(2)));
    ///     Ok(())
    /// })
    /// .run();
    /// assert_eq!(seen, BTreeSet::from([(0, 0), (0, 1), (1, 0), (1, 1)]));
    /// ```
    pub fn choose(&self, of: usize) -> usize {
        self.pilot.choose(Subject::Program, of)
    }

    /// The faults that the exploration tries.
    pub fn faults(&self) -> &Faults {
        &self.pilot.faults
    }

    /// Adds something to what tells states of the program apart, for
    /// [`skip_seen_states`](super::Explore::skip_seen_states), which has an example.
    pub fn state<H: Hash>(&self, state: impl Fn() -> H + 'static) {
        self.pilot.add_state(Box::new(move |mut hasher| state().hash(&mut hasher)));
    }

    /// Calls `check` after each step of a task and each callback. If it raises or panics, the schedule has failed.
    ///
    /// ```
    /// use innermost::testing::explore;
    /// use innermost::{CoroutineExt, sleep};
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use std::time::Duration;
    ///
    /// explore(|sim| {
    ///     let served = Rc::new(Cell::new(0));
    ///     let seen = Rc::clone(&served);
    ///     sim.always(move || assert!(seen.get() <= 2, "more were served than came"));
    ///     for _ in 0..2 {
    ///         let served = Rc::clone(&served);
    ///         sim.create_task(sleep(Duration::ZERO).map(move |()| served.set(served.get() + 1)))?;
    ///     }
    ///     sim.finally(move || assert_eq!(served.get(), 2));
    ///     Ok(())
    /// })
    /// .run();
    /// ```
    pub fn always<R: CallbackResult>(&self, mut check: impl FnMut() -> R + 'static) {
        self.pilot.always(Box::new(move || check().into_result()));
    }

    /// Calls `check` when the program has returned and every task has ended. If it raises or panics, the schedule has
    /// failed. [`always`](Self::always) has an example.
    pub fn finally<R: CallbackResult>(&self, mut check: impl FnMut() -> R + 'static) {
        self.pilot.finally.borrow_mut().push(Box::new(move || check().into_result()));
    }
}

/// Methods for the judgement of a run.
impl Sim {
    /// Runs until no task of the program's own loop is left.
    pub(super) fn run_to_rest(&self) -> Result<(), Exception> {
        match self.world.has_hosts() {
            None => self.event_loop.run_to_rest(),
            Some(hosts) => hosts.run_while(|_| !self.event_loop.is_at_rest()),
        }
    }

    /// What the program has left in its own loop. What is under way in the network is no leak.
    pub(super) fn leftovers(&self) -> Leftovers {
        let leftovers = self.event_loop.leftovers();
        let timers = if self.world.has_network() { 0 } else { leftovers.timers };
        Leftovers { timers, ..leftovers }
    }

    /// Ends the hosts and the network.
    pub(super) fn end(&mut self) {
        self.world.end();
    }
}

impl Deref for Sim {
    type Target = LoopHandle;

    fn deref(&self) -> &LoopHandle {
        &self.event_loop
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("event_loop", &self.event_loop).field("faults", &self.pilot.faults).finish()
    }
}
