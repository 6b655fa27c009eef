//! The program itself: how it starts and stops, over TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;

use crate::support::process::{DEADLINE, Process, example, until};

pub(crate) struct Program {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Program {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(arguments: &[&str]) -> Self {
        let mut command = Command::new(example("redis_server"));
        let process = Process::spawn(command.arg("127.0.0.1:0").args(arguments)).expect("it can be started");
        Self { address: process.listening(), process }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, DEADLINE).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
        stream.set_nodelay(true).expect("it is a connection");
        stream
    }

    /// Stops it. It must have had nothing to say.
    pub(crate) fn stop(self) {
        self.process.signal("TERM");
        self.process.expect_success();
    }
}

fn ask(stream: &mut TcpStream, request: &str, answer: &str) {
    stream.write_all(request.as_bytes()).expect("it is open");
    let mut heard = vec![0; answer.len()];
    stream.read_exact(&mut heard).expect("it answers");
    assert_eq!(String::from_utf8_lossy(&heard), answer);
}

fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("it ends in good order");
    assert_eq!(rest, b"");
}

#[test]
fn a_failure_to_start_prints_one_line() {
    for arguments in [&["localhost"][..], &["192.0.2.1:0"], &["127.0.0.1:0", "soon"], &["127.0.0.1:0", "-1"]] {
        let process = Process::spawn(Command::new(example("redis_server")).args(arguments)).expect("it can be started");
        let (status, output, errors) = process.finish();
        assert_eq!((status.code(), output, errors.len()), (Some(1), vec![], 1), "{arguments:?} {errors:?}");
        assert!(errors[0].starts_with("redis_server "), "{errors:?}");
    }
}

#[test]
#[cfg(target_os = "linux")] // /dev/full
fn a_program_that_cannot_say_where_it_listens_prints_one_line() {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" 127.0.0.1:0 > /dev/full"]).arg(example("redis_server"));
    let (status, _, errors) = Process::spawn(&mut command).expect("it can be started").finish();
    assert_eq!((status.code(), errors.len()), (Some(1), 1), "{errors:?}");
    assert!(errors[0].starts_with("redis_server "), "{errors:?}");
}

#[test]
fn a_signal_ends_all_connections_in_good_order() {
    for signal in ["TERM", "INT"] {
        let program = Program::start();
        let [mut idle, mut blocked, mut subscribed, mut busy] = [(); 4].map(|()| program.connect());
        ask(&mut idle, "PING\r\n", "+PONG\r\n");
        ask(&mut blocked, "PING\r\nBLPOP l 0\r\n", "+PONG\r\n");
        ask(&mut subscribed, "SUBSCRIBE a\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
        // More than fits on the way: its answers are still being sent when the signal comes.
        let value = "x".repeat(30 << 20);
        ask(&mut busy, &format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n{value}\r\n", value.len()), "+OK\r\n");
        ask(&mut busy, "GET a\r\nPING\r\n", "$31457280\r\n");

        program.process.signal(signal);
        [&mut idle, &mut blocked, &mut subscribed].into_iter().for_each(expect_end);
        let mut rest = Vec::new();
        busy.read_to_end(&mut rest).expect("it ends in good order");
        assert_eq!(rest.len(), value.len() + 2 + 7);
        assert!(rest.ends_with(b"x\r\n+PONG\r\n"));
        let refused =
            TcpStream::connect(program.address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
        assert!(refused, "it is gone");
        drop((idle, blocked, subscribed, busy));
        program.process.expect_success();
    }
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let program = Program::start();
    let mut busy = program.connect();
    let value = "x".repeat(30 << 20);
    ask(&mut busy, &format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n{value}\r\n", value.len()), "+OK\r\n");
    ask(&mut busy, "GET a\r\n", "$31457280\r\n");
    program.process.signal("TERM");
    until("nobody new is let in", || TcpStream::connect(program.address).is_err());
    program.process.signal("TERM");
    program.process.expect_success();
}

#[test]
fn a_silent_client_is_cut_off_after_the_given_time() {
    let program = Program::with(&["1"]);
    let mut silent = program.connect();
    ask(&mut silent, "PING\r\n", "+PONG\r\n");
    expect_end(&mut silent);
    program.stop();
}

#[test]
fn half_a_connection_suffices_for_the_answers() {
    let program = Program::start();
    let mut stream = program.connect();
    stream.write_all(b"PING\r\nECHO bye\r\n").expect("it is open");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).expect("it ends in good order");
    assert_eq!(heard, "+PONG\r\n$3\r\nbye\r\n");
    program.stop();
}

#[test]
fn a_protocol_error_arrives_though_the_client_sends_on() {
    let program = Program::start();
    let mut stream = program.connect();
    stream.write_all(&[&b"*1\r\n$x\r\n"[..], &vec![b'x'; 1 << 20]].concat()).expect("it is open");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).expect("it is not reset");
    assert_eq!(heard, "-ERR Protocol error: invalid bulk length\r\n");
    program.stop();
}

#[test]
fn clients_that_disconnect_leak_nothing() {
    let program = Program::start();
    let mut steady = program.connect();
    ask(&mut steady, "PING\r\n", "+PONG\r\n");
    let before = program.process.descriptors().len();
    for request in ["", "PING\r\n", "BLPOP l 0\r\n", "SUBSCRIBE a\r\n", "*2\r\n$3\r\nGE", "MULTI\r\nGET a\r\n"] {
        for _ in 0..30 {
            program.connect().write_all(request.as_bytes()).expect("it is open");
        }
    }
    until("all are forgotten", || program.process.descriptors().len() == before);
    ask(&mut steady, "RPUSH l 1\r\nLLEN l\r\nPUBLISH a b\r\n", ":1\r\n:1\r\n:0\r\n");
    drop(steady);
    program.stop();
}

#[test]
fn a_client_that_sends_without_reading_is_stopped_by_the_kernel() {
    let program = Program::start();
    let mut stream = program.connect();
    ask(&mut stream, "PING\r\n", "+PONG\r\n");
    let before = program.process.memory();
    stream.set_write_timeout(Some(std::time::Duration::from_millis(300))).expect("it is not zero");
    let pings = b"PING\r\n".repeat(100_000);
    let is_full = (0..200).any(|_| stream.write_all(&pings).is_err());
    assert!(is_full, "120 MB were taken");
    assert!(program.process.memory() < before + (8 << 20));
    drop(stream);
    program.stop();
}
