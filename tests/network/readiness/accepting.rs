//! Errors of accepting a connection. An `accept4(2)` in this file replaces the system's, and fails on request.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{self, SocketAddr};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::async_iter::AsyncIterator;
use innermost::{
    Await, EventLoop, Exception, Protocol, Step, TcpListener, Transport, UnixListener, from_fn, yield_from,
};

use crate::readiness::devices::turns;
use crate::readiness::machines::Machine;
use crate::support::clock::virtual_loop;
use crate::support::events::Log;

thread_local! {
    /// The errors of the next calls in this thread.
    static FAILURES: RefCell<VecDeque<i32>> = const { RefCell::new(VecDeque::new()) };
    /// The error of all other calls, unless it is zero.
    static ALL_FAIL: Cell<i32> = const { Cell::new(0) };
}

#[unsafe(no_mangle)]
extern "C" fn accept4(fd: i32, address: *mut libc::sockaddr, length: *mut libc::socklen_t, flags: i32) -> i32 {
    let failure = FAILURES.with_borrow_mut(VecDeque::pop_front).unwrap_or(ALL_FAIL.get());
    if failure != 0 {
        // SAFETY: it points to this thread's error number.
        unsafe { *libc::__errno_location() = failure };
        return -1;
    }
    // SAFETY: the caller's promises are passed on.
    unsafe { libc::syscall(libc::SYS_accept4, fd, address, length, flags) as i32 }
}

/// Errors that accept(2) says to treat like `EAGAIN`, and a few others that concern one connection.
const OF_ONE_CONNECTION: [i32; 15] = [
    libc::ECONNABORTED,
    libc::ENETDOWN,
    libc::EPROTO,
    libc::ENOPROTOOPT,
    libc::EHOSTDOWN,
    libc::ENONET,
    libc::EHOSTUNREACH,
    libc::EOPNOTSUPP,
    libc::ENETUNREACH,
    libc::EPERM,
    libc::ENOSR,
    libc::ESOCKTNOSUPPORT,
    libc::EPROTONOSUPPORT,
    libc::ETIMEDOUT,
    libc::ECONNRESET,
];

const EXHAUSTION: [i32; 4] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];

struct Logs(Log);

