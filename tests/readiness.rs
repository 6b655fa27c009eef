//! Readiness: what the selector reports, what the loop makes of it, and who is woken.
//!
//! The selector is a script, so that events come late, twice, for nothing, or for a socket that is no more. The sockets
//! are real. What a selector itself has to keep is in `contract.rs`, for each that there is. A log has every wait of the loop in it: what stands between two of them has happened without asking again.

#![cfg(feature = "full")]

#[cfg(target_os = "linux")]
#[path = "readiness/accepting.rs"]
mod accepting;
#[path = "support/clock.rs"]
mod clock;
#[path = "readiness/contract.rs"]
mod contract;
#[path = "readiness/devices.rs"]
mod devices;
#[path = "support/events.rs"]
mod events;
// Elsewhere a receiver that is full is an error.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[path = "readiness/full.rs"]
mod full;
#[path = "readiness/idle.rs"]
mod idle;
#[path = "support/interfaces.rs"]
mod interfaces;
#[path = "readiness/loops.rs"]
mod loops;
#[path = "readiness/machines.rs"]
mod machines;
#[path = "readiness/reporting.rs"]
mod reporting;
#[path = "readiness/script.rs"]
mod script;
#[path = "readiness/unready.rs"]
mod unready;
#[path = "readiness/waiting.rs"]
mod waiting;
