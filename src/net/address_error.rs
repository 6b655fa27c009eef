//! [`AddressError`]: an error of the system, and the address it is about.

use core::error::Error;
use core::fmt;
use std::io;

use crate::coroutine::Exception;

/// An operation on an address that the system refused, and the reason.
///
/// It is the inner error of an [`io::Error`] of the same kind, which has no field for an address. [`of`](Self::of) finds it.
///
/// ```
/// use innermost::net::AddressError;
/// use innermost::TcpListener;
/// use std::io::ErrorKind;
///
/// let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
/// let address = listener.local_addr()?;
/// let error = TcpListener::bind(address).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::AddrInUse);
/// assert!(error.to_string().starts_with(&format!("cannot bind to {address}: ")));
///
/// let at = AddressError::of(&error).unwrap();
/// assert_eq!(at.address(), address.to_string());
/// assert!(at.error().raw_os_error().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AddressError {
    operation: &'static str,
    address: String,
    error: io::Error,
}

impl AddressError {
    /// Returns a function for `map_err`. `operation` completes "cannot", for example "bind to".
    pub(crate) fn at(operation: &'static str, address: impl fmt::Display) -> impl FnOnce(io::Error) -> io::Error {
        move |error| io::Error::new(error.kind(), Self { operation, address: address.to_string(), error })
    }

    /// Adds the operation and the address to an error of the system. Leaves other exceptions alone.
    #[cold]
    pub(crate) fn of_raised(raised: Exception, operation: &'static str, address: impl fmt::Display) -> Exception {
        match raised.downcast::<io::Error>() {
            Ok(error) => Self::at(operation, address)(error).into(),
            Err(raised) => raised,
        }
    }

    /// The address error inside `error`, if there is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// The address, or the path of a Unix socket, as text.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The system's error.
    pub const fn error(&self) -> &io::Error {
        &self.error
    }
}

impl Error for AddressError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.operation, self.address, self.error)
    }
}
