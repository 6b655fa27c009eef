//! Abuse of whole loops: dropped in a callback, run and closed in odd places, and full of values that panic on drop.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use innermost::context::{Context, ContextVar};
use innermost::selector::{Clock, Waiting};
use innermost::task::ErrorContext;
use innermost::{EventLoop, Kind, LoopHandle, Step, from_fn, sleep};

use crate::support::clock::{VirtualClock, Wait, WatchedSelector, loop_of, test_loop};
use crate::support::events::{Log, body, on_drop, pauses, pausing, run};

#[test]
fn a_loop_dropped_by_a_callback_finishes_its_run_and_is_then_closed() {
    let log = Log::default();
    let owner = Rc::new(RefCell::new(Some(test_loop())));
    let handle = owner.borrow().as_ref().expect("it is there").handle();
    log.reports(&handle);
    let held = log.on_drop("task dropped");
    let left = body(move |_, _| {
        held.keep();
        pauses()
    });
    let left = handle.create_task(left).unwrap();
    let (entries, this) = (log.clone(), handle.clone());
    let drops = move || {
        drop(owner.take());
        entries.add(format_args!("closed {}, running {}", this.is_closed(), this.is_running()));
        this.call_soon(entries.adds("goes on")).expect("the loop is open");
    };
    handle.call_soon(drops).unwrap();
    assert_eq!(handle.run_until_complete(pausing(2)).unwrap(), 0);
    let destroyed = "Task was destroyed but it is pending!: nothing";
    let ignored = "Exception ignored while a pending task was closed: generator ignored GeneratorExit";
    assert_eq!(log.take(), ["closed false, running true", "goes on", destroyed, "task dropped", ignored]);
    assert!(handle.is_closed() && left.cancelled() && EventLoop::running().is_err());
}

#[test]
fn a_loop_may_run_inside_the_close_of_another() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let runs = on_drop(move || {
        let other = test_loop();
        let entries = entries.clone();
        other.run_until_complete(pausing(1)).expect("no loop runs");
        entries.add("ran another loop");
    });
    event_loop.call_soon(move || runs.keep()).unwrap();
    drop(event_loop);
    assert_eq!(log.take(), ["ran another loop"]);
}

#[test]
fn a_clock_may_queue_callbacks_before_it_jumps() {
    #[derive(Debug)]
    struct Injecting(VirtualClock, Rc<RefCell<Option<(LoopHandle, Log)>>>);
    impl Clock for Injecting {
        fn now(&self) -> innermost::Instant {
            self.0.now()
        }
        fn wait_until(&self, deadline: Option<innermost::Instant>) -> Waiting {
            if let Some((event_loop, log)) = self.1.take() {
                event_loop.call_soon(log.adds("injected")).expect("the loop is open");
                drop(event_loop.call_later(Duration::ZERO, log.adds("due at once")));
            }
            self.0.wait_until(deadline)
        }
    }
    let (log, slot) = (Log::default(), Rc::new(RefCell::new(None)));
    let clock = Injecting(VirtualClock::default(), Rc::clone(&slot));
    let event_loop = loop_of(WatchedSelector::new(Wait::Waits), clock);
    slot.replace(Some((event_loop.handle(), log.clone())));
    event_loop.call_later(Duration::from_secs(1), log.adds("timer")).unwrap();
    event_loop.run_until_complete(sleep(Duration::from_secs(1))).unwrap();
    assert_eq!(log.take(), ["injected", "due at once", "timer"]);
}

#[test]
fn with_fd_may_run_and_close_the_loop() {
    let (event_loop, log) = (test_loop(), Log::default());
    event_loop.call_soon(log.adds("ran")).unwrap();
    event_loop.with_fd(|fd| {
        // poll has none.
        assert_eq!(fd.is_some(), !cfg!(innermost_poll));
        event_loop.run_once().unwrap();
        event_loop.with_fd(|fd| assert_eq!(fd.is_some(), !cfg!(innermost_poll)));
        event_loop.close().unwrap();
        event_loop.with_fd(|fd| assert!(fd.is_none()));
    });
    assert_eq!(log.take(), ["ran"]);
}

#[test]
fn a_panicking_destructor_inside_the_loop_does_not_disturb_others() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let (event_loop, log) = (test_loop(), Log::default());
    // The result of a task without handles.
    drop(event_loop.create_task(from_fn(|_| Ok(Step::Return(Bomb)))).unwrap());
    event_loop.call_soon(log.adds("first")).unwrap();
    // The payload of a panic.
    event_loop.call_soon(|| std::panic::panic_any(Bomb)).unwrap();
    event_loop.create_task(body(|_, _| std::panic::panic_any(Bomb))).unwrap();
    event_loop.call_soon(log.adds("second")).unwrap();
    // An exception handler that replaces itself.
    let handle = event_loop.handle();
    let bomb = Bomb;
    event_loop.set_exception_handler(move |_| {
        let _held = &bomb;
        handle.set_exception_handler(|_| {});
    });
    let reporting = event_loop.handle();
    event_loop.call_soon(move || reporting.call_exception_handler(ErrorContext::new("replace"))).unwrap();
    event_loop.call_soon(log.adds("third")).unwrap();
    run(&event_loop, 2);
    assert_eq!(log.take(), ["first", "second", "third"]);
    assert!(event_loop.all_tasks().is_empty());
}

