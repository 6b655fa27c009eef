//! TLS inside transports.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use innermost::stream::{StreamReader, StreamWriter};
use innermost::tls::rustls::version::{TLS12, TLS13};
use innermost::tls::{TlsAcceptor, TlsConnector};
use innermost::transport::AfterEof;
use innermost::{
    Awaitable, CoroutineExt, EventLoop, Exception, Kind, LoopHandle, Protocol, Server, Step, Transport, from_fn,
    yield_from,
};

use crate::identities::{both, client_of, server_of};
use crate::machines::bytes;
use crate::support::loops::{any, new_loop, run_until};

/// The kind of an error of the system.
fn io_kind(raised: &Exception) -> Option<ErrorKind> {
    raised.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
}

pub(crate) type Events = Rc<RefCell<Vec<String>>>;

/// Records what happens to it. A server echoes `echo`.
pub(crate) struct Recorder {
    name: &'static str,
    events: Events,
}

impl Recorder {
    pub(crate) fn new(name: &'static str, events: &Events) -> Self {
        Self { name, events: Rc::clone(events) }
    }

    fn record(&self, event: &str) {
        self.events.borrow_mut().push(format!("{}: {event}", self.name));
    }
}

impl Protocol for Recorder {
    fn connection_made(&mut self, transport: &Transport) {
        let info = transport.tls().map(|info| format!("{:?}", info.server_name()));
        self.record(&format!("made {}", info.unwrap_or_default()));
        if self.name == "greeter" {
            transport.write(b"welcome").unwrap();
        }
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.record(&String::from_utf8_lossy(data));
        if data == b"echo" && self.name != "client" {
            transport.write(data).unwrap();
        }
    }

    fn eof_received(&mut self, _: &Transport) -> AfterEof {
        self.record("eof");
        AfterEof::Close
    }

    fn connection_lost(&mut self, _: &Transport, error: Option<Exception>) {
        let error = error.map(|raised| (io_kind(&raised), raised.kind()));
        self.record(&match error {
            None => String::from("lost"),
            Some((Some(kind), _)) => format!("lost {kind:?}"),
            Some((None, kind)) => format!("lost {kind:?}"),
        });
    }
}

/// Records what the loop's exception handler gets.
fn reports(event_loop: &EventLoop) -> Events {
    let events = Events::default();
    let reports = Rc::clone(&events);
    event_loop.set_exception_handler(move |context| reports.borrow_mut().push(context.message.to_string()));
    events
}

pub(crate) fn serve(
    event_loop: &EventLoop,
    acceptor: &TlsAcceptor,
    name: &'static str,
    events: &Events,
) -> (Server, SocketAddr) {
    let events = Rc::clone(events);
    let serving = event_loop.create_server(move || Recorder::new(name, &events), any()).tls(acceptor);
    let server = event_loop.run_until_complete(serving).unwrap();
    let address = server.local_addrs()[0];
    (server, address)
}

fn until(event_loop: &LoopHandle, events: &Events, count: usize) {
    let events = Rc::clone(events);
    run_until(event_loop, move || events.borrow().len() >= count);
}

#[test]
fn protocols_speak_tls_and_end_in_order() {
    for version in [&TLS12, &TLS13] {
        let event_loop = new_loop();
        let reports = reports(&event_loop);
        let (acceptor, connector) = (TlsAcceptor::new(server_of(version)), TlsConnector::new(client_of(version)));
        let (heard, said) = (Events::default(), Events::default());
        let (server, address) = serve(&event_loop, &acceptor, "greeter", &heard);
        let own = Rc::clone(&said);
        let connecting =
            event_loop.create_connection(move || Recorder::new("client", &own), address).tls(&connector, "localhost");
        let transport = event_loop.run_until_complete(connecting).unwrap();
        assert_eq!(transport.tls().unwrap().version(), version.version);
        until(&event_loop, &said, 2);
        transport.write(b"echo").unwrap();
        until(&event_loop, &said, 3);
        transport.close();
        until(&event_loop, &said, 4);
        until(&event_loop, &heard, 4);
        let name = r#"Some("localhost")"#;
        let made = |end: &str| format!("{end}: made {name}");
        assert_eq!(*said.borrow(), [&made("client"), "client: welcome", "client: echo", "client: lost"]);
        assert_eq!(*heard.borrow(), [&made("greeter"), "greeter: echo", "greeter: eof", "greeter: lost"]);
        server.close();
        event_loop.run_until_complete(server.wait_closed()).unwrap();
        assert_eq!(*reports.borrow(), [""; 0]);
    }
}

