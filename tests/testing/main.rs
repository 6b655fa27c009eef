//! The tools of `testing` find the faults they are made for, and say where.

#![cfg(feature = "full")]

mod exchanges;
mod faults;
mod scripts;
mod suspending;
