//! Unix datagrams to a full receiver. The sender's descriptor reports room, and no event says when the receiver has room.

use std::cell::RefCell;
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use innermost::selector::Direction;
use innermost::testing::VirtualClock;
use innermost::{EventLoop, Watched, from_fn, yield_from};

use crate::support::interfaces::every_selector;

/// The number of sockets: tests run at the same time.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A receiver that another sender has filled, and the path to it.
struct Full {
    path: std::path::PathBuf,
    receiver: UnixDatagram,
}

impl Full {
    fn new() -> Self {
        let number = NUMBER.fetch_add(1, Relaxed);
        let path = std::env::temp_dir().join(format!("innermost-{}-full-{number}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let receiver = UnixDatagram::bind(&path).expect("nobody is there");
        receiver.set_nonblocking(true).expect("it is a socket");
        let other = sender();
        while other.send_to(b"other", &path).is_ok() {}
        Self { path, receiver }
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn sender() -> UnixDatagram {
    let socket = UnixDatagram::unbound().expect("a descriptor is free");
    socket.set_nonblocking(true).expect("it is a socket");
    socket
}

fn with_every_loop(mut test: impl FnMut(&EventLoop)) {
    for (name, selector) in every_selector() {
        println!("with {name}");
        test(&EventLoop::with(selector, Box::new(VirtualClock::new())).expect("a descriptor is free"));
    }
}

/// Starts a task that sends to the socket. Returns the times of its attempts, in milliseconds.
fn send(event_loop: &EventLoop, watched: Rc<Watched<UnixDatagram>>, full: &Full) -> Rc<RefCell<Vec<u128>>> {
    let (tried, handle, path) = (Rc::new(RefCell::new(vec![])), event_loop.handle(), full.path.clone());
    let log = Rc::clone(&tried);
    let sending = from_fn(move |mut sent| {
        let send = |socket: &UnixDatagram| {
            log.borrow_mut().push(handle.time().since_zero().as_millis());
            socket.send_to(b"hello", &path)
        };
        yield_from!(watched.attempt(Direction::Write, send), sent).map(innermost::Step::Return)
    });
    event_loop.create_task(sending).expect("it is open");
    tried
}

fn run_until(event_loop: &EventLoop, milliseconds: u64) {
    let handle = event_loop.handle();
    event_loop
        .call_at(innermost::Instant::from_zero(Duration::from_millis(milliseconds)), move || handle.stop())
        .expect("it is open");
    event_loop.run_forever().expect("it is stopped");
}

#[test]
fn an_operation_retries_after_increasing_pauses() {
    with_every_loop(|event_loop| {
        let full = Full::new();
        let tried = send(event_loop, Rc::new(Watched::new(sender())), &full);
        run_until(event_loop, 200);
        assert_eq!(*tried.borrow(), [0, 1, 3, 7, 15, 31, 63, 113, 163]);
        full.receiver.recv(&mut [0; 8]).expect("it is full");
        run_until(event_loop, 300);
        assert_eq!(tried.borrow()[9..], [213], "it has sent");
    });
}

#[test]
fn an_abandoned_operation_leaves_no_timer() {
    with_every_loop(|event_loop| {
        let full = Full::new();
        let watched = Rc::new(Watched::new(sender()));
        let weak = Rc::downgrade(&watched);
        let tried = send(event_loop, watched, &full);
        run_until(event_loop, 2);
        event_loop.all_tasks()[0].cancel();
        let raised = event_loop.run_forever().expect_err("nothing is left to wait for");
        assert!(raised.to_string().starts_with("deadlock"), "{raised}");
        assert_eq!((event_loop.time().since_zero(), weak.strong_count()), (Duration::from_millis(2), 0));
        assert_eq!(*tried.borrow(), [0, 1]);
    });
}
