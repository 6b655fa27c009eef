//! User code that panics in the worst places. The operation around it still ends, and no task waits for it for ever.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use innermost::selector::{Clock, Waiting};
use innermost::wait::{gather, shield};
use innermost::{CoroutineExt, EventLoop, Kind, LoopHandle, Task, ready, sleep};

use crate::support::clock::{VirtualClock, Wait, WatchedSelector, loop_of, test_loop};
use crate::support::events::{Answer, Log, Next, awaits_end, body, on_drop, pauses, returns, run, sleeps};

/// Panics when it is dropped. Its clones do not.
struct Bomb {
    armed: bool,
}

impl Clone for Bomb {
    fn clone(&self) -> Self {
        Self { armed: false }
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.armed, "in drop");
    }
}

/// A task that has waited for a future with a bomb, and continues with `next`. Only the task refers to the future, so the bomb
/// is dropped when the task waits for something else, or ends.
fn holding_a_bomb(event_loop: &LoopHandle, mut next: impl FnMut(u32) -> Answer + 'static) -> Task<i32> {
    let future = event_loop.create_future();
    let mut awaited = Some(future.clone());
    let task = body(move |n, got| {
        got?;
        match awaited.take() {
            Some(future) => awaits_end(future.map(drop)),
            None => next(n),
        }
    });
    let task = event_loop.create_task(task).expect("the loop is open");
    run(event_loop, 0);
    assert!(future.set_result(Bomb { armed: true }).is_ok());
    task
}

#[test]
fn a_task_survives_a_panic_in_dropping_its_finished_wait() {
    type Way = (&'static str, fn(u32) -> Answer);
    let ways: [Way; 5] = [
        ("returns", |_| returns(7)),
        ("raises", |_| Err(innermost::Exception::timeout())),
        ("lets others run", |n| if n == 1 { pauses() } else { returns(7) }),
        ("sleeps", |n| if n == 1 { sleeps(1) } else { returns(7) }),
        ("panics", |_| panic!("in its step")),
    ];
    for (way, next) in ways {
        let (event_loop, log) = (test_loop(), Log::default());
        log.reports(&event_loop);
        let task = holding_a_bomb(&event_loop, next);
        let awaited = task.clone();
        let waits = event_loop.create_task(body(move |n, got| match n {
            0 => crate::support::events::awaits(awaited.clone()),
            _ => got.map(Next::Return),
        }));
        // In the same batch, after the task.
        event_loop.call_soon(log.adds("callback")).unwrap();
        run(&event_loop, 1);
        event_loop.run_until_complete(sleep(Duration::from_secs(2))).unwrap();
        let waits = waits.unwrap();
        assert!(
            task.done() && waits.done() && waits.exception().unwrap().is_some() == matches!(way, "raises" | "panics"),
            "{way}"
        );
        assert!(task.exception().unwrap().is_some() || task.result().unwrap() == 7, "{way}");
        let report = if way == "panics" { "Exception ignored in a destructor" } else { "Exception in callback" };
        assert_eq!(log.take(), [&format!("{report}: in drop"), "callback"], "{way}");
        assert!(event_loop.all_tasks().is_empty() && event_loop.current_task().is_none());
    }
}

#[test]
fn a_task_cancelled_while_running_is_cancelled_even_if_its_next_wait_panics_on_drop() {
    let event_loop = test_loop();
    let task = holding_a_bomb(&event_loop, |n| {
        if n > 1 {
            return returns(7);
        }
        EventLoop::running()?.current_task().expect("it runs").cancel();
        sleeps(1000)
    });
    run(&event_loop, 3);
    assert!(task.cancelled());
    assert_eq!(event_loop.time().since_zero(), Duration::ZERO);
}

#[test]
fn a_loop_closes_completely_even_if_its_tasks_waits_panic_on_drop() {
    let event_loop = test_loop();
    let reports = Log::default();
    let second = event_loop.create_task(event_loop.create_future::<i32>()).unwrap();
    let first = holding_a_bomb(&event_loop, |_| returns(1));
    let seen = reports.clone();
    event_loop.set_exception_handler(move |context| seen.add(&context.message));
    event_loop.close().unwrap();
    assert!(first.cancelled() && second.cancelled());
    let (destroyed, ignored) = ("Task was destroyed but it is pending!", "Exception ignored in a destructor");
    // The second is the older one.
    assert_eq!(reports.take(), [destroyed, destroyed, ignored]);
}

#[test]
fn values_refused_by_a_closed_loop_may_panic_on_drop() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let future = event_loop.create_future();
    for name in ["first", "second"] {
        let log = log.clone();
        let held = on_drop(move || {
            log.add(name);
            panic!("in drop");
        });
        future.add_done_callback(move |_| held.keep());
    }
    event_loop.close().unwrap();
    future.set_result(1).unwrap();
    let ignored = "Exception ignored in a destructor: in drop";
    assert_eq!(log.take(), ["first", ignored, "second", ignored]);
}

