//! An idle loop waits, whatever it watches, and with every selector. The tests count instead of timing: a loop is at rest if
//! a wait finds nothing, and never if each wait finds something.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::{self, Shutdown};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::{PipeReader, PipeWriter};
use innermost::selector::{MonotonicClock, Selector, SelectorEvent, SelectorToken};
use innermost::transport::AfterEof;
use innermost::{
    Awaitable, ByteWrite, DatagramProtocol, DatagramTransport, EventLoop, Exception, Protocol, Step, TcpStream,
    Transport, Watched, from_fn, yield_from,
};

use crate::readiness::devices::{Fifo, terminal, wait_for};
#[cfg(target_os = "linux")]
use crate::readiness::devices::{set_option, with_error_queue};
use crate::support::clock::forwards_the_rest;
use crate::support::events::Log;
use crate::support::interfaces::every_selector;

/// A real selector. It ends the run if it would wait in vain, or if it is polled too often.
#[derive(Debug)]
struct Resting {
    inner: Box<dyn Selector>,
    asked: Rc<Cell<u32>>,
}

/// More waits than any state here takes to come to rest.
const MANY: u32 = 100;

const AT_REST: &str = "it is at rest";

impl Selector for Resting {
    forwards_the_rest!();

    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        self.inner.register(fd, token)
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        self.asked.set(self.asked.get() + 1);
        if self.asked.get() > MANY {
            return Err(io::Error::other("it never rests"));
        }
        self.inner.select(events, Some(Duration::ZERO))?;
        let would_wait = timeout != Some(Duration::ZERO) && events.is_empty();
        if would_wait { Err(io::Error::other(AT_REST)) } else { Ok(()) }
    }
}

/// A loop, its log, and the objects to keep open.
pub(crate) struct State {
    name: &'static str,
    pub(crate) event_loop: EventLoop,
    log: Log,
    asked: Rc<Cell<u32>>,
}

impl State {
    /// Runs until nothing happens any more.
    pub(crate) fn rests(&self) {
        self.asked.set(0);
        let raised = self.event_loop.run_forever().expect_err("nobody stops it");
        assert_eq!(raised.to_string(), AT_REST, "with {}", self.name);
    }

    fn spawn(&self, coroutine: impl Awaitable<Return = ()> + 'static) {
        self.event_loop.create_task(coroutine).expect("the loop is open");
    }

    /// A transport that writes to it.
    fn writes_to(&self, pipe: impl Into<OwnedFd>) -> Transport {
        let log = self.log.clone();
        self.event_loop
            .run_until_complete(self.event_loop.connect_write_pipe(move || Logs(log), pipe).unwrap())
            .expect("a pipe")
    }

    fn reads_from(&self, pipe: impl Into<OwnedFd>) -> Transport {
        let log = self.log.clone();
        self.event_loop
            .run_until_complete(self.event_loop.connect_read_pipe(move || Logs(log), pipe).unwrap())
            .expect("a pipe")
    }

    fn talks_by(&self, socket: impl Into<OwnedFd>) -> Transport {
        let log = self.log.clone();
        let connecting = self.event_loop.connect_accepted_socket(move || Logs(log), socket);
        self.event_loop.run_until_complete(connecting.unwrap()).expect("a socket")
    }

    /// The log, without the counts.
    fn seen(&self) -> Vec<String> {
        let mut seen = self.log.take();
        seen.dedup();
        seen
    }
}

/// Runs a test with each selector.
pub(crate) fn with_every_loop(mut test: impl FnMut(&State)) {
    for (name, inner) in every_selector() {
        println!("with {name}");
        let asked = Rc::new(Cell::new(0));
        let selector = Resting { inner, asked: Rc::clone(&asked) };
        let event_loop = EventLoop::with(Box::new(selector), Box::new(MonotonicClock::new())).expect("there is room");
        let log = Log::default();
        log.reports(&event_loop);
        test(&State { name, event_loop, log, asked });
    }
}

struct Logs(Log);

impl Protocol for Logs {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.0.add(format_args!("data {}", data.len()));
    }

    fn eof_received(&mut self, _: &Transport) -> AfterEof {
        self.0.add("eof");
        AfterEof::KeepOpen
    }

    fn connection_lost(&mut self, _: &Transport, raised: Option<Exception>) {
        let kind = raised.map(|raised| raised.downcast_ref().map(io::Error::kind));
        self.0.add(format_args!("lost {kind:?}"));
    }
}

impl DatagramProtocol for Logs {
    fn datagram_received(&mut self, _: &DatagramTransport, data: &[u8], _: net::SocketAddr) {
        self.0.add(format_args!("datagram {}", data.len()));
    }

