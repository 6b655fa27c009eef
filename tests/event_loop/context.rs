//! Context variables: T20, F11, Z6, and the cases of `Lib/test/test_context.py` for variables, tokens and contexts.
//!
//! A comment above a test cites its rule. These cannot arise here:
//!
//! | in Python | why not here |
//! |---|---|
//! | a token is used twice | using it consumes it |
//! | a context is entered while it is entered | that does no harm here, and is allowed |
//! | a variable's name, or a context's key, of another type | the types forbid it |

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use innermost::context::{Context, ContextVar, copy_context};
use innermost::{EventLoop, Kind, LoopHandle, Task, lazy, ready, spawn, to_thread};

mod handlers;

use crate::support::clock::test_loop;
use crate::support::events::{Body, Log, awaits, body, on_drop, pauses, returns, run};

static LEVEL: ContextVar<i32> = ContextVar::new("level").with_default(|| 0);
static NAME: ContextVar<String> = ContextVar::new("name");
static TRACE: ContextVar<i32> = ContextVar::new("trace").with_default(|| 0).sent_to_threads();

fn level() -> i32 {
    LEVEL.get().expect("it has a default")
}

fn in_level<R>(level: i32, function: impl FnOnce() -> R) -> R {
    Context::new().run(|| {
        LEVEL.set(level);
        function()
    })
}

/// Adds its level, sets another, lets the others run, and adds that.
fn sets(log: &Log, name: &'static str, another: i32) -> Body {
    let log = log.clone();
    body(move |n, got| {
        got?;
        log.add(format_args!("{name} {}", level()));
        if n == 0 {
            LEVEL.set(another);
            return pauses();
        }
        returns(level())
    })
}

#[test]
fn a_variable_is_set_and_reset_without_a_loop() {
    let raised = NAME.get().unwrap_err();
    assert_eq!(
        (raised.kind(), raised.to_string().as_str()),
        (Kind::LookupError, "context variable \"name\" is not set")
    );
    assert_eq!(NAME.with(|name| name.cloned()), None);
    let first = NAME.set("a".into());
    let second = NAME.set("b".into());
    assert_eq!((first.old_value(), second.old_value()), (None, Some("a".into())));
    NAME.reset(second).unwrap();
    assert_eq!(NAME.get().unwrap(), "a");
    NAME.reset(first).unwrap();
    assert!(NAME.get().is_err());
    assert_eq!((LEVEL.get().unwrap(), copy_context().contains(&LEVEL)), (0, false));
}

#[test]
fn a_token_of_another_variable_or_context_is_refused() {
    let (one, other) = (ContextVar::new("one"), ContextVar::new("other"));
    let token = one.set(1);
    other.set(2);
    let raised = other.reset(token).unwrap_err();
    assert_eq!(raised.kind(), Kind::ValueError);
    let token = one.set(3);
    let raised = copy_context().run(|| one.reset(token)).unwrap_err();
    assert_eq!(raised.kind(), Kind::ValueError);
    assert_eq!((one.get().unwrap(), other.get().unwrap()), (3, 2));
}

