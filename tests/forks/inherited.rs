//! A child drops inherited objects. The kernel shares an epoll set between both processes, and the parent's registrations in
//! it stay.

use std::io::{ErrorKind, Read, Write};
use std::net;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net as unix;
use std::rc::Rc;

use innermost::net::PipeReader;
use innermost::process::{Command, Stdio};
use innermost::{
    ByteRead, ByteWrite, DatagramProtocol, DatagramTransport, EventLoop, Protocol, Runner, Step, TcpListener,
    TcpStream, Transport, UdpSocket, UnixDatagram, UnixStream, Watched, ready, sleep, yield_from,
};

use crate::children::{Fork, dropped_in_child, end, full_pipe, in_child, in_child_with, run, settle};
use crate::support::events::Log;

/// The recorded events, sorted: sockets that are ready in one turn are served in any order.
fn sorted(log: &Log) -> Vec<String> {
    let mut entries = log.take();
    entries.sort();
    entries
}

fn any() -> net::SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Starts a task that awaits an operation and records the result.
macro_rules! waits {
    ($event_loop:expr, $log:expr, $name:expr, $socket:ident, $operation:expr) => {{
        let ($socket, log) = (Rc::clone(&$socket), $log.clone());
        let task = innermost::from_fn(move |mut sent| {
            let given = yield_from!($operation, sent)?;
            log.add(format_args!("{}: {given:?}", $name));
            Ok(Step::Return(()))
        });
        $event_loop.create_task(task).expect("it is open")
    }};
}

pub(crate) fn sockets(new_loop: &dyn Fn() -> EventLoop) {
    let (event_loop, log) = (new_loop(), Log::default());
    let (near, mut tcp) = unix::UnixStream::pair().unwrap();
    let near = Rc::new(TcpStream::from_std(OwnedFd::from(near).into()).unwrap());
    let (unix, mut unix_far) = unix::UnixStream::pair().unwrap();
    let unix = Rc::new(UnixStream::from_std(unix).unwrap());
    let udp = Rc::new(UdpSocket::bind(any()).unwrap());
    let (datagrams, datagrams_far) = unix::UnixDatagram::pair().unwrap();
    let datagrams = Rc::new(UnixDatagram::from_std(datagrams).unwrap());
    let (reader, mut reader_far) = std::io::pipe().unwrap();
    let reader = Rc::new(PipeReader::try_from(OwnedFd::from(reader)).unwrap());
    let (mut writer_far, writer) = full_pipe();
    let writer = Rc::new(writer);
    let listener = Rc::new(TcpListener::bind(any()).unwrap());
    let tasks = [
        waits!(event_loop, log, "tcp", near, near.recv(&mut [0; 8])),
        waits!(event_loop, log, "unix", unix, unix.recv(&mut [0; 8])),
        waits!(event_loop, log, "udp", udp, udp.recv(&mut [0; 8])),
        waits!(event_loop, log, "datagrams", datagrams, datagrams.recv(&mut [0; 8])),
        waits!(event_loop, log, "reader", reader, reader.recv(&mut [0; 8])),
        waits!(event_loop, log, "writer", writer, writer.send(b"a")),
        waits!(event_loop, log, "listener", listener, {
            innermost::CoroutineExt::then(listener.accept(), |_| ready(()))
        }),
    ];
    settle(&event_loop);
    assert!(sorted(&log).is_empty());
    let (udp_address, address) = (udp.local_addr().unwrap(), listener.local_addr().unwrap());
    // The tasks have their share in each: the loop is dropped before them.
    let (event_loop, sockets) =
        dropped_in_child((event_loop, (near, unix, udp, datagrams, reader, writer, listener, tasks)));

    tcp.write_all(b"a").unwrap();
    unix_far.write_all(b"a").unwrap();
    net::UdpSocket::bind(any()).unwrap().send_to(b"a", udp_address).unwrap();
    datagrams_far.send(b"a").unwrap();
    reader_far.write_all(b"a").unwrap();
    writer_far.read_exact(&mut [0; 65536]).unwrap();
    let _client = net::TcpStream::connect(address).unwrap();
    let tasks = sockets.7;
    for task in tasks {
        event_loop.run_until_complete(task).unwrap();
    }
    let expected = ["datagrams: 1", "listener: ()", "reader: 1", "tcp: 1", "udp: 1", "unix: 1", "writer: 1"];
    assert_eq!(sorted(&log), expected);
}

impl Protocol for Log {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.add(String::from_utf8_lossy(data));
    }

    fn connection_lost(&mut self, _: &Transport, _: Option<innermost::Exception>) {
        self.add("lost");
    }
}

