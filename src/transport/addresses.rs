//! Where to connect, or listen.

use std::net::{IpAddr, SocketAddr};
use std::vec;
use std::vec::Vec;

/// Addresses to connect to, or to listen at, in the order in which they are tried.
///
/// ```
/// use innermost::Addresses;
/// use std::net::SocketAddr;
///
/// let one = SocketAddr::from(([127, 0, 0, 1], 80));
/// assert_eq!(Addresses::from(([127, 0, 0, 1], 80)), Addresses::from(one));
/// assert_eq!(Addresses::from(vec![one, one]).iter().count(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses(Vec<SocketAddr>);

impl Addresses {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.0.iter().copied()
    }
}

impl From<SocketAddr> for Addresses {
    fn from(address: SocketAddr) -> Self {
        Self(vec![address])
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Addresses {
    fn from(address: (I, u16)) -> Self {
        Self(vec![address.into()])
    }
}

impl From<Vec<SocketAddr>> for Addresses {
    fn from(addresses: Vec<SocketAddr>) -> Self {
        Self(addresses)
    }
}

impl From<&[SocketAddr]> for Addresses {
    fn from(addresses: &[SocketAddr]) -> Self {
        Self(addresses.to_vec())
    }
}
