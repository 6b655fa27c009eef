//! `catch_interrupts`: installs and removes the handler for Ctrl-C. `runner.rs` decides what the first and the second
//! Ctrl-C do. While the loop is stuck in a step, `sys/signal.rs` lets the second one end the process.
//!
//! Ctrl-C is caught only if nobody else uses it. Its action must still be the system's default, no other loop may
//! handle signals, and this must be the main thread: code that runs a loop in another thread does not own the process.

use std::rc::Rc;

use super::super::LoopHandle;
use super::{SignalFunction, SignalHandler};
use crate::sys::signal::{self, Second};
use crate::task::CallbackResult;

/// A guard: Ctrl-C is caught until it is dropped.
pub(crate) struct Interrupts {
    event_loop: LoopHandle,
    handler: SignalFunction,
}

impl LoopHandle {
    /// Calls `handler` from the loop at each Ctrl-C, until the returned guard is dropped. A second Ctrl-C ends the
    /// process if the loop has not handled the first one yet. Returns `None` if Ctrl-C cannot be caught here: see the
    /// head of this file.
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
        signal::catch(signal::INTERRUPT, Second::HasFormerEffect).is_ok().then_some(interrupts)
    }
}

impl Interrupts {
    /// Restores the system's default action. Returns `true` if a Ctrl-C came that the loop has not handled.
    pub(crate) fn finish(self) -> bool {
        self.release()
    }

    fn release(&self) -> bool {
        let handlers = &self.event_loop.0.signal_handlers;
        // If the program has added a handler of its own meanwhile, that handler stays.
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
