//! Unusual situations from CPython's tests, one each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixStream;
use std::process::Command;

use innermost::{UnixListener, Watched};

use crate::support::tools::needs;
use crate::transports::protocols::{
    Echo, Recorder, any, connected, new_loop, pair, run_turns, run_until, run_until_lost,
};

/// More than the kernel takes.
const MUCH: usize = 1_000_000;

// X5
#[test]
fn pieces_that_the_kernel_takes_partially_arrive_in_order() {
    let (event_loop, events) = new_loop();
    let (transport, mut far) = pair(&event_loop, Recorder::new("", &events));
    let pieces: Vec<Vec<u8>> = (0..3000_u32).map(|number| vec![number as u8; number as usize % 700]).collect();
    transport.writelines(&pieces).expect("it is open");
    assert!(transport.write_buffer_size() > 0);
    transport.write_eof().expect("it is open");
    let reading = std::thread::spawn(move || {
        let mut received = Vec::new();
        far.read_to_end(&mut received).map(|_| (received, far))
    });
    let sent = transport.clone();
    run_until(&event_loop, move || sent.write_buffer_size() == 0);
    let (received, _far) = reading.join().expect("it does not panic").expect("it ends well");
    assert!(received == pieces.concat());
}

// X17: a descriptor that is not a regular file, and can be waited for.
#[test]
fn a_socket_can_be_used_as_a_pipe() {
    let (event_loop, events) = new_loop();
    let (near, mut far) = UnixStream::pair().expect("descriptors are free");
    let log = events.clone();
    let reading = event_loop.connect_read_pipe(move || Recorder::new("", &log), near);
    event_loop.run_until_complete(reading.unwrap()).expect("it can be waited for");
    far.write_all(b"x").expect("it is open");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 2);
    assert_eq!(events.take(), ["made", "data x"]);
}

// X18
#[test]
fn the_descriptor_of_a_transport_cannot_be_watched() {
    let (event_loop, events) = new_loop();
    let (transport, mut far) = pair(&event_loop, Recorder::new("", &events));
    transport.with_fd(|fd| {
        let watched = Watched::new(fd.expect("it is open"));
        for refused in [event_loop.add_reader(&watched, || ()), event_loop.add_writer(&watched, || ())] {
            let raised = refused.unwrap_err();
            assert!(raised.notes().next().unwrap().starts_with("this descriptor is already registered"), "{raised:?}");
        }
    });
    far.write_all(b"x").expect("it is open");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 2);
    assert_eq!(events.take(), ["made", "data x"]);
}

// V1
#[test]
fn serve_forever_starts_a_server_that_does_not_listen_yet() {
    let (event_loop, _) = new_loop();
    let creating = event_loop.create_server(|| Echo, any()).start_serving_later();
    let server = event_loop.run_until_complete(creating).expect("a port is free");
    let address = server.local_addrs()[0];
    let serving = event_loop.create_task(server.serve_forever()).expect("it is open");
    assert!(TcpStream::connect(address).is_err());
    run_turns(&event_loop, 2);
    assert!(server.is_serving() && TcpStream::connect(address).is_ok());
    serving.cancel();
    assert!(event_loop.run_until_complete(serving).unwrap_err().is_cancelled());
}

// V4
#[test]
fn close_clients_sends_buffered_data_and_abort_clients_discards_it() {
    for sends_all in [true, false] {
        let (event_loop, events) = new_loop();
        let log = events.clone();
        let path = std::env::temp_dir().join(format!("innermost.{}.clients", std::process::id()));
        let factory = move || {
            Recorder::new("", &log).reacting(|transport, event| {
                if event == "made" {
                    transport.write(&[b'x'; MUCH]).expect("it is open");
                }
            })
        };
        let server = event_loop.run_until_complete(event_loop.create_unix_server(factory, &path).unwrap());
        let server = server.expect("the path is free");
        let mut client = UnixStream::connect(&path).expect("it listens");
        let counted = server.clone();
        run_until(&event_loop, move || counted.clients().first().is_some_and(|client| client.write_buffer_size() > 0));
        server.close();
        if sends_all {
            server.close_clients();
        } else {
            server.abort_clients();
        }
        let reading = std::thread::spawn(move || {
            let mut received = Vec::new();
            client.read_to_end(&mut received).map(|_| received.len())
        });
        event_loop.run_until_complete(server.wait_closed()).expect("its clients are over");
        let received = reading.join().expect("it does not panic").expect("it ends well");
        assert_eq!(received == MUCH, sends_all);
        assert_eq!(events.take().last().map(String::as_str), Some("lost None"));
    }
}

