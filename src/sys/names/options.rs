//! The options and results of look-ups, as Rust types rather than the system's numbers.

use core::ffi::c_int;
use core::ops::BitOr;
use std::net::SocketAddr;

/// A family of internet addresses. Python's `AF_UNSPEC`, `AF_INET`, `AF_INET6`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    pub(super) const fn number(self) -> c_int {
        match self {
            Self::Any => libc::AF_UNSPEC,
            Self::V4 => libc::AF_INET,
            Self::V6 => libc::AF_INET6,
        }
    }
}

/// A type of socket. Python's `SOCK_STREAM` and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketType {
    /// Any type. A look-up returns every address once for each type.
    #[default]
    Any,
    /// Byte streams: TCP.
    Stream,
    /// Datagrams: UDP.
    Datagram,
    /// Raw packets.
    Raw,
    /// Another type, by the system's number.
    Other(i32),
}

impl SocketType {
    pub(super) const fn number(self) -> c_int {
        match self {
            Self::Any => 0,
            Self::Stream => libc::SOCK_STREAM,
            Self::Datagram => libc::SOCK_DGRAM,
            Self::Raw => libc::SOCK_RAW,
            Self::Other(number) => number,
        }
    }

    pub(super) const fn of_number(number: c_int) -> Self {
        match number {
            0 => Self::Any,
            libc::SOCK_STREAM => Self::Stream,
            libc::SOCK_DGRAM => Self::Datagram,
            libc::SOCK_RAW => Self::Raw,
            number => Self::Other(number),
        }
    }
}

/// A protocol over IP. Python's `IPPROTO_TCP` and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IpProtocol {
    /// The default protocol of the type of socket.
    #[default]
    Any,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Another protocol, by its number (`protocols(5)`).
    Other(i32),
}

impl IpProtocol {
    pub(super) const fn number(self) -> c_int {
        match self {
            Self::Any => 0,
            Self::Tcp => libc::IPPROTO_TCP,
            Self::Udp => libc::IPPROTO_UDP,
            Self::Other(number) => number,
        }
    }

    pub(super) const fn of_number(number: c_int) -> Self {
        match number {
            0 => Self::Any,
            libc::IPPROTO_TCP => Self::Tcp,
            libc::IPPROTO_UDP => Self::Udp,
            number => Self::Other(number),
        }
    }
}

/// Flags for looking up addresses, combined with `|`. Python's `AI_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LookupFlags(c_int);

impl LookupFlags {
    /// The addresses are for listening. If no host is named, they are all addresses of this machine, rather than the
    /// loopback address.
    pub const PASSIVE: Self = Self(libc::AI_PASSIVE);
    /// The first address carries the host's canonical name.
    pub const CANONICAL_NAME: Self = Self(libc::AI_CANONNAME);
    /// The host must be an address. Anything else is an unknown name.
    pub const NUMERIC_HOST: Self = Self(libc::AI_NUMERICHOST);
    /// The service must be a number. Anything else is an unknown name.
    pub const NUMERIC_SERVICE: Self = Self(libc::AI_NUMERICSERV);
    /// Return only addresses of a family in which this machine has an address other than the loopback address.
    pub const ADDRESS_CONFIG: Self = Self(libc::AI_ADDRCONFIG);
    /// If IPv6 is asked for and there is none, return IPv4 addresses mapped to IPv6. Not every system supports it.
    #[cfg(not(any(target_os = "netbsd", target_os = "openbsd")))]
    pub const V4_MAPPED: Self = Self(libc::AI_V4MAPPED);
    /// With [`V4_MAPPED`](Self::V4_MAPPED): return mapped addresses even if there are others.
    #[cfg(not(any(target_os = "netbsd", target_os = "openbsd")))]
    pub const ALL: Self = Self(libc::AI_ALL);

    /// Returns `true` if all of `those` flags are set.
    pub const fn contains(self, those: Self) -> bool {
        self.0 & those.0 == those.0
    }

    pub(super) const fn bits(self) -> c_int {
        self.0
    }
}

impl BitOr for LookupFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Flags for looking up names, combined with `|`. Python's `NI_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NameFlags(c_int);

