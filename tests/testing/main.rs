//! The tools of `testing` find the faults they are made for, and say where.

#![cfg(feature = "full")]

#[path = "../support/mod.rs"]
mod support;

mod exchanges;
mod faults;
mod graphs;
mod scripts;
mod suspending;
