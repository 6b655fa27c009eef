//! A newly registered descriptor is not ready yet. A reader waits until the selector reports it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::os::fd::AsFd;
use std::rc::Rc;

use innermost::net::PipeReader;
use innermost::selector::{Direction, MonotonicClock};
use innermost::transport::{AfterEof, BufferedProtocol};
use innermost::{
    Awaitable, Buffer, ByteRead, Coroutine, EventLoop, Exception, Protocol, Step, Transport, Watched, from_fn,
    yield_from,
};

use crate::readiness::devices::{Fifo, turns, wait_for};
use crate::readiness::machines::Machine;
use crate::readiness::script::outcome;
use crate::support::events::Log;
use crate::support::interfaces::every_selector;

fn with_every_loop(mut test: impl FnMut(&EventLoop, &Log)) {
    for (name, selector) in every_selector() {
        println!("with {name}");
        let event_loop = EventLoop::with(selector, Box::new(MonotonicClock::new())).expect("a descriptor is free");
        let log = Log::default();
        log.reports(&event_loop);
        test(&event_loop, &log);
    }
}

/// Reads four bytes, and then to the end, in different ways. Logs each result.
fn reads<T: std::fmt::Display + 'static>(
    log: &Log,
    mut read: impl FnMut() -> Box<dyn Awaitable<Return = T>> + 'static,
) -> Machine {
    let (log, mut reading) = (log.clone(), None);
    Box::new(from_fn(move |mut sent| {
        loop {
            let result = yield_from!(reading.get_or_insert_with(&mut read), sent);
            reading = None;
            log.add(outcome(&result));
            if result?.to_string() == "0" {
                return Ok(Step::Return(()));
            }
        }
    }))
}

fn owned(file: File) -> Rc<PipeReader> {
    Rc::new(PipeReader::try_from(std::os::fd::OwnedFd::from(file)).expect("it can be waited for"))
}

/// Each way to read, as a machine over a FIFO, or a protocol.
fn ways(log: &Log, fifo: &Fifo) -> Vec<Machine> {
    let (recv, read) = (owned(fifo.open("read")), owned(fifo.open("read")));
    let watched = Rc::new(Watched::new(fifo.open("read")));
    let watched_for_both = Rc::new(Watched::new(fifo.open("read")));
    let (first, second) = (Rc::clone(&watched), watched_for_both);
    let mut is_first = true;
    vec![
        reads(log, move || {
            let stream = Rc::clone(&recv);
            Box::new(from_fn(move |mut sent| yield_from!(stream.recv(&mut [0; 4]), sent).map(Step::Return)))
        }),
        reads(log, move || {
            let (stream, mut buffer) = (Rc::clone(&read), Buffer::new());
            Box::new(from_fn(move |mut sent| yield_from!(stream.read(&mut buffer), sent).map(Step::Return)))
        }),
        reads(log, move || {
            let watched = Rc::clone(&first);
            Box::new(from_fn(move |mut sent| {
                let recv = |mut file: &File| file.read(&mut [0; 4]);
                yield_from!(watched.attempt(Direction::Read, recv), sent).map(Step::Return)
            }))
        }),
        reads(log, move || {
            let watched = Rc::clone(&second);
            // Other code has registered it.
            if std::mem::take(&mut is_first) {
                EventLoop::running().expect("it runs").add_writer(&watched, || ()).expect("it can be waited for");
            }
            Box::new(from_fn(move |mut sent| {
                yield_from!(watched.ready(Direction::Read), sent)?;
                let recv = |mut file: &File| file.read(&mut [0; 4]);
                yield_from!(watched.attempt(Direction::Read, recv), sent).map(Step::Return)
            }))
        }),
    ]
}

#[test]
fn a_fifo_without_a_writer_yet_has_not_ended() {
    with_every_loop(|event_loop, log| {
        for way in 0..4 {
            let fifo = Fifo::new();
            let machine = ways(log, &fifo).swap_remove(way);
            let task = event_loop.create_task(machine).expect("it is open");
            turns(event_loop, 5);
            assert_eq!(log.take(), [""; 0], "way {way}");
            let mut writer = fifo.open("write");
            turns(event_loop, 5);
            writer.write_all(b"abcd").expect("there is room");
            turns(event_loop, 5);
            drop(writer);
            event_loop.run_until_complete(task).expect("it comes to the end");
            assert_eq!(log.take(), ["4", "0"], "way {way}");
        }
    });
}

#[test]
fn read_exact_waits_for_the_first_writer_of_a_fifo() {
    with_every_loop(|event_loop, log| {
        let fifo = Fifo::new();
        let (filled, exact) = (owned(fifo.open("read")), owned(fifo.open("read")));
        let (mut buffer, told) = (Buffer::new(), log.clone());
        let fill = event_loop.create_task(from_fn(move |mut sent| {
            let result = yield_from!(filled.fill(&mut buffer, 2), sent);
            told.add(outcome(&result.as_ref().map(|()| "filled").map_err(Clone::clone)));
            result.map(Step::Return)
        }));
        let (mut cursor, told) = (Cursor::new([0; 2]), log.clone());
        let read_exact = event_loop.create_task(from_fn(move |mut sent| {
            let result = yield_from!(exact.read_exact(&mut cursor), sent);
            told.add(outcome(&result.as_ref().map(|()| "received").map_err(Clone::clone)));
            result.map(Step::Return)
        }));
        turns(event_loop, 5);
        assert_eq!(log.take(), [""; 0]);
        let mut writer = fifo.open("write");
        for task in [fill, read_exact] {
            writer.write_all(b"ab").expect("there is room");
            turns(event_loop, 5);
            let _either = task;
        }
        let mut got = log.take();
        got.sort_unstable();
        assert_eq!(got, ["filled", "received"]);
    });
}

