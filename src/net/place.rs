//! A note for errors: which operation failed on which descriptor.

use core::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use socket2::{SockAddr, SockRef};

use crate::coroutine::Exception;

/// Adds the operation and the descriptor to an error of the system. Leaves other exceptions alone.
#[cold]
pub(super) fn at(raised: Exception, operation: &'static str, fd: BorrowedFd<'_>) -> Exception {
    if raised.downcast_ref::<io::Error>().is_none() {
        return raised;
    }
    raised.with_note(Place::of(fd, operation))
}

/// An operation, a descriptor, and the address it leads to.
///
/// The address is looked up at once, because the descriptor may be closed when somebody reads the note. The text is built
/// only then: a busy server sees resets all day and prints few of them.
struct Place {
    operation: &'static str,
    fd: RawFd,
    end: End,
}

/// The address that a descriptor still knows. A connection that was reset no longer knows its peer.
enum End {
    Peer(SockAddr),
    Here(SockAddr),
    Unknown,
}

impl Place {
    fn of(fd: BorrowedFd<'_>, operation: &'static str) -> Self {
        let socket = SockRef::from(&fd);
        let named = |address: &SockAddr| address.as_socket().is_some() || address.as_pathname().is_some();
        let peer = socket.peer_addr().ok().filter(named).map(End::Peer);
        let end = peer.or_else(|| socket.local_addr().ok().filter(named).map(End::Here));
        Self { operation, fd: fd.as_raw_fd(), end: end.unwrap_or(End::Unknown) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: fd {}", self.operation, self.fd)?;
        let (what, address) = match &self.end {
            End::Peer(address) => ("peer", address),
            End::Here(address) => ("at", address),
            End::Unknown => return Ok(()),
        };
        match (address.as_socket(), address.as_pathname()) {
            (Some(address), _) => write!(f, ", {what} {address}"),
            (None, Some(path)) => write!(f, ", {what} {}", path.display()),
            (None, None) => Ok(()),
        }
    }
}
