//! Very many connections: short ones while others talk, and idle ones.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use innermost::{EventLoop, to_thread};
use socket2::SockRef;

use crate::counting;
use crate::faults::kinds::{Echo, KINDS};
use crate::held::{alone, client_of, new_loop, receive, reset, run_turns, with_loop};

/// How many come and go, of each kind.
const PASSERS: usize = 10_000;

/// The number of connections at the same time.
const AT_ONCE: usize = 50;

#[test]
fn ten_thousand_short_connections_disturb_no_other_and_leak_nothing() {
    let alone = alone();
    for kind in KINDS {
        let mut passers = AT_ONCE * 2;
        alone.leaves_nothing(|| {
            let (event_loop, reports) = new_loop();
            let echo = Echo::serve(kind, &event_loop);
            let mut talkers: Vec<_> = (0..8).map(|_| client_of(echo.address)).collect();
            for round in 0..passers / AT_ONCE {
                let crowd: Vec<_> = (0..AT_ONCE).map(|_| client_of(echo.address)).collect();
                for (number, mut client) in crowd.into_iter().enumerate() {
                    match number % 4 {
                        0 => client.write_all(b"and gone").expect("there is room"),
                        1 => {
                            client.write_all(b"x").expect("there is room");
                            receive(&event_loop, &client, 1);
                        }
                        2 => event_loop.run_once().expect("it runs"),
                        _ => {}
                    }
                    // No port is to wait for late packets: there are not enough.
                    reset(client);
                }
                for talker in &mut talkers {
                    let byte = round as u8;
                    talker.write_all(&[byte]).expect("there is room");
                    let mut room = [0; 8];
                    assert_eq!(with_loop(&event_loop, || talker.read(&mut room)).expect("it comes back"), 1);
                    assert_eq!(room[0], byte);
                }
            }
            echo.run_until_count(talkers.len());
            drop(talkers);
            echo.finish();
            assert_eq!(reports.take(), [""; 0], "{kind:?}");
            passers = PASSERS;
        });
    }
}

/// The number of idle connections. Smaller if the system allows fewer descriptors, or if each wait looks at all of them.
const IDLE: usize = if cfg!(innermost_poll) { 1_000 } else { 15_000 };

/// The most bytes per connection. If the kernel keeps no list of watched descriptors, this includes the selector's list.
const COST: usize = 1024 + if cfg!(innermost_poll) { 96 } else { 0 };

#[test]
fn an_idle_connection_takes_at_most_a_kibibyte() {
    let alone = alone();
    let count = IDLE.min(alone.raise_limit().saturating_sub(200));
    for kind in KINDS {
        let (event_loop, reports) = new_loop();
        let echo = Echo::serve(kind, &event_loop);
        // The first connection allocates what the loop keeps for itself.
        let first = Clients::connect(&event_loop, &echo, 8);
        let before = counting::bytes();
        let clients = Clients::connect(&event_loop, &echo, count);
        let each = (counting::bytes() - before) / count;
        println!("{kind:?}: {each} bytes for each of {count} idle connections");
        assert!(each <= COST, "{kind:?}: {each} bytes for each of {count}");
        assert_eq!(echo.count()(), 8 + count);
        drop((first, clients));
        echo.run_until_count(0);
        echo.finish();
        assert_eq!(reports.take(), [""; 0], "{kind:?}");
    }
}

/// Connections that have each been echoed something, from a process of its own: this program, run again. They end with
/// this.
struct Clients {
    process: Child,
    _input: ChildStdin,
}

/// The argument that makes the process a client: the number of connections, and the address.
const CLIENTS: &str = "INNERMOST_CLIENTS";

const READY: &str = "ready";

impl Clients {
    fn connect(event_loop: &EventLoop, echo: &Echo, count: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a test knows where it lies"));
        command.args(["--exact", "faults::crowds::clients", "--nocapture"]);
        command.env(CLIENTS, format!("{count} {}", echo.address));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it is this program");
        let (input, output) = (process.stdin.take().expect("it is piped"), process.stdout.take().expect("it is piped"));
        // The loop runs meanwhile, and sleeps where there is nothing to do.
        let reading = to_thread(move || {
            Ok(BufReader::new(output).lines().map_while(Result::ok).any(|line| line.ends_with(READY)))
        });
        assert!(event_loop.run_until_complete(reading).expect("it can be read"), "they could not connect");
        run_turns(event_loop, 200);
        Self { process, _input: input }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Not a test by itself: [`Clients`] runs it.
#[test]
fn clients() {
    let Ok(order) = std::env::var(CLIENTS) else { return };
    let (count, address) = order.split_once(' ').expect("it was made above");
    let (count, address): (usize, SocketAddr) =
        (count.parse().expect("a number"), address.parse().expect("an address"));
    alone().raise_limit();
    let mut connections = Vec::with_capacity(count);
    while connections.len() < count {
        let come = connections.len();
        // Some at a time: no process waits for the other at each of them.
        for _ in 0..AT_ONCE.min(count - come) {
            let mut client = TcpStream::connect(address).expect("somebody listens");
            // No port is to wait for late packets.
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("it is open");
            client.write_all(b"hello").expect("it is open");
            connections.push(client);
        }
        for client in &mut connections[come..] {
            client.read_exact(&mut [0; 5]).expect("it comes back");
        }
    }
    println!("{READY}");
    let _ = io::stdin().read(&mut [0]);
}
