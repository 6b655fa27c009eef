//! Pipes.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{self, Shutdown};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr;

use innermost::net::{PipeReader, PipeWriter};
use innermost::{EventLoop, Kind, TcpStream, Transport, ready};
use socket2::{Domain, Socket, Type};

use crate::transports::protocols::{Log, Recorder, any, new_loop, run_turns, run_until, run_until_lost};

#[test]
fn bytes_written_to_a_pipe_are_read_to_the_end() {
    let (event_loop, events) = new_loop();
    let (reader, writer) = std::io::pipe().expect("descriptors are free");
    let (log, other) = (events.clone(), events.clone());
    let reading = event_loop.connect_read_pipe(move || Recorder::new("reader", &log).keeping_open(), reader);
    let reading = event_loop.run_until_complete(reading.unwrap()).expect("it is a pipe");
    let writing = event_loop.connect_write_pipe(move || Recorder::new("writer", &other), writer);
    let writing = event_loop.run_until_complete(writing.unwrap()).expect("it is a pipe");
    assert_eq!(reading.write(b"x").unwrap_err().kind(), Kind::RuntimeError);
    assert!(!writing.is_reading() && writing.can_write_eof() && !reading.can_write_eof());
    writing.write(b"hello").expect("it is open");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 3);
    writing.write_eof().expect("it is open");
    run_until_lost(&event_loop, &reading);
    let expected =
        ["reader made", "writer made", "reader data hello", "writer lost None", "reader eof", "reader lost None"];
    assert_eq!(events.take(), expected);
}

// X17
#[test]
fn a_closed_reader_ends_the_writer_with_an_error_if_data_is_buffered() {
    for (count, error) in [(1, "None"), (1_000_000, "broken pipe")] {
        let (event_loop, events) = new_loop();
        let (mut reader, writer) = std::io::pipe().expect("descriptors are free");
        let log = events.clone();
        let writing = event_loop.connect_write_pipe(move || Recorder::new("", &log), writer);
        let writing = event_loop.run_until_complete(writing.unwrap()).expect("it is a pipe");
        writing.set_write_buffer_limits(Some(10_000_000), None).expect("they are in order");
        writing.write(&vec![b'x'; count]).expect("it is open");
        run_turns(&event_loop, 200);
        reader.read_exact(&mut [0]).expect("it has come");
        drop(reader);
        run_until_lost(&event_loop, &writing);
        let events = events.take();
        assert_eq!(events[0], "made");
        let lost = events[1].to_lowercase();
        assert!(events.len() == 2 && lost.starts_with(&format!("lost {}", error.to_lowercase())), "{events:?}");
    }
}

// X17
#[test]
fn a_file_is_refused() {
    let (event_loop, events) = new_loop();
    let file = std::env::current_exe().and_then(File::open).expect("it is there");
    let refused = event_loop.connect_read_pipe(move || Recorder::new("", &events), file).unwrap_err();
    assert_eq!(refused.to_string(), "Pipe transport is for pipes/sockets/character devices only.");
}

// Standard input without a terminal may be such a device. `poll` reports it as ready.
#[cfg(not(innermost_poll))]
#[test]
fn an_always_ready_device_is_refused_with_the_reason() {
    let (event_loop, events) = new_loop();
    let null = File::open("/dev/null").expect("it is there");
    let refused = event_loop.connect_read_pipe(move || Recorder::new("", &events), null);
    let refused = event_loop.run_until_complete(refused.unwrap()).unwrap_err();
    assert!(
        refused.notes().any(|note| note.contains("a device such as /dev/null cannot be waited for")),
        "{refused:?}"
    );
}

