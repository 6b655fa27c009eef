//! Listeners that are closed while connections wait, and loops that end with open connections.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpListener as StdListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::{
    Await, ByteWrite, DatagramProtocol, DatagramTransport, EventLoop, Exception, Kind as Raised, Step, TcpListener,
    TcpStream, Transport, UdpSocket, from_fn, yield_from,
};

use crate::faults::kinds::{Echo, EchoProtocol, KINDS, Kind, Mark, echo_pair};
use crate::held::{alone, any, client_of, fill, new_loop, new_virtual_loop, run_turns, with_loop};

// V3
#[test]
fn closing_a_listener_releases_waiting_connections() {
    let alone = alone();
    for kind in KINDS {
        alone.leaves_nothing(|| {
            let (event_loop, reports) = new_loop();
            let echo = Echo::serve(kind, &event_loop);
            run_turns(&event_loop, 2);
            let clients: Vec<_> = (0..20).map(|_| client_of(echo.address)).collect();
            echo.close();
            run_turns(&event_loop, 200);
            let counted = echo.count();
            assert_eq!(counted(), 0, "{kind:?}");
            for mut client in clients {
                let ended = with_loop(&event_loop, || client.read(&mut [0]));
                assert!(ended.is_err() || ended.is_ok_and(|count| count == 0), "{kind:?}");
            }
            echo.finish();
            assert_eq!(reports.take(), [""; 0], "{kind:?}");
        });
    }
}

/// How a loop ends.
#[derive(Clone, Copy, Debug)]
enum Exit {
    Closed,
    Dropped,
    /// By one of its callbacks, so that it is closed when the run ends.
    DroppedWhileItRuns,
    /// After a task's `KeyboardInterrupt` has ended the run.
    Interrupted,
    /// After its runs have been one turn each.
    AsAGuest,
}

const EXITS: [Exit; 5] = [Exit::Closed, Exit::Dropped, Exit::DroppedWhileItRuns, Exit::Interrupted, Exit::AsAGuest];

fn end(event_loop: EventLoop, exit: Exit) {
    match exit {
        Exit::Closed => event_loop.close().expect("it does not run"),
        Exit::Dropped => drop(event_loop),
        Exit::DroppedWhileItRuns => {
            let handle = event_loop.handle();
            let (owner, stopped) = (RefCell::new(Some(event_loop)), handle.clone());
            let ends = move || {
                drop(owner.take());
                stopped.stop();
            };
            handle.call_soon(ends).expect("it is open");
            handle.run_forever().expect("it is stopped");
            assert!(handle.is_closed());
        }
        Exit::Interrupted => {
            let raising = from_fn(|_: Result<(), Exception>| -> Result<Step<Await, (), ()>, Exception> {
                Err(Exception::message(Raised::KeyboardInterrupt, "Ctrl-C"))
            });
            event_loop.create_task(raising).expect("it is open");
            event_loop.run_forever().expect_err("it is interrupted");
        }
        Exit::AsAGuest => {
            for _ in 0..5 {
                event_loop.run_once().expect("it runs");
            }
        }
    }
}

/// Connections of each kind: idle, stuck in a write, and with something to read; gives the peers.
fn connections(event_loop: &EventLoop, mark: &Mark) -> Vec<UnixStream> {
    let mut peers = Vec::new();
    for kind in KINDS {
        for state in 0..3 {
            let mut far = echo_pair(kind, event_loop, Rc::clone(mark));
            run_turns(event_loop, 3);
            match state {
                0 => {}
                1 => fill(event_loop, &far),
                _ => far.write_all(b"unread").expect("there is room"),
            }
            peers.push(far);
        }
    }
    peers
}