#[test]
fn two_variables_with_the_same_name_are_distinct() {
    let (one, other) = (ContextVar::new("same"), ContextVar::new("same"));
    one.set(1);
    assert!(other.get().is_err());
    other.set(2);
    assert_eq!((one.get().unwrap(), other.get().unwrap()), (1, 2));
    assert_eq!(format!("{:?} {one:?}", copy_context()), r#"Context["same", "same"] ContextVar { name: "same", .. }"#);
}

#[test]
fn a_copied_context_does_not_see_later_changes() {
    let context = Context::new();
    assert!(context.is_empty());
    context.run(|| LEVEL.set(1));
    let copy = context.copy();
    context.run(|| {
        LEVEL.set(2);
        NAME.set("x".into());
        // Entered once more, and left again.
        context.run(|| LEVEL.set(3));
        copy.run(|| assert_eq!(level(), 1));
        assert_eq!(level(), 3);
    });
    assert_eq!((copy.get(&LEVEL), copy.len(), copy.get(&NAME)), (Some(1), 1, None));
    assert_eq!((context.get(&LEVEL), context.len()), (Some(3), 2));
    assert!(context.is(&context.clone()) && !context.is(&context.copy()));
    assert_eq!(level(), 0);
}

#[test]
fn a_panic_leaves_the_context() {
    let panics = || in_level(1, || panic!("on purpose"));
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(level(), 0);
}

#[test]
fn a_value_may_use_its_variable_while_it_is_dropped_or_read() {
    thread_local! {
        static VALUE: ContextVar<Rc<dyn std::any::Any>> = const { ContextVar::new("value") };
    }
    let seen = Rc::new(Cell::new(0));
    let entries = Rc::clone(&seen);
    let sets_again = on_drop(move || {
        entries.set(entries.get() + 1);
        VALUE.with(|value| drop(value.set(Rc::new(()))));
    });
    VALUE.with(|value| {
        drop(value.set(Rc::new(sets_again)));
        drop(value.set(Rc::new(1)));
        assert_eq!(seen.get(), 1);
        value.with(|looked| {
            drop(value.set(Rc::new(2)));
            assert!(looked.is_some());
        });
    });
}

// T20
#[test]
fn a_task_copies_the_current_context_when_it_is_created() {
    let (event_loop, log) = (test_loop(), Log::default());
    let first = in_level(1, || {
        let task = event_loop.create_task(sets(&log, "first", 10)).unwrap();
        LEVEL.set(2);
        task
    });
    let second = in_level(3, || event_loop.create_task(sets(&log, "second", 30))).unwrap();
    let none = event_loop.create_task(sets(&log, "none", 40)).unwrap();
    let late = event_loop.create_task(sets(&log, "late", 50)).unwrap();
    run(&event_loop, 2);
    assert_eq!(log.take(), ["first 1", "second 3", "none 0", "late 0", "first 10", "second 30", "none 40", "late 50"]);
    assert_eq!(level(), 0);
    let levels = [&first, &second, &none, &late].map(|task| task.context().get(&LEVEL));
    assert_eq!(levels, [Some(10), Some(30), Some(40), Some(50)]);
}

// T20: test_context_2, test_context_3
#[test]
fn a_tasks_changes_are_seen_by_its_children_but_not_by_its_creator() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let outer = body(move |n, got| {
        got?;
        entries.add(format_args!("outer {}", level()));
        match n {
            0 => {
                LEVEL.set(1);
                let inner = spawn(sets(&entries, "inner", 2))?;
                LEVEL.set(3);
                awaits(inner)
            }
            _ => returns(0),
        }
    });
    event_loop.run_until_complete(outer).unwrap();
    assert_eq!(log.take(), ["outer 0", "inner 1", "inner 2", "outer 3"]);
}

// T20: test_context_4, test_context_6
#[test]
fn a_task_runs_in_an_explicit_context() {
    let (event_loop, log) = (test_loop(), Log::default());
    let shared = Context::new();
    shared.run(|| LEVEL.set(1));
    let task = event_loop.task().context(&shared).spawn(sets(&log, "first", 2)).unwrap();
    let another = event_loop.task().context(&shared).spawn(sets(&log, "second", 3)).unwrap();
    assert!(task.context().is(&shared) && another.context().is(&shared));
    run(&event_loop, 2);
    assert_eq!(log.take(), ["first 1", "second 2", "first 3", "second 3"]);
    assert_eq!((shared.get(&LEVEL), level()), (Some(3), 0));
}

#[test]
fn a_task_woken_by_a_future_runs_in_its_own_context() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future();
    let (awaited, entries) = (future.clone(), log.clone());
    let task = body(move |n, got| {
        entries.add(format_args!("{} {got:?}", level()));
        LEVEL.set(level() + 1);
        if n < 2 { awaits(awaited.clone()) } else { returns(0) }
    });
    let task = in_level(5, || event_loop.create_task(task)).unwrap();
    run(&event_loop, 1);
    let setter = future.clone();
    in_level(100, || event_loop.call_soon(move || setter.set_result(7).unwrap())).unwrap();
    run(&event_loop, 2);
    assert_eq!(log.take(), ["5 Ok(0)", "6 Ok(7)", "7 Ok(7)"]);
    assert!(task.done());
}

