//! Events: flags that tasks can wait for.

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use super::wait_queue::{Phase, WaitQueue};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::task::Await;

/// A flag that tasks can wait for. asyncio's `Event`.
///
/// An event is a handle: clones refer to the same flag.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::sync::Event;
///
/// let event_loop = EventLoop::new()?;
/// let started = Event::new();
/// let waiter = event_loop.create_task(started.wait())?;
/// event_loop.call_soon(move || started.set())?;
/// event_loop.run_until_complete(waiter)?;
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone)]
pub struct Event(Rc<EventState>);

struct EventState {
    is_set: Cell<bool>,
    waiters: WaitQueue,
}

impl Event {
    /// Creates an event whose flag is not set.
    pub fn new() -> Self {
        Self(Rc::new(EventState { is_set: Cell::new(false), waiters: WaitQueue::waking_all("Event.wait") }))
    }

    /// Sets the flag and wakes all waiters. The waiters go on even if the flag is cleared before they run.
    #[inline]
    pub fn set(&self) {
        if !self.0.is_set.replace(true) {
            self.0.waiters.wake_up_to(usize::MAX);
        }
    }

    /// Clears the flag. Tasks that wait after this wait for the next [`set`](Self::set).
    #[inline]
    pub fn clear(&self) {
        self.0.is_set.set(false);
    }

    /// Returns `true` if the flag is set.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.0.is_set.get()
    }

    /// Waits until the flag is set. Returns at once if it is set already.
    ///
    /// ```
    /// use innermost::sync::Event;
    /// use innermost::{Generator, Stop};
    ///
    /// let event = Event::new();
    /// event.set();
    /// assert!(matches!(Generator::new(event.wait()).next(), Err(Stop::Returned(()))));
    /// ```
    #[inline]
    pub fn wait(&self) -> EventWait {
        EventWait { event: self.clone(), phase: Phase::Created }
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_set() { "set" } else { "unset" };
        write!(f, "Event({state}, {} waiting)", self.0.waiters.len())
    }
}

/// A coroutine that waits until the flag of an [`Event`] is set. Created by [`Event::wait`], and by
/// [`Queue::join`](crate::Queue::join).
///
/// Dropping it leaves the queue of waiters.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct EventWait {
    event: Event,
    phase: Phase,
}

impl Coroutine for EventWait {
    type Yield = Await;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let has_waited = matches!(self.phase, Phase::Waiting(_));
        match self.phase.go_on(sent) {
            Ok(false) => self.phase.wait_on::<Self>(),
            Ok(true) if has_waited || self.event.is_set() => Ok(Step::Return(())),
            Ok(true) => Ok(Step::Yield(self.phase.wait_at(self.event.0.waiters.join()))),
            Err(raised) => {
                self.leave();
                Err(raised)
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Event.wait", &self.phase)
    }
}

impl EventWait {
    fn leave(&mut self) {
        if let Some(place) = self.phase.end() {
            place.leave();
        }
    }
}

impl Drop for EventWait {
    #[inline]
    fn drop(&mut self) {
        self.leave();
    }
}
