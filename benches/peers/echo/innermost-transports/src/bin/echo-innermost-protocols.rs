//! innermost, with one protocol per connection.
use std::net::Ipv4Addr;

use innermost::{EventLoop, Exception, Protocol, Transport};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        let _ = transport.write(data);
    }

    fn pause_writing(&mut self, transport: &Transport) {
        transport.pause_reading();
    }

    fn resume_writing(&mut self, transport: &Transport) {
        transport.resume_reading();
    }
}

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let serving = event_loop.create_server(|| Echo, (Ipv4Addr::LOCALHOST, common::port_argument())).backlog(8192);
    let server = event_loop.run_until_complete(serving)?;
    common::ready();
    event_loop.run_until_complete(server.wait_closed())
}
