//! Recorded generator functions, and a coroutine that runs them.
//!
//! A script is the body of a Python generator function: yields, `yield from`, `try`, `except`, `finally`, `raise`,
//! `return`, loops. A [`Program`] is a recording: scripts, the calls on a generator made from the first script, and the log.
//! An [`Activation`] runs one script, and logs as the recorded generator did.
//!
//! | file | holds |
//! |---|---|
//! | `program.rs`   | the scripts as data, read from the recorded lines |
//! | `activation.rs`| the machine: one activation of one script |
//! | `exceptions.rs`| Python's exceptions on top of the engine's |
//! | `drive.rs`     | drives a generator as the recording did |

mod activation;
mod drive;
mod exceptions;
mod program;

pub(crate) use self::activation::{Activation, Children, Run};
pub(crate) use self::drive::{Replay, replay};
pub(crate) use self::program::Program;
