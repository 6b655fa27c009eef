//! The client of a transfer. It reads from a server that sends, or sends to a server that reads.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use super::load::Slice;
use super::process::{Usage, Work};

pub(crate) struct Transfer {
    address: SocketAddr,
    work: Work,
    mebibytes: usize,
    buffer: Vec<u8>,
}

/// The size of the servers' writes, and of their buffers for reading.
pub(crate) const PIECE: usize = 64 * 1024;

const MEBIBYTE: usize = 1024 * 1024;

impl Transfer {
    pub(crate) fn new(address: SocketAddr, work: Work, mebibytes: usize) -> Self {
        Self { address, work, mebibytes, buffer: vec![7; 4 * PIECE] }
    }

    /// Measures one transfer. A server that sends does so until the client disconnects.
    pub(crate) fn measure(&mut self, usage: impl Fn() -> io::Result<Usage>) -> io::Result<Slice> {
        let mut stream = TcpStream::connect(self.address)?;
        let (start, before) = (Instant::now(), usage()?);
        let mut left = self.mebibytes * MEBIBYTE;
        match self.work {
            Work::Source => {
                while left > 0 {
                    match stream.read(&mut self.buffer)? {
                        0 => return Err(io::Error::other("the server has ended before all was sent")),
                        count => left = left.saturating_sub(count),
                    }
                }
            }
            _ => {
                while left > 0 {
                    let piece = left.min(self.buffer.len());
                    stream.write_all(&self.buffer[..piece])?;
                    left -= piece;
                }
                // The server has read everything when it closes.
                stream.shutdown(Shutdown::Write)?;
                stream.read_to_end(&mut Vec::new())?;
            }
        }
        Ok(Slice::between(self.mebibytes as u64, start, before, usage()?))
    }
}
