//! Who waits, in order: what all primitives stand on.
//!
//! A waiter stands for what is a future in asyncio: whoever wakes it marks it, and the task behind it runs in the next
//! turn. In between, the waiter is still here, woken: that is how a primitive knows that a wake-up is on its way and must
//! not be given twice.
//!
//! ```text
//!   first                    pending                  last
//!     |                         |                      |
//!   woken <-> cancelled <-> waiting <-> cancelled <-> waiting
//!   \____ all of them done ___/
//! ```
//!
//! The queue is a doubly linked list in a slab: joining, and leaving from anywhere, cost the same however many wait, and
//! allocate nothing once the slab is large enough (rule 2). A walk to the first that still waits begins at `pending`, and
//! never passes the same waiter twice.
//!
//! Invariants:
//!
//! 1. Everyone before `pending` is done, and who is done stays so. `pending` may be done too: it was cancelled since.
//! 2. `woken` counts who was woken and has not left. Only this queue wakes its waiters.
//! 3. Nothing is borrowed while a task is woken or dropped.
//! 4. A waiter keeps its index until its [`Place`] leaves, also when it was taken out of the queue before that.

use core::cell::{Cell, OnceCell, RefCell};
use core::fmt;
use core::mem;
use std::rc::Rc;

use slab::Slab;

use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::task::{Await, Awaited, Erased, Readied, Run, Scheduler, WaitTarget, Withdrawn};

/// An index of no waiter.
const NONE: u32 = u32::MAX;

/// In the place of both neighbours: the waiter was taken out of the queue.
const OUT: u32 = u32::MAX - 1;

/// Tasks that wait, first come first. Costs a word until the first of them comes.
pub(crate) struct WaitQueue {
    /// For people: what they wait for.
    name: &'static str,
    line: OnceCell<Rc<Line>>,
}

/// The queue itself, which the tasks in it refer to.
pub(crate) struct Line {
    name: &'static str,
    waiters: RefCell<Slab<Waiter>>,
    len: Cell<u32>,
    first: Cell<u32>,
    last: Cell<u32>,
    pending: Cell<u32>,
    woken: Cell<u32>,
}

struct Waiter {
    stage: Stage,
    before: u32,
    behind: u32,
}

/// How far a waiter is.
enum Stage {
    /// No task waits at it yet.
    Joined,
    Waiting(Rc<dyn Erased>),
    Woken,
    Cancelled(Exception),
}

impl Stage {
    const fn is_done(&self) -> bool {
        matches!(self, Self::Woken | Self::Cancelled(_))
    }
}

impl WaitQueue {
    /// An empty queue of those who wait for what is called so.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, line: OnceCell::new() }
    }

    /// How many wait, or are about to run.
    pub(crate) fn len(&self) -> usize {
        self.line.get().map_or(0, |line| line.len.get() as usize)
    }

    /// Whether anybody is there who was not cancelled.
    #[inline]
    pub(crate) fn has_live(&self) -> bool {
        self.line.get().is_some_and(|line| line.has_live())
    }

    /// Joins the queue.
    #[inline]
    pub(crate) fn join(&self) -> Place {
        let line = self.line.get_or_init(|| Rc::new(Line::new(self.name)));
        Place { index: line.join(), line: Rc::clone(line) }
    }

    /// Wakes the first, unless it is done already.
    #[inline]
    pub(crate) fn wake_first(&self) {
        if let Some(line) = self.line.get() {
            line.wake(line.first.get());
        }
    }

    /// Wakes the first that still waits. `false` where there is none.
    #[inline]
    pub(crate) fn wake_next(&self) -> bool {
        self.line.get().is_some_and(|line| line.wake(line.first_pending()))
    }

    /// Wakes up to `count` that still wait.
    pub(crate) fn wake_up_to(&self, count: usize) {
        for _ in 0..count {
            if !self.wake_next() {
                return;
            }
        }
    }

    /// Takes waiters out from the front, up to one that still waits, and wakes that. `false` where there is none.
    #[inline]
    pub(crate) fn pop_and_wake(&self) -> bool {
        self.line.get().is_some_and(|line| line.pop_and_wake())
    }
}

impl fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitQueue({} waiting)", self.len())
    }
}