    fn error_received(&mut self, _: &DatagramTransport, error: io::Error) {
        self.0.add(format_args!("error {:?}", error.kind()));
    }
}

fn tcp_pair() -> (net::TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let near = net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    (near, listener.accept().expect("it has come").0)
}

/// Has unread data wait at an end.
fn unread<S: std::os::fd::AsFd, W: Write>(near: &S, mut far: W) {
    far.write_all(b"for nobody").expect("there is room");
    wait_for(near, libc::POLLIN);
}

#[test]
fn a_write_pipe_over_a_socket_with_unread_data_rests_and_sees_the_end() {
    with_every_loop(|state| {
        let (near, far) = UnixStream::pair().expect("descriptors are free");
        unread(&near, &far);
        let transport = state.writes_to(near);
        state.rests();
        (&far).write_all(b"more").expect("there is room");
        state.rests();
        transport.write(b"hello").expect("it is open");
        state.rests();
        assert_eq!((&far).read(&mut [0; 9]).expect("it has come"), 5);
        assert_eq!(state.seen(), [""; 0]);
        drop(far);
        state.rests();
        assert_eq!(state.seen(), ["lost None"]);
    });
}

#[test]
fn a_write_pipe_over_tcp_with_unread_data_rests() {
    with_every_loop(|state| {
        let (near, far) = tcp_pair();
        unread(&near, &far);
        let transport = state.writes_to(near);
        state.rests();
        far.shutdown(Shutdown::Write).expect("it is open");
        state.rests();
        transport.write(b"hello").expect("it is open");
        state.rests();
        wait_for(&far, libc::POLLIN);
        assert_eq!((&far).read(&mut [0; 9]).expect("it has come"), 5);
        assert_eq!(state.seen(), [""; 0]);
    });
}

#[test]
fn a_write_pipe_over_a_terminal_with_an_unread_line_rests() {
    with_every_loop(|state| {
        let (mut keyboard, terminal) = terminal();
        let _transport = state.writes_to(terminal.try_clone().expect("a descriptor is free"));
        keyboard.write_all(b"a line\n").expect("there is room");
        wait_for(&terminal, libc::POLLIN);
        state.rests();
        drop(keyboard);
        wait_for(&terminal, 0);
        state.rests();
        assert_eq!(state.seen(), ["lost None"]);
    });
}

#[test]
fn a_write_pipe_over_a_fifo_with_its_own_bytes_rests() {
    with_every_loop(|state| {
        let fifo = Fifo::new();
        let transport = state.writes_to(fifo.open("both"));
        transport.write(b"hello").expect("it is open");
        state.rests();
        transport.write(&vec![0; 1 << 20]).expect("it is open");
        state.rests();
        assert!(transport.write_buffer_size() > 0);
        assert_eq!(state.seen(), [""; 0]);
    });
}

#[test]
fn a_write_pipe_with_a_backlog_rests_until_there_is_room() {
    with_every_loop(|state| {
        let (mut reader, writer) = io::pipe().expect("descriptors are free");
        let transport = state.writes_to(writer);
        transport.write(&vec![0; 1 << 17]).expect("it is open");
        state.rests();
        let before = transport.write_buffer_size();
        reader.read_exact(&mut vec![0; 1 << 16]).expect("it has come");
        state.rests();
        assert!(transport.write_buffer_size() < before);
    });
}

