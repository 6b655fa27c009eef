//! Options of new sockets, as the system reports them.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::BorrowedFd;

use innermost::net::AddressError;
use innermost::transport::CreateServer;
use innermost::{DatagramProtocol, DatagramTransport, EventLoop, Server};
use socket2::{SockRef, Socket};

use crate::transports::protocols::{Echo, any, connected, new_loop, run_until};

fn serving(event_loop: &EventLoop, making: CreateServer) -> Server {
    event_loop.run_until_complete(making).expect("it can listen")
}

/// Whether the condition holds for every listening socket.
fn all(server: &Server, question: impl Fn(&Socket) -> std::io::Result<bool>) -> bool {
    let mut answers = Vec::new();
    server.with_sockets(|fd: BorrowedFd<'_>| answers.push(question(&SockRef::from(&fd)).expect("it is open")));
    assert!(!answers.is_empty());
    answers.iter().all(|answer| *answer)
}

#[test]
fn two_servers_can_share_a_port_if_both_allow_it() {
    let (event_loop, _) = new_loop();
    let first = serving(&event_loop, event_loop.create_server(|| Echo, any()).reuse_port(true));
    let address = first.local_addrs()[0];
    let alone = event_loop.run_until_complete(event_loop.create_server(|| Echo, address)).unwrap_err();
    let alone = alone.downcast_ref().and_then(AddressError::of).expect("it is the system's, and says where");
    assert_eq!(alone.error().kind(), std::io::ErrorKind::AddrInUse);
    let second = serving(&event_loop, event_loop.create_server(|| Echo, address).reuse_port(true));
    assert_eq!(second.local_addrs(), [address]);
    // The remaining server gets all connections.
    first.close();
    let client = connected(event_loop.create_connection(|| Echo, address), &event_loop);
    let counted = second.clone();
    run_until(&event_loop, move || counted.clients().len() == 1);
    client.abort();
}

#[test]
fn an_address_can_be_reused_unless_reuse_is_off() {
    let (event_loop, _) = new_loop();
    let server = serving(&event_loop, event_loop.create_server(|| Echo, any()));
    assert!(all(&server, Socket::reuse_address));
    let server = serving(&event_loop, event_loop.create_server(|| Echo, any()).reuse_address(false));
    assert!(!all(&server, Socket::reuse_address));
}

#[test]
fn idle_connections_of_a_server_are_probed_if_enabled() {
    let (event_loop, _) = new_loop();
    for keep_alive in [false, true] {
        let server = serving(&event_loop, event_loop.create_server(|| Echo, any()).keepalive(keep_alive));
        let address = server.local_addrs()[0];
        let client = connected(event_loop.create_connection(|| Echo, address), &event_loop);
        let counted = server.clone();
        run_until(&event_loop, move || counted.clients().len() == 1);
        let is_probed =
            |fd: Option<BorrowedFd<'_>>| SockRef::from(&fd.expect("it is open")).keepalive().expect("it is open");
        assert_eq!(server.clients()[0].with_fd(is_probed), keep_alive);
        assert!(!client.with_fd(is_probed));
        client.abort();
    }
}

#[test]
fn neither_end_of_a_connection_delays_small_writes() {
    let (event_loop, _) = new_loop();
    let server = serving(&event_loop, event_loop.create_server(|| Echo, any()));
    let address = server.local_addrs()[0];
    let socket = std::net::TcpStream::connect(address).expect("it listens");
    let clients = [
        connected(event_loop.create_connection(|| Echo, address), &event_loop),
        connected(event_loop.connect_accepted_socket(|| Echo, socket).unwrap(), &event_loop),
    ];
    let counted = server.clone();
    run_until(&event_loop, move || counted.clients().len() == 2);
    for transport in clients.iter().chain(&server.clients()) {
        let is_at_once = |fd: Option<BorrowedFd<'_>>| SockRef::from(&fd.expect("it is open")).tcp_nodelay();
        assert!(transport.with_fd(is_at_once).expect("it is open"));
    }
}

#[test]
fn a_backlog_of_any_size_is_accepted() {
    let (event_loop, _) = new_loop();
    for backlog in [0, 1, u32::MAX] {
        let server = serving(&event_loop, event_loop.create_server(|| Echo, any()).backlog(backlog));
        let address = server.local_addrs()[0];
        connected(event_loop.create_connection(|| Echo, address), &event_loop).abort();
    }
}

#[test]
fn each_family_has_sockets_of_its_own() {
    let (event_loop, _) = new_loop();
    // There may be no IPv6 here.
    if let Ok(server) = event_loop.run_until_complete(event_loop.create_server(|| Echo, ("::", 0))) {
        assert!(all(&server, Socket::only_v6));
    }
}

struct Deaf;

impl DatagramProtocol for Deaf {
    fn datagram_received(&mut self, _: &DatagramTransport, _: &[u8], _: SocketAddr) {}
}

#[test]
fn an_endpoint_broadcasts_only_if_enabled() {
    let (event_loop, _) = new_loop();
    for broadcast in [false, true] {
        let opening = event_loop.create_datagram_endpoint(|| Deaf).local_addr(any()).broadcast(broadcast);
        let transport = event_loop.run_until_complete(opening).expect("a port is free");
        let may = transport.with_fd(|fd| SockRef::from(&fd.expect("it is open")).broadcast().expect("it is open"));
        assert_eq!(may, broadcast);
    }
}

#[test]
fn two_endpoints_can_share_a_port_if_both_allow_it() {
    let (event_loop, _) = new_loop();
    let open = |address: SocketAddr, reuse| {
        let opening = event_loop.create_datagram_endpoint(|| Deaf).local_addr(address).reuse_port(reuse);
        event_loop.run_until_complete(opening)
    };
    let first = open(any(), true).expect("a port is free");
    let address = first.local_addr().expect("it is open");
    let alone = open(address, false).unwrap_err();
    let alone = alone.downcast_ref().and_then(AddressError::of).expect("it is the system's, and says where");
    assert_eq!((alone.error().kind(), alone.address()), (std::io::ErrorKind::AddrInUse, &*address.to_string()));
    assert_eq!(open(address, true).expect("both say so").local_addr().expect("it is open"), address);
}

#[test]
fn a_given_socket_takes_no_options() {
    let (event_loop, _) = new_loop();
    let socket = || UdpSocket::bind(any()).expect("a port is free");
    let make = || event_loop.create_datagram_endpoint(|| Deaf).socket(socket());
    for refused in [
        make().unwrap().reuse_port(true),
        make().unwrap().broadcast(true),
        make().unwrap().local_addr(any()),
        make().unwrap().remote_addr(any()),
    ] {
        let raised = event_loop.run_until_complete(refused).unwrap_err();
        let text = "socket modifier keyword arguments can not be used when sock is specified";
        assert_eq!(raised.to_string(), text);
    }
    event_loop.run_until_complete(make().unwrap()).expect("it is bound");
}
