//! The machine as something to await: over any stream of the event loop, with a time limit for each answer.

use std::io::Cursor;
use std::rc::Rc;

use innermost::wait::timeout;
use innermost::{
    Awaitable, Buffer, ByteRead, ByteStream, ByteWrite, CoroutineExt, Exception, Step, connect, drive, from_fn, run,
    yield_from,
};

use super::PATIENCE;
use super::delivery::{Delivered, Mail, Want, delivery};

/// Runs an event loop until `mail` is delivered.
///
/// # Errors
///
/// The errors of the connection and those that the machine raises.
pub(crate) fn deliver(server: &str, mail: Mail) -> Result<Delivered, Exception> {
    run(delivering(server, mail)?)
}

/// Connects to `server`, a host and a port, and delivers `mail`.
pub(crate) fn delivering(server: &str, mail: Mail) -> Result<impl Awaitable<Return = Delivered> + use<>, Exception> {
    let (host, port) = server.rsplit_once(':').unwrap_or((server, "25"));
    let connecting = timeout(connect((host.to_owned(), port.parse::<u16>()?)), PATIENCE);
    Ok(connecting.then(|stream| delivering_over(stream, mail)))
}

/// Delivers `mail` over any stream.
pub(crate) fn delivering_over<S: ByteStream>(stream: S, mail: Mail) -> impl Awaitable<Return = Delivered> {
    let stream = Rc::new(stream);
    drive(delivery(mail), move |want| {
        let (stream, mut incoming) = (Rc::clone(&stream), Buffer::new());
        let is_read = want == Want::Read;
        let mut outgoing = Cursor::new(if let Want::Write(bytes) = want { bytes } else { Vec::new() });
        let answer = from_fn(move |mut sent| {
            yield_from!(stream.write_all(&mut outgoing), sent)?;
            if is_read {
                yield_from!(stream.read(&mut incoming), sent)?;
            }
            Ok(Step::Return(incoming.bytes().to_vec()))
        });
        timeout(answer, PATIENCE)
    })
}
