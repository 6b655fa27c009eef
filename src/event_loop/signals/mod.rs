//! `add_signal_handler`: functions that the loop calls in its own thread after a signal has arrived.
//!
//! `sys/signal.rs` has the handler that the system calls: it counts the signal and wakes the loop.

mod interrupt;

use std::rc::Rc;

use super::LoopHandle;
use crate::context::{self, Context};
use crate::coroutine::Exception;
use crate::sys::signal::{self, Second};
use crate::task::CallbackResult;

pub(crate) use self::interrupt::Interrupts;

pub(in crate::event_loop) type SignalFunction = Rc<dyn Fn() -> Result<(), Exception>>;

/// The function for a signal, and the context in which it is called.
#[derive(Clone)]
pub(in crate::event_loop) struct SignalHandler {
    pub(in crate::event_loop) function: SignalFunction,
    pub(in crate::event_loop) context: Option<Context>,
}

/// The handlers, in the order in which they were added. There are only a few, so a list is enough.
#[derive(Default)]
pub(in crate::event_loop) struct SignalHandlers(Vec<(i32, SignalHandler)>);

impl SignalHandlers {
    pub(in crate::event_loop) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::event_loop) fn get(&self, signal: i32) -> Option<&SignalHandler> {
        self.0.iter().find(|(number, _)| *number == signal).map(|(_, handler)| handler)
    }

    /// Sets the handler of a signal, and returns the previous one.
    pub(in crate::event_loop) fn insert(&mut self, signal: i32, handler: SignalHandler) -> Option<SignalHandler> {
        match self.0.iter_mut().find(|(number, _)| *number == signal) {
            Some((_, former)) => Some(core::mem::replace(former, handler)),
            None => {
                self.0.push((signal, handler));
                None
            }
        }
    }

    pub(in crate::event_loop) fn remove(&mut self, signal: i32) -> Option<SignalHandler> {
        let place = self.0.iter().position(|(number, _)| *number == signal)?;
        Some(self.0.remove(place).1)
    }
}

impl LoopHandle {
    /// Calls `handler` from the loop each time `signal` arrives. asyncio's `add_signal_handler`.
    ///
    /// The module [`signal`](mod@crate::signal) has the numbers, and an example. Only one loop in the process can
    /// handle signals at a time. If a signal arrives several times before the loop has seen it, the handler is called
    /// once; for a real-time signal, it is called each time. Handlers are called in the order of the signals' numbers.
    ///
    /// Removing the handler or closing the loop restores the signal's previous action: the default, ignored, or a
    /// handler that the host program installed. If other code has changed the action in the meantime, that change is
    /// kept. A forked child starts without handlers.
    ///
    /// `SIGSEGV`, `SIGBUS`, `SIGILL` and `SIGFPE` are handled only if somebody sends them. A fault of the program itself
    /// has the effect that it had before, which usually ends the program. asyncio returns from the fault, which then
    /// repeats without end.
    ///
    /// # Errors
    ///
    /// - `RuntimeError` if the loop is closed.
    /// - The system's `EINVAL` if the number is not a signal, or is a signal that cannot be caught.
    /// - An [`io::Error`](std::io::Error) of the kind `ResourceBusy` while another loop handles signals.
    /// - An `io::Error` of the kind `Unsupported` in a forked child, for its parent's loop.
    pub fn add_signal_handler<R>(&self, signal: i32, handler: impl Fn() -> R + 'static) -> Result<(), Exception>
    where
        R: CallbackResult,
    {
        self.0.scheduler.check_open()?;
        let waker = self.0.waker.borrow().clone().expect("the loop is open");
        signal::claim(&waker)?;
        if let Err(error) = signal::catch(signal, Second::Counts) {
            self.release_signals();
            return Err(Exception::from(error).with_note(format!("signal {signal} does not exist or cannot be caught")));
        }
        let context = if context::is_set() { context::copy_current() } else { None };
        let handler = SignalHandler { function: Rc::new(move || handler().into_result()), context };
        let former = self.0.signal_handlers.borrow_mut().insert(signal, handler);
        self.drop_handlers(former);
        Ok(())
    }

    /// Removes the handler of a signal and restores the signal's previous action. Returns `false` if there was no
    /// handler.
    pub fn remove_signal_handler(&self, signal: i32) -> bool {
        let removed = self.0.signal_handlers.borrow_mut().remove(signal);
        if removed.is_some() {
            self.restore_signal(signal);
        }
        self.release_signals();
        let was_there = removed.is_some();
        self.drop_handlers(removed);
        was_there
    }

    /// Drops handlers. A function and its context are dropped separately: if both panicked during one unwinding, the
    /// process would abort.
    pub(in crate::event_loop) fn drop_handlers(&self, handlers: impl IntoIterator<Item = SignalHandler>) {
        for SignalHandler { function, context } in handlers {
            self.0.scheduler.drop_guarded(function);
            self.0.scheduler.drop_guarded(context);
        }
    }

    /// Removes all handlers, and returns them to be dropped.
    pub(in crate::event_loop) fn take_signal_handlers(&self) -> impl Iterator<Item = (i32, SignalHandler)> + use<> {
        let handlers = self.0.signal_handlers.take();
        for (signal, _) in &handlers.0 {
            self.restore_signal(*signal);
        }
        self.release_signals();
        handlers.0.into_iter()
    }

    /// Restores the previous action of a signal. Returns `true` if the signal came and the loop has not handled it.
    /// Does nothing if the loop is closed, because closing has restored all actions.
    pub(in crate::event_loop) fn restore_signal(&self, signal: i32) -> bool {
        self.0.waker.borrow().as_ref().is_some_and(|waker| signal::restore(waker, signal))
    }

    pub(in crate::event_loop) fn release_signals(&self) {
        if self.0.signal_handlers.borrow().is_empty() {
            self.0.waker.borrow().as_ref().inspect(|waker| signal::release(waker));
        }
    }
}
