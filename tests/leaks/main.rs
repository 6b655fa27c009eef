//! What is left behind: descriptors, allocations and bytes, counted for the whole process.
//!
//! Nothing else may open a descriptor meanwhile. So each test holds [`held::alone`], and no other suite shares the process.

#![cfg(feature = "full")]

#[path = "../support/counting.rs"]
mod counting;
mod faults;
mod held;
mod loops;
mod resolver;
#[path = "../support/mod.rs"]
mod support;
