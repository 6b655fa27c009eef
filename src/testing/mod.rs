//! For tests of programs that run in an event loop: time that does not pass by itself, and a loop on it.
//!
//! Nothing here waits. A test that lets a machine sleep for a year takes no time, and comes out the same each time; a
//! program in which everything waits for ever raises instead of hanging, and says who waits for what.
//!
//! | file | holds |
//! |---|---|
//! | `clock.rs`        | [`VirtualClock`]: time that jumps to the next deadline |
//! | `virtual_loop.rs` | [`virtual_loop`](fn@virtual_loop): an event loop on it, without descriptors |
//! | `memory_stream.rs` | [`memory_pair`]: connections without a network, which do what a network can do |

mod clock;
mod memory_stream;
mod virtual_loop;

pub use self::clock::VirtualClock;
pub use self::memory_stream::{MemoryPair, MemoryStream, memory_pair};
pub use self::virtual_loop::virtual_loop;
