//! Connecting to names, with real listeners.

use std::io;
use std::net::{self, IpAddr, SocketAddr};
use std::time::Duration;

use innermost::net::ConnectError;
use innermost::resolver::{LookupError, Query, StaticResolver};
use innermost::{EventLoop, TcpStream, connect};

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(3600);

/// A listener of the loopback, at `port` or at any.
fn listen(ip: &str, port: u16) -> io::Result<(net::TcpListener, SocketAddr)> {
    let listener = net::TcpListener::bind((ip, port))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// A loop that knows the name `host`, and addresses for it.
fn loop_that_knows(addresses: &[&str]) -> EventLoop {
    let event_loop = EventLoop::new().unwrap();
    let addresses = addresses.iter().map(|address| address.parse::<IpAddr>().unwrap());
    event_loop.set_resolver(StaticResolver::new().with("host", addresses));
    event_loop
}

#[test]
fn a_name_is_looked_up_and_connected_to() {
    let (listener, address) = listen("127.0.0.1", 0).unwrap();
    let event_loop = EventLoop::new().unwrap();
    for to in [Query::new("localhost", address.port()), Query::from(address)] {
        let stream = event_loop.run_until_complete(connect(to)).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
    }
}

#[test]
fn connects_over_both_families() {
    let Ok((_listener, address)) = listen("::1", 0) else {
        // There is no IPv6 here: `::1` cannot be listened at.
        return;
    };
    let event_loop = loop_that_knows(&["::1", "127.0.0.1"]);
    let stream = event_loop.run_until_complete(connect(("host", address.port()))).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);

    // Refused there, accepted here: the delay does not pass.
    let (_listener, address) = listen("127.0.0.1", 0).unwrap();
    let connecting = connect(("host", address.port())).happy_eyeballs_delay(Some(LONG));
    let stream = event_loop.run_until_complete(connecting).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);
}

// V8
#[test]
fn if_every_address_refuses_the_error_lists_all() {
    let port = listen("127.0.0.1", 0).unwrap().1.port();
    let event_loop = loop_that_knows(&["127.0.0.1", "127.0.0.2"]);
    for delay in [None, Some(Duration::ZERO), Some(LONG)] {
        let raised = event_loop.run_until_complete(connect(("host", port)).happy_eyeballs_delay(delay)).unwrap_err();
        let refused = net::TcpStream::connect(("127.0.0.1", port)).unwrap_err();
        let expected = format!(
            "Multiple exceptions: cannot connect to 127.0.0.1:{port}: {refused}, \
             cannot connect to 127.0.0.2:{port}: {refused}"
        );
        assert_eq!(raised.to_string(), expected);
        assert_eq!(raised.downcast::<ConnectError>().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    }
    let raised = event_loop.run_until_complete(connect(("127.0.0.1", port))).unwrap_err();
    assert!(raised.to_string().starts_with(&format!("cannot connect to 127.0.0.1:{port}: ")));
    let raised = event_loop.run_until_complete(connect(("unknown", port))).unwrap_err();
    assert!(raised.downcast_ref::<LookupError>().is_some());
}

#[test]
fn a_connection_uses_the_requested_local_address() {
    let (listener, address) = listen("127.0.0.1", 0).unwrap();
    let event_loop = loop_that_knows(&["127.0.0.9"]);
    for local in [Query::new("127.0.0.9", 0), Query::new("host", 0)] {
        let connecting = connect(address).local_addr(local);
        let stream = event_loop.run_until_complete(connecting).unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), "127.0.0.9".parse::<IpAddr>().unwrap());
        assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
    }
}

#[test]
fn an_unavailable_local_address_is_reported() {
    let (_listener, address) = listen("127.0.0.1", 0).unwrap();
    let event_loop = EventLoop::new().unwrap();
    let fails = |local: &str| {
        let connecting = connect(address).local_addr((local, 0));
        let raised = event_loop.run_until_complete(connecting).unwrap_err();
        let error = raised.downcast::<ConnectError>().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        error.to_string()
    };
    assert_eq!(fails("::1"), format!("cannot connect to {address}: no local address is of the same family"));
    // Of a network that is for documentation only (RFC 5737).
    let text = fails("203.0.113.1");
    assert!(text.starts_with(&format!("cannot connect to {address}: cannot connect from 203.0.113.1:0: ")), "{text}");
}

#[test]
fn debug_shows_the_progress_of_connecting() {
    let event_loop = loop_that_knows(&["127.0.0.1", "127.0.0.2"]);
    let connecting = connect(("host", 80));
    assert_eq!(format!("{connecting:?}"), "connect(host:80)");
    assert_eq!(format!("{:?}", event_loop.getaddrinfo(("127.0.0.1", 80))), "Lookup(known)");
    assert_eq!(format!("{:?}", TcpStream::connect(([127, 0, 0, 1], 80).into())), "connect(127.0.0.1:80)");
}
