//! [`DatagramAddress`]: the differences between UDP and Unix datagrams.
//!
//! Transports and protocols are the same over both. Each function here makes one system call or answers a question.

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

/// The address of a datagram, which also says the kind of socket: [`std::net::SocketAddr`] for UDP,
/// [`std::os::unix::net::SocketAddr`] for a Unix socket. No other type implements it.
///
/// A protocol that works over both is generic:
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

/// The system calls for a kind of address. Sealed: nobody else can name it.
#[doc(hidden)]
pub trait Family: Clone + fmt::Debug + 'static {
    type Socket: AsFd + AsRawFd;
    /// The memory for one datagram.
    type Memory: DerefMut<Target: AsMut<[u8]>>;

    fn take_memory(event_loop: &LoopHandle) -> Self::Memory;
    fn give_memory(event_loop: &LoopHandle, memory: Self::Memory);

    fn recv_from(socket: &Self::Socket, memory: &mut [u8]) -> io::Result<(usize, Self)>;
    fn send(socket: &Self::Socket, data: &[u8]) -> io::Result<usize>;
    fn send_to(socket: &Self::Socket, data: &[u8], to: &Self) -> io::Result<usize>;
    fn local_addr(socket: &Self::Socket) -> io::Result<Self>;

    /// Returns `true` if both are the address of the same socket.
    fn is(&self, other: &Self) -> bool;

    /// Returns `true` if anybody can have this address.
    fn is_somewhere(&self) -> bool;

    /// Returns `true` if `send_to` failed because the receiver has no room, and no event will say when it has.
    fn lacks_room(error: &io::Error) -> bool;

    /// Returns `true` if the error may belong to an earlier datagram, so that another try may succeed.
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
        // Only the system knows.
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

/// The longest datagram of a Unix socket; longer ones are cut off. asyncio's number. A UDP datagram has less than 64 KiB.
const LONGEST: usize = 256 * 1024;

/// The loop's memory for such datagrams. A loop without Unix datagrams has none.
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
            // Another error, so that nobody waits until this socket is writable. It may be writable now, or become so when
            // some other receiver has read.
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
