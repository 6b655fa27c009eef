//! The three echo servers, with nc and socat as clients.

use std::process::Command;

use crate::real_clients::programs::{MIB, assert_same, bytes, echo_example};
use crate::support::process::{Process, until};
use crate::support::tools::{filtered, needs, tool};

const EXAMPLES: [&str; 3] = ["echo_server", "echo_protocol", "echo_streams"];

/// Runs each example, with each client: one that sends, ends its stream, and receives up to the end of the other.
fn with_each(mut check: impl FnMut(&mut Command)) {
    for example in EXAMPLES {
        let (server, address) = echo_example(example);
        let mut nc = tool("nc");
        nc.args(["-N", "127.0.0.1", &address.port().to_string()]);
        let mut socat = tool("socat");
        socat.args(["-t30", "-", &format!("TCP:{address}")]);
        check(&mut nc);
        check(&mut socat);
        expect_success(server);
    }
}

fn expect_success(server: Process) {
    server.signal("TERM");
    let (status, output, errors) = server.finish();
    assert_eq!((status.code(), output, errors), (Some(0), vec![], vec![]));
}

#[test]
fn everything_sent_comes_back_before_the_end_of_the_stream() {
    needs!("nc", "socat");
    let sent = bytes(5 * MIB);
    with_each(|client| assert_same(&filtered(client, &sent), &sent));
}

#[test]
fn a_client_that_sends_nothing_gets_nothing() {
    needs!("nc", "socat");
    with_each(|client| assert_eq!(filtered(client, b""), b""));
}

#[test]
fn concurrent_clients_of_both_kinds_get_their_own_bytes() {
    needs!("nc", "socat");
    for example in EXAMPLES {
        let (server, address) = echo_example(example);
        std::thread::scope(|scope| {
            for number in 0..10 {
                scope.spawn(move || {
                    let sent = [number; 200_000];
                    let mut client = tool(if number % 2 == 0 { "nc" } else { "socat" });
                    match number % 2 {
                        0 => client.args(["-N", "127.0.0.1", &address.port().to_string()]),
                        _ => client.args(["-t30", "-", &format!("TCP:{address}")]),
                    };
                    assert_same(&filtered(&mut client, &sent), &sent);
                });
            }
        });
        expect_success(server);
    }
}

#[test]
fn nc_sees_the_end_of_the_stream_when_the_server_stops() {
    needs!("nc");
    for example in EXAMPLES {
        let (server, address) = echo_example(example);
        let before = server.descriptors().len();
        // It reads no input, and does not end its stream by itself.
        let client = Process::spawn(tool("nc").args(["-d", "127.0.0.1", &address.port().to_string()]));
        let client = client.expect("it is installed");
        until("it is accepted", || server.descriptors().len() > before);
        server.signal("TERM");
        let (status, output, _) = client.finish();
        assert_eq!((status.code(), output), (Some(0), vec![]));
        let (status, ..) = server.finish();
        assert_eq!(status.code(), Some(0));
    }
}
