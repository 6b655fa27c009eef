//! Readiness: what the selector reports, what the loop makes of it, and who is woken.
//!
//! The selector is a script, so that events come late, twice, for nothing, or for a socket that is no more. The sockets
//! are real. What a selector itself has to keep is in `contract.rs`, for each that there is. A log has every wait of the loop in it: what stands between two of them has happened without asking again.

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
