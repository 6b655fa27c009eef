//! A note for errors: which operation failed on which path.

use core::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::coroutine::Exception;

/// An operation and the paths that it was for. The text is built only if somebody reads the note.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) operation: &'static str,
    pub(super) path: Arc<Path>,
    pub(super) other: Option<Arc<Path>>,
}

impl Place {
    pub(super) fn new(operation: &'static str, path: &Path) -> Self {
        Self { operation, path: path.into(), other: None }
    }

    /// For an operation that leads from one path to another.
    pub(super) fn from_to(operation: &'static str, path: &Path, other: &Path) -> Self {
        Self { operation, path: path.into(), other: Some(other.into()) }
    }

    /// Makes an exception of an error. It keeps the error whole.
    #[cold]
    pub(super) fn raise(&self, error: io::Error) -> Exception {
        Exception::from(error).with_note(self.clone())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.operation, self.path)?;
        match &self.other {
            Some(other) => write!(f, " to {other:?}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
