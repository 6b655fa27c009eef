//! Options of sockets, as the standard library names them where it has them: `tcp(7)`, `socket(7)`.
//!
//! What is not here is reached by `get_ref`, or by `socket2::SockRef`, which takes whatever is `AsFd`.

use core::time::Duration;
use std::io;

use socket2::{SockRef, TcpKeepalive};

use super::{TcpStream, UdpSocket, UnixDatagram, UnixStream};

impl TcpStream {
    /// Whether small writes leave at once (`TCP_NODELAY`) or wait for the peer to have acknowledged what went before.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.get_ref().set_nodelay(nodelay)
    }

    /// What [`set_nodelay`](Self::set_nodelay) has set.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.get_ref().nodelay()
    }

    /// Over how many routers a packet may go (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.get_ref().set_ttl(ttl)
    }

    /// What [`set_ttl`](Self::set_ttl) has set.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.get_ref().ttl()
    }

    /// Asks a peer that has been silent for `idle`, in whole seconds, whether it is still there, and raises `TimedOut` if
    /// it is not; `None` asks nothing (`SO_KEEPALIVE`, `TCP_KEEPIDLE`).
    ///
    /// # Errors
    ///
    /// The system's: less than a second, or too long.
    pub fn set_keepalive(&self, idle: Option<Duration>) -> io::Result<()> {
        let socket = SockRef::from(self.get_ref());
        match idle {
            Some(idle) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle)),
            None => socket.set_keepalive(false),
        }
    }

    /// Whether a silent peer is asked.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn keepalive(&self) -> io::Result<bool> {
        SockRef::from(self.get_ref()).keepalive()
    }

    /// Closes the connection by a reset when it is dropped: nothing lingers, and what was not sent is lost
    /// (`SO_LINGER` of zero).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn reset_on_drop(&self) -> io::Result<()> {
        SockRef::from(self.get_ref()).set_linger(Some(Duration::ZERO))
    }
}

/// The largest size that the system can be told, which takes less.
const LARGEST: usize = i32::MAX as usize;

macro_rules! has_buffers {
    ($($type:ident),*) => {$(
        impl $type {
            /// How many bytes the system keeps of what is sent and has not left, at the most. The system may take
            /// another number: Linux doubles it.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn set_send_buffer_size(&self, size: usize) -> io::Result<()> {
                SockRef::from(self.get_ref()).set_send_buffer_size(size.min(LARGEST))
            }

            /// What it has taken.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn send_buffer_size(&self) -> io::Result<usize> {
                SockRef::from(self.get_ref()).send_buffer_size()
            }

            /// How many bytes the system keeps of what has come and was not read, at the most. The system may take
            /// another number: Linux doubles it.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn set_recv_buffer_size(&self, size: usize) -> io::Result<()> {
                SockRef::from(self.get_ref()).set_recv_buffer_size(size.min(LARGEST))
            }

            /// What it has taken.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn recv_buffer_size(&self) -> io::Result<usize> {
                SockRef::from(self.get_ref()).recv_buffer_size()
            }
        }
    )*};
}

has_buffers!(TcpStream, UdpSocket, UnixStream, UnixDatagram);
