//! The chat room as its users meet it: a process, a port, lines, signals.
//!
//! Nothing sleeps. What is to be seen to be absent is asked for behind something that comes after it: members hear
//! everything in one order.

mod leaving;
mod limits;
mod room;
mod talking;
