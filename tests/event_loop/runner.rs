//! `run` and `Runner`: Z5 and Z6 of the edge cases, and the current loop of a thread. Ctrl-C (Z4) is tested in `interrupts/`,
//! because each test needs a process of its own.
//!
//! These cannot arise here:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | Z5 | closing twice; running a closed runner | `close` consumes the runner |
//! | Z5 | something other than a coroutine; a nested run of the same runner | the types forbid it |

use crate::support::events;
use std::rc::Rc;

use crate::support::clock::test_loop;
use crate::support::events::{Body, Log, Oops, awaits_end, body, pauses, raises, returns, sleeps};
use innermost::async_iter::{AsyncGenerator, AsyncIterator, Produced};
use innermost::context::ContextVar;
use innermost::testing::virtual_loop;
use innermost::{
    CoroutineExt, EventLoop, Exception, Kind, LoopHandle, Runner, Step, from_fn, ready, run, sleep, spawn, yield_from,
};

fn is_runtime_error<T: std::fmt::Debug>(result: Result<T, Exception>, text: &str) {
    let raised = result.unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::RuntimeError, text));
}

fn interrupt() -> Exception {
    Exception::message(Kind::KeyboardInterrupt, "enough")
}

/// Sleeps for ever, and when it is cancelled or closed, says so, and goes on as `then` says.
fn left_behind(log: &Log, name: &'static str, mut then: impl FnMut(u32) -> events::Answer + 'static) -> Body {
    let log = log.clone();
    body(move |n, got| {
        match got {
            Err(raised) => {
                log.add(format_args!("{name}: {:?}", raised.kind()));
                if raised.is_generator_exit() {
                    return Err(raised);
                }
            }
            Ok(_) if n == 0 => return sleeps(1_000_000),
            Ok(_) => {}
        }
        then(n)
    })
}

fn cancelled() -> events::Answer {
    raises(Exception::cancelled())
}

/// A runner in virtual time whose loop's reports are in the log.
fn runner(log: &Log) -> (Runner, LoopHandle) {
    let mut runner = Runner::with_loop(virtual_loop);
    let event_loop = runner.handle().unwrap();
    log.reports(&event_loop);
    (runner, event_loop)
}

#[test]
fn run_returns_the_coroutines_value_even_without_clone() {
    struct Unique(i32);
    let main = ready(()).map(|()| Unique(7));
    assert_eq!(run(main).unwrap().0, 7);
}

#[test]
fn run_returns_the_exception_that_the_coroutine_raises() {
    let raised = run(body(|_, _| raises(Oops(1)))).unwrap_err();
    assert_eq!(raised.downcast_ref(), Some(&Oops(1)));
    assert!(run(body(|_, _| cancelled())).unwrap_err().is_cancelled());
    assert_eq!(run(body(|_, _| panic!("in main"))).unwrap_err().kind(), Kind::Panic);
}

#[test]
fn a_runner_makes_its_loop_lazily_and_keeps_it_for_all_runs() {
    let log = Log::default();
    let made = log.adds("made");
    let mut runner = Runner::with_loop(move || {
        made();
        virtual_loop()
    });
    assert_eq!(log.take(), [""; 0]);
    let event_loop = |_| EventLoop::running().unwrap();
    let first = runner.run(ready(()).map(event_loop)).unwrap();
    let second = runner.run(ready(()).map(event_loop)).unwrap();
    assert_eq!((&first, &second), (&second, &runner.handle().unwrap()));
    runner.close().unwrap();
    assert!(first.is_closed());
    assert_eq!(log.take(), ["made"]);
}

// Z6
#[test]
fn variables_set_in_a_run_last_until_the_next_but_do_not_leak_out() {
    static COUNT: ContextVar<i32> = ContextVar::new("count");
    COUNT.set(1);
    let mut runner = Runner::with_loop(virtual_loop);
    let mut counts = || {
        let counts = ready(()).map(|()| {
            let count = COUNT.get().expect("it is set");
            COUNT.set(count + 1);
            count
        });
        runner.run(counts).unwrap()
    };
    assert_eq!([counts(), counts(), counts()], [1, 2, 3]);
    assert_eq!(COUNT.get().unwrap(), 1);
}

