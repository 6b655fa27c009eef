//! Starting, limits, and stopping.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;

use socket2::SockRef;

use super::program::{ask, connected, listen, proxy};
use super::{greeting, request_to};
use crate::support::process::{Process, example, until};

/// A client that is connected through the proxy, and the other end.
fn through(address: std::net::SocketAddr) -> (TcpStream, TcpStream) {
    let listener = listen("127.0.0.1").expect("it is there");
    let client = connected(address);
    let request = request_to(listener.local_addr().expect("it is bound"));
    let reply = ask(&client, [greeting(&[0]), request].concat(), 12);
    assert_eq!(reply[..4], [5, 0, 5, 0]);
    let (other, _) = listener.accept().expect("the proxy has connected");
    other.set_read_timeout(client.read_timeout().expect("it is set")).expect("it is not zero");
    (client, other)
}

#[test]
fn bad_arguments_are_refused() {
    let too_long = format!("a:{}", "b".repeat(256));
    for (arguments, text) in [
        (vec!["nonsense"], "socks5_proxy nonsense: "),
        (vec!["127.0.0.1:0", "nobody"], "socks5_proxy 127.0.0.1:0: the login must be USER:PASSWORD"),
        (vec!["127.0.0.1:0", ":secret"], "socks5_proxy 127.0.0.1:0: the login must be USER:PASSWORD"),
        (vec!["127.0.0.1:0", &too_long], "socks5_proxy 127.0.0.1:0: the login must be USER:PASSWORD"),
    ] {
        let program = Process::spawn(Command::new(example("socks5_proxy")).args(&arguments)).expect("it is built");
        let (status, output, errors) = program.finish();
        assert_eq!((status.code(), output), (Some(1), vec![]));
        assert!(errors.len() == 1 && errors[0].starts_with(text), "{errors:?}");
    }
}

#[test]
fn a_signal_ends_those_that_are_not_connected_and_lets_the_others_finish() {
    let (proxy, address) = proxy(&[]);
    let (mut client, mut other) = through(address);
    let mut waiting = connected(address);
    assert_eq!(ask(&waiting, greeting(&[0]), 2), [5, 0]);
    proxy.signal("TERM");
    assert_eq!(waiting.read(&mut [0]).expect("it is closed in good order"), 0);
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut question = String::new();
    other.read_to_string(&mut question).unwrap();
    other.write_all(b"answer").unwrap();
    drop(other);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!((&*question, &*answer), ("question", "answer"));
    proxy.expect_success();
}

#[test]
fn a_second_signal_ends_all() {
    let (proxy, address) = proxy(&[]);
    let (mut client, mut other) = through(address);
    let mut waiting = connected(address);
    assert_eq!(ask(&waiting, greeting(&[0]), 2), [5, 0]);
    proxy.signal("TERM");
    // The first one has been handled when this is closed.
    assert_eq!(waiting.read(&mut [0]).expect("it is closed in good order"), 0);
    proxy.signal("TERM");
    proxy.expect_success();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(other.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_reset_of_one_end_ends_the_other() {
    let (proxy, address) = proxy(&[]);
    for resets_client in [true, false] {
        let (client, other) = through(address);
        let (reset, mut left) = if resets_client { (client, other) } else { (other, client) };
        SockRef::from(&reset).set_linger(Some(std::time::Duration::ZERO)).expect("it is a connection");
        drop(reset);
        let ended = left.read(&mut [0]);
        assert!(matches!(ended, Ok(0)) || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    }
    // A reset in the handshake.
    let client = connected(address);
    (&client).write_all(&[5, 1]).unwrap();
    SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).expect("it is a connection");
    drop(client);
    let _still_serving = through(address);
    proxy.signal("TERM");
    proxy.signal("TERM");
}

#[test]
fn a_client_may_have_sixty_four_connections() {
    let (proxy, address) = proxy(&[]);
    let mut open: Vec<_> = (0..64).map(|_| through(address)).collect();
    let listener = listen("127.0.0.1").expect("it is there");
    let request = request_to(listener.local_addr().expect("it is bound"));
    let reply = |client: &TcpStream| ask(client, [greeting(&[0]), request.clone()].concat(), 12)[3];
    assert_eq!(reply(&connected(address)), 2);
    // One that ends makes room.
    let (mut client, other) = open.pop().expect("there are many");
    drop(other);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(client);
    until("the connection has ended", || reply(&connected(address)) == 0);
    drop((open, listener));
    proxy.signal("TERM");
    proxy.expect_success();
}

#[test]
fn thirty_two_clients_of_an_address_may_be_in_the_handshake() {
    let (proxy, address) = proxy(&[]);
    let mut silent: Vec<_> = (0..32).map(|_| connected(address)).collect();
    silent.iter().for_each(|client| assert_eq!(ask(client, greeting(&[0]), 2), [5, 0]));
    let ended = connected(address).read(&mut [0]);
    assert!(matches!(ended, Ok(0)) || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    silent.pop();
    until("one has left", || {
        let mut answer = [0; 2];
        let mut client = connected(address);
        client.write_all(&greeting(&[0])).and_then(|()| client.read_exact(&mut answer)).is_ok()
    });
    proxy.signal("TERM");
    proxy.expect_success();
}