/// Has each write to a pipe read by itself: `O_DIRECT`, of `pipe(2)`.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn in_packets(pipe: &impl std::os::fd::AsRawFd) {
    // SAFETY: takes no pointer, and the descriptor is open.
    let set = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_DIRECT) };
    assert_eq!(set, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn small_writes_of_a_turn_are_sent_in_one_system_call_and_large_ones_at_once() {
    let (event_loop, events) = new_loop();
    let (mut reader, writer) = std::io::pipe().expect("descriptors are free");
    in_packets(&writer);
    let log = events.clone();
    let protocol = Recorder::new("", &log).reacting(|transport, event| {
        if event == "made" {
            transport.writelines(["in ", "one ", "callback"]).expect("it is open");
        }
    });
    let transport = event_loop.run_until_complete(event_loop.connect_write_pipe(move || protocol, writer).unwrap());
    let transport = transport.expect("it is a pipe");
    let mut packet = move || {
        let mut room = [0; 10_000];
        let count = reader.read(&mut room).expect("it has come");
        String::from_utf8_lossy(&room[..count]).into_owned()
    };
    assert_eq!(packet(), "in one callback");
    for word in ["in ", "one ", "turn"] {
        let transport = transport.clone();
        event_loop.call_soon(move || transport.write(word.as_bytes()).expect("it is open")).expect("it is open");
    }
    run_turns(&event_loop, 3);
    assert_eq!(packet(), "in one turn");
    transport.write(b"small").expect("it is open");
    transport.flush();
    assert_eq!(packet(), "small");
    let large = "x".repeat(4096);
    transport.write(large.as_bytes()).expect("it is open");
    assert_eq!(packet(), large);
}

// A reader is told once that bytes arrived, and not about bytes that it left unread.
#[cfg(target_os = "linux")]
#[test]
fn packets_and_lines_received_together_are_all_read() {
    let (reader, mut writer) = std::io::pipe().expect("descriptors are free");
    in_packets(&writer);
    for packet in ["a", "b", "c"] {
        writer.write_all(packet.as_bytes()).expect("there is room");
    }
    assert_eq!(read_from(reader, 4), ["made", "data a", "data b", "data c"]);

    let (mut keyboard, terminal) = terminal();
    keyboard.write_all(b"a\nb\nc\n").expect("there is room");
    assert_eq!(read_from(terminal, 4), ["made", "data a\n", "data b\n", "data c\n"]);
}

/// The events of a protocol, up to a given number.
#[cfg(target_os = "linux")]
fn read_from(pipe: impl Into<OwnedFd>, count: usize) -> Vec<String> {
    let (event_loop, events) = new_loop();
    let log = events.clone();
    let reading = event_loop.connect_read_pipe(move || Recorder::new("", &log), pipe);
    event_loop.run_until_complete(reading.unwrap()).expect("it can be waited for");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == count);
    events.take()
}

/// The two ends of a pseudo-terminal: the keyboard, and the terminal that a program reads.
#[allow(unsafe_code)]
fn terminal() -> (File, OwnedFd) {
    let (mut keyboard, mut terminal) = (0, 0);
    // SAFETY: both numbers may be written until the call returns; it takes no name, and the usual settings.
    let opened =
        unsafe { libc::openpty(&mut keyboard, &mut terminal, ptr::null_mut(), ptr::null_mut(), ptr::null_mut()) };
    assert_eq!(opened, 0);
    // SAFETY: the call has just created both, so nothing else owns them.
    unsafe { (File::from_raw_fd(keyboard), OwnedFd::from_raw_fd(terminal)) }
}

/// A transport that writes to it.
fn written_to(event_loop: &EventLoop, events: &Log, pipe: impl Into<OwnedFd>) -> Transport {
    let log = events.clone();
    let writing = event_loop.connect_write_pipe(move || Recorder::new("", &log), pipe);
    let transport = event_loop.run_until_complete(writing.unwrap()).expect("it is a pipe");
    transport.set_write_buffer_limits(Some(10_000_000), None).expect("they are in order");
    assert_eq!(events.take(), ["made"]);
    transport
}

fn tcp_pair() -> (net::TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind(any()).expect("a port is free");
    let near = net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    (near, listener.accept().expect("it has come").0)
}

