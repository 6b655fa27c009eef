//! Calls into a loop from other threads: Z7 and Z8. Other files test executors, and coroutines from threads.
//!
//! A comment above a test cites its rule. These cannot arise here:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | Z8 | the pipe that wakes the loop is full | it is a counter, and its owners keep it open |
//! | Z13 | the loop in a forked child | `forks/` tests that |

use crate::support::clock;
use crate::support::events;
use std::cell::{Cell, OnceCell, RefCell};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use innermost::event_loop::LoopClosed;
use innermost::selector::{Selector, SelectorEvent, SelectorToken, default_selector};
use innermost::{EventLoop, RemoteHandle, sleep};

use crate::support::clock::{VirtualClock, Wait, WatchedSelector, forwards_the_rest, loop_of, test_loop};
use crate::support::events::{Log, pausing};

/// Stops the loop that runs in this thread.
fn stop() {
    EventLoop::running().expect("a loop runs this").stop();
}

/// A loop that calls `tell` each time when it is about to wait, and for how long it was to wait each time.
fn loop_that_tells(tell: impl Fn() + 'static) -> (EventLoop, clock::Timeouts) {
    let selector = WatchedSelector::new(Wait::Tells(Box::new(tell)));
    let timeouts = selector.timeouts();
    (loop_of(selector, VirtualClock::that_stays()), timeouts)
}

#[test]
fn a_remote_handle_is_send_and_sync() {
    fn anywhere<T: Send + Sync + Clone + 'static>(_: &T) {}
    let event_loop = test_loop();
    anywhere(&event_loop.remote());
    assert!(format!("{:?}", event_loop.remote()).starts_with("RemoteHandle("));
    assert_eq!(LoopClosed::to_string(&gone()), "the event loop is closed");
}

fn gone() -> LoopClosed {
    let remote = test_loop().remote();
    remote.call_soon_threadsafe(|| {}).unwrap_err()
}

/// The calls received from one thread.
#[derive(Default)]
struct Arrivals {
    /// The next expected number, if none is lost or repeated and all are in order.
    next: [usize; 8],
    out_of_order: usize,
}

// Z7
#[test]
fn a_million_calls_from_eight_threads_arrive_once_in_each_threads_order() {
    const EACH: usize = 125_000;
    let event_loop = EventLoop::new().unwrap();
    let arrivals = Arc::new(Mutex::new(Arrivals::default()));
    let start = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (remote, arrivals, start) = (event_loop.remote(), Arc::clone(&arrivals), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                for number in 0..EACH {
                    let arrivals = Arc::clone(&arrivals);
                    let arrives = move || {
                        let mut arrivals = arrivals.lock().unwrap();
                        arrivals.out_of_order += usize::from(arrivals.next[thread] != number);
                        arrivals.next[thread] += 1;
                        if arrivals.next.iter().sum::<usize>() == 8 * EACH {
                            stop();
                        }
                    };
                    remote.call_soon_threadsafe(arrives).unwrap();
                }
            })
        })
        .collect();
    event_loop.run_forever().unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // Nothing is left behind.
    event_loop.run_once().unwrap();
    let arrivals = arrivals.lock().unwrap();
    assert_eq!((arrivals.next, arrivals.out_of_order), ([EACH; 8], 0));
}

/// Keeps what is registered first, which is the loop's waker: a counter in the kernel, to which each wake-up adds one.
#[derive(Debug)]
struct WakerKeeper {
    inner: Box<dyn Selector>,
    waker: Rc<OnceCell<File>>,
}

impl Selector for WakerKeeper {
    forwards_the_rest!();

    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        self.waker.set(fd.try_clone_to_owned()?.into()).expect("nothing else is registered");
        self.inner.register(fd, token)
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        self.inner.select(events, timeout)
    }
}

/// How often the loop was woken since the last call.
fn wakes(waker: &File) -> u64 {
    let mut counter = [0; 8];
    match (&*waker).read_exact(&mut counter) {
        Ok(()) => u64::from_ne_bytes(counter),
        Err(empty) => {
            assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
            0
        }
    }
}

