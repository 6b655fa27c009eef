//! [`CommandOutput`]: runs a program to its end, and collects its output.

use core::fmt;
use std::process::Output;

use super::command::Command;
use super::communicate::Communication;
use super::handle::Process;
use super::stdio::Stdio;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::task::Await;
use crate::yield_from;

impl Command {
    /// Runs the program to its end, and collects what it writes. Standard output and standard error become pipes, unless
    /// they were set; standard input becomes [`Null`](Stdio::Null). If the coroutine is dropped, it kills the program.
    ///
    /// If the program leaves another one running in the background, that one may still hold the pipes. The coroutine then
    /// waits for it too, as a shell does.
    ///
    /// # Errors
    ///
    /// Awaiting raises what [`spawn`](Self::spawn) returns.
    pub fn output(self) -> CommandOutput {
        CommandOutput(Phase::Created(Box::new(self.with_defaults(Stdio::Null).kill_on_drop(true))))
    }
}

/// The coroutine returned by [`Command::output`]. It starts the program when it is first resumed. If it is dropped before
/// its end, it kills the program.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct CommandOutput(Phase);

enum Phase {
    Created(Box<Command>),
    Running(Box<(Process, Communication)>),
    Over,
}

impl Coroutine for CommandOutput {
    type Yield = Await;
    type Input = ();
    type Return = Output;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created(_) = self.0
            && let Phase::Created(command) = core::mem::replace(&mut self.0, Phase::Over)
        {
            take_sent(&mut sent)?;
            self.0 = Phase::Running(Box::new((command.spawn()?, Communication::new())));
        }
        let Phase::Running(running) = &mut self.0 else { return Err(Exception::reused()) };
        let (process, kept) = &mut **running;
        let result = yield_from!(process.communicate(kept), sent);
        let output =
            result.map(|status| Output { status, stdout: kept.stdout().to_vec(), stderr: kept.stderr().to_vec() });
        self.0 = Phase::Over;
        output.map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        State::new("output", self)
    }
}

impl fmt::Debug for CommandOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Phase::Created(command) => write!(f, "CommandOutput({command:?})"),
            Phase::Running(running) => write!(f, "CommandOutput({:?})", running.0.handle()),
            Phase::Over => f.write_str("CommandOutput(over)"),
        }
    }
}
