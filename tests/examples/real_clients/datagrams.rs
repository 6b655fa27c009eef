//! Datagrams: nc and socat as clients, and a client of the library with socat as the server.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use innermost::{
    Await, DatagramProtocol, DatagramTransport, EventLoop, Exception, Step, UdpSocket, from_fn, to_thread, yield_from,
};

use crate::real_clients::programs::{new_loop, socat_server};
use crate::support::process::Contained;
use crate::support::tools::{needs, tool};

/// Sends each line after the answer to the one before; gives the answers. Its clients know of no end: they are ended.
fn answers(command: &mut Command, lines: &[&str]) -> Vec<String> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Contained::spawn(command).expect("it is installed");
    let mut stdin = child.stdin.take().expect("it is piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut answer = |line: &&str| {
        stdin.write_all(format!("{line}\n").as_bytes()).expect("it reads");
        let mut answer = String::new();
        // It is ended after a minute, and this with it.
        stdout.read_line(&mut answer).expect("it is text");
        answer.trim_end().to_owned()
    };
    lines.iter().map(&mut answer).collect()
}

const LINES: [&str; 3] = ["one", "two", "three"];

/// While the loop serves, the clients run in a thread.
fn check_with_clients(event_loop: &EventLoop, address: SocketAddr) {
    let (mut nc, mut socat) = (tool("nc"), tool("socat"));
    nc.args(["-u", "127.0.0.1", &address.port().to_string()]);
    socat.args(["-", &format!("UDP:{address}")]);
    for mut client in [nc, socat] {
        let came = event_loop.run_until_complete(to_thread(move || Ok(answers(&mut client, &LINES))));
        assert_eq!(came.expect("they are installed"), LINES);
    }
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

struct Echo;

impl DatagramProtocol for Echo {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: SocketAddr) {
        transport.send_to(data, Some(from)).expect("it is open");
    }
}

#[test]
fn a_protocol_answers_nc_and_socat() {
    needs!("nc", "socat");
    let event_loop = new_loop();
    let opening = event_loop.create_datagram_endpoint(|| Echo).local_addr(any());
    let transport = event_loop.run_until_complete(opening).expect("a port is free");
    check_with_clients(&event_loop, transport.local_addr().expect("it is bound"));
}

#[test]
fn a_machine_answers_nc_and_socat() {
    needs!("nc", "socat");
    let event_loop = new_loop();
    let socket = UdpSocket::bind(any()).expect("a port is free");
    let address = socket.local_addr().expect("it is bound");
    let (mut room, mut waiting) = ([0; 2048], None);
    let echo = from_fn(move |mut sent: Result<(), Exception>| {
        loop {
            if let Some((count, from)) = waiting {
                yield_from!(socket.send_to(&room[..count], from), sent)?;
            }
            waiting = None;
            waiting = Some(yield_from!(socket.recv_from(&mut room), sent)?);
        }
        #[allow(unreachable_code, reason = "it never ends; its type has to come from somewhere")]
        Ok(Step::<Await, (), ()>::Return(()))
    });
    let echo = event_loop.create_task(echo).expect("it is open");
    check_with_clients(&event_loop, address);
    echo.cancel();
    assert!(event_loop.run_until_complete(echo).is_err_and(|raised| raised.is_cancelled()));
}

#[test]
fn socat_answers_a_machine() {
    needs!("socat", "cat");
    let (_server, address) = socat_server("UDP-LISTEN:0,bind=127.0.0.1,fork", "EXEC:cat");
    let event_loop = new_loop();
    let socket = UdpSocket::bind(any()).expect("a port is free");
    socket.connect(address.parse().expect("an address")).expect("it is of this machine");
    let (mut room, mut is_sent) = ([0; 2048], false);
    let count = event_loop.run_until_complete(from_fn(move |mut sent: Result<(), Exception>| {
        if !is_sent {
            yield_from!(socket.send(b"a datagram"), sent)?;
            is_sent = true;
        }
        let count = yield_from!(socket.recv(&mut room), sent)?;
        Ok(Step::<Await, (), _>::Return(room[..count].to_vec()))
    }));
    assert_eq!(count.expect("it comes back"), b"a datagram");
}
