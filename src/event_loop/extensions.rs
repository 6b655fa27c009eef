//! `Extensions`: values that higher modules attach to a loop. The loop does not know their types.

use core::any::Any;
use core::cell::RefCell;
use std::rc::Rc;

use super::LoopHandle;

/// At most one value of each type. There are few, so they are searched one after the other.
#[derive(Default)]
pub(super) struct Extensions(RefCell<Vec<Rc<dyn Any>>>);

impl Extensions {
    /// Takes all values out, when the loop is closed. They may hold a handle to the loop.
    pub(super) fn take(&self) -> Vec<Rc<dyn Any>> {
        self.0.take()
    }
}

impl LoopHandle {
    /// The `T` attached to this loop, if there is one.
    pub(crate) fn extension<T: 'static>(&self) -> Option<Rc<T>> {
        self.0.extensions.0.borrow().iter().find_map(|kept| Rc::clone(kept).downcast().ok())
    }

    /// Attaches a `T` until the loop is closed, and returns the previous one. A closed loop drops `value`.
    pub(crate) fn set_extension<T: 'static>(&self, value: Rc<T>) -> Option<Rc<T>> {
        if self.is_closed() {
            return None;
        }
        let mut extensions = self.0.extensions.0.borrow_mut();
        let place = extensions.iter().position(|kept| kept.is::<T>());
        let former = place.map(|place| extensions.swap_remove(place));
        extensions.push(value);
        former.and_then(|former| former.downcast().ok())
    }
}
