//! Z1 to Z3: signals.

use std::cell::Cell;
use std::rc::Rc;

use innermost::context::{Context, ContextVar};

use crate::support::alone;
use crate::support::clock::{VirtualClock, Wait, WatchedSelector, loop_of, test_loop};
use crate::support::events::Log;

/// Sends a signal to this thread.
pub(crate) fn raise(signal: i32) {
    #[expect(unsafe_code, reason = "there is no safe way to send a signal to oneself")]
    // SAFETY: it takes no pointer, and any number.
    let result = unsafe { libc::raise(signal) };
    assert_eq!(result, 0);
}

/// All in one function: signals are the process's, and so is the right of one loop to handle them.
// Z1, Z2, Z3
#[test]
fn signals_are_handled_by_one_loop_at_a_time() {
    let _alone = alone::signals();
    a_signal_calls_its_handler_in_the_loop();
    a_signal_ends_a_wait();
    crate::spinning::a_signal_ends_a_spin();
    handlers_are_replaced_and_removed();
    what_is_no_signal_is_refused();
    a_second_loop_is_refused();
    handlers_may_do_anything();
    a_closed_loop_gives_its_handlers_up();
    a_handler_runs_in_the_context_in_which_it_was_added();
}

// Z2
fn a_signal_calls_its_handler_in_the_loop() {
    let (event_loop, log) = (test_loop(), Log::default());
    event_loop.add_signal_handler(libc::SIGUSR1, log.adds("first")).unwrap();
    event_loop.add_signal_handler(libc::SIGUSR2, log.adds("second")).unwrap();
    raise(libc::SIGUSR2);
    raise(libc::SIGUSR1);
    raise(libc::SIGUSR1);
    assert_eq!(log.take(), [""; 0]);
    event_loop.run_once().unwrap();
    // Signals that came repeatedly before the loop looked count once, in the order of their numbers.
    assert_eq!(log.take(), ["first", "second"]);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), [""; 0]);
    raise(libc::SIGUSR1);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["first"]);
}

// Z2
fn a_signal_ends_a_wait() {
    let waits = Rc::new(Cell::new(0));
    let counted = Rc::clone(&waits);
    let tell = move || {
        counted.set(counted.get() + 1);
        raise(libc::SIGUSR1);
    };
    let selector = WatchedSelector::new(Wait::Tells(Box::new(tell)));
    let event_loop = loop_of(selector, VirtualClock::that_stays());
    let handle = event_loop.handle();
    event_loop.add_signal_handler(libc::SIGUSR1, move || handle.stop()).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(waits.get(), 1);
}

// Z2, Z3
fn handlers_are_replaced_and_removed() {
    let (event_loop, log) = (test_loop(), Log::default());
    let held = log.on_drop("first dropped");
    assert!(!event_loop.remove_signal_handler(libc::SIGURG));
    event_loop.add_signal_handler(libc::SIGURG, move || held.keep()).unwrap();
    event_loop.add_signal_handler(libc::SIGURG, log.adds("second")).unwrap();
    raise(libc::SIGURG);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["first dropped", "second"]);
    // The signal came, but has no handler when the loop looks.
    raise(libc::SIGURG);
    assert!(event_loop.remove_signal_handler(libc::SIGURG));
    assert!(!event_loop.remove_signal_handler(libc::SIGURG));
    event_loop.run_once().unwrap();
    // The default is to ignore this one.
    raise(libc::SIGURG);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), [""; 0]);
}

// Z1
fn what_is_no_signal_is_refused() {
    let (event_loop, other) = (test_loop(), test_loop());
    for signal in [-1, 0, 65, i32::MAX, libc::SIGKILL, libc::SIGSTOP] {
        let raised = event_loop.add_signal_handler(signal, || {}).unwrap_err();
        let raised = raised.downcast_ref::<std::io::Error>().expect("the system's");
        assert_eq!(raised.raw_os_error(), Some(libc::EINVAL), "{signal}");
        assert!(!event_loop.remove_signal_handler(signal));
    }
    // A refused handler does not block others.
    other.add_signal_handler(libc::SIGURG, || {}).unwrap();
}

fn a_second_loop_is_refused() {
    let (event_loop, other, log) = (test_loop(), test_loop(), Log::default());
    event_loop.add_signal_handler(libc::SIGURG, log.adds("first loop")).unwrap();
    for signal in [libc::SIGURG, libc::SIGUSR1] {
        let raised = other.add_signal_handler(signal, log.adds("second loop")).unwrap_err();
        let raised = raised.downcast_ref::<std::io::Error>().expect("an error of input and output");
        assert_eq!(raised.kind(), std::io::ErrorKind::ResourceBusy);
    }
    assert!(!other.remove_signal_handler(libc::SIGURG));
    raise(libc::SIGURG);
    other.run_once().unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["first loop"]);
    assert!(event_loop.remove_signal_handler(libc::SIGURG));
    other.add_signal_handler(libc::SIGURG, log.adds("second loop")).unwrap();
    raise(libc::SIGURG);
    other.run_once().unwrap();
    assert_eq!(log.take(), ["second loop"]);
}

fn handlers_may_do_anything() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    event_loop.add_signal_handler(libc::SIGUSR1, || panic!("in a handler")).unwrap();
    raise(libc::SIGUSR1);
    event_loop.run_once().unwrap();
    raise(libc::SIGUSR1);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["Exception in callback: in a handler", "Exception in callback: in a handler"]);
    let (entries, handle) = (log.clone(), event_loop.handle());
    let replacing = move || {
        handle.add_signal_handler(libc::SIGUSR1, entries.adds("replaced by itself")).expect("the loop is open");
        raise(libc::SIGUSR1);
        assert!(handle.remove_signal_handler(libc::SIGUSR2));
        assert!(handle.close().is_err());
    };
    event_loop.add_signal_handler(libc::SIGUSR2, log.adds("removed")).unwrap();
    event_loop.add_signal_handler(libc::SIGUSR1, replacing).unwrap();
    raise(libc::SIGUSR1);
    event_loop.run_once().unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["replaced by itself"]);
}

// E5
fn a_closed_loop_gives_its_handlers_up() {
    let (event_loop, other, log) = (test_loop(), test_loop(), Log::default());
    let held = log.on_drop("dropped");
    event_loop.add_signal_handler(libc::SIGURG, move || held.keep()).unwrap();
    event_loop.close().unwrap();
    assert_eq!(log.take(), ["dropped"]);
    raise(libc::SIGURG);
    other.add_signal_handler(libc::SIGURG, log.adds("other loop")).unwrap();
    raise(libc::SIGURG);
    other.run_once().unwrap();
    assert_eq!(log.take(), ["other loop"]);
}

fn a_handler_runs_in_the_context_in_which_it_was_added() {
    static LEVEL: ContextVar<i32> = ContextVar::new("level");
    let (event_loop, log) = (test_loop(), Log::default());
    let (entries, handle) = (log.clone(), event_loop.handle());
    let adds = move || {
        let level = LEVEL.get().unwrap();
        entries.add(level);
        LEVEL.set(level + 1);
        if level == 2 {
            handle.stop();
        } else {
            raise(libc::SIGUSR1);
        }
    };
    // The same context each time, so changes persist.
    Context::new().run(|| {
        LEVEL.set(1);
        event_loop.add_signal_handler(libc::SIGUSR1, adds).unwrap();
    });
    raise(libc::SIGUSR1);
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["1", "2"]);
    assert!(event_loop.remove_signal_handler(libc::SIGUSR1));
}
