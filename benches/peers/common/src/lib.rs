//! Code shared by the measured programs: clocks, printing results, the servers' listener, and the workload of tasks for
//! runtimes whose tasks are Rust futures.
//!
//! A program prints one JSON object per line, with the peer (`peer`), the case (`bench`) and the figures. The runner reads
//! these lines.

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
