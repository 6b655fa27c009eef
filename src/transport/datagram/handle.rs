//! [`DatagramTransport`]: a UDP socket or a Unix socket for datagrams, with a protocol.
//!
//! Its life is that of a stream, which `connection.rs` describes, with two differences. A datagram is sent at once or queued
//! whole. An error of the system is passed to the protocol and does not end the endpoint.
//!
//! If the receiver of a Unix datagram has no room, the datagram is queued too. A socket connected to that receiver becomes
//! writable when there is room. For one that is not connected, the system offers no event, so it tries again after a pause.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::super::flow::Flow;
use super::super::open::Close;
use super::super::protocol::DatagramProtocol;
use super::super::slot::Slot;
use super::family::DatagramAddress;
use crate::coroutine::Exception;
use crate::event_loop::{Left, LoopHandle, Registered, Resident};
use crate::sys::Direction;
use crate::task::{ErrorContext, Run, Scheduler, callback, panicked};

/// An endpoint that sends and receives datagrams. asyncio's `DatagramTransport`.
///
/// Clones are handles to the same endpoint. The loop owns the endpoint: [`close`](Self::close) and [`abort`](Self::abort)
/// end it, and dropping handles does not.
///
/// The default `A` is for UDP. The transport of a Unix socket is a `DatagramTransport<std::os::unix::net::SocketAddr>`.
pub struct DatagramTransport<A: DatagramAddress = SocketAddr>(pub(super) Rc<Endpoint<A>>);

impl<A: DatagramAddress> Clone for DatagramTransport<A> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

pub(super) struct Endpoint<A: DatagramAddress> {
    pub(super) event_loop: LoopHandle,
    /// `None` once it is over. Shared, so that nothing is borrowed while a selector of the program runs.
    pub(super) socket: RefCell<Option<Rc<Registered<A::Socket>>>>,
    pub(super) protocol: Slot<Box<dyn DatagramProtocol<A>>>,
    /// The only peer, if the socket is connected.
    pub(super) peer: Option<A>,
    pub(super) queue: RefCell<Queue<A>>,
    pub(super) flow: Flow,
    pub(super) stage: Cell<Stage>,
    pub(super) made: Cell<bool>,
    pub(super) resident: Cell<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Open,
    Closing,
    Lost,
    Over,
}

/// Datagrams that wait to be sent.
pub(super) struct Queue<A> {
    pub(super) datagrams: VecDeque<(Box<[u8]>, Option<A>)>,
    pub(super) size: usize,
    /// How long to pause before the next try, if no event says when there is room.
    pub(super) pause: Duration,
    /// True if such a pause is in progress.
    pub(super) is_pausing: bool,
}

impl<A> Default for Queue<A> {
    fn default() -> Self {
        Self { datagrams: VecDeque::new(), size: 0, pause: FIRST_PAUSE, is_pausing: false }
    }
}

pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(1);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The bytes that a queued datagram counts in addition to its own, because an empty one takes memory too.
pub(super) const HEADER: usize = 8;

/// How many datagrams are received or sent in one turn, so that others get their turn.
pub(super) const SHARE: usize = 32;

impl<A: DatagramAddress> DatagramTransport<A> {
    /// Makes an endpoint of a registered socket. `connection_made` is called in the next turn.
    pub(in crate::transport) fn start(
        event_loop: &LoopHandle,
        socket: Registered<A::Socket>,
        protocol: Box<dyn DatagramProtocol<A>>,
        peer: Option<A>,
    ) -> Self {
        let endpoint = Rc::new(Endpoint {
            event_loop: event_loop.clone(),
            socket: RefCell::new(Some(Rc::new(socket))),
            protocol: Slot::new(protocol),
            peer,
            queue: RefCell::default(),
            flow: Flow::new(),
            stage: Cell::new(Stage::Open),
            made: Cell::new(false),
            resident: Cell::new(0),
        });
        endpoint.resident.set(event_loop.add_resident(Rc::clone(&endpoint) as Rc<_>));
        event_loop.scheduler().push(Rc::clone(&endpoint) as Rc<_>);
        Self(endpoint)
    }

    /// Closes the endpoint. Nothing more is received, queued datagrams are still sent, and then `connection_lost` is called.
    pub fn close(&self) {
        if self.is_closing() {
            return;
        }
        self.0.stage.set(Stage::Closing);
        if self.0.queue.borrow().datagrams.is_empty() {
            self.lose(None);
        }
    }

