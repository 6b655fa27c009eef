//! Limits: no free descriptor, and very many connections one after the other.

use std::net::TcpStream;
use std::time::Instant;

use super::client::{KIB, Pattern, connect, echo, echo_byte, expect, is_silent, reset, send};
use super::server::Server;
use crate::support::alone;
use crate::support::process::until;

with_each_server! {
    without_free_descriptors_new_clients_wait_and_the_server_sleeps,
    five_thousand_connections_leak_no_descriptor_and_no_memory,
    an_idle_connection_holds_no_buffer,
}

fn without_free_descriptors_new_clients_wait_and_the_server_sleeps(program: &str) {
    let _crowd = alone::crowd();
    const LIMIT: usize = 32;
    let mut server = Server::with_descriptors(program, LIMIT);
    let room = LIMIT - server.descriptors().iter().filter(|number| **number < LIMIT).count();
    let mut accepted: Vec<_> = (0..room).map(|_| connect(server.address)).collect();
    // Connections that only the kernel knows.
    let mut waiting: Vec<_> = (0..room).map(|_| connect(server.address)).collect();
    for (number, connection) in (0..).zip(&waiting) {
        send(connection, number, 1);
    }
    let complaint = server.error_line().expect("it says that it cannot accept");
    assert!(complaint.starts_with("cannot accept") && complaint.contains("Too many open files"), "{complaint}");

    echo_with_all(&accepted);
    assert!(waiting.iter().all(is_silent));

    // A spinning server does not sleep. A pausing server sleeps nearly all the time.
    let (sleeps, used, started) = (server.sleeps(), server.processor_time(), Instant::now());
    until("it has slept twenty times", || server.sleeps() >= sleeps + 20);
    let (used, passed) = (server.processor_time() - used, started.elapsed());
    assert!(used < passed / 4, "{used:?} of processor time in {passed:?}");

    assert_eq!(server.error_lines(), [""; 0], "it does not say so again");

    // Each connection that leaves admits the one that has waited longest.
    for number in 0..5 {
        drop(accepted.remove(0));
        let served = waiting.remove(0);
        expect(&served, &mut Pattern::new(number), 1);
        assert!(waiting.iter().all(is_silent));
        accepted.push(served);
    }
    echo_with_all(&accepted);
    drop(accepted);
    until("all that have waited are served", || !waiting.iter().any(is_silent));
    drop(waiting);

    server.signal("TERM");
    let status = server.wait();
    assert_eq!(status.code(), Some(0));
}

fn echo_with_all(connections: &[TcpStream]) {
    for (byte, connection) in (0..).zip(connections) {
        echo_byte(connection, byte);
    }
}

fn five_thousand_connections_leak_no_descriptor_and_no_memory(program: &str) {
    let server = Server::start(program);
    let descriptors = server.descriptors().len();
    let come_and_go = |number: u64| {
        let connection = connect(server.address);
        match number % 4 {
            0 => echo_byte(&connection, 1),
            1 => echo(&connection, number, 10 * KIB),
            2 => {
                echo_byte(&connection, 2);
                reset(connection);
            }
            _ => {}
        }
    };
    (0..1000).for_each(come_and_go);
    until("all are closed", || server.descriptors().len() == descriptors);
    let memory = server.memory();

    (1000..5000).for_each(come_and_go);
    until("all are closed", || server.descriptors().len() == descriptors);
    let more = server.memory().saturating_sub(memory);
    // 64 bytes a connection would be that much.
    assert!(more <= 256 * KIB as u64, "{more} bytes more than before");
    server.stop();
}

fn an_idle_connection_holds_no_buffer(program: &str) {
    let _crowd = alone::crowd();
    const CONNECTIONS: usize = 300;
    let server = Server::start(program);
    echo(&connect(server.address), 0, 64 * KIB);
    let before = server.memory();
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| connect(server.address)).collect();
    for (seed, connection) in (0..).zip(&connections) {
        echo(connection, seed, 64 * KIB);
    }
    let each = server.memory().saturating_sub(before) as usize / CONNECTIONS;
    assert!(each < 3 * KIB, "{each} bytes for each connection");
    drop(connections);
    server.stop();
}
