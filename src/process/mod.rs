//! Child processes: starting a program, talking to it through pipes, and waiting for its end. Layer 3.
//!
//! ```
//! use innermost::process::{Command, Communication, Process, Stdio};
//! use innermost::{Exception, Machine, machine, run, yield_from};
//!
//! /// Sorts text with `sort`.
//! struct Sort {
//!     sort: Process,
//!     kept: Communication,
//! }
//!
//! machine!(
//!     impl Machine for Sort {
//!         type State = Phase;
//!         type Return = String;
//!
//!         fn Sorting(&mut self, sent: Sent) -> Next<End> {
//!             let status = yield_from!(self.sort.communicate(&mut self.kept), sent)?;
//!             assert!(status.success());
//!             end(String::from_utf8_lossy(self.kept.stdout()).into_owned())
//!         }
//!     }
//! );
//!
//! let sorted = run(innermost::lazy(|| {
//!     let sort = Command::new("sort").stdin(Stdio::Pipe).stdout(Stdio::Pipe).spawn().expect("sort is installed");
//!     Sort { sort, kept: Communication::new().with_input("pear\napple\n") }.start(Phase::Sorting)
//! }))?;
//! assert_eq!(sorted, "apple\npear\n");
//! # Ok::<(), Exception>(())
//! ```
//!
//! # Who reaps
//!
//! The loop in which the program was started reaps it. It watches the child like any descriptor, and needs no handler for
//! `SIGCHLD`. Dropping a [`Process`] leaves the child running, and no zombie is left when it ends. The loop kills it only
//! if [`kill_on_drop`](Command::kill_on_drop) says so.
//!
//! - When the loop is closed, a child that still runs keeps running. A [`Process`] that still exists can signal it, and
//!   reap it with [`try_wait`](Process::try_wait). Once no handle is left, a thread waits for the child.
//! - A [`Process`] belongs to its loop. A task of another loop that waits for it gets a `RuntimeError`.
//! - A forked child inherits the handles, but not the processes, which are its siblings. Its handles return errors, and
//!   dropping them kills no process.
//! - If the program ignores `SIGCHLD`, or reaps any child itself, the status of a child may be lost. The status is then
//!   255, as in asyncio, and the loop's exception handler gets a report.
//!
//! # Where signals go
//!
//! On Linux, signals go through a descriptor of the process, so they never reach another process that got the same number
//! later. Elsewhere they go by number, but only until the loop has reaped the child. A signal to a process that has ended
//! fails with `ESRCH`.
//!
//! | file | holds |
//! |---|---|
//! | `command.rs`     | [`Command`], [`shell`]: how to start a program |
//! | `stdio.rs`       | [`Stdio`]: where the child's standard streams lead |
//! | `child.rs`       | the loop's side of a child: noticing its end, reaping, signals |
//! | `handle.rs`      | [`Process`], [`ProcessHandle`] |
//! | `communicate.rs` | [`Communication`]: feeding a program, and collecting its output |
//! | `output.rs`      | [`CommandOutput`]: running a program to its end |
//! | `subprocess/`    | [`SubprocessProtocol`], [`SubprocessTransport`]: callbacks instead of coroutines |
//!
//! Deliberately absent: a function that runs between fork and exec. It would make a start a hundred times slower in a
//! program with a large heap. To set what [`Command`] has no method for, convert a [`std::process::Command`].
//!
//! Sources: `Lib/asyncio/{subprocess,base_subprocess,unix_events}.py` of CPython 3.13, for behaviour and order.

mod child;
mod command;
mod communicate;
mod handle;
mod output;
mod stdio;
#[cfg(feature = "transport")]
mod subprocess;

pub use self::command::{Command, shell};
pub use self::communicate::{Communicate, Communication};
pub use self::handle::{Process, ProcessHandle};
pub use self::output::CommandOutput;
pub use self::stdio::Stdio;
#[cfg(feature = "transport")]
pub use self::subprocess::{ChildPipe, SubprocessExec, SubprocessProtocol, SubprocessTransport};
