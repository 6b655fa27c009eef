//! A client that opens several connections at once, has one byte echoed on each, and resets them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::load::Slice;
use super::process::Usage;

pub(crate) struct Accepts {
    address: SocketAddr,
    at_once: usize,
}

impl Accepts {
    pub(crate) fn new(address: SocketAddr, at_once: usize) -> Self {
        Self { address, at_once }
    }

    pub(crate) fn measure(&self, time: Duration, usage: impl Fn() -> io::Result<Usage>) -> io::Result<Slice> {
        self.come_and_go()?;
        let (start, before) = (Instant::now(), usage()?);
        let mut count = 0;
        while start.elapsed() < time {
            count += self.come_and_go()?;
        }
        Ok(Slice::between(count as u64, start, before, usage()?))
    }

    /// Opens at least `count` connections.
    pub(crate) fn send(&self, count: usize) -> io::Result<()> {
        (0..count.div_ceil(self.at_once)).try_for_each(|_| self.come_and_go().map(drop))
    }

    fn come_and_go(&self) -> io::Result<usize> {
        let connect = |_| -> io::Result<TcpStream> {
            let mut stream = TcpStream::connect(self.address)?;
            // Ends with a reset, so that no port waits for late packets.
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            stream.write_all(b"x")?;
            Ok(stream)
        };
        let connections = (0..self.at_once).map(connect).collect::<io::Result<Vec<_>>>()?;
        connections.into_iter().try_for_each(|mut stream| stream.read_exact(&mut [0]))?;
        Ok(self.at_once)
    }
}
