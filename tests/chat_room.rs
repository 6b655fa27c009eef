//! The chat room as its users meet it: a process, a port, lines, signals.
//!
//! Nothing sleeps. What is to be seen to be absent is asked for behind something that comes after it: members hear
//! everything in one order.

#![cfg(all(target_os = "linux", feature = "full"))]

#[path = "chat_room/leaving.rs"]
mod leaving;
#[path = "chat_room/limits.rs"]
mod limits;
#[path = "support/process.rs"]
mod process;
#[path = "chat_room/room.rs"]
mod room;
#[path = "chat_room/talking.rs"]
mod talking;
#[path = "support/tools.rs"]
mod tools;