// Z7
#[test]
fn a_burst_from_eight_threads_wakes_the_loop_once() {
    let waker = Rc::new(OnceCell::new());
    let selector = WakerKeeper { inner: default_selector().unwrap(), waker: Rc::clone(&waker) };
    let event_loop = EventLoop::with(Box::new(selector), Box::new(VirtualClock::that_stays())).unwrap();
    let waker = waker.get().expect("it was registered");
    let ran = Arc::new(AtomicUsize::new(0));
    for burst in 1..=10 {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (remote, ran) = (event_loop.remote(), Arc::clone(&ran));
                thread::spawn(move || {
                    for _ in 0..100 {
                        let ran = Arc::clone(&ran);
                        let counts = move || {
                            ran.fetch_add(1, Ordering::Relaxed);
                        };
                        remote.call_soon_threadsafe(counts).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(wakes(waker), 1);
        event_loop.run_once().unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), burst * 800);
    }
    // In the loop's own thread, there is no thread to wake.
    let remote = event_loop.remote();
    event_loop.call_soon(move || remote.call_soon_threadsafe(|| {}).unwrap()).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(wakes(waker), 0);
}

// Z7
#[test]
fn a_waiting_loop_is_woken() {
    let (waits, told) = mpsc::channel();
    let (event_loop, timeouts) = loop_that_tells(move || waits.send(()).expect("the thread listens"));
    // A newly registered descriptor is reported once, whatever its state.
    event_loop.run_once().unwrap();
    timeouts.take();
    let remote = event_loop.remote();
    let thread = thread::spawn(move || {
        for _ in 0..100 {
            told.recv().expect("the loop waits once more");
            remote.call_soon_threadsafe(|| {}).expect("the loop is open");
        }
        told.recv().expect("the loop waits once more");
        remote.call_soon_threadsafe(stop).expect("the loop is open");
        told
    });
    event_loop.run_forever().unwrap();
    thread.join().unwrap();
    // Once for each, and never because of the wake before.
    assert_eq!(timeouts.take(), [None; 101]);
}

#[test]
fn a_burst_wakes_the_loop_once_and_runs_in_one_turn() {
    let remote = Rc::new(RefCell::new(None::<RemoteHandle>));
    let bursts = Rc::new(Cell::new(0));
    let ran = Arc::new(AtomicUsize::new(0));
    let (sender, seen) = (Rc::clone(&remote), Arc::clone(&ran));
    let tell = move || {
        bursts.set(bursts.get() + 1);
        assert_eq!(seen.load(Ordering::Relaxed), (bursts.get() - 1) * 500);
        let (remote, last, seen) = (sender.borrow().clone().expect("it was set"), bursts.get() == 3, Arc::clone(&seen));
        let burst = thread::spawn(move || {
            for _ in 0..500 {
                let seen = Arc::clone(&seen);
                let counts = move || {
                    seen.fetch_add(1, Ordering::Relaxed);
                };
                remote.call_soon_threadsafe(counts).expect("the loop is open");
            }
            if last {
                remote.call_soon_threadsafe(stop).expect("the loop is open");
            }
        });
        burst.join().expect("it does not panic");
    };
    let (event_loop, timeouts) = loop_that_tells(tell);
    remote.replace(Some(event_loop.remote()));
    event_loop.run_forever().unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 1500);
    assert_eq!(timeouts.take(), [None; 3]);
}

// Z7
#[test]
fn a_busy_loop_runs_remote_calls_in_the_next_turn() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.count_turns(&event_loop);
    let (remote, turn) = (event_loop.remote(), Arc::new(AtomicBool::new(false)));
    let (arrived, entries) = (Arc::clone(&turn), log.clone());
    let sends = move || {
        entries.note("sent");
        let sender = thread::spawn(move || remote.call_soon_threadsafe(move || arrived.store(true, Ordering::Relaxed)));
        sender.join().expect("it does not panic").expect("the loop is open");
    };
    event_loop.call_soon(sends).unwrap();
    let (entries, handle) = (log.clone(), event_loop.handle());
    // It runs in the turn after the one in which it was sent, and this in the one after that.
    let checks = move || {
        let check = move || entries.note(format_args!("arrived: {}", turn.load(Ordering::Relaxed)));
        let this = handle.clone();
        handle.call_soon(move || drop(this.call_soon(check))).expect("the loop is open");
    };
    event_loop.call_soon(checks).unwrap();
    event_loop.run_until_complete(pausing(2)).unwrap();
    assert_eq!(log.take(), ["1 sent", "3 arrived: true"]);
}

