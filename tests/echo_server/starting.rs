//! How it starts, and how it does not.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use crate::client::{connect, echo_byte};
use crate::process::{Process, example};
use crate::server::{ANY, Server};

#[test]
fn the_first_line_says_where_it_listens() {
    for address in [ANY, "[::1]:0"] {
        let wanted: SocketAddr = address.parse().unwrap();
        if TcpListener::bind(wanted).is_err() {
            // No such protocol on this machine.
            continue;
        }
        let process = Process::spawn(Command::new(example(crate::EXAMPLE)).arg(address)).expect("it can be started");
        let server = Server::listening(process);
        assert_eq!(server.address.ip(), wanted.ip());
        assert_ne!(server.address.port(), 0);
        echo_byte(&connect(server.address), 1);
        server.stop();
    }
}

/// Starts a server that cannot start; gives the line in which it says why.
fn refusal(address: &str) -> String {
    let process = Process::spawn(Command::new(example(crate::EXAMPLE)).arg(address)).expect("it can be started");
    let (status, output, mut errors) = process.finish();
    assert_eq!((status.code(), output, errors.len()), (Some(1), vec![], 1), "{errors:?}");
    errors.remove(0)
}

#[test]
fn a_port_that_is_taken_is_an_error_in_one_line() {
    let server = Server::start();
    let address = server.address.to_string();
    let line = refusal(&address);
    assert!(line.starts_with(&format!("{} {address}: ", crate::EXAMPLE)) && line.contains("in use"), "{line}");
    echo_byte(&connect(server.address), 1);
    server.stop();
}

#[test]
fn an_address_of_another_machine_is_an_error_in_one_line() {
    // Of a network that is for documentation only (RFC 5737).
    let line = refusal("192.0.2.1:0");
    assert!(line.starts_with(&format!("{} 192.0.2.1:0: ", crate::EXAMPLE)), "{line}");
}

#[test]
fn what_is_no_address_is_an_error_in_one_line() {
    for nonsense in ["", "7007", "localhost", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:7007 ", "here:there"] {
        let line = refusal(nonsense);
        assert_eq!(line, format!("{} {nonsense}: invalid socket address syntax", crate::EXAMPLE));
    }
}
