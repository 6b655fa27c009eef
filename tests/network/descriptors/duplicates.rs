//! Descriptors with a duplicate that stays open. Every object removes its registration when it ends.
//!
//! epoll identifies an entry by its number and its file, and keeps it as long as the file is open. So each case counts the
//! entries, where the system shows them, and uses the same file repeatedly.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net as unix;

use innermost::net::{PipeReader, PipeWriter};
use innermost::selector::Direction;
use innermost::{
    Await, ByteRead, ByteWrite, Coroutine, DatagramTransport, EventLoop, LoopHandle, Step, TcpListener, TcpStream,
    Transport, UdpSocket, UnixDatagram, UnixListener, UnixStream, Watched,
};

use crate::support::connections::{any, io_kind, new_loop, run};
use crate::support::loops::run_until;
use crate::transports::protocols::{Log, Recorder};

/// The number of descriptors in a loop's epoll set, without the loop's waker. `None` if the system does not show it.
fn registered(event_loop: &LoopHandle) -> Option<usize> {
    event_loop.with_fd(|fd| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd?.as_raw_fd())).ok()?;
        Some(info.lines().filter(|line| line.starts_with("tfd:")).count() - 1)
    })
}

fn expect_registered(event_loop: &LoopHandle, expected: usize) {
    assert!(registered(event_loop).is_none_or(|count| count == expected), "{:?}", registered(event_loop));
}

/// Has `function` use a duplicate of `kept`, in callbacks of a loop, and drop it, three times.
fn again_and_again(kept: &impl AsFd, function: impl Fn(OwnedFd) + Clone + 'static) {
    let event_loop = new_loop();
    for _ in 0..3 {
        let duplicate = kept.as_fd().try_clone_to_owned().expect("a descriptor is free");
        let function = function.clone();
        in_loop(&event_loop, move || function(duplicate));
        expect_registered(&event_loop, 0);
    }
}

/// Calls `function` while the loop runs.
fn in_loop(event_loop: &EventLoop, function: impl FnOnce() + 'static) {
    let mut function = Some(function);
    let called = run(event_loop, move |sent| {
        sent?;
        function.take().expect("it is called once")();
        Ok(Step::Return(()))
    });
    called.expect("nothing raises");
}

/// Resumes an operation that must wait, which registers its descriptor.
fn begin<T>(mut operation: impl Coroutine<Yield = Await, Input = (), Return = T>) {
    assert!(matches!(operation.resume(Ok(())).expect("it can be registered"), Step::Yield(_)));
    expect_registered(&EventLoop::running().expect("this is called in a loop"), 1);
}

