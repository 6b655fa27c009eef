//! The bound: an edge-triggered epoll loop with a slab of connections, one buffer for all of them, and a second one for
//! answers. It writes what it has read at once. A short read means that the socket is empty.

#![allow(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use slab::Slab;

use super::machine::succeeded;
use super::poll::{Epoll, Events, Wait};
use super::process::{REQUEST, Work, announce};

const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: TcpStream,
    /// The bytes that a short write has left.
    rest: Vec<u8>,
    /// The part of a request that has arrived.
    begun: Vec<u8>,
}

enum Fate {
    Open,
    Closed,
}

pub(crate) fn serve(work: Work, wait: Wait) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // SAFETY: takes no pointer. The standard library's backlog of 128 is too short for a thousand connections at once.
    succeeded(unsafe { libc::listen(listener.as_raw_fd(), 4096) })?;
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new()?;
    epoll.add(&listener, LISTENER)?;
    announce(listener.local_addr()?)?;
    let mut connections = Slab::new();
    let mut events = Events::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut answers = vec![0; 64 * 1024];
    loop {
        epoll.wait(&mut events, wait)?;
        for (token, flags) in events.iter() {
            if token == LISTENER {
                accept_all(&listener, &epoll, &mut connections)?;
                continue;
            }
            let Some(connection) = connections.get_mut(token as usize) else { continue };
            // The first event after the registration only reports room to write.
            if flags == libc::EPOLLOUT && connection.rest.is_empty() && work != Work::Source {
                continue;
            }
            let fate = match work {
                Work::Echo | Work::Accepts => connection.ready(&mut buffer),
                Work::Answers => connection.answer(&mut buffer, &mut answers),
                Work::Source => connection.send(&buffer),
                Work::Sink => connection.receive(&mut buffer, flags),
            };
            if let Fate::Closed = fate {
                connections.remove(token as usize);
            }
        }
    }
}

fn accept_all(listener: &TcpListener, epoll: &Epoll, connections: &mut Slab<Connection>) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            accepted => accepted?.0,
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let entry = connections.vacant_entry();
        epoll.add(&stream, entry.key() as u64)?;
        entry.insert(Connection { stream, rest: Vec::new(), begun: Vec::new() });
    }
}

impl Connection {
    #[inline]
    fn ready(&mut self, buffer: &mut [u8]) -> Fate {
        if let Some(fate) = self.write_rest() {
            return fate;
        }
        loop {
            let count = match read(self.stream.as_raw_fd(), buffer) {
                Ok(0) => return Fate::Closed,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Fate::Open,
                Err(_) => return Fate::Closed,
            };
            let Some(written) = write(self.stream.as_raw_fd(), &buffer[..count]) else { return Fate::Closed };
            if written < count {
                // The event for new room to write leads back here.
                self.rest.extend_from_slice(&buffer[written..count]);
                return Fate::Open;
            }
            if count < buffer.len() {
                return Fate::Open;
            }
        }
    }
}

/// Answers.
impl Connection {
    /// Sends the bytes that a short write has left. `None` if none are left.
    #[inline]
    fn write_rest(&mut self) -> Option<Fate> {
        if self.rest.is_empty() {
            return None;
        }
        match write(self.stream.as_raw_fd(), &self.rest) {
            Some(count) => drop(self.rest.drain(..count)),
            None => return Some(Fate::Closed),
        }
        (!self.rest.is_empty()).then_some(Fate::Open)
    }

    #[inline]
    fn answer(&mut self, requests: &mut [u8], answers: &mut [u8]) -> Fate {
        if let Some(fate) = self.write_rest() {
            return fate;
        }
        loop {
            let begun = self.begun.len();
            let count = match read(self.stream.as_raw_fd(), &mut requests[begun..]) {
                Ok(0) => return Fate::Closed,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Fate::Open,
                Err(_) => return Fate::Closed,
            };
            requests[..begun].copy_from_slice(&self.begun);
            let end = begun + count;
            let whole = end - end % REQUEST;
            for (answer, request) in answers.chunks_exact_mut(REQUEST).zip(requests[..whole].chunks_exact(REQUEST)) {
                answer.copy_from_slice(request);
            }
            self.begun.clear();
            self.begun.extend_from_slice(&requests[whole..end]);
            let Some(written) = write(self.stream.as_raw_fd(), &answers[..whole]) else { return Fate::Closed };
            if written < whole {
                self.rest.extend_from_slice(&answers[written..whole]);
                return Fate::Open;
            }
            if end < requests.len() {
                return Fate::Open;
            }
        }
    }
}

/// Transfers.
impl Connection {
    /// Sends the buffer repeatedly, until the kernel takes no more.
    fn send(&mut self, buffer: &[u8]) -> Fate {
        loop {
            match write(self.stream.as_raw_fd(), buffer) {
                None => return Fate::Closed,
                // All bytes are equal, so the next write need not continue where this one ended.
                Some(count) if count < buffer.len() => return Fate::Open,
                Some(_) => {}
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8], flags: libc::c_int) -> Fate {
        loop {
            match read(self.stream.as_raw_fd(), buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Fate::Open,
                Ok(0) | Err(_) => return Fate::Closed,
                // An end of the stream that arrives with the bytes causes no event of its own.
                Ok(count) if count < buffer.len() && flags & libc::EPOLLRDHUP == 0 => return Fate::Open,
                Ok(_) => {}
            }
        }
    }
}

#[inline]
fn read(fd: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is writable and has the given length.
    let count = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
    if count < 0 { Err(io::Error::last_os_error()) } else { Ok(count as usize) }
}

/// Returns the number of bytes written. `None` if the connection is broken.
#[inline]
fn write(fd: RawFd, bytes: &[u8]) -> Option<usize> {
    // SAFETY: the bytes are readable and have the given length.
    let count = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    match count {
        0.. => Some(count as usize),
        _ if io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock => Some(0),
        _ => None,
    }
}
