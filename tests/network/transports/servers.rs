//! Servers.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use innermost::net::{AddressError, ConnectError};
use innermost::resolver::Addresses;
use innermost::{EventLoop, Kind, Server, Task};

use crate::transports::protocols::{Echo, Recorder, any, connected, echo_server, new_loop, run_turns, run_until};

fn serving(event_loop: &EventLoop, making: innermost::transport::CreateServer) -> Server {
    event_loop.run_until_complete(making).expect("it can listen")
}

// V1
#[test]
fn connections_are_accepted_only_after_start_serving() {
    let (event_loop, _) = new_loop();
    let server = serving(&event_loop, event_loop.create_server(|| Echo, any()).start_serving_later());
    let address = server.local_addrs()[0];
    assert!(!server.is_serving());
    assert!(TcpStream::connect(address).is_err());
    server.start_serving().expect("it is open");
    server.start_serving().expect("it serves already");
    assert!(server.is_serving() && TcpStream::connect(address).is_ok());
    server.close();
    assert!(!server.is_serving() && server.local_addrs().is_empty());
    assert_eq!(server.start_serving().unwrap_err().kind(), Kind::RuntimeError);
}

// V2
#[test]
fn serve_forever_is_cancelled_by_close_and_closes_when_cancelled() {
    let (event_loop, _) = new_loop();
    let (server, address) = echo_server(&event_loop);
    let first = event_loop.create_task(server.serve_forever()).expect("it is open");
    run_turns(&event_loop, 2);
    let second = event_loop.run_until_complete(server.serve_forever()).unwrap_err();
    assert_eq!(second.to_string(), "the server is already being awaited on serve_forever()");
    server.close();
    assert!(event_loop.run_until_complete(first).unwrap_err().is_cancelled());
    let closed = event_loop.run_until_complete(server.serve_forever()).unwrap_err();
    assert_eq!(closed.to_string(), "the server is closed");
    assert!(TcpStream::connect(address).is_err());

    let (server, _) = echo_server(&event_loop);
    let serving = event_loop.create_task(server.serve_forever()).expect("it is open");
    run_turns(&event_loop, 2);
    serving.cancel();
    assert!(event_loop.run_until_complete(serving).unwrap_err().is_cancelled());
    assert!(!server.is_serving() && server.local_addrs().is_empty());
}

/// A server of each kind, and a client that is connected to it.
fn served_clients(event_loop: &EventLoop) -> Vec<(Server, OwnedFd)> {
    let listener = TcpListener::bind(any()).expect("a port is free");
    let path = std::env::temp_dir().join(format!("innermost.{}.idle", std::process::id()));
    let by_path = serving(event_loop, event_loop.create_unix_server(|| Echo, &path).unwrap());
    let by_path = (by_path, UnixStream::connect(&path).expect("it listens").into());
    [event_loop.create_server(|| Echo, any()), event_loop.create_server_at(|| Echo, listener).unwrap()]
        .map(|making| serving(event_loop, making))
        .map(|server| (server.clone(), TcpStream::connect(server.local_addrs()[0]).expect("it listens").into()))
        .into_iter()
        .chain([by_path])
        .collect()
}

// V2, V4
#[test]
fn serve_forever_ends_even_if_a_client_is_idle() {
    let ends: [fn(&Server, &Task<()>); 2] = [|_, task| assert!(task.cancel()), |server, _| server.close()];
    for end in ends {
        let (event_loop, events) = new_loop();
        for (server, client) in served_clients(&event_loop) {
            let task = event_loop.create_task(server.serve_forever()).expect("it is open");
            let counted = server.clone();
            run_until(&event_loop, move || counted.clients().len() == 1);
            end(&server, &task);
            run_turns(&event_loop, 5);
            assert!(task.cancelled() && server.clients().is_empty(), "{server:?}");
            let mut rest = Vec::new();
            fs::File::from(client).read_to_end(&mut rest).expect("it ends well");
            assert_eq!(rest, b"");
        }
        assert_eq!(events.take(), [""; 0]);
    }
}

