//! What goes wrong outside, and that nothing is left behind.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use innermost::{EventLoop, Protocol, Transport};

use crate::support::{
    Echo, Recorder, any, connected, echo_server, new_loop, run_turns, run_until, run_until_lost, taken,
};

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
            // Whoever is dropped with the loop may use it even so.
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
fn a_loop_that_is_closed_drops_protocols_and_closes_connections_paused_or_blocked() {
    let alive = Rc::new(Cell::new(0));
    let mut peers = Vec::new();
    let mut handles = Vec::new();
    {
        let (event_loop, _) = new_loop();
        for number in 0..4 {
            let (near, far) = UnixStream::pair().expect("descriptors are free");
            let count = Rc::clone(&alive);
            let opening = event_loop.connect_accepted_socket(move || Circle::new(&count), near);
            let transport = connected(opening, &event_loop);
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

fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("it is open");
}

/// Lets the loop run until `attempt` would not block.
fn with_loop<T>(event_loop: &EventLoop, mut attempt: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => event_loop.run_once().expect("it runs"),
            result => return result,
        }
    }
}

// X12
#[test]
fn a_reset_at_every_byte_of_an_exchange_ends_its_connection_and_nothing_else() {
    let (event_loop, events) = new_loop();
    let (server, address) = echo_server(&event_loop);
    let message = b"an exchange of some bytes";
    for sent in 0..=message.len() {
        for received in [0, sent / 2, sent] {
            let mut client = TcpStream::connect(address).expect("it listens");
            client.set_nonblocking(true).expect("it is open");
            client.write_all(&message[..sent]).expect("there is room");
            let mut left = received;
            while left > 0 {
                let mut room = [0; 100];
                let room = &mut room[..left];
                left -= with_loop(&event_loop, || client.read(room)).expect("it comes back");
            }
            reset(&client);
            drop(client);
            event_loop.run_once().expect("it runs");
        }
    }
    let counted = server.clone();
    // The last may not have been accepted yet: one more after it, which is.
    let last = connected(event_loop.create_connection(|| Echo, address), &event_loop);
    last.close();
    run_until(&event_loop, move || counted.clients().is_empty());
    assert_eq!(taken(&events), [""; 0]);
    server.close();
    event_loop.run_until_complete(server.wait_closed()).expect("all are over");
}

// asyncio's `get_extra_info('peername')`: to say who is gone.
#[test]
fn the_peers_address_is_known_when_the_peer_has_reset_the_connection_and_after_that() {
    let (event_loop, events) = new_loop();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    let log = Rc::clone(&events);
    let protocol = Recorder::new("", &events).reacting(move |transport, event| {
        if event.starts_with("lost") {
            log.borrow_mut().push(format!("it was {}", transport.peer_addr().expect("it is known")));
        }
    });
    let transport = connected(event_loop.create_connection(|| protocol, address), &event_loop);
    let far = listener.accept().expect("it has connected").0;
    reset(&far);
    drop(far);
    run_until_lost(&event_loop, &transport);
    assert_eq!(taken(&events).last(), Some(&format!("it was {address}")));
    assert_eq!(transport.peer_addr().expect("it is known"), address);
}

// V3
#[test]
fn a_server_that_is_closed_while_connections_wait_in_its_backlog_lets_go_of_them() {
    let (event_loop, events) = new_loop();
    let (server, address) = echo_server(&event_loop);
    let clients: Vec<_> = (0..10).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    server.close();
    run_turns(&event_loop, 200);
    event_loop.run_until_complete(server.wait_closed()).expect("nobody was let in");
    for mut client in clients {
        let ended = client.read(&mut [0]);
        assert!(ended.is_err() || ended.is_ok_and(|count| count == 0));
    }
    assert_eq!(taken(&events), [""; 0]);
}

#[test]
fn an_idle_connection_costs_less_than_a_kibibyte() {
    const COUNT: usize = 400;
    let (event_loop, _) = new_loop();
    // What is read and echoed leaves nothing behind either.
    let mut pairs = Vec::new();
    let mut open = |count: usize| {
        for _ in 0..count {
            let (near, mut far) = UnixStream::pair().expect("descriptors are free");
            far.write_all(b"hello").expect("it is open");
            connected(event_loop.connect_accepted_socket(|| Echo, near), &event_loop);
            pairs.push(far);
        }
        run_turns(&event_loop, 200);
        crate::counting::bytes()
    };
    let before = open(8);
    let more = open(COUNT).saturating_sub(before);
    assert!(more / COUNT < 1024, "{} bytes for each", more / COUNT);
}

// V3: it is closed while it accepts.
#[test]
fn a_factory_that_holds_its_own_server_goes_with_it() {
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
    run_until(&event_loop, move || counted.clients().len() == 1);
    assert!(!server.is_serving());
    assert_eq!(Rc::strong_count(&alive), 1);
    server.close_clients();
    event_loop.run_until_complete(server.wait_closed()).expect("all are over");
}
