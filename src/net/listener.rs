//! [`Listener`]: a socket that accepts connections, whatever their family.

use core::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::Stream;
use super::place::at;
use crate::coroutine::{Stateless, Step};
use crate::event_loop::{Left, Operation, Registered};
use crate::sys::{Direction, socket};
use crate::task::{Await, Awaitable, Progress};

/// A socket that accepts connections. [`TcpListener`](crate::TcpListener) and [`UnixListener`](crate::UnixListener) are
/// names for it; `L` is the standard library's type.
///
/// It is registered with the loop in which it first accepts, and stays registered until it is dropped. Accepting in another
/// loop raises `RuntimeError`.
pub struct Listener<L: AsFd>(pub(super) Registered<L>);

/// A socket that accepts without blocking.
#[doc(hidden)]
pub trait Accept: AsFd {
    /// The connections.
    type Stream: AsFd;
    /// Their addresses.
    type Address;

    /// Accepts a connection, which does not block either.
    fn accept(&self) -> io::Result<(Self::Stream, Self::Address)>;

    /// The address as one of the internet, if it is one.
    fn internet(address: &Self::Address) -> Option<std::net::SocketAddr>;
}

impl<L: Accept> Listener<L> {
    /// Waits for a connection, and returns it with its peer's address. The peer of a Unix socket is nearly always unnamed.
    /// asyncio's `sock_accept`.
    ///
    /// Skips connections that failed before they were accepted: the peer has given up, a firewall refused it, or the
    /// network went away. If the system runs out of descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`), this
    /// raises an [`io::Error`], and the connection stays in the backlog. Try again later.
    ///
    /// ```
    /// use innermost::{
    ///     Await, ByteWrite, Coroutine, EventLoop, Exception, Resumed, Step, TcpListener, from_fn, spawn, to_thread,
    ///     yield_from,
    /// };
    /// use std::io::{Cursor, Read};
    ///
    /// /// Serves each connection in a task of its own.
    /// struct Greeter(TcpListener);
    ///
    /// impl Coroutine for Greeter {
    ///     type Yield = Await;
    ///     type Input = ();
    ///     type Return = ();
    ///
    ///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
    ///         loop {
    ///             let (stream, peer) = yield_from!(self.0.accept(), sent)?;
    ///             let mut greeting = Cursor::new(format!("hello, {}\n", peer.ip()));
    ///             spawn(from_fn(move |mut sent| yield_from!(stream.write_all(&mut greeting), sent).map(Step::Return)))?;
    ///         }
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    /// let address = listener.local_addr()?;
    /// event_loop.create_task(Greeter(listener))?;
    /// let client = to_thread(move || {
    ///     let mut greeting = String::new();
    ///     std::net::TcpStream::connect(address)?.read_to_string(&mut greeting)?;
    ///     Ok(greeting)
    /// });
    /// assert_eq!(event_loop.run_until_complete(client)?, "hello, 127.0.0.1\n");
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn accept(&self) -> impl Awaitable<Return = (Stream<L::Stream>, L::Address)> + Stateless + '_ {
        Operation::new("accept", || self.attempt_accept_as(|stream| Stream(Registered::new(stream))))
    }

    /// Attempts to accept a connection, and makes it what the caller wants: nobody has registered it yet.
    pub(crate) fn attempt_accept_as<S>(&self, wrap: impl Fn(L::Stream) -> S) -> Progress<(S, L::Address)> {
        for _ in 0..SHARE {
            let attempt = self.0.attempt(Direction::Read, |listener, _| match listener.accept() {
                Err(error) if socket::is_of_one_connection(&error) => Ok((None, Left::More)),
                accepted => Ok((Some(accepted?), Left::More)),
            });
            match attempt {
                Ok(Step::Return(Some((stream, peer)))) => {
                    return Ok(Step::Return((wrap(stream), peer)));
                }
                Ok(Step::Return(None)) => {}
                Ok(Step::Yield(wanted)) => return Ok(Step::Yield(wanted)),
                Ok(Step::Delegate(frame)) => return Ok(Step::Delegate(frame)),
                Err(raised) => return Err(at(raised, "accept", self.as_fd())),
            }
        }
        Ok(Step::Yield(Await::next_turn()))
    }
}

/// How many failed connections are skipped in one turn. A peer that produces them without end must not stop the loop.
const SHARE: usize = 64;

impl<L: AsFd> Listener<L> {
    /// The standard library's object, for its options. Operations that would block fail with `WouldBlock` instead.
    pub const fn get_ref(&self) -> &L {
        self.0.get()
    }

    /// Ends the registration, and returns the standard library's object. It is non-blocking, and its
    /// descriptor is a duplicate with another number.
    ///
    /// # Errors
    ///
    /// Returns the system's error if no descriptor is free.
    pub fn into_std(self) -> io::Result<L>
    where
        L: From<OwnedFd>,
    {
        self.0.into_std()
    }
}

impl<L: AsFd> AsFd for Listener<L> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get().as_fd()
    }
}

impl<L: AsFd + fmt::Debug> fmt::Debug for Listener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