/// Writes everything, and reads everything after that.
fn exchange(reader: StreamReader, writer: StreamWriter, sent: Vec<u8>) -> impl Awaitable<Return = Vec<u8>> {
    let mut left = Some(sent);
    from_fn(move |mut sent: Result<(), Exception>| {
        if let Some(bytes) = left.take() {
            writer.write(&bytes)?;
            writer.write_eof()?;
        }
        let mut reading = reader.read_to_end();
        let heard = yield_from!(reading, sent)?;
        Ok(Step::Return(heard))
    })
}

#[test]
fn both_ends_of_streams_write_much_before_they_read() {
    let event_loop = new_loop();
    let (acceptor, connector) = both();
    let sent = bytes(1_000_000);
    let heard = Rc::new(RefCell::new(None));
    let (own, to) = (sent.clone(), Rc::clone(&heard));
    let handler = move |reader, writer| {
        let to = Rc::clone(&to);
        exchange(reader, writer, own.clone()).map(move |bytes| drop(to.replace(Some(bytes))))
    };
    let path = std::env::temp_dir().join(format!("innermost-tls-{}.sock", std::process::id()));
    let serving = event_loop.start_unix_server(handler, &path).unwrap().tls(&acceptor);
    let server = event_loop.run_until_complete(serving).unwrap();
    let connecting = event_loop.open_unix_connection(&path).unwrap().tls(&connector, "localhost");
    let (reader, writer) = event_loop.run_until_complete(connecting).unwrap();
    assert!(event_loop.run_until_complete(exchange(reader, writer, sent.clone())).unwrap() == sent);
    server.close();
    event_loop.run_until_complete(server.wait_closed()).unwrap();
    assert!(heard.take() == Some(sent));
}

#[test]
fn a_refused_handshake_is_raised_at_the_client_and_reported_once_at_the_server() {
    let event_loop = new_loop();
    let reports = reports(&event_loop);
    let (acceptor, connector) = both();
    let events = Events::default();
    let (server, address) = serve(&event_loop, &acceptor, "server", &events);
    let refusals: [&dyn Fn(); 3] = [
        &|| {
            let connecting = event_loop.open_connection(address).tls(&connector, "other.example");
            let raised = event_loop.run_until_complete(connecting).map(drop).unwrap_err();
            assert_eq!(io_kind(&raised), Some(ErrorKind::InvalidData), "{raised:?}");
            assert!(format!("{raised:?}").contains("other.example"), "{raised:?}");
        },
        &|| {
            let mut plain = std::net::TcpStream::connect(address).unwrap();
            plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        },
        &|| drop(std::net::TcpStream::connect(address).unwrap()),
    ];
    for (count, refusal) in (1..).zip(refusals) {
        refusal();
        until(&event_loop, &reports, count);
    }
    run_until(&event_loop, {
        let server = server.clone();
        move || server.clients().is_empty()
    });
    assert_eq!(*reports.borrow(), ["TLS handshake failed"; 3]);
    assert_eq!(*events.borrow(), [""; 0]);
    // It serves on.
    let connecting = event_loop.open_connection(address).tls(&connector, "localhost");
    event_loop.run_until_complete(connecting).map(drop).unwrap();
    until(&event_loop, &events, 1);
}

#[test]
fn limits_of_zero_and_names_that_cannot_be_are_raised() {
    let event_loop = new_loop();
    let (acceptor, connector) = both();
    let zero = acceptor.handshake_timeout(Duration::ZERO);
    let serving = event_loop.create_server(|| Recorder::new("", &Events::default()), any()).tls(&zero);
    assert_eq!(event_loop.run_until_complete(serving).map(drop).unwrap_err().kind(), Kind::ValueError);
    let zero = connector.clone().shutdown_timeout(Duration::ZERO);
    let raised = event_loop.run_until_complete(event_loop.open_connection(any()).tls(&zero, "localhost"));
    assert_eq!(raised.map(drop).unwrap_err().kind(), Kind::ValueError);
    let raised = event_loop.run_until_complete(event_loop.open_connection(any()).tls(&connector, "no name"));
    assert_eq!(io_kind(&raised.map(drop).unwrap_err()), Some(ErrorKind::InvalidInput));
}

#[test]
fn a_slow_handshake_delays_nobody_and_ends_in_time() {
    let event_loop = new_loop();
    let reports = reports(&event_loop);
    let (acceptor, connector) = both();
    let events = Events::default();
    let (server, address) =
        serve(&event_loop, &acceptor.handshake_timeout(Duration::from_millis(300)), "server", &events);
    let mut slow = std::net::TcpStream::connect(address).unwrap();
    let count = server.clone();
    run_until(&event_loop, move || count.clients().len() == 1);
    let (_reader, writer) =
        event_loop.run_until_complete(event_loop.open_connection(address).tls(&connector, "localhost")).unwrap();
    until(&event_loop, &events, 1);
    until(&event_loop, &reports, 1);
    assert_eq!(slow.read(&mut [0]).unwrap(), 0);
    // The other one is not ended by that.
    writer.write(b"hello").unwrap();
    until(&event_loop, &events, 2);
}

