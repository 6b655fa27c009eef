//! Ctrl-C, while a main task runs.
//!
//! The signal is taken over only where nobody else has any use for it: its action is still the system's default, no other
//! loop handles signals, and this is the main thread, since whoever runs a loop in another one does not own the process.

use std::rc::Rc;

use super::super::LoopHandle;
use super::{SignalFunction, SignalHandler};
use crate::sys::signal::{self, Second};
use crate::task::CallbackResult;

/// Ctrl-C is caught while this lives.
pub(crate) struct Interrupts {
    event_loop: LoopHandle,
    handler: SignalFunction,
}

impl LoopHandle {
    /// Calls `handler` from the loop at each Ctrl-C, until what is returned is gone. One that comes before the loop has
    /// taken the former ends the process. `None` where Ctrl-C is not to be caught.
    pub(crate) fn catch_interrupts<R: CallbackResult>(&self, handler: impl Fn() -> R + 'static) -> Option<Interrupts> {
        if self.is_closed() || !signal::is_main_thread() || !signal::has_default_action(signal::INTERRUPT) {
            return None;
        }
        signal::claim(self.0.waker.borrow().as_ref()?).ok()?;
        let handler: SignalFunction = Rc::new(move || handler().into_result());
        let in_loop = SignalHandler { function: Rc::clone(&handler), context: None };
        let former = self.0.signal_handlers.borrow_mut().insert(signal::INTERRUPT, in_loop);
        drop(former);
        let interrupts = Interrupts { event_loop: self.clone(), handler };
        signal::catch(signal::INTERRUPT, Second::IsNotCaught).is_ok().then_some(interrupts)
    }
}

impl Interrupts {
    /// Leaves Ctrl-C to the system's default again. `true` where one has come that the loop has not taken.
    pub(crate) fn finish(self) -> bool {
        self.release()
    }

    fn release(&self) -> bool {
        let handlers = &self.event_loop.0.signal_handlers;
        // Who has added a handler meanwhile keeps it.
        let is_ours =
            handlers.borrow().get(signal::INTERRUPT).is_some_and(|now| Rc::ptr_eq(&now.function, &self.handler));
        if !is_ours {
            return false;
        }
        let _handler = handlers.borrow_mut().remove(signal::INTERRUPT);
        let unseen = self.event_loop.restore_signal(signal::INTERRUPT);
        self.event_loop.release_signals();
        unseen
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.release();
    }
}
