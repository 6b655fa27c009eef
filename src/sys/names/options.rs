//! What can be asked of look-ups, and what they give, in words rather than numbers.

use core::ffi::c_int;
use core::ops::BitOr;
use std::net::SocketAddr;

/// Addresses of which protocol of the internet. Python's `AF_UNSPEC`, `AF_INET`, `AF_INET6`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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

/// Addresses for what sort of socket. Python's `SOCK_STREAM` and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SocketType {
    /// Each: every address comes once for each sort of socket.
    #[default]
    Any,
    /// Byte streams: TCP.
    Stream,
    /// Datagrams: UDP.
    Datagram,
    /// Packets as they are.
    Raw,
    /// Another one, by the system's number.
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

/// Addresses for which protocol. Python's `IPPROTO_TCP` and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Whichever the sort of socket has.
    #[default]
    Any,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Another one, by its number (`protocols(5)`).
    Other(i32),
}

impl Protocol {
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

/// How addresses are looked up; joined by `|`. Python's `AI_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LookupFlags(c_int);

impl LookupFlags {
    /// To listen at: no host is every address of this machine, rather than the loopback's.
    pub const PASSIVE: Self = Self(libc::AI_PASSIVE);
    /// The first address comes with the host's canonical name.
    pub const CANONICAL_NAME: Self = Self(libc::AI_CANONNAME);
    /// The host is an address: anything else is an unknown name.
    pub const NUMERIC_HOST: Self = Self(libc::AI_NUMERICHOST);
    /// The service is a number: anything else is an unknown name.
    pub const NUMERIC_SERVICE: Self = Self(libc::AI_NUMERICSERV);
    /// Only addresses of families of which this machine has one itself, the loopback's aside.
    pub const ADDRESS_CONFIG: Self = Self(libc::AI_ADDRCONFIG);
    /// Where IPv6 is wanted and there is none, IPv4 in the shape of IPv6. Not every system has that.
    #[cfg(not(any(target_os = "netbsd", target_os = "openbsd")))]
    pub const V4_MAPPED: Self = Self(libc::AI_V4MAPPED);
    /// With [`V4_MAPPED`](Self::V4_MAPPED): those as well.
    #[cfg(not(any(target_os = "netbsd", target_os = "openbsd")))]
    pub const ALL: Self = Self(libc::AI_ALL);

    /// Whether all of those are among these.
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

/// How names are looked up; joined by `|`. Python's `NI_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NameFlags(c_int);

impl NameFlags {
    /// The address itself, in place of its name.
    pub const NUMERIC_HOST: Self = Self(libc::NI_NUMERICHOST);
    /// The port itself, in place of its name.
    pub const NUMERIC_SERVICE: Self = Self(libc::NI_NUMERICSERV);
    /// An address without a name is an error, rather than its own name.
    pub const NAME_REQUIRED: Self = Self(libc::NI_NAMEREQD);
    /// The port is one for datagrams.
    pub const DATAGRAM: Self = Self(libc::NI_DGRAM);
    /// Of hosts of this machine's own domain, the name without that.
    pub const NO_DOMAIN: Self = Self(libc::NI_NOFQDN);

    /// Whether all of those are among these.
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

/// An address that was found, and for what socket it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddrInfo {
    /// The address, with its port.
    pub address: SocketAddr,
    /// For what sort of socket.
    pub socket_type: SocketType,
    /// For which protocol.
    pub protocol: Protocol,
    /// The host's own name, with the first address, where it was asked for ([`LookupFlags::CANONICAL_NAME`]).
    pub canonical_name: Option<String>,
}

/// Why a look-up has failed. Python's `EAI_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupErrorKind {
    /// Nobody knows that name, or it has no addresses of that sort.
    Unknown,
    /// Whoever was asked has not answered: it may later.
    TryAgain,
    /// Whoever was asked refuses to answer.
    Failed,
    /// The name has no addresses of that family, or there is no such family.
    Family,
    /// The service is not known for that sort of socket.
    Service,
    /// There is no such sort of socket, or it does not have that protocol.
    SocketType,
    /// The flags contradict each other.
    Flags,
    /// No memory.
    Memory,
    /// The system has met an error of another sort.
    System,
    /// Something that this list does not have.
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

    /// The number of which this is the usual kind, for its text.
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

/// `EAI_NODATA` and `EAI_ADDRFAMILY`, which POSIX does not have: glibc still gives them, and other systems give other numbers.
#[cfg(any(target_os = "linux", target_os = "openbsd"))]
const NO_DATA: c_int = -5;
#[cfg(any(target_os = "linux", target_os = "openbsd"))]
const ADDRESS_FAMILY: c_int = -9;
#[cfg(not(any(target_os = "linux", target_os = "openbsd")))]
const NO_DATA: c_int = 7;
#[cfg(not(any(target_os = "linux", target_os = "openbsd")))]
const ADDRESS_FAMILY: c_int = 1;