impl DatagramProtocol for Log {
    fn datagram_received(&mut self, _: &DatagramTransport, data: &[u8], _: net::SocketAddr) {
        self.add(String::from_utf8_lossy(data));
    }
}

pub(crate) fn transports(new_loop: &dyn Fn() -> EventLoop) {
    let (event_loop, log) = (new_loop(), Log::default());
    let protocol = || {
        let log = log.clone();
        move || log.clone()
    };
    let (near, mut stream_far) = unix::UnixStream::pair().unwrap();
    let stream = event_loop.run_until_complete(event_loop.connect_accepted_socket(protocol(), near).unwrap()).unwrap();
    let (reader, mut reader_far) = std::io::pipe().unwrap();
    let reader = event_loop.run_until_complete(event_loop.connect_read_pipe(protocol(), reader).unwrap()).unwrap();
    let (_writer_far, writer) = std::io::pipe().unwrap();
    let writer = event_loop.run_until_complete(event_loop.connect_write_pipe(protocol(), writer).unwrap()).unwrap();
    let socket = net::UdpSocket::bind(any()).unwrap();
    let udp_address = socket.local_addr().unwrap();
    let creating = event_loop.create_datagram_endpoint(protocol()).socket(socket);
    let datagrams = event_loop.run_until_complete(creating.unwrap()).unwrap();
    let server = event_loop.run_until_complete(event_loop.create_server(protocol(), any())).unwrap();
    let address = server.local_addrs()[0];
    settle(&event_loop);
    let inherited = (event_loop, stream, reader, writer, datagrams, server);
    let inherited = dropped_in_child(inherited);
    let (event_loop, stream) = (&inherited.0, &inherited.1);

    stream_far.write_all(b"stream").unwrap();
    reader_far.write_all(b"reader").unwrap();
    net::UdpSocket::bind(any()).unwrap().send_to(b"udp", udp_address).unwrap();
    let mut client = net::TcpStream::connect(address).unwrap();
    client.write_all(b"server").unwrap();
    let seen = log.clone();
    run(event_loop, move |sent| {
        sent?;
        let is_all = seen.entries().len() == 4;
        Ok(if is_all { Step::Return(()) } else { Step::Yield(innermost::Await::next_turn()) })
    });
    assert_eq!(sorted(&log), ["reader", "server", "stream", "udp"]);
    // No process has ended the connection that both had.
    stream.write(b"answer").unwrap();
    settle(event_loop);
    let mut answer = [0; 6];
    stream_far.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
}

pub(crate) fn watched(new_loop: &dyn Fn() -> EventLoop) {
    let (event_loop, log) = (new_loop(), Log::default());
    let (near, mut far) = unix::UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let near = Rc::new(near);
    let watched = Watched::new(Rc::clone(&near));
    let (reads, called) = (Rc::clone(&near), log.clone());
    let callback = move || {
        let count = (&*reads).read(&mut [0; 8]).unwrap();
        called.add(format!("reads {count}"));
    };
    event_loop.add_reader(&watched, callback).unwrap();
    settle(&event_loop);
    let watched = dropped_in_child(watched);
    // Removes and adds it, as code that starts afresh does.
    let (error, watched) = in_child_with(watched, |watched| {
        event_loop.remove_reader(&watched);
        drop(watched);
        crate::children::text(event_loop.add_reader(&Watched::new(near), || ()))
    });
    assert!(error.contains("belongs to the process that forked this one"), "{error}");
    far.write_all(b"a").unwrap();
    settle(&event_loop);
    assert_eq!(sorted(&log), ["reads 1"]);
    assert!(event_loop.remove_reader(&watched));
}

pub(crate) fn closed_loop(new_loop: &dyn Fn() -> EventLoop) {
    let (event_loop, log) = (new_loop(), Log::default());
    let (near, mut far) = unix::UnixStream::pair().unwrap();
    let near = Rc::new(UnixStream::from_std(near).unwrap());
    let task = waits!(event_loop, log, "unix", near, near.recv(&mut [0; 8]));
    let remote = event_loop.remote();
    settle(&event_loop);
    let (told, _inherited) = in_child_with((remote, near), |inherited| {
        event_loop.set_exception_handler(|_| ());
        event_loop.close().unwrap();
        assert!(event_loop.is_closed());
        drop(inherited);
        "closed".into()
    });
    assert_eq!(told, "closed");
    assert!(!event_loop.is_closed());
    far.write_all(b"a").unwrap();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(sorted(&log), ["unix: 1"]);
}