// V7. Nothing can be accepted at a listening socket that is shut down.
#[cfg(target_os = "linux")]
#[test]
fn a_failed_accept_is_reported_and_retried_after_a_pause() {
    let (event_loop, events) = new_loop();
    let creating = event_loop.create_server(|| Echo, any()).accept_pause(std::time::Duration::from_millis(1));
    let server = event_loop.run_until_complete(creating).expect("a port is free");
    server.with_sockets(|fd| {
        socket2::SockRef::from(&fd).shutdown(std::net::Shutdown::Both).expect("it listens");
    });
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 3);
    let report = "reported socket.accept() failed: Invalid argument (os error 22)";
    assert_eq!(events.take(), [report; 3]);
    assert!(server.is_serving());
    // Others go on, and a closed server tries no more.
    let (transport, _far) = pair(&event_loop, Recorder::new("", &events));
    transport.abort();
    server.close();
    run_turns(&event_loop, 200);
    assert_eq!(events.take().last().map(String::as_str), Some("lost None"));
}

// V8, E20: of a Unix socket, whose error says where as well.
#[test]
fn the_error_names_the_path_if_there_is_no_unix_socket() {
    let (event_loop, _) = new_loop();
    let path = std::env::temp_dir().join(format!("innermost.{}.nobody", std::process::id()));
    let connecting = event_loop.create_unix_connection(|| Echo, &path).expect("it is short enough");
    let raised = event_loop.run_until_complete(connecting).unwrap_err();
    assert!(raised.to_string().starts_with(&format!("cannot connect to {}: ", path.display())), "{raised}");
    let long = "x".repeat(1000);
    let refused = event_loop.create_unix_connection(|| Echo, &long).unwrap_err();
    assert!(refused.kind() == std::io::ErrorKind::InvalidInput && refused.to_string().contains(&long));
    let refused = event_loop.create_unix_server(|| Echo, &long).unwrap_err();
    assert!(refused.to_string().starts_with("cannot bind to xxx"), "{refused}");
}

// To the kernel, the path would end there.
#[test]
fn a_unix_path_with_a_zero_byte_is_refused() {
    let (event_loop, _) = new_loop();
    let before = std::env::temp_dir().join(format!("innermost.{}.cut", std::process::id()));
    let path = format!("{}\0short", before.display());
    let expect = |raised: &dyn std::fmt::Display| {
        let raised = raised.to_string();
        assert!(raised.ends_with("the path has a zero byte in it"), "{raised}");
    };
    expect(&event_loop.create_unix_server(|| Echo, &path).unwrap_err());
    expect(&event_loop.create_unix_connection(|| Echo, &path).unwrap_err());
    expect(&innermost::UnixStream::connect(&path).unwrap_err());
    expect(&UnixListener::bind(&path).unwrap_err());
    expect(&innermost::UnixDatagram::bind(&path).unwrap_err());
    assert!(!before.exists());
}

// The kernel would pick any name that is free.
#[test]
fn an_empty_unix_path_is_refused() {
    let (event_loop, _) = new_loop();
    let expect = |raised: &dyn std::fmt::Display| {
        let raised = raised.to_string();
        assert!(raised.ends_with("the path is empty"), "{raised}");
    };
    expect(&event_loop.create_unix_server(|| Echo, "").unwrap_err());
    expect(&event_loop.create_unix_connection(|| Echo, "").unwrap_err());
    expect(&innermost::UnixStream::connect("").unwrap_err());
    expect(&UnixListener::bind("").unwrap_err());
    expect(&innermost::UnixDatagram::bind("").unwrap_err());
}

