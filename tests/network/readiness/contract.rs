//! The contract of selectors, for each one on this machine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use innermost::EventLoop;
use innermost::selector::{Direction, MonotonicClock, Readiness, Selector, SelectorEvent, SelectorToken};

use crate::readiness::idle::with_every_loop;
use crate::readiness::machines::{READ_CLOSED, READABLE, WRITABLE, reader, spawn};
use crate::readiness::script::pair;
use crate::support::events::Log;
use crate::support::interfaces::{every_selector, with_every_selector};

/// The events until now: a selector may report each direction separately.
fn ready(selector: &mut dyn Selector) -> BTreeMap<u64, Readiness> {
    let mut events = Vec::new();
    selector.select(&mut events, Some(Duration::ZERO)).expect("it can be asked");
    let mut all = BTreeMap::new();
    for SelectorEvent { token, readiness } in events {
        *all.entry(token.0).or_default() |= readiness;
    }
    all
}

fn sockets() -> (UnixStream, UnixStream) {
    let (ours, peer) = UnixStream::pair().expect("a descriptor is free");
    ours.set_nonblocking(true).expect("it is a socket");
    (ours, peer)
}

#[test]
fn readiness_is_reported_once() {
    with_every_selector(|selector| {
        let (ours, mut peer) = sockets();
        peer.write_all(b"abc").expect("there is room");
        selector.register(ours.as_fd(), SelectorToken(7)).expect("it is new");
        assert_eq!(ready(selector), [(7, READABLE | WRITABLE)].into());
        assert_eq!(ready(selector), BTreeMap::new());
    });
}

#[test]
fn new_readiness_of_a_drained_direction_is_reported_alone() {
    with_every_selector(|selector| {
        let (mut ours, mut peer) = sockets();
        selector.register(ours.as_fd(), SelectorToken(7)).expect("it is new");
        assert_eq!(ready(selector), [(7, WRITABLE)].into());
        for _ in 0..3 {
            peer.write_all(b"abc").expect("there is room");
            // An interface of edges may say again that there is room.
            assert!(ready(selector)[&7].contains(READABLE));
            assert_eq!(ready(selector), BTreeMap::new());
            assert_eq!(ours.read(&mut [0; 9]).expect("it is there"), 3);
            selector.drained(SelectorToken(7), Direction::Read);
            assert_eq!(ready(selector), BTreeMap::new());
        }
    });
}

#[test]
fn room_is_reported_after_a_write_found_none() {
    with_every_selector(|selector| {
        let (mut ours, mut peer) = sockets();
        peer.set_nonblocking(true).expect("it is a socket");
        selector.register(ours.as_fd(), SelectorToken(7)).expect("it is new");
        assert_eq!(ready(selector), [(7, WRITABLE)].into());
        while ours.write(&[0; 4096]).is_ok() {}
        selector.drained(SelectorToken(7), Direction::Write);
        assert_eq!(ready(selector), BTreeMap::new());
        while peer.read(&mut [0; 65536]).is_ok() {}
        assert_eq!(ready(selector), [(7, WRITABLE)].into());
        assert_eq!(ready(selector), BTreeMap::new());
    });
}

#[test]
fn events_hidden_by_a_short_read_are_reported() {
    with_every_selector(|selector| {
        let (mut ours, mut peer) = sockets();
        selector.register(ours.as_fd(), SelectorToken(7)).expect("it is new");
        ready(selector);
        peer.write_all(b"abc").expect("there is room");
        peer.shutdown(Shutdown::Write).expect("it is open");
        let reported = ready(selector)[&7];
        assert!(reported.contains(READABLE));
        assert!(!reported.contains(Readiness::WRITE_CLOSED));
        assert_eq!(ours.read(&mut [0; 9]).expect("it is there"), 3);
        selector.drained(SelectorToken(7), Direction::Read);
        // With the bytes, or by itself.
        let later = ready(selector).get(&7).copied().unwrap_or_default();
        assert!((reported | later).contains(READ_CLOSED));
    });
}

#[test]
fn a_hangup_is_reported_once_without_waiters() {
    with_every_selector(|selector| {
        let (ours, mut peer) = sockets();
        peer.write_all(b"abc").expect("there is room");
        selector.register(ours.as_fd(), SelectorToken(7)).expect("it is new");
        assert_eq!(ready(selector), [(7, READABLE | WRITABLE)].into());
        drop(peer);
        let _edges_say_it_at_once = ready(selector);
        assert_eq!(ready(selector), BTreeMap::new());
        selector.drained(SelectorToken(7), Direction::Read);
        selector.drained(SelectorToken(7), Direction::Write);
        let _levels_say_it_now = ready(selector);
        assert_eq!(ready(selector), BTreeMap::new());
    });
}

