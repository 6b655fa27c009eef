//! [`Server`]: listening sockets, and the connections that came by them.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use slab::Slab;

use super::super::Transport;
use super::super::protocol::AnyProtocol;
use super::super::socket_file::SocketFile;
use super::listener::Listener;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};
use crate::event_loop::{LoopHandle, Resident};
use crate::task::{Await, Future, panicked};
use crate::yield_from;

/// Listening sockets that belong together. asyncio's `Server`.
///
/// Clones are handles to the same one. The loop owns it: it ends by [`close`](Self::close), not by being dropped.
#[derive(Clone)]
pub struct Server(pub(in crate::transport) Rc<ServerCore>);

pub(in crate::transport) struct ServerCore {
    pub(in crate::transport) event_loop: LoopHandle,
    /// `None` while it is called (rule 4).
    factory: Cell<Option<Box<dyn FnMut() -> AnyProtocol>>>,
    pub(in crate::transport) backlog: i32,
    /// How long accepting pauses where it has failed.
    pub(in crate::transport) accept_pause: Duration,
    /// Empty once it is closed.
    listeners: RefCell<Vec<Rc<Listener>>>,
    /// Removed when it is closed.
    file: Cell<Option<SocketFile>>,
    is_serving: Cell<bool>,
    is_closed: Cell<bool>,
    clients: RefCell<Slab<Transport>>,
    /// Those who wait until it is closed, and its connections are over, in the order of coming. A map, so that any of them
    /// can leave at little cost however many there are.
    waiters: RefCell<BTreeMap<u64, Future<()>>>,
    next_waiter: Cell<u64>,
    forever: RefCell<Option<Future<()>>>,
    resident: Cell<usize>,
}

impl Server {
    pub(in crate::transport) fn new(
        event_loop: &LoopHandle,
        factory: Box<dyn FnMut() -> AnyProtocol>,
        (backlog, accept_pause): (i32, Duration),
        sockets: Vec<socket2::Socket>,
        file: Option<SocketFile>,
    ) -> Self {
        let core = Rc::new(ServerCore {
            event_loop: event_loop.clone(),
            factory: Cell::new(Some(factory)),
            backlog,
            accept_pause,
            listeners: RefCell::default(),
            file: Cell::new(file),
            is_serving: Cell::new(false),
            is_closed: Cell::new(false),
            clients: RefCell::default(),
            waiters: RefCell::default(),
            next_waiter: Cell::new(0),
            forever: RefCell::default(),
            resident: Cell::new(0),
        });
        let listeners = sockets.into_iter().map(|socket| Rc::new(Listener::new(&core, socket))).collect();
        *core.listeners.borrow_mut() = listeners;
        core.resident.set(event_loop.add_resident(Rc::clone(&core) as Rc<_>));
        Self(core)
    }

    /// Starts to listen and to accept; no effect if it does already.
    ///
    /// # Errors
    ///
    /// The system's: another listens there by now. The server is closed then, so that it listens everywhere or nowhere.
    /// `RuntimeError` once it is closed.
    pub fn start_serving(&self) -> Result<(), Exception> {
        if self.0.is_closed.get() {
            return Err(Exception::message(Kind::RuntimeError, "the server is closed"));
        }
        if self.0.is_serving.replace(true) {
            return Ok(());
        }
        let listeners = self.0.listeners.borrow().clone();
        let listening = listeners.iter().try_for_each(|listener| listener.listen());
        if listening.is_err() {
            self.close();
        }
        listening
    }

    /// Serves until it is cancelled or the server is closed. It then closes the server and its connections, as
    /// [`close_clients`](Self::close_clients) does, waits until they are over, and raises `CancelledError`. An idle
    /// client does not delay that. asyncio's `serve_forever`; CPython 3.13.0 still waited for idle clients.
    ///
    /// To let connections go on after [`close`](Self::close), await [`wait_closed`](Self::wait_closed) instead.
    ///
    /// Raises `RuntimeError` if the server is closed, or if another `serve_forever` is in progress.
    pub fn serve_forever(&self) -> ServeForever {
        ServeForever { server: self.clone(), phase: Phase::Created }
    }

    /// Stops listening. Connections go on: see [`close_clients`](Self::close_clients). The system resets the connections
    /// that wait in the backlog. If the protocol factory closes the server, the connection it was called for is closed
    /// too, and the protocol that it returns is dropped without being called. No effect the second time.
    pub fn close(&self) {
        let core = &self.0;
        if core.is_closed.replace(true) {
            return;
        }
        core.is_serving.set(false);
        // Before the sockets, which keep the number of the file from being given to another one.
        drop(core.file.take());
        core.drop_listeners();
        let forever = core.forever.borrow().clone();
        if let Some(forever) = forever {
            forever.cancel();
        }
        // It may hold a handle to this server.
        core.event_loop.scheduler().drop_each([core.factory.take()]);
        if core.is_over() {
            core.wake();
        }
        core.event_loop.remove_resident(core.resident.get());
    }

    /// Closes every connection that came by this server, in good order.
    pub fn close_clients(&self) {
        for client in self.clients() {
            client.close();
        }
    }

    /// Aborts every connection that came by this server.
    pub fn abort_clients(&self) {
        for client in self.clients() {
            client.abort();
        }
    }

    /// Every connection that came by this server and is not over.
    pub fn clients(&self) -> Vec<Transport> {
        self.0.clients.borrow().iter().map(|(_, client)| client.clone()).collect()
    }

    /// Waits until the server is closed and all of its connections are over.
    pub fn wait_closed(&self) -> WaitClosed {
        WaitClosed { server: self.clone(), waiter: None }
    }

    /// Whether it accepts connections.
    pub fn is_serving(&self) -> bool {
        self.0.is_serving.get()
    }

