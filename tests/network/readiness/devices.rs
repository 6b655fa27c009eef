//! Descriptors of every kind, in rare states.

#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
#[cfg(target_os = "linux")]
use std::io;
#[cfg(target_os = "linux")]
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use innermost::LoopHandle;

/// Runs a number of turns without waiting. Each turn polls the selector.
pub(crate) fn turns(event_loop: &LoopHandle, turns: u32) {
    for _ in 0..turns {
        event_loop.run_once().expect("it can run");
    }
}

/// A FIFO in a directory of its own, which is removed on drop.
pub(crate) struct Fifo(PathBuf);

impl Fifo {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("innermost-fifo-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).expect("the name is new");
        let path = directory.join("fifo");
        let name = std::ffi::CString::new(path.to_str().expect("it is plain text")).expect("it has no zero in it");
        // SAFETY: the name ends with a zero, and lives until the call returns.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        Self(path)
    }

    /// Opens it, in one of `read`, `write`, `both`, without waiting for anybody at the other end.
    pub(crate) fn open(&self, ways: &str) -> File {
        let mut options = OpenOptions::new();
        options.read(ways != "write").write(ways != "read").custom_flags(libc::O_NONBLOCK);
        options.open(&self.0).expect("somebody is there, if that is needed")
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().expect("it has a directory"));
    }
}

/// The two ends of a pseudo-terminal: the keyboard, and the terminal that a program reads.
pub(crate) fn terminal() -> (File, OwnedFd) {
    let (mut keyboard, mut terminal) = (0, 0);
    // SAFETY: both numbers may be written until the call returns; it takes no name, and the usual settings.
    let opened =
        unsafe { libc::openpty(&mut keyboard, &mut terminal, ptr::null_mut(), ptr::null_mut(), ptr::null_mut()) };
    assert_eq!(opened, 0);
    // SAFETY: the call has just created both, so nothing else owns them.
    unsafe { (File::from_raw_fd(keyboard), OwnedFd::from_raw_fd(terminal)) }
}

/// Waits until the system reports one of `events` for a descriptor, or an error or hangup.
pub(crate) fn wait_for(descriptor: &impl AsFd, events: i16) {
    let mut polled = libc::pollfd { fd: descriptor.as_fd().as_raw_fd(), events, revents: 0 };
    // SAFETY: it is one entry, which may be written until the call returns.
    let count = unsafe { libc::poll(&raw mut polled, 1, 60_000) };
    assert_eq!((count, polled.revents & libc::POLLNVAL), (1, 0), "it comes within a minute");
}

/// Sets an option of a socket that is a number.
#[cfg(target_os = "linux")]
pub(crate) fn set_option(socket: &impl AsFd, level: i32, option: i32, value: i32) {
    let size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the value has that size, and lives until the call returns.
    let set = unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), level, option, (&raw const value).cast(), size) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}

/// A UDP socket with an entry in its error queue, because nothing listened at its peer's address.
#[cfg(target_os = "linux")]
pub(crate) fn with_error_queue() -> UdpSocket {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (socket, other) =
        (UdpSocket::bind(any).expect("a port is free"), UdpSocket::bind(any).expect("a port is free"));
    set_option(&socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1);
    let nobody = other.local_addr().expect("it is bound");
    drop(other);
    socket.send_to(b"x", nobody).expect("the answer comes later");
    wait_for(&socket, 0);
    // The error itself is reported once. The queue keeps its entry.
    socket.set_nonblocking(true).expect("it is a socket");
    let error = socket.recv(&mut [0]).expect_err("nobody was there");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    wait_for(&socket, 0);
    socket
}
