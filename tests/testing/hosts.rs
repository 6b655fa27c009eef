//! Simulated hosts run side by side, crash and restart, and a run can be repeated.

mod crashes;
mod runs;
