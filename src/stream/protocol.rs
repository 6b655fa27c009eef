//! [`Feeding`]: the protocol that feeds a channel.

use std::rc::Rc;

use super::channel::Channel;
use crate::coroutine::{Exception, Kind};
use crate::transport::{AfterEof, Protocol, Transport};

/// asyncio's `StreamReaderProtocol`.
pub(super) struct Feeding {
    channel: Rc<Channel>,
    /// Called when the connection is made. Servers have it.
    begin: Option<Box<Begin>>,
}

type Begin = dyn FnOnce(&Rc<Channel>, &Transport);

impl Feeding {
    pub(super) fn new(channel: Rc<Channel>) -> Self {
        Self { channel, begin: None }
    }

    pub(super) fn serving(begin: impl FnOnce(&Rc<Channel>, &Transport) + 'static) -> Self {
        Self { channel: Channel::new(), begin: Some(Box::new(begin)) }
    }
}

impl Protocol for Feeding {
    fn connection_made(&mut self, transport: &Transport) {
        // This is called once, because each channel has one connection.
        let _ = self.channel.transport.set(transport.clone());
        if let Some(begin) = self.begin.take() {
            begin(&self.channel, transport);
        }
    }

    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.channel.feed(data);
    }

    fn eof_received(&mut self, _: &Transport) -> AfterEof {
        self.channel.end();
        AfterEof::KeepOpen
    }

    fn connection_lost(&mut self, _: &Transport, error: Option<Exception>) {
        self.channel.lose(error);
    }

    fn resume_writing(&mut self, _: &Transport) {
        self.channel.resume_writing();
    }
}

/// If another protocol has taken its place, or the loop is closed, this ends the stream. No task must wait for ever.
impl Drop for Feeding {
    fn drop(&mut self) {
        if self.channel.how_ended().is_none() {
            let text = "the connection was given another protocol, or its event loop is closed";
            self.channel.lose(Some(Exception::message(Kind::RuntimeError, text)));
        }
    }
}
