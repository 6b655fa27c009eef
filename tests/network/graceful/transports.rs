//! Serving by protocols and by streams, over sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use innermost::server::{GracefulServer, StopToken};
use innermost::{
    Await, Awaitable, EventLoop, Exception, Kind, Protocol, Step, StreamReader, StreamWriter, TcpListener, Transport,
    UnixListener, from_fn, sleep, yield_from,
};

use crate::support::events::Log;
use crate::support::loops::{any, new_loop, run_until};

/// A protocol that tells what happens to it.
struct Telling {
    log: Log,
    stop: StopToken,
}

impl Protocol for Telling {
    fn connection_made(&mut self, _: &Transport) {
        self.log.add("made");
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.log.add(format_args!("received {}, stopping: {}", data.len(), self.stop.is_stopping()));
        transport.write(data).unwrap();
    }

    fn connection_lost(&mut self, _: &Transport, error: Option<Exception>) {
        self.log.add(format_args!("lost: {}", error.is_some()));
    }
}

/// Listens at a free port, and at which.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(any()).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn telling(log: &Log, end: impl Fn(&Transport) + 'static) -> (GracefulServer, SocketAddr) {
    let ((listener, address), log) = (listener(), log.clone());
    (GracefulServer::protocols(listener, move |stop| Telling { log: log.clone(), stop }, end), address)
}

/// Runs the loop until the log has so many entries.
fn until(event_loop: &EventLoop, log: &Log, count: usize) {
    let log = log.clone();
    run_until(event_loop, move || log.entries().len() >= count);
}

fn to_end(mut stream: impl Read) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map(|_| bytes).map_err(|error| error.kind())
}

#[test]
fn stopping_ends_each_protocol_as_asked_and_waits_for_it() {
    let (log, event_loop) = (Log::default(), new_loop());
    let ended = log.clone();
    let (server, address) = telling(&log, move |transport| {
        ended.add("asked to end");
        transport.close();
    });
    let (stop, serving) = (server.stop_token(), event_loop.create_task(server).unwrap());
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"hello").unwrap();
    until(&event_loop, &log, 2);
    stop.stop();
    event_loop.run_until_complete(serving).unwrap();
    assert_eq!(log.take(), ["made", "received 5, stopping: false", "asked to end", "lost: false"]);
    assert_eq!(to_end(client).unwrap(), b"hello");
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn protocols_that_do_not_end_are_aborted_after_the_grace_period() {
    for cut in [false, true] {
        let (log, event_loop) = (Log::default(), new_loop());
        let (server, address) = telling(&log, |_| {});
        let (stop, grace) = (server.stop_token(), Duration::from_millis(if cut { 600_000 } else { 1 }));
        let serving = event_loop.create_task(server.grace(grace)).unwrap();
        let client = TcpStream::connect(address).unwrap();
        until(&event_loop, &log, 1);
        if cut {
            stop.stop_now()
        } else {
            stop.stop()
        }
        event_loop.run_until_complete(serving).unwrap();
        assert_eq!(log.take(), ["made", "lost: false"]);
        drop(client);
    }
}

#[test]
fn a_protocol_learns_of_its_connection_before_it_is_asked_to_end() {
    let (log, event_loop) = (Log::default(), new_loop());
    let ended = log.clone();
    let (listener, address) = listener();
    let again = log.clone();
    let factory = move |stop: StopToken| {
        // The server is stopped in the step in which it accepts.
        stop.stop();
        Telling { log: again.clone(), stop }
    };
    let server = GracefulServer::protocols(listener, factory, move |transport| {
        ended.add("asked to end");
        transport.close();
    });
    let client = TcpStream::connect(address).unwrap();
    event_loop.run_until_complete(server).unwrap();
    assert_eq!(log.take(), ["made", "asked to end", "lost: false"]);
    drop(client);
}

#[test]
fn a_server_of_protocols_has_limits_too() {
    let (log, event_loop) = (Log::default(), new_loop());
    let (server, address) = telling(&log, Transport::close);
    let (stop, serving) = (server.stop_token(), event_loop.create_task(server.max_connections(1)).unwrap());
    let first = TcpStream::connect(address).unwrap();
    until(&event_loop, &log, 1);
    let second = TcpStream::connect(address).unwrap();
    for _ in 0..10 {
        event_loop.call_soon(|| ()).unwrap();
        event_loop.run_once().unwrap();
    }
    assert_eq!(log.take(), ["made"]);
    drop(first);
    until(&event_loop, &log, 2);
    assert_eq!(log.take(), ["lost: false", "made"]);
    stop.stop();
    event_loop.run_until_complete(serving).unwrap();
    drop(second);
}

