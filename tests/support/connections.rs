//! Connections, and loops that stop at a deadline.

use std::io;
use std::net;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use innermost::{Await, EventLoop, Exception, Step, TcpListener, TcpStream, from_fn};

pub(crate) use crate::support::loops::{any, new_loop};

/// Longer than any machine needs for what a test does.
const DEADLINE: Duration = Duration::from_secs(30);

/// The result of resuming a coroutine that returns a `T`.
pub(crate) type Resumed<T> = Result<Step<Await, (), T>, Exception>;

/// Runs a coroutine to its end. `machine` is its resume function.
pub(crate) fn run<T: 'static>(
    event_loop: &EventLoop,
    machine: impl FnMut(Result<(), Exception>) -> Resumed<T> + 'static,
) -> Result<T, Exception> {
    event_loop.run_until_complete(from_fn(machine))
}

pub(crate) fn listen() -> Rc<TcpListener> {
    Rc::new(TcpListener::bind(any()).expect("a port is free"))
}

/// A stream and its peer, connected by TCP. The peer blocks.
pub(crate) fn pair() -> (Rc<TcpStream>, net::TcpStream) {
    let listener = net::TcpListener::bind(any()).expect("a port is free");
    let peer = net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("somebody listens");
    peer.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
    peer.set_nodelay(true).expect("it is a connection");
    let (stream, _) = listener.accept().expect("somebody has connected");
    (Rc::new(TcpStream::from_std(stream).expect("it is a socket")), peer)
}

/// A stream and its peer, connected by Unix sockets. Bytes have arrived when the call that sent them returns. TCP does
/// not promise that, even within one machine.
pub(crate) fn prompt_pair() -> (TcpStream, UnixStream) {
    let (near, far) = UnixStream::pair().expect("a descriptor is free");
    (TcpStream::from_std(OwnedFd::from(near).into()).expect("it is a socket"), far)
}

/// The kind of the `io::Error` that was raised.
pub(crate) fn io_kind(raised: &Exception) -> io::ErrorKind {
    raised.downcast_ref::<io::Error>().unwrap_or_else(|| panic!("no error of the system: {raised:?}")).kind()
}