#[test]
fn panicking_destructors_while_closing_the_loop_do_not_disturb_others() {
    let (event_loop, log) = (test_loop(), Log::default());
    let held = |name: &'static str| {
        let log = log.clone();
        let held = on_drop(move || {
            log.add(name);
            panic!("in drop");
        });
        move || held.keep()
    };
    let task = |held: Box<dyn Fn()>| {
        body(move |_, got| {
            held();
            got?;
            pauses()
        })
    };
    let tasks = [held("first task"), held("second task")].map(|held| event_loop.create_task(task(Box::new(held))));
    run(&event_loop, 0);
    event_loop.create_task(task(Box::new(held("never started")))).unwrap();
    for name in ["first callback", "second callback"] {
        event_loop.call_soon(held(name)).unwrap();
        event_loop.call_later(Duration::from_secs(1), held("timer")).unwrap();
    }
    let reports = Rc::new(Cell::new(0));
    let counted = Rc::clone(&reports);
    event_loop.set_exception_handler(move |context| {
        let panicked = context.exception.as_ref().is_some_and(|raised| raised.kind() == Kind::Panic);
        counted.set(counted.get() + u32::from(panicked));
    });
    event_loop.close().unwrap();
    assert_eq!(
        log.take(),
        ["first callback", "second callback", "first task", "second task", "never started", "timer", "timer"]
    );
    assert_eq!(reports.get(), 7);
    assert!(tasks.iter().all(|task| task.as_ref().is_ok_and(|task| task.cancelled())));
}

#[test]
fn a_job_and_its_destructor_may_use_the_remote_handle() {
    let event_loop = test_loop();
    let (remote, ran) = (event_loop.remote(), std::sync::Arc::new(AtomicBool::new(false)));
    let (sender, sets) = (remote.clone(), std::sync::Arc::clone(&ran));
    let held = on_drop(move || {
        let sent = sender.call_soon_threadsafe(move || sets.store(true, Ordering::Relaxed));
        sent.expect("the loop is open");
    });
    remote.call_soon_threadsafe(move || held.keep()).unwrap();
    event_loop.run_once().unwrap();
    event_loop.run_once().unwrap();
    assert!(ran.load(Ordering::Relaxed));
}

static HELD: ContextVar<Box<dyn Any>> = ContextVar::new("held");

#[test]
fn the_destructor_of_a_cancelled_timer_may_set_other_timers() {
    // However they go: popped at the front, found when there are many, or closed with the loop.
    for others in [0, 500, 5000] {
        let event_loop = test_loop();
        let dropped = Rc::new(Cell::new(0));
        for _ in 0..100 {
            let (handle, count) = (event_loop.handle(), Rc::clone(&dropped));
            let held = on_drop(move || {
                count.set(count.get() + 1);
                // A closed loop refuses it.
                let _ = handle.call_later(Duration::from_secs(1), || {});
            });
            let context = Context::new();
            context.run(|| drop(HELD.set(Box::new(held))));
            let timer = event_loop.call_later_in(&context, Duration::from_millis(1), || {}).unwrap();
            timer.cancel();
        }
        for _ in 0..others {
            event_loop.call_later(Duration::from_secs(3600), || {}).unwrap();
        }
        event_loop.run_until_complete(sleep(Duration::from_millis(2))).unwrap();
        event_loop.close().unwrap();
        assert_eq!(dropped.get(), 100);
    }
}

#[test]
fn many_cancelled_timers_are_released_before_they_are_due() {
    // So many are set at once, of which the first alone is not cancelled.
    for at_once in [2, 3, 4, 5, 8] {
        let event_loop = test_loop();
        let left = Rc::new(Cell::new(0));
        for number in 0..100_000_u64 {
            let (going, staying) = (Rc::clone(&left), Rc::clone(&left));
            staying.set(staying.get() + 1);
            let held = on_drop(move || going.set(going.get() - 1));
            let context = Context::new();
            context.run(|| drop(HELD.set(Box::new(held))));
            let delay = Duration::from_millis(1 + number * 7919 % 100_000);
            let timer = event_loop.call_later_in(&context, delay, || {}).unwrap();
            if number % at_once > 0 {
                timer.cancel();
            }
        }
        let live = 100_000 / at_once;
        assert!(left.get() <= 4 * live, "{} of {live} are left", left.get());
    }
}
