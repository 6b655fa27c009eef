//! The exceptions that report a broken rule of generators, in CPython's words.
//!
//! Every way to drive a coroutine raises the same ones, so they are built here, below all of them.
//!
//! Sources: PEP 342 (a generator may not yield when it is closed), PEP 479 (`StopIteration` inside a generator).

use super::{Exception, Kind};

/// Raised where a coroutine yields when it is closed.
#[cold]
pub(super) fn exit_ignored() -> Exception {
    Exception::message(Kind::RuntimeError, "generator ignored GeneratorExit")
}

/// Converts the exception a coroutine ends with. A `StopIteration` that leaks out of a body would look like its normal
/// end, so it becomes a `RuntimeError` with the `StopIteration` as its cause.
#[doc(hidden)]
#[cold]
pub fn without_stop_iteration(raised: Exception) -> Exception {
    match raised.kind() {
        Kind::StopIteration => Exception::caused_by(Kind::RuntimeError, "generator raised StopIteration", raised),
        _ => raised,
    }
}
