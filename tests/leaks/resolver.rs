//! Connecting to addresses that never answer. However it ends, every socket is closed. E18, E20.
//!
//! The test counts descriptors, so it runs in a process of its own.

use std::fs;
use std::net::{self, IpAddr, SocketAddr};
use std::time::Duration;

use crate::held::alone;
use innermost::resolver::StaticResolver;
use innermost::wait::timeout;
use innermost::{
    Awaitable, CoroutineExt, EventLoop, Exception, Kind, Protocol, Step, Transport, connect, from_fn, sleep, yield_from,
};
use socket2::{Domain, Socket, Type};

/// The time limit of a connection. Nothing depends on how far it has come by then.
const SHORT: Duration = Duration::from_millis(20);

/// A listener with a full backlog, and the connections in it. A new connection waits for ever.
fn black_hole(ip: &str, port: u16) -> (Socket, net::TcpStream, SocketAddr) {
    let address = SocketAddr::new(ip.parse().unwrap(), port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.bind(&address.into()).unwrap();
    // One waits in a queue that has room for none.
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, net::TcpStream::connect(address).unwrap(), address)
}

fn descriptors() -> usize {
    fs::read_dir("/dev/fd").expect("it lists this process's descriptors").count()
}

/// A loop that knows the name `host`, and that has been waited in once.
fn loop_that_knows(addresses: &[&str]) -> EventLoop {
    let event_loop = EventLoop::new().unwrap();
    let addresses = addresses.iter().map(|address| address.parse::<IpAddr>().unwrap());
    event_loop.set_resolver(StaticResolver::new().with("host", addresses));
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    event_loop
}

type Connecting = Box<dyn Awaitable<Return = ()>>;

/// The ways to connect to every address of `host` at once.
const WAYS: [fn(&EventLoop, u16) -> Connecting; 3] = [
    |_, port| {
        let connecting = connect(("host", port)).happy_eyeballs_delay(Some(Duration::ZERO));
        Box::new(connecting.map(drop))
    },
    |event_loop, port| {
        let connecting = event_loop.create_connection(|| Quiet, ("host", port));
        Box::new(connecting.happy_eyeballs_delay(Some(Duration::ZERO)).map(drop))
    },
    |event_loop, port| {
        let connecting = event_loop.open_connection(("host", port));
        Box::new(connecting.happy_eyeballs_delay(Some(Duration::ZERO)).map(drop))
    },
];

struct Quiet;

impl Protocol for Quiet {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

fn times_out(event_loop: &EventLoop, connecting: Connecting) {
    let raised = event_loop.run_until_complete(timeout(connecting, SHORT)).unwrap_err();
    assert_eq!(raised.kind(), Kind::TimeoutError);
}

/// Lets others run until that many descriptors are open.
fn until_there_are(count: usize) -> impl Awaitable<Return = ()> {
    let mut others = sleep(Duration::ZERO);
    from_fn(move |mut sent| {
        while descriptors() < count {
            yield_from!(others, sent)?;
            others = sleep(Duration::ZERO);
        }
        assert_eq!(descriptors(), count);
        Ok(Step::Return(()))
    })
}

/// `attempts` sockets are open when it is cancelled.
fn is_cancelled(event_loop: &EventLoop, connecting: Connecting, attempts: usize) {
    let before = descriptors();
    let task = event_loop.create_task(connecting).unwrap();
    event_loop.run_until_complete(until_there_are(before + attempts)).unwrap();
    assert!(task.cancel());
    assert!(event_loop.run_until_complete(task.join()).unwrap_err().is_cancelled());
}

/// An address that does not answer is left for the next one.
fn loses(event_loop: &EventLoop, port: u16, winner: SocketAddr) {
    let connecting = connect(("host", port)).happy_eyeballs_delay(Some(SHORT));
    let stream = event_loop.run_until_complete(connecting).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), winner);
}

#[test]
fn connecting_leaks_no_descriptor_however_it_ends() -> Result<(), Exception> {
    let _alone = alone();
    let (_hole, _fills, blocked) = black_hole("127.0.0.1", 0);
    let port = blocked.port();
    let (_other_hole, _other_fills, _) = black_hole("127.0.0.2", port);
    let listener = net::TcpListener::bind(("127.0.0.3", port))?;

    for (addresses, way) in
        [&["127.0.0.1"][..], &["127.0.0.1", "127.0.0.2"]].iter().flat_map(|some| WAYS.map(|way| (some, way)))
    {
        let without_loop = descriptors();
        let event_loop = loop_that_knows(addresses);
        let before = descriptors();
        for _ in 0..3 {
            times_out(&event_loop, way(&event_loop, port));
            assert_eq!(descriptors(), before);
            is_cancelled(&event_loop, way(&event_loop, port), addresses.len());
            assert_eq!(descriptors(), before);
        }
        assert!(event_loop.all_tasks().is_empty());

        // The loop is dropped under it.
        event_loop.set_exception_handler(|_| ());
        let task = event_loop.create_task(way(&event_loop, port))?;
        event_loop.run_until_complete(until_there_are(before + addresses.len()))?;
        drop(event_loop);
        drop(task);
        assert_eq!(descriptors(), without_loop);
    }

    let event_loop = loop_that_knows(&["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    let before = descriptors();
    loses(&event_loop, port, listener.local_addr()?);
    assert_eq!(descriptors(), before);
    assert!(event_loop.all_tasks().is_empty());
    Ok(())
}
