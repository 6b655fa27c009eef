//! Readiness: the selector's reports, how the loop handles them, and the tasks that it wakes.
//!
//! The selector follows a script, so that events come late, twice, for nothing, or for a closed socket. The sockets are real.
//! `contract.rs` tests the contract of each real selector. A log includes each wait of the loop, so everything between two
//! waits has happened without polling in between.

#[cfg(target_os = "linux")]
mod accepting;
mod contract;
mod devices;
// Elsewhere a receiver that is full is an error.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod full;
mod idle;
mod loops;
mod machines;
mod reporting;
mod script;
mod unready;
mod waiting;
