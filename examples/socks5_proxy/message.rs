//! The messages of SOCKS5 (RFC 1928), and of its login with a password (RFC 1929).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A way to log in.
pub(crate) mod method {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const PASSWORD: u8 = 2;
    /// The answer if the client offers nothing acceptable.
    pub(crate) const UNACCEPTABLE: u8 = 0xff;
}

/// The only command that this proxy supports.
pub(crate) const CONNECT: u8 = 1;

/// The answer to a login. Whatever is not zero is a refusal.
pub(crate) const LOGGED_IN: [u8; 2] = [1, 0];
pub(crate) const NOT_LOGGED_IN: [u8; 2] = [1, 1];

/// Where a client wants to be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Address(SocketAddr),
    /// A host, of which only the length has been checked, and a port.
    Name(String, u16),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) command: u8,
    pub(crate) target: Target,
}

/// Why a message is invalid, whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Version,
    AddressType,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "this is not SOCKS5",
            Self::AddressType => "no such type of address",
        })
    }
}

impl std::error::Error for Broken {}

/// A message and its length, or `None` until all of it has come.
pub(crate) type Parsed<T> = Result<Option<(T, usize)>, Broken>;

/// The client's first message: the ways to log in that it offers.
pub(crate) fn greeting(bytes: &[u8]) -> Parsed<Vec<u8>> {
    check_version(bytes, 5)?;
    Ok(counted(bytes, 1).map(|(methods, end)| (methods.to_vec(), end)))
}

/// A user and a password.
pub(crate) fn login(bytes: &[u8]) -> Parsed<(Vec<u8>, Vec<u8>)> {
    check_version(bytes, 1)?;
    let Some((user, end)) = counted(bytes, 1) else { return Ok(None) };
    Ok(counted(bytes, end).map(|(password, end)| ((user.to_vec(), password.to_vec()), end)))
}

pub(crate) fn request(bytes: &[u8]) -> Parsed<Request> {
    check_version(bytes, 5)?;
    let Some(&[_, command, _, address_type]) = bytes.first_chunk() else { return Ok(None) };
    let host = match address_type {
        1 => array::<4>(bytes, 4).map(|(address, end)| (Ok(IpAddr::from(address)), end)),
        4 => array::<16>(bytes, 4).map(|(address, end)| (Ok(IpAddr::from(address)), end)),
        // A resolver refuses a host that is no name.
        3 => counted(bytes, 4).map(|(name, end)| (Err(String::from_utf8_lossy(name).into_owned()), end)),
        _ => return Err(Broken::AddressType),
    };
    let Some((host, end)) = host else { return Ok(None) };
    Ok(array(bytes, end).map(|(port, end)| {
        let port = u16::from_be_bytes(port);
        let target = match host {
            Ok(address) => Target::Address((address, port).into()),
            Err(name) => Target::Name(name, port),
        };
        (Request { command, target }, end)
    }))
}

fn check_version(bytes: &[u8], version: u8) -> Result<(), Broken> {
    if bytes.first().is_some_and(|first| *first != version) { Err(Broken::Version) } else { Ok(()) }
}

/// The bytes of a field whose length is the byte at `start`, and where they end.
fn counted(bytes: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let end = start + 1 + usize::from(*bytes.get(start)?);
    Some((bytes.get(start + 1..end)?, end))
}

/// `N` bytes from `start` on, and where they end.
fn array<const N: usize>(bytes: &[u8], start: usize) -> Option<([u8; N], usize)> {
    Some((*bytes.get(start..)?.first_chunk()?, start + N))
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Succeeded = 0,
    Failure = 1,
    NotAllowed = 2,
    NetworkUnreachable = 3,
    HostUnreachable = 4,
    Refused = 5,
    Expired = 6,
    CommandNotSupported = 7,
    AddressTypeNotSupported = 8,
}

impl Reply {
    /// The reply as it is sent. `bound` is this end's address of the connection.
    pub(crate) fn message(self, bound: SocketAddr) -> Vec<u8> {
        let mut message = vec![5, self as u8, 0];
        match bound.ip() {
            IpAddr::V4(address) => {
                message.push(1);
                message.extend(address.octets());
            }
            IpAddr::V6(address) => {
                message.push(4);
                message.extend(address.octets());
            }
        }
        message.extend(bound.port().to_be_bytes());
        message
    }

    /// The reply to a request that has failed. There is no connection, and so no address.
    pub(crate) fn refusal(self) -> Vec<u8> {
        self.message((Ipv4Addr::UNSPECIFIED, 0).into())
    }
}
