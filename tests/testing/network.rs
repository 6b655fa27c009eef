//! The simulated network keeps its times, and misbehaves as it is told.

mod connections;
mod faults;
mod times;