impl Protocol for Logs {
    fn connection_made(&mut self, _: &Transport) {
        self.0.add("accepted");
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

/// Starts accepting, in each possible way. Returns the connected clients.
fn ways(event_loop: &EventLoop, log: &Log, name: &str) -> Vec<Box<dyn Fn() -> Box<dyn std::any::Any>>> {
    let mut all: Vec<Box<dyn Fn() -> Box<dyn std::any::Any>>> = Vec::new();
    let spawn = |machine: Machine| drop(event_loop.create_task(machine).expect("it is open"));
    let tcp = |address: SocketAddr| -> Box<dyn Fn() -> Box<dyn std::any::Any>> {
        Box::new(move || Box::new(net::TcpStream::connect(address).expect("it listens")))
    };
    let path = std::env::temp_dir().join(format!("innermost-{name}-{}", std::process::id()));
    let unix = |number: usize| {
        let path = path.with_extension(number.to_string());
        let _ = std::fs::remove_file(&path);
        let connect = path.clone();
        let connects: Box<dyn Fn() -> Box<dyn std::any::Any>> = Box::new(move || {
            let stream = UnixStream::connect(&connect).expect("it listens");
            let _ = std::fs::remove_file(&connect);
            Box::new(stream)
        });
        (path, connects)
    };
    let any = || SocketAddr::from(([127, 0, 0, 1], 0));

    let (listener, told) = (TcpListener::bind(any()).expect("a port is free"), log.clone());
    all.push(tcp(listener.local_addr().expect("it is bound")));
    spawn(Box::new(from_fn(move |mut sent| accepted(&told, yield_from!(listener.accept(), sent).map(drop)))));

    let (listener, told) = (TcpListener::bind(any()).expect("a port is free"), log.clone());
    all.push(tcp(listener.local_addr().expect("it is bound")));
    let mut incoming = listener.incoming();
    spawn(Box::new(from_fn(move |mut sent| accepted(&told, yield_from!(incoming.next(), sent).map(drop)))));

    let ((path, connects), told) = (unix(0), log.clone());
    let listener = UnixListener::bind(path).expect("nothing is there");
    all.push(connects);
    spawn(Box::new(from_fn(move |mut sent| accepted(&told, yield_from!(listener.accept(), sent).map(drop)))));

    let told = log.clone();
    let serving = event_loop.create_server(move || Logs(told.clone()), any());
    all.push(tcp(event_loop.run_until_complete(serving).expect("a port is free").local_addrs()[0]));

    let ((path, connects), told) = (unix(1), log.clone());
    let serving = event_loop.create_unix_server(move || Logs(told.clone()), path);
    event_loop.run_until_complete(serving.unwrap()).expect("nothing is there");
    all.push(connects);

    let told = log.clone();
    let serving = event_loop.start_server(
        move |reader, writer| {
            told.add("accepted");
            let _ends = (reader, writer);
            innermost::ready(())
        },
        any(),
    );
    all.push(tcp(event_loop.run_until_complete(serving).expect("a port is free").local_addrs()[0]));
    all
}

fn accepted(log: &Log, result: Result<(), Exception>) -> Result<Step<Await, (), ()>, Exception> {
    match result {
        Ok(()) => log.add("accepted"),
        Err(raised) => log.add(raised.downcast_ref().and_then(std::io::Error::raw_os_error).unwrap_or(0)),
    }
    Ok(Step::Return(()))
}

#[test]
fn the_failure_of_one_connection_is_skipped_at_once() {
    let (event_loop, clock) = virtual_loop();
    let log = Log::default();
    log.reports(&event_loop);
    for (number, failure) in OF_ONE_CONNECTION.into_iter().enumerate() {
        for connect in ways(&event_loop, &log, &format!("passed-{number}")) {
            turns(&event_loop, 3);
            let _client = connect();
            FAILURES.set([failure; 3].into());
            turns(&event_loop, 10);
            assert_eq!(log.take(), ["accepted"], "error {failure}");
            assert!(FAILURES.with_borrow(VecDeque::is_empty));
        }
    }
    assert_eq!(innermost::selector::Clock::now(&clock).since_zero(), std::time::Duration::ZERO, "nothing has paused");
}

#[test]
fn endless_failures_do_not_starve_other_tasks() {
    let (event_loop, clock) = virtual_loop();
    let log = Log::default();
    log.reports(&event_loop);
    for connect in ways(&event_loop, &log, "endless") {
        let _client = connect();
        ALL_FAIL.set(libc::EPROTO);
        turns(&event_loop, 20);
        assert_eq!(log.take(), [""; 0]);
        ALL_FAIL.set(0);
        turns(&event_loop, 5);
        assert_eq!(log.take(), ["accepted"]);
    }
    assert_eq!(innermost::selector::Clock::now(&clock).since_zero(), std::time::Duration::ZERO, "nothing has paused");
}

#[test]
fn exhaustion_is_raised_and_makes_servers_pause() {
    for (number, failure) in EXHAUSTION.into_iter().enumerate() {
        let (event_loop, _) = virtual_loop();
        let log = Log::default();
        let told = log.clone();
        event_loop.set_exception_handler(move |context| told.add(&context.message));
        for (way, connect) in ways(&event_loop, &log, &format!("exhausted-{number}")).into_iter().enumerate() {
            let _client = connect();
            FAILURES.set([failure].into());
            turns(&event_loop, 5);
            if way < 3 {
                assert_eq!(log.take(), [failure.to_string()]);
                continue;
            }
            assert_eq!(log.take(), ["socket.accept() out of system resource"]);
            let second = innermost::sleep(std::time::Duration::from_millis(1001));
            event_loop.run_until_complete(second).expect("nobody cancels it");
            turns(&event_loop, 5);
            assert_eq!(log.take(), ["accepted"]);
        }
    }
}

#[test]
fn a_listener_driven_by_hand_yields_the_turn() {
    let (event_loop, _) = virtual_loop();
    let listener = Rc::new(TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is free"));
    let _client = net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let called = Rc::new(Cell::new(false));
    let (told, accepting) = (Rc::clone(&called), Rc::clone(&listener));
    let by_hand = move || {
        ALL_FAIL.set(libc::EPROTO);
        let step = innermost::Coroutine::resume(&mut accepting.accept(), Ok(())).expect("nothing is raised");
        ALL_FAIL.set(0);
        assert!(matches!(step, Step::Yield(ref wait) if wait.is_next_turn()));
        told.set(true);
    };
    event_loop.call_soon(by_hand).expect("it is open");
    turns(&event_loop, 3);
    assert!(called.get());
}
