//! What a program makes of a connection: callbacks.
//!
//! ```text
//!   connection_made -> ( data_received | pause_writing | resume_writing )* -> eof_received? -> connection_lost
//! ```
//!
//! A transport owns its protocol and calls it from the loop. `connection_made` comes first and once, `connection_lost`
//! last and once. A callback may do anything, with this connection or another one: while it runs, nothing of the
//! library's is borrowed. What would call the protocol again from within its own callback (it writes more than the
//! high-water mark) does so when that has returned.
//!
//! A callback that panics is the end of its connection, not of the loop: the panic goes to the loop's exception handler,
//! and the connection is aborted.

use core::any::Any;
use std::net::SocketAddr;

use super::{DatagramAddress, DatagramTransport, Transport};
use crate::coroutine::Exception;

/// What is to become of a connection whose peer has said that it sends no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterEof {
    /// It is closed, once what was written has left.
    #[default]
    Close,
    /// It stays open for writing. A pipe is closed even so.
    KeepOpen,
}

/// The callbacks that all protocols have. One that does not care for them leaves them out.
macro_rules! common_callbacks {
    ($transport:ty) => {
        /// It is open. Comes before everything else.
        fn connection_made(&mut self, transport: &$transport) {
            let _ = transport;
        }

        /// It is over: because of `error`, or because it was closed or aborted here, or by the peer in good order. Comes
        /// after everything else.
        fn connection_lost(&mut self, transport: &$transport, error: Option<Exception>) {
            let _ = (transport, error);
        }

        /// More than the high-water mark waits to be sent: write no more until [`resume_writing`](Self::resume_writing).
        fn pause_writing(&mut self, transport: &$transport) {
            let _ = transport;
        }

        /// No more than the low-water mark waits to be sent.
        fn resume_writing(&mut self, transport: &$transport) {
            let _ = transport;
        }
    };
}

/// The one that those of streams have besides.
macro_rules! eof_received {
    () => {
        /// The peer sends no more.
        fn eof_received(&mut self, transport: &Transport) -> AfterEof {
            let _ = transport;
            AfterEof::Close
        }
    };
}

/// A connection's callbacks. asyncio's `Protocol`.
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

    /// Bytes have come. They are the loop's, and gone when this returns.
    fn data_received(&mut self, transport: &Transport, data: &[u8]);
}

/// The callbacks of a connection that reads into memory of the protocol's own. asyncio's `BufferedProtocol`.
///
/// What it has in common with [`Protocol`] is described there.
pub trait BufferedProtocol: Any {
    common_callbacks!(Transport);
    eof_received!();

    /// Where the next bytes are to go. `size_hint` is how many might come: 1 KiB at first, up to 64 KiB for a peer that sends
    /// much. The buffer may be smaller or larger. An empty buffer ends the connection with an error.
    ///
    /// Called when the socket may be readable. The buffer belongs to the protocol, so the memory that it holds for an
    /// incomplete request counts for each connection.
    fn get_buffer(&mut self, size_hint: usize) -> &mut [u8];

    /// So many bytes have come, to the beginning of the buffer.
    fn buffer_updated(&mut self, transport: &Transport, count: usize);
}

/// The callbacks of a datagram endpoint. asyncio's `DatagramProtocol`.
///
/// Without `A` it is one of UDP; of Unix sockets it is a `DatagramProtocol<std::os::unix::net::SocketAddr>`.
pub trait DatagramProtocol<A: DatagramAddress = SocketAddr>: Any {
    common_callbacks!(DatagramTransport<A>);

    /// A datagram has come. The bytes are the loop's, and gone when this returns.
    fn datagram_received(&mut self, transport: &DatagramTransport<A>, data: &[u8], from: A);

    /// A send or a receive has failed; the endpoint stays open. So the answers of other machines arrive: nobody listens
    /// at a port (`ConnectionRefused`), no way leads there.
    fn error_received(&mut self, transport: &DatagramTransport<A>, error: std::io::Error) {
        let _ = (transport, error);
    }
}

/// A protocol of a stream, of either kind: every [`Protocol`] and every [`BufferedProtocol`] is one. `Kind` tells which,
/// and is inferred.
pub trait StreamProtocol<Kind>: sealed::Sealed<Kind> {
    #[doc(hidden)]
    fn boxed(self) -> AnyProtocol;
}

/// The kind of a [`Protocol`].
#[derive(Debug)]
pub enum Pushed {}

/// The kind of a [`BufferedProtocol`].
#[derive(Debug)]
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

/// A protocol of either kind, as its transport owns it.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "what it holds need not have one, and nobody can name it")]
pub struct AnyProtocol(pub(super) Inner);

pub(super) enum Inner {
    Pushed(Box<dyn Protocol>),
    Buffered(Box<dyn BufferedProtocol>),
}

/// Calls what both kinds have.
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
