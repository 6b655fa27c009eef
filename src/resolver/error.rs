//! [`LookupError`]: the failure of a look-up.

use core::error::Error;
use core::fmt;
use std::io;

use crate::sys::names::{Failure, LookupErrorKind, error_text};

/// The error of a look-up that failed. Python's `socket.gaierror`.
///
/// ```
/// use innermost::resolver::{LookupError, LookupErrorKind};
///
/// let error = LookupError::new(LookupErrorKind::Unknown, "www.example.invalid");
/// assert_eq!(error.kind(), LookupErrorKind::Unknown);
/// assert_eq!(error.to_string(), "cannot look up www.example.invalid: Name or service not known");
/// ```
#[derive(Debug)]
pub struct LookupError {
    kind: LookupErrorKind,
    name: String,
    text: String,
    error: Option<io::Error>,
}

impl LookupError {
    /// Makes an error for a resolver of your own. `name` is the name that was asked for. The text is the system's text for that
    /// kind.
    pub fn new(kind: LookupErrorKind, name: impl Into<String>) -> Self {
        let text = kind.number().map_or_else(|| "Unknown error".to_owned(), error_text);
        Self { kind, name: name.into(), text, error: None }
    }

    pub(super) fn of(failure: Failure, name: String) -> Self {
        let kind = LookupErrorKind::of_number(failure.code);
        Self { kind, name, text: error_text(failure.code), error: failure.error }
    }

    /// The reason of the failure.
    pub const fn kind(&self) -> LookupErrorKind {
        self.kind
    }

    /// The name or address that was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Error for LookupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot look up {}: {}", self.name, self.text)?;
        self.error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
    }
}
