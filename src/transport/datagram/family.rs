//! [`DatagramAddress`]: what differs between datagrams of the internet and of Unix sockets.
//!
//! A transport and its protocol are the same over both; each function here is one system call, or answers a question.

use core::fmt;
use core::ops::DerefMut;
use std::io;
use std::net::{self, UdpSocket};
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
use std::os::fd::{AsFd, AsRawFd};
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self as unix, UnixDatagram};
use std::rc::Rc;

use crate::event_loop::{LoopHandle, SpareMemory};
use crate::sys::socket;

/// Where a datagram comes from and goes to. It says of which kind the socket is: [`std::net::SocketAddr`] of UDP,
/// [`std::os::unix::net::SocketAddr`] of a Unix socket. These two are all there are.
///
/// A protocol that does the same over both says so by being generic:
///
/// ```
/// use innermost::transport::DatagramAddress;
/// use innermost::{DatagramProtocol, DatagramTransport};
///
/// struct Echo;
///
/// impl<A: DatagramAddress> DatagramProtocol<A> for Echo {
///     fn datagram_received(&mut self, transport: &DatagramTransport<A>, data: &[u8], from: A) {
///         let _ = transport.send_to(data, Some(from));
///     }
/// }
/// ```
pub trait DatagramAddress: Family {}

impl DatagramAddress for net::SocketAddr {}
impl DatagramAddress for unix::SocketAddr {}

/// The sockets that have such addresses. Nobody outside can name this, and so add another.
#[doc(hidden)]
pub trait Family: Clone + fmt::Debug + 'static {
    type Socket: AsFd + AsRawFd;
    /// What one datagram is read into.
    type Memory: DerefMut<Target: AsMut<[u8]>>;

    fn take_memory(event_loop: &LoopHandle) -> Self::Memory;
    fn give_memory(event_loop: &LoopHandle, memory: Self::Memory);

    fn recv_from(socket: &Self::Socket, memory: &mut [u8]) -> io::Result<(usize, Self)>;
    fn send(socket: &Self::Socket, data: &[u8]) -> io::Result<usize>;
    fn send_to(socket: &Self::Socket, data: &[u8], to: &Self) -> io::Result<usize>;
    fn local_addr(socket: &Self::Socket) -> io::Result<Self>;

    /// Whether it is the address of the same socket.
    fn is(&self, other: &Self) -> bool;

    /// Whether somebody can be there.
    fn is_somewhere(&self) -> bool;

    /// Whether `send_to` has failed with this for want of room, and the system does not tell when there is some.
    fn lacks_room(error: &io::Error) -> bool;

    /// Whether sending may have failed with this because of what has come before: another try may succeed.
    fn may_be_stale(error: &io::Error) -> bool;
}

impl Family for net::SocketAddr {
    type Socket = UdpSocket;
    type Memory = crate::event_loop::Memory;

    #[inline]
    fn take_memory(event_loop: &LoopHandle) -> Self::Memory {
        event_loop.spare_memory().take()
    }

    #[inline]
    fn give_memory(event_loop: &LoopHandle, memory: Self::Memory) {
        event_loop.spare_memory().give(memory);
    }

    #[inline]
    fn recv_from(socket: &UdpSocket, memory: &mut [u8]) -> io::Result<(usize, Self)> {
        socket.recv_from(memory)
    }

    #[inline]
    fn send(socket: &UdpSocket, data: &[u8]) -> io::Result<usize> {
        socket.send(data)
    }

    #[inline]
    fn send_to(socket: &UdpSocket, data: &[u8], to: &Self) -> io::Result<usize> {
        socket.send_to(data, to)
    }

    fn local_addr(socket: &UdpSocket) -> io::Result<Self> {
        socket.local_addr()
    }

    #[inline]
    fn is(&self, other: &Self) -> bool {
        self == other
    }

    #[inline]
    fn is_somewhere(&self) -> bool {
        // The system knows better.
        true
    }

    #[inline]
    fn lacks_room(_: &io::Error) -> bool {
        false
    }

    #[inline]
    fn may_be_stale(error: &io::Error) -> bool {
        socket::may_be_stale(error)
    }
}

/// How long a datagram of a Unix socket may be, or is cut off: asyncio's number. One of UDP has less than 64 KiB.
const LONGEST: usize = 256 * 1024;

/// Where a loop keeps the memory for these: nobody pays for it who has no Unix datagrams.
fn spare_memory(event_loop: &LoopHandle) -> Rc<SpareMemory<LONGEST>> {
    event_loop.extension().unwrap_or_else(|| {
        let spare = Rc::default();
        event_loop.set_extension(Rc::clone(&spare));
        spare
    })
}

impl Family for unix::SocketAddr {
    type Socket = UnixDatagram;
    type Memory = crate::event_loop::Memory<LONGEST>;

    fn take_memory(event_loop: &LoopHandle) -> Self::Memory {
        spare_memory(event_loop).take()
    }

    fn give_memory(event_loop: &LoopHandle, memory: Self::Memory) {
        spare_memory(event_loop).give(memory);
    }

    fn recv_from(socket: &UnixDatagram, memory: &mut [u8]) -> io::Result<(usize, Self)> {
        socket.recv_from(memory)
    }

    fn send(socket: &UnixDatagram, data: &[u8]) -> io::Result<usize> {
        socket.send(data)
    }

    fn send_to(socket: &UnixDatagram, data: &[u8], to: &Self) -> io::Result<usize> {
        socket.send_to_addr(data, to).map_err(|error| match error.kind() {
            // Another error, so that nobody waits until this socket is writable: it is, or may become so when quite another
            // receiver has read.
            io::ErrorKind::WouldBlock => io::ErrorKind::ResourceBusy.into(),
            _ => error,
        })
    }

    fn local_addr(socket: &UnixDatagram) -> io::Result<Self> {
        socket.local_addr()
    }

    fn is(&self, other: &Self) -> bool {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.as_abstract_name() != other.as_abstract_name() {
            return false;
        }
        self.as_pathname() == other.as_pathname()
    }

    fn is_somewhere(&self) -> bool {
        !self.is_unnamed()
    }

    fn lacks_room(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::ResourceBusy
    }

    fn may_be_stale(error: &io::Error) -> bool {
        socket::may_be_stale_unix(error)
    }
}
