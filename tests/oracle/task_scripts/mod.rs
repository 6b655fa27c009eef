//! Recorded programs of tasks, and a coroutine that runs their scripts.
//!
//! [`Program`] is what was recorded: scripts, and what they did. [`replay`] runs them on a loop in virtual time; each is
//! interpreted by a machine written by hand, which knows no more of the library than any user does.
//!
//! | file | holds |
//! |---|---|
//! | `program.rs`    | the scripts as data, read from the recorded lines |
//! | `world.rs`      | what the scripts of a program share |
//! | `slot.rs`       | a task that the scripts know, and how it is awaited |
//! | `activation.rs` | the machine: one activation of one script |
//! | `statements.rs` | what each statement does, but for |
//! | `waiting.rs`    | those about several tasks, timeouts and groups, |
//! | `awaiting.rs`   | those about what can be awaited, however it is put together, |
//! | `calling_back.rs` | those about callbacks and the loop, and |
//! | `synchronising.rs` | those about locks and queues |
//! | `exceptions.rs` | Python's exceptions on top of the engine's |
//! | `replay.rs`     | runs a program as its recording was made, and compares |

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