// A zero byte in front makes a name that is no file's.
#[cfg(target_os = "linux")]
#[test]
fn a_unix_server_may_have_an_abstract_name() {
    let (event_loop, _) = new_loop();
    let name = format!("\0innermost.{}.abstract\0server", std::process::id());
    let server =
        event_loop.run_until_complete(event_loop.create_unix_server(|| Echo, &name).unwrap()).expect("it is free");
    let connecting = event_loop.create_unix_connection(|| Echo, &name).expect("it is short enough");
    let transport = event_loop.run_until_complete(connecting).expect("it listens");
    let peer = transport.peer_unix_addr().expect("it is connected");
    assert_eq!(peer.as_abstract_name(), Some(&name.as_bytes()[1..]));
    assert!(transport.local_unix_addr().expect("it is connected").is_unnamed());
    server.close();
}

// E20. A backlog that is full is waited for, as by `UnixStream::connect`.
#[cfg(target_os = "linux")]
#[test]
fn connecting_waits_for_a_unix_server_with_a_full_backlog() {
    let (event_loop, _) = new_loop();
    let path = std::env::temp_dir().join(format!("innermost.{}.full", std::process::id()));
    let creating = event_loop.create_unix_server(|| Echo, &path).unwrap().backlog(0).start_serving_later();
    let server = event_loop.run_until_complete(creating).expect("the path is free");
    server.with_sockets(|fd| socket2::SockRef::from(&fd).listen(0).expect("it is bound"));
    let _fills = UnixStream::connect(&path).expect("there is room for one");
    let connect = || event_loop.create_unix_connection(|| Echo, &path).expect("it is short enough");
    let waiting = event_loop.create_task(connect()).expect("it is open");
    let cancelled = event_loop.create_task(connect()).expect("it is open");
    run_turns(&event_loop, 5);
    assert!(!waiting.done());
    cancelled.cancel();
    assert!(event_loop.run_until_complete(cancelled.join()).unwrap_err().is_cancelled());
    server.start_serving().expect("it is open");
    let transport = event_loop.run_until_complete(waiting.join()).expect("it accepts by now");
    assert_eq!(transport.peer_unix_addr().expect("it is known").as_pathname(), Some(&*path));
    server.close();
}

// As a bare socket's: `byte_streams/unix.rs`.
#[test]
fn bytes_after_a_passed_descriptor_are_not_held_back() {
    needs!("python3");
    let (event_loop, events) = new_loop();
    let (_transport, mut far) = pair(&event_loop, Recorder::new("", &events));
    let program = "import socket, sys; s = socket.socket(fileno=0); socket.send_fds(s, [b'with'], [1])";
    let stdin = OwnedFd::from(far.try_clone().expect("a descriptor is free"));
    let status = Command::new("python3").args(["-c", program]).stdin(stdin).status();
    assert!(status.expect("it is installed").success());
    far.write_all(b"without").expect("it is open");
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 3);
    assert_eq!(events.take(), ["made", "data with", "data without"]);
}

// asyncio's `get_extra_info('peername')`: names the peer that has gone.
#[test]
fn the_peers_address_is_known_even_after_a_reset() {
    let (event_loop, events) = new_loop();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    let log = events.clone();
    let protocol = Recorder::new("", &events).reacting(move |transport, event| {
        if event.starts_with("lost") {
            log.add(format_args!("it was {}", transport.peer_addr().expect("it is known")));
        }
    });
    let transport = connected(event_loop.create_connection(|| protocol, address), &event_loop);
    let far = listener.accept().expect("it has connected").0;
    // Closed, it is reset.
    socket2::SockRef::from(&far).set_linger(Some(std::time::Duration::ZERO)).expect("it is open");
    drop(far);
    run_until_lost(&event_loop, &transport);
    assert_eq!(events.take().last(), Some(&format!("it was {address}")));
    assert_eq!(transport.peer_addr().expect("it is known"), address);
}
