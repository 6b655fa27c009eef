//! Nothing leaks: the descriptors, allocations and bytes of the whole process are counted before and after.
//!
//! Nothing else may open a descriptor meanwhile. So each test holds the lock [`held::alone`], and no other suite shares
//! the process.

#![cfg(feature = "full")]

#[path = "../support/counting.rs"]
mod counting;
mod faults;
mod held;
mod loops;
// A thread that watches a child ends a moment after it.
#[cfg(all(target_os = "linux", not(innermost_poll)))]
mod processes;
mod resolver;
#[path = "../support/mod.rs"]
mod support;
