//! The listener of a server.

use std::io::{self, Write};
use std::mem;
use std::net::TcpListener;
use std::os::fd::FromRawFd;

/// Listens on a port of the loopback interface. The backlog has room for thousands of connections at once; the standard
/// library's has room for 128.
pub fn listen(port: u16) -> TcpListener {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let one: libc::c_int = 1;
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    // SAFETY: the pointers are readable and have the given sizes. The descriptor is new, so nothing else owns it.
    unsafe {
        let fd = libc::socket(libc::AF_INET, kind, 0);
        assert!(fd >= 0, "no socket: {}", io::Error::last_os_error());
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, (&raw const one).cast(), 4);
        let length = mem::size_of_val(&address) as libc::socklen_t;
        let bound = libc::bind(fd, (&raw const address).cast(), length);
        assert_eq!(bound, 0, "port {port}: {}", io::Error::last_os_error());
        assert_eq!(libc::listen(fd, 8192), 0, "no listener: {}", io::Error::last_os_error());
        TcpListener::from_raw_fd(fd)
    }
}

/// The port, which is the first argument of every server.
pub fn port_argument() -> u16 {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok());
    port.expect("the first argument is the port")
}

/// Tells the runner that clients may connect, and which process to observe.
pub fn ready() {
    println!("READY {}", std::process::id());
    io::stdout().flush().expect("the runner reads this");
}
