//! `getaddrinfo(3)` and `getnameinfo(3)`: looking up names and addresses.
//!
//! Both calls block until the network answers, unless they are asked for numbers only.

use core::ffi::{CStr, c_int};
use core::ptr;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use socket2::SockAddr;

mod options;

pub use self::options::{AddrInfo, Family, IpProtocol, LookupErrorKind, LookupFlags, NameFlags, SocketType};

/// The addresses that are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints {
    pub(crate) family: Family,
    pub(crate) socket_type: SocketType,
    pub(crate) protocol: IpProtocol,
    pub(crate) flags: LookupFlags,
}

/// The reason why a look-up failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One of `EAI_*`.
    pub(crate) code: c_int,
    /// The system's error, if the code is `EAI_SYSTEM`.
    pub(crate) error: Option<io::Error>,
}

impl Failure {
    fn of(code: c_int) -> Self {
        // Read first, because any other call may change it.
        let error = io::Error::last_os_error();
        Self { code, error: (code == libc::EAI_SYSTEM).then_some(error) }
    }
}

/// Looks up the addresses of a host and a service. No host means this machine: all of its addresses for listening
/// ([`LookupFlags::PASSIVE`]), or else the loopback address.
///
/// # Errors
///
/// The errors of `getaddrinfo(3)`. It also fails if there is neither a host nor a service.
pub(crate) fn getaddrinfo(host: Option<&CStr>, service: Option<&CStr>, hints: Hints) -> Result<Vec<AddrInfo>, Failure> {
    let pointer = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: all zeros is a valid addrinfo: it has integers, and pointers that are null.
    let mut wanted: libc::addrinfo = unsafe { core::mem::zeroed() };
    wanted.ai_family = hints.family.number();
    wanted.ai_socktype = hints.socket_type.number();
    wanted.ai_protocol = hints.protocol.number();
    wanted.ai_flags = hints.flags.bits();
    let mut list = ptr::null_mut();
    // SAFETY: host and service end with a zero byte or are null, which is allowed for both. `wanted` has only the
    // fields that hints may set, and null pointers. All of these, and `list`, live until the call returns. The function
    // is thread-safe.
    let code = unsafe { libc::getaddrinfo(pointer(host), pointer(service), &raw const wanted, &raw mut list) };
    if code != 0 {
        return Err(Failure::of(code));
    }
    let list = List(list);
    Ok(list.iter().filter_map(found).collect())
}

/// A list that `getaddrinfo` allocated. Freed when this is dropped.
struct List(*mut libc::addrinfo);

impl List {
    fn iter(&self) -> impl Iterator<Item = &libc::addrinfo> {
        let mut next: *const libc::addrinfo = self.0;
        core::iter::from_fn(move || {
            // SAFETY: `next` is null, or an entry of the list that a successful call has allocated. Nobody changes the
            // list. It is freed when `self` is dropped, and the returned references do not outlive `self`.
            let entry = unsafe { next.as_ref() }?;
            next = entry.ai_next;
            Some(entry)
        })
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: this is the whole list of one successful call, and it is freed once.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

/// Converts an entry. Returns `None` for an address that is not an internet address.
fn found(entry: &libc::addrinfo) -> Option<AddrInfo> {
    let canonical_name = (!entry.ai_canonname.is_null()).then(|| {
        // SAFETY: the pointer is not null. It points to a string that ends with a zero byte and lives as long as the
        // entry.
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
            // SAFETY: `ai_addr` points to at least as many bytes as an address of this family has, as was just checked.
            // Any bytes are a valid address. `read_unaligned` needs no alignment.
            let raw = unsafe { ptr::read_unaligned(entry.ai_addr.cast::<libc::sockaddr_in>()) };
            // The bytes are in network order, as they lie in memory.
            let ip = raw.sin_addr.s_addr.to_ne_bytes();
            Some(SocketAddrV4::new(ip.into(), u16::from_be(raw.sin_port)).into())
        }
        libc::AF_INET6 if has_room_for(size_of::<libc::sockaddr_in6>()) => {
            // SAFETY: `ai_addr` points to at least as many bytes as an address of this family has, as was just checked.
            // Any bytes are a valid address. `read_unaligned` needs no alignment.
            let raw = unsafe { ptr::read_unaligned(entry.ai_addr.cast::<libc::sockaddr_in6>()) };
            let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
            let port = u16::from_be(raw.sin6_port);
            Some(SocketAddrV6::new(ip, port, raw.sin6_flowinfo, raw.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Looks up the name of an address, and the name of the service at its port.
///
/// # Errors
///
/// The errors of `getnameinfo(3)`.
pub(crate) fn getnameinfo(address: SocketAddr, flags: NameFlags) -> Result<(String, String), Failure> {
    let address = SockAddr::from(address);
    let (mut host, mut service) = ([0u8; MAX_HOST], [0u8; MAX_SERVICE]);
    // SAFETY: `address` is an internet address, passed with its length. Both buffers have the lengths that are passed.
    // All of these live until the call returns. The function is thread-safe.
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

/// `NI_MAXHOST` and `NI_MAXSERV`, which not every system's headers define.
const MAX_HOST: usize = 1025;
const MAX_SERVICE: usize = 32;

/// The system's text for an error of either function.
pub(crate) fn error_text(code: c_int) -> String {
    // SAFETY: the function accepts any number.
    let text = unsafe { libc::gai_strerror(code) };
    if text.is_null() {
        return "Unknown error".to_owned();
    }
    // SAFETY: the pointer is not null. It points to a string that ends with a zero byte, and that nobody changes or
    // frees before it is copied here.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
