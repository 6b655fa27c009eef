//! Python's exceptions on top of the engine's.
//!
//! A script raises `KeyError(7)`: an [`Exception`] that carries a [`PyError`]. `GeneratorExit(7)` and `StopIteration(7)`
//! carry one too, but have the kinds of those names, because the engine has rules for them. An exception without a
//! [`PyError`] was made by the engine.

use std::error::Error;
use std::fmt;
use std::rc::Rc;

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
pub(super) fn exception(kind: &Rc<str>, number: i64) -> Exception {
    let (kind, name) = match &**kind {
        "GeneratorExit" => (Kind::GeneratorExit, "GeneratorExit"),
        "StopIteration" => (Kind::StopIteration, "StopIteration"),
        "ValueError" => (Kind::Error, "ValueError"),
        "KeyError" => (Kind::Error, "KeyError"),
        "RuntimeError" => (Kind::Error, "RuntimeError"),
        _ => panic!("no such exception: {kind}"),
    };
    Exception::of(kind, PyError { kind: name, number })
}

/// Whether `except kind` catches it.
pub(super) fn is_caught_by(raised: &Exception, kind: &str) -> bool {
    match kind {
        "BaseException" => true,
        "Exception" => !raised.is_generator_exit(),
        kind => name(raised) == kind,
    }
}

/// The exception as the recorder writes it.
pub(super) fn describe(raised: &Exception) -> Value {
    match (number(raised), raised.kind()) {
        (Some(number), _) => json!([name(raised), number]),
        (None, Kind::GeneratorExit | Kind::StopIteration) => json!([name(raised), null]),
        (None, _) => json!([name(raised), null, raised.to_string()]),
    }
}

/// The number that a script gave it.
pub(super) fn number(raised: &Exception) -> Option<i64> {
    raised.downcast_ref::<PyError>().map(|error| error.number)
}

fn name(raised: &Exception) -> String {
    raised.downcast_ref::<PyError>().map_or_else(|| format!("{:?}", raised.kind()), |error| error.kind.to_owned())
}
