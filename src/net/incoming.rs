//! The connections of a listener, one by one.

use std::net;
use std::os::unix;

use super::{TcpListener, TcpStream, UnixListener, UnixStream};
use crate::async_iter::AsyncIterator;
use crate::coroutine::{Exception, Step};
use crate::scope::Progress;
use crate::yield_from;

/// The connections of a listener, each with its peer's address. What [`TcpListener::incoming`] and
/// [`UnixListener::incoming`] make.
///
/// It never ends. What accepting raises, it raises, and it can be asked again: [`for_each`](AsyncIterator::for_each) ends
/// with it, so a server that is to survive a lack of descriptors calls [`next`](AsyncIterator::next) itself.
#[derive(Debug)]
#[must_use = "it accepts nothing until it is asked"]
pub struct Incoming<L>(L);

impl<L> Incoming<L> {
    pub(super) const fn new(listener: L) -> Self {
        Self(listener)
    }

    /// The listener: for its address.
    pub const fn listener(&self) -> &L {
        &self.0
    }
}

impl AsyncIterator for Incoming<TcpListener> {
    type Item = (TcpStream, net::SocketAddr);

    fn resume_next(&mut self, mut sent: Result<(), Exception>) -> Progress<Option<Self::Item>> {
        Ok(Step::Return(Some(yield_from!(self.0.accept(), sent)?)))
    }
}

impl AsyncIterator for Incoming<UnixListener> {
    type Item = (UnixStream, unix::net::SocketAddr);

    fn resume_next(&mut self, mut sent: Result<(), Exception>) -> Progress<Option<Self::Item>> {
        Ok(Step::Return(Some(yield_from!(self.0.accept(), sent)?)))
    }
}
