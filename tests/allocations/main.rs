//! How often the hot paths allocate (rule 2). The allocator of this program counts.

mod coroutine;
#[path = "../support/counting.rs"]
mod counting;
#[cfg(feature = "full")]
mod event_loop;
#[cfg(feature = "full")]
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "full")]
mod sync;
