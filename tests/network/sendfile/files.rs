//! Loops with a time limit, files, and peers.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use innermost::net::FilePart;
use innermost::{Await, ByteWrite, Coroutine, EventLoop, Exception, Resumed, Step, UnixStream, from_fn, yield_from};

pub(crate) use crate::support::loops::new_loop;

/// Longer than a test takes on any machine.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * KIB;

/// How many bytes one system call sends at the most.
pub(crate) const CHUNK: usize = 128 * KIB;

/// Bytes with a period of 251.
pub(crate) fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|number| (number % 251) as u8).collect()
}

/// A file that holds these bytes. It has no name any more, and may be read and written.
pub(crate) fn file_of(bytes: &[u8]) -> Rc<File> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("sendfile.{}.{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).expect("it is a new name");
    fs::remove_file(path).expect("it was made above");
    file.write_all(bytes).expect("there is room on the disk");
    Rc::new(file)
}

/// A stream and its blocking peer. Bytes sent at one end are at the other when the call returns.
pub(crate) fn pair() -> (UnixStream, StdUnixStream) {
    let (near, far) = StdUnixStream::pair().expect("descriptors are free");
    far.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
    (UnixStream::from_std(near).expect("it is a socket"), far)
}

/// Reads to the end, in a thread.
pub(crate) fn reading(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut received = Vec::new();
        from.read_to_end(&mut received).expect("it ends well");
        received
    })
}

/// Sends a part of a file over a stream, and closes the stream. Returns the part and the result.
pub(crate) fn send<S: ByteWrite + 'static>(
    event_loop: &EventLoop,
    stream: S,
    part: FilePart,
) -> (FilePart, Result<u64, Exception>) {
    let mut ends = Some((stream, part));
    let sending = from_fn(move |mut sent| {
        let (stream, part) = ends.as_mut().expect("it ends once");
        let outcome = yield_from!(stream.send_file(part), sent);
        let (_, part) = ends.take().expect("it ends once");
        Ok::<_, Exception>(Step::<Await, (), _>::Return((part, outcome)))
    });
    event_loop.run_until_complete(sending).expect("what it raises is in the result")
}

/// A machine that says how far it has come each time that it waits.
pub(crate) struct Watched<C> {
    pub(crate) child: C,
    pub(crate) progress: fn(&C) -> u64,
    pub(crate) seen: Rc<Progress>,
}

#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) sent: Cell<u64>,
    /// Whether it waits for its peer.
    pub(crate) is_blocked: Cell<bool>,
    /// The most bytes that it has sent in one turn.
    pub(crate) most: Cell<u64>,
}

impl<C: Coroutine<Yield = Await, Input = ()>> Coroutine for Watched<C> {
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let step = self.child.resume(sent);
        let now = (self.progress)(&self.child);
        let former = self.seen.sent.replace(now);
        self.seen.most.set(self.seen.most.get().max(now - former));
        self.seen.is_blocked.set(matches!(step, Ok(Step::Yield(ref wait)) if wait.is_writable()));
        step
    }
}

/// Sends a part of a file by a stream. It owns both.
pub(crate) struct Sender<S> {
    pub(crate) stream: S,
    pub(crate) part: FilePart,
}

impl<S: ByteWrite> Coroutine for Sender<S> {
    type Yield = Await;
    type Input = ();
    type Return = u64;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        yield_from!(self.stream.send_file(&mut self.part), sent).map(Step::Return)
    }
}

impl<S: ByteWrite> Sender<S> {
    pub(crate) fn watched(stream: S, part: FilePart) -> (Watched<Self>, Rc<Progress>) {
        let seen = Rc::<Progress>::default();
        let watched = Watched { child: Self { stream, part }, progress: |sender| sender.part.sent(), seen };
        let seen = Rc::clone(&watched.seen);
        (watched, seen)
    }
}

/// Runs turns until `done` holds.
pub(crate) fn run_until(event_loop: &EventLoop, mut done: impl FnMut() -> bool) {
    let deadline = event_loop.time() + DEADLINE;
    while !done() {
        assert!(event_loop.time() < deadline, "it does not come to that");
        event_loop.run_once().expect("it runs");
    }
}

/// Reads the available bytes.
pub(crate) fn read_now(far: &mut StdUnixStream, most: usize) -> Vec<u8> {
    far.set_nonblocking(true).expect("it is open");
    let mut room = vec![0; most];
    let count = match far.read(&mut room) {
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => panic!("{error}"),
    };
    far.set_nonblocking(false).expect("it is open");
    room.truncate(count);
    room
}

/// The error of the system that was raised.
pub(crate) fn io_error(raised: &Exception) -> &io::Error {
    raised.downcast_ref().unwrap_or_else(|| panic!("no error of the system: {raised:?}"))
}
