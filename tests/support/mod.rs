//! Shared by the test programs: loops that do not wait, a log of events, programs in processes of their own.
//!
//! Each test program declares this module once. `counting` replaces the allocator, so only the programs that count
//! allocations declare it.

#![allow(dead_code, unused_imports, unused_macros, reason = "each program of tests uses its part")]

pub(crate) mod alone;
pub(crate) mod clock;
pub(crate) mod connections;
pub(crate) mod events;
pub(crate) mod interfaces;
mod log;
pub(crate) mod loops;
pub(crate) mod process;
pub(crate) mod raised;
pub(crate) mod tools;
pub(crate) mod turns;
