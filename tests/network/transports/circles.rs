//! Protocols and factories in reference cycles. `leaks/faults.rs` tests failures from outside, for each kind of connection.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::{Protocol, Transport};

use crate::transports::protocols::{Echo, any, connected, new_loop, run_until};

/// Keeps a handle to its own transport, as many programs do: a circle.
struct Circle {
    own: Option<Transport>,
    alive: Rc<Cell<usize>>,
}

impl Circle {
    fn new(alive: &Rc<Cell<usize>>) -> Self {
        alive.set(alive.get() + 1);
        Self { own: None, alive: Rc::clone(alive) }
    }
}

impl Drop for Circle {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            // A protocol dropped with the loop may still use it.
            own.write(b"farewell").expect("it is thrown away");
            own.close();
        }
        self.alive.set(self.alive.get() - 1);
    }
}

impl Protocol for Circle {
    fn connection_made(&mut self, transport: &Transport) {
        self.own = Some(transport.clone());
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data).expect("it is open");
    }
}

#[test]
fn closing_a_loop_drops_protocols_and_closes_paused_and_blocked_connections() {
    let alive = Rc::new(Cell::new(0));
    let mut peers = Vec::new();
    let mut handles = Vec::new();
    {
        let (event_loop, _) = new_loop();
        for number in 0..4 {
            let (near, far) = UnixStream::pair().expect("descriptors are free");
            let count = Rc::clone(&alive);
            let opening = event_loop.connect_accepted_socket(move || Circle::new(&count), near);
            let transport = connected(opening.unwrap(), &event_loop);
            match number {
                0 => transport.pause_reading(),
                1 => transport.write(&[0; 1_000_000]).expect("it is open"),
                2 => handles.push(transport),
                _ => transport.write(b"gathered, and never sent").expect("it is open"),
            }
            peers.push(far);
        }
        let count = Rc::clone(&alive);
        let server = event_loop
            .run_until_complete(event_loop.create_server(move || Circle::new(&count), any()))
            .expect("a port is free");
        let client = TcpStream::connect(server.local_addrs()[0]).expect("it listens");
        let counted = server.clone();
        run_until(&event_loop, move || counted.clients().len() == 1);
        drop(client);
        assert_eq!(alive.get(), 5);
    }
    assert_eq!(alive.get(), 0);
    for mut far in peers {
        far.read_to_end(&mut Vec::new()).expect("it ends");
    }
    for transport in handles {
        assert!(transport.is_closing() && transport.local_addr().is_err());
        transport.write(b"x").expect("it is thrown away");
        transport.abort();
    }
}

// V3: it is closed while it accepts.
#[test]
fn a_factory_that_holds_its_own_server_is_dropped_with_it() {
    let (event_loop, _) = new_loop();
    let alive = Rc::new(());
    let (kept, slot) = (Rc::clone(&alive), Rc::new(std::cell::RefCell::new(None)));
    let own = Rc::clone(&slot);
    let factory = move || {
        let _ = &kept;
        if let Some(server) = own.take() {
            innermost::Server::close(&server);
        }
        Echo
    };
    let server = event_loop.run_until_complete(event_loop.create_server(factory, any())).expect("a port is free");
    *slot.borrow_mut() = Some(server.clone());
    drop(slot);
    let mut client = TcpStream::connect(server.local_addrs()[0]).expect("it listens");
    client.write_all(b"x").expect("it is open");
    let counted = server.clone();
    run_until(&event_loop, move || !counted.is_serving());
    assert!(server.clients().is_empty());
    assert_eq!(Rc::strong_count(&alive), 1);
    event_loop.run_until_complete(server.wait_closed()).expect("all are over");
}