#[test]
fn a_panicking_clone_fails_the_shield_and_the_gather_that_need_it() {
    #[derive(Debug)]
    struct Panics;
    impl Clone for Panics {
        fn clone(&self) -> Self {
            panic!("in Clone");
        }
    }
    let event_loop = test_loop();
    let future = event_loop.create_future();
    let awaited = future.clone();
    let both = gather([shield(awaited)]);
    let task = event_loop.create_task(both.map(drop)).unwrap();
    run(&event_loop, 1);
    future.set_result(Panics).unwrap();
    run(&event_loop, 5);
    assert_eq!(task.exception().unwrap().expect("it has failed").kind(), Kind::Panic);
    assert!(future.take_result().is_ok());
}

#[test]
fn a_failing_gather_ends_even_if_its_results_panic_on_drop() {
    let event_loop = test_loop();
    let failing = event_loop.create_future::<Bomb>();
    let gathered = failing.clone();
    let with_a_bomb = event_loop.create_task(ready(()).map(|()| Bomb { armed: true })).unwrap();
    let main = gather([with_a_bomb.join(), gathered.join()]);
    drop((with_a_bomb, gathered));
    let task = event_loop.create_task(main.map(drop)).unwrap();
    run(&event_loop, 2);
    failing.set_exception(innermost::Exception::timeout()).unwrap();
    drop(failing);
    run(&event_loop, 4);
    assert_eq!(task.exception().unwrap().expect("it has failed").kind(), Kind::TimeoutError);
}

/// A clock that panics, once, when it is asked how to wait.
#[derive(Debug)]
struct Bursting(VirtualClock, Rc<Cell<bool>>);

impl Clock for Bursting {
    fn now(&self) -> innermost::Instant {
        self.0.now()
    }

    fn wait_until(&self, deadline: Option<innermost::Instant>) -> Waiting {
        assert!(!self.1.take(), "in the clock");
        self.0.wait_until(deadline)
    }
}

#[test]
fn a_loop_can_run_again_after_a_panic_of_its_clock() {
    let (log, bursts) = (Log::default(), Rc::new(Cell::new(false)));
    let clock = Bursting(VirtualClock::default(), Rc::clone(&bursts));
    let event_loop = loop_of(WatchedSelector::new(Wait::Waits), clock);
    let task = event_loop.create_task(sleep(Duration::from_secs(1))).unwrap();
    bursts.set(true);
    let awaited = task.clone();
    assert!(catch_unwind(AssertUnwindSafe(|| event_loop.run_until_complete(awaited))).is_err());
    assert!(!event_loop.is_running() && EventLoop::running().is_err());
    // The run is over: that what it was for ends now is no reason to stop another.
    let handle = event_loop.handle();
    event_loop.call_later(Duration::from_secs(2), log.adds("later")).unwrap();
    event_loop.call_later(Duration::from_secs(3), move || handle.stop()).unwrap();
    event_loop.run_forever().unwrap();
    assert!(task.done());
    assert_eq!(log.take(), ["later"]);
}

#[test]
fn an_exception_handler_may_close_its_loop() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (handle, entries) = (event_loop.handle(), log.clone());
    event_loop.set_exception_handler(move |context| {
        entries.add(format_args!("{}: closed {}", context.message, handle.close().is_ok()));
    });
    let failed = event_loop.create_future::<()>();
    failed.set_exception(innermost::Exception::timeout()).unwrap();
    let left = event_loop.create_task(body(|_, got| got.and_then(|_| sleeps(1)))).unwrap();
    let failing = event_loop.create_task(body(|_, _| panic!("in its step"))).unwrap();
    drop(failing);
    run(&event_loop, 1);
    assert_eq!(log.take(), ["Task exception was never retrieved: closed false"]);
    drop(failed);
    let first = "Task was destroyed but it is pending!: closed true";
    assert_eq!(log.take(), [first, "Future exception was never retrieved: closed true"]);
    assert!(event_loop.is_closed() && left.cancelled());
}

#[test]
fn an_exception_handler_may_cancel_every_task_while_the_loop_is_closed() {
    let (event_loop, log) = (test_loop(), Log::default());
    let tasks: Rc<RefCell<Vec<Task<i32>>>> = Rc::default();
    for number in 0..4 {
        let (log, others) = (log.clone(), Rc::clone(&tasks));
        let task = body(move |n, got| {
            if n == 0 {
                // Each waits for the one before it.
                return match others.borrow().get(number) {
                    _ if number == 0 => sleeps(1),
                    _ => crate::support::events::awaits(others.borrow()[number - 1].clone()),
                };
            }
            log.add(format_args!("{number} {:?}", got.as_ref().map_err(|raised| raised.kind())));
            got.map(Next::Return)
        });
        let task = event_loop.create_task(task).unwrap();
        tasks.borrow_mut().push(task);
    }
    run(&event_loop, 1);
    let all = Rc::clone(&tasks);
    event_loop.set_exception_handler(move |_| {
        for task in all.borrow().iter() {
            task.cancel();
        }
    });
    event_loop.close().unwrap();
    assert!(tasks.borrow().iter().all(|task| task.cancelled()));
    let exits = (0..4).map(|number| format!("{number} Err(GeneratorExit)"));
    assert_eq!(log.take(), exits.collect::<Vec<_>>());
}
