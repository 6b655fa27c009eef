//! Writing through a [`Layered`], and the end of the connection.

use std::io;
use std::rc::Rc;

use super::connection::{Reading, Stage, Transport, WriteEnd};
use super::layer_state::{Layered, Phase};
use crate::coroutine::Exception;
use crate::sys::Direction;
use crate::task::ErrorContext;

/// Writing, and the end.
impl Transport {
    /// Seals `data`, and writes that.
    pub(super) fn write_layered(&self, mut data: &[u8]) {
        let Some(layered) = self.0.layered.get() else { return };
        while !data.is_empty() && self.0.stage.get() < Stage::Lost {
            match self.with_layer(layered, &mut [], |layer, lent| layer.seal(data, lent)).1 {
                Ok(0) => return self.discard(),
                Ok(count) => data = &data[count..],
                Err(raised) => return self.broken(layered, raised),
            }
        }
    }

    /// Says that nothing more will be sent.
    pub(super) fn end_layer(&self) {
        let Some(layered) = self.0.layered.get() else { return };
        if let Err(raised) = self.with_layer(layered, &mut [], |layer, lent| layer.end(lent)).1 {
            self.broken(layered, raised);
        }
    }

    /// Closes the connection: sends the end, and waits for the peer's.
    pub(super) fn close_layered(&self, layered: &Layered) {
        let connection = &*self.0;
        if layered.phase.get() != Phase::Open {
            return self.lose(None);
        }
        if !matches!(connection.write_end.get(), WriteEnd::Wanted | WriteEnd::Ended) {
            self.end_layer();
            connection.write_end.set(WriteEnd::Ended);
        }
        self.flush();
        if self.is_closing() {
            // Sending has failed.
            return;
        }
        connection.stage.set(Stage::Closing);
        drop(layered.plain.take());
        if layered.layer.peer_has_ended() {
            layered.peer_is_over.set(true);
            return self.peer_has_left();
        }
        self.limit(layered, layered.layer.shutdown_timeout());
        connection.reading.set(Reading::Active);
        if let Some(io) = connection.io() {
            io.watch(Direction::Read, Rc::clone(&self.0) as Rc<_>);
        }
    }

    /// The connection is over. Reports why the handshake has failed, if it has.
    pub(super) fn layer_is_over(&self, layered: &Layered, error: Option<&Exception>) {
        layered.set_timer(None);
        drop((layered.plain.take(), layered.incoming.take()));
        if layered.phase.get() == Phase::Open {
            return;
        }
        let failure = layered.failure.take().or_else(|| error.map(|raised| layered.layer.failed(raised.clone())));
        let opened = layered.opened.take();
        match (opened, failure) {
            (Some(opened), failure) => {
                let closed = || io::Error::new(io::ErrorKind::ConnectionAborted, "closed during the handshake");
                let raised = failure.unwrap_or_else(|| layered.layer.failed(closed().into()));
                // A cancelled one takes no exception.
                let _ = opened.set_exception(raised);
            }
            (None, Some(raised)) => {
                let context = ErrorContext::new("TLS handshake failed").caused_by(raised);
                self.0.event_loop.call_exception_handler(context.about(self));
            }
            (None, None) => {}
        }
    }
}
