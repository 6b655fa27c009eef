//! [`Inside`]: a session as the layer of a transport.

use core::any::Any;
use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use super::connector::{TlsAcceptor, TlsConnector};
use super::error::{During, cut_off, ended_in_handshake, refused, too_slow};
use super::handshake::Times;
use super::names;
use super::session::{self, Session};
use crate::coroutine::Exception;
use crate::transport::{Layer, Lent};

pub(super) struct Inside {
    pub(super) session: RefCell<Session>,
    pub(super) server_name: RefCell<Option<Box<str>>>,
    is_server: bool,
    times: Times,
}

impl Inside {
    /// # Errors
    ///
    /// Those of a configuration or a name that cannot work, and of a time limit of zero.
    pub(super) fn client(connector: &TlsConnector, server_name: &str) -> Result<Rc<dyn Layer>, Exception> {
        Self::make(connector.session(server_name), Some(server_name), connector.times)
    }

    /// # Errors
    ///
    /// Those of a configuration that cannot work, and of a time limit of zero.
    pub(super) fn server(acceptor: &TlsAcceptor) -> Result<Rc<dyn Layer>, Exception> {
        Self::make(acceptor.session(), None, acceptor.times)
    }

    fn make(
        session: Result<Session, Exception>,
        server_name: Option<&str>,
        times: Times,
    ) -> Result<Rc<dyn Layer>, Exception> {
        times.check()?;
        let own_name = RefCell::new(server_name.map(Box::from));
        let is_server = server_name.is_none();
        Ok(Rc::new(Self { session: RefCell::new(session?), server_name: own_name, is_server, times }))
    }

    fn with<R>(
        &self,
        lent: &mut Lent<'_>,
        function: impl FnOnce(&mut Session, &mut session::Lent<'_>) -> Result<R, rustls::Error>,
    ) -> Result<R, Exception> {
        let Ok(mut session) = self.session.try_borrow_mut() else {
            return Err(Exception::runtime("the configuration of a TLS connection uses that connection"));
        };
        let mut lent = session::Lent {
            incoming: &mut *lent.incoming,
            outgoing: &mut *lent.outgoing,
            plaintext: &mut *lent.plaintext,
        };
        function(&mut session, &mut lent).map_err(refused)
    }
}

impl Layer for Inside {
    fn advance(&self, lent: &mut Lent<'_>) -> Result<(), Exception> {
        if !self.is_server || !self.is_handshaking() {
            return self.with(lent, Session::advance);
        }
        let (advanced, asked) = names::asked(|| self.with(lent, Session::advance));
        if asked.is_some() {
            self.server_name.replace(asked);
        }
        advanced
    }

    fn seal(&self, bytes: &[u8], lent: &mut Lent<'_>) -> Result<usize, Exception> {
        self.with(lent, |session, lent| match session.has_ended {
            true => Ok(0),
            false => session.seal(bytes, lent),
        })
    }

    fn end(&self, lent: &mut Lent<'_>) -> Result<(), Exception> {
        self.with(lent, Session::end)
    }

    fn is_handshaking(&self) -> bool {
        self.session.try_borrow().is_ok_and(|session| session.is_handshaking())
    }

    fn peer_has_ended(&self) -> bool {
        self.session.try_borrow().is_ok_and(|session| session.peer_has_ended)
    }

    fn cut_off(&self) -> Exception {
        if self.is_handshaking() { ended_in_handshake() } else { cut_off() }
    }

    fn timed_out(&self, after: Duration) -> Exception {
        too_slow(after, self.is_handshaking())
    }

    fn failed(&self, raised: Exception) -> Exception {
        let name = self.server_name.borrow().clone();
        raised.with_note(if self.is_server { During::Accepting(name) } else { During::Connecting(name) })
    }

    fn handshake_timeout(&self) -> Duration {
        self.times.handshake
    }

    fn shutdown_timeout(&self) -> Duration {
        self.times.shutdown
    }

    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}
