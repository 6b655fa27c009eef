//! [`Watched`]: a descriptor of the program's own. asyncio's `add_reader` and `add_writer`, and `sock_*` for any
//! socket.
//!
//! asyncio identifies a descriptor by its number, which may be closed and reused a moment later. Here the program gives
//! the descriptor's owner (or an `Rc` of it, or a borrow) to a [`Watched`], which keeps the descriptor open while it is
//! watched.
//!
//! A callback must be called again and again while its descriptor is ready, but the selector reports only changes. So
//! after each call, the watcher asks `poll(2)` whether the descriptor is still ready, and waits only if it is not.
//!
//! ```text
//!               yes: call back
//!              +----------------+
//!              v                |
//!  add ---> in the queue --> is it ready? --no--> waits at the registry --event--> in the queue
//! ```
//!
//! Only the ready queue or the registry holds a watcher, and both drop theirs when the loop is closed. So a callback
//! that owns its own `Watched` is freed then.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use super::super::{LoopHandle, running};
use super::operation::Operation;
use super::registered::Registered;
use super::registry::{Left, Registration};
use crate::coroutine::{Coroutine, Exception, Kind, Stateless, Step};
use crate::sys::{Direction, Readiness, descriptor};
use crate::task::{Await, Awaitable, ErrorContext, Run, Scheduler, panicked};

/// A descriptor of the program's own that the loop watches.
///
/// [`attempt`](Self::attempt) turns any non-blocking system call on the descriptor into an awaitable.
/// [`LoopHandle::add_reader`] and [`add_writer`](LoopHandle::add_writer) call back when the descriptor is ready. For
/// streams and datagrams, [`TcpStream`](crate::TcpStream) and the other socket types are easier to use.
///
/// `F` is the owner of the descriptor, or an `Rc` of it, or a borrow. The descriptor is registered with the loop in
/// which it is first used, and deregistered when the `Watched` is dropped.
///
/// If a `Watched` is forgotten ([`core::mem::forget`]), its callbacks are called until the loop is closed. A forgotten
/// owner keeps the descriptor open. A forgotten borrow does not: once the owner has closed the descriptor, the
/// callbacks are called for whatever file gets the same number next.
///
/// ```
/// use innermost::selector::Direction;
/// use innermost::{EventLoop, Step, Watched, from_fn, yield_from};
/// use std::net::UdpSocket;
///
/// // Here the program can set any option of the socket.
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// socket.set_nonblocking(true)?;
/// socket.send_to(b"ping", socket.local_addr()?)?;
/// let watched = Watched::new(socket);
/// let length = EventLoop::new()?.run_until_complete(from_fn(move |mut sent| {
///     let mut bytes = [0; 1500];
///     yield_from!(watched.attempt(Direction::Read, |socket| socket.recv(&mut bytes)), sent).map(Step::Return)
/// }))?;
/// assert_eq!(length, 4);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct Watched<F: AsFd> {
    registered: Registered<Rc<F>>,
    reader: Watchers,
    writer: Watchers,
    is_nonblocking: Cell<bool>,
    /// The time for which an operation pauses if no event will tell when to try again.
    pause: Cell<Duration>,
}

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl<F: AsFd> Watched<F> {
    /// Wraps a descriptor. It is registered with the running loop when it is first used.
    pub fn new(descriptor: F) -> Self {
        Self {
            registered: Registered::of_any_kind(Rc::new(descriptor)),
            reader: Watchers::default(),
            writer: Watchers::default(),
            is_nonblocking: Cell::new(false),
            pause: Cell::new(FIRST_PAUSE),
        }
    }

    /// Returns the wrapped descriptor.
    pub fn get_ref(&self) -> &F {
        self.registered.get()
    }

    /// Stops watching, drops the callbacks, and returns the descriptor.
    pub fn into_inner(self) -> F {
        let inner = Rc::clone(self.registered.get());
        drop(self);
        Rc::into_inner(inner).expect("only the watch has shared it")
    }

    /// Returns an awaitable that waits until `operation` does not fail with [`WouldBlock`](io::ErrorKind::WouldBlock),
    /// and gives its result. asyncio's `sock_recv`, `sock_sendto`, `sock_accept` and the like, for any descriptor.
    ///
    /// The operation is tried at once if the descriptor is ready in that direction, and again whenever it may have
    /// become ready. If the awaitable is dropped or cancelled while it waits, the operation has done nothing. One task
    /// at a time can wait for each direction. [`Watched`] has an example.
    ///
    /// A Unix datagram socket counts as writable even if the receiver of one datagram is full, as long as the socket's
    /// own peer is not. No event tells when that receiver has room again. In this case the operation is tried again
    /// after 1 ms, and then less and less often, down to once every 50 ms.
    ///
    /// # Errors
    ///
    /// Awaiting raises the operation's error. It also raises:
    ///
    /// - `ValueError` if the descriptor is blocking, because a blocking call would stop the whole loop.
    /// - `RuntimeError` if no loop is running, if this `Watched` belongs to another loop, or if another task waits for
    ///   the same direction.
    /// - The system's error if the descriptor cannot be registered: `AlreadyExists` if a socket, a transport or another
    ///   `Watched` of this loop has registered it, `PermissionDenied` for a regular file.
    pub fn attempt<'a, T: 'a>(
        &'a self,
        direction: Direction,
        mut operation: impl FnMut(&F) -> io::Result<T> + 'a,
    ) -> impl Awaitable<Return = T> + Stateless + 'a {
        Operation::new("attempt", move || {
            self.check_nonblocking()?;
            let step = self.registered.attempt(direction, |inner, _| match operation(inner) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && is_full_elsewhere(inner, direction) => {
                    Ok((None, Left::More))
                }
                result => Ok((Some(result?), Left::More)),
            })?;
            match step {
                Step::Return(Some(result)) => {
                    self.pause.set(FIRST_PAUSE);
                    Ok(Step::Return(result))
                }
                Step::Return(None) => self.try_later(),
                Step::Yield(wanted) => Ok(Step::Yield(wanted)),
                Step::Delegate(frame) => Ok(Step::Delegate(frame)),
            }
        })
    }

    /// Pauses before the next try. Waiting for the selector instead would spin: each failed try takes some of the
    /// sender's room and gives it back, which the selector reports as an event.
    #[cold]
    fn try_later<T>(&self) -> Result<Step<Await, (), T>, Exception> {
        let pause = self.pause.get();
        self.pause.set((pause * 2).min(LONGEST_PAUSE));
        match running()?.finish_later(pause)?.resume(Ok(()))? {
            Step::Yield(wanted) => Ok(Step::Yield(wanted)),
            _ => Ok(Step::Yield(Await::next_turn())),
        }
    }

    /// Returns an awaitable that waits until an operation in `direction` would not block.
    ///
    /// # Errors
    ///
    /// Awaiting raises `RuntimeError` if no loop is running, if this `Watched` belongs to another loop, or if another
    /// task waits for the same direction. It raises the system's error if the descriptor cannot be registered.
    pub fn ready(&self, direction: Direction) -> impl Awaitable<Return = ()> + Stateless + '_ {
        Operation::new("ready", move || {
            self.registered.attempt(direction, |inner, _| {
                match descriptor::is_ready(inner.as_fd().as_raw_fd(), direction) {
                    true => Ok(((), Left::More)),
                    false => Err(io::ErrorKind::WouldBlock.into()),
                }
            })
        })
    }

    fn check_nonblocking(&self) -> Result<(), Exception> {
        if !self.is_nonblocking.get() {
            if !descriptor::is_nonblocking(self.as_fd())? {
                let text = "the descriptor is blocking: make it non-blocking first";
                return Err(Exception::message(Kind::ValueError, text));
            }
            self.is_nonblocking.set(true);
        }
        Ok(())
    }

    const fn watchers(&self, direction: Direction) -> &Watchers {
        match direction {
            Direction::Read => &self.reader,
            Direction::Write => &self.writer,
        }
    }
}

