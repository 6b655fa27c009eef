//! How a server stops.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::client::{KIB, MIB, Pattern, connect, echo_byte, expect, expect_to_end, send, send_while_there_is_room};
use super::server::Server;
use crate::support::process::{DEADLINE, until};

with_each_server! {
    sigterm_during_traffic_shuts_down_in_order,
    sigint_during_traffic_shuts_down_in_order,
    a_signal_right_after_the_first_line_shuts_down_in_order,
    a_stopping_server_ends_idle_connections,
    bytes_sent_to_a_stopping_server_lose_no_bytes_on_their_way_back,
    a_stopping_server_sends_back_everything_received,
    a_second_signal_ends_the_server_at_once_even_if_peers_do_not_read,
    a_peer_that_never_reads_is_dropped_after_the_grace_period,
}

/// How long the server lets a peer take when it stops.
const GRACE: Duration = Duration::from_secs(5);

/// Sends a signal to a server during traffic. Clients that only listen get everything back. Clients that keep sending get back
/// what the server has received. New clients are refused, and the server exits with 0.
fn stop_in_the_middle_of_traffic(program: &str, signal: &str) {
    let server = Server::start(program);
    let quiet: Vec<_> = (0..20).map(|_| connect(server.address)).collect();
    for (seed, connection) in (0..).zip(&quiet) {
        send(connection, seed, 100 * KIB);
        expect(connection, &mut Pattern::new(seed), 50 * KIB);
    }
    let (hears, heard) = channel();
    let busy: Vec<_> = (100..120)
        .map(|seed| {
            let (address, hears) = (server.address, hears.clone());
            thread::spawn(move || talk_until_the_end(&connect(address), seed, hears))
        })
        .collect();
    let all = busy.iter().map(|_| heard.recv_timeout(DEADLINE));
    assert!(all.collect::<Result<Vec<_>, _>>().is_ok(), "each hears something");
    until("what was sent has arrived", || quiet.iter().all(|connection| queued(connection) == 0));

    server.signal(signal);
    until("nobody new is let in", || server.refuses());
    busy.into_iter().for_each(|busy| busy.join().expect("what came was right"));
    for (seed, connection) in (0..).zip(&quiet) {
        assert_eq!(expect_to_end(connection, &mut Pattern::from(seed, 50 * KIB)), 50 * KIB);
    }
    drop(quiet);
    server.expect_success();
}

/// Sends and receives until the server ends the connection; says so when it has heard something.
fn talk_until_the_end(mut stream: &TcpStream, seed: u64, hears: Sender<()>) {
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut pattern = Pattern::new(seed);
            let mut sent = 0;
            while stream.write_all(&pattern.bytes(10 * KIB)).is_ok() {
                sent += 10 * KIB;
                // Some servers listen to the end of their grace: they need not be kept busy for all of it.
                if sent > 16 * MIB {
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        let (mut pattern, mut room, mut hears) = (Pattern::new(seed), vec![0; 64 * KIB], Some(hears));
        loop {
            match stream.read(&mut room) {
                Ok(0) => break,
                Ok(count) => pattern.expect(&room[..count]),
                // When the grace is over.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error}"),
            }
            if let Some(hears) = hears.take() {
                hears.send(()).expect("somebody waits for it");
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    });
}

fn sigterm_during_traffic_shuts_down_in_order(program: &str) {
    stop_in_the_middle_of_traffic(program, "TERM");
}

fn sigint_during_traffic_shuts_down_in_order(program: &str) {
    stop_in_the_middle_of_traffic(program, "INT");
}

fn a_signal_right_after_the_first_line_shuts_down_in_order(program: &str) {
    for _ in 0..20 {
        Server::start(program).stop();
    }
}

fn a_stopping_server_ends_idle_connections(program: &str) {
    let server = Server::start(program);
    let connections: Vec<_> = (0..50).map(|_| connect(server.address)).collect();
    connections.iter().for_each(|connection| echo_byte(connection, 1));
    server.signal("TERM");
    for connection in &connections {
        assert_eq!(expect_to_end(connection, &mut Pattern::new(0)), 0);
    }
    drop(connections);
    server.expect_success();
}

fn bytes_sent_to_a_stopping_server_lose_no_bytes_on_their_way_back(program: &str) {
    let server = Server::start(program);
    let connection = connect(server.address);
    // More than the client's end of the connection has room for.
    send(&connection, 1, 200 * KIB);
    until("what was sent has arrived", || queued(&connection) == 0);
    server.signal("TERM");
    until("nobody new is let in", || server.refuses());
    // Unread bytes would cause a reset, which overtakes bytes on their way.
    let _ = (&connection).write_all(&[0; 100]);
    expect(&connection, &mut Pattern::new(1), 200 * KIB);
    (&connection).read_to_end(&mut Vec::new()).expect("the stream ends without an error");
    drop(connection);
    server.expect_success();
}

fn a_stopping_server_sends_back_everything_received(program: &str) {
    let server = Server::start(program);
    let connection = connect(server.address);
    // Bytes that the server has received but not yet read when the signal comes.
    let fill = || {
        server.signal("STOP");
        until("it stands still", || server.is_stopped());
        let sent = send_while_there_is_room(&connection, &mut Pattern::new(1), 16 * MIB);
        (sent, sent - queued(&connection))
    };
    let (mut sent, mut received) = fill();
    // More than a task may do in one turn. The kernel gives more room to a connection that takes much at once.
    for _ in 0..20 {
        if received > 2 * MIB {
            break;
        }
        server.signal("CONT");
        expect(&connection, &mut Pattern::new(1), sent);
        (sent, received) = fill();
    }
    server.signal("TERM");
    server.signal("CONT");
    let came = expect_to_end(&connection, &mut Pattern::new(1));
    assert!((received..=sent).contains(&came), "{came} of {received} received and {sent} sent");
    drop(connection);
    server.expect_success();
}

/// The number of sent bytes that the other end has not acknowledged: `SIOCOUTQ` of `tcp(7)`.
#[allow(unsafe_code)]
fn queued(stream: &TcpStream) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open, and the request writes an int, for which there is room.
    let done = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    assert_eq!(done, 0, "it is connected");
    usize::try_from(bytes).expect("no less than nothing")
}

fn a_second_signal_ends_the_server_at_once_even_if_peers_do_not_read(program: &str) {
    // Without the second signal it would end when its grace is over. A machine that has stood still for so long says
    // nothing about that, and is asked again.
    for _ in 0..5 {
        let mut server = Server::start(program);
        let silent: Vec<_> = (0..3).map(|_| connect(server.address)).collect();
        for connection in &silent {
            echo_byte(connection, 7);
            send_while_there_is_room(connection, &mut Pattern::new(1), usize::MAX);
        }
        let started = Instant::now();
        server.signal("TERM");
        until("nobody new is let in", || server.refuses());
        assert!(server.is_running(), "it waits for its peers to read");
        server.signal("TERM");
        server.expect_success();
        if started.elapsed() < GRACE {
            return;
        }
    }
    panic!("it waits for the end of its grace");
}

fn a_peer_that_never_reads_is_dropped_after_the_grace_period(program: &str) {
    let server = Server::start(program);
    let silent: Vec<_> = (0..3).map(|_| connect(server.address)).collect();
    for connection in &silent {
        // An answered connection is accepted. Connections in the backlog end with the listener.
        echo_byte(connection, 7);
        send_while_there_is_room(connection, &mut Pattern::new(1), usize::MAX);
    }
    let started = Instant::now();
    server.signal("INT");
    server.expect_success();
    assert!(started.elapsed() >= GRACE);
}