// V3, V4
#[test]
fn wait_closed_waits_for_close_and_for_every_connection() {
    let ends: [fn(&Server); 2] = [Server::close_clients, Server::abort_clients];
    for end in ends {
        let (event_loop, _) = new_loop();
        let (server, address) = echo_server(&event_loop);
        let mut clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).expect("it listens")).collect();
        let first = event_loop.create_task(server.wait_closed()).expect("it is open");
        let second = event_loop.create_task(server.wait_closed()).expect("it is open");
        let counted = server.clone();
        run_until(&event_loop, move || counted.clients().len() == 3);
        second.cancel();
        run_turns(&event_loop, 5);
        assert!(!first.done() && second.cancelled());
        server.close();
        server.close();
        drop(clients.pop());
        let counted = server.clone();
        run_until(&event_loop, move || counted.clients().len() == 2);
        assert!(!first.done());
        end(&server);
        event_loop.run_until_complete(first).expect("it ends");
        event_loop.run_until_complete(server.wait_closed()).expect("it has ended");
        assert!(server.clients().is_empty());
        for mut client in clients {
            assert_eq!(client.read(&mut [0]).expect("it ends well"), 0);
        }
    }
}

#[test]
fn several_addresses_are_served_and_the_error_names_one_in_use() {
    let (event_loop, _) = new_loop();
    let taken = TcpListener::bind(any()).expect("a port is free");
    let address = taken.local_addr().expect("it is bound");
    let refused = event_loop.run_until_complete(event_loop.create_server(|| Echo, vec![any(), address])).unwrap_err();
    let text = format!("cannot bind to {address}: ");
    assert!(refused.to_string().starts_with(&text), "{refused}");
    let refused = refused.downcast::<io::Error>().expect("it is the system's");
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    let at = AddressError::of(&refused).expect("it says where");
    assert!(at.address() == address.to_string() && at.error().raw_os_error().is_some());
    let both = Addresses::from((["127.0.0.1", "127.0.0.2"], 0));
    let server = serving(&event_loop, event_loop.create_server(|| Echo, both));
    for address in server.local_addrs() {
        let client = connected(event_loop.create_connection(|| Echo, address), &event_loop);
        client.abort();
    }
    assert_eq!(server.local_addrs().len(), 2);
    let none = event_loop.run_until_complete(event_loop.create_server(|| Echo, [])).unwrap_err();
    assert_eq!(none.kind(), Kind::ValueError);
}

#[test]
fn both_families_can_share_a_port_number() {
    let (event_loop, _) = new_loop();
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let first = serving(&event_loop, event_loop.create_server(|| Echo, ([0, 0, 0, 0], 0)));
    let port = first.local_addrs()[0].port();
    let second = serving(&event_loop, event_loop.create_server(|| Echo, ([0_u16; 8], port)));
    assert_eq!(second.local_addrs()[0].port(), port);
}

#[test]
fn a_given_socket_is_served_and_a_wrong_type_is_refused() {
    let (event_loop, _) = new_loop();
    let listener = TcpListener::bind(any()).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let server = serving(&event_loop, event_loop.create_server_at(|| Echo, listener).unwrap());
    let client = connected(event_loop.create_connection(|| Echo, address), &event_loop);
    assert_eq!(client.peer_addr().expect("it is known"), address);
    assert_eq!(client.local_addr().expect("it is open").ip(), address.ip());
    server.close();
    let datagrams = std::net::UdpSocket::bind(any()).expect("a port is free");
    let refused = event_loop.create_server_at(|| Echo, datagrams).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}

fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("innermost.{}.{name}", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

// V5, V6
#[test]
fn a_unix_server_replaces_a_stale_socket_and_removes_its_own() {
    let (event_loop, events) = new_loop();
    let path = path("stale");
    drop(UnixListener::bind(&path).expect("the path is free"));
    assert!(path.exists());
    let server = serving(&event_loop, event_loop.create_unix_server(|| Echo, &path).unwrap());
    let protocol = Recorder::new("", &events).reacting(|transport, event| match event {
        "made" => transport.write(b"hello").expect("it is open"),
        _ => transport.close(),
    });
    let connecting = event_loop.create_unix_connection(|| protocol, &path).expect("it is short enough");
    let client = connected(connecting, &event_loop);
    assert_eq!(client.peer_unix_addr().expect("it is known").as_pathname(), Some(&*path));
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 3);
    assert_eq!(events.take(), ["made", "data hello", "lost None"]);
    server.close();
    assert!(!path.exists());
}

