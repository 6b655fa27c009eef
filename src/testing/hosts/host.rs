//! [`Host`]: one host of a simulation, and its main task.

use core::cell::RefCell;
use core::fmt;
use core::mem;
use std::rc::Rc;

use super::super::VirtualClock;
use super::super::decisions::Decider;
use super::super::network::{Crash, Interface};
use super::super::virtual_loop::virtual_loop_with;
use super::threads::do_without;
use crate::coroutine::{Coroutine, Exception, Resumed, State};
use crate::event_loop::{EventLoop, LoopHandle, find_running};
use crate::task::{Await, Awaitable, Task};

/// A host of a simulation: a program with an event loop of its own, and an interface to the network. Made by
/// [`Hosts::host`](super::Hosts::host). Clones are the same host.
#[derive(Clone)]
pub struct Host(Rc<Parts>);

struct Parts {
    interface: Interface,
    clock: VirtualClock,
    decider: Rc<dyn Decider>,
    /// `None` after a crash.
    event_loop: RefCell<Option<EventLoop>>,
    /// `None` once it has ended, and after a crash.
    main: RefCell<Option<Task<()>>>,
    /// The loops of crashed programs. They are closed when no loop is running.
    graves: Rc<RefCell<Vec<EventLoop>>>,
}

impl Host {
    pub(super) fn new(
        interface: Interface,
        clock: &VirtualClock,
        decider: &Rc<dyn Decider>,
        graves: &Rc<RefCell<Vec<EventLoop>>>,
    ) -> Self {
        let (clock, decider, graves) = (clock.clone(), Rc::clone(decider), Rc::clone(graves));
        let (event_loop, main) = Default::default();
        Self(Rc::new(Parts { interface, clock, decider, event_loop, main, graves }))
    }

    /// Returns the name of the host.
    pub fn name(&self) -> &str {
        self.0.interface.name()
    }

    /// Returns the host's interface to the network.
    pub fn interface(&self) -> &Interface {
        &self.0.interface
    }

    /// Returns the host's event loop, unless the host has crashed.
    pub fn event_loop(&self) -> Option<LoopHandle> {
        self.0.event_loop.borrow().as_ref().map(EventLoop::handle)
    }

    /// Returns `true` while the main coroutine has not ended, and the host has not crashed.
    pub fn is_running(&self) -> bool {
        self.0.main.borrow().is_some()
    }

    /// Ends the program at once, as if it had been killed or its machine had lost its power: `crash` says what its peers see.
    ///
    /// The tasks are closed, so that what they own is freed. What they do while they are closed does not reach the network.
    /// If a loop is running now, the tasks are closed when its turn is over.
    pub fn crash(&self, crash: Crash) {
        self.0.interface.crash(crash);
        drop(self.0.main.take());
        let event_loop = self.0.event_loop.take();
        self.0.graves.borrow_mut().extend(event_loop);
        if find_running().is_none() {
            bury(&self.0.graves);
        }
    }

    /// Starts the host again after a crash, with a new loop and a new main coroutine. A host that has not crashed crashes
    /// first, as by [`Crash::Resets`].
    ///
    /// # Errors
    ///
    /// The system's error if no descriptor is free for the loop.
    pub fn restart<C>(&self, main: impl FnOnce(Interface) -> Result<C, Exception> + 'static) -> Result<(), Exception>
    where
        C: Awaitable<Return = ()> + 'static,
    {
        if self.0.event_loop.borrow().is_some() {
            self.crash(Crash::Resets);
        }
        let event_loop = virtual_loop_with(self.0.clock.clone())?;
        do_without(&event_loop);
        self.0.decider.adopt(&event_loop);
        self.0.interface.restart();
        let main = event_loop.create_task(Main::Starting(main, self.0.interface.clone()))?;
        self.0.main.replace(Some(main));
        self.0.event_loop.replace(Some(event_loop));
        Ok(())
    }

    /// Asks the host's loop. The answer is `false` after a crash.
    pub(super) fn look(&self, question: impl FnOnce(&LoopHandle) -> bool) -> bool {
        self.0.event_loop.borrow().as_ref().is_some_and(|event_loop| question(event_loop))
    }

    /// Returns the outcome of the main coroutine if it has just ended.
    pub(super) fn outcome(&self) -> Option<Result<(), Exception>> {
        let ended = self.0.main.borrow_mut().take_if(|main| main.done())?;
        Some(ended.result().map_err(|raised| raised.with_note(format!("host {}", self.name()))))
    }
}

/// Closes the loops of crashed programs.
pub(super) fn bury(graves: &RefCell<Vec<EventLoop>>) {
    if graves.borrow().is_empty() {
        return;
    }
    for event_loop in graves.take() {
        // That its tasks are pending is no fault.
        event_loop.set_exception_handler(|_| {});
        drop(event_loop);
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match (self.is_running(), self.0.event_loop.borrow().is_some()) {
            (true, _) => "running",
            (false, true) => "ended",
            (false, false) => "crashed",
        };
        write!(f, "Host({}, {stage})", self.name())
    }
}

/// Calls the main function in the first step, so that it runs inside the loop.
enum Main<F, C> {
    Starting(F, Interface),
    Started(C),
    Over,
}

impl<F, C> Coroutine for Main<F, C>
where
    F: FnOnce(Interface) -> Result<C, Exception>,
    C: Awaitable<Return = ()>,
{
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if let Self::Started(main) = self {
            return main.resume(sent);
        }
        sent?;
        let Self::Starting(main, interface) = mem::replace(self, Self::Over) else { return Err(Exception::reused()) };
        *self = Self::Started(main(interface)?);
        self.resume(Ok(()))
    }

    fn state(&self) -> State<'_> {
        match self {
            Self::Started(main) => main.state(),
            Self::Starting(..) => State::new("main", &"starting"),
            Self::Over => State::new("main", &"over"),
        }
    }
}
