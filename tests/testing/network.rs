//! The simulated network keeps its times, and misbehaves as it is told.

mod connections;
mod datagrams;
mod faults;
mod times;
