//! Descriptors: their readiness, and who waits for it.
//!
//! A descriptor is registered when it is first used, once and for both directions, and keeps its readiness here. An
//! operation tries its system call if the direction may be ready, and only then waits.
//!
//! Invariants:
//!
//! 1. A token names a slot and its generation. A late event for a slot that has been used again finds another
//!    generation there, and is dropped.
//! 2. One task at a time waits for a direction. A second one gets a `RuntimeError`, and the first waits on.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::rc::Rc;

use slab::Slab;

use super::super::WAKER;
use super::super::forked::check_process;
use super::memory::SpareMemory;
use crate::coroutine::{Exception, Kind};
use crate::sys::{Direction, Process, Readiness, Selector, SelectorEvent, SelectorToken};
use crate::task::{Run, Scheduler, WaitTarget, Waiter, Way, Withdrawn};

pub(in crate::event_loop) struct Registry {
    pub(super) scheduler: Rc<Scheduler>,
    pub(super) spare: SpareMemory,
    /// `None` once the loop is closed. Borrowed while it runs, which may be the user's code: who comes back to it from
    /// there gets an error.
    selector: RefCell<Option<Box<dyn Selector>>>,
    slots: RefCell<Slab<Rc<Registration>>>,
    generation: Cell<u32>,
    is_closed: Cell<bool>,
    /// A forked child must leave the selector alone: the kernel's part of it is the parent's.
    process: Process,
    /// Whether the selector is to be told what is drained: one that reports edges is not.
    pub(in crate::event_loop) reports_levels: bool,
}

/// A registered descriptor.
pub(in crate::event_loop) struct Registration {
    pub(super) registry: Rc<Registry>,
    pub(super) token: SelectorToken,
    fd: RawFd,
    pub(super) readiness: Cell<Readiness>,
    pub(super) reader: Cell<Option<Rc<dyn Run>>>,
    pub(super) writer: Cell<Option<Rc<dyn Run>>>,
}

/// What an operation has learned about readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The descriptor may still be ready.
    More,
    /// The operation moved less than it could have, so the next one would block.
    Nothing,
}

impl Registry {
    pub(in crate::event_loop) fn new(scheduler: Rc<Scheduler>, selector: Box<dyn Selector>) -> Self {
        Self {
            scheduler,
            spare: SpareMemory::new(),
            reports_levels: selector.reports_levels(),
            selector: RefCell::new(Some(selector)),
            slots: RefCell::new(Slab::new()),
            generation: Cell::new(0),
            is_closed: Cell::new(false),
            process: Process::current(),
        }
    }

    pub(in crate::event_loop) const fn spare(&self) -> &SpareMemory {
        &self.spare
    }

    pub(in crate::event_loop) fn is_empty(&self) -> bool {
        self.slots.borrow().is_empty()
    }

