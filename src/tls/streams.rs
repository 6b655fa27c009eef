//! TLS under the streams of `open_connection` and `start_server`.

use super::connector::TlsConnector;
use super::transport::{StartTls, TlsRole};
use crate::stream::{OpenConnection, StreamWriter};

/// TLS.
impl OpenConnection {
    /// Begins TLS once connected. The server must have a certificate for `server_name`, a host name or an IP address.
    /// [`CreateServer::tls`](crate::transport::CreateServer::tls) has an example. asyncio's `ssl=` and `server_hostname=`.
    ///
    /// Awaiting this also raises the errors of [`TlsConnector::connect`].
    pub fn tls(self, connector: &TlsConnector, server_name: &str) -> Self {
        self.with_connecting(|connecting| connecting.tls(connector, server_name))
    }
}

/// TLS.
impl StreamWriter {
    /// Begins TLS on a connection that was in plain bytes until now. Reader and writer stay the same: from its end on, they
    /// are for plaintext. Bytes that have come and were not read belong to TLS. asyncio's `StreamWriter.start_tls`, which
    /// [loses them](https://github.com/python/cpython/issues/142352).
    ///
    /// Everything else is as with [`Transport::start_tls`](crate::Transport::start_tls).
    ///
    /// ```
    /// use innermost::stream::{StreamReader, StreamWriter};
    /// use innermost::tls::{StartTls, TlsAcceptor};
    /// use innermost::{Await, Coroutine, Exception, Resumed, Step, yield_from};
    ///
    /// /// Reads one line in plain bytes, agrees, and greets under TLS.
    /// struct Upgrading {
    ///     reader: StreamReader,
    ///     writer: StreamWriter,
    ///     acceptor: TlsAcceptor,
    ///     starting: Option<StartTls>,
    /// }
    ///
    /// impl Coroutine for Upgrading {
    ///     type Yield = Await;
    ///     type Input = ();
    ///     type Return = ();
    ///
    ///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
    ///         if self.starting.is_none() {
    ///             yield_from!(self.reader.read_line(), sent)?;
    ///             self.writer.write(b"ready\n")?;
    ///             self.starting = Some(self.writer.start_tls(&self.acceptor));
    ///         }
    ///         let starting = self.starting.as_mut().expect("it was set above");
    ///         yield_from!(starting, sent)?;
    ///         self.writer.write(b"hello\n")?;
    ///         Ok(Step::Return(()))
    ///     }
    /// }
    /// ```
    pub fn start_tls(&self, role: impl Into<TlsRole>) -> StartTls {
        self.transport().start_tls(role).taking(self.take_arrived())
    }
}
