//! Transports and their streams, over socket pairs whose two ends belong to one explored loop.

mod callbacks;
mod closing;
mod moving;

use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::testing::Sim;
use innermost::{Awaitable, CoroutineExt, Exception, StreamReader, StreamWriter, lazy};
use socket2::SockRef;

use crate::common::rest;

/// More than one `send` to a small socket takes.
const BLOCK: usize = 6_000;

/// One end of a connection. Tasks share it.
#[derive(Clone)]
struct End {
    reader: Rc<StreamReader>,
    writer: Rc<StreamWriter>,
}

impl End {
    fn open(sim: &Sim, socket: UnixStream) -> Result<Self, Exception> {
        SockRef::from(&socket).set_send_buffer_size(1)?;
        let (reader, writer) = sim.run(sim.open_connection_at(socket)?)?;
        writer.transport().set_write_buffer_limits(Some(0), None)?;
        Ok(Self { reader: Rc::new(reader), writer: Rc::new(writer) })
    }

    /// Two ends that are connected. The kernel holds little in between.
    fn pair(sim: &Sim) -> Result<(Self, Self), Exception> {
        let (near, far) = UnixStream::pair()?;
        Ok((Self::open(sim, near)?, Self::open(sim, far)?))
    }

    /// Once all other tasks have had their turns: closes this end, and waits until it is over.
    fn closed_at_last(self) -> impl Awaitable<Return = ()> {
        let closing = Rc::clone(&self.writer);
        lazy(rest).then(move |()| {
            closing.close();
            // How it ended is what others have checked.
            self.writer.wait_closed().catch(|_| Ok(()))
        })
    }
}

/// Compares the numbers of schedules. Elsewhere than on Linux with epoll, a socket holds more or less, and the events of one
/// wait come in another order.
fn check_number<const PROGRAMS: usize>(schedules: [u64; PROGRAMS], expected: [u64; PROGRAMS]) {
    if cfg!(all(target_os = "linux", not(innermost_poll))) {
        assert_eq!(schedules, expected);
    }
}