    pub(in crate::event_loop) fn with_fd<R>(&self, function: impl FnOnce(Option<BorrowedFd<'_>>) -> R) -> R {
        match self.selector.try_borrow() {
            Ok(_) if !self.process.is_current() => function(None),
            Ok(selector) => function(selector.as_ref().and_then(|selector| selector.as_fd())),
            Err(_in_use) => function(None),
        }
    }

    pub(in crate::event_loop) fn select(
        &self,
        events: &mut Vec<SelectorEvent>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.with_selector(|selector| selector.select(events, timeout)).unwrap_or_else(|| Err(in_use()))
    }

    /// `None` where it is in use, or gone, or the parent's.
    #[inline]
    fn with_selector<R>(&self, function: impl FnOnce(&mut dyn Selector) -> R) -> Option<R> {
        if !self.process.is_current() {
            return None;
        }
        let mut selector = self.selector.try_borrow_mut().ok()?;
        let result = function(selector.as_deref_mut()?);
        if self.is_closed.get() {
            // By a function of the selector's own.
            let closed = selector.take();
            drop(selector);
            self.scheduler.drop_guarded(closed);
        }
        Some(result)
    }

    /// Keeps what each event says, and queues who has waited for it. Gives whether the waker's was among them.
    #[inline]
    pub(in crate::event_loop) fn deliver(&self, events: &[SelectorEvent]) -> bool {
        let slots = self.slots.borrow();
        let mut is_woken = false;
        // Nothing of the user's runs in here, nor is dropped: the loop is open.
        self.scheduler.push_all(|ready| {
            for event in events {
                match slots.get(slot_of(event.token)) {
                    Some(source) if source.token == event.token => source.deliver(event.readiness, ready),
                    _ => is_woken |= event.token == WAKER,
                }
            }
        });
        is_woken
    }

    /// Has a selector that reports levels watch a direction again.
    #[inline]
    pub(in crate::event_loop) fn drained(&self, token: SelectorToken, direction: Direction) {
        if self.reports_levels {
            self.with_selector(|selector| selector.drained(token, direction));
        }
    }

    /// Has a selector that reports levels watch a direction again that was not ready although it was reported.
    pub(super) fn in_vain(&self, token: SelectorToken, direction: Direction) {
        if self.reports_levels {
            self.with_selector(|selector| selector.in_vain(token, direction));
        }
    }

    pub(super) fn register(self: &Rc<Self>, fd: BorrowedFd<'_>) -> Result<Rc<Registration>, Exception> {
        self.scheduler.check_open()?;
        check_process(self.process)?;
        let source = self.add(fd);
        // No slot is borrowed here: the selector may be the user's.
        let registered = self.with_selector(|selector| selector.register(fd, source.token));
        match registered.unwrap_or_else(|| Err(in_use())) {
            Ok(()) => Ok(source),
            Err(error) => {
                drop(self.take_slot(&source));
                Err(not_registered(error))
            }
        }
    }

    fn add(self: &Rc<Self>, fd: BorrowedFd<'_>) -> Rc<Registration> {
        let mut slots = self.slots.borrow_mut();
        let entry = slots.vacant_entry();
        let source = Rc::new(Registration {
            registry: Rc::clone(self),
            token: self.new_token(entry.key()),
            fd: fd.as_raw_fd(),
            // Nobody knows yet: the first operation finds out.
            readiness: Cell::new(Readiness::READABLE | Readiness::WRITABLE),
            reader: Cell::new(None),
            writer: Cell::new(None),
        });
        entry.insert(Rc::clone(&source));
        source
    }

    /// Takes a descriptor out of its slot. The loop may have been closed, and the slot be gone.
    fn take_slot(&self, source: &Registration) -> Option<Rc<Registration>> {
        let mut slots = self.slots.borrow_mut();
        let slot = slot_of(source.token);
        if slots.get(slot).is_some_and(|other| other.token == source.token) { slots.try_remove(slot) } else { None }
    }

    fn new_token(&self, slot: usize) -> SelectorToken {
        // Never the waker's, which is all ones: a slot is less than 2^32 - 1, a descriptor being an `i32`.
        self.generation.set(self.generation.get().wrapping_add(1));
        SelectorToken(u64::from(self.generation.get()) << 32 | slot as u64)
    }

    /// Forgets a descriptor, which is still open, and has the selector do so by `forget`. Who waits for it is queued, and
    /// finds out.
    pub(super) fn remove(&self, source: &Registration, forget: impl FnOnce(&mut dyn Selector)) {
        let removed = self.take_slot(source);
        // A wait that has not begun yet, or begins again, does not last either.
        source.readiness.set(Readiness::READ_CLOSED | Readiness::WRITE_CLOSED);
        for waiter in [source.reader.take(), source.writer.take()].into_iter().flatten() {
            self.scheduler.push(waiter);
        }
        // Only once: the number may have been registered again, by another owner of the descriptor.
        if removed.is_some() {
            self.with_selector(forget);
        }
    }

    pub(in crate::event_loop) fn close(&self) {
        self.is_closed.set(true);
        let sources = self.slots.take();
        for (_, source) in &sources {
            // Whoever would wait from now on is not kept either.
            source.readiness.set(Readiness::READ_CLOSED | Readiness::WRITE_CLOSED);
            self.scheduler.discard_each([source.reader.take(), source.writer.take()].into_iter().flatten());
        }
        // One that is in use goes when that is over.
        let selector = self.selector.try_borrow_mut().ok().and_then(|mut selector| selector.take());
        self.scheduler.drop_guarded(selector);
    }
}

/// A function of the selector's own uses its loop.
#[cold]
fn in_use() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "the loop's selector is in use, or gone")
}

/// Why the selector does not take a descriptor, and what one can do.
#[cold]
fn not_registered(error: io::Error) -> Exception {
    let note = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            "this descriptor is registered already: a socket, a transport or another `Watched` of this loop has it"
        }
        io::ErrorKind::PermissionDenied => {
            "a regular file, a directory, or a device such as /dev/null cannot be waited for: it is always ready. Use a \
             thread: `to_thread`"
        }
        _ => "registering a descriptor",
    };
    Exception::from(error).with_note(note)
}

fn slot_of(token: SelectorToken) -> usize {
    token.0 as u32 as usize
}

impl Registration {
    #[inline(always)]
    fn deliver(&self, readiness: Readiness, ready: &mut Vec<Rc<dyn Run>>) {
        self.readiness.set(self.readiness.get() | readiness);
        for direction in [Direction::Read, Direction::Write] {
            if readiness.intersects(Readiness::of(direction))
                && let Some(waiter) = self.waiter(direction).take()
            {
                ready.push(waiter);
            }
        }
    }

