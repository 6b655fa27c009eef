//! `Residents`: connections and servers, which live in the loop as tasks do. The loop owns them until they have ended,
//! whether or not anybody holds a handle. Closing the loop ends them.

use core::cell::RefCell;
use std::rc::Rc;

use slab::Slab;

use super::super::LoopHandle;
use super::memory::SpareMemory;

/// An object that the loop keeps alive: a connection or a server.
pub(crate) trait Resident {
    /// Called when the loop is closed. Closes the descriptors and drops the user's values. Must catch their panics.
    fn loop_closed(self: Rc<Self>);
}

#[derive(Default)]
pub(in crate::event_loop) struct Residents {
    living: RefCell<Slab<Rc<dyn Resident>>>,
    /// Buffers in which writes are gathered. Reads have their own, since both are in use at once.
    memory: SpareMemory,
}

#[cfg(feature = "testing")]
impl Residents {
    pub(in crate::event_loop) fn len(&self) -> usize {
        self.living.borrow().len()
    }
}

impl LoopHandle {
    /// Keeps `resident` alive until [`remove_resident`](Self::remove_resident) is called with the returned key, or the
    /// loop is closed.
    pub(crate) fn add_resident(&self, resident: Rc<dyn Resident>) -> usize {
        self.0.residents.living.borrow_mut().insert(resident)
    }

    /// Drops a resident. Has no effect if the loop was closed meanwhile.
    pub(crate) fn remove_resident(&self, key: usize) {
        let removed = self.0.residents.living.borrow_mut().try_remove(key);
        drop(removed);
    }

    pub(in crate::event_loop) fn close_residents(&self) {
        let living: Vec<_> = self.0.residents.living.take().into_iter().map(|(_, resident)| resident).collect();
        for resident in living {
            self.0.scheduler.guarded(|| resident.loop_closed());
        }
    }

    /// The spare buffers in which writes are gathered.
    #[inline]
    pub(crate) fn memory_for_writes(&self) -> &SpareMemory {
        &self.0.residents.memory
    }
}
