//! The protocols of a child's pipes. They pass everything on to the child's protocol.

use std::rc::Rc;

use super::protocol::ChildPipe;
use super::transport::{Event, Subprocess};
use crate::coroutine::Exception;
use crate::transport::{Protocol, Transport};

/// The protocol of one pipe.
pub(super) struct Pipe {
    pub(super) subprocess: Rc<Subprocess>,
    pub(super) pipe: ChildPipe,
}

impl Protocol for Pipe {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.subprocess.call(Event::Data(self.pipe, data.into()));
    }

    fn pause_writing(&mut self, _: &Transport) {
        self.subprocess.call(Event::PauseWriting);
    }

    fn resume_writing(&mut self, _: &Transport) {
        self.subprocess.call(Event::ResumeWriting);
    }

    fn connection_lost(&mut self, _: &Transport, error: Option<Exception>) {
        self.subprocess.pipe_is_lost(self.pipe, error);
    }
}
