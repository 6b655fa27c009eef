//! Locks, events, semaphores, conditions and barriers: the cases that CPython's own tests hold, and what only we have.
//!
//! The cases are numbered as in the project's list of asyncio's behaviour: L2 is the second one of locks. What cannot
//! arise here:
//!
//! | case | why |
//! |---|---|
//! | L1: releasing a lock that is not locked | a guard is released once, by its drop; without one there is nothing to call |
//! | L6: waiting on a condition without the lock | `wait` takes the guard; what is left is another lock's guard |
//! | L9: a lock of another loop | none is bound to a loop; a lock that two loops share is tested instead |
//! | L12: a negative value | `usize` |
//!
//! That every step runs in the turn in which it runs in asyncio is shown by `oracle_sync.rs`.

mod barriers;
mod conditions;
mod locks;
mod properties;
mod semaphores;
