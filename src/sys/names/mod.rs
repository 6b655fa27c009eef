//! Names and addresses: `getaddrinfo(3)`, `getnameinfo(3)`.
//!
//! Both block, for as long as the network likes, unless they are asked for numbers alone.

use core::ffi::{CStr, c_int};
use core::ptr;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use socket2::SockAddr;

mod options;

pub use self::options::{AddrInfo, Family, IpProtocol, LookupErrorKind, LookupFlags, NameFlags, SocketType};

/// What of addresses is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints {
    pub(crate) family: Family,
    pub(crate) socket_type: SocketType,
    pub(crate) protocol: IpProtocol,
    pub(crate) flags: LookupFlags,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One of `EAI_*`.
    pub(crate) code: c_int,
    /// What the system has met, where the code says that it is that.
    pub(crate) error: Option<io::Error>,
}

impl Failure {
    fn of(code: c_int) -> Self {
        // First of all: any other call may change it.
        let error = io::Error::last_os_error();
        Self { code, error: (code == libc::EAI_SYSTEM).then_some(error) }
    }
}

/// The addresses of a host and a service. No host is this machine: every address of it for who listens
/// ([`LookupFlags::PASSIVE`]), else the loopback's.
///
/// # Errors
///
/// As the system says; without host and service as well.
pub(crate) fn getaddrinfo(host: Option<&CStr>, service: Option<&CStr>, hints: Hints) -> Result<Vec<AddrInfo>, Failure> {
    let pointer = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: all zeros is a valid addrinfo: integers, and pointers that are null.
    let mut wanted: libc::addrinfo = unsafe { core::mem::zeroed() };
    wanted.ai_family = hints.family.number();
    wanted.ai_socktype = hints.socket_type.number();
    wanted.ai_protocol = hints.protocol.number();
    wanted.ai_flags = hints.flags.bits();
    let mut list = ptr::null_mut();
    // SAFETY: the texts end in a zero, or are null, which both may be; `wanted` has what hints may have, and null in its
    // pointers; all of them, and `list`, live until the call returns. It may be called by any thread.
    let code = unsafe { libc::getaddrinfo(pointer(host), pointer(service), &raw const wanted, &raw mut list) };
    if code != 0 {
        return Err(Failure::of(code));
    }
    let list = List(list);
    Ok(list.iter().filter_map(found).collect())
}

/// What `getaddrinfo` has made, to be freed.
struct List(*mut libc::addrinfo);

impl List {
    fn iter(&self) -> impl Iterator<Item = &libc::addrinfo> {
        let mut next: *const libc::addrinfo = self.0;
        core::iter::from_fn(move || {
            // SAFETY: `next` is null, or an entry of the list that a successful call has made. Nobody changes that, and it
            // is freed when `self` is dropped, which what is given here does not outlive.
            let entry = unsafe { next.as_ref() }?;
            next = entry.ai_next;
            Some(entry)
        })
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: it is the list of one successful call, whole, and freed once.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

/// `None` for an address that is none of the internet's.
fn found(entry: &libc::addrinfo) -> Option<AddrInfo> {
    let canonical_name = (!entry.ai_canonname.is_null()).then(|| {
        // SAFETY: where it is not null, it is a text that ends in a zero, and lives as long as the entry.
        unsafe { CStr::from_ptr(entry.ai_canonname) }.to_string_lossy().into_owned()
    });
    Some(AddrInfo {
        address: address_of(entry)?,
        socket_type: SocketType::of_number(entry.ai_socktype),
        protocol: IpProtocol::of_number(entry.ai_protocol),
        canonical_name,
    })
}

fn address_of(entry: &libc::addrinfo) -> Option<SocketAddr> {
    let has_room_for = |size: usize| !entry.ai_addr.is_null() && entry.ai_addrlen as usize >= size;
    match entry.ai_family {
        libc::AF_INET if has_room_for(size_of::<libc::sockaddr_in>()) => {
            // SAFETY: `ai_addr` points to as many bytes as an address of this family has, which was just checked; any
            // bytes are a valid one, and it need not be aligned to be read so.
            let raw = unsafe { ptr::read_unaligned(entry.ai_addr.cast::<libc::sockaddr_in>()) };
            // In the order of the network, as it lies in memory.
            let ip = raw.sin_addr.s_addr.to_ne_bytes();
            Some(SocketAddrV4::new(ip.into(), u16::from_be(raw.sin_port)).into())
        }
        libc::AF_INET6 if has_room_for(size_of::<libc::sockaddr_in6>()) => {
            // SAFETY: as above.
            let raw = unsafe { ptr::read_unaligned(entry.ai_addr.cast::<libc::sockaddr_in6>()) };
            let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
            let port = u16::from_be(raw.sin6_port);
            Some(SocketAddrV6::new(ip, port, raw.sin6_flowinfo, raw.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// The names of an address and of its port.
///
/// # Errors
///
/// As the system says.
pub(crate) fn getnameinfo(address: SocketAddr, flags: NameFlags) -> Result<(String, String), Failure> {
    let address = SockAddr::from(address);
    let (mut host, mut service) = ([0u8; MAX_HOST], [0u8; MAX_SERVICE]);
    // SAFETY: `address` is one of the internet's, with its length; both buffers are as long as is said, and all of them
    // live until the call returns. It may be called by any thread.
    let code = unsafe {
        libc::getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            host.as_mut_ptr().cast(),
            host.len() as _,
            service.as_mut_ptr().cast(),
            service.len() as _,
            flags.bits(),
        )
    };
    if code != 0 {
        return Err(Failure::of(code));
    }
    let text = |buffer: &[u8]| CStr::from_bytes_until_nul(buffer).unwrap_or_default().to_string_lossy().into_owned();
    Ok((text(&host), text(&service)))
}

/// `NI_MAXHOST` and `NI_MAXSERV`, which not every system's headers give.
const MAX_HOST: usize = 1025;
const MAX_SERVICE: usize = 32;

/// What the system says of an error of either.
pub(crate) fn error_text(code: c_int) -> String {
    // SAFETY: any number may be asked for.
    let text = unsafe { libc::gai_strerror(code) };
    if text.is_null() {
        return "Unknown error".to_owned();
    }
    // SAFETY: it is a text that ends in a zero, and that nobody changes or frees before it is copied here.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
