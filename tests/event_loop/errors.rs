//! E10, E11: errors that no code handles.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::context::{ContextVar, copy_context};
use innermost::task::ErrorContext;
use innermost::{EventLoop, Exception, Kind, sleep};

use crate::support::clock::test_loop;
use crate::support::events::{Log, Oops, body, on_drop, raises, run};

// E10
/// ```python
/// loop.set_exception_handler(lambda l, c: note("handler"))
/// def bad(): note("bad"); raise ValueError
/// future.add_done_callback(lambda f: (note("first"), 1/0))
/// future.add_done_callback(lambda f: note("second"))
/// loop.call_soon(bad)
/// loop.call_soon(lambda: (note("after"), future.set_result(1)))
/// loop.run_until_complete(future); note("end")
/// ```
#[test]
fn a_callback_that_panics_goes_to_the_exception_handler_and_the_loop_goes_on() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.count_turns(&event_loop);
    let entries = log.clone();
    event_loop.set_exception_handler(move |context| {
        let exception = context.exception.as_ref().expect("it panicked");
        assert_eq!(exception.kind(), Kind::Panic);
        entries.note(format_args!("handler: {}, {exception}", context.message));
    });
    let future = event_loop.create_future();
    let entries = log.clone();
    future.add_done_callback(move |_| {
        entries.note("first");
        panic!("in first");
    });
    let second = log.notes("second");
    future.add_done_callback(move |_| second());
    let entries = log.clone();
    let bad = move || {
        entries.note("bad");
        panic!("in bad");
    };
    event_loop.call_soon(bad).unwrap();
    let (entries, setter) = (log.clone(), future.clone());
    let after = move || {
        entries.note("after");
        setter.set_result(1).expect("nobody else sets it");
    };
    event_loop.call_soon(after).unwrap();
    event_loop.run_until_complete(future).unwrap();
    log.note("end");
    assert_eq!(
        log.take(),
        [
            "1 bad",
            "1 handler: Exception in callback, in bad",
            "1 after",
            "2 first",
            "2 handler: Exception in callback, in first",
            "2 second",
            "2 end"
        ]
    );
}

// E10
#[test]
fn panicking_timers_jobs_and_destructors_do_not_disturb_later_callbacks() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let bomb = on_drop(|| panic!("in drop"));
    event_loop.call_soon(move || bomb.keep()).unwrap();
    event_loop.call_soon(log.adds("callback")).unwrap();
    event_loop.call_later(Duration::from_secs(1), || panic!("in timer")).unwrap();
    event_loop.call_later(Duration::from_secs(1), log.adds("timer")).unwrap();
    event_loop.remote().call_soon_threadsafe(|| panic!("in job")).unwrap();
    event_loop.run_until_complete(sleep(Duration::from_secs(2))).unwrap();
    assert_eq!(
        log.take(),
        [
            "Exception in callback: in drop",
            "callback",
            "Exception in callback: in job",
            "Exception in callback: in timer",
            "timer"
        ]
    );
}

// E11
#[test]
fn a_panicking_exception_handler_does_not_disturb_the_loop() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    event_loop.set_exception_handler(move |context| {
        entries.add(&context.message);
        panic!("in the handler");
    });
    event_loop.call_soon(|| panic!("in a callback")).unwrap();
    event_loop.call_soon(log.adds("goes on")).unwrap();
    run(&event_loop, 1);
    assert_eq!(log.take(), ["Exception in callback", "goes on"]);
}

// E11
#[test]
fn an_exception_that_panics_when_printed_does_not_disturb_the_loop() {
    struct Unprintable;
    impl std::fmt::Debug for Unprintable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("in Debug")
        }
    }
    impl std::fmt::Display for Unprintable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("in Display")
        }
    }
    impl std::error::Error for Unprintable {}
    // With the default handler, which prints.
    let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
    drop(event_loop.create_task(body(|_, _| raises(Unprintable))).unwrap());
    event_loop.call_soon(log.adds("goes on")).unwrap();
    run(&event_loop, 1);
    assert_eq!(log.take(), ["goes on"]);
}

// E11
#[test]
fn an_exception_handler_may_replace_itself() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (entries, handle, held) = (log.clone(), event_loop.handle(), log.on_drop("first dropped"));
    event_loop.set_exception_handler(move |context| {
        entries.add(format_args!("first: {}", context.message));
        let entries = entries.clone();
        handle.set_exception_handler(move |context| entries.add(format_args!("second: {}", context.message)));
        // The values captured by a handler outlive its replacement.
        held.keep();
    });
    event_loop.call_exception_handler(ErrorContext::new("one"));
    event_loop.call_exception_handler(ErrorContext::new("two"));
    assert_eq!(log.take(), ["first: one", "first dropped", "second: two"]);
}

#[test]
fn call_exception_handler_passes_its_argument_on() {
    let event_loop = test_loop();
    let told = Rc::new(RefCell::new(Vec::new()));
    let slot = Rc::clone(&told);
    event_loop.set_exception_handler(move |context| slot.borrow_mut().push(context.clone()));
    let context = ErrorContext::new("it broke").caused_by(Oops(1).into()).about(&"the thing");
    event_loop.call_exception_handler(context);
    let told = told.borrow();
    let [context] = told.as_slice() else { panic!("once: {told:?}") };
    assert_eq!(context.message, "it broke");
    assert_eq!(context.exception.as_ref().and_then(Exception::downcast_ref), Some(&Oops(1)));
    assert_eq!(context.source.as_deref(), Some("\"the thing\""));
    assert_eq!(context.to_string(), "it broke\n  source: \"the thing\"\n  exception: oops 1");
}

#[test]
fn the_exception_handler_runs_in_a_given_context() {
    static WHERE: ContextVar<i32> = ContextVar::new("where");
    let event_loop = test_loop();
    let context = copy_context();
    context.run(|| drop(WHERE.set(1)));
    let seen = Rc::new(RefCell::new(Vec::new()));
    let slot = Rc::clone(&seen);
    event_loop.set_exception_handler(move |_| slot.borrow_mut().push(WHERE.get().ok()));
    event_loop.call_exception_handler(ErrorContext::new("here"));
    event_loop.call_exception_handler(ErrorContext::new("there").in_context(context));
    assert_eq!(seen.take(), [None, Some(1)]);
}

#[test]
#[cfg_attr(miri, ignore = "Miri starts no process")]
fn without_a_handler_an_error_is_written_to_standard_error() {
    const IS_CHILD: &str = "INNERMOST_TEST_WRITES_AN_ERROR";
    if std::env::var_os(IS_CHILD).is_some() {
        let context = ErrorContext::new("nobody takes this").caused_by(Exception::timeout());
        return EventLoop::new().expect("a descriptor is free").call_exception_handler(context);
    }
    let this = std::env::current_exe().expect("it is a program");
    let mut child = std::process::Command::new(this);
    child.args(["--nocapture", "without_a_handler_an_error_is_written_to_standard_error"]).env(IS_CHILD, "1");
    let written = child.output().expect("it can be started").stderr;
    let written = String::from_utf8(written).expect("it is text");
    assert!(written.contains("nobody takes this\n  exception: TimeoutError"), "{written}");
}