#[test]
fn closing_a_runner_closes_remaining_async_generators() {
    let log = Log::default();
    let closed = log.adds("closed");
    let mut numbers = AsyncGenerator::new(from_fn(move |sent: Result<(), Exception>| {
        if let Err(exit) = sent {
            closed();
            return Err(exit);
        }
        Ok(Step::<_, (), ()>::Yield(Produced::Item(1)))
    }));
    let kept = numbers.clone();
    let mut runner = Runner::with_loop(virtual_loop);
    let takes_one = from_fn(move |mut sent| Ok(Step::Return(yield_from!(numbers.next(), sent)?)));
    assert_eq!(runner.run(takes_one).unwrap(), Some(1));
    assert_eq!(log.take(), [""; 0]);
    runner.close().unwrap();
    assert_eq!(log.take(), ["closed"]);
    drop(kept);
}

#[test]
fn a_runner_that_never_ran_makes_no_loop() {
    let runner = Runner::with_loop(|| panic!("nobody needs one"));
    assert_eq!(format!("{runner:?}"), "Runner { event_loop: None, .. }");
    runner.close().unwrap();
    drop(Runner::with_loop(|| panic!("nobody needs one")));
}

#[test]
fn a_failing_loop_factory_raises_and_the_next_run_tries_again() {
    let failures = std::cell::Cell::new(1);
    let mut runner = Runner::with_loop(move || match failures.replace(0) {
        0 => virtual_loop(),
        _ => Err(Oops(3).into()),
    });
    assert_eq!(runner.run(ready(1)).unwrap_err().downcast_ref(), Some(&Oops(3)));
    assert_eq!(runner.run(ready(1)).unwrap(), 1);
}

#[test]
fn a_pending_task_pauses_between_runs() {
    let (log, mut runner) = (Log::default(), Runner::with_loop(virtual_loop));
    let entries = log.clone();
    let background = body(move |n, got| {
        entries.add(format_args!("{n} {}", got.is_ok()));
        got?;
        pauses()
    });
    runner.handle().unwrap().create_task(background).unwrap();
    runner.run(ready(())).unwrap();
    log.add("between");
    runner.run(ready(())).unwrap();
    log.add("closing");
    runner.close().unwrap();
    assert_eq!(log.take(), ["0 true", "1 true", "between", "2 true", "3 true", "closing", "4 false"]);
}

// Z5
/// ```python
/// async def left(name):
///     try: await asyncio.sleep(1e6)
///     finally:
///         note(name)
///         if name == 2: await asyncio.sleep(5); note("2 ends")
///         if name == 3: raise ValueError("in 3")
/// async def main():
///     tasks.extend(asyncio.create_task(left(n)) for n in (1, 2, 3)); await asyncio.sleep(0)
/// asyncio.run(main())
/// ```
/// In CPython the order of the cancels is that of a set.
#[test]
fn closing_cancels_and_awaits_remaining_tasks_in_order_and_reports_failures() {
    let log = Log::default();
    let (mut runner, event_loop) = runner(&log);
    let entries = log.clone();
    let first = event_loop.create_task(left_behind(&log, "1", |_| cancelled())).unwrap();
    let second = left_behind(&log, "2", move |n| match n {
        1 => sleeps(5),
        _ => {
            entries.add("2 ends");
            returns(0)
        }
    });
    event_loop.create_task(second).unwrap();
    let third = event_loop.create_task(left_behind(&log, "3", |_| raises(Oops(3)))).unwrap();
    event_loop.create_task(left_behind(&log, "4", |_| panic!("in 4"))).unwrap();
    runner.run(body(|n, _| if n == 0 { pauses() } else { returns(0) })).unwrap();
    log.add("closing");
    runner.close().unwrap();
    assert_eq!(
        log.take(),
        [
            "closing",
            "1: CancelledError",
            "2: CancelledError",
            "3: CancelledError",
            "4: CancelledError",
            "2 ends",
            "unhandled exception during asyncio.run() shutdown: oops 3",
            "unhandled exception during asyncio.run() shutdown: in 4",
        ]
    );
    assert!(first.cancelled() && third.done() && event_loop.is_closed());
}

// Z5
#[test]
fn closing_waits_for_the_default_executor_after_the_tasks() {
    let log = Log::default();
    let mut runner = Runner::new();
    let event_loop = runner.handle().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel::<&'static str>();
    let (told, heard) = std::sync::mpsc::channel();
    let in_thread = move || {
        for line in receiver {
            told.send(line).expect("somebody hears it");
        }
        told.send("thread ends").expect("somebody hears it");
        Ok(())
    };
    drop(event_loop.run_in_executor(None, in_thread).unwrap());
    let mut sender = Some(sender);
    let left = left_behind(&log, "left", move |_| {
        sender.take().expect("it is cancelled once").send("task ends").expect("the thread runs");
        cancelled()
    });
    event_loop.create_task(left).unwrap();
    runner.run(ready(())).unwrap();
    runner.close().unwrap();
    assert_eq!(log.take(), ["left: CancelledError"]);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["task ends", "thread ends"]);
}

