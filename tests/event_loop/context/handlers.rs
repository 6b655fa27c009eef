//! F11: the context in which the exception handler runs.

use crate::context::{LEVEL, in_level, level};
use crate::support::clock::test_loop;
use crate::support::events::{Log, Oops, awaits, body, raises, run};

// F11: test_task_exc_handler_correct_context
#[test]
fn the_exception_handler_runs_in_the_context_of_the_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    event_loop.set_exception_handler(move |context| entries.add(format_args!("{} {}", level(), context.message)));
    let fails = |level: i32| {
        body(move |_, _| {
            if level > 0 {
                LEVEL.set(level);
            }
            raises(Oops(1))
        })
    };
    event_loop.create_task(fails(1)).unwrap();
    event_loop.create_task(fails(0)).unwrap();
    let panics = body(|_, _| {
        LEVEL.set(2);
        panic!("on purpose")
    });
    event_loop.create_task(panics).unwrap();
    run(&event_loop, 1);
    // Dropped in another context.
    let kept = event_loop.create_task(fails(3)).unwrap();
    let kept_bare = event_loop.create_task(fails(0)).unwrap();
    run(&event_loop, 1);
    in_level(100, || drop((kept, kept_bare)));
    let never = "Task exception was never retrieved";
    let expected = [1, 0, 2, 3, 0].map(|level| format!("{level} {never}"));
    assert_eq!(log.take(), expected);
}

// F11
#[test]
fn the_exception_handler_runs_in_the_context_of_a_pending_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    event_loop.set_exception_handler(move |context| entries.add(format_args!("{} {}", level(), context.message)));
    let never = event_loop.create_future();
    let task = body(move |n, got| {
        if n == 0 {
            LEVEL.set(1);
            return awaits(never.clone());
        }
        got?;
        panic!("it is closed")
    });
    event_loop.create_task(task).unwrap();
    run(&event_loop, 1);
    in_level(7, || event_loop.close()).unwrap();
    assert_eq!(log.take(), ["1 Task was destroyed but it is pending!"]);
}

// F11: test_handle_exc_handler_correct_context
#[test]
fn the_exception_handler_runs_in_the_context_of_the_callback() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    event_loop.set_exception_handler(move |context| entries.add(format_args!("{} {}", level(), context.message)));
    let panics = |level: i32| {
        move || {
            if level > 0 {
                LEVEL.set(level);
            }
            panic!("on purpose")
        }
    };
    event_loop.call_soon(panics(1)).unwrap();
    in_level(2, || event_loop.call_soon(panics(0))).unwrap();
    event_loop.call_soon(panics(0)).unwrap();
    run(&event_loop, 1);
    assert_eq!(log.take(), [1, 2, 0].map(|level| format!("{level} Exception in callback")));
}
