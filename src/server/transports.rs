//! Serving by protocols, and by streams: a connection is a transport.
//!
//! A protocol's connection has no task. The server ends it by the program's function or aborts it, and it leaves the
//! server when its transport is over. A stream's connection is a task. It runs the handler's coroutine, and then waits
//! until the transport has sent what was written.

use core::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::{Rc, Weak};

use super::connections::{Connections, Other};
use super::{GracefulServer, StopToken};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::event_loop::running;
use crate::net::{Accept, Acceptor, Listener};
use crate::stream::{self, StreamReader, StreamWriter, WaitClosed};
use crate::task::{Await, Awaitable, Progress};
use crate::transport::{Group, StreamProtocol, Transport, open_accepted};
use crate::yield_from;

/// Serving by [streams](mod@stream) and by [protocols](crate::transport). The listener is a
/// [`TcpListener`](crate::TcpListener) or a [`UnixListener`](crate::UnixListener).
impl GracefulServer {
    /// Creates a server that calls `handler` for each connection, with a reader and a writer, and runs the coroutine that it
    /// returns as a task. asyncio's `start_server`.
    ///
    /// When that coroutine has ended, the server sends what was written, and closes the connection. If the coroutine was
    /// cancelled, the server aborts the connection.
    ///
    /// ```
    /// use innermost::server::{GracefulServer, StopToken};
    /// use innermost::{Awaitable, EventLoop, Exception, StreamReader, StreamWriter, TcpListener, ready};
    ///
    /// fn greet(_: StreamReader, writer: StreamWriter, stop: StopToken) -> Result<impl Awaitable<Return = ()>, Exception> {
    ///     stop.stop(); // one client is enough
    ///     writer.write(b"hello\n")?;
    ///     Ok(ready(()))
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    /// let connecting = event_loop.open_connection(listener.local_addr()?);
    /// let serving = event_loop.create_task(GracefulServer::streams(listener, greet))?;
    /// let (reader, _writer) = event_loop.run_until_complete(connecting)?;
    /// assert_eq!(event_loop.run_until_complete(reader.read_to_end())?, b"hello\n");
    /// event_loop.run_until_complete(serving)?;
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn streams<L, C>(
        listener: Listener<L>,
        mut handler: impl FnMut(StreamReader, StreamWriter, StopToken) -> Result<C, Exception> + 'static,
    ) -> Self
    where
        L: Accept<Stream: Into<OwnedFd>> + 'static,
        C: Awaitable<Return = ()> + 'static,
    {
        Self::serving(Sockets(listener), move |accepted, connections, stop| {
            let (reader, writer) = stream::of_accepted(&running()?, accepted)?;
            let (transport, over) = (writer.transport().clone(), writer.wait_closed());
            // If the handler fails, its writer closes the connection.
            let child = Some(handler(reader, writer, stop)?);
            connections.start(Conversation { child, transport, over, outcome: Ok(()) })
        })
    }

    /// Creates a server that calls `factory` to make a protocol for each connection. asyncio's `create_server`.
    ///
    /// When the server is stopped, it calls `end` for each connection, so that the connection ends in good order.
    /// [`Transport::close`] sends what was written, and then closes. Connections that are not over after the grace period
    /// are aborted.
    ///
    /// ```
    /// use innermost::server::GracefulServer;
    /// use innermost::{EventLoop, Protocol, TcpListener, Transport};
    ///
    /// struct Echo;
    ///
    /// impl Protocol for Echo {
    ///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
    ///         let _ = transport.write(data);
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    /// let connecting = event_loop.open_connection(listener.local_addr()?);
    /// let server = GracefulServer::protocols(listener, |_stop| Echo, Transport::close);
    /// let (stop, serving) = (server.stop_token(), event_loop.create_task(server)?);
    /// let (reader, writer) = event_loop.run_until_complete(connecting)?;
    /// writer.write(b"hello")?;
    /// assert_eq!(event_loop.run_until_complete(reader.read_exact(5))?, b"hello");
    /// stop.stop();
    /// event_loop.run_until_complete(serving)?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn protocols<L, K, P>(
        listener: Listener<L>,
        mut factory: impl FnMut(StopToken) -> P + 'static,
        end: impl Fn(&Transport) + 'static,
    ) -> Self
    where
        L: Accept<Stream: Into<OwnedFd>> + 'static,
        K: 'static,
        P: StreamProtocol<K> + 'static,
    {
        let end: Rc<dyn Fn(&Transport)> = Rc::new(end);
        Self::serving(Sockets(listener), move |accepted, connections, stop| {
            let group = Members { connections: Rc::downgrade(connections), end: Rc::clone(&end) };
            open_accepted(&running()?, accepted, factory(stop), Some(Rc::new(group))).map(drop)
        })
    }
}