// V5
#[test]
fn a_unix_server_does_not_remove_a_file_of_others() {
    let (event_loop, _) = new_loop();
    let path = path("replaced");
    let server = serving(&event_loop, event_loop.create_unix_server(|| Echo, &path).unwrap());
    // Kept, so that its number is not given to the next file.
    let kept = path.with_extension("kept");
    fs::rename(&path, &kept).expect("it is there");
    let another = UnixListener::bind(&path).expect("the path is free");
    server.close();
    assert!(path.exists());
    drop(another);
    fs::remove_file(&path).expect("it is there");
    fs::remove_file(&kept).expect("it is there");
    let server = serving(&event_loop, event_loop.create_unix_server(|| Echo, &path).unwrap().keep_socket_file());
    server.close();
    fs::remove_file(&path).expect("it was left");
}

// V6
#[test]
fn a_unix_server_refuses_to_replace_a_regular_file() {
    let (event_loop, _) = new_loop();
    let path = path("plain");
    fs::write(&path, "precious").expect("it can be written");
    let refused = event_loop.run_until_complete(event_loop.create_unix_server(|| Echo, &path).unwrap()).unwrap_err();
    let kind = refused.downcast_ref::<io::Error>().map(io::Error::kind);
    assert_eq!(kind, Some(io::ErrorKind::AddrInUse), "{refused}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious");
    fs::remove_file(&path).expect("it is there");
}

#[test]
fn a_panicking_factory_ends_only_its_connection() {
    let (event_loop, events) = new_loop();
    let mut calls = 0;
    let factory = move || {
        calls += 1;
        assert!(calls > 1, "the first panics");
        Echo
    };
    let server = serving(&event_loop, event_loop.create_server(factory, any()));
    let address = server.local_addrs()[0];
    let mut first = TcpStream::connect(address).expect("it listens");
    let mut second = TcpStream::connect(address).expect("it listens");
    second.write_all(b"x").expect("it is open");
    let counted = server.clone();
    run_until(&event_loop, move || counted.clients().len() == 1);
    assert_eq!(first.read(&mut [0]).expect("it ends well"), 0);
    run_turns(&event_loop, 200);
    second.read_exact(&mut [0]).expect("it is echoed");
    let report = "reported Error on transport creation for incoming connection: the first panics";
    assert_eq!(events.take(), [report]);
}

// V8
#[test]
fn a_failed_connection_reports_the_error_of_each_address() {
    let (event_loop, _) = new_loop();
    let free = |_| TcpListener::bind(any()).and_then(|listener| listener.local_addr()).expect("a port is free");
    let addresses: Vec<_> = (0..2).map(free).collect();
    for tried in [&addresses[..1], &addresses[..]] {
        let raised = event_loop.run_until_complete(event_loop.create_connection(|| Echo, tried)).unwrap_err();
        let text = raised.to_string();
        assert!(tried.iter().all(|address| text.contains(&address.to_string())), "{text}");
        let raised = raised.downcast::<ConnectError>().expect("it has the system's errors");
        assert_eq!(raised.kind(), io::ErrorKind::ConnectionRefused);
        for ((failed, error), address) in raised.failures().iter().zip(tried) {
            let error = error.downcast_ref::<io::Error>().expect("it is the system's, whole");
            assert!(failed == address && error.raw_os_error().is_some());
        }
    }
    let (server, address) = echo_server(&event_loop);
    let local = std::net::SocketAddr::from(([127, 0, 0, 2], 0));
    let connecting = event_loop.create_connection(|| Echo, vec![addresses[0], address]).local_addr(local);
    let client = connected(connecting, &event_loop);
    assert_eq!(client.peer_addr().expect("it is known"), address);
    assert_eq!(client.local_addr().expect("it is open").ip(), local.ip());
    server.close();
}
