//! Counts the allocations of the hot paths (rule 2). This program has an allocator that counts.

mod coroutine;
#[path = "../support/counting.rs"]
mod counting;
#[cfg(feature = "full")]
mod event_loop;
#[cfg(all(feature = "full", target_os = "linux", not(innermost_poll)))]
mod files;
#[cfg(feature = "full")]
mod races;
#[cfg(feature = "full")]
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "full")]
mod sync;
