//! The servers of `examples/`, as hosts on a simulated network that loses, delays, cuts and resets: no reply is lost, none
//! comes twice, and nobody is starved.
//!
//! Each scenario runs for some seeds. `INNERMOST_SIMULATED_SEEDS` sets how many, for a long run, and
//! `INNERMOST_SIMULATED_FIRST` the first one, to repeat a run that has failed. Each seed is another network, with other faults
//! at other times, and another order in which the hosts take their turns.

#![cfg(feature = "full")]

mod chat;
mod client;
mod file_server;
mod redis_server;
mod socks5_proxy;
mod weather;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs a scenario for each seed, and says for which one it fails.
fn for_seeds(usually: u64, scenario: impl Fn(u64)) {
    let variable = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("it is a number"));
    let first = variable("INNERMOST_SIMULATED_FIRST").unwrap_or(0);
    let count = variable("INNERMOST_SIMULATED_SEEDS").unwrap_or(usually);
    for seed in first..first + count {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| scenario(seed))) {
            eprintln!("it fails with INNERMOST_SIMULATED_SEEDS=1 INNERMOST_SIMULATED_FIRST={seed}");
            resume_unwind(panic);
        }
    }
}
