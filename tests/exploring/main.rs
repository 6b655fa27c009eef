//! Exploring programs: every order, every fault, and what is said of a schedule that fails.

mod bugs;
mod orders;
mod panics;
mod story;
mod threads;