#[test]
fn a_cancelled_task_cleans_up_in_its_context() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let never = event_loop.create_future();
    let task = body(move |n, got| {
        entries.add(format_args!("{} {}", level(), got.is_err()));
        if n == 0 {
            LEVEL.set(1);
            return awaits(never.clone());
        }
        if n == 1 { pauses() } else { returns(0) }
    });
    let task = event_loop.create_task(task).unwrap();
    run(&event_loop, 1);
    assert!(task.cancel());
    run(&event_loop, 2);
    assert_eq!(log.take(), ["0 false", "1 true", "1 false"]);
}

#[test]
fn callbacks_and_timers_run_in_a_copy_of_the_scheduling_context() {
    let (event_loop, log) = (test_loop(), Log::default());
    let adds = |name: &'static str| {
        let log = log.clone();
        move || {
            log.add(format_args!("{name} {}", level()));
            LEVEL.set(99);
        }
    };
    in_level(1, || {
        event_loop.call_soon(adds("soon")).unwrap();
        event_loop.call_later(Duration::from_secs(1), adds("later")).unwrap();
        LEVEL.set(2);
        event_loop.call_soon(adds("again")).unwrap();
    });
    let done = event_loop.create_future::<()>();
    in_level(3, || {
        let adds = adds("done");
        done.add_done_callback(move |_| adds());
    });
    let adds_bare = adds("done bare");
    done.add_done_callback(move |_| adds_bare());
    event_loop.call_soon(adds("bare")).unwrap();
    in_level(4, || done.set_result(())).unwrap();
    event_loop.run_until_complete(innermost::sleep(Duration::from_secs(2))).unwrap();
    assert_eq!(log.take(), ["soon 1", "again 2", "bare 0", "done 3", "done bare 0", "later 1"]);
    assert_eq!(level(), 0);
}

#[test]
fn callbacks_run_in_an_explicit_context() {
    let (event_loop, shared) = (test_loop(), Context::new());
    let adds = |by: i32| move || drop(LEVEL.set(level() + by));
    let handle = event_loop.call_soon_in(&shared, adds(1)).unwrap();
    event_loop.call_later_in(&shared, Duration::from_secs(1), adds(10)).unwrap();
    event_loop.call_at_in(&shared, innermost::Instant::from_zero(Duration::from_secs(1)), adds(100)).unwrap();
    let done = event_loop.create_future::<()>();
    done.add_done_callback_in(&shared, move |_| adds(1000)());
    let removed = done.add_done_callback_in(&shared, |_| panic!("it was removed"));
    assert!(done.remove_done_callback(removed));
    done.set_result(()).unwrap();
    assert!(handle.context().is(&shared));
    event_loop.run_until_complete(innermost::sleep(Duration::from_secs(2))).unwrap();
    assert_eq!(shared.get(&LEVEL), Some(1111));
}

