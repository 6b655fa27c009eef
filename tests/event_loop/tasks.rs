//! The rules of tasks, one test each: T1 to T26, as CPython 3.13 implements them.
//!
//! A comment above a test cites its rule. T12 is tested in `timeouts.rs`, T20 in `context.rs`, and T23 to T25 in `eager.rs`.
//! C3 to C5 are rules of coroutines that tasks run. Lists that begin with numbers were recorded from CPython 3.13, where a
//! callback that queues itself again counts the turns. The program is above the test. These cannot arise here:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | T13 | a traceback shows where it was suspended | there are no tracebacks; `stack_trace` shows it beforehand |
//! | T16 | yielding something that cannot be awaited | the types forbid it |
//! | T18 | `SystemExit` | `main` returns an `ExitCode`, and `process::exit` ends the process at once |
//! | T19 | a pending task is dropped with its last reference | the loop keeps it; it is reported when the loop is closed |
//! | T21 | `_enter_task`, `_leave_task` | they are not public |
//! | T22 | passing something other than a coroutine | the types forbid it |

mod bodies;
mod cancel;
mod cancel_twice;
mod chains;
mod closing;
mod inspection;
mod interrupts;
mod many;
mod owned;
mod panics;
mod steps;