/// Reads all bytes while the loop runs.
fn read_all(event_loop: &EventLoop, mut far: impl Read) -> usize {
    let (mut count, mut room) = (0, vec![0; 1 << 16]);
    loop {
        match far.read(&mut room) {
            Ok(0) => return count,
            Ok(some) => count += some,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        run_turns(event_loop, 200);
    }
}

#[test]
fn a_half_closed_peer_receives_everything_written() {
    const SIZE: usize = 8 << 20;
    let check = |near: OwnedFd, end_writes: &dyn Fn(), far: &dyn Fn(&EventLoop) -> usize| {
        let (event_loop, events) = new_loop();
        let transport = written_to(&event_loop, &events, near);
        transport.write(&vec![b'x'; SIZE]).expect("it is open");
        assert!(transport.write_buffer_size() > 0, "more than the kernel takes");
        end_writes();
        run_turns(&event_loop, 500);
        assert!(!transport.is_closing());
        transport.close();
        assert_eq!(far(&event_loop), SIZE);
        run_until_lost(&event_loop, &transport);
        assert_eq!(events.take(), ["lost None"]);
    };
    let (near, far) = UnixStream::pair().expect("descriptors are free");
    far.set_nonblocking(true).expect("it is a socket");
    check(near.into(), &|| far.shutdown(Shutdown::Write).expect("it is open"), &|event_loop| {
        read_all(event_loop, &far)
    });
    let (near, far) = tcp_pair();
    far.set_nonblocking(true).expect("it is a socket");
    check(near.into(), &|| far.shutdown(Shutdown::Write).expect("it is open"), &|event_loop| {
        read_all(event_loop, &far)
    });
}

#[test]
fn a_socket_whose_peer_is_already_half_closed_can_be_written_to() {
    let (event_loop, events) = new_loop();
    let (near, mut far) = UnixStream::pair().expect("descriptors are free");
    far.write_all(b"for nobody").expect("there is room");
    far.shutdown(Shutdown::Write).expect("it is open");
    let transport = written_to(&event_loop, &events, near);
    run_turns(&event_loop, 200);
    transport.write(b"hello").expect("it is open");
    run_turns(&event_loop, 200);
    assert_eq!(far.read(&mut [0; 9]).expect("it has come"), 5);
    assert_eq!((events.take(), transport.is_closing()), (vec![], false));
}

#[test]
fn a_closed_reader_ends_any_kind_of_writer() {
    let resets = |far: net::TcpStream| {
        socket2::SockRef::from(&far).set_linger(Some(std::time::Duration::ZERO)).expect("it is a socket");
        drop(far);
    };
    for count in [0, 4 << 20] {
        let ends = |near: OwnedFd, reader: Box<dyn FnOnce()>| {
            let (event_loop, events) = new_loop();
            let transport = written_to(&event_loop, &events, near);
            transport.write(&vec![b'x'; count]).expect("it is open");
            run_turns(&event_loop, 200);
            reader();
            run_until_lost(&event_loop, &transport);
            let [lost] = &events.take()[..] else { panic!("it is lost once") };
            assert_eq!(lost == "lost None", count == 0, "{lost}");
        };
        let (near, far) = UnixStream::pair().expect("descriptors are free");
        ends(near.into(), Box::new(move || drop(far)));
        let (near, far) = tcp_pair();
        ends(near.into(), Box::new(move || resets(far)));
        let (far, near) = std::io::pipe().expect("descriptors are free");
        ends(near.into(), Box::new(move || drop(far)));
        let (far, near) = terminal();
        ends(near, Box::new(move || drop(far)));
    }
}

fn socket(domain: Domain, kind: Type) -> Socket {
    Socket::new(domain, kind, None).expect("a descriptor is free")
}

#[test]
fn packet_sockets_are_refused_as_byte_streams() {
    fn invalid<T>(made: std::io::Result<T>) {
        let error = made.map(drop).expect_err("it moves packets");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("A Stream Socket was expected, got SOCK_"), "{error}");
    }
    let (event_loop, events) = new_loop();
    let kinds = [(Domain::UNIX, Type::SEQPACKET), (Domain::UNIX, Type::DGRAM), (Domain::IPV4, Type::DGRAM)];
    for (domain, kind) in kinds {
        let new = || socket(domain, kind);
        let log = || Recorder::new("", &Log::default());
        invalid(event_loop.connect_read_pipe(log, new()));
        invalid(event_loop.connect_write_pipe(log, new()));
        invalid(event_loop.connect_accepted_socket(log, new()));
        invalid(event_loop.open_connection_at(new()));
        invalid(event_loop.create_server_at(log, new()));
        invalid(event_loop.start_server_at(|_, _| ready(()), new()));
        invalid(PipeReader::try_from(OwnedFd::from(new())));
        invalid(PipeWriter::try_from(OwnedFd::from(new())));
        invalid(TcpStream::from_std(OwnedFd::from(new()).into()));
        invalid(innermost::TcpListener::from_std(OwnedFd::from(new()).into()));
        invalid(innermost::UnixStream::from_std(OwnedFd::from(new()).into()));
        invalid(innermost::UnixListener::from_std(OwnedFd::from(new()).into()));
        invalid(TcpStream::connect_from(new(), any()));
    }
    for kind in [Type::STREAM, Type::SEQPACKET] {
        let new = || OwnedFd::from(socket(Domain::UNIX, kind));
        for error in [
            innermost::UnixDatagram::from_std(new().into()).map(drop),
            innermost::UdpSocket::from_std(new().into()).map(drop),
        ] {
            let error = error.expect_err("it moves no datagrams");
            assert!(error.to_string().starts_with("A Datagram Socket was expected, got SOCK_"), "{error}");
        }
    }
    // Sockets of another domain or type cannot be datagram endpoints.
    struct Ignore;
    impl innermost::DatagramProtocol for Ignore {
        fn datagram_received(&mut self, _: &innermost::DatagramTransport, _: &[u8], _: net::SocketAddr) {}
    }
    for (domain, kind) in [
        #[cfg(target_os = "linux")]
        (libc::AF_NETLINK, Type::DGRAM),
        (libc::AF_UNIX, Type::DGRAM),
        (libc::AF_INET, Type::STREAM),
    ] {
        let endpoint = event_loop.create_datagram_endpoint(|| Ignore);
        let error = endpoint.socket(socket(domain.into(), kind)).map(drop).expect_err("it is no UDP");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
    assert_eq!(events.take(), [""; 0]);
}
