//! How the server starts, reaches its limits, and stops.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use crate::file_server::client::Client;
use crate::file_server::server::Site;
use crate::support::alone;
use crate::support::process::{Process, until};

#[test]
fn a_failure_to_start_prints_one_line() {
    let site = Site::new();
    let file = site.put("a", "");
    for (root, address) in [
        (site.path().join("none"), "127.0.0.1:0"),
        (file, "127.0.0.1:0"),
        (site.path().into(), "localhost"),
        (site.path().into(), "192.0.2.1:0"),
    ] {
        let mut command = std::process::Command::new(crate::support::process::example("file_server"));
        let (status, output, errors) =
            Process::spawn(command.arg(&root).arg(address)).expect("it can be started").finish();
        assert_eq!((status.code(), output, errors.len()), (Some(1), vec![], 1), "{errors:?}");
        assert!(errors[0].starts_with(&format!("file_server {} {address}: ", root.display())), "{errors:?}");
    }
}

#[test]
fn a_signal_ends_idle_connections_and_lets_others_finish() {
    for signal in ["TERM", "INT"] {
        let site = Site::new();
        let large = vec![7; 30 << 20];
        site.put("large", &large);
        let server = site.serve();
        let mut idle = Client::connect(server.address);
        idle.ask("HEAD /large", &[]);
        idle.answer_without_body();
        let mut never_asked = Client::connect(server.address);
        let mut busy = Client::connect(server.address);
        busy.ask("GET /large", &[]);
        let mut first = [0; 4];
        (&mut busy.stream()).read_exact(&mut first).expect("the answer has begun");

        server.process.signal(signal);
        idle.expect_end();
        never_asked.expect_end();
        let refused =
            || TcpStream::connect(server.address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
        until("nobody new is let in", refused);
        let mut rest = Vec::new();
        (&mut busy.stream()).read_to_end(&mut rest).expect("it ends in good order");
        assert!(rest.ends_with(&large));
        drop(busy);
        server.expect_success();
    }
}

#[test]
fn a_second_signal_ends_all_connections() {
    let site = Site::new();
    site.put("large", vec![7; 30 << 20]);
    let server = site.serve();
    let mut busy = Client::connect(server.address);
    busy.ask("GET /large", &[]);
    (&mut busy.stream()).read_exact(&mut [0; 4]).expect("the answer has begun");
    server.process.signal("TERM");
    until("nobody new is let in", || TcpStream::connect(server.address).is_err());
    server.process.signal("TERM");
    let (status, _, _) = server.process.finish();
    assert!(status.code().is_some(), "it is not the signal that ends it");
}

#[test]
fn clients_that_disconnect_early_leak_nothing() {
    let site = Site::new();
    site.put("large", vec![7; 10 << 20]);
    let server = site.serve();
    let mut steady = Client::connect(server.address);
    steady.ask("HEAD /large", &[]);
    steady.answer_without_body();
    let before = server.process.descriptors().len();
    for number in 0..200 {
        let mut client = Client::connect(server.address);
        client.ask("GET /large", &[]);
        if number % 2 == 0 {
            (&mut client.stream()).read_exact(&mut [0; 1000]).expect("the answer has begun");
        }
    }
    until("all are forgotten", || server.process.descriptors().len() == before);
    steady.ask("HEAD /large", &[]);
    assert_eq!(steady.answer_without_body().status, 200);
    drop(steady);
    server.stop();
}

#[test]
fn without_free_descriptors_new_clients_wait() {
    const LIMIT: usize = 32;
    let site = Site::new();
    site.put("a", "first");
    let server = site.serve_with_descriptors(LIMIT);
    let clients: Vec<_> = (0..LIMIT).map(|_| Client::connect(server.address)).collect();
    let complaint = server.process.error_line().expect("it says that it cannot accept");
    assert!(complaint.starts_with("cannot accept") && complaint.contains("Too many open files"), "{complaint}");
    let mut last = Client::connect(server.address);
    last.ask("GET /a", &[]);
    drop(clients);
    assert_eq!(last.answer().text(), "first");
    drop(last);
    server.process.signal("TERM");
    let (status, _, _) = server.process.finish();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_number_of_connections_is_limited() {
    let _crowd = alone::crowd();
    const CONNECTIONS: usize = 512;
    let site = Site::new();
    site.put("a", "first");
    let server = site.serve();
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| Client::connect(server.address)).collect();
    for client in &mut clients {
        client.ask("HEAD /a", &[]);
        client.answer_without_body();
    }
    let before = server.process.descriptors().len();
    let mut waiting = Client::connect(server.address);
    waiting.ask("GET /a", &[]);
    clients[0].ask("HEAD /a", &[]);
    clients[0].answer_without_body();
    assert_eq!(server.process.descriptors().len(), before, "the next one is not accepted yet");
    clients.pop();
    assert_eq!(waiting.answer().text(), "first");
    drop((clients, waiting));
    server.stop();
}
