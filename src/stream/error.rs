//! Errors of reads that could not return what was asked for.

use core::error::Error;
use core::fmt;

/// The stream ended before everything asked for had arrived. asyncio's `IncompleteReadError`.
///
/// ```
/// use innermost::stream::{IncompleteReadError, StreamReader};
/// use innermost::EventLoop;
///
/// let reader = StreamReader::new();
/// reader.feed_data(b"abc")?;
/// reader.feed_eof();
/// let raised = EventLoop::new()?.run_until_complete(reader.read_exact(5)).unwrap_err();
/// let error = raised.downcast::<IncompleteReadError>()?;
/// assert_eq!((error.partial, error.expected), (b"abc".to_vec(), Some(5)));
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IncompleteReadError {
    /// The bytes that had arrived. They have been read.
    pub partial: Vec<u8>,
    /// The number of bytes asked for. `None` if a separator was asked for.
    pub expected: Option<usize>,
}

impl fmt::Display for IncompleteReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.partial.len();
        match self.expected {
            Some(expected) => write!(f, "{count} bytes read on a total of {expected} expected bytes"),
            None => write!(f, "{count} bytes read, and the stream ended before a separator"),
        }
    }
}

impl Error for IncompleteReadError {}

/// No separator was found within the limit. Nothing has been read: raise the limit and try again, or use another read.
/// asyncio's `LimitOverrunError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitOverrunError {
    /// The number of bytes that belong to no separator. They can be read safely.
    pub consumed: usize,
    /// True if a separator follows them.
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
