//! Python's exceptions on top of the engine's.
//!
//! A script raises `KeyError(7)`: an [`Exception`] that carries a [`PyError`]. `CancelledError(7)` and `TimeoutError(7)`
//! carry one too, but have the kinds of those names, because the engine has rules for them. An exception without a
//! [`PyError`] was made by the engine.

use std::error::Error;
use std::fmt;

use innermost::queue::QueueShutDown;
use innermost::wait::ExceptionGroup;
use innermost::{Exception, Kind};
use serde_json::{Value, json};

/// An exception of a script: the name of a Python exception, and a number that distinguishes it.
#[derive(Clone, Debug)]
struct PyError {
    kind: &'static str,
    number: i64,
}

impl fmt::Display for PyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.kind, self.number)
    }
}

impl Error for PyError {}

/// `kind(number)`, ready to be raised.
pub(super) fn exception(kind: &str, number: i64) -> Exception {
    let (kind, name) = match kind {
        "CancelledError" => (Kind::CancelledError, "CancelledError"),
        "TimeoutError" => (Kind::TimeoutError, "TimeoutError"),
        "ValueError" => (Kind::Error, "ValueError"),
        "KeyError" => (Kind::Error, "KeyError"),
        _ => panic!("no such exception: {kind}"),
    };
    Exception::of(kind, PyError { kind: name, number })
}

/// Whether `except kind` catches it.
pub(super) fn is_caught_by(raised: &Exception, kind: &str) -> bool {
    match kind {
        "BaseException" => true,
        "Exception" => !raised.is_generator_exit() && !raised.is_cancelled(),
        kind => name(raised) == kind,
    }
}

/// The exception as the recorder writes it.
pub(super) fn describe(raised: &Exception) -> Value {
    match raised.downcast_ref::<ExceptionGroup>() {
        Some(group) => json!(["ExceptionGroup", group.exceptions().iter().map(describe).collect::<Vec<_>>()]),
        None => json!([name(raised), number(raised)]),
    }
}

/// The number passed to a cancel is its message, as text.
fn number(raised: &Exception) -> Option<i64> {
    match raised.downcast_ref::<PyError>() {
        Some(error) => Some(error.number),
        None => raised.to_string().parse().ok().filter(|_| raised.is_cancelled()),
    }
}

fn name(raised: &Exception) -> String {
    match raised.downcast_ref::<PyError>() {
        Some(error) => error.kind.to_owned(),
        None if raised.downcast_ref::<ExceptionGroup>().is_some() => "ExceptionGroup".to_owned(),
        None if raised.downcast_ref::<QueueShutDown>().is_some() => "QueueShutDown".to_owned(),
        None => format!("{:?}", raised.kind()),
    }
}
