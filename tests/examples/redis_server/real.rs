//! The same requests to this server and to Redis itself: the answers must be equal, to the byte.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::redis_server::program::Program;
use crate::redis_server::scripts::SCRIPTS;
use crate::support::process::{DEADLINE, Process, until};
use crate::support::tools::needs;

/// Redis, on a socket in a folder of its own.
struct Redis {
    process: Process,
    folder: PathBuf,
}

impl Redis {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("innermost-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("it can be made");
        let socket = folder.join("socket");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--loglevel", "warning", "--dir"]).arg(&folder);
        let process = Process::spawn(command.arg("--unixsocket").arg(&socket)).expect("it is installed");
        until("it listens", || UnixStream::connect(&socket).is_ok());
        Self { process, folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        self.process.signal("KILL");
    }
}

/// Sends everything, and then `QUIT`. Returns what comes until the connection is closed.
fn exchange(mut stream: impl Read + Write, request: &[u8]) -> String {
    // After a protocol error, nobody reads the rest.
    let _ = stream.write_all(&[request, b"QUIT\r\n"].concat());
    let mut answers = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        answers.extend_from_slice(&piece[..count]);
    }
    without_numbers(&String::from_utf8_lossy(&answers))
}

/// Removes the numbers of clients: they depend on how many there were.
fn without_numbers(answers: &str) -> String {
    let mut parts = answers.split("$2\r\nid\r\n:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += "$2\r\nid\r\n:";
        text += part.trim_start_matches(|digit: char| digit.is_ascii_digit());
    }
    text
}

fn compare(name: &str, requests: &[Vec<u8>]) {
    let (program, redis) = (Program::start(), Redis::start(name));
    let theirs = |path: &Path, request: &[u8]| {
        let stream = UnixStream::connect(path).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
        exchange(stream, request)
    };
    for request in requests {
        let request = [b"FLUSHALL\r\n", &request[..]].concat();
        let expected = theirs(&redis.socket(), &request);
        let shown = String::from_utf8_lossy(&request[..request.len().min(300)]).into_owned();
        assert_eq!(exchange(program.connect(), &request), expected, "{shown:?}");
    }
    drop(redis);
    program.stop();
}

#[test]
fn commands_are_answered_as_by_redis() {
    needs!("redis-server");
    compare("commands", &SCRIPTS.iter().map(|script| lines(script)).collect::<Vec<_>>());
}

#[test]
fn commands_are_answered_as_by_redis_in_the_third_version_of_the_protocol() {
    needs!("redis-server");
    compare("resp3", &SCRIPTS.iter().map(|script| lines(&format!("HELLO 3;{script}"))).collect::<Vec<_>>());
}

fn lines(script: &str) -> Vec<u8> {
    script.split(';').flat_map(|line| format!("{}\r\n", line.trim()).into_bytes()).collect()
}

#[test]
fn protocol_errors_are_answered_as_by_redis() {
    needs!("redis-server");
    compare("protocol", &INVALID.iter().map(|request| request.as_bytes().to_vec()).collect::<Vec<_>>());
}

const INVALID: &[&str] = &[
    "ECHO \"abc\r\n",
    "ECHO \"abc\"d\r\n",
    "ECHO 'abc\r\n",
    "*1\r\n$4\r\nPING\r\n*0\r\n*-1\r\n*-10\r\n\r\n\r\n   \r\nPING\r\n",
    "*x\r\n",
    "*1x\r\n",
    "*\r\n",
    "*01\r\n$4\r\nPING\r\n",
    "*+1\r\n$4\r\nPING\r\n",
    "*2147483648\r\n",
    "*9999999999999999999999\r\n",
    "*1\r\n4\r\nPING\r\n",
    "*1\r\n\r\nPING\r\n",
    "*1\r\nPING\r\n",
    "*1\r\n$-1\r\nPING\r\n",
    "*1\r\n$x\r\nPING\r\n",
    "*1\r\n$\r\nPING\r\n",
    "*1\r\n$04\r\nPING\r\n",
    "*1\r\n$536870913\r\n",
    "*1\r\n$4294967299\r\n",
    "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
    "*1\r\n$0\r\n\r\n",
    "*2\r\n$0\r\n\r\n$1\r\na\r\n",
    "PING\nPING\r\n\nPING\n",
    "*1\r\n$4\r\nPING\r\n*1\r\nX\r\n*1\r\n$4\r\nPING\r\n",
    "*1\r\n$6\r\nF\r\nO\r\n\r\n",
    "PING\r\nPOST / HTTP/1.1\r\nPING\r\n",
    "hOST: a\r\nPING\r\n",
    "*1\r\n$4\r\npost\r\nPING\r\n",
    "MULTI\r\nPOST x\r\nEXEC\r\n",
    "SUBSCRIBE a\r\nHost: x\r\n",
    "HELLO 3\r\nSUBSCRIBE a\r\nPOST\r\n",
    "POSTS\r\nHost\r\nhost:a\r\n",
];
