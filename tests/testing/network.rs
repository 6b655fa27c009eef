//! The simulated network keeps its times, and misbehaves as it is told.

mod connections;
mod datagrams;
mod explored;
mod faults;
mod times;