impl Line {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            waiters: RefCell::new(Slab::new()),
            len: Cell::new(0),
            first: Cell::new(NONE),
            last: Cell::new(NONE),
            pending: Cell::new(NONE),
            woken: Cell::new(0),
        }
    }

    fn has_live(&self) -> bool {
        self.woken.get() > 0 || self.first_pending() != NONE
    }

    #[inline]
    fn join(&self) -> u32 {
        let mut waiters = self.waiters.borrow_mut();
        let before = self.last.get();
        let index = waiters.insert(Waiter { stage: Stage::Joined, before, behind: NONE });
        let index = u32::try_from(index).expect("fewer than 2^32 tasks wait: each takes memory");
        match waiters.get_mut(before as usize) {
            Some(former) => former.behind = index,
            None => self.first.set(index),
        }
        self.last.set(index);
        if self.pending.get() == NONE {
            self.pending.set(index);
        }
        self.len.set(self.len.get() + 1);
        index
    }

    /// Frees a place. Gives how far the waiter was.
    #[inline]
    fn leave(&self, index: u32) -> Stage {
        let mut waiters = self.waiters.borrow_mut();
        self.unlink(&mut waiters, index);
        waiters.remove(index as usize).stage
    }

    /// Frees the place of a waiter that is not to wait any more: it was woken. `false` where it waits still.
    ///
    /// # Errors
    ///
    /// What it was cancelled with; it keeps its place then.
    #[inline]
    fn leave_woken(&self, index: u32) -> Result<bool, Exception> {
        let mut waiters = self.waiters.borrow_mut();
        match waiters.get(index as usize).map(|waiter| &waiter.stage) {
            Some(Stage::Joined | Stage::Waiting(_)) => return Ok(false),
            Some(Stage::Cancelled(cancelled)) => return Err(cancelled.clone()),
            Some(Stage::Woken) => {
                self.unlink(&mut waiters, index);
                waiters.try_remove(index as usize);
            }
            None => {}
        }
        Ok(true)
    }

    /// Wakes a waiter, if it still waits.
    #[inline]
    fn wake(&self, index: u32) -> bool {
        let Some(stage) = self.mark_woken(&mut self.waiters.borrow_mut(), index) else { return false };
        self.woken.set(self.woken.get() + 1);
        if let Stage::Waiting(task) = stage {
            task.wake();
        }
        true
    }

    fn pop_and_wake(&self) -> bool {
        loop {
            let index = self.first.get();
            if index == NONE {
                return false;
            }
            let mut waiters = self.waiters.borrow_mut();
            self.unlink(&mut waiters, index);
            let stage = self.mark_woken(&mut waiters, index);
            drop(waiters);
            if let Some(stage) = stage {
                if let Stage::Waiting(task) = stage {
                    task.wake();
                }
                return true;
            }
        }
    }

    /// Gives how far it was before; nothing where it is done or is not there.
    #[inline]
    fn mark_woken(&self, waiters: &mut Slab<Waiter>, index: u32) -> Option<Stage> {
        let waiter = waiters.get_mut(index as usize).filter(|waiter| !waiter.stage.is_done())?;
        Some(mem::replace(&mut waiter.stage, Stage::Woken))
    }

    #[inline]
    fn first_pending(&self) -> u32 {
        if self.pending.get() != NONE {
            let waiters = self.waiters.borrow();
            while let Some(waiter) = waiters.get(self.pending.get() as usize)
                && waiter.stage.is_done()
            {
                self.pending.set(waiter.behind);
            }
        }
        self.pending.get()
    }

    /// Takes a waiter out of the queue, if it is still in it.
    #[inline]
    fn unlink(&self, waiters: &mut Slab<Waiter>, index: u32) {
        let Some(waiter) = waiters.get_mut(index as usize) else { return };
        let before = mem::replace(&mut waiter.before, OUT);
        let behind = mem::replace(&mut waiter.behind, OUT);
        if behind == OUT {
            return;
        }
        if let Stage::Woken = waiter.stage {
            self.woken.set(self.woken.get() - 1);
        }
        match waiters.get_mut(before as usize) {
            Some(before) => before.behind = behind,
            None => self.first.set(behind),
        }
        match waiters.get_mut(behind as usize) {
            Some(behind) => behind.before = before,
            None => self.last.set(before),
        }
        if self.pending.get() == index {
            self.pending.set(behind);
        }
        self.len.set(self.len.get() - 1);
    }

    /// Takes the task at that address out of its place, which is in this stage from now on.
    fn take_task(&self, what: Readied, task: *const (), then: Stage) -> Option<Rc<dyn Erased>> {
        let Readied::Place(index) = what else { return None };
        let mut waiters = self.waiters.borrow_mut();
        let stage = &mut waiters.get_mut(index as usize)?.stage;
        match stage {
            Stage::Waiting(run) if Rc::as_ptr(run).cast::<()>() == task => match mem::replace(stage, then) {
                Stage::Waiting(run) => Some(run),
                _ => None,
            },
            _ => None,
        }
    }
}