#[test]
fn a_client_gives_up_a_server_that_says_nothing() {
    let event_loop = new_loop();
    let (_, connector) = both();
    let (near, far) = UnixStream::pair().unwrap();
    let connector = connector.handshake_timeout(Duration::from_millis(10));
    let connecting = event_loop.open_connection_at(near).unwrap().tls(&connector, "localhost");
    let raised = event_loop.run_until_complete(connecting).map(drop).unwrap_err();
    assert_eq!(raised.kind(), Kind::TimeoutError);
    drop(far);
}

/// A client and a server over a pair of sockets, and a copy of the server's socket.
fn pair(
    event_loop: &EventLoop,
    both: &(TlsAcceptor, TlsConnector),
    events: &Events,
) -> (Transport, Transport, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    let copy = far.try_clone().unwrap();
    let (of_client, of_server) = (Rc::clone(events), Rc::clone(events));
    let plain = event_loop.connect_accepted_socket(move || Recorder::new("server", &of_server), far).unwrap();
    let server = event_loop.run_until_complete(plain).unwrap();
    let securing = event_loop.create_task(server.start_tls(&both.0)).unwrap();
    let connecting = event_loop.connect_accepted_socket(move || Recorder::new("client", &of_client), near).unwrap();
    let client = event_loop.run_until_complete(connecting.tls(&both.1, "localhost")).unwrap();
    let same = event_loop.run_until_complete(securing).unwrap();
    assert_eq!(same, server);
    events.borrow_mut().clear();
    (client, server, copy)
}

#[test]
fn an_end_without_close_notify_is_an_error_after_the_data() {
    let event_loop = new_loop();
    let events = Events::default();
    let (client, server, socket) = pair(&event_loop, &both(), &events);
    server.write(b"all of it").unwrap();
    server.flush();
    socket.shutdown(Shutdown::Write).unwrap();
    until(&event_loop, &events, 2);
    assert_eq!(*events.borrow(), ["client: all of it", "client: lost UnexpectedEof"]);
    drop((client, server));
}

#[test]
fn a_close_waits_for_the_peer_no_longer_than_its_time() {
    let event_loop = new_loop();
    let (acceptor, connector) = both();
    let both = (acceptor, connector.shutdown_timeout(Duration::from_millis(20)));
    let events = Events::default();
    let (client, server, _socket) = pair(&event_loop, &both, &events);
    server.pause_reading(); // it does not see the end, and does not answer
    client.close();
    until(&event_loop, &events, 1);
    assert_eq!(*events.borrow(), ["client: lost TimeoutError"]);
}

#[test]
fn a_close_does_not_wait_for_a_peer_that_has_left() {
    let event_loop = new_loop();
    let events = Events::default();
    let (client, server, socket) = pair(&event_loop, &both(), &events);
    server.pause_reading();
    client.close();
    assert!(client.is_closing());
    socket.shutdown(Shutdown::Both).unwrap();
    until(&event_loop, &events, 1);
    assert_eq!(*events.borrow(), ["client: lost"]);
}

#[test]
fn a_close_drops_what_comes_before_the_answer() {
    let event_loop = new_loop();
    let events = Events::default();
    let (client, server, _socket) = pair(&event_loop, &both(), &events);
    server.write(b"late").unwrap();
    client.write(b"bye").unwrap();
    client.close();
    until(&event_loop, &events, 4);
    events.borrow_mut()[2..].sort();
    assert_eq!(*events.borrow(), ["server: bye", "server: eof", "client: lost", "server: lost"]);
}

#[test]
fn an_abort_ends_at_once() {
    let event_loop = new_loop();
    let events = Events::default();
    let (client, _server, _socket) = pair(&event_loop, &both(), &events);
    client.abort();
    until(&event_loop, &events, 2);
    // The system may report it as a reset.
    let events = events.borrow();
    assert!(events[0] == "client: lost" && events[1].starts_with("server: lost "), "{events:?}");
}

#[test]
fn reading_is_paused_and_continues_with_what_has_come() {
    let event_loop = new_loop();
    let events = Events::default();
    let (client, server, _socket) = pair(&event_loop, &both(), &events);
    client.pause_reading();
    server.write(b"first").unwrap();
    server.close();
    for _ in 0..10 {
        event_loop.run_once().unwrap();
    }
    assert_eq!(*events.borrow(), [""; 0]);
    client.resume_reading();
    until(&event_loop, &events, 4);
    assert_eq!(*events.borrow(), ["client: first", "client: eof", "client: lost", "server: lost"]);
}

