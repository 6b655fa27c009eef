//! The client of the echo servers. One thread drives all connections, and each connection has one message in flight. Every
//! byte that comes back is compared.
//!
//! ```text
//! load --port P --pid SERVER --conns 50 --size 64                      takes turns
//! load --port P --pid SERVER --conns 50 --size 64 --messages 20000     sends this many messages
//!   --block         sleep while waiting for messages
//!   --pause-us 500  sleep this long after each message
//! ```
//!
//! With turns, the client connects, prints how long that took, and reads lines. A line has two numbers: the seconds to warm
//! up, and the seconds to measure. After that time, the client waits for all messages in flight, so that the server becomes
//! idle, and prints its measurements. Several servers can thus run at once, each with its own client, while only one works.
//!
//! Without `--block`, the client does not sleep in its turn. Waking a sleeping virtual core takes the sender, which is the
//! server, microseconds. A slow server would pay for that more often than a fast one.

use std::io::BufRead;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::time::{Duration, Instant};
use std::{hint, io, mem, process, thread};

use common::{Histogram, ticks, ticks_per_nanosecond};

mod options;
mod slice;
mod text;
mod usage;
use self::options::Options;
use self::slice::{Meter, Phase};
use self::text::Text;
use self::usage::Usage;

struct Connection {
    fd: i32,
    id: u64,
    sequence: u64,
    sent: usize,
    received: usize,
    since: u64,
}

fn main() {
    let options = Options::parse(std::env::args().skip(1)).unwrap_or_else(|error| fail(&error));
    if let Err(error) = run(&options) {
        fail(&error.to_string());
    }
}

fn fail(error: &str) -> ! {
    eprintln!("load: {error}");
    process::exit(1);
}

fn run(options: &Options) -> io::Result<()> {
    let resident = usage::resident_bytes(options.server);
    // SAFETY: takes no pointer.
    let epoll = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
    let since = Instant::now();
    let mut connections =
        (0..options.connections).map(|id| connect(options, epoll, id as u64)).collect::<io::Result<Vec<_>>>()?;
    let connecting = since.elapsed();
    let mut load = Load {
        epoll,
        text: Text::new(options.size),
        buffer: vec![0; 65_536],
        timeout: if options.block { 500 } else { 0 },
        pause: options.pause,
        ticks_per_nanosecond: ticks_per_nanosecond(),
        latencies: Histogram::default(),
        on_their_way: 0,
    };
    if let Some(messages) = options.messages {
        return load.send_so_many(messages, &mut connections);
    }
    println!("{{\"connect_ms\":{}}}", connecting.as_millis());
    let mut before = None;
    for line in io::stdin().lock().lines() {
        let (warm_up, time) = slice::parse_turn(&line?).map_err(io::Error::other)?;
        let idle = before.map(|before| Usage::now(options.server).map(|now| now - &before)).transpose()?;
        load.latencies = Histogram::default();
        let mut meter = Meter::new(options.server, warm_up, time);
        load.drive(&mut connections, |_| meter.phase())?;
        before = Some(Usage::now(options.server)?);
        let bytes = usage::resident_bytes(options.server).saturating_sub(resident) as f64 / options.connections as f64;
        println!("{}", slice::printed(&meter.measured(), idle.as_ref(), bytes, &load.latencies));
    }
    Ok(())
}

/// How long a busy server may refuse connections, or not answer.
const PATIENCE: Duration = Duration::from_secs(30);

fn connect(options: &Options, epoll: i32, id: u64) -> io::Result<Connection> {
    let address: SocketAddr = ([127, 0, 0, 1], options.port).into();
    let since = Instant::now();
    let stream = loop {
        match TcpStream::connect_timeout(&address, Duration::from_secs(10)) {
            Err(_) if since.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
            connected => break connected?,
        }
    };
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    // Ends with a reset, so that no port waits for late packets.
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let events = (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET) as u32;
    let mut event = libc::epoll_event { events, u64: id };
    let length = mem::size_of_val(&linger) as libc::socklen_t;
    // SAFETY: `linger` is readable and has the given size, and `event` is readable.
    unsafe {
        let fd = stream.as_raw_fd();
        check(libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), length))?;
        check(libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event))?;
    }
    Ok(Connection { fd: stream.into_raw_fd(), id, sequence: 0, sent: 0, received: 0, since: 0 })
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

