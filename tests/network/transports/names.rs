//! Connecting and listening by name.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use innermost::net::{AddressError, ConnectError};
use innermost::resolver::Addresses;
use innermost::resolver::{AddrInfo, Answer, Family, LookupError, NameFlags, Query, Resolve, StaticResolver};
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, DatagramProtocol, EventLoop, Exception, Kind, Server, Step, from_fn,
    sleep, timeout, yield_from,
};

use crate::no_threads::NoThreads;
use crate::transports::protocols::{Echo, Log, Recorder, any, connected, echo_server, new_loop, run_turns};

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(3600);

/// A loop that knows the name `host`, and addresses for it; no other name, and no thread to look one up.
fn loop_that_knows(addresses: &[&str]) -> (EventLoop, Log) {
    let (event_loop, events) = new_loop();
    let addresses = addresses.iter().map(|address| address.parse::<IpAddr>().expect("it is one"));
    event_loop.set_resolver(StaticResolver::new().with("host", addresses));
    event_loop.set_default_executor(NoThreads);
    (event_loop, events)
}

/// Never answers.
struct Silent;

impl Resolve for Silent {
    fn getaddrinfo(&self, _: Query) -> Answer<Vec<AddrInfo>> {
        Box::new(sleep(LONG).map(|()| Vec::new()))
    }

    fn getnameinfo(&self, _: SocketAddr, _: NameFlags) -> Answer<(String, String)> {
        Box::new(sleep(LONG).map(|()| (String::new(), String::new())))
    }
}

/// Knows every name, and no address.
struct Empty;

impl Resolve for Empty {
    fn getaddrinfo(&self, _: Query) -> Answer<Vec<AddrInfo>> {
        Box::new(innermost::ready(Vec::new()))
    }

    fn getnameinfo(&self, _: SocketAddr, _: NameFlags) -> Answer<(String, String)> {
        Box::new(innermost::ready((String::new(), String::new())))
    }
}

fn served(event_loop: &EventLoop, at: impl Into<Addresses>) -> Result<Server, Exception> {
    event_loop.run_until_complete(event_loop.create_server(|| Echo, at))
}

fn addresses(server: &Server) -> Vec<IpAddr> {
    server.local_addrs().iter().map(SocketAddr::ip).collect()
}

/// An unused port. Each test has its own network, so it stays unused.
fn free_port(ip: &str) -> u16 {
    TcpListener::bind((ip, 0)).and_then(|listener| listener.local_addr()).expect("a port is free").port()
}

/// Whether there is IPv6 here.
fn has_v6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

#[test]
fn localhost_is_served_and_connected_to() {
    let (event_loop, events) = new_loop();
    let server = served(&event_loop, ("localhost", 0)).expect("it is known");
    assert!(addresses(&server).iter().all(IpAddr::is_loopback));
    for address in server.local_addrs() {
        let query = Query::new("localhost", address.port());
        let query = if address.is_ipv4() { query.family(Family::V4) } else { query.family(Family::V6) };
        let recorder = Recorder::new("", &events);
        let client = connected(event_loop.create_connection(|| recorder, query), &event_loop);
        assert_eq!(client.peer_addr().expect("it is known"), address);
        assert_eq!(events.take(), ["made"]);
        client.abort();
    }
}

#[test]
fn connecting_to_an_address_takes_no_thread_and_no_extra_turn() {
    let (event_loop, _) = loop_that_knows(&[]);
    event_loop.set_resolver(innermost::resolver::SystemResolver::new());
    let server = served(&event_loop, (["127.0.0.1", "127.0.0.2"], 0)).expect("they are addresses");
    let port = server.local_addrs()[1].port();
    for at in [Addresses::from(("127.0.0.2", port)), Addresses::from(([127, 0, 0, 2], port))] {
        let connecting = event_loop.create_connection(|| Echo, at).local_addr(("127.0.0.3", 0));
        assert_eq!(
            connected(connecting, &event_loop).local_addr().expect("it is open").ip(),
            IpAddr::from([127, 0, 0, 3])
        );
    }
    let endpoint = event_loop.create_datagram_endpoint(|| Deaf).local_addr(("127.0.0.1", 0));
    event_loop.run_until_complete(endpoint).expect("it is an address");
    let raised = served(&event_loop, ("localhost", 0)).unwrap_err();
    assert_eq!(raised.to_string(), "no thread");
}

