//! Many connections at once, large and small. Peers that close one half, that reset, or that never read.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::client::{
    KIB, MIB, Pattern, connect, echo, echo_byte, expect, expect_to_end, mix, random_length, reset, send,
    send_while_there_is_room,
};
use super::server::Server;
use crate::support::alone;
use crate::support::process::until;

with_each_server! {
    every_byte_of_220_connections_at_once_comes_back,
    a_half_closed_client_gets_all_pending_bytes_and_then_the_end,
    a_reset_at_any_point_affects_only_its_own_connection,
    a_peer_that_never_reads_takes_one_buffer_and_delays_no_other,
}

fn every_byte_of_220_connections_at_once_comes_back(program: &str) {
    let _crowd = alone::crowd();
    let server = Server::start(program);
    let before = server.descriptors().len();
    // Likely failures: one byte, and lengths just below and above the size of a buffer.
    let chosen = [1, 2, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 8 * MIB, 8 * MIB, 8 * MIB];
    let sizes: Vec<_> =
        chosen.into_iter().chain((0..).map(|number| random_length(mix(number), MIB))).take(220).collect();
    let connections: Vec<_> = sizes.iter().map(|_| connect(server.address)).collect();
    until("all are accepted", || server.descriptors().len() == before + connections.len());

    thread::scope(|scope| {
        for (seed, (connection, size)) in (0..).zip(connections.iter().zip(sizes)) {
            scope.spawn(move || echo(connection, seed, size));
        }
    });
    drop(connections);
    server.stop();
}

fn a_half_closed_client_gets_all_pending_bytes_and_then_the_end(program: &str) {
    let server = Server::start(program);
    for most in [0, 1, 64 * KIB, usize::MAX] {
        let connection = connect(server.address);
        // The client does not read meanwhile, so bytes pile up until the server can neither write nor read.
        let sent = send_while_there_is_room(&connection, &mut Pattern::new(1), most);
        connection.shutdown(Shutdown::Write).expect("it is connected");
        assert_eq!(expect_to_end(&connection, &mut Pattern::new(1)), sent);
    }
    server.stop();
}

/// When a client resets its connection.
const RESETS: [fn(TcpStream); 6] = [
    // Perhaps before it is accepted.
    |fresh| reset(fresh),
    |idle| {
        echo_byte(&idle, 7);
        reset(idle);
    },
    |unheard| {
        send(&unheard, 1, 100);
        reset(unheard);
    },
    // Half of the received bytes are unread.
    |unread| {
        send(&unread, 2, 200 * KIB);
        expect(&unread, &mut Pattern::new(2), 100 * KIB);
        reset(unread);
    },
    // The server waits to write.
    |full| {
        send_while_there_is_room(&full, &mut Pattern::new(3), usize::MAX);
        reset(full);
    },
    |half_closed| {
        send_while_there_is_room(&half_closed, &mut Pattern::new(4), usize::MAX);
        half_closed.shutdown(Shutdown::Write).expect("it is connected");
        reset(half_closed);
    },
];

fn a_reset_at_any_point_affects_only_its_own_connection(program: &str) {
    let server = Server::start(program);
    let (address, before) = (server.address, server.descriptors().len());
    let over = Arc::new(AtomicBool::new(false));
    let bystander = |seed| {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            let connection = connect(address);
            while !over.load(Ordering::Relaxed) {
                echo(&connection, seed, 300 * KIB);
            }
        })
    };
    let bystanders: Vec<_> = (0..4).map(bystander).collect();
    for leave in [RESETS, RESETS, RESETS].concat() {
        leave(connect(address));
    }
    until("only the bystanders are left", || server.descriptors().len() == before + bystanders.len());
    over.store(true, Ordering::Relaxed);
    bystanders.into_iter().for_each(|bystander| bystander.join().expect("it got its own"));
    server.stop();
}

fn a_peer_that_never_reads_takes_one_buffer_and_delays_no_other(program: &str) {
    let server = Server::start(program);
    echo(&connect(server.address), 0, MIB);
    let before = server.peak_memory();

    let silent = connect(server.address);
    let mut pattern = Pattern::new(1);
    let left = 8 * MIB - send_while_there_is_room(&silent, &mut pattern, 8 * MIB);
    thread::scope(|scope| {
        // It goes on sending as long as the server takes it.
        scope.spawn(|| (&silent).write_all(&pattern.bytes(left)).expect("the server takes what it is sent"));
        let others: Vec<_> = (2..12)
            .map(|seed| {
                let address = server.address;
                scope.spawn(move || echo(&connect(address), seed, 256 * KIB))
            })
            .collect();
        others.into_iter().for_each(|other| other.join().expect("it got its own"));
        // At last.
        expect(&silent, &mut Pattern::new(1), 8 * MIB);
    });
    let more = server.peak_memory() - before;
    assert!(more < 2 * MIB as u64, "{more} bytes more than before");
    drop(silent);
    server.stop();
}
