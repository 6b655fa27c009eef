//! `Registered`: a descriptor together with its registration, which ends when the descriptor is dropped.
//!
//! `registry.rs` holds the waiters and wakes them. A duplicate of the descriptor needs a registration of its own: see
//! the head of `sys/selector/epoll.rs`.

use core::cell::OnceCell;
use core::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use super::memory::SpareMemory;
use super::registry::{Left, Registration, Registry};
use crate::coroutine::{Exception, Step};
use crate::event_loop::running;
use crate::sys::{Direction, Readiness, readiness_now};
use crate::task::{Await, Way};

/// The owner of a descriptor, and that descriptor's registration.
pub(crate) struct Registered<S: AsFd> {
    pub(super) registration: OnceCell<Rc<Registration>>,
    first: FirstAttempt,
    pub(super) inner: S,
}

/// The way in which the first operation finds out whether a descriptor is ready.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstAttempt {
    /// It tries its system call, which says so if it would have blocked.
    Tries,
    /// It asks `poll(2)` before it tries, because the result of its system call could be misleading.
    Polls,
}

impl<S: AsFd> Registered<S> {
    pub(crate) const fn new(inner: S) -> Self {
        Self { registration: OnceCell::new(), first: FirstAttempt::Tries, inner }
    }

    /// Wraps a descriptor of any kind. Some kinds are not ready although a system call succeeds: reading a FIFO that
    /// nobody has opened for writing yet looks like its end, and a socket that is still connecting has no error yet.
    /// Only the selector and `poll(2)` know that these are not ready.
    pub(crate) const fn of_any_kind(inner: S) -> Self {
        Self { registration: OnceCell::new(), first: FirstAttempt::Polls, inner }
    }

    pub(crate) const fn get(&self) -> &S {
        &self.inner
    }

    /// Tries an operation that does not block, if the descriptor may be ready. Otherwise, or if it would have blocked,
    /// returns the `Await` for that direction.
    ///
    /// # Errors
    ///
    /// The operation's errors. `RuntimeError` if this is the first operation and no loop is running.
    #[inline(always)]
    pub(crate) fn attempt<T>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&S, &SpareMemory) -> io::Result<(T, Left)>,
    ) -> Result<Step<Await, (), T>, Exception> {
        let registration = match self.registration.get() {
            Some(registration) => registration,
            None => self.register()?,
        };
        if registration.readiness.get().intersects(Readiness::of(direction)) {
            if !registration.registry.scheduler.spend() && registration.is_used_by_a_task() {
                return Ok(Step::Yield(Await::next_turn()));
            }
            if let Some(result) =
                registration.perform(direction, || operation(&self.inner, &registration.registry.spare))?
            {
                return Ok(Step::Return(result));
            }
        }
        let way = match direction {
            Direction::Read => Way::Readable,
            Direction::Write => Way::Writable,
        };
        Ok(Step::Yield(Await::on(way, Rc::clone(registration) as Rc<_>)))
    }

    #[cold]
    fn register(&self) -> Result<&Rc<Registration>, Exception> {
        self.register_with(&running()?.0.registry)
    }

    #[cold]
    pub(super) fn register_with(&self, registry: &Rc<Registry>) -> Result<&Rc<Registration>, Exception> {
        let registration = registry.register(self.inner.as_fd())?;
        if self.first == FirstAttempt::Polls {
            registration.readiness.set(readiness_now(self.inner.as_fd()));
        }
        Ok(self.registration.get_or_init(|| registration))
    }

    /// The registration. If there is none yet, the descriptor is registered in this loop.
    pub(in crate::event_loop) fn registration_in(
        &self,
        registry: &Rc<Registry>,
    ) -> Result<&Rc<Registration>, Exception> {
        match self.registration.get() {
            Some(registration) => registration.check_loop(&registry.scheduler).map(|()| registration),
            None => self.register_with(registry),
        }
    }

    /// Ends the registration, and returns a duplicate of the descriptor. The duplicate keeps its number for good:
    /// nobody can mistake an event of this registration for one of the next owner's.
    pub(crate) fn into_std(self) -> io::Result<S>
    where
        S: From<OwnedFd>,
    {
        let another = self.inner.as_fd().try_clone_to_owned()?;
        self.deregister();
        Ok(another.into())
    }

    /// Deregisters the descriptor, which stays open or is about to refer to another file. From now on it counts as
    /// closed, so no operation waits.
    pub(crate) fn deregister(&self) {
        if let Some(registration) = self.registration.get() {
            registration.registry.remove(registration, |selector| {
                let _not_registered = selector.deregister(self.inner.as_fd());
            });
        }
    }
}

impl<S: AsFd> Drop for Registered<S> {
    fn drop(&mut self) {
        if let Some(registration) = self.registration.take() {
            registration.registry.remove(&registration, |selector| selector.closing(self.inner.as_fd()));
        }
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for Registered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
