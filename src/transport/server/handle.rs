//! [`Server`]: the handle to a server.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::net::SocketAddr;
use std::rc::Rc;

use super::super::Transport;
use super::super::layer::MakeLayer;
use super::super::protocol::AnyProtocol;
use super::super::socket_file::SocketFile;
use super::core::{Listening, ServerCore};
use super::listener::Listener;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};
use crate::event_loop::LoopHandle;
use crate::task::{Await, Future};
use crate::yield_from;

/// Listening sockets that belong together, and the connections they have accepted. asyncio's `Server`.
///
/// Clones are handles to the same server. The loop owns the server: [`close`](Self::close) ends it, and dropping handles does
/// not.
#[derive(Clone)]
pub struct Server(pub(super) Rc<ServerCore>);

impl Server {
    pub(super) fn new(
        event_loop: &LoopHandle,
        factory: Box<dyn FnMut() -> AnyProtocol>,
        make_layer: Option<Rc<MakeLayer>>,
        (backlog, accept_pause): (i32, Duration),
        sockets: Vec<socket2::Socket>,
        file: Option<SocketFile>,
    ) -> Self {
        let core = Rc::new(ServerCore {
            event_loop: event_loop.clone(),
            factory: Cell::new(Some(factory)),
            make_layer,
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
        let listener = |socket| Rc::new(Listener::new(&core, socket)) as Rc<dyn Listening>;
        let listeners = sockets.into_iter().map(listener).collect();
        *core.listeners.borrow_mut() = listeners;
        core.resident.set(event_loop.add_resident(Rc::clone(&core) as Rc<_>));
        Self(core)
    }

    /// Starts to listen and accept. Has no effect if the server already does.
    ///
    /// # Errors
    ///
    /// Returns the system's error, for example if somebody else has started to listen there. The server is closed then, so
    /// that it listens at all its addresses or at none. Returns `RuntimeError` once the server is closed.
    pub fn start_serving(&self) -> Result<(), Exception> {
        if self.0.is_closed.get() {
            return Err(Exception::message(Kind::RuntimeError, "the server is closed"));
        }
        if self.0.is_serving.replace(true) {
            return Ok(());
        }
        let listeners = self.0.listeners.borrow().clone();
        let listening = listeners.into_iter().try_for_each(Listening::listen);
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
    ///
    /// ```
    /// # use innermost::{EventLoop, Protocol, Transport};
    /// # struct Echo;
    /// # impl Protocol for Echo {
    /// #     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
    /// #         let _ = transport.write(data);
    /// #     }
    /// # }
    /// let event_loop = EventLoop::new()?;
    /// let server = event_loop.run_until_complete(event_loop.create_server(|| Echo, ([127, 0, 0, 1], 0)))?;
    /// let serving = event_loop.create_task(server.serve_forever())?;
    /// // In a program, a signal handler or another task does this.
    /// let stop = serving.clone();
    /// event_loop.call_soon(move || assert!(stop.cancel()))?;
    ///
    /// let ended = event_loop.run_until_complete(serving);
    /// assert!(ended.unwrap_err().is_cancelled());
    /// assert!(server.clients().is_empty());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn serve_forever(&self) -> ServeForever {
        ServeForever { server: self.clone(), phase: Phase::Created }
    }

    /// Stops listening. Existing connections stay open; [`close_clients`](Self::close_clients) closes them. The system resets
    /// the connections in the backlog. If the protocol factory closes the server, the connection it was called for is closed
    /// too, and the protocol it returns is dropped without being called. Has no effect the second time.
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

    /// Closes every connection of this server, after sending what was written. [`wait_closed`](Self::wait_closed) has an
    /// example.
    pub fn close_clients(&self) {
        for client in self.clients() {
            client.close();
        }
    }

    /// Aborts every connection of this server.
    pub fn abort_clients(&self) {
        for client in self.clients() {
            client.abort();
        }
    }

    /// The connections of this server that are not over.
    pub fn clients(&self) -> Vec<Transport> {
        self.0.clients.borrow().iter().map(|(_, client)| client.clone()).collect()
    }

    /// Waits until the server is closed and all of its connections are over.
    ///
    /// # Examples
    ///
    /// A server that ends gracefully accepts nothing more, sends what was written, and gives up on slow clients after a
    /// while:
    ///
    /// ```
    /// use innermost::wait_for;
    /// use std::time::Duration;
    /// # use innermost::{EventLoop, Protocol, Transport};
    /// # struct Echo;
    /// # impl Protocol for Echo {
    /// #     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
    /// #         let _ = transport.write(data);
    /// #     }
    /// # }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let server = event_loop.run_until_complete(event_loop.create_server(|| Echo, ([127, 0, 0, 1], 0)))?;
    /// let address = server.local_addrs()[0];
    /// let client = event_loop.run_until_complete(event_loop.create_connection(|| Echo, address))?;
    /// while server.clients().is_empty() {
    ///     event_loop.run_once()?;
    /// }
    ///
    /// server.close();
    /// server.close_clients();
    /// let closed = wait_for(server.wait_closed(), Duration::from_secs(10));
    /// if event_loop.run_until_complete(closed).is_err() {
    ///     server.abort_clients();
    ///     event_loop.run_until_complete(server.wait_closed())?;
    /// }
    /// assert!(server.clients().is_empty());
    /// # drop(client);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn wait_closed(&self) -> WaitServerClosed {
        WaitServerClosed { server: self.clone(), waiter: None }
    }

    /// Returns `true` if the server accepts connections.
    pub fn is_serving(&self) -> bool {
        self.0.is_serving.get()
    }

    /// The internet addresses at which the server listens: none once it is closed. With
    /// [`with_sockets`](Self::with_sockets), this replaces asyncio's `sockets`.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        let listeners = self.0.listeners.borrow();
        listeners.iter().filter_map(|listener| listener.local_addr()).collect()
    }

    /// Calls `function` with each listening descriptor, for example to set options.
    pub fn with_sockets(&self, mut function: impl FnMut(std::os::fd::BorrowedFd<'_>)) {
        let listeners = self.0.listeners.borrow().clone();
        listeners.iter().for_each(|listener| listener.with_fd(&mut function));
    }

    /// The loop of this server.
    pub fn event_loop(&self) -> LoopHandle {
        self.0.event_loop.clone()
    }
}

/// The coroutine returned by [`Server::serve_forever`].
#[must_use = "nothing is served until this is awaited"]
pub struct ServeForever {
    server: Server,
    phase: Phase,
}

enum Phase {
    Created,
    Serving(Future<()>),
    /// Cancelled.
    Closing(Exception, WaitServerClosed),
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

/// The coroutine returned by [`Server::wait_closed`].
#[must_use = "nothing waits until this is awaited"]
pub struct WaitServerClosed {
    server: Server,
    /// With its key in the server's map.
    waiter: Option<(u64, Future<()>)>,
}

impl Coroutine for WaitServerClosed {
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

impl Drop for WaitServerClosed {
    fn drop(&mut self) {
        if let Some((key, _)) = self.waiter.take() {
            let left = self.server.0.waiters.borrow_mut().remove(&key);
            drop(left);
        }
    }
}

impl fmt::Debug for WaitServerClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wait_closed of {:?}", self.server)
    }
}

/// Two handles are equal if they refer to the same server.
impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Server {}

/// Hashes the identity of the server.
impl Hash for Server {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
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
