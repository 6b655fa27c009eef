//! Options of sockets (`socket(7)`, `tcp(7)`), named as in the standard library.
//!
//! `get_ref` and `socket2::SockRef`, which takes anything that is `AsFd`, reach the options that are not here.

use core::time::Duration;
use std::io;

use socket2::{SockRef, TcpKeepalive};

use super::{TcpStream, UdpSocket, UnixDatagram, UnixStream};

impl TcpStream {
    /// Sets whether small writes leave at once (`TCP_NODELAY`), or wait until the peer has acknowledged earlier ones.
    ///
    /// # Errors
    ///
    /// Returns the system's error.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.get_ref().set_nodelay(nodelay)
    }

    /// Returns `true` if small writes leave at once.
    ///
    /// # Errors
    ///
    /// Returns the system's error.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.get_ref().nodelay()
    }

    /// Sends a probe if the peer has been silent for `idle`, in whole seconds. Operations raise `TimedOut` if the peer does
    /// not answer. `None` sends no probes (`SO_KEEPALIVE`, `TCP_KEEPIDLE`).
    ///
    /// # Errors
    ///
    /// Returns the system's error: less than a second, or too long.
    pub fn set_keepalive(&self, idle: Option<Duration>) -> io::Result<()> {
        let socket = SockRef::from(self.get_ref());
        match idle {
            Some(idle) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle)),
            None => socket.set_keepalive(false),
        }
    }

    /// Returns `true` if a silent peer is probed.
    ///
    /// # Errors
    ///
    /// Returns the system's error.
    pub fn keepalive(&self) -> io::Result<bool> {
        SockRef::from(self.get_ref()).keepalive()
    }

    /// Resets the connection when the stream is dropped: the connection does not linger, and bytes that have not been sent
    /// are lost (`SO_LINGER` of zero).
    ///
    /// # Errors
    ///
    /// Returns the system's error.
    pub fn reset_on_drop(&self) -> io::Result<()> {
        SockRef::from(self.get_ref()).set_linger(Some(Duration::ZERO))
    }
}

impl UdpSocket {
    /// Sets whether the socket may send to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    ///
    /// Returns the system's error.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.get_ref().set_broadcast(broadcast)
    }

    /// Returns `true` if the socket may send to broadcast addresses.
    ///
    /// # Errors
    ///
    /// Returns the system's error.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.get_ref().broadcast()
    }
}

macro_rules! has_ttl {
    ($($type:ident),*) => {$(
        impl $type {
            /// Sets how many routers a packet may pass (`IP_TTL`).
            ///
            /// # Errors
            ///
            /// Returns the system's error.
            pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
                self.get_ref().set_ttl(ttl)
            }

            /// How many routers a packet may pass.
            ///
            /// # Errors
            ///
            /// Returns the system's error.
            pub fn ttl(&self) -> io::Result<u32> {
                self.get_ref().ttl()
            }
        }
    )*};
}

has_ttl!(TcpStream, UdpSocket);

macro_rules! has_buffers {
    ($($type:ident),*) => {$(
        impl $type {
            /// Sets how many bytes the system keeps that have been written but not yet sent. The system may choose another
            /// number: Linux doubles it.
            ///
            /// # Errors
            ///
            /// Returns the system's error.
            pub fn set_send_buffer_size(&self, size: usize) -> io::Result<()> {
                SockRef::from(self.get_ref()).set_send_buffer_size(size.min(LARGEST))
            }

            /// How many bytes the system keeps that have been written but not yet sent.
            ///
            /// # Errors
            ///
            /// Returns the system's error.
            pub fn send_buffer_size(&self) -> io::Result<usize> {
                SockRef::from(self.get_ref()).send_buffer_size()
            }

            /// Sets how many bytes the system keeps that have arrived but not yet been read. The system may choose another
            /// number: Linux doubles it.
            ///
            /// # Errors
            ///
            /// Returns the system's error.
            pub fn set_recv_buffer_size(&self, size: usize) -> io::Result<()> {
                SockRef::from(self.get_ref()).set_recv_buffer_size(size.min(LARGEST))
            }

            /// How many bytes the system keeps that have arrived but not yet been read.
            ///
            /// # Errors
            ///
            /// Returns the system's error.
            pub fn recv_buffer_size(&self) -> io::Result<usize> {
                SockRef::from(self.get_ref()).recv_buffer_size()
            }
        }
    )*};
}

has_buffers!(TcpStream, UdpSocket, UnixStream, UnixDatagram);

/// The largest size that the system accepts as an argument. It then chooses a smaller one itself.
const LARGEST: usize = i32::MAX as usize;
