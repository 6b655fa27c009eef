//! Random programs that use the public API. Their user code does anything at any time.
//!
//! A program is a list of operations. Some of them come between two runs of the loop. The others form scripts. A script is
//! the body of a piece of user code: a callback, a coroutine, an exception handler, a predicate, or a value's `Clone`,
//! `Drop`, `Debug` and `Ord`. One call into user code may panic. Fuel and a limit of depth end every program.
//!
//! The checks, for every program:
//!
//! - It ends, and does not abort.
//! - Callbacks run in the order they were queued, timers by deadline, a future's callbacks in the order they were added.
//! - A callback that was neither cancelled nor closed with its loop has run once, and no coroutine is resumed after its
//!   end.
//! - Nothing waits for something that has already happened.
//! - A failure that can no longer be retrieved is reported.
//! - Once the loops are closed and dropped, all values are dropped, and as many descriptors are open as before.

mod actions;
mod bodies;
mod ledger;
mod operations;
mod waits;
mod world;

use self::operations::{Line, program};
use crate::campaign::{Campaign, attack, run_seeds};

struct Programs;

impl Campaign for Programs {
    type Operation = Line;
    const CHILD: &'static str = "programs::the_other_process";
    const SEEDS: u64 = 3000;

    fn operations(seed: u64) -> Vec<Line> {
        program(seed)
    }

    fn run(operations: Vec<Line>) {
        world::run(operations);
    }
}

#[test]
fn random_programs_lose_nothing_and_leak_nothing() {
    attack::<Programs>();
}

#[test]
#[ignore = "run by the other, in a process of its own"]
fn the_other_process() {
    run_seeds::<Programs>();
}