/// A non-blocking socket, and the peer's address if it is an internet address.
type Accepted = (OwnedFd, Option<SocketAddr>);

/// Accepts connections that no loop has registered.
struct Sockets<L: AsFd>(Listener<L>);

impl<L: Accept<Stream: Into<OwnedFd>>> Acceptor for Sockets<L> {
    type Stream = Accepted;

    fn attempt_accept(&self) -> Progress<Accepted> {
        Ok(match self.0.attempt_accept_as(Into::into)? {
            Step::Return((socket, peer)) => Step::Return((socket, L::internet(&peer))),
            Step::Yield(wanted) => Step::Yield(wanted),
            Step::Delegate(frame) => Step::Delegate(frame),
        })
    }
}

/// The connections of protocols, as their transports see them.
struct Members {
    connections: Weak<Connections>,
    end: Rc<dyn Fn(&Transport)>,
}

impl Group for Members {
    fn enter(&self, transport: &Transport) -> usize {
        let member = Member { transport: transport.clone(), end: Rc::clone(&self.end) };
        self.connections.upgrade().map_or(0, |connections| connections.enter_other(Rc::new(member)))
    }

    fn leave(&self, place: usize) {
        if let Some(connections) = self.connections.upgrade() {
            connections.leave(place);
        }
    }
}

/// A connection of a protocol, as its server sees it.
struct Member {
    transport: Transport,
    end: Rc<dyn Fn(&Transport)>,
}

impl Other for Member {
    /// Ends it in the next turn: the connection may have been accepted in this one, and `connection_made` comes first.
    fn stop(&self) {
        let (transport, end) = (self.transport.clone(), Rc::clone(&self.end));
        if let Ok(event_loop) = running() {
            // A closed loop has ended the connection.
            let _ = event_loop.call_soon(move || end(&transport));
        }
    }

    fn cancel(&self) {
        self.transport.abort();
    }
}

/// The task of a stream: the handler's coroutine, and then the wait for the end of the connection.
struct Conversation<C> {
    /// `None` once it has ended.
    child: Option<C>,
    transport: Transport,
    /// Waits for the end of the connection. Its error is ignored, because the handler gets it too.
    over: WaitClosed,
    outcome: Result<(), Exception>,
}

impl<C: Awaitable<Return = ()>> Coroutine for Conversation<C> {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Some(child) = &mut self.child {
            self.outcome = yield_from!(child, sent);
            let ended = self.child.take();
            drop(ended);
            match &self.outcome {
                Err(raised) if raised.is_generator_exit() => return Err(raised.clone()),
                Err(raised) if raised.is_cancelled() => self.transport.abort(),
                _ => self.transport.close(),
            }
        }
        if let Err(thrown) = &sent {
            if thrown.is_generator_exit() {
                return Err(thrown.clone());
            }
            self.transport.abort();
            self.outcome = mem::replace(&mut sent, Ok(()));
        }
        let _told = yield_from!(self.over, sent);
        mem::replace(&mut self.outcome, Ok(())).map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        match &self.child {
            Some(child) => child.state(),
            None => State::new("the end of a connection", &self.transport),
        }
    }
}

/// Aborts the connection, unless it is over: nobody waits for it any more.
impl<C> Drop for Conversation<C> {
    fn drop(&mut self) {
        self.transport.abort();
    }
}
