//! What the measured programs share: clocks, what they print, the listener of the servers, and the workload of tasks,
//! written once for all whose tasks are Rust's futures.
//!
//! A program prints a JSON object a line: whose figure it is (`peer`), of what (`bench`), and the figures. The runner
//! reads these.

mod histogram;
mod listen;
mod measure;
mod tasks;
mod tree;

pub use self::histogram::Histogram;
pub use self::listen::{listen, port_argument, ready};
pub use self::measure::{
    Chance, DEPTHS, Timer, bench_arguments, consume, consume_rest, items_at, on_deep_stack, or, resident_bytes, start,
    ticks, ticks_per_nanosecond,
};
pub use self::tree::{NODES, Node, check_walk, tree};
