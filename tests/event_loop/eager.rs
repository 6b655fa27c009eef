//! Options of tasks: eager starts, T23 to T25 and `Lib/test/test_asyncio/test_eager_task_factory.py`; names; factories.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::context::ContextVar;
use innermost::task::{Start, TaskOptions, eager_task_factory};
use innermost::wait::task_group;
use innermost::{EventLoop, Exception, Kind, LoopHandle, Task, lazy};

use crate::support::clock::test_loop;
use crate::support::events::{Body, Log, Oops, awaits, body, pauses, pausing, raises, returns, run};

static LEVEL: ContextVar<i32> = ContextVar::new("level").with_default(|| 0);

fn running() -> LoopHandle {
    EventLoop::running().expect("a loop runs")
}

fn eager(coroutine: Body) -> Task<i32> {
    running().task().eager().spawn(coroutine).expect("the loop is open")
}

fn current() -> String {
    running().current_task().map_or_else(|| "nobody".into(), |task| task.name())
}

/// Runs `function` in a callback of a loop.
fn in_callback(event_loop: &LoopHandle, function: impl FnOnce() + 'static) {
    event_loop.call_soon(function).unwrap();
    run(event_loop, 2);
}

// T23
#[test]
fn an_eager_task_that_does_not_wait_is_done_at_once_and_never_listed() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    event_loop
        .run_until_complete(body(move |n, got| {
            if n > 0 {
                return got.and_then(returns);
            }
            let task = eager(body(|_, _| returns(7)));
            assert_eq!((task.done(), task.result().unwrap(), running().all_tasks().len()), (true, 7, 1));
            let entries = entries.clone();
            entries.add("made");
            task.add_done_callback(move |_| entries.add("told"));
            awaits(task)
        }))
        .unwrap();
    assert_eq!(log.take(), ["made", "told"]);
}

// T23
#[test]
fn an_exception_raised_by_an_eager_task_is_stored() {
    let event_loop = test_loop();
    in_callback(&event_loop, || {
        let failed = eager(body(|_, _| raises(Oops(1))));
        assert_eq!(failed.exception().unwrap().unwrap().downcast_ref(), Some(&Oops(1)));
        let cancelled = eager(body(|_, _| Err(Exception::cancelled())));
        assert!(cancelled.cancelled());
    });
}

#[test]
fn a_panic_in_an_eager_step_affects_only_its_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let outer = body(move |n, _| {
        if n > 0 {
            return returns(i32::from(current() == "outer"));
        }
        LEVEL.set(5);
        let failed = eager(body(|_, _| {
            LEVEL.set(6);
            panic!("on purpose")
        }));
        entries.add(format_args!("{:?} {}", failed.exception().unwrap().unwrap(), current()));
        assert_eq!((LEVEL.get()?, failed.context().get(&LEVEL)), (5, Some(6)));
        pauses()
    });
    let outer = event_loop.task().name("outer").spawn(outer).unwrap();
    assert_eq!(event_loop.run_until_complete(outer).unwrap(), 1);
    assert_eq!(log.take(), ["Panic: on purpose outer"]);
}

// T24
#[test]
fn an_eager_step_runs_as_the_current_task_in_a_copied_context() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let outer = body(move |_, _| {
        LEVEL.set(1);
        let notes = entries.clone();
        let inner = body(move |_, _| {
            notes.add(format_args!("{} {}", current(), LEVEL.get()?));
            LEVEL.set(2);
            let notes = notes.clone();
            let innermost = body(move |_, _| {
                notes.add(format_args!("{} {}", current(), LEVEL.get()?));
                LEVEL.set(3);
                returns(0)
            });
            running().task().eager().name("innermost").spawn(innermost)?;
            assert_eq!((current().as_str(), LEVEL.get()?), ("inner", 2));
            returns(0)
        });
        let inner = running().task().eager().name("inner").spawn(inner)?;
        assert_eq!(inner.context().get(&LEVEL), Some(2));
        entries.add(format_args!("{} {}", current(), LEVEL.get()?));
        returns(0)
    });
    let outer = event_loop.task().name("outer").spawn(outer).unwrap();
    event_loop.run_until_complete(outer).unwrap();
    in_callback(&event_loop, || {
        let alone = eager(body(|_, _| {
            LEVEL.set(9);
            returns(i32::from(current().starts_with("Task-")))
        }));
        assert_eq!((alone.result().unwrap(), current().as_str(), LEVEL.get().unwrap()), (1, "nobody", 0));
    });
    assert_eq!(log.take(), ["inner 1", "innermost 2", "outer 1"]);
}

