//! What tests of several subjects share: loops that never wait, a recorder of events, programs in processes.
//!
//! Each program of tests declares it once. `counting` is declared apart, where allocations are counted: it takes the
//! place of the allocator.

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
