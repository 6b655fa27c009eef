//! Why a read has not given what was asked for.

use core::error::Error;
use core::fmt;

/// The stream has ended before all that was asked for had come. asyncio's `IncompleteReadError`.
///
/// ```
/// use innermost::stream::{IncompleteReadError, StreamReader};
/// use innermost::EventLoop;
///
/// let reader = StreamReader::new();
/// reader.feed_data(b"abc")?;
/// reader.feed_eof();
/// let raised = EventLoop::new()?.run_until_complete(reader.read_exactly(5)).unwrap_err();
/// let error = raised.downcast::<IncompleteReadError>()?;
/// assert_eq!((error.partial, error.expected), (b"abc".to_vec(), Some(5)));
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IncompleteReadError {
    /// What had come. It is read.
    pub partial: Vec<u8>,
    /// How many bytes were asked for; `None` where they were to end with a separator.
    pub expected: Option<usize>,
}

impl fmt::Display for IncompleteReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.partial.len();
        match self.expected {
            Some(expected) => write!(f, "{count} bytes read on a total of {expected} expected bytes"),
            None => write!(f, "{count} bytes read, and the stream has ended before a separator"),
        }
    }
}

impl Error for IncompleteReadError {}

/// No separator was found as far as the limit allows. Nothing is read: raise the limit and go on, or read on by other
/// means. asyncio's `LimitOverrunError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitOverrunError {
    /// How many bytes have come that belong to no separator: so many can be read away.
    pub consumed: usize,
    /// Whether a separator follows these.
    pub found: bool,
}

impl fmt::Display for LimitOverrunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.found {
            true => "Separator is found, but chunk is longer than limit",
            false => "Separator is not found, and chunk exceed the limit",
        })
    }
}

impl Error for LimitOverrunError {}