impl<F: AsFd> Drop for Watched<F> {
    fn drop(&mut self) {
        // Dropping a callback runs user code, so it comes last.
        let removed = [self.reader.take(), self.writer.take()];
        // The descriptor may stay open, because others may own it too.
        self.registered.deregister();
        drop(removed);
    }
}

impl<F: AsFd> AsFd for Watched<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registered.get().as_fd()
    }
}

impl<F: AsFd + fmt::Debug> fmt::Debug for Watched<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(self.get_ref()).finish()
    }
}

/// Returns `true` if a write would block although the descriptor is writable. That happens if the receiver of a Unix
/// datagram is full: the system tells only the sockets that are connected to the receiver.
#[cold]
fn is_full_elsewhere<F: AsFd>(descriptor: &F, direction: Direction) -> bool {
    direction == Direction::Write
        && descriptor::is_unix_datagram(descriptor.as_fd())
        && descriptor::is_ready(descriptor.as_fd().as_raw_fd(), direction)
}

/// Methods that watch descriptors of the program's own.
impl LoopHandle {
    /// Calls `callback` in each turn in which `watched` can be read from. asyncio's `add_reader`.
    ///
    /// The calls go on until the callback is [removed](Self::remove_reader), another one is added in its place, or
    /// `watched` is dropped. If the callback panics, the panic is reported to the exception handler, and the callback
    /// is called again.
    ///
    /// ```
    /// use innermost::{EventLoop, Watched};
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use std::rc::Rc;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (near, mut far) = UnixStream::pair()?;
    /// let near = Rc::new(near);
    /// let watched = Watched::new(Rc::clone(&near));
    /// let handle = event_loop.handle();
    /// event_loop.add_reader(&watched, move || {
    ///     let mut bytes = [0; 8];
    ///     let count = (&*near).read(&mut bytes).unwrap();
    ///     assert_eq!(&bytes[..count], b"ping");
    ///     handle.stop();
    /// })?;
    /// far.write_all(b"ping")?;
    /// event_loop.run_forever()?;
    /// assert!(event_loop.remove_reader(&watched));
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed, if `watched` belongs to another loop, or if a task is waiting to read from
    /// it. The system's error if the descriptor cannot be registered: `AlreadyExists` if a socket, a transport or
    /// another [`Watched`] of this loop has registered it, `PermissionDenied` for a regular file.
    pub fn add_reader<F: AsFd>(&self, watched: &Watched<F>, callback: impl FnMut() + 'static) -> Result<(), Exception> {
        self.add_watcher(watched, Direction::Read, Box::new(callback))
    }

