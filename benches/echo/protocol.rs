//! The same by callbacks: the protocol of `examples/echo_protocol.rs`, less what ends that in good order on a signal.

use std::net::Ipv4Addr;

use innermost::{EventLoop, Exception, Protocol, Transport};

use super::process::announce;

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

pub(crate) fn serve() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let serving = event_loop.create_server(|| Echo, (Ipv4Addr::LOCALHOST, 0)).backlog(4096);
    let server = event_loop.run_until_complete(serving)?;
    announce(server.local_addrs()[0])?;
    event_loop.run_until_complete(server.wait_closed())
}