    /// Closes the endpoint at once. Queued datagrams are lost.
    pub fn abort(&self) {
        self.lose(None);
    }

    /// Returns `true` if the endpoint is closed or is being closed.
    pub fn is_closing(&self) -> bool {
        self.0.stage.get() >= Stage::Closing
    }

    /// Replaces the protocol. The old protocol is dropped without being called.
    pub fn set_protocol(&self, protocol: impl DatagramProtocol<A>) {
        let protocol: Box<dyn DatagramProtocol<A>> = Box::new(protocol);
        let is_over = self.0.stage.get() == Stage::Over;
        let unused = if is_over { Some(protocol) } else { self.0.protocol.set(Some(protocol)) };
        self.drop_users(unused);
    }

    /// Sets how many bytes may be queued. Above `high`, the protocol is asked to pause writing; at `low` or below, to resume.
    /// A limit that is not given follows from the other: `low` is a quarter of `high`. If neither is given, they are 64 KiB and
    /// 16 KiB.
    ///
    /// # Errors
    ///
    /// Returns `ValueError` if `low` is above `high`.
    pub fn set_write_buffer_limits(&self, high: Option<usize>, low: Option<usize>) -> Result<(), Exception> {
        self.0.flow.set(high, low)?;
        if self.0.flow.grown(self.write_buffer_size()) {
            self.tell_flow();
        }
        Ok(())
    }

    /// The low-water mark and the high-water mark, in bytes.
    pub fn write_buffer_limits(&self) -> (usize, usize) {
        (self.0.flow.low.get(), self.0.flow.high.get())
    }

    /// The number of bytes queued: those of the datagrams, and a few more for each.
    pub fn write_buffer_size(&self) -> usize {
        self.0.queue.borrow().size
    }