struct Logs(Log, [u8; 16]);

impl Protocol for Logs {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.0.add(String::from_utf8_lossy(data));
    }

    fn eof_received(&mut self, _: &Transport) -> AfterEof {
        self.0.add("eof");
        AfterEof::Close
    }
}

struct LogsBuffered(Logs);

impl BufferedProtocol for LogsBuffered {
    fn get_buffer(&mut self, _: usize) -> &mut [u8] {
        &mut self.0.1
    }

    fn buffer_updated(&mut self, _: &Transport, count: usize) {
        self.0.0.add(String::from_utf8_lossy(&self.0.1[..count]));
    }

    fn eof_received(&mut self, _: &Transport) -> AfterEof {
        self.0.0.add("eof");
        AfterEof::Close
    }
}

#[test]
fn a_read_pipe_over_a_fifo_waits_for_the_first_writer() {
    with_every_loop(|event_loop, log| {
        for is_buffered in [false, true] {
            let fifo = Fifo::new();
            let logs = Logs(log.clone(), [0; 16]);
            let transport = if is_buffered {
                event_loop
                    .run_until_complete(event_loop.connect_read_pipe(|| LogsBuffered(logs), fifo.open("read")).unwrap())
            } else {
                event_loop.run_until_complete(event_loop.connect_read_pipe(|| logs, fifo.open("read")).unwrap())
            };
            let transport = transport.expect("it is a pipe");
            transport.pause_reading();
            turns(event_loop, 5);
            transport.resume_reading();
            turns(event_loop, 5);
            assert_eq!(log.take(), [""; 0]);
            let mut writer = fifo.open("write");
            writer.write_all(b"abcd").expect("there is room");
            turns(event_loop, 5);
            drop(writer);
            turns(event_loop, 5);
            assert_eq!(log.take(), ["abcd", "eof"]);
        }
    });
}

#[test]
fn a_callback_for_a_fifo_waits_for_the_first_writer() {
    with_every_loop(|event_loop, log| {
        let fifo = Fifo::new();
        let watched = Watched::new(fifo.open("read"));
        event_loop.add_reader(&watched, log.adds("called")).expect("it can be waited for");
        turns(event_loop, 5);
        assert_eq!(log.take(), [""; 0]);
        fifo.open("write").write_all(b"a").expect("there is room");
        turns(event_loop, 5);
        assert_eq!(log.take()[0], "called");
    });
}

#[test]
fn a_connecting_socket_is_not_yet_ready() {
    use socket2::{Domain, SockRef, Socket, Type};
    with_every_loop(|event_loop, log| {
        // A listener with a full backlog admits no more connections.
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is free");
        listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port is free");
        listener.listen(0).expect("it is bound");
        let address = listener.local_addr().expect("it is bound");
        let connect = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is free");
            socket.set_nonblocking(true).expect("it is a socket");
            let _in_progress = socket.connect(&address);
            socket
        };
        let mut earlier = Vec::new();
        let waiting = loop {
            let socket = connect();
            if SockRef::from(&socket).peer_addr().is_err() {
                break socket;
            }
            earlier.push(socket);
            assert!(earlier.len() < 100, "the backlog has an end");
        };
        let (watched, told, is_connected) = (Watched::new(waiting), log.clone(), Rc::new(Cell::new(false)));
        let connected = Rc::clone(&is_connected);
        let _task = event_loop.create_task(from_fn(move |mut sent| {
            let finish = |socket: &Socket| match socket.take_error()? {
                None => Ok(()),
                Some(error) => Err(error),
            };
            let result = yield_from!(watched.attempt(Direction::Write, finish), sent);
            connected.set(result.is_ok());
            told.add(outcome(&result.as_ref().map(|()| "connected").map_err(Clone::clone)));
            result.map(Step::Return)
        }));
        turns(event_loop, 5);
        assert_eq!((log.take(), is_connected.get()), (vec![], false));
    });
}

#[test]
fn available_bytes_are_read_at_once() {
    with_every_loop(|event_loop, _| {
        let (reader, mut writer) = io::pipe().expect("descriptors are free");
        writer.write_all(b"abcd").expect("there is room");
        wait_for(&reader.as_fd(), libc::POLLIN);
        let reader = PipeReader::try_from(std::os::fd::OwnedFd::from(reader)).expect("it can be waited for");
        let attempt = from_fn(move |_: Result<(), Exception>| {
            let step = reader.recv(&mut [0; 9]).resume(Ok(()))?;
            assert!(matches!(step, Step::Return(4)));
            Ok(Step::Return(()))
        });
        event_loop.run_until_complete(attempt).expect("it does not wait");
    });
}
