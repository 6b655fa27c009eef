//! The client. Each of its connections has one message in flight at a time. It compares every byte that comes back.
//!
//! A client with a core of its own does not sleep. The server's write would have to wake the core, which costs more than all
//! of the server's work.

use std::hint;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::poll::{Epoll, Events, Wait};
use super::process::Usage;

pub(crate) struct Load {
    epoll: Epoll,
    events: Events,
    connections: Vec<Connection>,
    text: Text,
    buffer: Vec<u8>,
    wait: Wait,
}

/// The results of one turn.
#[derive(Default)]
pub(crate) struct Slice {
    pub(crate) messages: u64,
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
    pub(crate) kept_waiting: Duration,
    /// In nanoseconds.
    pub(crate) latencies: Vec<u32>,
}

struct Connection {
    stream: TcpStream,
    number: u64,
    sequence: u64,
    sent: usize,
    received: usize,
    since: Instant,
}

impl Load {
    pub(crate) fn connect(address: SocketAddr, count: usize, size: usize, wait: Wait) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let connect = |number| -> io::Result<Connection> {
            let stream = TcpStream::connect_timeout(&address, Duration::from_secs(30))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            // Ends with a reset, so that no port waits for late packets.
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            epoll.add(&stream, number)?;
            Ok(Connection { stream, number, sequence: 0, sent: size, received: 0, since: Instant::now() })
        };
        let connections = (0..count as u64).map(connect).collect::<io::Result<_>>()?;
        Ok(Self { epoll, events: Events::new(), connections, text: Text::new(size), buffer: vec![0; 64 * 1024], wait })
    }

    /// Sends on all connections for `warm_up`, and then for `time`. Measures only the latter.
    pub(crate) fn measure(
        &mut self,
        warm_up: Duration,
        time: Duration,
        usage: impl Fn() -> io::Result<Usage>,
    ) -> io::Result<Slice> {
        let start = Instant::now() + warm_up;
        let mut slice = Slice::default();
        let (mut begun, mut ended) = (None, None);
        self.drive(usize::MAX, |now, latency| match begun {
            _ if ended.is_some() => false,
            None => {
                if now >= start {
                    begun = Some((now, usage()));
                }
                true
            }
            Some((since, _)) if now - since < time => {
                slice.latencies.push(u32::try_from(latency.as_nanos()).unwrap_or(u32::MAX));
                true
            }
            Some(_) => {
                ended = Some((now, usage()));
                false
            }
        })?;
        let ((since, before), (until, after)) = begun.zip(ended).expect("messages come until the time is over");
        let (before, after) = (before?, after?);
        slice.messages = slice.latencies.len() as u64;
        slice.time = until - since;
        slice.used(before, after);
        Ok(slice)
    }

    /// Sends `messages` messages.
    pub(crate) fn send(&mut self, messages: usize) -> io::Result<()> {
        let mut left = messages.saturating_sub(self.connections.len());
        self.drive(messages, |_, _| {
            let again = left > 0;
            left = left.saturating_sub(1);
            again
        })
    }

    /// Sends a message on each of up to `at_most` connections. When one has come back, calls `again` with the current time
    /// and the message's latency, and sends the next message if `again` returns true.
    fn drive(&mut self, at_most: usize, mut again: impl FnMut(Instant, Duration) -> bool) -> io::Result<()> {
        let mut on_their_way = 0;
        for connection in self.connections.iter_mut().take(at_most) {
            connection.begin(Instant::now(), &mut self.text)?;
            on_their_way += 1;
        }
        while on_their_way > 0 {
            self.epoll.wait(&mut self.events, self.wait)?;
            let mut idle = true;
            for (token, flags) in self.events.iter() {
                idle = false;
                let connection = &mut self.connections[token as usize];
                connection.send(&mut self.text)?;
                if flags == libc::EPOLLOUT || !connection.receive(&mut self.text, &mut self.buffer)? {
                    continue;
                }
                let now = Instant::now();
                if again(now, now - connection.since) {
                    connection.begin(now, &mut self.text)?;
                } else {
                    on_their_way -= 1;
                }
            }
            if idle {
                (0..20).for_each(|_| hint::spin_loop());
            }
        }
        Ok(())
    }
}

impl Slice {
    /// A turn that ends now, without latencies.
    pub(crate) fn between(messages: u64, start: Instant, before: Usage, after: Usage) -> Self {
        let mut slice = Self { messages, time: start.elapsed(), ..Self::default() };
        slice.used(before, after);
        slice
    }

    fn used(&mut self, before: Usage, after: Usage) {
        self.cpu = after.cpu - before.cpu;
        self.kept_waiting = after.kept_waiting.saturating_sub(before.kept_waiting);
    }
}

impl Connection {
    /// Sends the next message.
    fn begin(&mut self, now: Instant, text: &mut Text) -> io::Result<()> {
        (self.sequence, self.sent, self.received, self.since) = (self.sequence + 1, 0, 0, now);
        self.send(text)
    }

    /// Sends the rest of the message.
    fn send(&mut self, text: &mut Text) -> io::Result<()> {
        while self.sent < text.size {
            match self.stream.write(&text.message(self.number, self.sequence)[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Compares the bytes that have come back. Returns whether the message is complete.
    fn receive(&mut self, text: &mut Text, buffer: &mut [u8]) -> io::Result<bool> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Err(io::Error::other("the server has closed a connection")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            let expected = &text.message(self.number, self.sequence)[self.received..self.sent];
            if expected.get(..count) != Some(&buffer[..count]) {
                return Err(io::Error::other("what has come back is not what was sent"));
            }
            self.received += count;
            if count < buffer.len() {
                return Ok(self.received == text.size);
            }
        }
    }
}

/// Messages: the connection's number, the message's number, and a different piece of pseudo-random bytes each time.
struct Text {
    size: usize,
    noise: Vec<u8>,
    message: Vec<u8>,
}

const PIECES: u64 = 4096;

impl Text {
    fn new(size: usize) -> Self {
        let mut state = 88_172_645_463_325_252_u64;
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        });
        Self { size, noise: noise.take(size + PIECES as usize).collect(), message: vec![0; size.max(16)] }
    }

    fn message(&mut self, connection: u64, sequence: u64) -> &[u8] {
        let piece = (sequence.wrapping_mul(61).wrapping_add(connection.wrapping_mul(17)) % PIECES) as usize;
        self.message[..self.size].copy_from_slice(&self.noise[piece..piece + self.size]);
        self.message[..8].copy_from_slice(&connection.to_le_bytes());
        self.message[8..16].copy_from_slice(&sequence.to_le_bytes());
        &self.message[..self.size]
    }
}