// Z7
/// ```python
/// def callback():
///     loop.call_soon(lambda: note("first"))
///     loop.call_soon_threadsafe(lambda: note("second"))
///     loop.call_soon(lambda: note("third"))
/// loop.call_soon(callback)
/// ```
#[test]
fn in_the_loops_own_thread_it_behaves_like_call_soon() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.count_turns(&event_loop);
    let (entries, handle) = (log.clone(), event_loop.handle());
    let second = Arc::new(AtomicBool::new(false));
    let (seen, sets) = (Arc::clone(&second), Arc::clone(&second));
    let callback = move || {
        handle.call_soon(entries.notes("first")).expect("the loop is open");
        handle.remote().call_soon_threadsafe(move || sets.store(true, Ordering::Relaxed)).expect("the loop is open");
        let entries = entries.clone();
        let third = move || entries.note(format_args!("third, after second: {}", seen.load(Ordering::Relaxed)));
        handle.call_soon(third).expect("the loop is open");
    };
    event_loop.call_soon(callback).unwrap();
    event_loop.run_until_complete(pausing(2)).unwrap();
    assert_eq!(log.take(), ["2 first", "2 third, after second: true"]);
}

#[test]
fn calls_sent_before_the_run_are_there_when_it_starts() {
    let event_loop = test_loop();
    let ran = Arc::new(AtomicBool::new(false));
    let sets = Arc::clone(&ran);
    event_loop.remote().call_soon_threadsafe(move || sets.store(true, Ordering::Relaxed)).unwrap();
    assert_eq!(event_loop.next_deadline(), None);
    event_loop.run_once().unwrap();
    assert!(ran.load(Ordering::Relaxed));
}

// Z8
#[test]
fn a_closed_loop_refuses_remote_calls_and_the_sender_drops_them() {
    let event_loop = test_loop();
    let remote = event_loop.remote();
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let held = |name: &'static str| {
        let dropped = Arc::clone(&dropped);
        let held = events::on_drop(move || dropped.lock().unwrap().push((name, thread::current().id())));
        move || held.keep()
    };
    remote.call_soon_threadsafe(held("before")).unwrap();
    event_loop.close().unwrap();
    assert_eq!(dropped.lock().unwrap().pop(), Some(("before", thread::current().id())));
    let after = held("after");
    let thread = thread::spawn(move || {
        assert_eq!(remote.call_soon_threadsafe(after), Err(gone()));
        thread::current().id()
    });
    let id = thread.join().unwrap();
    assert_eq!(dropped.lock().unwrap().pop(), Some(("after", id)));
}

