//! Malformed HTTP for the file server. The server answers properly or closes the connection, and never serves other files.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use innermost::server::StopToken;
use innermost::testing::{MemoryPair, MemoryStream, virtual_loop};
use innermost::{Awaitable, ByteRead, ByteWrite, Kind, Step, from_fn, timeout, yield_from};

use crate::campaign::{Campaign, attack, run_seeds};
use crate::connection::Connection;
use crate::random::Random;

/// The requests to send at once.
struct Piece(Vec<u8>);

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

const REQUESTS: [&str; 12] = [
    "GET / HTTP/1.1\r\nHost: here\r\n\r\n",
    "GET /text HTTP/1.1\r\nHost: here\r\n\r\n",
    "GET /text HTTP/1.0\r\n\r\n",
    "GET /text HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /text HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
    "GET /text HTTP/1.1\r\nHost: here\r\nRange: bytes=2-5\r\n\r\n",
    "GET /text HTTP/1.1\r\nHost: here\r\nIf-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT\r\n\r\n",
    "GET /inner HTTP/1.1\r\nHost: here\r\n\r\n",
    "GET /inner/../../secret HTTP/1.1\r\nHost: here\r\n\r\n",
    "GET /%2e%2e/secret HTTP/1.1\r\nHost: here\r\n\r\n",
    "GET /missing?x=%zz HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\nabc",
    "POST /text HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
];
const MORE: [&str; 14] = [
    "\r\n",
    "\r",
    "\n",
    " ",
    "\t",
    ":",
    "\0",
    "\u{80}",
    "%",
    "/../",
    "//",
    "HTTP/1.1",
    "Content-Length: 5\r\n",
    "Range: bytes=-0\r\n",
];
const SECRET: &[u8] = b"the secret";

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = at + random.below(bytes.len() + 1 - at).min(20);
    match random.below(6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(end..end, again);
        }
        3 => bytes.truncate(at),
        4 if random.one_in(4) => drop(bytes.splice(at..at, std::iter::repeat_n(b'a', random.below(40_000)))),
        _ => drop(bytes.splice(at..at, random.choose(&MORE).bytes())),
    }
}

/// The directory to serve. It is made once per process, in the directory for temporary files.
struct Site(PathBuf);

impl Site {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("innermost-attack-{}", std::process::id()));
        fs::create_dir_all(path.join("root/inner")).expect("there is room");
        fs::write(path.join("root/text"), "0123456789").expect("there is room");
        fs::write(path.join("root/inner/index.html"), "<p>inner</p>").expect("there is room");
        fs::write(path.join("secret"), SECRET).expect("there is room");
        Self(path)
    }

    fn root(&self) -> PathBuf {
        self.0.join("root").canonicalize().expect("it was made")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sends(stream: Rc<MemoryStream>, pieces: Vec<Vec<u8>>) -> impl Awaitable<Return = ()> {
    let (mut number, mut at) = (0, 0);
    from_fn(move |mut sent| {
        while number < pieces.len() {
            if at == pieces[number].len() {
                (number, at) = (number + 1, 0);
                continue;
            }
            match yield_from!(stream.send(&pieces[number][at..]), sent) {
                Ok(count) => at += count,
                // The server has hung up.
                Err(_) => return Ok(Step::Return(())),
            }
        }
        let _ended = yield_from!(stream.write_eof(), sent);
        Ok(Step::Return(()))
    })
}

fn receives(stream: Rc<MemoryStream>) -> impl Awaitable<Return = Vec<u8>> {
    let mut received = Vec::new();
    from_fn(move |mut sent| {
        loop {
            let mut room = [0; 4096];
            match yield_from!(stream.recv(&mut room), sent).unwrap_or(0) {
                0 => return Ok(Step::Return(std::mem::take(&mut received))),
                count => received.extend_from_slice(&room[..count]),
            }
        }
    })
}

/// The server's answers to these pieces.
fn answers(root: &Path, pieces: Vec<Vec<u8>>) -> Vec<u8> {
    let event_loop = virtual_loop().expect("descriptors are left");
    event_loop.set_exception_handler(|_| ());
    let (near, far) = MemoryPair::new().capacity(1 << 20).build();
    let far = Rc::new(far);
    let server =
        event_loop.create_task(Connection::new(near, root.into(), StopToken::new())).expect("the loop is open");
    drop(event_loop.create_task(sends(Rc::clone(&far), pieces)).expect("the loop is open"));
    let received = timeout(receives(Rc::clone(&far)), Duration::from_secs(3600));
    let received = event_loop.run_until_complete(received).expect("the server ends the connection");
    drop(far);
    let ended = event_loop.run_until_complete(timeout(server, Duration::from_secs(3600)));
    assert!(
        ended.as_ref().is_ok_and(|()| true)
            || ended.as_ref().is_err_and(|raised| raised.kind() != Kind::Panic && raised.kind() != Kind::TimeoutError),
        "the server raises {ended:?}"
    );
    received
}

/// Splits the answers, which must be whole but for the last; leaves out when they were made.
fn check(mut bytes: &[u8]) -> Vec<String> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head ends") + 4;
        let head = str::from_utf8(&bytes[..end]).expect("a head is text");
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {head:?}"));
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
        let length = if status == 304 { 0 } else { length.unwrap_or(0) };
        assert!((200..600).contains(&status), "{head:?}");
        assert!(bytes.len() >= end + length, "an answer of {length} bytes is cut: {head:?}");
        let body = &bytes[end..end + length];
        assert!(!body.windows(SECRET.len()).any(|part| part == SECRET), "the secret is out");
        let lines: Vec<_> = head.lines().filter(|line| !line.starts_with("Date: ")).collect();
        answers.push(format!("{lines:?} {}", body.escape_ascii()));
        bytes = &bytes[end + length..];
    }
    answers
}

struct Http;

impl Campaign for Http {
    type Operation = Piece;
    const CHILD: &'static str = "http::the_other_process";
    const SEEDS: u64 = 200;

    fn operations(seed: u64) -> Vec<Piece> {
        let mut random = Random::new(seed);
        let mut pieces = Vec::new();
        for _ in 0..1 + random.below(5) {
            let mut bytes = random.choose(&REQUESTS).as_bytes().to_vec();
            for _ in 0..random.below(4) {
                mutate(&mut bytes, &mut random);
            }
            while !bytes.is_empty() {
                let count = if random.one_in(3) { 1 + random.below(bytes.len()) } else { bytes.len() };
                pieces.push(Piece(bytes.drain(..count).collect()));
            }
        }
        pieces
    }

    fn run(operations: Vec<Piece>) {
        let site = Site::new();
        let root = site.root();
        let pieces: Vec<_> = operations.into_iter().map(|piece| piece.0).collect();
        let at_once = check(&answers(&root, vec![pieces.concat()]));
        assert_eq!(check(&answers(&root, pieces)), at_once, "the answers depend on how the requests arrive");
    }
}

#[test]
fn malformed_requests_are_refused_properly() {
    attack::<Http>();
}

#[test]
#[ignore = "run by the other, in a process of its own"]
fn the_other_process() {
    run_seeds::<Http>();
}
