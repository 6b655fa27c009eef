//! What lives in the loop beside tasks: connections and servers. The loop owns them until they have ended, whoever has
//! a handle, and ends them when it is closed.

use core::cell::RefCell;
use std::rc::Rc;

use slab::Slab;

use super::super::LoopHandle;
use super::memory::SpareMemory;

/// Something that lives in the loop.
pub(crate) trait Resident {
    /// The loop is closed: its descriptors are to be closed, and what is the user's to be dropped. A panic must not come
    /// out of that.
    fn loop_closed(self: Rc<Self>);
}

#[derive(Default)]
pub(in crate::event_loop) struct Residents {
    living: RefCell<Slab<Rc<dyn Resident>>>,
    /// Where writes are gathered. Reads have another: both are in use at once.
    memory: SpareMemory,
}

impl LoopHandle {
    /// Keeps something alive until [`remove_resident`](Self::remove_resident) or the end of the loop.
    pub(crate) fn add_resident(&self, resident: Rc<dyn Resident>) -> usize {
        self.0.residents.living.borrow_mut().insert(resident)
    }

    /// The loop may have been closed meanwhile.
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

    /// The memory that writes are gathered in.
    #[inline]
    pub(crate) fn memory_for_writes(&self) -> &SpareMemory {
        &self.0.residents.memory
    }
}