    /// The internet addresses at which it listens; none once it is closed. asyncio's `sockets`, together with
    /// [`with_sockets`](Self::with_sockets).
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        let listeners = self.0.listeners.borrow();
        listeners.iter().filter_map(|listener| listener.local_addr()).collect()
    }

    /// Calls `function` with each listening descriptor, to ask or set options.
    pub fn with_sockets(&self, mut function: impl FnMut(std::os::fd::BorrowedFd<'_>)) {
        let listeners = self.0.listeners.borrow().clone();
        listeners.iter().for_each(|listener| listener.with_fd(&mut function));
    }

    /// The loop it belongs to.
    pub fn event_loop(&self) -> LoopHandle {
        self.0.event_loop.clone()
    }
}

impl ServerCore {
    fn drop_listeners(&self) {
        let listeners = self.listeners.take();
        for listener in &listeners {
            listener.close();
        }
    }

    /// Makes a protocol. `None` once it is closed.
    pub(in crate::transport) fn make_protocol(&self) -> Option<Result<AnyProtocol, Exception>> {
        let mut factory = self.factory.take()?;
        let made = catch_unwind(AssertUnwindSafe(&mut factory)).map_err(panicked);
        if self.is_closed.get() {
            self.event_loop.scheduler().drop_each([factory]);
        } else {
            self.factory.set(Some(factory));
        }
        Some(made)
    }

    pub(in crate::transport) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Whether it is closed, and the last connection is over.
    fn is_over(&self) -> bool {
        self.is_closed.get() && self.clients.borrow().is_empty()
    }

    fn wake(&self) {
        for waiter in self.waiters.take().into_values() {
            // Some are cancelled.
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

/// A connection's place among a server's.
pub(in crate::transport) struct Membership {
    server: Rc<ServerCore>,
    key: Cell<usize>,
}

impl Membership {
    pub(in crate::transport) fn new(server: &Rc<ServerCore>) -> Self {
        Self { server: Rc::clone(server), key: Cell::new(0) }
    }

    pub(in crate::transport) fn enter(&self, transport: &Transport) {
        self.key.set(self.server.clients.borrow_mut().insert(transport.clone()));
    }

    pub(in crate::transport) fn leave(self) {
        let client = self.server.clients.borrow_mut().try_remove(self.key.get());
        drop(client);
        if self.server.is_over() {
            self.server.wake();
        }
    }
}

/// What [`Server::serve_forever`] makes.
#[must_use = "nothing is served until this is delegated to"]
pub struct ServeForever {
    server: Server,
    phase: Phase,
}

enum Phase {
    Created,
    Serving(Future<()>),
    /// Cancelled.
    Closing(Exception, WaitClosed),
}

impl Coroutine for ServeForever {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.phase = match &mut self.phase {
                Phase::Created => {
                    core::mem::replace(&mut sent, Ok(()))?;
                    Phase::Serving(self.server.begin()?)
                }
                Phase::Serving(forever) => match yield_from!(forever, sent) {
                    Ok(()) => return Ok(Step::Return(())),
                    Err(raised) => {
                        drop(self.server.0.forever.take());
                        if !raised.is_cancelled() {
                            return Err(raised);
                        }
                        self.server.close();
                        self.server.close_clients();
                        Phase::Closing(raised, self.server.wait_closed())
                    }
                },
                Phase::Closing(raised, closed) => {
                    yield_from!(closed, sent)?;
                    return Err(raised.clone());
                }
            };
        }
    }

    fn state(&self) -> State<'_> {
        State::new("serve_forever", &self.server)
    }
}

impl Drop for ServeForever {
    fn drop(&mut self) {
        if let Phase::Serving(_) = self.phase {
            drop(self.server.0.forever.take());
        }
    }
}

impl Server {
    fn begin(&self) -> Result<Future<()>, Exception> {
        if self.0.forever.borrow().is_some() {
            let text = "the server is already being awaited on serve_forever()";
            return Err(Exception::message(Kind::RuntimeError, text));
        }
        self.start_serving()?;
        let forever = self.0.event_loop.create_future();
        *self.0.forever.borrow_mut() = Some(forever.clone());
        Ok(forever)
    }
}

/// What [`Server::wait_closed`] makes.
#[must_use = "nothing waits until this is delegated to"]
pub struct WaitClosed {
    server: Server,
    /// With its key among the server's.
    waiter: Option<(u64, Future<()>)>,
}

impl Coroutine for WaitClosed {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if self.waiter.is_none() {
            core::mem::replace(&mut sent, Ok(()))?;
            if self.server.0.is_over() {
                return Ok(Step::Return(()));
            }
            let core = &self.server.0;
            let (key, waiter) = (core.next_waiter.get(), core.event_loop.create_future());
            core.next_waiter.set(key + 1);
            core.waiters.borrow_mut().insert(key, waiter.clone());
            self.waiter = Some((key, waiter));
        }
        let (_, waiter) = self.waiter.as_mut().expect("it was set above");
        yield_from!(waiter, sent).map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        State::new("wait_closed", &self.server)
    }
}

impl Drop for WaitClosed {
    fn drop(&mut self) {
        if let Some((key, _)) = self.waiter.take() {
            let left = self.server.0.waiters.borrow_mut().remove(&key);
            drop(left);
        }
    }
}

impl fmt::Debug for WaitClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wait_closed of {:?}", self.server)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = self.0.clients.borrow().len();
        f.debug_struct("Server")
            .field("serving", &self.is_serving())
            .field("addresses", &self.local_addrs())
            .field("clients", &clients)
            .finish()
    }
}

impl fmt::Debug for ServeForever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "serve_forever of {:?}", self.server)
    }
}
