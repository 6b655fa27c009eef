//! Forked children start without the handlers of their parent.

use std::cell::Cell;
use std::rc::Rc;

use innermost::signal::{SIGINT, SIGRTMIN, SIGTERM, SIGUSR1, SIGUSR2};
use innermost::{EventLoop, Runner, lazy, ready};

use super::host::{Action, Child, Ended, is_woken, kill, pause, raise};

fn loop_with_handlers(signals: &[i32]) -> EventLoop {
    let event_loop = EventLoop::new().unwrap();
    for &signal in signals {
        event_loop.add_signal_handler(signal, || {}).unwrap();
    }
    // The handler for hosts is made now, and has nothing to tell.
    event_loop.run_once().unwrap();
    assert!(is_woken(&event_loop).is_none_or(|woken| !woken));
    event_loop
}

extern "C" fn does_nothing(_: i32) {}

pub(crate) fn a_child_has_the_signal_actions_from_before_the_parents_handlers() {
    let before = [
        Action::new(libc::SIG_DFL, 0, &[]),
        Action::new(libc::SIG_IGN, 0, &[SIGUSR2]),
        Action::new(does_nothing as *const () as libc::sighandler_t, libc::SA_NODEFER, &[SIGUSR1, SIGRTMIN()]),
    ];
    for action in before {
        action.set(SIGTERM);
        action.set(SIGRTMIN());
        let was = Action::of(SIGTERM).parts();
        let event_loop = loop_with_handlers(&[SIGTERM, SIGRTMIN(), SIGUSR1]);
        let in_parent = Action::of(SIGTERM).parts();
        // A descriptor that now belongs to other code is left alone.
        Action::calling(does_nothing).set(SIGUSR1);
        let others = Action::of(SIGUSR1).parts();
        let child = Child::fork(|| {
            for signal in [SIGTERM, SIGRTMIN()] {
                assert_eq!(Action::of(signal).parts(), was);
            }
            assert_eq!(Action::of(SIGUSR1).parts(), others);
        });
        assert_eq!(child.wait(), Ended::With(0));
        assert_eq!(Action::of(SIGTERM).parts(), in_parent);
        raise(SIGTERM);
        drop(event_loop);
        Action::new(libc::SIG_DFL, 0, &[]).set(SIGUSR1);
    }
}

pub(crate) fn a_signal_to_a_child_does_not_wake_the_parent() {
    let event_loop = loop_with_handlers(&[SIGTERM]);
    let fork: [fn() -> Child; 2] = [
        || Child::fork(|| raise(SIGTERM)),
        || {
            Child::fork(|| {
                loop {
                    pause()
                }
            })
        },
    ];
    for fork in fork {
        let child = fork();
        kill(child.pid(), SIGTERM);
        assert_eq!(child.wait(), Ended::By(SIGTERM));
        assert!(is_woken(&event_loop).is_none_or(|woken| !woken));
    }
    let handle = event_loop.handle();
    event_loop.add_signal_handler(SIGTERM, move || handle.stop()).unwrap();
    raise(SIGTERM);
    event_loop.run_forever().unwrap();
}

/// Adds a handler, and has it called.
fn handle(signal: i32) {
    let event_loop = EventLoop::new().unwrap();
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    event_loop.add_signal_handler(signal, move || counted.set(counted.get() + 1)).unwrap();
    raise(signal);
    event_loop.run_once().unwrap();
    assert_eq!(calls.get(), 1);
}

pub(crate) fn a_child_has_its_own_handlers() {
    let event_loop = loop_with_handlers(&[SIGTERM]);
    // The signal goes only to the parent.
    raise(SIGTERM);
    let child = Child::fork(|| {
        handle(SIGTERM);
        handle(SIGUSR1);
        let grandchild = Child::fork(|| {
            handle(SIGTERM);
            raise(SIGTERM);
        });
        assert_eq!(grandchild.wait(), Ended::By(SIGTERM));
        // Its parent's loop cannot have any.
        let raised = event_loop.add_signal_handler(SIGTERM, || {}).unwrap_err();
        let error = raised.downcast_ref::<std::io::Error>().expect("it is one");
        assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    });
    assert_eq!(child.wait(), Ended::With(0));
    let handle = event_loop.handle();
    event_loop.add_signal_handler(SIGTERM, move || handle.stop()).unwrap();
    event_loop.run_forever().unwrap();
}

pub(crate) fn a_child_that_drops_its_parents_loop_keeps_its_own_handlers() {
    let ends: [fn(EventLoop); 3] = [
        drop,
        |event_loop| event_loop.close().unwrap(),
        |event_loop| assert!(event_loop.remove_signal_handler(SIGTERM)),
    ];
    for end in ends {
        let event_loop = loop_with_handlers(&[SIGTERM]);
        let child = Child::fork(|| {
            let own = loop_with_handlers(&[SIGTERM]);
            end(event_loop);
            let handle = own.handle();
            own.add_signal_handler(SIGUSR1, move || handle.stop()).unwrap();
            raise(SIGTERM);
            raise(SIGUSR1);
            own.run_forever().unwrap();
        });
        assert_eq!(child.wait(), Ended::With(0));
    }
}

pub(crate) fn ctrl_c_ends_a_child_made_during_a_run() {
    let mut runner = Runner::new();
    let forks = lazy(|| {
        assert_ne!(Action::of(SIGINT).parts().0, libc::SIG_DFL);
        ready(Child::fork(|| raise(SIGINT)).wait())
    });
    assert_eq!(runner.run(forks).unwrap(), Ended::By(SIGINT));
    runner.close().unwrap();
}

pub(crate) fn a_child_made_by_a_raw_system_call_still_receives_signals() {
    let event_loop = loop_with_handlers(&[SIGTERM]);
    assert_eq!(Child::clone(|| raise(SIGTERM)).wait(), Ended::By(SIGTERM));
    assert!(is_woken(&event_loop).is_none_or(|woken| !woken));
}
