//! A client loses patience, connects again and asks something else. The reply to its first question arrives over the old
//! connection, and is taken for the reply to the second.
//!
//! Mended: a reply on an old connection is dropped.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::Sim;
use innermost::{EventLoop, Exception, LoopHandle, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Client<const MENDED: bool> {
    connection: Cell<u32>,
    pending: Cell<Option<&'static str>>,
}

impl<const MENDED: bool> Client<MENDED> {
    /// Asks a question, and gets the reply after a second.
    fn ask(self: &Rc<Self>, event_loop: &LoopHandle, question: &'static str) -> Result<(), Exception> {
        self.pending.set(Some(question));
        let (client, connection) = (Rc::clone(self), self.connection.get());
        event_loop.call_later(SECOND, move || client.reply(connection, question))?;
        Ok(())
    }

    fn lose_patience(self: &Rc<Self>) -> Result<(), Exception> {
        if self.pending.get().is_some() {
            self.connection.set(self.connection.get() + 1);
            self.ask(&EventLoop::running()?, "second question")?;
        }
        Ok(())
    }

    fn reply(&self, connection: u32, to: &'static str) {
        if MENDED && connection != self.connection.get() {
            return;
        }
        if let Some(pending) = self.pending.take() {
            assert_eq!(to, pending, "this is the reply to another question");
        }
    }
}

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let client = Rc::new(Client::<MENDED>::default());
    client.ask(sim, "first question")?;
    sim.call_later(SECOND, move || client.lose_patience())?;
    sim.run(sleep(3 * SECOND))
}