#[test]
fn an_empty_host_listens_at_every_address() {
    let (event_loop, _) = loop_that_knows(&[]);
    for host in [Addresses::from(("", 0)), Addresses::from((None, 0)), Addresses::from(Query::of_this_machine(0))] {
        let server = served(&event_loop, host).expect("there is one at least");
        let mut found = addresses(&server);
        found.sort_unstable();
        let all = [IpAddr::from([0, 0, 0, 0]), IpAddr::from([0_u16; 8])];
        assert!(found == all || (found == all[..1] && !has_v6()), "{found:?}");
        let port = server.local_addrs()[0].port();
        assert!(TcpStream::connect(("localhost", port)).is_ok());
    }
    // To connect to, that is nothing.
    let raised = event_loop.run_until_complete(event_loop.create_connection(|| Echo, ("", 1))).unwrap_err();
    assert_eq!(raised.kind(), Kind::ValueError);
}

#[test]
fn a_duplicate_address_is_served_once() {
    let (event_loop, _) = loop_that_knows(&["127.0.3.1", "127.0.3.2", "127.0.3.1"]);
    let port = free_port("127.0.3.1");
    let server = served(&event_loop, (["127.0.3.2", "host", "127.0.3.2", "host"], port)).expect("it is free");
    assert_eq!(addresses(&server), [IpAddr::from([127, 0, 3, 2]), IpAddr::from([127, 0, 3, 1])]);
}

#[test]
fn missing_local_addresses_are_skipped_unless_all_are_missing() {
    // Of networks that are for documentation only: RFC 5737, RFC 3849.
    let (event_loop, _) = loop_that_knows(&["192.0.2.1", "127.0.4.1", "2001:db8::1"]);
    let server = served(&event_loop, ("host", 0)).expect("it has one of them");
    assert_eq!(addresses(&server), [IpAddr::from([127, 0, 4, 1])]);
    event_loop.set_resolver(StaticResolver::new().with("host", ["192.0.2.1".parse().expect("it is one")]));
    for hosts in [["127.0.4.1", "192.0.2.1"], ["127.0.4.1", "host"]] {
        let port = free_port("127.0.4.1");
        let raised = served(&event_loop, (hosts, port)).unwrap_err().downcast::<io::Error>().expect("the system's");
        let at = AddressError::of(&raised).expect("it says where");
        assert_eq!(at.address(), format!("192.0.2.1:{port}"));
        assert_eq!((raised.kind(), at.error().kind()), (io::ErrorKind::AddrNotAvailable, raised.kind()));
        // Neither listens, even at addresses that are free.
        assert!(TcpStream::connect(("127.0.4.1", port)).is_err());
    }
}

#[test]
fn if_one_address_is_in_use_no_socket_listens() {
    let (event_loop, _) = loop_that_knows(&["127.0.5.1", "127.0.5.2"]);
    let taken = TcpListener::bind(("127.0.5.2", 0)).expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port();
    let raised = served(&event_loop, ("host", port)).unwrap_err();
    assert!(raised.to_string().starts_with(&format!("cannot bind to 127.0.5.2:{port}: ")), "{raised}");
    assert!(TcpStream::connect(("127.0.5.1", port)).is_err());
}

// V1: two servers may be bound to one address, as long as one of them listens.
#[cfg(target_os = "linux")]
#[test]
fn if_one_socket_cannot_listen_the_server_is_closed() {
    let (event_loop, _) = new_loop();
    let port = free_port("127.0.6.1");
    let late = event_loop.create_server(|| Echo, (["127.0.6.1", "127.0.6.2"], port)).start_serving_later();
    let late = event_loop.run_until_complete(late).expect("it is free");
    let first = served(&event_loop, ("127.0.6.2", port)).expect("nobody listens there");
    let raised = late.start_serving().unwrap_err();
    assert!(raised.to_string().starts_with(&format!("cannot listen at 127.0.6.2:{port}: ")), "{raised}");
    assert!(!late.is_serving() && late.local_addrs().is_empty());
    assert!(TcpStream::connect(("127.0.6.1", port)).is_err());
    assert!(first.is_serving() && TcpStream::connect(("127.0.6.2", port)).is_ok());
    // Both at once.
    let raised = served(&event_loop, (["127.0.6.1", "127.0.6.2"], port)).unwrap_err();
    assert!(raised.to_string().contains(&format!("127.0.6.2:{port}: ")), "{raised}");
    assert!(TcpStream::connect(("127.0.6.1", port)).is_err());
}