pub(crate) fn socket_file(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    let path = std::env::temp_dir().join(format!("innermost-forks-{}", std::process::id()));
    let log = Log::default();
    let protocol = log.clone();
    let creating = event_loop.create_unix_server(move || protocol.clone(), &path);
    let server = event_loop.run_until_complete(creating.unwrap()).unwrap();
    let (event_loop, server) = dropped_in_child((event_loop, server));
    let (_, server) = in_child_with(server, |server| {
        server.close();
        "closed".into()
    });
    let mut client = unix::UnixStream::connect(&path).expect("the parent listens there");
    client.write_all(b"hello").unwrap();
    let seen = log.clone();
    run(&event_loop, move |sent| {
        sent?;
        let is_empty = seen.entries().is_empty();
        Ok(if is_empty { Step::Yield(innermost::Await::next_turn()) } else { Step::Return(()) })
    });
    assert_eq!(sorted(&log), ["hello"]);
    server.close();
    assert!(!path.exists());
}

pub(crate) fn runner(new_loop: &dyn Fn() -> EventLoop) {
    let _ = new_loop;
    let mut runner = Runner::new();
    let left = runner.handle().unwrap().create_task(sleep(std::time::Duration::ZERO)).unwrap();
    assert_eq!(runner.run(ready(1)).unwrap(), 1);
    let (told, mut runner) = in_child_with(runner, |mut runner| {
        runner.handle().unwrap().set_exception_handler(|_| ());
        let raised = crate::children::text(runner.run(ready(2)));
        drop(runner);
        raised
    });
    assert!(told.contains("belongs to the process that forked this one"), "{told}");
    assert_eq!(runner.run(left).map(|()| 3).unwrap(), 3);
    runner.close().unwrap();
}

pub(crate) fn ended_pipe(new_loop: &dyn Fn() -> EventLoop) {
    let (event_loop, log) = (new_loop(), Log::default());
    let (mut far, writer) = full_pipe();
    let writer = Rc::new(writer);
    let task = waits!(event_loop, log, "writer", writer, writer.send(b"a"));
    settle(&event_loop);
    let told = in_child(|| {
        let ended = innermost::Coroutine::resume(&mut writer.write_eof(), Ok(()));
        ended.map_or_else(|raised| raised.to_string(), |_| "ended".into())
    });
    assert_eq!(told, "ended");
    far.read_exact(&mut [0; 65536]).unwrap();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(sorted(&log), ["writer: 1"]);
}

pub(crate) fn dropped_by_the_parent(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    let (near, mut far) = unix::UnixStream::pair().unwrap();
    let kept = near.try_clone().unwrap();
    let number = near.as_raw_fd();
    let near = Rc::new(UnixStream::from_std(near).unwrap());
    let log = Log::default();
    let task = waits!(event_loop, log, "unix", near, near.recv(&mut [0; 8]));
    settle(&event_loop);
    // The child keeps all descriptors open until told to end.
    let (goes_on, mut says) = unix::UnixStream::pair().unwrap();
    let child = match Fork::new() {
        Fork::Child(tells) => {
            drop(says);
            let _ = (&goes_on).read(&mut [0]);
            end(tells, "ended")
        }
        Fork::Parent(child) => child,
    };
    far.write_all(b"a").unwrap();
    event_loop.run_until_complete(task).unwrap();
    drop(near);
    // The same file under the same number, which the epoll set might still have.
    let again = kept.try_clone().unwrap();
    assert_eq!(again.as_raw_fd(), number);
    let near = Rc::new(UnixStream::from_std(again).unwrap());
    let task = waits!(event_loop, log, "again", near, near.recv(&mut [0; 8]));
    settle(&event_loop);
    far.write_all(b"bc").unwrap();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(sorted(&log), ["again: 2", "unix: 1"]);
    says.write_all(b"a").unwrap();
    assert_eq!(child.told(), "ended");
    let error = far.set_nonblocking(true).and_then(|()| far.read(&mut [0])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

pub(crate) fn child_process(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    let start = || {
        let command = Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Null);
        ready(command.process_group(0).kill_on_drop(true).spawn())
    };
    let process = event_loop.run_until_complete(innermost::lazy(start)).unwrap().unwrap();
    let told = in_child(|| {
        let refused = [process.kill(), process.kill_group(), process.try_wait().map(drop)];
        refused.map(|result| result.unwrap_err().to_string()).join("\n")
    });
    assert_eq!(told, ["this process was started by the process that forked this one"; 3].join("\n"));
    let (event_loop, mut process) = dropped_in_child((event_loop, process));
    assert_eq!(process.try_wait().unwrap(), None);
    let status = event_loop
        .run_until_complete(innermost::from_fn(move |mut sent| yield_from!(process.wait(), sent).map(Step::Return)));
    assert!(status.unwrap().success());
}
