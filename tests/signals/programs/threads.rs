//! Loops in several threads, and descriptors whose numbers are reused.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use innermost::signal::SIGUSR1;
use innermost::{EventLoop, signal};

use super::host::{eventfd, is_readable, open_descriptors, raise, take_all_descriptors};

pub(crate) fn a_signal_in_another_thread_wakes_the_loop() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    event_loop.add_signal_handler(SIGUSR1, move || handle.stop()).unwrap();
    let raising = thread::spawn(|| raise(SIGUSR1));
    event_loop.run_forever().unwrap();
    raising.join().unwrap();
}

pub(crate) fn one_loop_of_several_threads_handles_signals() {
    let steps = Arc::new(Barrier::new(2));
    let theirs = Arc::clone(&steps);
    let other = thread::spawn(move || {
        let event_loop = EventLoop::new().unwrap();
        event_loop.add_signal_handler(SIGUSR1, || {}).unwrap();
        theirs.wait();
        theirs.wait();
    });
    let event_loop = EventLoop::new().unwrap();
    steps.wait();
    for signal in [SIGUSR1, signal::SIGUSR2] {
        let raised = event_loop.add_signal_handler(signal, || {}).unwrap_err();
        let error = raised.downcast_ref::<std::io::Error>().expect("the system's");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::ResourceBusy, "another event loop handles signals")
        );
    }
    steps.wait();
    // The loop went with its thread.
    other.join().unwrap();
    let handle = event_loop.handle();
    event_loop.add_signal_handler(SIGUSR1, move || handle.stop()).unwrap();
    raise(SIGUSR1);
    event_loop.run_forever().unwrap();
}

/// Signals come all the time in one thread, loops close in others, and the descriptors that they close are a stranger's
/// at once. Whether a handler is held up at the wrong moment is a matter of luck; ThreadSanitizer needs none.
pub(crate) fn closing_loops_write_to_no_foreign_descriptor() {
    let is_over = Arc::new(AtomicBool::new(false));
    let raisers: Vec<_> = (0..2)
        .map(|_| {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    raise(libc::SIGURG);
                }
            })
        })
        .collect();
    let closers: Vec<_> = (0..3)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..500 {
                    let event_loop = EventLoop::new().unwrap();
                    // Without a handler, the signal does nothing. Another thread's loop may have the right.
                    let _ = event_loop.add_signal_handler(libc::SIGURG, || {});
                    drop(event_loop);
                    let strangers = [eventfd(), eventfd()];
                    thread::yield_now();
                    for stranger in strangers {
                        assert!(!is_readable(stranger.as_fd()), "somebody has written {:?}", content(stranger));
                    }
                }
            })
        })
        .collect();
    for closer in closers {
        closer.join().unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    for raiser in raisers {
        raiser.join().unwrap();
    }
}

/// A handler may have read the number of the loop's descriptor when the loop closes, and write to it later.
pub(crate) fn the_descriptor_that_handlers_write_to_stays_open() {
    let ends: [fn(EventLoop); 3] = [
        drop,
        |event_loop| event_loop.close().unwrap(),
        |event_loop| assert!(event_loop.remove_signal_handler(SIGUSR1)),
    ];
    let before = open_descriptors();
    for end in ends {
        let event_loop = EventLoop::new().unwrap();
        let its_own: Vec<_> = open_descriptors().into_iter().filter(|fd| !before.contains(fd)).collect();
        event_loop.add_signal_handler(SIGUSR1, || {}).unwrap();
        end(event_loop);
        let open = open_descriptors();
        assert!(its_own.iter().any(|fd| open.contains(fd)), "{its_own:?} of {open:?}");
    }
}

fn content(fd: OwnedFd) -> [u8; 8] {
    let mut bytes = [0; 8];
    File::from(fd).read_exact(&mut bytes).unwrap();
    bytes
}

pub(crate) fn loops_with_handlers_do_not_leak_descriptors() {
    let use_one = || {
        let event_loop = EventLoop::new().unwrap();
        let remote = event_loop.remote();
        event_loop.add_signal_handler(SIGUSR1, || {}).unwrap();
        event_loop.close().unwrap();
        remote.call_soon_threadsafe(|| {}).unwrap_err();
    };
    use_one();
    let first = open_descriptors();
    for _ in 0..100 {
        use_one();
        innermost::run(innermost::ready(())).unwrap();
    }
    assert_eq!(open_descriptors(), first);
    // Several at once, too.
    let several = || {
        let loops: Vec<_> = (0..10).map(|_| EventLoop::new().unwrap()).collect();
        for event_loop in &loops {
            event_loop.add_signal_handler(SIGUSR1, || {}).unwrap();
            assert!(event_loop.remove_signal_handler(SIGUSR1));
        }
    };
    several();
    let first = open_descriptors();
    (0..10).for_each(|_| several());
    assert_eq!(open_descriptors(), first);
}

pub(crate) fn a_handler_needs_no_descriptor() {
    let (event_loop, other) = (EventLoop::new().unwrap(), EventLoop::new().unwrap());
    let _taken = take_all_descriptors();
    assert!(EventLoop::new().is_err());
    for event_loop in [event_loop, other] {
        let handle = event_loop.handle();
        event_loop.add_signal_handler(SIGUSR1, move || handle.stop()).unwrap();
        raise(SIGUSR1);
        event_loop.run_forever().unwrap();
    }
}
