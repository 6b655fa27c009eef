//! One listening socket of a server.

use core::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::{Rc, Weak};

use socket2::{Domain, SockAddr, Socket};

use super::super::stream::connect::without_delay;
use super::super::stream::connection::{Connection, Group, Ways};
use super::super::stream::io::Io;
use super::super::stream::layer_state::Layered;
use super::core::{Listening, ServerCore};
use crate::coroutine::Exception;
use crate::event_loop::{Left, Registered, TimerHandle};
use crate::net::AddressError;
use crate::sys::{Direction, Readiness, socket};
use crate::task::{ErrorContext, Run, Scheduler};

pub(super) struct Listener {
    server: Weak<ServerCore>,
    /// `None` once it is closed. Shared, so that nothing is borrowed while a selector of the program runs.
    socket: RefCell<Option<Rc<Registered<Socket>>>>,
    /// Set while accepting is paused.
    retry: Cell<Option<TimerHandle>>,
}

/// How many connections are accepted in one turn, so that others get their turn.
const SHARE: usize = 64;

impl Listener {
    pub(super) fn new(server: &Rc<ServerCore>, socket: Socket) -> Self {
        let socket = RefCell::new(Some(Rc::new(Registered::new(socket))));
        Self { server: Rc::downgrade(server), socket, retry: Cell::new(None) }
    }

    fn socket(&self) -> Option<Rc<Registered<Socket>>> {
        self.socket.borrow().clone()
    }

    fn watch(self: &Rc<Self>, socket: &Registered<Socket>) {
        socket.watch(Direction::Read, Rc::clone(self) as Rc<_>);
    }

    /// Reports why accepting failed, and tries again later.
    #[cold]
    fn pause(self: &Rc<Self>, server: &ServerCore, error: std::io::Error) {
        let text = match socket::is_exhausted(&error) {
            true => "socket.accept() out of system resource",
            false => "socket.accept() failed",
        };
        let context = ErrorContext::new(text).caused_by(error.into());
        let context = match self.local_addr() {
            Some(address) => context.about(&address),
            None => context,
        };
        server.event_loop.call_exception_handler(context);
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

    /// Makes a connection, unless the server is closed meanwhile, by the factory or by a selector of the program. If no
    /// connection is made, the peer reads the end of the stream.
    fn serve(&self, server: &Rc<ServerCore>, socket: Socket, peer: &SockAddr) {
        let is_unix = peer.domain() == Domain::UNIX;
        let io = Registered::new(if is_unix { Io::Unix(socket) } else { Io::Socket(socket) });
        without_delay(&io);
        let Some(made) = server.make_protocol() else { return };
        let made = made.and_then(|protocol| {
            io.register_in(&server.event_loop, Readiness::WRITABLE)?;
            let layer = server.make_layer.as_ref().map(|make| make()).transpose()?;
            Ok((protocol, layer.map(|layer| Layered::new(layer, None))))
        });
        match made {
            Ok((unused, _)) if server.is_closed() => server.event_loop.scheduler().drop_each([unused]),
            Ok((protocol, layered)) => {
                let (event_loop, group) = (server.event_loop.clone(), Rc::clone(server) as Rc<dyn Group>);
                Connection::start(event_loop, io, protocol, Ways::Both, peer.as_socket(), Some(group), layered);
            }
            Err(raised) => {
                let text = "Error on transport creation for incoming connection";
                let context = ErrorContext::new(text).caused_by(raised);
                server.event_loop.call_exception_handler(context.about(&peer.as_socket()));
            }
        }
    }
}

impl Listening for Listener {
    fn listen(self: Rc<Self>) -> Result<(), Exception> {
        let (Some(server), Some(socket)) = (self.server.upgrade(), self.socket()) else { return Ok(()) };
        // Listen first: the selector reports a hang-up for a socket that does not listen.
        socket.get().listen(server.backlog).map_err(|error| match self.local_addr() {
            Some(address) => AddressError::at("listen at", address)(error),
            None => error,
        })?;
        socket.register_in(&server.event_loop, Readiness::NONE)?;
        self.watch(&socket);
        Ok(())
    }

    fn close(&self) {
        if let Some(retry) = self.retry.take() {
            retry.cancel();
        }
        let socket = self.socket.take();
        if let Some(socket) = &socket {
            socket.unwatch();
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.socket()?.get().local_addr().ok()?.as_socket()
    }

    fn with_fd(&self, function: &mut dyn FnMut(BorrowedFd<'_>)) {
        if let Some(socket) = self.socket() {
            function(socket.get().as_fd());
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