    /// Calls `callback` in each turn in which `watched` can be written to. asyncio's `add_writer`.
    ///
    /// The calls go on until the callback is [removed](Self::remove_writer), another one is added in its place, or
    /// `watched` is dropped. If the callback panics, the panic is reported to the exception handler, and the callback
    /// is called again.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed, if `watched` belongs to another loop, or if a task is waiting to write to
    /// it. The system's error if the descriptor cannot be registered: `AlreadyExists` if a socket, a transport or
    /// another [`Watched`] of this loop has registered it, `PermissionDenied` for a regular file.
    pub fn add_writer<F: AsFd>(&self, watched: &Watched<F>, callback: impl FnMut() + 'static) -> Result<(), Exception> {
        self.add_watcher(watched, Direction::Write, Box::new(callback))
    }

    /// Removes the callback set by [`add_reader`](Self::add_reader). Returns `false` if there is none.
    pub fn remove_reader<F: AsFd>(&self, watched: &Watched<F>) -> bool {
        watched.reader.take().is_some()
    }

    /// Removes the callback set by [`add_writer`](Self::add_writer). Returns `false` if there is none.
    pub fn remove_writer<F: AsFd>(&self, watched: &Watched<F>) -> bool {
        watched.writer.take().is_some()
    }

    fn add_watcher<F: AsFd>(
        &self,
        watched: &Watched<F>,
        direction: Direction,
        callback: Box<dyn FnMut()>,
    ) -> Result<(), Exception> {
        self.0.scheduler.check_open()?;
        let registration = watched.registered.registration_in(&self.0.registry)?;
        let watcher = Rc::new(Watcher {
            registration: Rc::clone(registration),
            direction,
            callback: Cell::new(Some(callback)),
            is_removed: Cell::new(false),
        });
        // Dropping the former callback runs user code, which may already replace this one.
        if let Some(former) = watched.watchers(direction).0.replace(Rc::downgrade(&watcher)).upgrade() {
            drop(former.remove());
        }
        if watcher.is_removed.get() { Ok(()) } else { registration.queue_to_ask(direction, watcher) }
    }
}

/// A weak reference to the watcher of one direction, if there is one.
#[derive(Default)]
struct Watchers(Cell<Weak<Watcher>>);

impl Watchers {
    fn take(&self) -> Option<Removed> {
        self.0.take().upgrade()?.remove()
    }
}

/// A callback for one direction of a descriptor.
struct Watcher {
    registration: Rc<Registration>,
    direction: Direction,
    /// Taken out while it runs.
    callback: Cell<Option<Box<dyn FnMut()>>>,
    is_removed: Cell<bool>,
}

impl Watcher {
    /// Has the watcher queued when the descriptor may be ready.
    fn wait(self: Rc<Self>) -> Result<(), Exception> {
        let registration = Rc::clone(&self.registration);
        registration.queue_when_ready(self.direction, self)
    }

    /// Stops the calls. Returns `None` if they were stopped before.
    fn remove(self: Rc<Self>) -> Option<Removed> {
        if self.is_removed.replace(true) {
            return None;
        }
        drop(self.registration.take_waiting(self.direction, Rc::as_ptr(&self).cast()));
        Some(Removed(self))
    }
}

/// A watcher whose calls were stopped. Drops the callback in a guard, so that a panic is reported.
struct Removed(Rc<Watcher>);

impl Drop for Removed {
    fn drop(&mut self) {
        let callback = self.0.callback.take();
        self.0.registration.scheduler().drop_each(callback);
    }
}

impl Run for Watcher {
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        let Some(mut callback) = self.callback.take() else { return };
        if !descriptor::is_ready(self.registration.fd(), self.direction) {
            self.callback.set(Some(callback));
            self.registration.clear_false_readiness(Readiness::of(self.direction) | Readiness::URGENT, self.direction);
            if let Err(raised) = self.wait() {
                // A task has begun to wait for the descriptor while this watcher was in the queue.
                scheduler.report(ErrorContext::new("a descriptor's callback is no longer called").caused_by(raised));
            }
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(&mut callback));
        if self.is_removed.get() {
            scheduler.drop_each([callback]);
        } else {
            self.callback.set(Some(callback));
            scheduler.push(Rc::clone(&self) as Rc<dyn Run>);
        }
        if let Err(panic) = outcome {
            let context = ErrorContext::new("Exception in callback").caused_by(panicked(panic));
            scheduler.report(context.about(&*self.registration));
        }
    }
}
