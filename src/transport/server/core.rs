//! A server from within: its listening sockets and its connections.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use slab::Slab;

use super::super::Transport;
use super::super::layer::MakeLayer;
use super::super::protocol::AnyProtocol;
use super::super::socket_file::SocketFile;
use super::super::stream::connection::Group;
use crate::coroutine::Exception;
use crate::event_loop::{LoopHandle, Resident};
use crate::task::{Future, panicked};

/// A listening socket, as its server sees it.
pub(super) trait Listening {
    /// Listens, and accepts from the next turn on.
    ///
    /// # Errors
    ///
    /// The system's.
    fn listen(self: Rc<Self>) -> Result<(), Exception>;

    fn close(&self);

    fn local_addr(&self) -> Option<SocketAddr>;

    fn with_fd(&self, function: &mut dyn FnMut(BorrowedFd<'_>));
}

pub(super) struct ServerCore {
    pub(super) event_loop: LoopHandle,
    /// `None` while it is being called (rule 4).
    pub(super) factory: Cell<Option<Box<dyn FnMut() -> AnyProtocol>>>,
    /// Makes the layer of each connection, if they have one.
    pub(super) make_layer: Option<Rc<MakeLayer>>,
    pub(super) backlog: i32,
    /// How long accepting pauses after a failure.
    pub(super) accept_pause: Duration,
    /// Empty once the server is closed.
    pub(super) listeners: RefCell<Vec<Rc<dyn Listening>>>,
    /// Removed when the server is closed.
    pub(super) file: Cell<Option<SocketFile>>,
    pub(super) is_serving: Cell<bool>,
    pub(super) is_closed: Cell<bool>,
    pub(super) clients: RefCell<Slab<Transport>>,
    /// The tasks that wait until the server is closed and its connections are over, in order. A map, so that any of them can
    /// leave cheaply however many there are.
    pub(super) waiters: RefCell<BTreeMap<u64, Future<()>>>,
    pub(super) next_waiter: Cell<u64>,
    pub(super) forever: RefCell<Option<Future<()>>>,
    pub(super) resident: Cell<usize>,
}

impl ServerCore {
    pub(super) fn drop_listeners(&self) {
        let listeners = self.listeners.take();
        for listener in &listeners {
            listener.close();
        }
    }

    /// Makes a protocol. `None` once the server is closed.
    pub(super) fn make_protocol(&self) -> Option<Result<AnyProtocol, Exception>> {
        let mut factory = self.factory.take()?;
        let made = catch_unwind(AssertUnwindSafe(&mut factory)).map_err(panicked);
        if self.is_closed.get() {
            self.event_loop.scheduler().drop_each([factory]);
        } else {
            self.factory.set(Some(factory));
        }
        Some(made)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Returns `true` if the server is closed and its last connection is over.
    pub(super) fn is_over(&self) -> bool {
        self.is_closed.get() && self.clients.borrow().is_empty()
    }

    pub(super) fn wake(&self) {
        for waiter in self.waiters.take().into_values() {
            // A cancelled one takes no result.
            let _ = waiter.set_result(());
        }
    }
}

impl Resident for ServerCore {
    fn loop_closed(self: Rc<Self>) {
        self.is_closed.set(true);
        self.is_serving.set(false);
        drop(self.file.take());
        self.drop_listeners();
        drop(self.clients.take());
        self.event_loop.scheduler().drop_each([self.factory.take()]);
    }
}

impl Group for ServerCore {
    fn enter(&self, transport: &Transport) -> usize {
        self.clients.borrow_mut().insert(transport.clone())
    }

    fn leave(&self, place: usize) {
        let client = self.clients.borrow_mut().try_remove(place);
        drop(client);
        if self.is_over() {
            self.wake();
        }
    }
}
