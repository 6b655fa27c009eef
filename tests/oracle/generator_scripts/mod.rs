//! Recorded generator functions, and a coroutine that runs them.
//!
//! A script is the body of a Python generator function: yields, `yield from`, `try`, `except`, `finally`, `raise`,
//! `return`, loops. [`Program`] is what was recorded: scripts, what was done to the generator made from the first of them,
//! and what it did. [`Activation`] runs one script, and logs as the recorded generator did.
//!
//! | file | holds |
//! |---|---|
//! | `program.rs`   | the scripts as data, read from the recorded lines |
//! | `activation.rs`| the machine: one activation of one script |
//! | `exceptions.rs`| Python's exceptions on top of the engine's |
//! | `drive.rs`     | does to a generator what the recording did to its own |

mod activation;
mod drive;
mod exceptions;
mod program;

pub(crate) use self::activation::{Activation, Children, Run};
pub(crate) use self::drive::{Replay, replay};
pub(crate) use self::program::Program;
