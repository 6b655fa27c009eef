//! What rooms above this one keep for a loop, which knows nothing of them.

use core::any::Any;
use core::cell::RefCell;
use std::rc::Rc;

use super::LoopHandle;

/// One value of a type: there are few types, so they are searched one by one.
#[derive(Default)]
pub(super) struct Extensions(RefCell<Vec<Rc<dyn Any>>>);

impl Extensions {
    /// For the loop's end: they may hold what holds the loop.
    pub(super) fn take(&self) -> Vec<Rc<dyn Any>> {
        self.0.take()
    }
}

impl LoopHandle {
    /// The `T` that is kept for this loop.
    pub(crate) fn extension<T: 'static>(&self) -> Option<Rc<T>> {
        self.0.extensions.0.borrow().iter().find_map(|kept| Rc::clone(kept).downcast().ok())
    }

    /// Keeps a `T` until the loop is closed; gives the former. A closed loop keeps none.
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