#[test]
fn writing_is_paused_by_the_one_backlog() {
    let event_loop = new_loop();
    let events = Events::default();
    let (client, server, _socket) = pair(&event_loop, &both(), &events);
    client.set_write_buffer_limits(Some(10_000), None).unwrap();
    server.pause_reading();
    while !client.is_writing_paused() {
        client.write(&[0; 5000]).unwrap();
    }
    assert!(client.write_buffer_size() > 10_000);
    server.resume_reading();
    run_until(&event_loop, move || !client.is_writing_paused());
}

#[test]
fn a_transport_that_makes_its_handshake_cannot_be_written_to() {
    let event_loop = new_loop();
    let (acceptor, _) = both();
    let (near, far) = UnixStream::pair().unwrap();
    let connecting = event_loop.connect_accepted_socket(|| Recorder::new("", &Events::default()), near).unwrap();
    let transport = event_loop.run_until_complete(connecting).unwrap();
    let securing = event_loop.create_task(transport.start_tls(&acceptor)).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(transport.write(b"early").unwrap_err().kind(), Kind::RuntimeError);
    let again = event_loop.run_until_complete(transport.start_tls(&acceptor)).map(drop).unwrap_err();
    assert_eq!(again.kind(), Kind::RuntimeError);
    securing.cancel();
    assert!(event_loop.run_until_complete(securing).unwrap_err().is_cancelled());
    assert!(transport.is_closing());
    drop(far);
}

/// Asks in plain bytes whether the peer speaks TLS, and then speaks it. Sends its first bytes of TLS without waiting.
fn upgrade(
    reader: StreamReader,
    writer: StreamWriter,
    connector: &TlsConnector,
) -> impl Awaitable<Return = Vec<u8>> + use<> {
    writer.write(b"STARTTLS\n").unwrap();
    let mut starting = Some(writer.start_tls((connector, "localhost")));
    from_fn(move |mut sent: Result<(), Exception>| {
        if let Some(starting) = &mut starting {
            yield_from!(starting, sent)?;
        }
        starting = None;
        let mut reading = reader.read_to_end();
        let _keep = &writer;
        yield_from!(reading, sent).map(Step::Return)
    })
}

#[test]
fn bytes_that_a_reader_holds_when_tls_begins_are_not_lost() {
    let event_loop = new_loop();
    let (acceptor, connector) = both();
    let (near, far) = UnixStream::pair().unwrap();
    let (reader, writer) = event_loop.run_until_complete(event_loop.open_connection_at(far).unwrap()).unwrap();
    let (near_reader, near_writer) =
        event_loop.run_until_complete(event_loop.open_connection_at(near).unwrap()).unwrap();
    let client = event_loop.create_task(upgrade(near_reader, near_writer, &connector)).unwrap();
    for _ in 0..10 {
        event_loop.run_once().unwrap();
    }
    // The reader gets the line and the first bytes of TLS with one read.
    assert_eq!(event_loop.run_until_complete(reader.read_line()).unwrap(), b"STARTTLS\n");
    event_loop.run_until_complete(writer.start_tls(&acceptor)).unwrap();
    writer.write(b"hello").unwrap();
    writer.close();
    assert_eq!(event_loop.run_until_complete(client).unwrap(), b"hello");
    event_loop.run_until_complete(writer.wait_closed()).unwrap();
}

#[test]
fn a_file_is_read_and_sealed() {
    let event_loop = new_loop();
    let (acceptor, connector) = both();
    let path = std::env::temp_dir().join(format!("innermost-tls-{}.file", std::process::id()));
    let sent = bytes(500_000);
    std::fs::write(&path, &sent).unwrap();
    let file = Rc::new(std::fs::File::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    let handler = move |_: StreamReader, writer: StreamWriter| {
        let mut sending = writer.send_file(innermost::net::FilePart::new(Rc::clone(&file)));
        from_fn(move |mut sent| {
            let _keep = &writer;
            yield_from!(sending, sent).map(|count| {
                assert_eq!(count, 500_000);
                Step::Return(())
            })
        })
    };
    let server = event_loop.run_until_complete(event_loop.start_server(handler, any()).tls(&acceptor)).unwrap();
    let connecting = event_loop.open_connection(server.local_addrs()[0]).tls(&connector, "localhost");
    let (reader, writer) = event_loop.run_until_complete(connecting).unwrap();
    assert!(event_loop.run_until_complete(reader.read_to_end()).unwrap() == sent);
    drop(writer);
}
