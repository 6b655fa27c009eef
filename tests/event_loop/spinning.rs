//! Spinning before a wait. The tests count reads of the clock, which advances by a microsecond at each read.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use innermost::selector::{Clock, Selector, SelectorEvent, SelectorToken, default_selector};
use innermost::testing::virtual_loop;
use innermost::{EventLoop, Watched, signal};

use crate::signals::raise;
use crate::support::clock::{VirtualClock, forwards_the_rest};

const MICRO: Duration = Duration::from_micros(1);

#[derive(Debug)]
struct Ticking(Cell<u32>);

impl Clock for Ticking {
    fn now(&self) -> innermost::Instant {
        self.0.set(self.0.get() + 1);
        innermost::Instant::from_zero(MICRO * self.0.get())
    }
}

/// How often the selector was asked without waiting, and for how long it was to wait after that.
#[derive(Clone, Default)]
struct Asked {
    times: Rc<Cell<u32>>,
    waits: Rc<RefCell<Vec<Option<Duration>>>>,
}

type Happens = Box<dyn FnMut(u32)>;

/// The system's selector. It does not sleep: a wait ends the run with an error. Before each poll, it calls a function with the
/// number of earlier polls.
struct Counted {
    inner: Box<dyn Selector>,
    asked: Asked,
    happens: Happens,
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl Selector for Counted {
    forwards_the_rest!();

    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        self.inner.register(fd, token)
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        if timeout != Some(Duration::ZERO) {
            self.asked.waits.borrow_mut().push(timeout);
            return Err(io::Error::other("it would sleep"));
        }
        self.asked.times.set(self.asked.times.get() + 1);
        (self.happens)(self.asked.times.get());
        self.inner.select(events, timeout)
    }
}

fn new_loop(clock: impl Clock + 'static, happens: impl FnMut(u32) + 'static) -> (EventLoop, Asked) {
    let asked = Asked::default();
    let inner = default_selector().expect("a descriptor is free");
    let selector = Counted { inner, asked: asked.clone(), happens: Box::new(happens) };
    (EventLoop::with(Box::new(selector), Box::new(clock)).expect("a descriptor is free"), asked)
}

fn ticking_loop(happens: impl FnMut(u32) + 'static) -> (EventLoop, Asked) {
    let (event_loop, asked) = new_loop(Ticking(Cell::new(0)), happens);
    event_loop.set_spin(MICRO * 50);
    (event_loop, asked)
}

impl Asked {
    fn take(&self) -> (u32, Vec<Option<Duration>>) {
        (self.times.take(), self.waits.take())
    }
}

#[test]
fn a_loop_spins_for_the_given_time_and_then_sleeps() {
    let (event_loop, asked) = ticking_loop(|_| ());
    event_loop.run_forever().expect_err("it would sleep");
    assert_eq!(asked.take(), (50, vec![None]));
    event_loop.set_spin(Duration::ZERO);
    event_loop.run_forever().expect_err("it would sleep");
    assert_eq!(asked.take(), (0, vec![None]));
}

#[test]
fn a_loop_neither_spins_nor_sleeps_past_a_deadline() {
    let (event_loop, asked) = ticking_loop(|_| ());
    let handle = event_loop.handle();
    let due = event_loop.time() + MICRO * 20;
    event_loop.call_at(due, move || handle.stop()).expect("it is open");
    event_loop.run_forever().expect("it is stopped");
    let (times, waits) = asked.take();
    assert!((10..20).contains(&times) && waits.is_empty(), "{times}, {waits:?}");

    let due = event_loop.time() + MICRO * 200;
    event_loop.call_at(due, || ()).expect("it is open");
    event_loop.run_forever().expect_err("it would sleep");
    let (times, waits) = asked.take();
    let [Some(wait)] = waits[..] else { panic!("{waits:?}") };
    assert!(times == 50 && (MICRO * 130..MICRO * 150).contains(&wait), "{times}, {wait:?}");
}

#[test]
fn a_call_from_another_thread_ends_the_spin() {
    let remote = Rc::new(RefCell::new(None));
    let sender = Rc::clone(&remote);
    let (event_loop, asked) = ticking_loop(move |times| {
        if times == 7 {
            let remote: innermost::RemoteHandle = sender.borrow().clone().expect("it was set");
            let call = || EventLoop::running().expect("run by the loop").stop();
            thread::spawn(move || remote.call_soon_threadsafe(call)).join().expect("it does not panic").expect("open");
        }
    });
    *remote.borrow_mut() = Some(event_loop.remote());
    event_loop.run_forever().expect("it is stopped");
    assert_eq!(asked.take(), (7, vec![]));
}

/// Called with the other tests of signals, one at a time.
pub(crate) fn a_signal_ends_a_spin() {
    let (event_loop, asked) = ticking_loop(|times| {
        if times == 3 {
            raise(signal::SIGUSR2);
        }
    });
    let handle = event_loop.handle();
    event_loop.add_signal_handler(signal::SIGUSR2, move || handle.stop()).expect("it can be handled");
    event_loop.run_forever().expect("it is stopped");
    assert_eq!(asked.take(), (3, vec![]));
}

#[test]
fn a_ready_descriptor_ends_the_spin_and_the_next_wait_spins_again() {
    let (near, mut far) = UnixStream::pair().expect("descriptors are free");
    let (event_loop, asked) = ticking_loop(move |times| {
        if times == 30 {
            far.write_all(b"x").expect("there is room");
        }
    });
    let watched = Watched::new(near);
    let handle = event_loop.handle();
    event_loop.add_reader(&watched, move || handle.stop()).expect("it is open");
    event_loop.run_forever().expect("it is stopped");
    let (times, waits) = asked.take();
    assert!((1..=30).contains(&times) && waits.is_empty(), "{times}, {waits:?}");
    assert!(event_loop.remove_reader(&watched));
    event_loop.run_forever().expect_err("it would sleep");
    assert_eq!(asked.take(), (50, vec![None]));
}

#[test]
fn a_stopped_loop_does_not_sleep_and_a_guest_does_not_spin() {
    let (event_loop, asked) = ticking_loop(|_| ());
    event_loop.run_once().expect("it runs");
    assert_eq!(asked.take(), (1, vec![]));
}

#[test]
fn a_loop_with_a_jumping_clock_does_not_spin() {
    let event_loop = virtual_loop().expect("a descriptor is free");
    event_loop.set_spin(Duration::from_secs(3600));
    event_loop.run_until_complete(innermost::sleep(Duration::from_secs(7200))).expect("nobody cancels it");
    let (event_loop, asked) = new_loop(VirtualClock::default(), |_| ());
    event_loop.set_spin(Duration::from_secs(3600));
    event_loop.run_until_complete(innermost::sleep(Duration::from_secs(7200))).expect("nobody cancels it");
    let (times, waits) = asked.take();
    assert!(times < 10 && waits.is_empty(), "{times}, {waits:?}");
}

#[test]
fn a_stopped_clock_does_not_make_a_loop_spin_for_ever() {
    let (event_loop, asked) = new_loop(VirtualClock::that_stays(), |_| ());
    event_loop.set_spin(MICRO);
    event_loop.run_forever().expect_err("it would sleep");
    assert_eq!(asked.take(), (1000, vec![None]));
}
