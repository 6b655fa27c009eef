//! Tools for testing programs that run in an event loop: virtual time, and connections in memory.
//!
//! Nothing here waits. A test in which a machine sleeps for a year takes no time, and has the same result each time. A
//! program in which every task waits for ever raises an error instead of hanging, and the error says what each task waits
//! for.
//!
//! | file | holds |
//! |---|---|
//! | `clock.rs`        | [`VirtualClock`]: a clock that jumps to the next deadline |
//! | `virtual_loop.rs` | [`virtual_loop`](fn@virtual_loop): an event loop with that clock, without descriptors |
//! | `channel.rs`      | one direction of such a connection |
//! | `memory_stream.rs` | [`memory_pair`]: connections in memory that can misbehave like a network |

mod channel;
mod clock;
mod memory_stream;
mod virtual_loop;

pub use self::clock::VirtualClock;
pub use self::memory_stream::{MemoryPair, MemoryStream, memory_pair};
pub use self::virtual_loop::virtual_loop;