// T25
#[test]
fn cancelling_after_an_eager_step_interrupts_the_wait() {
    let event_loop = test_loop();
    let never = event_loop.create_future();
    let awaited = never.clone();
    in_callback(&event_loop, move || {
        let done = eager(body(|_, _| returns(1)));
        assert!(!done.cancel() && !done.cancelled());
        let waits = eager(body(move |n, got| if n == 0 { awaits(awaited.clone()) } else { got.and_then(returns) }));
        assert!(!waits.done() && running().all_tasks().iter().any(|task| task.is(&waits.any())));
        assert!(waits.cancel());
        waits.add_done_callback(|waits| assert!(waits.cancelled()));
    });
    assert!(never.cancelled() && event_loop.all_tasks().is_empty());
}

#[test]
fn an_eager_task_continues_like_any_other() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    in_callback(&event_loop, move || {
        let notes = entries.clone();
        eager(body(move |n, got| {
            notes.add(format_args!("{n} {got:?} {}", LEVEL.get()?));
            LEVEL.set(n as i32 + 1);
            if n < 2 { pauses() } else { returns(0) }
        }));
        entries.add("made");
    });
    assert_eq!(log.take(), ["0 Ok(0) 0", "made", "1 Ok(0) 1", "2 Ok(0) 2"]);
}

#[test]
fn without_a_running_loop_an_eager_task_starts_in_the_first_turn() {
    let event_loop = test_loop();
    let task = event_loop.task().eager().spawn(body(|_, _| returns(1))).unwrap();
    assert!(!task.done() && event_loop.all_tasks().len() == 1);
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 1);
}

#[test]
fn a_failing_eager_task_cancels_its_group() {
    let event_loop = test_loop();
    let ended = event_loop.run_until_complete(task_group(|group| {
        lazy(move || {
            let waits = group.task().eager().spawn(pausing(9)).unwrap();
            let fails = group.task().name("fails").eager().spawn(body(|_, _| raises(Oops(1)))).unwrap();
            assert!(fails.done() && group.len() == 1);
            assert_eq!(group.create_task(pausing(1)).unwrap_err().kind(), Kind::RuntimeError);
            waits.any_future()
        })
    }));
    assert!(ended.unwrap_err().to_string().contains("unhandled errors in a TaskGroup"));
    assert!(event_loop.all_tasks().is_empty());
}

#[test]
fn a_factory_decides_how_tasks_are_made() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let factory = move |options: &mut TaskOptions| {
        entries.add(format_args!("{:?} {:?}", options.name, options.start));
        if options.name.as_deref() == Some("refused") {
            return Err(Exception::message(Kind::RuntimeError, "too many"));
        }
        options.name.get_or_insert("unnamed".into());
        eager_task_factory(options)
    };
    event_loop.set_task_factory(Some(Rc::new(factory)));
    let made = Rc::new(RefCell::new(Vec::new()));
    let tasks = Rc::clone(&made);
    event_loop
        .call_soon(move || {
            let event_loop = running();
            let pause = || pausing(0);
            tasks.borrow_mut().push(event_loop.create_task(pause()).unwrap());
            tasks.borrow_mut().push(event_loop.task().name("named").spawn(pause()).unwrap());
            tasks.borrow_mut().push(event_loop.task().start(Start::Soon).spawn(pause()).unwrap());
            let refused = event_loop.task().name("refused").spawn(pause()).unwrap_err();
            assert_eq!(refused.to_string(), "too many");
            assert!(event_loop.task_factory().is_some());
            event_loop.set_task_factory(None);
            tasks.borrow_mut().push(event_loop.create_task(pause()).unwrap());
            event_loop.stop();
        })
        .unwrap();
    event_loop.run_forever().unwrap();
    let made: Vec<_> = made.take().iter().map(|task| format!("{task:?}")).collect();
    assert_eq!(made[0..3], ["Task(unnamed, finished)", "Task(named, finished)", "Task(unnamed, pending)"]);
    assert!(made[3].starts_with("Task(Task-") && made[3].ends_with("pending)"), "{}", made[3]);
    let some = |name: &str| format!("Some({name:?})");
    let expected = ["None None".into(), some("named") + " None", "None Some(Soon)".into(), some("refused") + " None"];
    assert_eq!(log.take(), expected);
    run(&event_loop, 1);
}