// Z8
#[test]
fn calls_sent_while_the_loop_is_dropped_run_or_are_dropped_or_refused() {
    for _ in 0..10 {
        let (ran, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (handles, remotes) = mpsc::channel();
        let owner = thread::spawn(move || {
            let event_loop = EventLoop::new().unwrap();
            (0..4).for_each(|_| handles.send(event_loop.remote()).unwrap());
            drop(handles);
            event_loop.run_forever().unwrap();
        });
        let remotes: Vec<_> = remotes.iter().collect();
        let send = |remote| {
            let (ran, dropped) = (Arc::clone(&ran), Arc::clone(&dropped));
            thread::spawn(move || send_until_refused(&remote, &ran, &dropped))
        };
        let senders: Vec<_> = remotes.into_iter().map(send).collect();
        let sent: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
        owner.join().unwrap();
        assert!(ran.load(Ordering::Relaxed) > 100);
        assert_eq!(dropped.load(Ordering::Relaxed), sent);
    }
}

/// Sends callbacks that count their runs and drops, and stop the loop at the hundredth run. Returns how many were sent or
/// refused, at most as many as the loop takes in a moment.
fn send_until_refused(remote: &RemoteHandle, ran: &Arc<AtomicUsize>, dropped: &Arc<AtomicUsize>) -> usize {
    for sent in 1..2000 {
        let (ran, dropped) = (Arc::clone(ran), Arc::clone(dropped));
        let held = events::on_drop(move || {
            dropped.fetch_add(1, Ordering::Relaxed);
        });
        let runs = move || {
            held.keep();
            if ran.fetch_add(1, Ordering::Relaxed) == 100 {
                stop();
            }
        };
        if remote.call_soon_threadsafe(runs).is_err() {
            return sent;
        }
    }
    1999
}

#[test]
fn callbacks_dropped_with_the_loop_may_use_the_handle() {
    let event_loop = test_loop();
    let remote = event_loop.remote();
    let refused = Arc::new(AtomicBool::new(false));
    let (sender, sets) = (remote.clone(), Arc::clone(&refused));
    let held = events::on_drop(move || {
        sets.store(sender.call_soon_threadsafe(|| {}).is_err(), Ordering::Relaxed);
    });
    remote.call_soon_threadsafe(move || held.keep()).unwrap();
    drop(event_loop);
    assert!(refused.load(Ordering::Relaxed));
}

#[test]
fn a_panicking_remote_call_is_reported_and_the_rest_runs() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let ran = Arc::new(AtomicBool::new(false));
    let (remote, sets) = (event_loop.remote(), Arc::clone(&ran));
    remote.call_soon_threadsafe(|| panic!("on purpose")).unwrap();
    remote.call_soon_threadsafe(move || sets.store(true, Ordering::Relaxed)).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["Exception in callback: on purpose"]);
    assert!(ran.load(Ordering::Relaxed));
}

#[test]
fn two_loops_in_two_threads_send_to_each_other() {
    fn ping(to: RemoteHandle, from: RemoteHandle, left: u32) {
        let back = to.clone();
        let go_on = move || if left == 0 { stop() } else { ping(from, back, left - 1) };
        if left == 0 {
            // The call that has sent this also stops the loop.
            stop();
        }
        to.call_soon_threadsafe(go_on).expect("the loop is open");
    }
    let (handles, remote) = mpsc::channel();
    let other = thread::spawn(move || {
        let event_loop = EventLoop::new().unwrap();
        handles.send(event_loop.remote()).unwrap();
        event_loop.run_forever().unwrap();
    });
    let event_loop = EventLoop::new().unwrap();
    let (here, there) = (event_loop.remote(), remote.recv().unwrap());
    event_loop.call_soon(move || ping(there, here, 1000)).unwrap();
    event_loop.run_forever().unwrap();
    other.join().unwrap();
}

// E9
#[test]
fn a_loop_whose_only_deadline_is_the_end_of_time_can_be_woken() {
    let event_loop = EventLoop::new().unwrap();
    let far = event_loop.create_task(sleep(Duration::MAX)).unwrap();
    let (waits, told) = mpsc::channel();
    let announce = move || waits.send(EventLoop::running().expect("it runs").remote()).expect("the thread listens");
    event_loop.call_soon(announce).unwrap();
    let thread = thread::spawn(move || {
        let remote: RemoteHandle = told.recv().expect("the loop runs");
        remote.call_soon_threadsafe(stop).expect("the loop is open");
    });
    event_loop.run_forever().unwrap();
    thread.join().unwrap();
    assert!(!far.done() && far.cancel());
    event_loop.run_until_complete(pausing(1)).unwrap();
    assert!(far.cancelled());
}

#[test]
fn threads_that_send_while_the_loop_closes_write_to_no_foreign_descriptor() {
    for _ in 0..100 {
        let event_loop = EventLoop::new().unwrap();
        let begin = Arc::new(Barrier::new(3));
        let threads = [(); 2].map(|()| {
            let (remote, begin) = (event_loop.remote(), Arc::clone(&begin));
            thread::spawn(move || {
                begin.wait();
                while remote.call_soon_threadsafe(|| ()).is_ok() {}
            })
        });
        begin.wait();
        event_loop.close().unwrap();
        // One of them may get a number that the loop had.
        let pairs = [(); 8].map(|()| UnixStream::pair().unwrap());
        for thread in threads {
            thread.join().unwrap();
        }
        for end in pairs.iter().flat_map(|(near, far)| [near, far]) {
            end.set_nonblocking(true).unwrap();
            assert_eq!((&mut &*end).read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
    }
}
