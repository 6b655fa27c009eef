//! innermost, with a reader and a writer per connection.
use std::net::Ipv4Addr;

use innermost::{
    Await, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Step, StreamReader, StreamWriter, yield_from,
};

struct Stream {
    reader: StreamReader,
    writer: StreamWriter,
    draining: bool,
}

impl Coroutine for Stream {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if self.draining {
                yield_from!(self.writer.drain(), sent)?;
                self.draining = false;
            }
            let data = yield_from!(self.reader.read(16 * 1024), sent)?;
            if data.is_empty() {
                return Ok(Step::Return(()));
            }
            self.writer.write(&data)?;
            self.draining = true;
        }
    }
}

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let connected = |reader, writer| Stream { reader, writer, draining: false }.catch(|_: Exception| Ok(()));
    let serving = event_loop.start_server(connected, (Ipv4Addr::LOCALHOST, common::port_argument())).backlog(8192);
    let server = event_loop.run_until_complete(serving)?;
    common::ready();
    event_loop.run_until_complete(server.wait_closed())
}
