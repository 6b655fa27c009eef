//! Datagram endpoints of Unix sockets. Their queues can be filled on one machine, so these tests cover UDP's send buffer too.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::AddressError;
use innermost::selector::default_selector;
use innermost::testing::VirtualClock;
use innermost::transport::CreateUnixDatagramEndpoint;
use innermost::{DatagramProtocol, DatagramTransport, EventLoop, Exception, Kind, sleep};

use socket2::SockRef;

use crate::transports::protocols::{Log, Recorder, new_loop, run_turns, run_until};

type Transport = DatagramTransport<SocketAddr>;

/// Sends received datagrams back.
struct Echo;

impl DatagramProtocol<SocketAddr> for Echo {
    fn datagram_received(&mut self, transport: &Transport, data: &[u8], from: SocketAddr) {
        transport.send_to(data, Some(from)).expect("it has an address, or is the peer");
    }
}

/// A path for one test, with nothing there before and after it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("innermost.{}.{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    fn bind(&self) -> UnixDatagram {
        let socket = UnixDatagram::bind(&self.0).expect("nothing is there");
        socket.set_nonblocking(true).expect("it is open");
        socket
    }

    fn addr(&self) -> SocketAddr {
        SocketAddr::from_pathname(&self.0).expect("it is short enough")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn recorded(event_loop: &EventLoop, events: &Log) -> CreateUnixDatagramEndpoint {
    let events = events.clone();
    event_loop.create_unix_datagram_endpoint(move || Recorder::of_datagrams(&events))
}

fn open(event_loop: &EventLoop, endpoint: CreateUnixDatagramEndpoint) -> Transport {
    event_loop.run_until_complete(endpoint).expect("it can be opened")
}

/// Runs until this many events were recorded, and takes them.
fn next(event_loop: &EventLoop, events: &Log, count: usize) -> Vec<String> {
    let seen = events.clone();
    run_until(event_loop, move || seen.entries().len() >= count);
    events.take()
}

/// Everything that waits at a socket.
fn drain(socket: &UnixDatagram) -> Vec<String> {
    let mut bytes = [0; 100];
    let received = std::iter::from_fn(|| socket.recv(&mut bytes).ok().map(|count| bytes[..count].to_vec()));
    received.map(|data| String::from_utf8(data).expect("it was sent so")).collect()
}

/// Receives until `done` holds, and then the rest. Returns everything.
fn receive_until(event_loop: &EventLoop, far: UnixDatagram, mut done: impl FnMut() -> bool + 'static) -> Vec<String> {
    let received = Rc::new(RefCell::new(Vec::new()));
    let far = Rc::new(far);
    let (from, to) = (Rc::clone(&far), Rc::clone(&received));
    run_until(event_loop, move || {
        to.borrow_mut().extend(drain(&from));
        done()
    });
    let mut received = received.take();
    received.extend(drain(&far));
    received
}

/// Sends numbers until the endpoint queues some of them. Returns how many it has sent.
fn overfill(transport: &Transport, to: Option<&SocketAddr>) -> usize {
    let mut count = 0;
    while transport.write_buffer_size() < 100 {
        transport.send_to(count.to_string().as_bytes(), to.cloned()).expect("somebody is there");
        count += 1;
        assert!(count < 100_000, "the receiver is never full");
    }
    count
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

// X1, X16
#[test]
fn unix_datagrams_including_empty_ones_carry_their_senders_path() {
    let (event_loop, events) = new_loop();
    let (server, client) = (Place::new("server"), Place::new("client"));
    let echo = open(&event_loop, event_loop.create_unix_datagram_endpoint(|| Echo).local_addr(&server.0).unwrap());
    assert_eq!(echo.local_addr().expect("it is open").as_pathname(), Some(&*server.0));
    assert!(echo.peer_addr().is_none());
    let endpoint = recorded(&event_loop, &events).local_addr(&client.0).unwrap().remote_addr(&server.0);
    let transport = open(&event_loop, endpoint.unwrap());
    assert_eq!(transport.peer_addr().expect("it has one").as_pathname(), Some(&*server.0));
    for data in [&b"one"[..], b"", b"three"] {
        transport.send_to(data, None).expect("there is a peer");
    }
    assert_eq!(
        next(&event_loop, &events, 4),
        ["made", "data one from server", "data  from server", "data three from server"]
    );
    transport.send_to(b"again", Some(server.addr())).expect("it is the peer");
    assert_eq!(next(&event_loop, &events, 1), ["data again from server"]);
    transport.close();
    assert_eq!(next(&event_loop, &events, 1), ["lost None"]);
    assert!(transport.local_addr().is_err());
    transport.send_to(b"late", None).expect("that is thrown away");
}

// X16
#[test]
fn closing_sends_queued_datagrams_and_receives_no_more() {
    let (event_loop, events) = new_loop();
    let (here, there) = (Place::new("flushing"), Place::new("flushed"));
    let far = there.bind();
    let transport =
        open(&event_loop, recorded(&event_loop, &events).local_addr(&here.0).unwrap().remote_addr(&there.0).unwrap());
    let count = overfill(&transport, None);
    far.send_to(b"unheard", &here.0).expect("there is room");
    transport.close();
    assert!(transport.is_closing());
    run_turns(&event_loop, 10);
    assert_eq!(events.take(), ["made"]);
    let received = receive_until(&event_loop, far, move || transport.with_fd(|fd| fd.is_none()));
    assert_eq!(received, numbers(count));
    assert_eq!(events.take(), ["lost None"]);
}

// X10
#[test]
fn aborting_discards_queued_datagrams() {
    let (event_loop, events) = new_loop();
    let place = Place::new("aborted");
    let far = place.bind();
    for peer in [true, false] {
        let endpoint = recorded(&event_loop, &events);
        let transport = open(&event_loop, if peer { endpoint.remote_addr(&place.0).unwrap() } else { endpoint });
        let to = place.addr();
        let count = overfill(&transport, (!peer).then_some(&to));
        transport.abort();
        assert_eq!((events.take(), transport.write_buffer_size()), (vec!["made".to_owned()], 0));
        assert_eq!(next(&event_loop, &events, 1), ["lost None"]);
        let received = drain(&far);
        assert!(received.len() < count);
        assert_eq!(received, numbers(received.len()));
    }
}

// X6
#[test]
fn writing_pauses_while_the_peer_is_full_and_resumes_when_it_reads() {
    let (event_loop, events) = new_loop();
    let place = Place::new("pausing");
    let far = place.bind();
    let transport = open(&event_loop, recorded(&event_loop, &events).remote_addr(&place.0).unwrap());
    transport.set_write_buffer_limits(Some(99), Some(0)).expect("one is below the other");
    // Until 100 bytes wait.
    let count = overfill(&transport, None);
    assert_eq!(events.take(), ["made", "pause"]);
    run_turns(&event_loop, 10);
    assert_eq!(events.take(), [""; 0]);
    let seen = events.clone();
    let received = receive_until(&event_loop, far, move || !seen.entries().is_empty());
    assert_eq!(events.take(), ["resume"]);
    assert_eq!((received, transport.write_buffer_size()), (numbers(count), 0));
}

// X16
#[test]
fn without_a_peer_a_receiver_filled_by_others_gets_its_datagrams() {
    let (event_loop, events) = new_loop();
    let place = Place::new("filled");
    let far = place.bind();
    let other = UnixDatagram::unbound().expect("a descriptor is free");
    other.set_nonblocking(true).expect("it is open");
    while other.send_to(b"other", &place.0).is_ok() {}
    let transport = open(&event_loop, recorded(&event_loop, &events));
    let count = overfill(&transport, Some(&place.addr()));
    transport.close();
    let received = receive_until(&event_loop, far, move || transport.with_fd(|fd| fd.is_none()));
    let own: Vec<_> = received.into_iter().skip_while(|data| data == "other").collect();
    assert_eq!(own, numbers(count));
    assert_eq!(events.take(), ["made", "lost None"]);
}

// X16
#[test]
fn without_a_peer_a_full_receiver_does_not_delay_others() {
    let (event_loop, events) = new_loop();
    let (idle, full) = (Place::new("idle"), Place::new("full"));
    let (_unread, far) = (idle.bind(), full.bind());
    let transport = open(&event_loop, recorded(&event_loop, &events));
    // So many bytes that the sender is not writable until they are read.
    let size = transport.with_fd(|fd| SockRef::from(&fd.expect("it is open")).send_buffer_size()).expect("it is open");
    transport.send_to(&vec![0; size / 2], Some(idle.addr())).expect("somebody is there");
    let other = UnixDatagram::unbound().expect("a descriptor is free");
    other.set_nonblocking(true).expect("it is open");
    while other.send_to(b"other", &full.0).is_ok() {}
    transport.send_to(b"own", Some(full.addr())).expect("somebody is there");
    assert!(transport.write_buffer_size() > 0);
    transport.close();
    let received = receive_until(&event_loop, far, move || transport.with_fd(|fd| fd.is_none()));
    assert_eq!(received.last().map(String::as_str), Some("own"));
    assert_eq!(events.take(), ["made", "lost None"]);
}

#[test]
fn datagrams_to_a_full_receiver_are_retried_with_increasing_pauses() {
    let selector = default_selector().expect("a descriptor is free");
    let event_loop = EventLoop::with(selector, Box::new(VirtualClock::new())).expect("a descriptor is free");
    let events = Log::default();
    let place = Place::new("tried");
    let far = place.bind();
    let transport = open(&event_loop, recorded(&event_loop, &events));
    let count = overfill(&transport, Some(&place.addr()));
    // At 1, 3, 7, 15, 31, 63, 113 ms, and every 50 ms from there.
    let deadline = || event_loop.next_deadline().expect("it tries again");
    let mut tries = Vec::new();
    while tries.len() < 8 {
        if tries.last() != Some(&deadline()) && deadline() > event_loop.time() {
            tries.push(deadline());
        }
        event_loop.run_until_complete(sleep(deadline() - event_loop.time())).expect("it is open");
    }
    assert_eq!(
        tries,
        [1, 3, 7, 15, 31, 63, 113, 163].map(|at| innermost::Instant::from_zero(Duration::from_millis(at)))
    );
    let mut received = drain(&far);
    while received.len() < count {
        event_loop.run_until_complete(sleep(Duration::from_millis(50))).expect("it is open");
        received.extend(drain(&far));
    }
    assert_eq!((received, transport.write_buffer_size()), (numbers(count), 0));
}

#[test]
fn a_datagram_longer_than_udp_allows_arrives_whole() {
    let (event_loop, events) = new_loop();
    let (near, far) = UnixDatagram::pair().expect("descriptors are free");
    open(&event_loop, recorded(&event_loop, &events).socket(near).unwrap());
    let data = "x".repeat(150_000);
    far.send(data.as_bytes()).expect("the buffer is larger");
    assert_eq!(next(&event_loop, &events, 2), ["made".to_owned(), format!("data {data} from nobody")]);
}

// X16
#[test]
fn a_socket_without_an_address_is_answered_only_by_its_peer() {
    let (event_loop, events) = new_loop();
    // Neither of a pair has an address, and each is the other's peer.
    let (near, far) = UnixDatagram::pair().expect("descriptors are free");
    let echo = open(&event_loop, event_loop.create_unix_datagram_endpoint(|| Echo).socket(near).unwrap());
    let transport = open(&event_loop, recorded(&event_loop, &events).socket(far).unwrap());
    transport.send_to(b"hello", None).expect("there is a peer");
    assert_eq!(next(&event_loop, &events, 2), ["made", "data hello from nobody"]);
    assert!(echo.peer_addr().expect("it has one").is_unnamed());
    let place = Place::new("another");
    let refused = echo.send_to(b"x", Some(place.addr())).unwrap_err();
    assert_eq!(refused.to_string(), "Invalid address: must be None or (unnamed)");

    let free = open(&event_loop, recorded(&event_loop, &events));
    let nowhere = UnixDatagram::unbound().and_then(|socket| socket.local_addr()).expect("it has none");
    for (to, text) in [
        (None, "the endpoint has no peer: an address to send to is needed"),
        (Some(nowhere), "the receiver has no address: only its peer can send to it"),
    ] {
        let refused = free.send_to(b"x", to).unwrap_err();
        assert_eq!((refused.kind(), &*refused.to_string()), (Kind::ValueError, text));
    }
}

// X16
#[test]
fn a_closed_receiver_is_reported_and_the_endpoint_stays_usable() {
    let (event_loop, events) = new_loop();
    let (here, there) = (Place::new("left"), Place::new("gone"));
    let far = there.bind();
    let transport =
        open(&event_loop, recorded(&event_loop, &events).local_addr(&here.0).unwrap().remote_addr(&there.0).unwrap());
    let free = open(&event_loop, recorded(&event_loop, &events));
    events.take();
    drop(far);
    for _ in 0..2 {
        transport.send_to(b"anybody?", None).expect("it had a peer");
    }
    free.send_to(b"anybody?", Some(there.addr())).expect("it is an address");
    std::fs::remove_file(&there.0).expect("it is there");
    free.send_to(b"anybody?", Some(there.addr())).expect("it is an address");
    let refused = "error ConnectionRefused";
    assert_eq!(events.take(), [refused, "error NotConnected", refused, "error NotFound"]);
    let back = there.bind();
    back.send_to(b"back", &here.0).expect("somebody is there");
    free.send_to(b"found", Some(there.addr())).expect("it is an address");
    assert_eq!(next(&event_loop, &events, 1), ["data back from gone"]);
    assert_eq!(drain(&back), ["found"]);
}

// V6, of datagrams.
#[test]
fn only_a_stale_socket_file_is_replaced() {
    let (event_loop, events) = new_loop();
    let place = Place::new("stale");
    drop(place.bind());
    let transport = open(&event_loop, recorded(&event_loop, &events).local_addr(&place.0).unwrap());
    UnixDatagram::unbound().and_then(|socket| socket.send_to(b"x", &place.0)).expect("it is new");
    assert_eq!(next(&event_loop, &events, 2), ["made", "data x from nobody"]);
    transport.close();
    next(&event_loop, &events, 1);
    assert!(place.0.exists(), "as in Python, it stays");

    std::fs::remove_file(&place.0).expect("it is there");
    std::fs::write(&place.0, "not a socket").expect("nothing is there");
    let raised =
        event_loop.run_until_complete(recorded(&event_loop, &events).local_addr(&place.0).unwrap()).unwrap_err();
    assert_eq!(system_error(&raised).0, ErrorKind::AddrInUse);
    assert_eq!(std::fs::read(&place.0).expect("it is there"), b"not a socket");
}

/// The kind and the text of an exception.
fn system_error(raised: &Exception) -> (ErrorKind, String) {
    let error = raised.downcast_ref::<io::Error>().expect("it is the system's");
    assert!(AddressError::of(error).is_some(), "it says where");
    (error.kind(), error.to_string())
}

// V8, of datagrams.
#[test]
fn an_unusable_path_raises_an_error_with_the_path() {
    let (event_loop, _) = new_loop();
    let endpoint = || event_loop.create_unix_datagram_endpoint(|| -> Echo { panic!("it is not open") });
    let failed =
        |endpoint: CreateUnixDatagramEndpoint| system_error(&event_loop.run_until_complete(endpoint).unwrap_err());
    let long = "x".repeat(200);
    for path in ["", "zero\0byte", &*long] {
        for (endpoint, operation) in
            [(endpoint().local_addr(path), "bind to"), (endpoint().remote_addr(path), "connect to")]
        {
            let error = endpoint.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let text = error.to_string();
            assert!(text.starts_with(&format!("cannot {operation} {}: ", path.replace('\0', "\\0"))), "{text}");
        }
    }
    let (here, there) = (Place::new("unmade"), Place::new("empty"));
    let connecting = || endpoint().local_addr(&here.0).unwrap().remote_addr(&there.0);
    assert_eq!(failed(connecting().unwrap()).0, ErrorKind::NotFound);
    drop(there.bind());
    assert_eq!(failed(connecting().unwrap()).0, ErrorKind::ConnectionRefused);
    std::fs::remove_file(&there.0).expect("it is there");
    let _streams = UnixListener::bind(&there.0).expect("nothing is there");
    let text = failed(connecting().unwrap()).1;
    assert!(text.starts_with(&format!("cannot connect to {}: ", there.0.display())), "{text}");
    assert!(!here.0.exists(), "what cannot be connected is not bound");
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_can_be_addresses() {
    use std::os::linux::net::SocketAddrExt;

    let (event_loop, events) = new_loop();
    let name = |which: &str| format!("innermost.{}.{which}", std::process::id());
    let (server, client) = (name("server\0"), name("client"));
    let abstractly = |name: &str| format!("\0{name}");
    let echo = event_loop.create_unix_datagram_endpoint(|| Echo).local_addr(abstractly(&server));
    let echo = open(&event_loop, echo.unwrap());
    assert_eq!(echo.local_addr().expect("it is open").as_abstract_name(), Some(server.as_bytes()));
    let taken = event_loop.create_unix_datagram_endpoint(|| Echo).local_addr(abstractly(&server));
    let (kind, text) = system_error(&event_loop.run_until_complete(taken.unwrap()).unwrap_err());
    assert_eq!(kind, ErrorKind::AddrInUse);
    assert!(text.starts_with("cannot bind to \\0innermost."), "{text}");
    let endpoint =
        recorded(&event_loop, &events).local_addr(abstractly(&client)).unwrap().remote_addr(abstractly(&server));
    let transport = open(&event_loop, endpoint.unwrap());
    let to = |name: &str| SocketAddr::from_abstract_name(name).expect("it is short enough");
    transport.send_to(b"hello", Some(to(&server))).expect("it is the peer");
    assert!(transport.send_to(b"hello", Some(to(&client))).is_err());
    assert_eq!(next(&event_loop, &events, 2), ["made", "data hello from nobody"]);
}

#[test]
fn a_given_socket_must_be_a_unix_datagram_socket_and_takes_no_options() {
    let (event_loop, _) = new_loop();
    let make = || event_loop.create_unix_datagram_endpoint(|| -> Echo { panic!("it is not open") });
    let socket = || UnixDatagram::unbound().expect("a descriptor is free");
    let (stream, _far) = std::os::unix::net::UnixStream::pair().expect("descriptors are free");
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let options = "socket modifier keyword arguments can not be used when sock is specified";
    for endpoint in [
        make().socket(socket()).unwrap().local_addr("x").unwrap(),
        make().socket(socket()).unwrap().remote_addr("x").unwrap(),
    ] {
        let raised = event_loop.run_until_complete(endpoint).unwrap_err();
        assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::ValueError, options));
    }
    for refused in [make().socket(stream), make().socket(udp)] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("a Unix datagram socket was expected, got "), "{error}");
    }
    let error = event_loop.create_datagram_endpoint(|| NoUdp).socket(socket()).unwrap_err();
    assert!(error.to_string().starts_with("a UDP socket was expected, got "), "{error}");
}

struct NoUdp;

impl DatagramProtocol for NoUdp {
    fn datagram_received(&mut self, _: &DatagramTransport, _: &[u8], _: std::net::SocketAddr) {}
}

#[test]
fn closing_a_loop_drops_queued_datagrams() {
    let place = Place::new("outlived");
    let far = place.bind();
    for peer in [true, false] {
        let (event_loop, events) = new_loop();
        let gone = events.on_drop("gone");
        let protocol = || Recorder::of_datagrams(&Log::default()).reacting(move |_, _| gone.keep());
        let endpoint = event_loop.create_unix_datagram_endpoint(protocol);
        let transport = open(&event_loop, if peer { endpoint.remote_addr(&place.0).unwrap() } else { endpoint });
        overfill(&transport, (!peer).then(|| place.addr()).as_ref());
        drop(event_loop);
        assert_eq!(transport.write_buffer_size(), 0);
        transport.send_to(b"late", Some(place.addr())).expect("that is thrown away");
        drop(transport);
        assert_eq!(events.take(), ["gone"]);
        drain(&far);
    }
}