impl NameFlags {
    /// Return the address instead of a name.
    pub const NUMERIC_HOST: Self = Self(libc::NI_NUMERICHOST);
    /// Return the port instead of a service's name.
    pub const NUMERIC_SERVICE: Self = Self(libc::NI_NUMERICSERV);
    /// Fail if the address has no name, instead of returning the address.
    pub const NAME_REQUIRED: Self = Self(libc::NI_NAMEREQD);
    /// The port is used by datagrams.
    pub const DATAGRAM: Self = Self(libc::NI_DGRAM);
    /// Return the names of hosts in this machine's own domain without the domain.
    pub const NO_DOMAIN: Self = Self(libc::NI_NOFQDN);

    /// Returns `true` if all of `those` flags are set.
    pub const fn contains(self, those: Self) -> bool {
        self.0 & those.0 == those.0
    }

    pub(super) const fn bits(self) -> c_int {
        self.0
    }
}

impl BitOr for NameFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A result of a look-up: an address, and the kind of socket it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AddrInfo {
    /// The address, with its port.
    pub address: SocketAddr,
    /// The type of socket.
    pub socket_type: SocketType,
    /// The protocol.
    pub protocol: IpProtocol,
    /// The host's canonical name. Only the first address has one, and only with [`LookupFlags::CANONICAL_NAME`].
    pub canonical_name: Option<String>,
}

impl AddrInfo {
    /// Creates an answer for a resolver of your own. Set [`canonical_name`](Self::canonical_name) afterwards, if it was
    /// asked for.
    pub const fn new(address: SocketAddr, socket_type: SocketType, protocol: IpProtocol) -> Self {
        Self { address, socket_type, protocol, canonical_name: None }
    }
}

/// The reason why a look-up failed. Python's `EAI_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupErrorKind {
    /// The name is unknown, or has no addresses of that kind.
    Unknown,
    /// The server did not answer. It may answer later.
    TryAgain,
    /// The server refuses to answer.
    Failed,
    /// The name has no addresses of that family, or there is no such family.
    Family,
    /// The service is unknown for that type of socket.
    Service,
    /// There is no such type of socket, or it does not have that protocol.
    SocketType,
    /// The flags contradict each other.
    Flags,
    /// There is not enough memory.
    Memory,
    /// Another error of the system.
    System,
    /// An error that is not in this list.
    Other,
}

impl LookupErrorKind {
    pub(crate) const fn of_number(code: c_int) -> Self {
        match code {
            libc::EAI_NONAME | NO_DATA => Self::Unknown,
            libc::EAI_AGAIN => Self::TryAgain,
            libc::EAI_FAIL => Self::Failed,
            libc::EAI_FAMILY | ADDRESS_FAMILY => Self::Family,
            libc::EAI_SERVICE => Self::Service,
            libc::EAI_SOCKTYPE => Self::SocketType,
            libc::EAI_BADFLAGS => Self::Flags,
            libc::EAI_MEMORY => Self::Memory,
            libc::EAI_SYSTEM => Self::System,
            _ => Self::Other,
        }
    }

    /// The number that usually has this kind. Used to look up the text.
    pub(crate) const fn number(self) -> Option<c_int> {
        match self {
            Self::Unknown => Some(libc::EAI_NONAME),
            Self::TryAgain => Some(libc::EAI_AGAIN),
            Self::Failed => Some(libc::EAI_FAIL),
            Self::Family => Some(libc::EAI_FAMILY),
            Self::Service => Some(libc::EAI_SERVICE),
            Self::SocketType => Some(libc::EAI_SOCKTYPE),
            Self::Flags => Some(libc::EAI_BADFLAGS),
            Self::Memory => Some(libc::EAI_MEMORY),
            Self::System => Some(libc::EAI_SYSTEM),
            Self::Other => None,
        }
    }
}

/// `EAI_NODATA` and `EAI_ADDRFAMILY`. POSIX does not have them, but glibc still returns them. Other systems use other
/// numbers.
#[cfg(any(target_os = "linux", target_os = "openbsd"))]
const NO_DATA: c_int = -5;
#[cfg(any(target_os = "linux", target_os = "openbsd"))]
const ADDRESS_FAMILY: c_int = -9;
#[cfg(not(any(target_os = "linux", target_os = "openbsd")))]
const NO_DATA: c_int = 7;
#[cfg(not(any(target_os = "linux", target_os = "openbsd")))]
const ADDRESS_FAMILY: c_int = 1;
