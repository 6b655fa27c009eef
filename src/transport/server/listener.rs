//! One listening socket of a server.

use core::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::{Rc, Weak};

use socket2::{Domain, SockAddr, Socket};

use super::super::stream::connect::without_delay;
use super::super::stream::connection::{Connection, Ways};
use super::super::stream::io::Io;
use super::handle::{Membership, ServerCore};
use crate::coroutine::Exception;
use crate::event_loop::{Left, Registered, TimerHandle};
use crate::net::AddressError;
use crate::sys::{Direction, Readiness, socket};
use crate::task::{ErrorContext, Run, Scheduler};

pub(in crate::transport) struct Listener {
    server: Weak<ServerCore>,
    /// `None` once it is closed. Shared, so that nothing is borrowed while a selector of the user's runs.
    socket: RefCell<Option<Rc<Registered<Socket>>>>,
    /// Set while accepting pauses.
    retry: Cell<Option<TimerHandle>>,
}

/// How many connections are accepted in one turn: others are to have theirs.
const SHARE: usize = 64;

impl Listener {
    pub(in crate::transport) fn new(server: &Rc<ServerCore>, socket: Socket) -> Self {
        let socket = RefCell::new(Some(Rc::new(Registered::new(socket))));
        Self { server: Rc::downgrade(server), socket, retry: Cell::new(None) }
    }

    fn socket(&self) -> Option<Rc<Registered<Socket>>> {
        self.socket.borrow().clone()
    }

    /// Listens, and accepts from the next turn on.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(in crate::transport) fn listen(self: &Rc<Self>) -> Result<(), Exception> {
        let (Some(server), Some(socket)) = (self.server.upgrade(), self.socket()) else { return Ok(()) };
        // Before it is registered: a socket that does not listen counts as hung up.
        socket.get().listen(server.backlog).map_err(|error| match self.local_addr() {
            Some(address) => AddressError::at("listen at", address)(error),
            None => error,
        })?;
        socket.register_in(&server.event_loop, Readiness::NONE)?;
        self.watch(&socket);
        Ok(())
    }

    fn watch(self: &Rc<Self>, socket: &Registered<Socket>) {
        socket.watch(Direction::Read, Rc::clone(self) as Rc<_>);
    }

    pub(in crate::transport) fn close(&self) {
        if let Some(retry) = self.retry.take() {
            retry.cancel();
        }
        let socket = self.socket.take();
        if let Some(socket) = &socket {
            socket.unwatch();
        }
    }

    pub(in crate::transport) fn local_addr(&self) -> Option<SocketAddr> {
        self.socket()?.get().local_addr().ok()?.as_socket()
    }

    pub(in crate::transport) fn with_fd(&self, function: impl FnOnce(BorrowedFd<'_>)) {
        if let Some(socket) = self.socket() {
            function(socket.get().as_fd());
        }
    }

    /// Reports why accepting has failed, and tries again later.
    #[cold]
    fn pause(self: &Rc<Self>, server: &ServerCore, error: std::io::Error) {
        let text = match socket::is_exhausted(&error) {
            true => "socket.accept() out of system resource",
            false => "socket.accept() failed",
        };
        let context = ErrorContext::new(text).caused_by(error.into());
        server.event_loop.call_exception_handler(context.about(&self.local_addr()));
        let this = Rc::downgrade(self);
        let retry = move || {
            if let Some(listener) = this.upgrade()
                && let Some(socket) = listener.socket()
            {
                listener.retry.take();
                listener.watch(&socket);
            }
        };
        // Where the handler has closed the loop's server, there is nothing to try; a closed loop takes no timer.
        if self.socket().is_some()
            && let Ok(timer) = server.event_loop.call_later(server.accept_pause, retry)
        {
            self.retry.set(Some(timer));
        }
    }

    /// Makes a connection, unless the server is closed meanwhile: by the factory, or by a selector of the user's. The peer
    /// of a connection that is not made finds its end.
    fn serve(&self, server: &Rc<ServerCore>, socket: Socket, peer: &SockAddr) {
        let is_unix = peer.domain() == Domain::UNIX;
        let io = Registered::new(if is_unix { Io::Unix(socket) } else { Io::Socket(socket) });
        without_delay(&io);
        let Some(made) = server.make_protocol() else { return };
        let made = made.and_then(|protocol| {
            io.register_in(&server.event_loop, Readiness::WRITABLE)?;
            Ok(protocol)
        });
        match made {
            Ok(unused) if server.is_closed() => server.event_loop.scheduler().drop_each([unused]),
            Ok(protocol) => {
                let (event_loop, member) = (server.event_loop.clone(), Membership::new(server));
                Connection::start(event_loop, io, protocol, Ways::Both, peer.as_socket(), Some(member));
            }
            Err(raised) => {
                let text = "Error on transport creation for incoming connection";
                let context = ErrorContext::new(text).caused_by(raised);
                server.event_loop.call_exception_handler(context.about(&peer.as_socket()));
            }
        }
    }
}

impl Run for Listener {
    fn run(self: Rc<Self>, _: &Rc<Scheduler>) {
        for _ in 0..SHARE {
            // The factory may close the server.
            let (Some(server), Some(socket)) = (self.server.upgrade(), self.socket()) else { return };
            match socket.try_now(Direction::Read, |socket| Ok((socket::accept_any(socket)?, Left::More))) {
                Ok(Some((accepted, peer))) => self.serve(&server, accepted, &peer),
                Ok(None) => break,
                Err(error) if socket::is_of_one_connection(&error) => {}
                Err(error) => return self.pause(&server, error),
            }
        }
        if let Some(socket) = self.socket() {
            self.watch(&socket);
        }
    }
}
