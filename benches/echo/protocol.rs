//! The server with callbacks: that of `examples/echo_protocol.rs`, without its orderly shutdown. Also transfers.

use std::net::Ipv4Addr;

use innermost::transport::CreateServer;
use innermost::{EventLoop, Exception, Protocol, Transport};

use super::process::{Work, announce};
use super::transfer::PIECE;

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

/// Writes until the transport pauses it.
struct Source;

impl Source {
    fn write(transport: &Transport) {
        while !transport.is_writing_paused() && !transport.is_closing() {
            let _ = transport.write(&[7; PIECE]);
        }
    }
}

impl Protocol for Source {
    fn connection_made(&mut self, transport: &Transport) {
        Self::write(transport);
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}

    fn resume_writing(&mut self, transport: &Transport) {
        Self::write(transport);
    }
}

struct Sink;

impl Protocol for Sink {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

pub(crate) fn serve(work: Work) -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let place = (Ipv4Addr::LOCALHOST, 0);
    let serving: CreateServer = match work {
        Work::Echo | Work::Accepts | Work::Answers => event_loop.create_server(|| Echo, place),
        Work::Source => event_loop.create_server(|| Source, place),
        Work::Sink => event_loop.create_server(|| Sink, place),
    };
    let server = event_loop.run_until_complete(serving.backlog(4096))?;
    announce(server.local_addrs()[0])?;
    event_loop.run_until_complete(server.wait_closed())
}
