//! Descriptors and their readiness, and the memory that the loop lends for reading.
//!
//! | file | holds |
//! |---|---|
//! | `registry.rs`   | every registered descriptor, its readiness, and the task or callback that waits for it |
//! | `registered.rs` | [`Registered`]: a descriptor and its registration, which ends with it; operations that tasks await |
//! | `operation.rs`  | [`Operation`]: the coroutine that every operation of a task is |
//! | `transports.rs` | operations of transports, which put themselves in the ready queue instead of waking a task |
//! | `watched.rs`    | [`Watched`]: a descriptor of the program's own; asyncio's `add_reader` and `sock_*` |
//! | `memory.rs`     | the buffers that reads go to |
//! | `residents.rs`  | connections and servers, which the loop keeps alive until they end |

mod memory;
mod operation;
mod registered;
mod registry;
mod residents;
mod transports;
mod watched;

pub(crate) use self::memory::{MEMORY, Memory, SpareMemory, smaller};
pub(crate) use self::operation::Operation;
pub(crate) use self::registered::Registered;
pub(crate) use self::registry::Left;
pub(super) use self::registry::Registry;
pub(crate) use self::residents::Resident;
pub(super) use self::residents::Residents;
pub use self::watched::Watched;
use super::LoopHandle;

impl LoopHandle {
    /// The spare buffers that reads go to.
    pub(crate) fn spare_memory(&self) -> &SpareMemory {
        self.0.registry.spare()
    }
}
