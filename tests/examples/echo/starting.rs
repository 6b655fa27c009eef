//! How a server starts, and how it fails to start.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use super::client::{connect, echo_byte};
use super::server::{ANY, Server};
use crate::support::process::{Process, example};

with_each_server! {
    the_first_line_has_the_address,
    a_taken_port_prints_an_error_in_one_line,
    an_address_of_another_machine_prints_an_error_in_one_line,
    an_invalid_address_prints_an_error_in_one_line,
}

fn the_first_line_has_the_address(program: &str) {
    for address in [ANY, "[::1]:0"] {
        let wanted: SocketAddr = address.parse().unwrap();
        if TcpListener::bind(wanted).is_err() {
            // No such protocol on this machine.
            continue;
        }
        let process = Process::spawn(Command::new(example(program)).arg(address)).expect("it can be started");
        let server = Server::listening(process);
        assert_eq!(server.address.ip(), wanted.ip());
        assert_ne!(server.address.port(), 0);
        echo_byte(&connect(server.address), 1);
        server.stop();
    }
}

/// Starts a server that cannot start. Returns the line with the reason.
fn refusal(program: &str, address: &str) -> String {
    let process = Process::spawn(Command::new(example(program)).arg(address)).expect("it can be started");
    let (status, output, mut errors) = process.finish();
    assert_eq!((status.code(), output, errors.len()), (Some(1), vec![], 1), "{errors:?}");
    errors.remove(0)
}

fn a_taken_port_prints_an_error_in_one_line(program: &str) {
    let server = Server::start(program);
    let address = server.address.to_string();
    let line = refusal(program, &address);
    assert!(line.starts_with(&format!("{} {address}: ", program)) && line.contains("in use"), "{line}");
    echo_byte(&connect(server.address), 1);
    server.stop();
}

fn an_address_of_another_machine_prints_an_error_in_one_line(program: &str) {
    // Of a network that is for documentation only (RFC 5737).
    let line = refusal(program, "192.0.2.1:0");
    assert!(line.starts_with(&format!("{} 192.0.2.1:0: ", program)), "{line}");
}

fn an_invalid_address_prints_an_error_in_one_line(program: &str) {
    for nonsense in ["", "7007", "localhost", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:7007 ", "here:there"] {
        let line = refusal(program, nonsense);
        assert_eq!(line, format!("{} {nonsense}: invalid socket address syntax", program));
    }
}
