//! `Asyncgens`: the async generators that have started in a loop and have not ended. They are closed with the loop.
//!
//! The loop holds weak references, in the order in which the generators started. A loop without generators costs only
//! an empty map.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use super::LoopHandle;
use crate::coroutine::Exception;
use crate::task::{Awaitable, ErrorContext};

/// A suspended generator without the type of its items.
pub(crate) trait LiveAsyncgen: fmt::Debug {
    /// Returns an awaitable that closes the generator.
    fn aclose(self: Rc<Self>) -> Box<dyn Awaitable<Return = ()>>;

    /// Closes the generator at once, because its loop is being closed. Returns the exception that this raises.
    fn abandon(&self) -> Option<Exception>;
}

/// A generator, and whether [`LoopHandle::take_asyncgens`] has returned it. A generator that ignores its closing stays
/// suspended, and stays here.
type Known = (Weak<dyn LiveAsyncgen>, bool);

#[derive(Default)]
pub(super) struct Asyncgens {
    live: RefCell<BTreeMap<u64, Known>>,
    next_key: Cell<u64>,
    shut_down: Cell<bool>,
}

#[cfg(feature = "testing")]
impl Asyncgens {
    pub(super) fn len(&self) -> usize {
        self.live.borrow().len()
    }

    /// Whether generators may still start.
    pub(super) fn is_open(&self) -> bool {
        !self.shut_down.get()
    }
}

impl LoopHandle {
    /// Registers an async generator that is about to take its first step in this loop. Returns the key for
    /// [`forget_asyncgen`](Self::forget_asyncgen).
    pub(crate) fn remember_asyncgen(&self, generator: &Rc<impl LiveAsyncgen + 'static>) -> u64 {
        let asyncgens = &self.0.asyncgens;
        if asyncgens.shut_down.get() {
            let text = "was scheduled after loop.shutdown_asyncgens() call";
            let text = format!("asynchronous generator {generator:?} {text}");
            self.call_exception_handler(ErrorContext::new(text).about(&**generator));
        }
        let key = asyncgens.next_key.get();
        asyncgens.next_key.set(key + 1);
        let weak: Weak<dyn LiveAsyncgen> = Rc::downgrade(&(Rc::clone(generator) as Rc<dyn LiveAsyncgen>));
        asyncgens.live.borrow_mut().insert(key, (weak, false));
        key
    }

    /// Closes the suspended generators, oldest first. This also breaks reference cycles through a generator.
    pub(super) fn close_asyncgens(&self) {
        let live = self.0.asyncgens.live.take();
        for generator in live.into_values().filter_map(|(generator, _)| generator.upgrade()) {
            let mut raised = None;
            self.0.scheduler.guarded(|| raised = generator.abandon());
            if let Some(raised) = raised {
                let context = ErrorContext::new("Exception ignored while closing an asynchronous generator");
                self.call_exception_handler(context.caused_by(raised));
            }
            self.0.scheduler.drop_guarded(generator);
        }
    }

    pub(crate) fn forget_asyncgen(&self, key: u64) {
        self.0.asyncgens.live.borrow_mut().remove(&key);
    }

    /// Returns all live generators that were not returned before, oldest first. From now on, a generator that starts is
    /// reported to the exception handler.
    pub(crate) fn take_asyncgens(&self) -> Vec<Rc<dyn LiveAsyncgen>> {
        self.0.asyncgens.shut_down.set(true);
        let mut live = self.0.asyncgens.live.borrow_mut();
        let left = live.values_mut().filter(|(_, given)| !given);
        left.filter_map(|(generator, given)| {
            *given = true;
            generator.upgrade()
        })
        .collect()
    }
}
