//! The chat room as its users see it: a process, a port, lines, signals.
//!
//! No test sleeps. To show that a line does not come, a test waits for a later one: all members get lines in the same order.

mod leaving;
mod limits;
mod room;
mod talking;
