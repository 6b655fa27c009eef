//! [`Watched`]: descriptors that the program owns. asyncio's `add_reader` and `add_writer`, and `sock_*` for any socket.
//!
//! asyncio identifies a descriptor by its number, which may be closed and reused a moment later. Here the program gives the
//! descriptor's owner (or a share in it, or a borrow) to a [`Watched`], which keeps it open while it is watched.
//!
//! A callback must be called again and again while its descriptor is ready, but the selector reports only changes. So after
//! each call, the watcher asks the descriptor itself (`poll(2)`), and waits only if it is not ready.
//!
//! ```text
//!               it is ready: call
//!              +----------------+
//!              v                |
//!  add ---> in the queue --> is it ready? --no--> waits at the registry --event--> in the queue
//! ```
//!
//! Only the queue or the registry holds a watcher, and both let go of theirs when the loop is closed. So a callback that
//! owns its own `Watched` is freed then.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use super::super::{LoopHandle, running};
use super::registered::Registered;
use super::registry::{Left, Registration};
use crate::coroutine::{Coroutine, Exception, Kind, Step, from_fn};
use crate::sys::{Direction, Readiness, descriptor};
use crate::task::{Await, ErrorContext, Run, Scheduler, panicked};

/// A descriptor of the program's that the loop watches: for callbacks, see [`LoopHandle::add_reader`], and for
/// operations of the program's own that do not block.
///
/// `F` is what owns the descriptor, or an `Rc` of that, or a borrow. It is registered with the loop in which it is first
/// used, and no longer when this is dropped. For what bytes go through, [`TcpStream`](crate::TcpStream) and the like are
/// more at hand.
///
/// A watch that is forgotten ([`core::mem::forget`]) goes on: the callbacks are called until the loop is closed. An owner
/// that is forgotten with it keeps the descriptor open. A borrow does not: once its owner has closed the descriptor, the
/// callbacks are called for whatever gets the same number next.
///
/// ```
/// use innermost::selector::Direction;
/// use innermost::{EventLoop, Step, Watched, from_fn, yield_from};
/// use std::net::UdpSocket;
///
/// // Options that nothing here knows of may be set on it first.
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
    /// How long an operation pauses if no event will tell when to try again.
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

    /// Waits until `operation` does not fail with [`WouldBlock`](io::ErrorKind::WouldBlock), and returns its result. asyncio's
    /// `sock_recv`, `sock_sendto`, `sock_accept` and the like, for any descriptor.
    ///
    /// The operation is tried at once if the descriptor is ready in that direction, and again whenever it may have become
    /// ready. If it is dropped or cancelled while it waits, it has done nothing. One task at a time can wait for each
    /// direction.
    ///
    /// A Unix datagram socket can always be written to unless its peer is full, even where another receiver has no room.
    /// There the operation is tried again after 1 ms, and then less and less often, up to every 50 ms.
    ///
    /// It raises the operation's error. It raises a `ValueError` if the descriptor is blocking, which would stop the whole
    /// loop, and a `RuntimeError` if this loop has registered the descriptor already, or another loop has.
    pub fn attempt<'a, T: 'a>(
        &'a self,
        direction: Direction,
        mut operation: impl FnMut(&F) -> io::Result<T> + 'a,
    ) -> impl Coroutine<Yield = Await, Input = (), Return = T> + 'a {
        from_fn(move |sent: Result<(), Exception>| {
            sent?;
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

    /// Pauses. Waiting for room would spin: each failed try takes some of the sender's room and gives it back, which the
    /// selector reports.
    #[cold]
    fn try_later<T>(&self) -> Result<Step<Await, (), T>, Exception> {
        let pause = self.pause.get();
        self.pause.set((pause * 2).min(LONGEST_PAUSE));
        match running()?.finish_later(pause)?.resume(Ok(()))? {
            Step::Yield(wanted) => Ok(Step::Yield(wanted)),
            _ => Ok(Step::Yield(Await::next_turn())),
        }
    }

    /// Waits until an operation in `direction` would not block.
    pub fn ready(&self, direction: Direction) -> impl Coroutine<Yield = Await, Input = (), Return = ()> + '_ {
        from_fn(move |sent: Result<(), Exception>| {
            sent?;
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
        // To drop a callback is to run the user's code: nothing may be left to do after that.
        let removed = [self.reader.take(), self.writer.take()];
        // It may stay open: others may have it too.
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

/// Whether an operation lacks room although the descriptor has some: the receiver of a Unix datagram is full, and the
/// system tells of that only the receiver's peers.
#[cold]
fn is_full_elsewhere<F: AsFd>(descriptor: &F, direction: Direction) -> bool {
    direction == Direction::Write
        && descriptor::is_unix_datagram(descriptor.as_fd())
        && descriptor::is_ready(descriptor.as_fd().as_raw_fd(), direction)
}

/// Descriptors of the program's.
impl LoopHandle {
    /// Calls `callback` in each turn in which `watched` can be read from, until it is
    /// [removed](Self::remove_reader), replaced by another, or `watched` is dropped. asyncio's `add_reader`.
    ///
    /// A callback that panics is reported, and called again.
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
    /// `RuntimeError` if this loop has registered the descriptor already, as a socket or a transport, or if another loop
    /// has; if a task is waiting for it in that direction; if the loop is closed. The system's error for a regular file.
    pub fn add_reader<F: AsFd>(&self, watched: &Watched<F>, callback: impl FnMut() + 'static) -> Result<(), Exception> {
        self.add_watcher(watched, Direction::Read, Box::new(callback))
    }

    /// Calls `callback` in each turn in which `watched` can be written to, until it is
    /// [removed](Self::remove_writer), replaced by another, or `watched` is dropped. asyncio's `add_writer`.
    ///
    /// A callback that panics is reported, and called again.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if this loop has registered the descriptor already, as a socket or a transport, or if another loop
    /// has; if a task is waiting for it in that direction; if the loop is closed. The system's error for a regular file.
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
        let source = watched.registered.source_in(&self.0.registry)?;
        let watcher = Rc::new(Watcher {
            source: Rc::clone(source),
            direction,
            callback: Cell::new(Some(callback)),
            is_removed: Cell::new(false),
        });
        // To drop the former one's callback may be to replace this one.
        if let Some(former) = watched.watchers(direction).0.replace(Rc::downgrade(&watcher)).upgrade() {
            drop(former.remove());
        }
        if watcher.is_removed.get() { Ok(()) } else { source.queue_to_ask(direction, watcher) }
    }
}

/// The watcher of one direction, if there is one.
#[derive(Default)]
struct Watchers(Cell<Weak<Watcher>>);

impl Watchers {
    fn take(&self) -> Option<Removed> {
        self.0.take().upgrade()?.remove()
    }
}

/// A callback for one direction of a descriptor.
struct Watcher {
    source: Rc<Registration>,
    direction: Direction,
    /// Taken out while it runs.
    callback: Cell<Option<Box<dyn FnMut()>>>,
    is_removed: Cell<bool>,
}

impl Watcher {
    /// Comes into the queue when the descriptor may be ready.
    fn wait(self: Rc<Self>) -> Result<(), Exception> {
        let source = Rc::clone(&self.source);
        source.queue_when_ready(self.direction, self)
    }

    /// Is called no more from now on. `None` where that was so before.
    fn remove(self: Rc<Self>) -> Option<Removed> {
        if self.is_removed.replace(true) {
            return None;
        }
        drop(self.source.take_waiting(self.direction, Rc::as_ptr(&self).cast()));
        Some(Removed(self))
    }
}

/// A watcher that is called no more, until its callback is dropped: a panic of that is reported.
struct Removed(Rc<Watcher>);

impl Drop for Removed {
    fn drop(&mut self) {
        let callback = self.0.callback.take();
        self.0.source.scheduler().drop_each(callback);
    }
}

impl Run for Watcher {
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        let Some(mut callback) = self.callback.take() else { return };
        if !descriptor::is_ready(self.source.fd(), self.direction) {
            self.callback.set(Some(callback));
            self.source.in_vain(Readiness::of(self.direction) | Readiness::URGENT, self.direction);
            if let Err(raised) = self.wait() {
                // A task has begun to wait for it while this was in the queue.
                scheduler.report(ErrorContext::new("a descriptor's callback is not called any more").caused_by(raised));
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
            scheduler.report(context.about(&*self.source));
        }
    }
}