impl WaitTarget for Line {
    fn wake_when_done(&self, what: Readied, task: Rc<dyn Erased>, _: &Rc<Scheduler>) -> Result<(), Exception> {
        let Readied::Place(index) = what else { return Ok(()) };
        let mut waiters = self.waiters.borrow_mut();
        match waiters.get_mut(index as usize).map(|waiter| &mut waiter.stage) {
            Some(stage @ Stage::Joined) => *stage = Stage::Waiting(task),
            Some(Stage::Waiting(_)) => {
                return Err(Exception::runtime("another task is already waiting at this place"));
            }
            Some(Stage::Woken | Stage::Cancelled(_)) | None => {
                drop(waiters);
                task.will_raise();
                task.wake();
            }
        }
        Ok(())
    }

    fn cancel_wait(self: Rc<Self>, what: Readied, task: *const (), cancelled: &Exception) -> Withdrawn {
        match self.take_task(what, task, Stage::Cancelled(cancelled.clone())) {
            Some(task) => {
                task.will_raise();
                task.wake();
                Withdrawn::Cancelled
            }
            None => Withdrawn::TooLate,
        }
    }

    fn raised(&self, what: Readied) -> Option<Exception> {
        let Readied::Place(index) = what else { return None };
        match &self.waiters.borrow().get(index as usize)?.stage {
            Stage::Cancelled(cancelled) => Some(cancelled.clone()),
            Stage::Joined | Stage::Waiting(_) | Stage::Woken => None,
        }
    }

    fn take_waiter(&self, what: Readied, task: *const ()) -> Option<Rc<dyn Run>> {
        self.take_task(what, task, Stage::Joined).map(|task| task as Rc<_>)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} waiting)", self.name, self.len.get())
    }
}

/// A place in a queue, to be waited at. Whoever holds it [leaves](Self::leave), whichever way the wait ends.
pub(crate) struct Place {
    line: Rc<Line>,
    index: u32,
}

impl Place {
    /// What is yielded to wait there.
    #[inline]
    pub(crate) fn wanted(&self) -> Await {
        Await::Place(Awaited::new(Rc::clone(&self.line) as Rc<_>), self.index)
    }

    /// Resumes the wait. `None` where it was woken, and has left: the place is to be forgotten then.
    ///
    /// # Errors
    ///
    /// What was sent, or it was cancelled with; it has not left then.
    #[inline]
    pub(crate) fn pass(&self, sent: Result<(), Exception>) -> Result<Option<Await>, Exception> {
        sent?;
        Ok(if self.line.leave_woken(self.index)? { None } else { Some(self.wanted()) })
    }

    /// Leaves the queue, if it was not taken out before. Gives whether it was woken, rather than cancelled or nothing.
    #[inline]
    pub(crate) fn leave(self) -> bool {
        matches!(self.line.leave(self.index), Stage::Woken)
    }
}

impl Coroutine for Place {
    type Yield = Await;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        let waiters = self.line.waiters.borrow();
        match waiters.get(self.index as usize).map(|waiter| &waiter.stage) {
            Some(Stage::Joined | Stage::Waiting(_)) => Ok(Step::Yield(self.wanted())),
            Some(Stage::Cancelled(cancelled)) => Err(cancelled.clone()),
            Some(Stage::Woken) | None => Ok(Step::Return(())),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Place", &self.line)
    }
}

/// For states, which say beside it what for.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

/// How far a coroutine is that waits in a queue once.
#[derive(Debug)]
pub(crate) enum Phase {
    Created,
    Waiting(Place),
    Over,
}

impl Phase {
    /// Begins to wait: to be yielded at once.
    #[inline]
    pub(crate) fn wait_at(&mut self, place: Place) -> Await {
        let wanted = place.wanted();
        *self = Self::Waiting(place);
        wanted
    }

    /// Begins, or goes on waiting: `None` where what it waits for is to be looked at now. It is over then, unless it begins
    /// to wait, once more.
    ///
    /// # Errors
    ///
    /// What was sent, or the wait was cancelled with: it is to be ended; a `RuntimeError` where it was over before.
    #[inline]
    pub(crate) fn go_on(&mut self, sent: Result<(), Exception>) -> Result<Option<Await>, Exception> {
        let wanted = match self {
            Self::Created => sent.map(|()| None)?,
            Self::Waiting(place) => place.pass(sent)?,
            Self::Over => return Err(reused()),
        };
        if wanted.is_none() {
            *self = Self::Over;
        }
        Ok(wanted)
    }

    /// Ends, and gives the place that is to be left.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<Place> {
        match mem::replace(self, Self::Over) {
            Self::Waiting(place) => Some(place),
            Self::Created | Self::Over => None,
        }
    }
}

/// What a coroutine raises that is resumed after its end.
#[cold]
pub(crate) fn reused() -> Exception {
    Exception::runtime("cannot reuse already awaited coroutine")
}
