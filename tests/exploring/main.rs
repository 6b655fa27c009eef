//! Exploring programs: every order, every fault, and what is said of a schedule that fails.

mod bugs;
mod chapter;
mod determinism;
mod hosts;
mod messages;
mod orders;
mod panics;
mod reduction;
mod skipping;
mod story;
mod threads;
