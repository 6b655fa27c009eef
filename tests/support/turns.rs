//! Tasks that record how they end, in a loop that the test runs turn by turn.

use std::cell::Cell;
use std::fmt::{Debug, Display};
use std::rc::Rc;

use innermost::{Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Step, Task, yield_from};

use super::events::Log;

/// A loop, and the log of its tasks.
pub(crate) struct World {
    pub(crate) event_loop: EventLoop,
    log: Log,
}

impl World {
    pub(crate) fn new() -> Self {
        let event_loop = EventLoop::new().expect("a loop");
        // Each task records its own exception.
        event_loop.set_exception_handler(|_| {});
        Self { event_loop, log: Log::default() }
    }

    pub(crate) fn log(&self) -> Log {
        self.log.clone()
    }

    /// Runs `coroutine` in a task that records its end: `NAME` if it returned, `NAME raised EXCEPTION` if it raised.
    /// The result is dropped.
    pub(crate) fn spawn<C>(&self, name: impl Display, coroutine: C) -> Task<()>
    where
        C: Awaitable + 'static,
    {
        let (log, name) = (self.log(), name.to_string());
        let noted = Noted { coroutine, log, name };
        self.event_loop.create_task(noted).expect("the loop is open")
    }

    /// Runs `coroutine` in a task that records the result, `NAME got RESULT`, and then its end as
    /// [`spawn`](Self::spawn) does.
    pub(crate) fn spawn_showing<C>(&self, name: impl Display, coroutine: C) -> Task<()>
    where
        C: Awaitable<Return: Debug> + 'static,
    {
        let (log, name) = (self.log(), name.to_string());
        let shown = name.clone();
        self.spawn(name, coroutine.map(move |returned| log.add(format_args!("{shown} got {returned:?}"))))
    }

    pub(crate) fn turn(&self) {
        self.event_loop.run_once().expect("a turn");
    }

    /// Runs the loop until nothing is ready and no timer is set.
    pub(crate) fn settle(&self) {
        while self.event_loop.next_deadline().is_some() {
            self.turn();
        }
    }

    /// Takes the entries added since the last call.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.take()
    }

    /// Runs the loop until nothing is ready and no timer is set, and takes the entries.
    pub(crate) fn settled(&self) -> Vec<String> {
        self.settle();
        self.lines()
    }
}

struct Noted<C> {
    coroutine: C,
    log: Log,
    name: String,
}

impl<C: Awaitable> Coroutine for Noted<C> {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        match yield_from!(self.coroutine, sent) {
            Ok(_) => self.log.add(&self.name),
            Err(raised) => {
                self.log.add(format_args!("{} raised {raised}", self.name));
                return Err(raised);
            }
        }
        Ok(Step::Return(()))
    }
}

/// A coroutine that waits for a number of turns.
pub(crate) struct Turns(pub(crate) u32);

impl Coroutine for Turns {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Ok(Step::Yield(Await::next_turn()))
            }
            None => Ok(Step::Return(())),
        }
    }
}

/// Runs a child. Once `dropped` is set, the next resume drops the child, and the coroutine returns `None`.
pub(crate) struct Droppable<C> {
    pub(crate) child: Option<C>,
    pub(crate) dropped: Rc<Cell<bool>>,
}

impl<C: Awaitable> Coroutine for Droppable<C> {
    type Yield = Await;
    type Input = ();
    type Return = Option<C::Return>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if self.dropped.get() {
            self.child = None;
        }
        match &mut self.child {
            Some(child) => Ok(Step::Return(Some(yield_from!(child, sent)?))),
            None => Ok(Step::Return(None)),
        }
    }
}
