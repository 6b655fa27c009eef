//! The tools of `testing` find the faults they are made for, and say where.

#![cfg(feature = "full")]

#[path = "../support/mod.rs"]
mod support;

mod actors;
mod exchanges;
mod faults;
mod graphs;
mod hosts;
mod network;
mod scripts;
mod suspending;
