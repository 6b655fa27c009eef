//! Locks, events, semaphores, conditions and barriers: the cases of CPython's own tests, and behaviour that only this library
//! has.
//!
//! The cases are numbered as in the list of edge cases: L2 is the second one for locks. These cannot arise here:
//!
//! | case | why |
//! |---|---|
//! | L1: releasing a lock that is not locked | dropping a guard releases it once; without a guard there is nothing to call |
//! | L6: waiting on a condition without the lock | `wait` takes the guard; only a guard of another lock can be wrong |
//! | L9: a lock of another loop | locks are not bound to a loop; a lock that two loops share is tested instead |
//! | L12: a negative value | it is a `usize` |
//!
//! `oracle/sync.rs` checks that every step runs in the same turn as in asyncio.

mod barriers;
mod conditions;
mod locks;
mod properties;
mod semaphores;
