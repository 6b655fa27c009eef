//! The machine over blocking streams: no event loop, only the standard library.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use innermost::{Exception, Generator, Stop};

use super::PATIENCE;
use super::delivery::{Delivered, Mail, Want, delivery};

/// Connects to `server`, a host and a port, and delivers `mail`.
///
/// # Errors
///
/// The errors of the connection and those that the machine raises.
pub(crate) fn deliver(server: &str, mail: Mail) -> Result<Delivered, Exception> {
    let stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    deliver_over(&stream, mail)
}

/// Delivers `mail` over any stream.
pub(crate) fn deliver_over(mut stream: impl Read + Write, mail: Mail) -> Result<Delivered, Exception> {
    let mut machine = Generator::new(delivery(mail));
    let mut sent = Ok(Vec::new());
    loop {
        let answer = match machine.resume(sent) {
            Ok(Want::Write(bytes)) => stream.write_all(&bytes).map(|()| Vec::new()),
            Ok(Want::Read) => read_some(&mut stream),
            Err(Stop::Returned(delivered)) => return Ok(delivered),
            Err(stop) => return Err(stop.into()),
        };
        sent = answer.map_err(Exception::from);
    }
}

fn read_some(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = [0; 1024];
    loop {
        match stream.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map(|count| bytes[..count].to_vec()),
        }
    }
}