struct Load {
    epoll: i32,
    text: Text,
    buffer: Vec<u8>,
    /// How long to wait for events, in milliseconds.
    timeout: i32,
    pause: Duration,
    ticks_per_nanosecond: f64,
    /// The latencies of measured messages, in nanoseconds.
    latencies: Histogram,
    on_their_way: usize,
}

const EVENTS: usize = 1024;

impl Load {
    fn send_so_many(&mut self, messages: u64, connections: &mut [Connection]) -> io::Result<()> {
        self.drive(connections, |sent| Ok(if sent < messages { Phase::Measured } else { Phase::Over }))
    }

    /// Sends on all connections until the phase is `Over`, and then waits until everything has come back. Asks for the phase
    /// repeatedly, with the number of measured messages.
    fn drive(
        &mut self,
        connections: &mut [Connection],
        mut phase: impl FnMut(u64) -> io::Result<Phase>,
    ) -> io::Result<()> {
        let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let mut heard = Instant::now();
        for connection in &mut *connections {
            self.begin(connection, ticks())?;
        }
        self.on_their_way = connections.len();
        loop {
            let phase = phase(self.latencies.count())?;
            if phase == Phase::Over && self.on_their_way == 0 {
                return Ok(());
            }
            // SAFETY: the buffer has room for this many events.
            let count = unsafe { libc::epoll_wait(self.epoll, events.as_mut_ptr(), EVENTS as i32, self.timeout) };
            for event in &events[..count.max(0) as usize] {
                let connection = &mut connections[event.u64 as usize];
                self.send(connection)?;
                if event.events != libc::EPOLLOUT as u32 {
                    self.receive(connection, phase)?;
                }
            }
            if count > 0 {
                heard = Instant::now();
            } else if heard.elapsed() > PATIENCE {
                return Err(io::Error::other("the server does not answer"));
            } else {
                (0..20).for_each(|_| hint::spin_loop());
            }
        }
    }

    fn begin(&mut self, connection: &mut Connection, now: u64) -> io::Result<()> {
        (connection.sent, connection.received, connection.since) = (0, 0, now);
        self.send(connection)
    }

    /// Sends the rest of the message.
    fn send(&mut self, connection: &mut Connection) -> io::Result<()> {
        if connection.sent == self.text.size() {
            return Ok(());
        }
        let message = self.text.message(connection.id, connection.sequence);
        while let rest = &message[connection.sent..]
            && !rest.is_empty()
        {
            // SAFETY: `rest` is readable.
            let count = unsafe { libc::send(connection.fd, rest.as_ptr().cast(), rest.len(), libc::MSG_NOSIGNAL) };
            if count < 0 {
                let error = io::Error::last_os_error();
                return if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) };
            }
            connection.sent += count as usize;
        }
        Ok(())
    }

    /// Compares the bytes that have come back. After the last byte of a message, sends the next one, unless the turn is over.
    fn receive(&mut self, connection: &mut Connection, phase: Phase) -> io::Result<()> {
        loop {
            // SAFETY: the buffer is writable.
            let count = unsafe { libc::recv(connection.fd, self.buffer.as_mut_ptr().cast(), self.buffer.len(), 0) };
            if count < 0 {
                let error = io::Error::last_os_error();
                return if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) };
            }
            let bytes = &self.buffer[..count as usize];
            if bytes.is_empty() {
                return Err(io::Error::other("the server has closed a connection"));
            }
            if !self.text.is_part(connection.id, connection.sequence, connection.received, connection.sent, bytes) {
                return Err(io::Error::other("what has come back is not what was sent"));
            }
            connection.received += bytes.len();
            let is_short = bytes.len() < self.buffer.len();
            if connection.received == self.text.size() {
                let mut now = ticks();
                if phase == Phase::Measured {
                    self.latencies.add(((now - connection.since) as f64 / self.ticks_per_nanosecond) as u64);
                }
                connection.sequence += 1;
                if !self.pause.is_zero() {
                    thread::sleep(self.pause);
                    now = ticks();
                }
                if phase == Phase::Over {
                    self.on_their_way -= 1;
                } else {
                    self.begin(connection, now)?;
                }
            }
            // A short read has emptied the socket. Later bytes cause another event.
            if is_short {
                return Ok(());
            }
        }
    }
}