#[test]
fn a_cancelled_callback_is_dropped_with_its_context() {
    let (event_loop, held) = (test_loop(), Rc::new(()));
    let var = ContextVar::new("held");
    let handle = Context::new().run(|| {
        var.set(Rc::clone(&held));
        event_loop.call_soon(|| panic!("it was cancelled"))
    });
    handle.unwrap().cancel();
    run(&event_loop, 1);
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn a_callback_from_another_thread_sees_the_variables_shared_with_threads() {
    let event_loop = EventLoop::new().unwrap();
    let remote = event_loop.remote();
    let (sender, receiver) = mpsc::channel();
    LEVEL.set(5);
    TRACE.set(6);
    let thread = thread::spawn(move || {
        TRACE.set(7);
        LEVEL.set(8);
        let sends = move || sender.send((TRACE.get().unwrap(), level())).unwrap();
        let stop = || EventLoop::running().unwrap().stop();
        remote.call_soon_threadsafe(sends).and_then(|()| remote.call_soon_threadsafe(stop))
    });
    event_loop.run_forever().unwrap();
    thread.join().unwrap().unwrap();
    assert_eq!(receiver.recv().unwrap(), (7, 0));
    assert_eq!((TRACE.get().unwrap(), level()), (6, 5));
}

#[test]
fn a_panic_in_a_task_leaves_no_context_behind() {
    let (event_loop, log) = (test_loop(), Log::default());
    let panics = body(|_, _| {
        LEVEL.set(1);
        panic!("on purpose")
    });
    let failed = event_loop.create_task(panics).unwrap();
    let in_two = in_level(2, || event_loop.create_task(body(|_, _| panic!("on purpose")))).unwrap();
    event_loop.create_task(sets(&log, "bare", 3)).unwrap();
    run(&event_loop, 2);
    assert_eq!(log.take(), ["bare 0", "bare 3"]);
    assert!(failed.exception().unwrap().is_some() && in_two.exception().unwrap().is_some());
    assert_eq!((failed.context().get(&LEVEL), in_two.context().get(&LEVEL)), (Some(1), Some(2)));
}

// Z11
#[test]
fn a_function_in_a_thread_sees_shared_variables_and_its_changes_stay_there() {
    let event_loop = EventLoop::new().unwrap();
    TRACE.set(3);
    let main = lazy(|| {
        TRACE.set(4);
        to_thread(|| {
            let seen = TRACE.get()?;
            TRACE.set(5);
            Ok(seen)
        })
    });
    assert_eq!(event_loop.run_until_complete(main).unwrap(), 4);
    assert_eq!(TRACE.get().unwrap(), 3);
}

// Z6
#[test]
fn a_context_persists_over_several_runs() {
    let (event_loop, context) = (test_loop(), Context::new());
    let runs = |event_loop: &LoopHandle| {
        let adds = body(|_, _| {
            LEVEL.set(level() + 1);
            returns(level())
        });
        let task: Task<i32> = event_loop.task().context(&context).spawn(adds).unwrap();
        event_loop.run_until_complete(task).unwrap()
    };
    assert_eq!([runs(&event_loop), runs(&event_loop), runs(&event_loop)], [1, 2, 3]);
    assert_eq!(level(), 0);
}

#[test]
fn a_loop_does_not_run_in_the_surrounding_context() {
    let (event_loop, log) = (test_loop(), Log::default());
    event_loop.create_task(sets(&log, "bare", 1)).unwrap();
    LEVEL.set(5);
    event_loop.run_until_complete(sets(&log, "main", 6)).unwrap();
    assert_eq!(log.take(), ["bare 0", "main 5", "bare 1", "main 6"]);
    assert_eq!(level(), 5);
}

#[test]
fn variables_set_by_a_destructor_between_steps_do_not_leak() {
    let (event_loop, log) = (test_loop(), Log::default());
    let sets_when_dropped = on_drop(|| drop(LEVEL.set(9)));
    let task = event_loop.create_task(ready(Rc::new(sets_when_dropped))).unwrap();
    drop(task);
    run(&event_loop, 1);
    event_loop.create_task(sets(&log, "bare", 1)).unwrap();
    run(&event_loop, 2);
    assert_eq!(log.take(), ["bare 0", "bare 1"]);
    assert_eq!(level(), 0);
}

#[test]
fn the_context_of_a_task_is_available_at_any_time() {
    let event_loop = test_loop();
    let me = || EventLoop::running().unwrap().current_task().unwrap();
    let task = body(move |n, got| {
        got?;
        match n {
            0 => {
                let elsewhere = Context::new();
                let own = elsewhere.run(|| {
                    LEVEL.set(50);
                    me().context()
                });
                assert!(!own.is(&elsewhere) && own.is_empty());
                LEVEL.set(1);
            }
            1 => assert_eq!((level(), me().context().get(&LEVEL)), (1, Some(1))),
            _ => return returns(0),
        }
        pauses()
    });
    event_loop.run_until_complete(task).unwrap();
    let task = body(move |n, got| {
        got?;
        let own = me().context();
        if n == 0 {
            assert!(own.is_empty());
            LEVEL.set(1);
            assert_eq!(own.get(&LEVEL), Some(1));
            return pauses();
        }
        own.run(|| LEVEL.set(2));
        returns(level())
    });
    let task = event_loop.create_task(task).unwrap();
    let before = task.context();
    assert!(before.is_empty());
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), 2);
    assert!(task.context().is(&before));
    assert_eq!(before.get(&LEVEL), Some(2));
}