// Z5
#[test]
fn dropping_a_runner_closes_it() {
    let log = Log::default();
    let (mut runner, event_loop) = runner(&log);
    event_loop.create_task(left_behind(&log, "left", |_| cancelled())).unwrap();
    runner.run(ready(())).unwrap();
    drop(runner);
    assert_eq!(log.take(), ["left: CancelledError"]);
    assert!(event_loop.is_closed());
}

// Z5
#[test]
fn an_unstarted_task_is_cancelled_without_starting() {
    let log = Log::default();
    let (runner, event_loop) = runner(&log);
    let held = log.on_drop("dropped");
    let entries = log.clone();
    let body = body(move |_, _| {
        held.keep();
        entries.add("started");
        returns(0)
    });
    event_loop.create_task(body).unwrap();
    runner.close().unwrap();
    assert_eq!(log.take(), ["dropped"]);
}

// Z5
#[test]
fn a_task_made_while_closing_is_closed_with_the_loop() {
    let log = Log::default();
    let (mut runner, event_loop) = runner(&log);
    let entries = log.clone();
    let late = left_behind(&log, "left", move |_| {
        let late = left_behind(&entries, "late", |_| cancelled());
        spawn(late)?;
        cancelled()
    });
    event_loop.create_task(late).unwrap();
    runner.run(ready(())).unwrap();
    runner.close().unwrap();
    let destroyed = "Task was destroyed but it is pending!: nothing";
    assert_eq!(log.take(), ["left: CancelledError", destroyed, "late: GeneratorExit"]);
}

// Z5
#[test]
fn closing_raises_and_closes_the_loop_if_a_task_waits_for_ever() {
    let log = Log::default();
    let (mut runner, event_loop) = runner(&log);
    let future = event_loop.create_future::<i32>();
    let never = future.clone();
    let stubborn = left_behind(&log, "stubborn", move |_| events::awaits(never.clone()));
    event_loop.create_task(stubborn).unwrap();
    runner.run(ready(())).unwrap();
    let raised = runner.close().unwrap_err();
    assert!(raised.to_string().starts_with("deadlock"), "{raised}");
    assert!(event_loop.is_closed());
    let destroyed = "Task was destroyed but it is pending!: nothing";
    let ignored = "stubborn: GeneratorExit";
    assert_eq!(log.take()[..3], ["stubborn: CancelledError", destroyed, ignored]);
}

// Z5
#[test]
fn a_nested_run_is_refused_and_the_running_loop_goes_on() {
    let log = Log::default();
    let entries = log.clone();
    let main = body(move |n, _| match n {
        0 => {
            let held = entries.on_drop("coroutine dropped");
            let nested = run(ready(()).map(move |()| held.keep()));
            is_runtime_error(nested, "run() cannot be called from a running event loop");
            let mut other = Runner::with_loop(|| panic!("it is not needed"));
            is_runtime_error(other.run(ready(())), "Runner.run() cannot be called from a running event loop");
            assert!(EventLoop::running()?.is_running());
            assert_eq!(EventLoop::current()?, EventLoop::running()?);
            sleeps(1)
        }
        _ => {
            EventLoop::running()?;
            returns(5)
        }
    });
    assert_eq!(Runner::with_loop(virtual_loop).run(main).unwrap(), 5);
    assert_eq!(log.take(), ["coroutine dropped"]);
}

#[test]
fn a_runner_closed_in_a_running_loop_cannot_wait_and_says_so() {
    let log = Log::default();
    let (mut closed, event_loop) = runner(&log);
    event_loop.create_task(left_behind(&log, "left", |_| cancelled())).unwrap();
    closed.run(ready(())).unwrap();
    let mut closed = Some(closed);
    let main = body(move |_, _| {
        let result = closed.take().expect("it is closed once").close();
        is_runtime_error(result, "Runner.close() cannot be called from a running event loop");
        returns(0)
    });
    test_loop().run_until_complete(main).unwrap();
    assert!(event_loop.is_closed());
    assert_eq!(log.take(), ["Task was destroyed but it is pending!: nothing", "left: GeneratorExit"]);
}

#[test]
fn a_runner_dropped_in_its_own_loop_is_closed_when_the_run_ends() {
    let log = Log::default();
    let (mut runner, event_loop) = runner(&log);
    runner.run(ready(())).unwrap();
    event_loop.call_soon(move || drop(runner)).unwrap();
    event_loop.run_until_complete(ready(())).unwrap();
    assert!(event_loop.is_closed());
    let dropped = "Exception ignored while a runner was dropped: ";
    assert_eq!(log.take(), [format!("{dropped}Runner.close() cannot be called from a running event loop")]);
}