#[test]
fn a_hangup_is_reported_even_if_earlier_bytes_are_unread() {
    with_every_selector(|selector| {
        let (ours, mut peer) = sockets();
        peer.write_all(b"abc").expect("there is room");
        selector.register(ours.as_fd(), SelectorToken(7)).expect("it is new");
        assert_eq!(ready(selector), [(7, READABLE | WRITABLE)].into());
        drop(peer);
        assert!(ready(selector)[&7].contains(READ_CLOSED | Readiness::WRITE_CLOSED));
        assert_eq!(ready(selector), BTreeMap::new());
    });
}

#[test]
fn unused_readiness_is_not_repeated_but_new_events_are_reported() {
    with_every_selector(|selector| {
        let (ours, mut peer) = sockets();
        peer.write_all(b"abc").expect("there is room");
        selector.register(ours.as_fd(), SelectorToken(7)).expect("it is new");
        for _ in 0..3 {
            let in_vain = (0..100).find(|_| {
                selector.in_vain(SelectorToken(7), Direction::Read);
                ready(selector).is_empty()
            });
            assert!(in_vain.is_some(), "it is reported again and again");
            peer.write_all(b"abc").expect("there is room");
            assert!(ready(selector)[&7].contains(READABLE));
        }
        selector.closing(ours.as_fd());
        drop(ours);
        assert_eq!(ready(selector), BTreeMap::new());
        // The number is free for the next.
        let (ours, _peer) = sockets();
        selector.register(ours.as_fd(), SelectorToken(8)).expect("it is new");
        assert_eq!(ready(selector), [(8, WRITABLE)].into());
    });
}

#[test]
fn files_are_refused() {
    with_every_selector(|selector| {
        for path in ["/etc/passwd", "/etc"] {
            let file = File::open(path).expect("every Unix has it");
            let refused = selector.register(file.as_fd(), SelectorToken(7)).expect_err("it is always ready");
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        }
        assert_eq!(ready(selector), BTreeMap::new());
    });
}

#[test]
fn a_closed_descriptors_number_can_be_reused() {
    with_every_selector(|selector| {
        let (ours, peer) = sockets();
        selector.register(ours.as_fd(), SelectorToken(7)).expect("it is new");
        selector.closing(ours.as_fd());
        drop((ours, peer));
        // The same number, if no other thread of the tests has taken it.
        let (ours, _peer) = sockets();
        selector.register(ours.as_fd(), SelectorToken(8)).expect("it is new");
        assert_eq!(ready(selector), [(8, WRITABLE)].into());
        selector.drained(SelectorToken(7), Direction::Write);
        assert_eq!(ready(selector), BTreeMap::new());
    });
}

#[test]
fn a_file_kept_open_by_a_duplicate_can_be_registered_again() {
    with_every_selector(|selector| {
        let (ours, _peer) = sockets();
        let number = ours.as_raw_fd();
        let duplicate = ours.try_clone().expect("a descriptor is free");
        selector.register(ours.as_fd(), SelectorToken(7)).expect("it is new");
        selector.closing(ours.as_fd());
        drop(ours);
        // The same number and the same file, if no other thread of the tests has taken the number.
        let again = duplicate.try_clone().expect("a descriptor is free");
        println!("{} after {number}", again.as_raw_fd());
        selector.register(again.as_fd(), SelectorToken(8)).expect("it is free");
        assert_eq!(ready(selector), [(8, WRITABLE)].into());
        selector.closing(again.as_fd());
        drop(again);
        // A closed descriptor reports nothing, although its file has news.
        (&_peer).write_all(b"a").expect("there is room");
        assert_eq!(ready(selector), BTreeMap::new());
    });
}

#[test]
fn a_descriptor_closed_without_deregistering_causes_no_error() {
    with_every_selector(|selector| {
        let (ours, _peer) = sockets();
        let (other, _other_peer) = sockets();
        selector.register(ours.as_fd(), SelectorToken(7)).expect("it is new");
        selector.register(other.as_fd(), SelectorToken(8)).expect("it is new");
        drop(ours);
        // Another thread may have the number by now, and be reported in its place.
        assert_eq!(ready(selector).get(&8), Some(&WRITABLE));
        assert!(!ready(selector).contains_key(&8));
    });
}