// V8
#[test]
fn the_addresses_of_a_name_are_tried_until_one_connects() {
    let (event_loop, events) = loop_that_knows(&["127.0.7.1", "127.0.7.2", "127.0.7.3"]);
    let listener = TcpListener::bind(("127.0.7.3", 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    for delay in [None, Some(Duration::ZERO), Some(LONG)] {
        let recorder = Recorder::new("", &events);
        let connecting = event_loop.create_connection(|| recorder, ("host", address.port()));
        let client = connected(connecting.happy_eyeballs_delay(delay), &event_loop);
        assert_eq!(client.peer_addr().expect("it is known"), address);
        // Of all the attempts, one has a protocol.
        assert_eq!(events.take(), ["made"]);
        client.abort();
        run_turns(&event_loop, 3);
        assert_eq!(events.take(), ["lost None"]);
    }
    drop(listener);
    let connecting = event_loop.create_connection(|| Echo, ("host", address.port()));
    let raised =
        event_loop.run_until_complete(connecting).unwrap_err().downcast::<ConnectError>().expect("all have failed");
    let tried: Vec<_> = raised.failures().iter().map(|(address, _)| address.ip().to_string()).collect();
    assert_eq!(tried, ["127.0.7.1", "127.0.7.2", "127.0.7.3"]);
    let is_whole = |(_, error): &(_, Exception)| error.downcast_ref().and_then(io::Error::raw_os_error).is_some();
    assert!(raised.failures().iter().all(is_whole));
}

#[test]
fn families_alternate_if_there_is_a_delay_or_on_request() {
    let (event_loop, _) = loop_that_knows(&["127.0.8.1", "127.0.8.2", "::1"]);
    let port = free_port("127.0.8.1");
    let tried = |change: fn(innermost::transport::CreateConnection) -> innermost::transport::CreateConnection| {
        let connecting = change(event_loop.create_connection(|| Echo, ("host", port)));
        let raised = event_loop.run_until_complete(connecting).unwrap_err().downcast::<ConnectError>();
        let failures: Vec<_> =
            raised.expect("nobody listens").failures().iter().map(|(to, _)| to.ip().to_string()).collect();
        failures
    };
    assert_eq!(tried(|connecting| connecting), ["127.0.8.1", "127.0.8.2", "::1"]);
    let in_turns = ["127.0.8.1", "::1", "127.0.8.2"];
    assert_eq!(tried(|connecting| connecting.happy_eyeballs_delay(Some(LONG))), in_turns);
    assert_eq!(tried(|connecting| connecting.interleave(1)), in_turns);
    assert_eq!(
        tried(|connecting| connecting.happy_eyeballs_delay(Some(LONG)).interleave(0)),
        ["127.0.8.1", "127.0.8.2", "::1"]
    );
}

#[test]
fn the_local_address_may_be_given_by_name() {
    let (event_loop, _) = loop_that_knows(&["::1", "127.0.0.9"]);
    let (_server, address) = echo_server(&event_loop);
    let connecting = event_loop.create_connection(|| Echo, address).local_addr(("host", 0));
    assert_eq!(connected(connecting, &event_loop).local_addr().expect("it is open").ip(), IpAddr::from([127, 0, 0, 9]));
    // Every address is none in particular.
    let connecting = event_loop.create_connection(|| Echo, address).local_addr(("", 0));
    assert_eq!(connected(connecting, &event_loop).peer_addr().expect("it is known"), address);
    let connecting = event_loop.create_connection(|| Echo, address).local_addr(("192.0.2.1", 0));
    let raised = event_loop.run_until_complete(connecting).unwrap_err();
    let text = format!("cannot connect to {address}: cannot connect from 192.0.2.1:0: ");
    assert!(raised.to_string().starts_with(&text), "{raised}");
    let raised = raised.downcast::<ConnectError>().expect("it is one");
    let local = raised.failures()[0].1.downcast_ref().and_then(AddressError::of).expect("it says where");
    assert!(local.error().raw_os_error().is_some());
}

struct Deaf;

impl DatagramProtocol for Deaf {
    fn datagram_received(&mut self, _: &innermost::DatagramTransport, _: &[u8], _: SocketAddr) {}
}

#[test]
fn datagram_endpoints_accept_names_for_both_addresses() {
    let (event_loop, _) = loop_that_knows(&["2001:db8::1", "192.0.2.1", "127.0.0.5"]);
    let open = |local: Option<&str>, remote: Option<&str>| {
        let mut endpoint = event_loop.create_datagram_endpoint(|| Deaf);
        if let Some(local) = local {
            endpoint = endpoint.local_addr((local, 0));
        }
        if let Some(remote) = remote {
            endpoint = endpoint.remote_addr((remote, 9));
        }
        event_loop.run_until_complete(endpoint)
    };
    let is_at = |transport: innermost::DatagramTransport, ip: [u8; 4]| {
        assert_eq!(transport.local_addr().expect("it is open").ip(), IpAddr::from(ip));
    };
    is_at(open(Some("host"), None).expect("it has one of them"), [127, 0, 0, 5]);
    is_at(open(Some("host"), Some("127.0.0.1")).expect("of that family it has one"), [127, 0, 0, 5]);
    let both = open(Some("127.0.0.6"), Some("host")).expect("one is of this machine");
    assert!(both.peer_addr().is_some_and(|peer| peer.is_ipv4()));
    let raised = open(Some("192.0.2.1"), None).unwrap_err().downcast::<io::Error>().expect("it is the system's");
    let at = AddressError::of(&raised).expect("it says where");
    assert!(at.address() == "192.0.2.1:0" && at.error().raw_os_error().is_some());
    assert_eq!(open(Some("127.0.0.1"), Some("::1")).unwrap_err().kind(), Kind::ValueError);
    assert!(open(None, Some("unknown")).unwrap_err().downcast_ref::<LookupError>().is_some());
}

// V8
#[test]
fn unknown_names_and_names_without_an_address_are_reported() {
    let (event_loop, _) = loop_that_knows(&[]);
    let is_unknown = |event_loop: &EventLoop| {
        let raised = event_loop.run_until_complete(event_loop.create_connection(|| Echo, ("unknown", 1))).unwrap_err();
        assert!(raised.downcast_ref::<LookupError>().is_some(), "{raised:?}");
        let raised = served(event_loop, ("unknown", 0)).unwrap_err();
        assert_eq!(raised.downcast_ref::<LookupError>().map(LookupError::name), Some("unknown:0"));
    };
    is_unknown(&event_loop);
    event_loop.set_resolver(Empty);
    is_unknown(&event_loop);
    let raised = event_loop.run_until_complete(event_loop.open_connection(Addresses::from([]))).unwrap_err();
    assert_eq!(raised.to_string(), "there is no address to connect to");
    for bad in ["a..b", "nul\0", &"x".repeat(64)] {
        assert_eq!(served(&event_loop, (bad, 0)).unwrap_err().kind(), Kind::ValueError);
    }
}

/// Every operation that waits for a look-up.
fn waiting(event_loop: &EventLoop) -> Vec<Box<dyn Awaitable<Return = ()>>> {
    vec![
        Box::new(event_loop.create_connection(|| -> Echo { panic!("nothing is connected") }, ("host", 1)).map(drop)),
        Box::new(event_loop.create_server(|| Echo, (["127.0.0.1", "host"], 0)).map(drop)),
        Box::new(
            event_loop
                .create_datagram_endpoint(|| -> Deaf { panic!("it is not open") })
                .local_addr(("host", 0))
                .map(drop),
        ),
    ]
}

// E18
#[test]
fn a_wait_for_a_lookup_can_be_cancelled_or_timed_out_at_once() {
    let (event_loop, events) = new_loop();
    event_loop.set_resolver(Silent);
    for waiting in waiting(&event_loop) {
        let task = event_loop.create_task(waiting).expect("it is open");
        run_turns(&event_loop, 3);
        assert!(!task.done());
        task.cancel();
        assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    }
    for waiting in waiting(&event_loop) {
        let raised = event_loop.run_until_complete(timeout(waiting, Duration::ZERO)).unwrap_err();
        assert_eq!(raised.kind(), Kind::TimeoutError);
    }
    assert_eq!(events.take(), [""; 0]);
}

// It already listens in the turn before the server is returned.
#[test]
fn cancelling_or_dropping_the_creation_of_a_server_closes_it() {
    let (event_loop, _) = new_loop();
    let port = free_port("127.0.9.1");
    let listens = move || TcpStream::connect(("127.0.9.1", port)).is_ok();
    let mut creating = event_loop.create_server(|| Echo, ("127.0.9.1", port));
    assert!(matches!(creating.resume(Ok(())), Ok(Step::Yield(ref wait)) if wait.is_next_turn()));
    assert!(listens());
    assert!(creating.resume(Err(Exception::cancelled())).is_err_and(|raised| raised.is_cancelled()));
    assert!(!listens());
    let mut creating = event_loop.create_server(|| Echo, ("127.0.9.1", port));
    assert!(creating.resume(Ok(())).is_ok() && listens());
    drop(creating);
    assert!(!listens());
}

#[test]
fn resuming_an_ended_operation_raises() {
    let (event_loop, _) = new_loop();
    let again = |mut ended: Box<dyn Awaitable<Return = ()>>| {
        let twice = from_fn(move |mut sent: Result<(), Exception>| {
            yield_from!(ended, sent)?;
            let raised = ended.resume(Ok(())).expect_err("it has ended");
            Ok(Step::<Await, (), _>::Return(raised.kind()))
        });
        assert_eq!(event_loop.run_until_complete(twice).expect("a port is free"), Kind::RuntimeError);
    };
    let (_server, address) = echo_server(&event_loop);
    again(Box::new(event_loop.create_connection(|| Echo, address).map(drop)));
    again(Box::new(event_loop.create_server(|| Echo, any()).map(drop)));
    again(Box::new(event_loop.create_datagram_endpoint(|| Deaf).local_addr(any()).map(drop)));
}
