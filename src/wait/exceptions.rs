//! [`ExceptionGroup`]: several exceptions that are raised as one.

use core::error::Error;
use core::fmt;
use std::borrow::Cow;

use crate::coroutine::{Exception, Printing};

/// An error that holds several exceptions, such as those of a [`TaskGroup`](super::TaskGroup). Python's
/// `ExceptionGroup`.
///
/// Convert a group into an exception with [`Exception::new`] or `?`, and get it back with [`Exception::downcast_ref`].
/// Groups can contain groups.
///
/// ```
/// use innermost::{Exception, Kind, wait::ExceptionGroup};
///
/// let timeout = Exception::timeout();
/// let raised = Exception::new(ExceptionGroup::new("two of three", [timeout, "x".parse::<u32>().unwrap_err().into()]));
/// let group = raised.downcast_ref::<ExceptionGroup>().expect("it was made from one");
/// assert_eq!(group.exceptions()[0].kind(), Kind::TimeoutError);
/// assert_eq!(raised.to_string(), "two of three (2 sub-exceptions)");
/// assert_eq!(format!("{raised:?}"), "two of three (2 sub-exceptions): [TimeoutError, invalid digit found in string]");
/// ```
#[derive(Clone)]
pub struct ExceptionGroup {
    message: Cow<'static, str>,
    exceptions: Vec<Exception>,
}

impl ExceptionGroup {
    /// Creates a group of exceptions, in this order.
    ///
    /// # Panics
    ///
    /// Panics if there are no exceptions.
    pub fn new(message: impl Into<Cow<'static, str>>, exceptions: impl IntoIterator<Item = Exception>) -> Self {
        let exceptions: Vec<_> = exceptions.into_iter().collect();
        assert!(!exceptions.is_empty(), "an ExceptionGroup needs at least one exception");
        Self { message: message.into(), exceptions }
    }

    /// Returns the message that describes the group.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the exceptions, in order.
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// Moves the exceptions out, in order.
    pub fn into_exceptions(self) -> Vec<Exception> {
        self.exceptions
    }
}

impl Error for ExceptionGroup {}

impl fmt::Display for ExceptionGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.exceptions.len() == 1 { "" } else { "s" };
        write!(f, "{} ({} sub-exception{plural})", self.message, self.exceptions.len())?;
        if f.alternate() { write!(f, ": {:?}", Listed(&self.exceptions)) } else { Ok(()) }
    }
}

impl fmt::Debug for ExceptionGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Printing::begin() {
            Some(_printing) => {
                f.debug_tuple("ExceptionGroup").field(&self.message).field(&Listed(&self.exceptions)).finish()
            }
            None => f.write_str("..."),
        }
    }
}

/// Prints as many exceptions as there is room for.
struct Listed<'a>(&'a [Exception]);

impl fmt::Debug for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for (number, exception) in self.0.iter().enumerate() {
            if !Printing::has_room() {
                list.entry(&format_args!("... {} more ...", self.0.len() - number));
                break;
            }
            list.entry(exception);
        }
        list.finish()
    }
}