#[test]
fn remaining_registrations_work_when_others_are_removed_in_any_order() {
    with_every_selector(|selector| {
        let mut pairs: BTreeMap<u64, _> = (0..64).map(|number| (number, sockets())).collect();
        for (number, (ours, _)) in &pairs {
            selector.register(ours.as_fd(), SelectorToken(*number)).expect("it is new");
        }
        assert_eq!(ready(selector).len(), 64);
        // 29 and 64 have no common divisor, so each number occurs once.
        for step in 0..64 {
            let (ours, _peer) = pairs.remove(&(step * 29 % 64)).expect("it comes once");
            selector.deregister(ours.as_fd()).expect("it is registered");
            for (_, peer) in pairs.values_mut() {
                peer.write_all(b"a").expect("there is room");
            }
            let reported = ready(selector);
            assert!(reported.values().all(|readiness| readiness.contains(READABLE)));
            assert!(reported.keys().eq(pairs.keys()), "after {step}");
            for (number, (ours, _)) in &mut pairs {
                assert_eq!(ours.read(&mut [0; 9]).expect("it is there"), 1);
                selector.drained(SelectorToken(*number), Direction::Read);
            }
        }
    });
}

#[test]
fn a_signal_ends_a_wait_without_an_error() {
    extern "C" fn ignore(_: i32) {}
    #[expect(unsafe_code, reason = "there is no safe way to catch a signal and do nothing")]
    // SAFETY: all zeros is a valid sigaction, which lives until the call returns. The handler has the right type, and
    // does nothing that one may not do.
    let caught = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ignore as *const () as libc::sighandler_t;
        libc::sigaction(libc::SIGWINCH, &raw const action, std::ptr::null_mut())
    };
    assert_eq!(caught, 0);
    with_every_selector(|selector| {
        #[expect(unsafe_code, reason = "there is no safe way to name a thread to the system")]
        // SAFETY: it takes nothing, and cannot fail.
        let waiting = unsafe { libc::pthread_self() } as usize;
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) {
                    #[expect(unsafe_code, reason = "there is no safe way to send a signal to a thread")]
                    // SAFETY: the thread waits for this one before it ends.
                    let result = unsafe { libc::pthread_kill(waiting as libc::pthread_t, libc::SIGWINCH) };
                    assert_eq!(result, 0);
                    thread::yield_now();
                }
            });
            let mut events = Vec::new();
            for _ in 0..100 {
                selector.select(&mut events, None).expect("a signal is no error");
            }
            is_over.store(true, Ordering::Release);
            assert_eq!(events, []);
        });
    });
}

#[test]
fn a_loop_reads_every_piece_and_runs_every_call_of_a_thread() {
    for (name, selector) in every_selector() {
        let log = Log::default();
        let event_loop = EventLoop::with(selector, Box::new(MonotonicClock::new())).expect("a descriptor is free");
        let (stream, peer) = pair();
        let mut peer = peer.try_clone().expect("a descriptor is free");
        peer.set_nonblocking(false).expect("it is a socket");
        let task = spawn(&event_loop, reader(&log, name, &stream));
        let (remote, calls) = (event_loop.remote(), Arc::new(AtomicU32::new(0)));
        let counted = Arc::clone(&calls);
        let thread = thread::spawn(move || {
            for _ in 0..1000 {
                peer.write_all(b"abcdefg").expect("the other end reads");
                let counted = Arc::clone(&counted);
                remote.call_soon_threadsafe(move || _ = counted.fetch_add(1, Ordering::Relaxed)).expect("it is open");
            }
            peer.shutdown(Shutdown::Write).expect("the other end is open");
        });
        event_loop.run_until_complete(task).expect("the reader comes to the end");
        thread.join().expect("it does not panic");
        event_loop.run_once().expect("it can run");
        let gets = format!("{name} gets ");
        let numbers = log.take().into_iter().filter_map(|entry| entry.strip_prefix(&gets)?.parse::<usize>().ok());
        assert_eq!((numbers.sum::<usize>(), calls.load(Ordering::Relaxed)), (7000, 1000), "{name}");
    }
}

#[test]
fn a_loop_rests_after_running_calls_of_a_thread() {
    with_every_loop(|state| {
        let (remote, calls) = (state.event_loop.remote(), Arc::new(AtomicU32::new(0)));
        for sent in 1..=2 {
            let (remote, counted) = (remote.clone(), Arc::clone(&calls));
            let call = move || _ = counted.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || remote.call_soon_threadsafe(call).expect("it is open")).join().expect("it ends");
            state.rests();
            assert_eq!(calls.load(Ordering::Relaxed), sent);
        }
    });
}
