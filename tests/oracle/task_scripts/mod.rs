//! Recorded programs of tasks, and a coroutine that runs their scripts.
//!
//! A [`Program`] is a recording: scripts and their log. [`replay`] runs them on a loop in virtual time. A hand-written machine
//! interprets each script, with the library's public API.
//!
//! | file | holds |
//! |---|---|
//! | `program.rs`    | the scripts as data, read from the recorded lines |
//! | `world.rs`      | the objects that the scripts of a program share |
//! | `slot.rs`       | a task with a number, and how scripts await it |
//! | `activation.rs` | the machine: an activation of a script |
//! | `statements.rs` | statements, except for those below |
//! | `waiting.rs`    | statements about several tasks, timeouts and groups |
//! | `awaiting.rs`   | statements about combinations of awaitable objects |
//! | `calling_back.rs` | statements about callbacks and the loop |
//! | `synchronising.rs` | statements about locks and queues |
//! | `exceptions.rs` | Python's exceptions on top of the engine's |
//! | `replay.rs`     | runs a program like its recording, and compares the logs |

mod activation;
mod awaiting;
mod calling_back;
mod exceptions;
mod program;
mod replay;
mod slot;
mod statements;
mod synchronising;
mod waiting;
mod world;

pub(crate) use self::replay::replay_all;