    /// The address of the only peer, if there is one.
    pub fn peer_addr(&self) -> Option<A> {
        self.0.peer.clone()
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// Returns `NotConnected` once the endpoint is closed, and the system's error otherwise.
    pub fn local_addr(&self) -> io::Result<A> {
        A::local_addr(self.socket().ok_or(io::ErrorKind::NotConnected)?.get())
    }

    /// Calls `function` with the descriptor, for example to set options. It gets `None` once the endpoint is closed.
    pub fn with_fd<R>(&self, function: impl FnOnce(Option<BorrowedFd<'_>>) -> R) -> R {
        let socket = self.socket();
        function(socket.as_ref().map(|socket| socket.get().as_fd()))
    }
}

/// The callbacks for a descriptor that is ready.
impl<A: DatagramAddress> DatagramTransport<A> {
    fn receive(&self, socket: &Registered<A::Socket>) {
        for _ in 0..SHARE {
            let mut memory = A::take_memory(&self.0.event_loop);
            let bytes = (*memory).as_mut();
            let received = socket.try_now(Direction::Read, |socket| Ok((A::recv_from(socket, bytes)?, Left::More)));
            let received = received.map(|received| {
                received.map(|(count, from)| {
                    let data = &bytes[..count];
                    self.call("datagram_received", |protocol| protocol.datagram_received(self, data, from));
                })
            });
            A::give_memory(&self.0.event_loop, memory);
            match received {
                Ok(None) => break,
                Ok(Some(())) => {}
                Err(error) => self.failed(error),
            }
            if self.is_closing() {
                return;
            }
        }
        self.watch(Direction::Read);
    }

    pub(super) fn watch(&self, direction: Direction) {
        if let Some(socket) = self.socket() {
            socket.watch(direction, Rc::clone(&self.0) as Rc<_>);
        }
    }

    /// Passes an error of the system to the protocol. If one of its callbacks is running, that happens in the next turn.
    pub(super) fn failed(&self, error: io::Error) {
        if self.0.protocol.is_lent() {
            let this = self.clone();
            self.queue(move || {
                if this.0.stage.get() < Stage::Lost {
                    this.failed(error);
                }
            });
        } else {
            self.call("error_received", |protocol| protocol.error_received(self, error));
        }
    }

    fn call(&self, name: &str, function: impl FnOnce(&mut dyn DatagramProtocol<A>)) {
        let Some(mut protocol) = self.0.protocol.lend() else { return };
        let result = catch_unwind(AssertUnwindSafe(|| function(&mut **protocol)));
        drop(protocol);
        if let Some(replaced) = self.0.protocol.replaced() {
            self.drop_users(replaced);
        }
        match result {
            Ok(()) => self.tell_flow(),
            // The endpoint can continue, as a stream can, although the protocol has not been told.
            Err(panic) if matches!(name, "pause_writing" | "resume_writing") => {
                self.report(&format!("protocol.{name}() failed"), panicked(panic));
            }
            Err(panic) => {
                let raised = panicked(panic);
                self.report(&format!("Fatal error: protocol.{name}() call failed."), raised.clone());
                self.lose(Some(raised));
            }
        }
    }

    /// Tells the protocol whether to pause writing, if that has changed.
    pub(super) fn tell_flow(&self) {
        while !self.0.protocol.is_lent()
            && let Some(pause) = self.0.flow.news()
        {
            let name = if pause { "pause_writing" } else { "resume_writing" };
            self.call(name, |protocol| match pause {
                true => protocol.pause_writing(self),
                false => protocol.resume_writing(self),
            });
        }
    }
}

/// The end.
impl<A: DatagramAddress> DatagramTransport<A> {
    fn lose(&self, error: Option<Exception>) {
        if self.0.stage.get() >= Stage::Lost {
            return;
        }
        self.0.stage.set(Stage::Lost);
        self.0.queue.take();
        if let Some(socket) = self.socket() {
            socket.unwatch();
        }
        let this = self.clone();
        self.queue(move || this.end(error));
    }

    pub(super) fn end(&self, error: Option<Exception>) {
        if self.0.stage.replace(Stage::Over) == Stage::Over {
            return;
        }
        if let Some(mut protocol) = self.0.protocol.lend() {
            let result = catch_unwind(AssertUnwindSafe(|| protocol.connection_lost(self, error)));
            drop(protocol);
            self.drop_users((self.0.protocol.replaced(), self.0.protocol.set(None)));
            if let Err(panic) = result {
                self.report("protocol.connection_lost() call failed.", panicked(panic));
            }
        }
        drop(self.0.socket.take());
        self.0.event_loop.remove_resident(self.0.resident.get());
    }

    fn queue(&self, function: impl FnOnce() + 'static) {
        self.0.event_loop.scheduler().push(callback(function) as Rc<dyn Run>);
    }

    fn report(&self, message: &str, raised: Exception) {
        let context = ErrorContext::new(String::from(message)).caused_by(raised);
        self.0.event_loop.call_exception_handler(context.about(self));
    }

    pub(super) fn socket(&self) -> Option<Rc<Registered<A::Socket>>> {
        self.0.socket.borrow().clone()
    }

    fn drop_users<T: 'static>(&self, value: T) {
        self.0.event_loop.scheduler().drop_each([value]);
    }
}

impl<A: DatagramAddress> Run for Endpoint<A> {
    fn run(self: Rc<Self>, _: &Rc<Scheduler>) {
        let transport = DatagramTransport(self);
        let endpoint = &transport.0;
        if !endpoint.made.replace(true) {
            transport.call("connection_made", |protocol| protocol.connection_made(&transport));
            return match transport.is_closing() {
                true => {}
                false => transport.watch(Direction::Read),
            };
        }
        let Some(socket) = transport.socket() else { return };
        if endpoint.stage.get() == Stage::Open {
            transport.receive(&socket);
        }
        let has_queued = !endpoint.queue.borrow().datagrams.is_empty();
        if has_queued {
            transport.send_queued();
        }
    }
}

impl<A: DatagramAddress> Resident for Endpoint<A> {
    fn loop_closed(self: Rc<Self>) {
        self.stage.set(Stage::Over);
        self.queue.take();
        drop(self.socket.take());
        self.event_loop.scheduler().drop_each([self.protocol.set(None)]);
    }
}

/// Two handles are equal if they refer to the same endpoint.
impl<A: DatagramAddress> PartialEq for DatagramTransport<A> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<A: DatagramAddress> Eq for DatagramTransport<A> {}

impl<A: DatagramAddress> Hash for DatagramTransport<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl<A: DatagramAddress> Close for DatagramTransport<A> {
    fn close(&self) {
        self.close();
    }
}

impl<A: DatagramAddress> fmt::Debug for DatagramTransport<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fd = self.with_fd(|fd| fd.map(|fd| fd.as_raw_fd()));
        let (stage, waiting) = (self.0.stage.get(), self.write_buffer_size());
        f.debug_struct("DatagramTransport").field("fd", &fd).field("stage", &stage).field("waiting", &waiting).finish()
    }
}