struct Datagrams(#[allow(dead_code, reason = "counted")] Mark);

impl DatagramProtocol for Datagrams {
    fn datagram_received(&mut self, _: &DatagramTransport, _: &[u8], _: std::net::SocketAddr) {}
}

/// What else has a descriptor: sockets that listen, that are being connected, that wait for datagrams; pipes.
fn others(event_loop: &EventLoop, mark: &Mark) {
    for kind in KINDS {
        // Its listener stays.
        let echo = Echo::serve(kind, event_loop);
        drop(client_of(echo.address));
        run_turns(event_loop, 3);
    }
    let marked = Rc::clone(mark);
    let opening = event_loop.create_datagram_endpoint(move || Datagrams(marked)).local_addr(any());
    event_loop.run_until_complete(opening).expect("a port is free");
    let (udp, marked) = (UdpSocket::bind(any()).expect("a port is free"), Rc::clone(mark));
    let receiving = from_fn(move |mut sent: Result<(), Exception>| {
        let _ = &marked;
        yield_from!(udp.recv_from(&mut [0; 8]), sent)?;
        Ok(Step::<Await, (), ()>::Return(()))
    });
    event_loop.create_task(receiving).expect("it is open");

    // Nothing accepts. The first connections fill the backlog, and the others are pending.
    let full = StdListener::bind(any()).expect("a port is free");
    socket2::SockRef::from(&full).listen(0).expect("it is bound");
    let address = full.local_addr().expect("it is bound");
    for _ in 0..3 {
        event_loop.create_task(TcpStream::connect(address)).expect("it is open");
        let marked = Rc::clone(mark);
        event_loop
            .create_task(event_loop.create_connection(move || EchoProtocol(marked), address))
            .expect("it is open");
        event_loop.create_task(event_loop.open_connection(address)).expect("it is open");
    }
    run_turns(event_loop, 5);
}

#[test]
fn a_loop_that_ends_in_any_way_closes_and_drops_all_connections() {
    let alone = alone();
    for exit in EXITS {
        alone.leaves_nothing(|| {
            let (event_loop, _) = new_virtual_loop();
            let mark = Mark::default();
            let mut peers = connections(&event_loop, &mark);
            others(&event_loop, &mark);
            assert!(Rc::strong_count(&mark) > 9);
            end(event_loop, exit);
            assert_eq!(Rc::strong_count(&mark), 1, "{exit:?}");
            for far in &mut peers {
                far.set_nonblocking(false).expect("it is open");
                // An end, or a reset where it has not read all.
                let _ = far.read_to_end(&mut Vec::new());
            }
        });
    }
}

/// Handles that are kept after the loop was closed do no harm, and hold no descriptor.
#[test]
fn handles_that_outlive_their_loop_hold_no_descriptor_and_refuse_to_wait() {
    let alone = alone();
    alone.leaves_nothing(|| {
        let (event_loop, _) = new_virtual_loop();
        let mut peers = Vec::new();
        let mut near = || {
            let (near, far) = UnixStream::pair().expect("descriptors are free");
            peers.push(far);
            near
        };
        let mark = Mark::default();
        let opening = event_loop.connect_accepted_socket(move || EchoProtocol(mark), near());
        let transport: Transport = event_loop.run_until_complete(opening.unwrap()).expect("it is a stream");
        let opening = event_loop.open_connection_at(near());
        let (reader, writer) = event_loop.run_until_complete(opening.unwrap()).expect("it is a stream");
        let stream = TcpStream::from_std(OwnedFd::from(near()).into()).expect("it is a socket");
        let listener = TcpListener::bind(any()).expect("a port is free");
        let listening = listener.local_addr().expect("it is bound");
        drop(event_loop);
        // The transports are closed. Sockets of the program stay open until they are dropped.
        assert_eq!(peers[0].read(&mut [0]).expect("it has ended"), 0);
        assert_eq!(peers[1].read(&mut [0]).expect("it has ended"), 0);
        transport.write(b"thrown away").expect("it is lost");
        let (other, _) = new_virtual_loop();
        assert!(other.run_until_complete(reader.read_line()).is_err());
        assert!(writer.write(b"thrown away").is_ok() && writer.is_closing());
        // These sockets were never used in the closed loop.
        let sending = from_fn(move |mut sent: Result<(), Exception>| {
            yield_from!(stream.send(b"x"), sent)?;
            Ok(Step::<Await, (), ()>::Return(()))
        });
        other.run_until_complete(sending).expect("it is open");
        let client = client_of(listening);
        let accepting = from_fn(move |mut sent: Result<(), Exception>| {
            let _ = &client;
            yield_from!(listener.accept(), sent)?;
            Ok(Step::<Await, (), ()>::Return(()))
        });
        other.run_until_complete(accepting).expect("somebody has connected");
    });
}

/// A task of the program's is no reason to keep a connection: it is closed with the loop, whoever holds the handle.
#[test]
fn keeping_a_task_does_not_keep_its_connection() {
    let alone = alone();
    alone.leaves_nothing(|| {
        let (event_loop, _) = new_virtual_loop();
        let mark = Mark::default();
        let far = echo_pair(Kind::Machine, &event_loop, Rc::clone(&mark));
        run_turns(&event_loop, 3);
        let tasks = event_loop.all_tasks();
        drop(event_loop);
        assert_eq!(Rc::strong_count(&mark), 1);
        far.set_nonblocking(false).expect("it is open");
        assert_eq!((&far).read(&mut [0]).expect("it has ended"), 0);
        drop(tasks);
    });
}
