//! The bound: a bare edge-triggered epoll loop, with its connections in a slab and one buffer for all of them. It reads until
//! a read is short, and writes at once. With `spin` as the second argument, it never sleeps.
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::fd::{FromRawFd, RawFd};

struct Connection {
    stream: TcpStream,
    /// The bytes that a short write has left.
    left: Vec<u8>,
}

impl Connection {
    fn ready(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        while !self.left.is_empty() {
            let Some(written) = unless_blocked(self.stream.write(&self.left))? else { return Ok(true) };
            self.left.drain(..written);
        }
        loop {
            let Some(count) = unless_blocked(self.stream.read(buffer))? else { return Ok(true) };
            if count == 0 {
                return Ok(false);
            }
            let written = unless_blocked(self.stream.write(&buffer[..count]))?.unwrap_or(0);
            if written < count {
                self.left.extend_from_slice(&buffer[written..count]);
                return Ok(true); // an event will report new room
            }
            if count < buffer.len() {
                return Ok(true);
            }
        }
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}

struct Epoll(OwnedFd);

impl Epoll {
    fn new() -> Self {
        // SAFETY: takes no pointer. The descriptor is new, so nothing else owns it.
        Self(unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) })
    }

    fn add(&self, fd: RawFd, events: i32, token: u64) {
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: `event` is readable.
        let added = unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        assert_eq!(added, 0, "{}", io::Error::last_os_error());
    }

    fn wait<'a>(&self, events: &'a mut [libc::epoll_event], timeout: i32) -> &'a [libc::epoll_event] {
        let room = events.len() as i32;
        // SAFETY: the buffer has room for this many events.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), room, timeout) };
        &events[..count.max(0) as usize]
    }
}

const LISTENER: u64 = u64::MAX;

#[derive(Default)]
struct Slab {
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
}

impl Slab {
    fn accept(&mut self, listener: &TcpListener, epoll: &Epoll) {
        while let Ok((stream, _)) = listener.accept() {
            if stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).is_err() {
                continue;
            }
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let events = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
            epoll.add(stream.as_raw_fd(), events, index as u64);
            self.connections[index] = Some(Connection { stream, left: Vec::new() });
        }
    }

    fn ready(&mut self, index: usize, events: u32, buffer: &mut [u8]) {
        let Some(connection) = &mut self.connections[index] else { return };
        // The first event after adding the descriptor only reports room to write.
        if events == libc::EPOLLOUT as u32 && connection.left.is_empty() {
            return;
        }
        if !connection.ready(buffer).unwrap_or(false) {
            self.connections[index] = None;
            self.free.push(index);
        }
    }
}

fn main() {
    let listener = common::listen(common::port_argument());
    let timeout = if std::env::args().nth(2).as_deref() == Some("spin") { 0 } else { -1 };
    let epoll = Epoll::new();
    epoll.add(listener.as_raw_fd(), libc::EPOLLIN, LISTENER);
    common::ready();
    let mut slab = Slab::default();
    let mut buffer = vec![0; 65_536];
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; 1024];
    loop {
        for event in epoll.wait(&mut events, timeout) {
            match event.u64 {
                LISTENER => slab.accept(&listener, &epoll),
                index => slab.ready(index as usize, event.events, &mut buffer),
            }
        }
    }
}
