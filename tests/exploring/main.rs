//! Exploring programs: every order, every fault, and what is said of a schedule that fails.

#![cfg(feature = "full")]

mod bugs;
mod chapter;
mod common;
mod connections;
mod determinism;
mod generators;
mod handing_on;
mod hosts;
mod limits;
mod messages;
mod orders;
mod outcomes;
mod panics;
mod queue;
mod racing;
mod reduction;
mod scopes;
mod several;
mod skipping;
mod states;
mod story;
mod streams;
mod sync;
mod threads;
mod together;
mod transports;
mod verdicts;
