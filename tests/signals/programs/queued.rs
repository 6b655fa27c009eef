//! How often handlers are called, and in which order.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::EventLoop;
use innermost::signal::{SIGRTMAX, SIGRTMIN, SIGUSR1, SIGUSR2};
use libc::{SIGCONT, SIGKILL, SIGSTOP};

use super::host::{raise, with_signals_blocked};

/// The handled signals, in order. Numbers instead of a text log, because tests compare thousands of them.
type Handled = Rc<RefCell<Vec<i32>>>;

/// A loop that records these signals.
fn recording(signals: impl IntoIterator<Item = i32>) -> (EventLoop, Handled) {
    let (event_loop, log) = (EventLoop::new().unwrap(), Handled::default());
    for signal in signals {
        let log = Rc::clone(&log);
        event_loop.add_signal_handler(signal, move || log.borrow_mut().push(signal)).unwrap();
    }
    (event_loop, log)
}

fn run(event_loop: &EventLoop) {
    for _ in 0..3 {
        event_loop.run_once().unwrap();
    }
}

pub(crate) fn real_time_signals_call_the_handler_each_time() {
    let (event_loop, log) = recording(SIGRTMIN()..=SIGRTMAX());
    for times in [1, 5, 0, 1000] {
        for signal in [SIGRTMIN(), SIGRTMIN() + 1, SIGRTMAX()] {
            (0..times).for_each(|_| raise(signal));
            run(&event_loop);
            assert_eq!(log.take(), vec![signal; times]);
        }
    }
}

pub(crate) fn pending_ordinary_signals_are_merged() {
    let (event_loop, log) = recording([SIGUSR1, 31]);
    for signal in [SIGUSR1, 31] {
        (0..5).for_each(|_| raise(signal));
        run(&event_loop);
        assert_eq!(log.take(), [signal]);
    }
}

pub(crate) fn signals_are_handled_in_the_order_of_their_numbers() {
    let (first, last) = (SIGRTMIN(), SIGRTMAX());
    let (event_loop, log) = recording([last, SIGUSR2, first, SIGUSR1]);
    for signal in [last, SIGUSR2, first, last, SIGUSR1, SIGUSR2, first, first] {
        raise(signal);
    }
    run(&event_loop);
    assert_eq!(log.take(), [SIGUSR1, SIGUSR2, first, first, first, last, last]);
}

pub(crate) fn blocked_real_time_signals_are_all_delivered() {
    let (event_loop, log) = recording([SIGUSR1, SIGRTMIN(), SIGRTMAX()]);
    with_signals_blocked(|| {
        for _ in 0..5 {
            [SIGRTMAX(), SIGUSR1, SIGRTMIN()].into_iter().for_each(raise);
        }
        run(&event_loop);
        assert_eq!(log.take(), [0; 0]);
    });
    run(&event_loop);
    let (first, last) = ([SIGRTMIN(); 5], [SIGRTMAX(); 5]);
    assert_eq!(log.take(), [&[SIGUSR1][..], &first, &last].concat());
}

/// The stack for signals is small, and each signal that interrupts another's handler would take its part of it.
pub(crate) fn all_signals_can_come_at_once() {
    // Two signals cannot be caught. Stopping signals cancel pending SIGCONT.
    let left_out = [SIGKILL, SIGSTOP, SIGCONT];
    let all: Vec<_> = (1..=31).chain(SIGRTMIN()..=SIGRTMAX()).filter(|signal| !left_out.contains(signal)).collect();
    let (event_loop, log) = recording(all.iter().copied());
    with_signals_blocked(|| all.iter().copied().for_each(raise));
    run(&event_loop);
    assert_eq!(log.take(), all);
}

pub(crate) fn removing_a_handler_discards_undelivered_signals() {
    let (event_loop, log) = recording([SIGRTMAX(), SIGRTMIN()]);
    for _ in 0..5 {
        [SIGRTMAX(), SIGRTMIN()].into_iter().for_each(raise);
    }
    assert!(event_loop.remove_signal_handler(SIGRTMAX()));
    let again = Rc::clone(&log);
    event_loop.add_signal_handler(SIGRTMAX(), move || again.borrow_mut().push(0)).unwrap();
    // The replacing handler is called for signals that have already come.
    let replaced = Rc::clone(&log);
    event_loop.add_signal_handler(SIGRTMIN(), move || replaced.borrow_mut().push(1)).unwrap();
    run(&event_loop);
    assert_eq!(log.take(), [1; 5]);
}