/// Fills a pipe or a socket up.
fn fill(mut writer: impl Write) {
    let error = loop {
        if let Err(error) = writer.write(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

fn full_pipe() -> (std::io::PipeReader, OwnedFd) {
    let (reader, writer) = std::io::pipe().expect("a descriptor is free");
    let writer = OwnedFd::from(writer);
    let writer = OwnedFd::from(PipeWriter::try_from(writer).unwrap().into_std().unwrap());
    let file = fs::File::from(writer);
    fill(&file);
    (reader, file.into())
}

#[test]
fn sockets_for_streams_leave_no_registration_behind() {
    let (near, _far) = unix::UnixStream::pair().unwrap();
    again_and_again(&near, |fd| begin(TcpStream::from_std(fd.into()).unwrap().recv(&mut [0])));
    again_and_again(&near, |fd| begin(UnixStream::from_std(fd.into()).unwrap().recv(&mut [0])));
    again_and_again(&near, |fd| {
        let stream = UnixStream::from_std(fd.into()).unwrap();
        begin(stream.recv(&mut [0]));
        // Another number, which is not registered.
        drop(stream.into_std().unwrap());
    });
    let listener = net::TcpListener::bind(any()).unwrap();
    again_and_again(&listener, |fd| begin(TcpListener::from_std(fd.into()).unwrap().accept()));
    let path = std::env::temp_dir().join(format!("innermost-duplicates-{}", std::process::id()));
    let listener = unix::UnixListener::bind(&path).unwrap();
    again_and_again(&listener, |fd| begin(UnixListener::from_std(fd.into()).unwrap().accept()));
    fs::remove_file(path).unwrap();
}

#[test]
fn sockets_for_datagrams_leave_no_registration_behind() {
    let socket = net::UdpSocket::bind(any()).unwrap();
    again_and_again(&socket, |fd| begin(UdpSocket::from_std(fd.into()).unwrap().recv(&mut [0])));
    let (near, _far) = unix::UnixDatagram::pair().unwrap();
    again_and_again(&near, |fd| begin(UnixDatagram::from_std(fd.into()).unwrap().recv(&mut [0])));
}

#[test]
fn pipes_leave_no_registration_behind() {
    let (reader, _writer) = std::io::pipe().unwrap();
    again_and_again(&reader, |fd| begin(PipeReader::try_from(fd).unwrap().recv(&mut [0])));
    let (_reader, writer) = full_pipe();
    again_and_again(&writer, |fd| begin(PipeWriter::try_from(fd).unwrap().send(b"a")));
}

#[test]
fn an_ended_pipe_leaves_no_registration_behind() {
    let (_reader, writer) = full_pipe();
    again_and_again(&writer, |fd| {
        let writer = PipeWriter::try_from(fd).unwrap();
        begin(writer.send(b"a"));
        let ended = writer.write_eof().resume(Ok(())).unwrap();
        assert!(matches!(ended, Step::Return(())));
        expect_registered(&EventLoop::running().unwrap(), 0);
        // It does not wait for room in a pipe that it has no more.
        assert_eq!(io_kind(&writer.send(b"a").resume(Ok(())).map(drop).unwrap_err()), ErrorKind::BrokenPipe);
    });
}

#[test]
fn an_abandoned_connect_leaves_no_registration_behind() {
    // A listener with a full backlog lets new connections wait.
    let new_socket = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let listener = new_socket();
    listener.bind(&any().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    in_loop(&new_loop(), move || {
        let mut connected = vec![];
        let (waiting, _duplicate) = (0..64)
            .find_map(|_| {
                let socket = new_socket();
                let duplicate = socket.try_clone().unwrap();
                let mut connect = TcpStream::connect_from(socket, address).unwrap();
                match connect.resume(Ok(())).unwrap() {
                    Step::Yield(_) => Some((connect, duplicate)),
                    step => {
                        connected.push(step);
                        None
                    }
                }
            })
            .expect("the queue is full");
        let event_loop = EventLoop::running().unwrap();
        connected.clear();
        expect_registered(&event_loop, 1);
        drop(waiting);
        expect_registered(&event_loop, 0);
    });
}

#[test]
fn watched_descriptors_leave_no_registration_behind() {
    let (near, _far) = unix::UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    again_and_again(&near, |fd| begin(Watched::new(fd).ready(Direction::Read)));
    again_and_again(&near, |fd| {
        let event_loop = EventLoop::running().unwrap();
        let watched = Watched::new(fd);
        event_loop.add_reader(&watched, || ()).unwrap();
        event_loop.add_writer(&watched, || ()).unwrap();
        expect_registered(&event_loop, 1);
        drop(watched.into_inner());
    });
}

/// Makes an object of a duplicate of `kept` with `make`, and closes it with `close`, three times.
fn opened_and_closed<T: Clone + 'static>(
    kept: &impl AsFd,
    make: impl Fn(&EventLoop, OwnedFd) -> T,
    close: impl Fn(&T),
    is_over: impl Fn(&T) -> bool + Copy + 'static,
) {
    let event_loop = new_loop();
    for _ in 0..3 {
        let made = make(&event_loop, kept.as_fd().try_clone_to_owned().expect("a descriptor is free"));
        expect_registered(&event_loop, 1);
        close(&made);
        run_until(&event_loop, move || is_over(&made));
        expect_registered(&event_loop, 0);
    }
}

#[test]
fn transports_of_streams_and_pipes_leave_no_registration_behind() {
    let is_over = |transport: &Transport| transport.with_fd(|fd| fd.is_none());
    let (near, _far) = unix::UnixStream::pair().unwrap();
    let (reader, _writer) = std::io::pipe().unwrap();
    let (_reader, full) = full_pipe();
    let protocol = || Recorder::new("", &Log::default());
    for end in [Transport::close, Transport::abort] {
        let connect = |event_loop: &EventLoop, fd| {
            event_loop.run_until_complete(event_loop.connect_accepted_socket(protocol, fd).unwrap()).unwrap()
        };
        opened_and_closed(&near, connect, end, is_over);
        let read = |event_loop: &EventLoop, fd| {
            event_loop.run_until_complete(event_loop.connect_read_pipe(protocol, fd).unwrap()).unwrap()
        };
        opened_and_closed(&reader, read, end, is_over);
        let write = |event_loop: &EventLoop, fd| {
            event_loop.run_until_complete(event_loop.connect_write_pipe(protocol, fd).unwrap()).unwrap()
        };
        opened_and_closed(&full, write, end, is_over);
    }
}

#[test]
fn datagram_endpoints_leave_no_registration_behind() {
    let socket = net::UdpSocket::bind(any()).unwrap();
    let make = |event_loop: &EventLoop, fd: OwnedFd| {
        let protocol = || Recorder::of_datagrams(&Log::default());
        event_loop.run_until_complete(event_loop.create_datagram_endpoint(protocol).socket(fd).unwrap()).unwrap()
    };
    opened_and_closed(&socket, make, DatagramTransport::close, |transport| transport.with_fd(|fd| fd.is_none()));
    let (near, _far) = unix::UnixDatagram::pair().unwrap();
    let make = |event_loop: &EventLoop, fd: OwnedFd| {
        let protocol = || Recorder::of_datagrams(&Log::default());
        event_loop.run_until_complete(event_loop.create_unix_datagram_endpoint(protocol).socket(fd).unwrap()).unwrap()
    };
    opened_and_closed(&near, make, DatagramTransport::close, |transport| transport.with_fd(|fd| fd.is_none()));
}

#[test]
fn a_server_can_restart_repeatedly_on_an_inherited_listener() {
    let event_loop = new_loop();
    let listener = net::TcpListener::bind(any()).unwrap();
    let address = listener.local_addr().unwrap();
    let log = Log::default();
    for round in 0..625 {
        let events = log.clone();
        let creating = event_loop.create_server_at(move || Recorder::new("", &events), listener.try_clone().unwrap());
        let server = event_loop.run_until_complete(creating.unwrap()).expect("it is free again");
        if round % 125 == 0 {
            net::TcpStream::connect(address).unwrap().write_all(round.to_string().as_bytes()).unwrap();
            let (log, data) = (log.clone(), format!("data {round}"));
            run_until(&event_loop, move || log.entries().contains(&data));
        }
        server.close();
        server.abort_clients();
        event_loop.run_until_complete(server.wait_closed()).unwrap();
        expect_registered(&event_loop, 0);
    }
    let data: Vec<_> = log.take().into_iter().filter(|event| event.starts_with("data")).collect();
    assert_eq!(data, ["data 0", "data 125", "data 250", "data 375", "data 500"]);
}

#[test]
fn failed_constructors_leave_no_registration_behind() {
    let event_loop = new_loop();
    event_loop.set_exception_handler(|_| ());
    let (near, _far) = unix::UnixStream::pair().unwrap();
    for _ in 0..3 {
        let protocol = || Recorder::new("", &Log::default());
        let dropped = event_loop.connect_accepted_socket(protocol, near.try_clone().unwrap());
        in_loop(&event_loop, move || {
            assert!(matches!(dropped.unwrap().resume(Ok(())).unwrap(), Step::Yield(_)));
        });
        run_until(&event_loop, || {
            EventLoop::running().is_ok_and(|this| registered(&this).is_none_or(|count| count == 0))
        });
        let failing =
            event_loop.connect_accepted_socket(|| -> Recorder { panic!("no protocol") }, near.try_clone().unwrap());
        event_loop.run_until_complete(failing.unwrap()).unwrap_err();
        expect_registered(&event_loop, 0);
    }
}

#[test]
fn the_host_of_a_guest_gets_no_event_of_closed_descriptors() {
    let event_loop = new_loop();
    let (near, mut far) = unix::UnixStream::pair().unwrap();
    let stream = TcpStream::from_std(OwnedFd::from(near.try_clone().unwrap()).into()).unwrap();
    in_loop(&event_loop, move || begin(stream.recv(&mut [0])));
    for _ in 0..3 {
        event_loop.run_once().unwrap();
    }
    far.write_all(b"a").unwrap();
    let fd = event_loop.with_fd(|fd| fd.map(|fd| fd.try_clone_to_owned().unwrap()));
    let Some(fd) = fd else { return };
    let host = new_loop();
    let log = Log::default();
    let watched = Watched::new(fd);
    let told = log.clone();
    host.add_reader(&watched, move || told.add("the guest has something to do")).unwrap();
    for _ in 0..3 {
        host.run_once().unwrap();
    }
    assert!(log.take().is_empty());
}
