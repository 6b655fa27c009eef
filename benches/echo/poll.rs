//! `epoll(7)`, edge-triggered, for the bare server and for the client.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use super::machine::succeeded;

const CAPACITY: usize = 1024;

pub(crate) struct Epoll(OwnedFd);

pub(crate) struct Events(Vec<libc::epoll_event>);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    ForEver,
    NotAtAll,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer.
        let fd = succeeded(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: a new descriptor, which nobody else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Watches a descriptor for both directions, until it is closed.
    pub(crate) fn add(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let events = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        let fd = fd.as_fd().as_raw_fd();
        // SAFETY: both descriptors are open, being borrowed, and `event` is readable.
        succeeded(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) }).map(drop)
    }

    pub(crate) fn wait(&self, events: &mut Events, wait: Wait) -> io::Result<()> {
        let (room, timeout) = (events.0.as_mut_ptr(), if wait == Wait::ForEver { -1 } else { 0 });
        // SAFETY: there is room for CAPACITY events.
        let count = succeeded(unsafe { libc::epoll_wait(self.0.as_raw_fd(), room, CAPACITY as i32, timeout) });
        let count = match count {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            count => count?,
        };
        // SAFETY: the kernel has written that many, and not more than the capacity.
        unsafe { events.0.set_len(count as usize) };
        Ok(())
    }
}

impl Events {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(CAPACITY))
    }

    /// Token and flags of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, libc::c_int)> {
        self.0.iter().map(|event| (event.u64, event.events as libc::c_int))
    }
}