#[test]
fn a_runner_whose_loop_was_closed_raises_and_can_be_closed() {
    let mut runner = Runner::with_loop(virtual_loop);
    runner.handle().unwrap().close().unwrap();
    is_runtime_error(runner.run(ready(())), "Event loop is closed");
    runner.close().unwrap();
}

#[test]
fn a_run_whose_loop_is_stopped_raises_and_the_next_run_goes_on_with_it() {
    let log = Log::default();
    let (mut runner, event_loop) = runner(&log);
    let entries = log.clone();
    let main = body(move |n, got| {
        got?;
        match n {
            0 => {
                event_loop.stop();
                pauses()
            }
            _ => {
                entries.add("goes on");
                returns(0)
            }
        }
    });
    is_runtime_error(runner.run(main), "Event loop stopped before Future completed.");
    runner.run(awaits_end_of_a_turn()).unwrap();
    assert_eq!(log.take(), ["goes on"]);
}

fn awaits_end_of_a_turn() -> Body {
    body(|n, _| if n == 0 { awaits_end(sleep(std::time::Duration::ZERO)) } else { returns(0) })
}

// T18, Z5
#[test]
fn an_interrupt_of_a_task_ends_the_run_and_remaining_tasks_are_awaited() {
    let log = Log::default();
    let (mut runner, event_loop) = runner(&log);
    let entries = log.clone();
    event_loop.create_task(body(|n, _| if n == 0 { sleeps(1) } else { raises(interrupt()) })).unwrap();
    event_loop.create_task(left_behind(&log, "also", |_| raises(interrupt()))).unwrap();
    let main = left_behind(&log, "main", move |n| match n {
        1 => sleeps(3),
        _ => {
            entries.add("main ends");
            returns(0)
        }
    });
    let raised = runner.run(main).unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::KeyboardInterrupt, "enough"));
    log.add("closing");
    assert_eq!(runner.close().unwrap_err().kind(), Kind::KeyboardInterrupt);
    assert_eq!(log.take(), ["closing", "also: CancelledError", "main: CancelledError", "main ends"]);
}

#[test]
fn a_runner_sets_the_current_loop_and_restores_the_previous_one() {
    let no_loop = || EventLoop::current().map(drop).unwrap_err().kind();
    assert_eq!(no_loop(), Kind::RuntimeError);
    let outer = test_loop();
    EventLoop::set_current(Some(outer.handle()));
    let mut runner = Runner::with_loop(virtual_loop);
    assert_eq!(EventLoop::current().unwrap(), outer.handle());
    let event_loop = runner.handle().unwrap();
    assert_eq!(EventLoop::current().unwrap(), event_loop);
    runner.close().unwrap();
    assert_eq!(EventLoop::current().unwrap(), outer.handle());
    // A loop that was set meanwhile stays.
    let mut runner = Runner::with_loop(virtual_loop);
    runner.run(ready(())).unwrap();
    let other = test_loop();
    EventLoop::set_current(Some(other.handle()));
    runner.close().unwrap();
    assert_eq!(EventLoop::current().unwrap(), other.handle());
    EventLoop::set_current(None);
    assert_eq!(no_loop(), Kind::RuntimeError);
}

#[test]
fn the_current_loop_is_the_running_one_and_never_a_closed_one() {
    let (set, runs) = (test_loop(), test_loop());
    EventLoop::set_current(Some(set.handle()));
    let current = runs.run_until_complete(ready(()).map(|()| EventLoop::current().unwrap())).unwrap();
    assert_eq!(current, runs.handle());
    assert_eq!(EventLoop::current().unwrap(), set.handle());
    let elsewhere = std::thread::Builder::new().name("other".into()).spawn(|| EventLoop::current().map(drop));
    is_runtime_error(elsewhere.unwrap().join().unwrap(), "There is no current event loop in thread 'other'.");
    set.close().unwrap();
    assert!(EventLoop::current().is_err());
}

#[test]
fn setting_the_current_loop_does_not_keep_it_alive() {
    let event_loop = test_loop();
    let held = Rc::new(());
    let weak = Rc::downgrade(&held);
    event_loop.set_exception_handler(move |_| drop(Rc::clone(&held)));
    EventLoop::set_current(Some(event_loop.handle()));
    drop(event_loop);
    assert!(weak.upgrade().is_none());
}