#[test]
fn a_write_pipe_over_an_always_ready_device_rests() {
    // Only poll takes it.
    with_every_loop(|state| {
        let null = std::fs::OpenOptions::new().write(true).read(true).open("/dev/null").expect("it is there");
        let log = state.log.clone();
        let connecting = state.event_loop.connect_write_pipe(move || Logs(log), null);
        if let Ok(transport) = state.event_loop.run_until_complete(connecting.unwrap()) {
            transport.write(b"hello").expect("it is open");
            state.rests();
            assert_eq!(state.seen(), [""; 0]);
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_datagram_endpoint_with_an_unread_error_queue_rests_and_receives() {
    with_every_loop(|state| {
        let (socket, log) = (with_error_queue(), state.log.clone());
        let address = socket.local_addr().expect("it is bound");
        let opening = state.event_loop.create_datagram_endpoint(move || Logs(log)).socket(socket);
        let transport = state.event_loop.run_until_complete(opening.unwrap()).expect("it is UDP");
        state.rests();
        let peer = net::UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        for _ in 0..20 {
            peer.send_to(b"hello", address).expect("there is room");
            transport.with_fd(|fd| wait_for(&fd.expect("it is open"), libc::POLLIN));
            state.rests();
            assert_eq!(state.log.take(), ["datagram 5"]);
        }
        transport.abort();
        state.rests();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_task_on_a_socket_with_an_error_queue_rests_and_receives() {
    with_every_loop(|state| {
        let socket = with_error_queue();
        let (address, peer) = (socket.local_addr().expect("it is bound"), net::UdpSocket::bind("127.0.0.1:0"));
        let shared = Rc::new(innermost::UdpSocket::from_std(socket).expect("it is a socket"));
        let (receiving, log) = (Rc::clone(&shared), state.log.clone());
        state.spawn(from_fn(move |mut sent| {
            loop {
                let count = yield_from!(receiving.recv(&mut [0; 9]), sent)?;
                log.add(format_args!("gets {count}"));
            }
        }));
        state.rests();
        peer.expect("a port is free").send_to(b"hello", address).expect("there is room");
        wait_for(&*shared, libc::POLLIN);
        state.rests();
        assert_eq!(state.seen(), ["gets 5"]);
    });
}

/// The error queue holds the kernel's timestamps of sent packets.
#[cfg(target_os = "linux")]
fn with_timestamps() -> (net::TcpStream, net::TcpStream) {
    let (near, far) = tcp_pair();
    let of_software_when_sent = 1 << 1 | 1 << 4;
    set_option(&near, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, of_software_when_sent);
    (&near).write_all(b"stamped").expect("there is room");
    wait_for(&near, 0);
    wait_for(&far, libc::POLLIN);
    (near, far)
}

#[cfg(target_os = "linux")]
#[test]
fn a_stream_with_an_error_queue_rests_and_works() {
    with_every_loop(|state| {
        let (near, far) = with_timestamps();
        let transport = state.talks_by(near);
        state.rests();
        (&far).write_all(b"hello").expect("there is room");
        transport.with_fd(|fd| wait_for(&fd.expect("it is open"), libc::POLLIN));
        state.rests();
        assert_eq!(state.seen(), ["data 5"]);

        let (near, far) = with_timestamps();
        let transport = state.writes_to(near);
        state.rests();
        transport.write(b"hello").expect("it is open");
        state.rests();
        assert_eq!((state.seen(), transport.is_closing()), (vec![], false));
        let mut all = [0; 12];
        (&far).read_exact(&mut all).expect("it has come");
        assert_eq!(&all, b"stampedhello");
    });
}

#[test]
fn an_unread_connection_rests_whatever_its_peer_does() {
    type Act = fn(&net::TcpStream);
    let nothing: Act = |_| ();
    let ends: Act = |far| far.shutdown(Shutdown::Write).expect("it is open");
    let closes: Act = |far| far.shutdown(Shutdown::Both).expect("it is open");
    for act in [nothing, ends, closes] {
        with_every_loop(|state| {
            let (near, far) = tcp_pair();
            unread(&near, &far);
            let transport = state.talks_by(near);
            transport.pause_reading();
            state.rests();
            act(&far);
            transport.with_fd(|fd| wait_for(&fd.expect("it is open"), libc::POLLIN));
            state.rests();
            transport.resume_reading();
            state.rests();
            assert_eq!(state.seen()[0], "data 10");
        });
    }
}

#[test]
fn a_connection_whose_peer_half_closed_and_does_not_read_rests() {
    with_every_loop(|state| {
        let (near, far) = UnixStream::pair().expect("descriptors are free");
        far.shutdown(Shutdown::Write).expect("it is open");
        let transport = state.talks_by(near);
        state.rests();
        transport.write(&vec![0; 1 << 22]).expect("it is open");
        state.rests();
        assert_eq!(state.seen(), ["eof"]);
        assert!(transport.write_buffer_size() > 0);
        drop(far);
        state.rests();
        assert_eq!(state.seen(), ["lost Some(Some(BrokenPipe))"]);
    });
}

#[test]
fn unread_urgent_data_lets_the_loop_rest() {
    with_every_loop(|state| {
        let (near, far) = tcp_pair();
        socket2::SockRef::from(&far).send_out_of_band(b"!").expect("there is room");
        wait_for(&near, libc::POLLPRI);
        let _transport = state.talks_by(near);
        state.rests();
        assert_eq!(state.seen(), [""; 0]);
    });
}

#[test]
fn waiters_for_fifos_terminals_and_listeners_rest() {
    with_every_loop(|state| {
        let (fifo, (_keyboard, terminal)) = (Fifo::new(), terminal());
        let _reading = state.reads_from(fifo.open("read"));
        let reader = PipeReader::try_from(terminal).expect("it can be waited for");
        state.spawn(from_fn(move |mut sent| {
            yield_from!(innermost::ByteRead::recv(&reader, &mut [0]), sent).map(|_| Step::Return(()))
        }));
        let log = state.log.clone();
        let serving = state
            .event_loop
            .create_server(move || Logs(log.clone()), "127.0.0.1:0".parse::<net::SocketAddr>().expect("an address"));
        let _server = state.event_loop.run_until_complete(serving).expect("a port is free");
        state.rests();
        assert_eq!(state.seen(), [""; 0]);
    });
}

#[test]
fn a_task_that_waits_for_room_without_a_reader_rests() {
    with_every_loop(|state| {
        let (_keyboard, terminal) = terminal();
        let writer = PipeWriter::try_from(terminal).expect("it can be waited for");
        state.spawn(from_fn(move |mut sent| {
            loop {
                yield_from!(writer.send(&[b'x'; 4096]), sent)?;
            }
        }));
        let (near, _far) = tcp_pair();
        let stream = TcpStream::from_std(near).expect("it is a socket");
        state.spawn(from_fn(move |mut sent| {
            loop {
                yield_from!(stream.send(&[b'x'; 65536]), sent)?;
            }
        }));
        state.rests();
    });
}

#[test]
fn a_custom_operation_that_makes_no_progress_lets_the_loop_rest() {
    with_every_loop(|state| {
        let (near, far) = UnixStream::pair().expect("descriptors are free");
        unread(&near, &far);
        near.set_nonblocking(true).expect("it is a socket");
        let watched = Watched::new(near);
        let tries = Rc::new(RefCell::new(0));
        let counted = Rc::clone(&tries);
        state.spawn(from_fn(move |mut sent| {
            let refuse = |_: &UnixStream| -> io::Result<()> {
                *counted.borrow_mut() += 1;
                Err(io::ErrorKind::WouldBlock.into())
            };
            yield_from!(watched.attempt(innermost::selector::Direction::Read, refuse), sent).map(Step::Return)
        }));
        state.rests();
        let before = *tries.borrow();
        (&far).write_all(b"news").expect("there is room");
        state.rests();
        assert!(*tries.borrow() > before, "what is new is told");
    });
}

#[test]
fn a_connection_reset_while_unread_rests() {
    with_every_loop(|state| {
        let (near, far) = tcp_pair();
        let transport = state.talks_by(near);
        transport.pause_reading();
        state.rests();
        socket2::SockRef::from(&far).set_linger(Some(Duration::ZERO)).expect("it is a socket");
        drop(far);
        transport.with_fd(|fd| wait_for(&fd.expect("it is open"), 0));
        state.rests();
        assert_eq!(state.seen(), [""; 0]);
        transport.resume_reading();
        state.rests();
        assert_eq!(state.seen(), ["lost Some(Some(ConnectionReset))"]);
    });
}

#[test]
fn a_write_pipe_over_a_closed_terminal_rests() {
    with_every_loop(|state| {
        let (keyboard, terminal) = terminal();
        let transport = state.writes_to(keyboard);
        transport.write(b"a line\n").expect("it is open");
        state.rests();
        drop(terminal);
        state.rests();
        assert_eq!(state.seen(), ["lost None"]);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn shut_down_endpoints_and_listeners_rest() {
    with_every_loop(|state| {
        let log = state.log.clone();
        let serving = state.event_loop.create_server(move || Logs(log.clone()), ("127.0.0.1", 0));
        let server = state.event_loop.run_until_complete(serving).expect("a port is free");
        server.with_sockets(|socket| _ = socket2::SockRef::from(&socket).shutdown(Shutdown::Read));
        state.rests();
        let log = state.log.clone();
        let opening = state.event_loop.create_datagram_endpoint(move || Logs(log)).local_addr(("127.0.0.1", 0));
        let endpoint = state.event_loop.run_until_complete(opening).expect("a port is free");
        let address = endpoint.local_addr().expect("it is bound");
        endpoint.with_fd(|fd| {
            let fd = fd.expect("it is open");
            let socket = socket2::SockRef::from(&fd);
            socket.connect(&address.into()).expect("it can be connected");
            socket.shutdown(Shutdown::Read).expect("it is connected");
        });
        state.rests();
        let seen = state.seen();
        assert!(matches!(&seen[..], [failed] if failed.starts_with("socket.accept() failed")), "{seen:?}");
    });
}
