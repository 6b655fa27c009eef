//! The signal actions that are restored when handlers are removed.

use std::cell::Cell;
use std::io::{ErrorKind, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use innermost::signal::{SIGHUP, SIGINT, SIGPIPE, SIGRTMAX, SIGRTMIN, SIGTERM, SIGUSR1, SIGUSR2};
use innermost::{EventLoop, Kind, Runner, ready};

use super::host::{Action, raise};

static HOST: AtomicU32 = AtomicU32::new(0);

/// The host's handler.
extern "C" fn counts(_: i32) {
    HOST.fetch_add(1, Ordering::Relaxed);
}

fn host_calls() -> u32 {
    HOST.swap(0, Ordering::Relaxed)
}

/// Complete signal actions, including flags and blocked signals.
fn actions() -> Vec<Action> {
    let function = counts as *const () as libc::sighandler_t;
    vec![
        Action::new(libc::SIG_DFL, 0, &[]),
        Action::new(libc::SIG_DFL, libc::SA_RESTART, &[SIGUSR1]),
        Action::new(libc::SIG_IGN, 0, &[]),
        Action::new(libc::SIG_IGN, libc::SA_NODEFER, &[SIGRTMIN()]),
        Action::new(function, 0, &[]),
        Action::new(function, libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER, &[SIGUSR1, SIGRTMAX()]),
        Action::new(function, libc::SA_RESTART, &[SIGUSR2, SIGTERM]),
    ]
}

fn signals() -> [i32; 7] {
    [SIGHUP, SIGINT, SIGPIPE, SIGTERM, libc::SIGURG, SIGRTMIN(), SIGRTMAX()]
}

fn expect_restored(end: impl Fn(EventLoop, i32)) {
    for action in actions() {
        for signal in signals() {
            action.set(signal);
            let was = Action::of(signal).parts();
            let event_loop = EventLoop::new().unwrap();
            let calls = Rc::new(Cell::new(0));
            for _ in 0..2 {
                let calls = Rc::clone(&calls);
                event_loop.add_signal_handler(signal, move || calls.set(calls.get() + 1)).unwrap();
            }
            raise(signal);
            event_loop.run_once().unwrap();
            assert_eq!((calls.get(), host_calls()), (1, 0));
            end(event_loop, signal);
            assert_eq!(Action::of(signal).parts(), was, "{signal}");
            if action.parts().0 != libc::SIG_DFL {
                raise(signal);
                assert_eq!(host_calls(), u32::from(action.parts().0 != libc::SIG_IGN));
            }
        }
    }
}

pub(crate) fn removing_a_handler_restores_the_previous_action() {
    expect_restored(|event_loop, signal| {
        assert!(event_loop.remove_signal_handler(signal));
        assert!(!event_loop.remove_signal_handler(signal));
    });
}

pub(crate) fn closing_a_loop_restores_the_previous_actions() {
    expect_restored(|event_loop, signal| {
        event_loop.add_signal_handler(libc::SIGUSR1, || {}).unwrap();
        event_loop.close().unwrap();
        assert!(!event_loop.remove_signal_handler(signal));
        assert_eq!(Action::of(libc::SIGUSR1).parts().0, libc::SIG_DFL);
    });
}

pub(crate) fn dropping_a_loop_restores_the_previous_actions() {
    expect_restored(|event_loop, _| drop(event_loop));
}

pub(crate) fn a_run_restores_the_previous_action_of_ctrl_c() {
    for action in actions() {
        action.set(SIGINT);
        let was = Action::of(SIGINT).parts();
        let mut runner = Runner::new();
        let during = runner.run(innermost::lazy(|| ready(Action::of(SIGINT).parts().0))).unwrap();
        // A run replaces only the default action.
        assert_eq!(during == action.parts().0, action.parts().0 != libc::SIG_DFL);
        assert_eq!(Action::of(SIGINT).parts(), was);
        runner.close().unwrap();
        assert_eq!(Action::of(SIGINT).parts(), was);
    }
}

pub(crate) fn a_refused_handler_changes_nothing() {
    let (first, second) = (EventLoop::new().unwrap(), EventLoop::new().unwrap());
    Action::calling(counts).set(SIGUSR1);
    first.add_signal_handler(SIGUSR2, || {}).unwrap();
    second.add_signal_handler(SIGUSR1, || {}).unwrap_err();
    first.add_signal_handler(libc::SIGKILL, || {}).unwrap_err();
    first.close().unwrap();
    first.add_signal_handler(SIGUSR1, || {}).unwrap_err();
    raise(SIGUSR1);
    assert_eq!(host_calls(), 1);
}

/// Rust's runtime ignores the signal.
pub(crate) fn removing_a_handler_keeps_sigpipe_ignored() {
    let event_loop = EventLoop::new().unwrap();
    event_loop.add_signal_handler(SIGPIPE, || {}).unwrap();
    assert!(event_loop.remove_signal_handler(SIGPIPE));
    let (reader, mut writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(writer.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

pub(crate) fn an_action_set_by_other_code_meanwhile_stays() {
    let ends: [fn(EventLoop); 3] = [
        |event_loop| assert!(event_loop.remove_signal_handler(SIGUSR1)),
        |event_loop| event_loop.close().unwrap(),
        drop,
    ];
    for end in ends {
        for action in actions() {
            let event_loop = EventLoop::new().unwrap();
            event_loop.add_signal_handler(SIGUSR1, || {}).unwrap();
            action.set(SIGUSR1);
            let was = Action::of(SIGUSR1).parts();
            end(event_loop);
            assert_eq!(Action::of(SIGUSR1).parts(), was);
        }
    }
}

static CHAINED: std::sync::OnceLock<Action> = std::sync::OnceLock::new();

/// Calls the handler that it has replaced.
extern "C" fn counts_and_chains(signal: i32) {
    counts(signal);
    CHAINED.get().expect("it was set before").call(signal);
}

/// The default would end the process: the one who calls the former handler does not expect that of it.
pub(crate) fn a_new_action_can_call_the_replaced_one() {
    let event_loop = EventLoop::new().unwrap();
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    event_loop.add_signal_handler(SIGTERM, move || counted.set(counted.get() + 1)).unwrap();
    assert!(CHAINED.set(Action::of(SIGTERM)).is_ok());
    Action::calling(counts_and_chains).set(SIGTERM);
    raise(SIGTERM);
    event_loop.run_once().unwrap();
    assert_eq!((calls.get(), host_calls()), (1, 1));
    assert!(event_loop.remove_signal_handler(SIGTERM));
    raise(SIGTERM);
    event_loop.run_once().unwrap();
    assert_eq!((calls.get(), host_calls()), (1, 1));
    // And once more over that one, which still calls what it knows.
    event_loop.add_signal_handler(SIGTERM, || {}).unwrap();
    event_loop.remove_signal_handler(SIGTERM);
    raise(SIGTERM);
    assert_eq!(host_calls(), 1);
}

/// A library that restores what it has seen, after the loop has gone.
fn put_back(signal: i32, before: &Action) -> Action {
    before.set(signal);
    let before = Action::of(signal);
    let event_loop = EventLoop::new().unwrap();
    event_loop.add_signal_handler(signal, || {}).unwrap();
    let ours = Action::of(signal);
    event_loop.close().unwrap();
    ours.set(signal);
    before
}

pub(crate) fn our_handler_restored_by_other_code_acts_as_the_previous_action() {
    for action in actions() {
        let was = put_back(SIGUSR1, &action).parts();
        if action.parts().0 != libc::SIG_DFL {
            raise(SIGUSR1);
            assert_eq!(host_calls(), u32::from(action.parts().0 != libc::SIG_IGN));
            assert_eq!(Action::of(SIGUSR1).parts(), was);
        }
        // A loop may still handle it, and the previous action comes back.
        put_back(SIGUSR1, &action);
        let event_loop = EventLoop::new().unwrap();
        event_loop.add_signal_handler(SIGUSR1, || {}).unwrap();
        drop(event_loop);
        assert_eq!(Action::of(SIGUSR1).parts(), was);
    }
}

pub(crate) fn our_handler_restored_by_other_code_acts_as_a_default_action() {
    put_back(SIGTERM, &Action::new(libc::SIG_DFL, 0, &[]));
    raise(SIGTERM);
    unreachable!("{:?}", Kind::Error);
}
