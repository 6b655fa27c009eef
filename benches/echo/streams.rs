//! The server with streams: that of `examples/echo_streams.rs`, without its orderly shutdown. Also transfers.

use std::net::Ipv4Addr;

use innermost::{
    Await, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Step, StreamReader, StreamWriter, yield_from,
};

use super::process::{Work, announce};
use super::transfer::PIECE;

struct Connection {
    reader: StreamReader,
    writer: StreamWriter,
    work: Work,
    is_writing: bool,
}

impl Coroutine for Connection {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if self.is_writing {
                yield_from!(self.writer.drain(), sent)?;
                self.is_writing = false;
            }
            if self.work == Work::Source {
                self.writer.write(&[7; PIECE])?;
                self.is_writing = true;
                continue;
            }
            let data = yield_from!(self.reader.read(PIECE), sent)?;
            if data.is_empty() {
                return Ok(Step::Return(()));
            }
            if self.work == Work::Echo {
                self.writer.write(&data)?;
                self.is_writing = true;
            }
        }
    }
}

pub(crate) fn serve(work: Work) -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let connection = move |reader, writer| {
        Connection { reader, writer, work: work.of_server(), is_writing: false }.catch(|_| Ok(()))
    };
    let serving = event_loop.start_server(connection, (Ipv4Addr::LOCALHOST, 0)).backlog(4096);
    let server = event_loop.run_until_complete(serving)?;
    announce(server.local_addrs()[0])?;
    event_loop.run_until_complete(server.wait_closed())
}
