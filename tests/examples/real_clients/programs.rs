//! Bytes to compare, servers in processes, and machines that talk to them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use innermost::{
    Await, Awaitable, Buffer, ByteRead, ByteWrite, EventLoop, Exception, Future, Protocol, Step, StreamReader,
    StreamWriter, Transport, from_fn, join, yield_from,
};

pub(crate) use crate::support::loops::new_loop;
use crate::support::process::{Process, example};
use crate::support::tools::tool;

pub(crate) const MIB: usize = 1 << 20;

/// Bytes in which a lost, repeated or moved piece is noticed: consecutive numbers.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0_u32..).flat_map(|number| number.wrapping_mul(0x9e37_79b1).to_le_bytes()).take(count).collect()
}

#[track_caller]
pub(crate) fn assert_same(came: &[u8], sent: &[u8]) {
    let same = came.iter().zip(sent).take_while(|(came, sent)| came == sent).count();
    assert!(came == sent, "{} bytes came, {} were sent, the first {same} are the same", came.len(), sent.len());
}

/// Where nothing is yet, for a socket file.
pub(crate) fn free_path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("innermost-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

/// One of the echo examples, and where it listens.
pub(crate) fn echo_example(name: &str) -> (Process, SocketAddr) {
    let process = Process::spawn(Command::new(example(name)).arg("127.0.0.1:0")).expect("it can be started");
    let address = process.listening();
    (process, address)
}

/// Starts socat with a listening address first, and waits until it listens. Returns its address.
pub(crate) fn socat_server(listening: &str, other: &str) -> (Process, String) {
    let mut command = tool("socat");
    let process = Process::spawn(command.args(["-d", "-d", "-t30", listening, other])).expect("it is installed");
    loop {
        let line = process.error_line().expect("it says that it listens");
        // "2026/11/21 17:40:00 socat[42] N listening on AF=2 127.0.0.1:34567"; a UDP server says "on UDP AF=2".
        if line.contains(" listening on ")
            && let Some((_, address)) = line.rsplit_once(' ')
        {
            return (process, address.trim_matches('"').to_owned());
        }
        assert!(!line.contains(" E "), "{line}");
    }
}

/// Starts socat at a free TCP port, and waits until it listens. Returns its address.
pub(crate) fn socat_tcp_server(other: &str) -> (Process, SocketAddr) {
    let (process, address) = socat_server("TCP-LISTEN:0,bind=127.0.0.1,fork", other);
    (process, address.parse().expect("an address"))
}

/// Sends everything, ends the stream, and returns the bytes received up to the end of the other direction.
pub(crate) fn exchange(
    event_loop: &EventLoop,
    reader: impl ByteRead + 'static,
    writer: impl ByteWrite + 'static,
    outgoing: &[u8],
) -> Vec<u8> {
    let mut left = Buffer::from(outgoing.to_vec());
    let sending = from_fn(move |mut sent: Result<(), Exception>| {
        yield_from!(writer.write_all(&mut left), sent)?;
        yield_from!(writer.write_eof(), sent).map(Step::Return)
    });
    let (mut buffer, mut came) = (Buffer::new(), Vec::new());
    let receiving = from_fn(move |mut sent: Result<(), Exception>| {
        loop {
            if yield_from!(reader.read(&mut buffer), sent)? == 0 {
                return Ok(Step::<Await, (), _>::Return(std::mem::take(&mut came)));
            }
            came.extend_from_slice(buffer.bytes());
            buffer.clear();
        }
    });
    let ((), came) = event_loop.run_until_complete(both(sending, receiving)).expect("nothing fails");
    came
}

/// Sends and receives, with streams.
pub(crate) fn exchange_by_streams(
    event_loop: &EventLoop,
    (reader, writer): (StreamReader, StreamWriter),
    outgoing: &[u8],
) -> Vec<u8> {
    writer.write(outgoing).expect("it is open");
    writer.write_eof().expect("it is open");
    let came = event_loop.run_until_complete(reader.read_to_end()).expect("nothing fails");
    writer.close();
    event_loop.run_until_complete(writer.wait_closed()).expect("nothing fails");
    came
}

/// Sends and receives, with callbacks.
pub(crate) struct Collector {
    /// `None` for a client that only reads.
    outgoing: Option<Vec<u8>>,
    came: Vec<u8>,
    done: Future<Vec<u8>>,
}

impl Collector {
    pub(crate) fn new(outgoing: &[u8], done: &Future<Vec<u8>>) -> Self {
        Self { outgoing: Some(outgoing.to_vec()), came: Vec::new(), done: done.clone() }
    }

    pub(crate) fn reading(done: &Future<Vec<u8>>) -> Self {
        Self { outgoing: None, came: Vec::new(), done: done.clone() }
    }
}

impl Protocol for Collector {
    fn connection_made(&mut self, transport: &Transport) {
        if let Some(outgoing) = self.outgoing.take() {
            transport.write(&outgoing).expect("it is open");
            transport.write_eof().expect("it is open");
        }
    }

    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.came.extend_from_slice(data);
    }

    fn connection_lost(&mut self, _: &Transport, error: Option<Exception>) {
        let came = std::mem::take(&mut self.came);
        match error {
            None => self.done.set_result(came).expect("it is lost once"),
            Some(error) => self.done.set_exception(error).expect("it is lost once"),
        }
    }
}

/// Runs both at once.
fn both<A: Awaitable + 'static, B: Awaitable + 'static>(a: A, b: B) -> impl Awaitable<Return = (A::Return, B::Return)> {
    join((a, b))
}
