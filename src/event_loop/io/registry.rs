//! `Registry`: every registered descriptor of a loop, its readiness, and the task or callback that waits for it.
//!
//! A descriptor is registered when it is first used, once and for both directions, and its readiness is kept here. An
//! operation tries its system call if the direction may be ready, and waits only if the call would have blocked.
//!
//! Invariants:
//!
//! 1. A token names a slot and its generation. A late event for a slot that is in use again finds another generation
//!    there, and is dropped.
//! 2. One task at a time waits for a direction. A second task gets a `RuntimeError`, and the first stays registered.

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
    /// `None` once the loop is closed. Borrowed during each call, which may be user code. If that code uses the
    /// selector again, it gets an error.
    selector: RefCell<Option<Box<dyn Selector>>>,
    slots: RefCell<Slab<Rc<Registration>>>,
    generation: Cell<u32>,
    is_closed: Cell<bool>,
    /// The process that created the selector. A forked child must not use it, because the kernel's part of it belongs
    /// to the parent.
    process: Process,
    /// True for a selector that reports levels, which must be told when a descriptor is drained.
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

/// Whether an operation has left something to read or to write.
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

    #[cfg(feature = "testing")]
    pub(in crate::event_loop) fn len(&self) -> usize {
        self.slots.borrow().len()
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

    /// Calls `function` with the selector. Returns `None` if the selector is in use, if the loop is closed, or in a
    /// forked child.
    #[inline]
    fn with_selector<R>(&self, function: impl FnOnce(&mut dyn Selector) -> R) -> Option<R> {
        if !self.process.is_current() {
            return None;
        }
        let mut selector = self.selector.try_borrow_mut().ok()?;
        let result = function(selector.as_deref_mut()?);
        if self.is_closed.get() {
            // The selector's own code has closed the loop.
            let closed = selector.take();
            drop(selector);
            self.scheduler.drop_guarded(closed);
        }
        Some(result)
    }

    /// Stores the readiness that each event reports, and queues the waiters. Returns `true` if the waker was among
    /// them.
    #[inline]
    pub(in crate::event_loop) fn deliver(&self, events: &[SelectorEvent]) -> bool {
        let slots = self.slots.borrow();
        let mut is_woken = false;
        // The loop is open, and no user code runs in here, as `push_all` requires.
        self.scheduler.push_all(|ready| {
            for event in events {
                match slots.get(slot_of(event.token)) {
                    Some(registration) if registration.token == event.token => {
                        registration.deliver(event.readiness, ready)
                    }
                    _ => is_woken |= event.token == WAKER,
                }
            }
        });
        is_woken
    }

    /// Tells a selector that reports levels to watch a direction again.
    #[inline]
    pub(in crate::event_loop) fn drained(&self, token: SelectorToken, direction: Direction) {
        if self.reports_levels {
            self.with_selector(|selector| selector.drained(token, direction));
        }
    }

    /// Tells a selector that reports levels that a direction was reported but not ready, so that it is watched again.
    pub(super) fn in_vain(&self, token: SelectorToken, direction: Direction) {
        if self.reports_levels {
            self.with_selector(|selector| selector.in_vain(token, direction));
        }
    }

    pub(super) fn register(self: &Rc<Self>, fd: BorrowedFd<'_>) -> Result<Rc<Registration>, Exception> {
        self.scheduler.check_open()?;
        check_process(self.process)?;
        let registration = self.add(fd);
        // No slot is borrowed here, because the selector may be user code.
        let registered = self.with_selector(|selector| selector.register(fd, registration.token));
        match registered.unwrap_or_else(|| Err(in_use())) {
            Ok(()) => Ok(registration),
            Err(error) => {
                drop(self.take_slot(&registration));
                Err(not_registered(error))
            }
        }
    }

    fn add(self: &Rc<Self>, fd: BorrowedFd<'_>) -> Rc<Registration> {
        let mut slots = self.slots.borrow_mut();
        let entry = slots.vacant_entry();
        let registration = Rc::new(Registration {
            registry: Rc::clone(self),
            token: self.new_token(entry.key()),
            fd: fd.as_raw_fd(),
            // The readiness is not known yet. The first operation finds out.
            readiness: Cell::new(Readiness::READABLE | Readiness::WRITABLE),
            reader: Cell::new(None),
            writer: Cell::new(None),
        });
        entry.insert(Rc::clone(&registration));
        registration
    }

    /// Takes a registration out of its slot. Returns `None` if it is gone already, because the loop was closed.
    fn take_slot(&self, registration: &Registration) -> Option<Rc<Registration>> {
        let mut slots = self.slots.borrow_mut();
        let slot = slot_of(registration.token);
        if slots.get(slot).is_some_and(|other| other.token == registration.token) {
            slots.try_remove(slot)
        } else {
            None
        }
    }

    fn new_token(&self, slot: usize) -> SelectorToken {
        // This is never the waker's token, which is all ones. There are fewer slots than 2^32 - 1, since a descriptor
        // is an `i32`.
        self.generation.set(self.generation.get().wrapping_add(1));
        SelectorToken(u64::from(self.generation.get()) << 32 | slot as u64)
    }

    /// Removes a registration whose descriptor is still open. `forget` removes it from the selector. Waiters are
    /// queued, and find the descriptor closed.
    pub(super) fn remove(&self, registration: &Registration, forget: impl FnOnce(&mut dyn Selector)) {
        let removed = self.take_slot(registration);
        // Waits that begin later must not last either.
        registration.readiness.set(Readiness::READ_CLOSED | Readiness::WRITE_CLOSED);
        for waiter in [registration.reader.take(), registration.writer.take()].into_iter().flatten() {
            self.scheduler.push(waiter);
        }
        // Tell the selector only once: another owner of the descriptor may have registered the number again.
        if removed.is_some() {
            self.with_selector(forget);
        }
    }

    pub(in crate::event_loop) fn close(&self) {
        self.is_closed.set(true);
        let registrations = self.slots.take();
        for (_, registration) in &registrations {
            // Waits that begin later must not last either.
            registration.readiness.set(Readiness::READ_CLOSED | Readiness::WRITE_CLOSED);
            self.scheduler.discard_each([registration.reader.take(), registration.writer.take()].into_iter().flatten());
        }
        // A selector that is in use is dropped when its call is over.
        let selector = self.selector.try_borrow_mut().ok().and_then(|mut selector| selector.take());
        self.scheduler.drop_guarded(selector);
    }
}

