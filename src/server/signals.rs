//! Stopping on Ctrl-C and SIGTERM: one handler for all tokens of a loop.
//!
//! A loop has at most one handler for a signal. So the tokens are listed in an extension of the loop, and the handler goes
//! through the list. It is removed with the last token, unless the program has put another handler in its place.

use core::cell::RefCell;
use std::rc::{Rc, Weak};

use super::StopToken;
use crate::coroutine::Exception;
use crate::event_loop::LoopHandle;
use crate::signal::{SIGINT, SIGTERM};

const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// The tokens to stop, while the handlers are installed.
struct Listed {
    tokens: RefCell<Vec<StopToken>>,
    /// Dead once the program has replaced both handlers: that drops what they share.
    handlers: Weak<Signalled>,
}

/// What the two handlers share.
struct Signalled {
    listed: Weak<Listed>,
}

/// While this exists, a signal stops the token. Dropping it takes the token out of the list.
pub(super) struct StopOnSignals {
    token: StopToken,
    listed: Weak<Listed>,
    event_loop: LoopHandle,
}

impl StopOnSignals {
    /// # Errors
    ///
    /// Those of [`LoopHandle::add_signal_handler`].
    pub(super) fn new(event_loop: &LoopHandle, token: &StopToken) -> Result<Self, Exception> {
        let former = event_loop.extension::<Listed>().filter(|listed| listed.handlers.strong_count() > 0);
        let listed = match former {
            Some(listed) => listed,
            None => install(event_loop)?,
        };
        listed.tokens.borrow_mut().push(token.clone());
        Ok(Self { token: token.clone(), listed: Rc::downgrade(&listed), event_loop: event_loop.clone() })
    }
}

fn install(event_loop: &LoopHandle) -> Result<Rc<Listed>, Exception> {
    let mut handlers = None;
    let listed = Rc::new_cyclic(|listed| {
        let shared = handlers.insert(Rc::new(Signalled { listed: listed.clone() }));
        Listed { tokens: RefCell::default(), handlers: Rc::downgrade(shared) }
    });
    let handlers = handlers.expect("it was made with the list");
    for signal in SIGNALS {
        let handlers = Rc::clone(&handlers);
        if let Err(refused) = event_loop.add_signal_handler(signal, move || handlers.signal()) {
            event_loop.remove_signal_handler(SIGNALS[0]);
            return Err(refused);
        }
    }
    let former = event_loop.set_extension(Rc::clone(&listed));
    drop(former);
    Ok(listed)
}

impl Signalled {
    /// The first signal stops the servers, and any later one ends their grace period.
    fn signal(&self) {
        let Some(listed) = self.listed.upgrade() else { return };
        let tokens = listed.tokens.borrow().clone();
        for token in tokens {
            if token.is_stopping() { token.stop_now() } else { token.stop() }
        }
    }
}

impl Drop for StopOnSignals {
    fn drop(&mut self) {
        let Some(listed) = self.listed.upgrade() else { return };
        let mut tokens = listed.tokens.borrow_mut();
        let place = tokens.iter().position(|token| Rc::ptr_eq(&token.0, &self.token.0));
        let removed = place.map(|place| tokens.remove(place));
        let is_last = tokens.is_empty();
        drop((tokens, removed));
        if is_last && listed.handlers.strong_count() > 0 {
            for signal in SIGNALS {
                self.event_loop.remove_signal_handler(signal);
            }
        }
    }
}
