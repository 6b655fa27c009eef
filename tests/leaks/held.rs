//! Loops with a time limit, and counting the objects that they hold.

#![allow(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use innermost::net::ConnectError;
use innermost::{Await, Coroutine, EventLoop, Exception, LoopHandle};
use socket2::SockRef;

use crate::counting;
use crate::support::clock;
pub(crate) use crate::support::events::Log;
pub(crate) use crate::support::loops::{any, run_until};

/// A loop with a deadline, at which the test fails.
pub(crate) fn new_loop() -> (EventLoop, Log) {
    let event_loop = crate::support::loops::new_loop();
    reporting(event_loop)
}

/// A loop with virtual time, which fails if it would wait for ever.
pub(crate) fn new_virtual_loop() -> (EventLoop, Log) {
    reporting(clock::test_loop())
}

fn reporting(event_loop: EventLoop) -> (EventLoop, Log) {
    let reports = Log::default();
    let reported = reports.clone();
    event_loop.set_exception_handler(move |context| reported.add(&context.message));
    (event_loop, reports)
}

/// Runs some turns without waiting; the selector is asked in each in which nothing is ready.
pub(crate) fn run_turns(event_loop: &LoopHandle, turns: u32) {
    for _ in 0..turns {
        event_loop.run_once().expect("it runs");
    }
}

/// Lets the loop run until `attempt` does not block any more.
pub(crate) fn with_loop<T>(event_loop: &LoopHandle, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => event_loop.run_once().expect("it runs"),
            result => return result,
        }
    }
}

/// Reads a number of bytes while the loop runs.
pub(crate) fn receive(event_loop: &LoopHandle, mut client: &TcpStream, mut left: usize) {
    let mut room = [0; 4096];
    while left > 0 {
        let most = left.min(room.len());
        left -= with_loop(event_loop, || client.read(&mut room[..most])).expect("it comes back");
    }
}

/// Writes until neither end takes more, while the loop runs.
pub(crate) fn fill(event_loop: &LoopHandle, mut end: impl Write) {
    let mut refused = 0;
    while refused < 20 {
        match end.write(&[7; 64 * 1024]) {
            Ok(_some) => refused = 0,
            Err(_) => {
                run_turns(event_loop, 10);
                refused += 1;
            }
        }
    }
}

/// A client that does not block.
pub(crate) fn client_of(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).expect("somebody listens");
    client.set_nodelay(true).expect("it is open");
    client.set_nonblocking(true).expect("it is open");
    client
}

/// Ends a connection by a reset.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it is open");
}

/// The error of the system that was raised: by the first attempt, where several addresses may have been tried.
pub(crate) fn io_error(raised: &Exception) -> &io::Error {
    let raised = raised.downcast_ref::<ConnectError>().map_or(raised, |error| &error.failures()[0].1);
    raised.downcast_ref().unwrap_or_else(|| panic!("no error of the system: {raised:?}"))
}

/// A coroutine whose errors of the system are no concern of anybody's.
pub(crate) fn without_io_errors<C>(coroutine: C) -> impl Coroutine<Yield = Await, Input = (), Return = ()>
where
    C: Coroutine<Yield = Await, Input = (), Return = ()>,
{
    use innermost::CoroutineExt;
    coroutine.catch(|raised| match raised.downcast_ref::<io::Error>() {
        Some(_) => Ok(()),
        None => Err(raised),
    })
}

/// The exclusive right to open and close descriptors.
pub(crate) struct Alone(#[allow(dead_code, reason = "held")] MutexGuard<'static, ()>);

pub(crate) fn alone() -> Alone {
    static ALONE: Mutex<()> = Mutex::new(());
    Alone(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The resources in use.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    allocations: isize,
    bytes: usize,
}

impl Held {
    fn now() -> Self {
        Self { descriptors: open_descriptors(), allocations: counting::alive(), bytes: counting::bytes() }
    }
}

/// How many descriptors this process has; none where the system does not say.
pub(crate) fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// The bytes by which vectors may grow. Which of them grow depends on the order of events.
const ROOM: isize = 4096;

impl Alone {
    /// Runs `test` twice. The first run creates what is kept, and the second must leak nothing.
    pub(crate) fn leaves_nothing(&self, mut test: impl FnMut()) {
        test();
        let before = Held::now();
        test();
        let after = Held::now();
        let is_same = before.descriptors == after.descriptors && before.allocations == after.allocations;
        // The counts are this thread's, which may have freed more than it has allocated.
        let growth = after.bytes.wrapping_sub(before.bytes).cast_signed();
        assert!(is_same && growth <= ROOM, "{before:?} became {after:?}");
    }

    /// Runs `test` without free descriptors, except for those that it [frees](Exhausted::free).
    pub(crate) fn exhausted<R>(&self, test: impl FnOnce(&mut Exhausted) -> R) -> R {
        let mut exhausted = Exhausted::new();
        test(&mut exhausted)
    }

    /// Raises the limit on descriptors to the system's maximum. Returns it.
    pub(crate) fn raise_limit(&self) -> usize {
        let mut limit = descriptor_limit();
        limit.rlim_cur = limit.rlim_max;
        set_descriptor_limit(&limit);
        usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
    }
}

/// A process without a free descriptor, until this is dropped.
pub(crate) struct Exhausted {
    limit: libc::rlimit,
    holes: Vec<File>,
}

impl Exhausted {
    /// Lowers the limit to the highest open descriptor, and opens all free ones below it. With a limit below an open descriptor,
    /// `poll(2)` would fail, which would be another fault.
    fn new() -> Self {
        let limit = descriptor_limit();
        let open = fs::read_dir("/proc/self/fd").expect("the system says what is open");
        let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<libc::rlim_t>().ok());
        let highest = numbers.max().expect("standard output at least");
        set_descriptor_limit(&libc::rlimit { rlim_cur: highest + 1, ..limit });
        let mut holes = Vec::with_capacity(1000);
        while let Ok(file) = File::open("/dev/null") {
            holes.push(file);
        }
        Self { limit, holes }
    }

    /// Has `count` descriptors free.
    pub(crate) fn free(&mut self, count: usize) {
        if self.holes.len() < count {
            let limit = descriptor_limit();
            set_descriptor_limit(&libc::rlimit { rlim_cur: limit.rlim_cur + count as libc::rlim_t, ..limit });
        } else {
            self.holes.truncate(self.holes.len() - count);
        }
    }
}

impl Drop for Exhausted {
    fn drop(&mut self) {
        set_descriptor_limit(&self.limit);
    }
}

fn descriptor_limit() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is writable.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    limit
}

fn set_descriptor_limit(limit: &libc::rlimit) {
    // SAFETY: `limit` is readable.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) }, 0);
}