    pub(in crate::event_loop) const fn fd(&self) -> RawFd {
        self.fd
    }

    pub(in crate::event_loop) fn scheduler(&self) -> &Scheduler {
        &self.registry.scheduler
    }

    pub(super) fn check_loop(&self, scheduler: &Rc<Scheduler>) -> Result<(), Exception> {
        if Rc::ptr_eq(scheduler, &self.registry.scheduler) {
            return Ok(());
        }
        Err(Exception::message(Kind::RuntimeError, "this descriptor is attached to a different event loop"))
    }

    pub(super) fn waiter(&self, direction: Direction) -> &Cell<Option<Rc<dyn Run>>> {
        match direction {
            Direction::Read => &self.reader,
            Direction::Write => &self.writer,
        }
    }

    /// Whether a task of this loop runs. Nobody else has a share that could be spent: not who resumes an operation by
    /// hand, in a callback or where no loop runs, nor a task of another loop, which would get no new one in the next
    /// turn.
    #[cold]
    pub(super) fn is_used_by_a_task(&self) -> bool {
        self.registry.scheduler.current().is_some()
    }

    /// Performs an operation that does not block, and keeps what it says of readiness; `None` where it would have blocked.
    ///
    /// # Errors
    ///
    /// The operation's own.
    #[inline(always)]
    pub(in crate::event_loop) fn perform<T>(
        &self,
        direction: Direction,
        mut operation: impl FnMut() -> io::Result<(T, Left)>,
    ) -> io::Result<Option<T>> {
        loop {
            match operation() {
                Ok((result, left)) => {
                    if left == Left::Nothing && !self.readiness.get().contains(Readiness::URGENT) {
                        // What is closed stays so: no event will say it a second time.
                        self.drained(direction.ready(), direction);
                    }
                    return Ok(Some(result));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => break,
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
        self.in_vain(Readiness::of(direction) | Readiness::URGENT, direction);
        Ok(None)
    }

    /// Takes back what is known to hold no more.
    #[inline]
    pub(in crate::event_loop) fn drained(&self, what: Readiness, direction: Direction) {
        self.readiness.set(self.readiness.get().without(what));
        self.registry.drained(self.token, direction);
    }

    /// Takes back a readiness that was reported wrongly.
    #[inline]
    pub(in crate::event_loop) fn in_vain(&self, what: Readiness, direction: Direction) {
        self.readiness.set(self.readiness.get().without(what));
        self.registry.in_vain(self.token, direction);
    }
}

const fn direction(way: Way) -> Direction {
    if matches!(way, Way::Readable) { Direction::Read } else { Direction::Write }
}

impl Registration {
    /// Queues `run` once the direction is ready: at once, if it is.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where another waits for that.
    #[inline]
    pub(in crate::event_loop) fn queue_when_ready(
        &self,
        direction: Direction,
        run: Rc<dyn Run>,
    ) -> Result<(), Exception> {
        if self.readiness.get().intersects(Readiness::of(direction)) {
            self.registry.scheduler.push(run);
            return Ok(());
        }
        self.check_free(direction)?;
        self.waiter(direction).set(Some(run));
        Ok(())
    }

    /// Queues `run`, which asks the descriptor itself whether it is ready.
    ///
    /// # Errors
    ///
    /// As [`queue_when_ready`](Self::queue_when_ready).
    pub(in crate::event_loop) fn queue_to_ask(&self, direction: Direction, run: Rc<dyn Run>) -> Result<(), Exception> {
        self.check_free(direction)?;
        self.registry.scheduler.push(run);
        Ok(())
    }

    #[inline]
    fn check_free(&self, direction: Direction) -> Result<(), Exception> {
        let waiter = self.waiter(direction);
        let Some(former) = waiter.take() else { return Ok(()) };
        waiter.set(Some(former));
        let text = "another task is already waiting for this descriptor in the same direction";
        Err(Exception::message(Kind::RuntimeError, text))
    }

    /// Takes what waits at that address out again.
    pub(in crate::event_loop) fn take_waiting(&self, direction: Direction, address: *const ()) -> Option<Rc<dyn Run>> {
        let waiter = self.waiter(direction);
        match waiter.take() {
            Some(run) if Rc::as_ptr(&run).cast::<()>() == address => Some(run),
            another => {
                waiter.set(another);
                None
            }
        }
    }
}

impl WaitTarget for Registration {
    fn register(&self, way: Way, _: u32, waiter: Rc<dyn Waiter>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        self.check_loop(of)?;
        self.queue_when_ready(direction(way), waiter)
    }

    fn withdraw(&self, way: Way, _: u32, waiter: *const ()) -> Withdrawn {
        Withdrawn::new(self.take_waiting(direction(way), waiter))
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fd {}", self.fd)
    }
}
