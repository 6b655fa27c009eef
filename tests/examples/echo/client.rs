//! The clients: they connect, send, compare, and leave in different ways.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::thread;

use socket2::SockRef;

use crate::support::process::DEADLINE;

pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * KIB;

/// Connects. An operation on the stream that takes longer than [`DEADLINE`] fails with `WouldBlock`.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, DEADLINE).expect("the server listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
    stream.set_write_timeout(Some(DEADLINE)).expect("it is not zero");
    // Small writes must be sent at once.
    stream.set_nodelay(true).expect("it is a connection");
    stream
}

/// Endless bytes that depend on a seed. They have a prime period, so that a lost or repeated buffer is noticed.
#[derive(Clone)]
pub(crate) struct Pattern {
    seed: u64,
    position: usize,
}

const PERIOD: usize = 65_521;

impl Pattern {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, position: 0 }
    }

    /// The pattern from its byte `position` on.
    pub(crate) const fn from(seed: u64, position: usize) -> Self {
        Self { seed, position }
    }

    /// The next bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            bytes.extend_from_slice(self.piece(length - bytes.len()));
        }
        bytes
    }

    /// Compares with the next bytes.
    pub(crate) fn expect(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (position, piece) = (self.position, self.piece(bytes.len()));
            let (same, rest) = bytes.split_at(piece.len());
            assert!(same == piece, "of pattern {}, behind byte {position}, something else has come", self.seed);
            bytes = rest;
        }
    }

    /// The next bytes, at most `most` and at least one.
    fn piece(&mut self, most: usize) -> &'static [u8] {
        static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| (0..PERIOD as u64).map(|n| mix(n) as u8).collect());
        let start = (mix(self.seed) as usize % PERIOD + self.position) % PERIOD;
        let piece = &BYTES[start..PERIOD.min(start + most)];
        self.position += piece.len();
        piece
    }
}

/// A random number for each number: the finalizer of SplitMix64.
pub(crate) const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A length up to `most`. Short lengths are as likely as long ones.
pub(crate) fn random_length(random: u64, most: usize) -> usize {
    let within = most >> (random % u64::from(most.ilog2() + 1));
    1 + (mix(random) % within as u64) as usize
}

/// Sends the first `size` bytes of the pattern `seed`, in pieces of random length.
pub(crate) fn send(mut stream: &TcpStream, seed: u64, size: usize) {
    let (mut pattern, mut left) = (Pattern::new(seed), size);
    for number in 0.. {
        if left == 0 {
            return;
        }
        let piece = random_length(seed ^ mix(number), 64 * KIB).min(left);
        stream.write_all(&pattern.bytes(piece)).expect("the server takes what it is sent");
        left -= piece;
    }
}

/// Receives `size` bytes, in pieces of random length: they must be the next ones of the pattern.
pub(crate) fn expect(mut stream: &TcpStream, pattern: &mut Pattern, size: usize) {
    let (mut room, mut left) = (vec![0; 64 * KIB], size);
    for number in 0.. {
        if left == 0 {
            return;
        }
        let most = random_length(pattern.seed ^ mix(number), room.len()).min(left);
        let count = stream.read(&mut room[..most]).unwrap_or_else(|error| panic!("{left} bytes are missing: {error}"));
        assert_ne!(count, 0, "the stream ends {left} bytes too soon");
        pattern.expect(&room[..count]);
        left -= count;
    }
}

/// Receives until the stream ends: the next bytes of the pattern, as many as this gives.
pub(crate) fn expect_to_end(mut stream: &TcpStream, pattern: &mut Pattern) -> usize {
    let (mut room, start) = (vec![0; 64 * KIB], pattern.position);
    loop {
        match stream.read(&mut room).expect("the stream ends without an error") {
            0 => return pattern.position - start,
            count => pattern.expect(&room[..count]),
        }
    }
}

/// Sends `size` bytes, and receives them at the same time.
pub(crate) fn echo(stream: &TcpStream, seed: u64, size: usize) {
    thread::scope(|scope| {
        scope.spawn(|| send(stream, seed, size));
        expect(stream, &mut Pattern::new(seed), size);
    });
}

/// Sends one byte and receives it.
pub(crate) fn echo_byte(mut stream: &TcpStream, byte: u8) {
    stream.write_all(&[byte]).expect("the server takes what it is sent");
    let mut echo = [!byte];
    stream.read_exact(&mut echo).expect("the server sends it back");
    assert_eq!(echo, [byte]);
}

/// Sends the next bytes of the pattern until there is no room, or `most` are sent. Returns their number.
pub(crate) fn send_while_there_is_room(mut stream: &TcpStream, pattern: &mut Pattern, most: usize) -> usize {
    stream.set_nonblocking(true).expect("it is a connection");
    let mut sent = 0;
    while sent < most {
        let bytes = pattern.clone().bytes((most - sent).min(64 * KIB));
        match stream.write(&bytes) {
            Ok(count) => {
                pattern.position += count;
                sent += count;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("after {sent} bytes: {error}"),
        }
    }
    stream.set_nonblocking(false).expect("it is a connection");
    sent
}

/// Whether nothing has come yet.
pub(crate) fn is_silent(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("it is a connection");
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).expect("it is a connection");
    peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Ends the connection at once, by a reset.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).expect("it is a connection");
}
