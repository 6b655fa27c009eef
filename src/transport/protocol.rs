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
        /// [`Protocol`](crate::Protocol#back-pressure) has an example.
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
///
/// # Back pressure
///
/// A peer that sends and never reads makes the echo's backlog grow without end. This one stops reading while too many
/// bytes wait to be sent:
///
/// ```
/// use innermost::{EventLoop, Protocol, Transport};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// struct PatientEcho;
///
/// impl Protocol for PatientEcho {
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
///         let _ = transport.write(data);
///     }
///
///     fn pause_writing(&mut self, transport: &Transport) {
///         transport.pause_reading();
///     }
///
///     fn resume_writing(&mut self, transport: &Transport) {
///         transport.resume_reading();
///     }
/// }
///
/// let event_loop = EventLoop::new()?;
/// let (near, mut far) = UnixStream::pair()?;
/// let transport = event_loop.run_until_complete(event_loop.connect_accepted_socket(|| PatientEcho, near)?)?;
/// far.set_nonblocking(true)?;
/// while transport.is_reading() {
///     let _ = far.write(&[0; 1024]); // fills the socket's buffer, unless it is full
///     event_loop.run_once()?;
/// }
/// assert!(transport.is_writing_paused());
/// while !transport.is_reading() {
///     while far.read(&mut [0; 1024]).is_ok() {} // empties it
///     event_loop.run_once()?;
/// }
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
///
/// ```
/// use innermost::transport::BufferedProtocol;
/// use innermost::{EventLoop, Transport};
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
///
/// /// Receives numbers of four bytes each.
/// #[derive(Default)]
/// struct Numbers {
///     buffer: [u8; 4],
///     filled: usize,
///     received: Vec<u32>,
/// }
///
/// impl BufferedProtocol for Numbers {
///     fn get_buffer(&mut self, _size_hint: usize) -> &mut [u8] {
///         &mut self.buffer[self.filled..]
///     }
///
///     fn buffer_updated(&mut self, _: &Transport, count: usize) {
///         self.filled += count;
///         if self.filled == self.buffer.len() {
///             self.received.push(u32::from_be_bytes(self.buffer));
///             self.filled = 0;
///         }
///     }
/// }
///
/// let event_loop = EventLoop::new()?;
/// let (near, mut far) = UnixStream::pair()?;
/// let transport = event_loop.run_until_complete(event_loop.connect_accepted_socket(Numbers::default, near)?)?;
/// far.write_all(&[0, 0, 0, 7, 0, 0, 1, 0])?;
/// let received = loop {
///     event_loop.run_once()?;
///     let received = transport.with_protocol(|numbers: &mut Numbers| numbers.received.clone());
///     if let Some(received) = received.filter(|received| received.len() == 2) {
///         break received;
///     }
/// };
/// assert_eq!(received, [7, 256]);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
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
///
/// ```
/// use innermost::{DatagramProtocol, DatagramTransport, EventLoop, Future};
/// use std::net::SocketAddr;
///
/// struct Echo;
///
/// impl DatagramProtocol for Echo {
///     fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: SocketAddr) {
///         let _ = transport.send_to(data, Some(from));
///     }
/// }
///
/// /// Sends a datagram, and waits for an answer or an error.
/// struct Ping {
///     answer: Future<Vec<u8>>,
/// }
///
/// impl DatagramProtocol for Ping {
///     fn connection_made(&mut self, transport: &DatagramTransport) {
///         // A failure goes to `error_received`.
///         let _ = transport.send_to(b"ping", None);
///     }
///
///     fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], _from: SocketAddr) {
///         // It fails if a second answer arrives.
///         let _ = self.answer.set_result(data.to_vec());
///         transport.close();
///     }
///
///     fn error_received(&mut self, _: &DatagramTransport, error: std::io::Error) {
///         let _ = self.answer.set_exception(error);
///     }
/// }
///
/// let event_loop = EventLoop::new()?;
/// let opening = event_loop.create_datagram_endpoint(|| Echo).local_addr(([127, 0, 0, 1], 0));
/// let echo = event_loop.run_until_complete(opening)?;
/// let answer = event_loop.create_future();
/// let ping = Ping { answer: answer.clone() };
/// let opening = event_loop.create_datagram_endpoint(move || ping).remote_addr(echo.local_addr()?);
/// event_loop.run_until_complete(opening)?;
/// assert_eq!(event_loop.run_until_complete(answer)?, b"ping");
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
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