#[test]
fn a_server_of_protocols_that_is_cancelled_or_dropped_aborts_them() {
    let (log, event_loop) = (Log::default(), new_loop());
    let (server, address) = telling(&log, |_| {});
    let serving = event_loop.create_task(server).unwrap();
    let client = TcpStream::connect(address).unwrap();
    until(&event_loop, &log, 1);
    serving.cancel();
    assert!(event_loop.run_until_complete(serving).unwrap_err().is_cancelled());
    assert_eq!(log.take(), ["made", "lost: false"]);
    drop(client);

    let (server, address) = telling(&log, |_| {});
    let mut server = Some(server);
    let made = log.clone();
    let client = TcpStream::connect(address).unwrap();
    let leaving = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        if made.entries().is_empty() {
            innermost::Coroutine::resume(server.as_mut().unwrap(), Ok(()))?;
            return Ok(Step::<Await, (), ()>::Yield(Await::next_turn()));
        }
        server = None;
        Ok(Step::Return(()))
    });
    event_loop.run_until_complete(leaving).unwrap();
    until(&event_loop, &log, 2);
    assert_eq!(log.take(), ["made", "lost: false"]);
    drop(client);
}

#[test]
fn what_panics_while_a_protocol_is_made_or_asked_to_end_is_reported() {
    let (log, event_loop) = (Log::default(), new_loop());
    log.reports(&event_loop);
    let (listener, address) = listener();
    let (again, mut count) = (log.clone(), 0);
    let factory = move |stop| {
        count += 1;
        assert_ne!(count, 1, "the factory");
        Telling { log: again.clone(), stop }
    };
    let server = GracefulServer::protocols(listener, factory, |_| panic!("the end"));
    let (stop, serving) = (server.stop_token(), event_loop.create_task(server.grace(Duration::ZERO)).unwrap());
    let clients = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
    until(&event_loop, &log, 2);
    stop.stop();
    event_loop.run_until_complete(serving).unwrap();
    let entries = log.take();
    assert!(entries[0].starts_with("the server could not serve a connection: "), "{entries:?}");
    assert!(entries[0].contains("the factory"), "{entries:?}");
    assert_eq!(entries[1], "made");
    assert!(entries[2].contains("the end"), "{entries:?}");
    assert_eq!(entries[3..], ["lost: false"]);
    drop(clients);
}

/// Sends back one read, and ends as `then` says.
fn answering<C: Awaitable<Return = ()>>(
    reader: StreamReader,
    writer: StreamWriter,
    mut then: C,
) -> impl Awaitable<Return = ()> {
    let mut is_answered = false;
    from_fn(move |mut sent| {
        if !is_answered {
            let data = yield_from!(reader.read(100), sent)?;
            writer.write(&data)?;
            is_answered = true;
        }
        yield_from!(then, sent)?;
        Ok(Step::Return(()))
    })
}

#[test]
fn a_stream_is_over_when_all_that_was_written_is_sent() {
    const MUCH: usize = 8 << 20;
    let event_loop = new_loop();
    let (listener, address) = listener();
    let server = GracefulServer::streams(listener, |_reader, writer, stop| {
        stop.stop();
        writer.write(&vec![7; MUCH])?;
        Ok(innermost::ready(()))
    });
    let client = std::thread::spawn(move || to_end(TcpStream::connect(address).unwrap()));
    event_loop.run_until_complete(server.grace(Duration::from_secs(600))).unwrap();
    assert_eq!(client.join().unwrap().unwrap().len(), MUCH);
}

#[test]
fn streams_are_served_at_unix_sockets_too() {
    let path = std::env::temp_dir().join(format!("innermost-graceful-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let server = GracefulServer::streams(listener, |reader, writer, stop| {
        stop.stop();
        assert!(writer.peer_addr().is_err(), "it has no address of the internet");
        Ok(answering(reader, writer, innermost::ready(())))
    });
    let mut client = UnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    client.write_all(b"hello").unwrap();
    new_loop().run_until_complete(server).unwrap();
    assert_eq!(to_end(client).unwrap(), b"hello");
}

#[test]
fn a_stream_that_is_cut_is_aborted() {
    let event_loop = new_loop();
    let (listener, address) = listener();
    let server = GracefulServer::streams(listener, |reader, writer, stop: StopToken| {
        Ok(answering(
            reader,
            writer,
            innermost::lazy(move || {
                stop.stop_now();
                sleep(Duration::from_secs(600))
            }),
        ))
    });
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"hello").unwrap();
    event_loop.run_until_complete(server).unwrap();
    drop(client);
}

#[test]
fn a_stream_whose_task_or_handler_fails_is_closed_and_reported() {
    let (log, event_loop) = (Log::default(), new_loop());
    log.reports(&event_loop);
    let (listener, address) = listener();
    let mut count = 0;
    let server = GracefulServer::streams(listener, move |reader, writer: StreamWriter, stop: StopToken| {
        count += 1;
        if count == 1 {
            writer.write(b"busy")?;
            return Err(Exception::message(Kind::ValueError, "the handler"));
        }
        stop.stop();
        let failing = from_fn(|_| Err(Exception::message(Kind::ValueError, "the task")));
        Ok(answering(reader, writer, failing))
    });
    let mut clients = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
    for client in &mut clients {
        client.write_all(b"hello").unwrap();
    }
    event_loop.run_until_complete(server).unwrap();
    let expected =
        ["the server could not serve a connection: the handler", "a connection of the server failed: the task"];
    assert_eq!(log.take(), expected);
    let [refused, failed] = clients;
    assert_eq!(to_end(failed).unwrap(), b"hello");
    drop(refused);
}
