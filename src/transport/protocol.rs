//! Protocols: the callbacks of a connection. `mod.rs` describes their order.

use core::any::Any;
use std::net::SocketAddr;

use super::{DatagramAddress, DatagramTransport, Transport};
use crate::coroutine::Exception;

/// The fate of a connection whose peer has ended the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AfterEof {
    /// Close it, once everything written has been sent.
    #[default]
    Close,
    /// Keep it open for writing. A pipe is closed in any case.
    KeepOpen,
}

/// The callbacks of all protocols. Their defaults do nothing.
macro_rules! common_callbacks {
    ($transport:ty) => {
        /// The connection is open. Called before every other callback.
        fn connection_made(&mut self, transport: &$transport) {
            let _ = transport;
        }

        /// The connection is over. `error` is `None` if this end closed or aborted it, or if the peer closed it properly.
        /// Called after every other callback.
        fn connection_lost(&mut self, transport: &$transport, error: Option<Exception>) {
            let _ = (transport, error);
        }

        /// More bytes than the high-water mark wait to be sent. Stop writing until [`resume_writing`](Self::resume_writing).
        fn pause_writing(&mut self, transport: &$transport) {
            let _ = transport;
        }

        /// The backlog has shrunk to the low-water mark or less.
        fn resume_writing(&mut self, transport: &$transport) {
            let _ = transport;
        }
    };
}

/// The callback that stream protocols have in addition.
macro_rules! eof_received {
    () => {
        /// The peer has ended the stream. By default, the connection is closed.
        fn eof_received(&mut self, transport: &Transport) -> AfterEof {
            let _ = transport;
            AfterEof::Close
        }
    };
}

/// The callbacks of a stream connection. asyncio's `Protocol`.
///
/// ```
/// use innermost::{EventLoop, Protocol, Transport};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
///         // What fails here fails again in `connection_lost`.
///         let _ = transport.write(data);
///     }
/// }
///
/// let event_loop = EventLoop::new()?;
/// let server = event_loop.run_until_complete(event_loop.create_server(|| Echo, ([127, 0, 0, 1], 0)))?;
/// let address = server.local_addrs()[0];
/// let client = event_loop.run_until_complete(event_loop.create_connection(|| Echo, address))?;
/// assert_eq!(client.peer_addr()?, address);
/// client.abort();
/// server.close();
/// event_loop.run_until_complete(server.wait_closed())?;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub trait Protocol: Any {
    common_callbacks!(Transport);
    eof_received!();

    /// Bytes have arrived. They belong to the loop: copy those that you need after this returns.
    fn data_received(&mut self, transport: &Transport, data: &[u8]);
}

/// The callbacks of a stream connection that reads into the protocol's own memory. asyncio's `BufferedProtocol`.
///
/// The [module's documentation](crate::transport) describes the order of callbacks.
pub trait BufferedProtocol: Any {
    common_callbacks!(Transport);
    eof_received!();

    /// Returns the buffer for the next bytes. `size_hint` says how many may arrive: 1 KiB at first, up to 64 KiB for a peer
    /// that sends much. The buffer may be smaller or larger. An empty buffer ends the connection with an error.
    ///
    /// Called when the socket may be readable. The buffer belongs to the protocol, so every connection that waits for the rest
    /// of a request holds one.
    fn get_buffer(&mut self, size_hint: usize) -> &mut [u8];

    /// `count` bytes have arrived at the start of the buffer.
    fn buffer_updated(&mut self, transport: &Transport, count: usize);
}

/// The callbacks of a datagram endpoint. asyncio's `DatagramProtocol`.
///
/// The default `A` is for UDP. The protocol of a Unix socket is a `DatagramProtocol<std::os::unix::net::SocketAddr>`.
pub trait DatagramProtocol<A: DatagramAddress = SocketAddr>: Any {
    common_callbacks!(DatagramTransport<A>);

    /// A datagram has arrived. The bytes belong to the loop: copy those that you need after this returns.
    fn datagram_received(&mut self, transport: &DatagramTransport<A>, data: &[u8], from: A);

    /// A send or a receive has failed. The endpoint stays open. Errors reported by other hosts arrive here too: nobody
    /// listens at a port (`ConnectionRefused`), or a network cannot be reached.
    fn error_received(&mut self, transport: &DatagramTransport<A>, error: std::io::Error) {
        let _ = (transport, error);
    }
}

/// A stream protocol of either kind. Every [`Protocol`] and every [`BufferedProtocol`] is one. `Kind` says which, and is
/// inferred.
pub trait StreamProtocol<Kind>: sealed::Sealed<Kind> {
    #[doc(hidden)]
    fn boxed(self) -> AnyProtocol;
}

/// The kind of a [`Protocol`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Pushed {}

/// The kind of a [`BufferedProtocol`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Buffered {}

impl<P: Protocol> StreamProtocol<Pushed> for P {
    fn boxed(self) -> AnyProtocol {
        AnyProtocol(Inner::Pushed(Box::new(self)))
    }
}

impl<P: BufferedProtocol> StreamProtocol<Buffered> for P {
    fn boxed(self) -> AnyProtocol {
        AnyProtocol(Inner::Buffered(Box::new(self)))
    }
}

mod sealed {
    pub trait Sealed<Kind> {}
    impl<P: super::Protocol> Sealed<super::Pushed> for P {}
    impl<P: super::BufferedProtocol> Sealed<super::Buffered> for P {}
}

/// A protocol of either kind, as its transport stores it.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "its contents need not have one, and nobody can name it")]
pub struct AnyProtocol(pub(super) Inner);

pub(super) enum Inner {
    Pushed(Box<dyn Protocol>),
    Buffered(Box<dyn BufferedProtocol>),
}

/// Calls a callback that both kinds have.
macro_rules! both {
    ($protocol:expr, $callback:ident($($argument:expr),*)) => {
        match &mut $protocol.0 {
            Inner::Pushed(protocol) => protocol.$callback($($argument),*),
            Inner::Buffered(protocol) => protocol.$callback($($argument),*),
        }
    };
}

impl AnyProtocol {
    pub(super) fn connection_made(&mut self, transport: &Transport) {
        both!(self, connection_made(transport));
    }

    pub(super) fn eof_received(&mut self, transport: &Transport) -> AfterEof {
        both!(self, eof_received(transport))
    }

    pub(super) fn connection_lost(&mut self, transport: &Transport, error: Option<Exception>) {
        both!(self, connection_lost(transport, error));
    }

    pub(super) fn pause_writing(&mut self, transport: &Transport) {
        both!(self, pause_writing(transport));
    }

    pub(super) fn resume_writing(&mut self, transport: &Transport) {
        both!(self, resume_writing(transport));
    }

    pub(super) const fn is_buffered(&self) -> bool {
        matches!(self.0, Inner::Buffered(_))
    }

    pub(super) fn as_any(&mut self) -> &mut dyn Any {
        match &mut self.0 {
            Inner::Pushed(protocol) => &mut **protocol,
            Inner::Buffered(protocol) => &mut **protocol,
        }
    }
}
