//! Files: reading, writing, paths, what is refused, and what a cancel leaves behind.
//!
//! Most tests use a loop whose file executor is a [`Desk`](support::Desk): its jobs wait until the test runs them, so a test
//! says when a job begins and when the loop learns that it has ended.

#![cfg(feature = "full")]
// Some tests need `/proc`, or a disk of their own.
#![cfg_attr(not(target_os = "linux"), allow(unused))]

mod atomic;
mod cancelling;
mod exploring;
mod help;
mod lines;
mod listing;
mod opening;
mod paths;
mod reading;
mod temporary;
mod writing;