/// The error for a selector whose own code uses its loop.
#[cold]
fn in_use() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "the loop's selector is in use or closed")
}

/// The exception for a descriptor that the selector refuses, with a note on what to do about it.
#[cold]
fn not_registered(error: io::Error) -> Exception {
    let note = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            "this descriptor is already registered: a socket, a transport or another `Watched` of this loop uses it"
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

    /// Returns `true` if a task of this loop is running. Only such a task has a budget. Code that resumes an operation
    /// by hand has none, whether in a callback or outside of a loop. A task of another loop has none here either: its
    /// next turn would not renew it.
    #[cold]
    pub(super) fn is_used_by_a_task(&self) -> bool {
        self.registry.scheduler.current().is_some()
    }

    /// Performs an operation that does not block, and updates the readiness. Returns `None` if the operation would have
    /// blocked.
    ///
    /// # Errors
    ///
    /// The operation's errors.
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
                        // Only readiness is taken back. A closed direction stays closed, and no event will repeat that.
                        self.clear_readiness(direction.ready(), direction);
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
        self.clear_false_readiness(Readiness::of(direction) | Readiness::URGENT, direction);
        Ok(None)
    }

    /// Takes back readiness that is used up.
    #[inline]
    pub(in crate::event_loop) fn clear_readiness(&self, what: Readiness, direction: Direction) {
        self.readiness.set(self.readiness.get().without(what));
        self.registry.drained(self.token, direction);
    }

    /// Takes back a readiness that was reported wrongly.
    #[inline]
    pub(in crate::event_loop) fn clear_false_readiness(&self, what: Readiness, direction: Direction) {
        self.readiness.set(self.readiness.get().without(what));
        self.registry.in_vain(self.token, direction);
    }
}

const fn direction(way: Way) -> Direction {
    if matches!(way, Way::Readable) { Direction::Read } else { Direction::Write }
}

impl Registration {
    /// Queues `run` once the direction is ready, or at once if it is ready now.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if another task or callback is waiting for the same direction.
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

    /// Queues `run` at once. It asks the descriptor itself whether it is ready.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if another task or callback is waiting for the same direction.
    pub(in crate::event_loop) fn queue_to_ask(&self, direction: Direction, run: Rc<dyn Run>) -> Result<(), Exception> {
        self.check_free(direction)?;
        self.registry.scheduler.push(run);
        Ok(())
    }

    #[inline]
    fn check_free(&self, direction: Direction) -> Result<(), Exception> {
        let waiter = self.waiter(direction);
        let Some(former) = waiter.take() else { return Ok(()) };
        if former.give_way() {
            return Ok(());
        }
        waiter.set(Some(former));
        let text = "another task is already waiting for this descriptor in the same direction";
        Err(Exception::message(Kind::RuntimeError, text))
    }

    /// Removes the waiter at that address.
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

    fn has_come(&self, way: Way, _: u32) -> bool {
        self.readiness.get().intersects(Readiness::of(direction(way)))
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
