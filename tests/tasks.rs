//! The rules of tasks, one test each: T1 to T26, and what CPython 3.13 makes of them.
//!
//! A comment above a test cites its rule. Lists that begin with numbers were recorded from CPython 3.13, where a
//! callback that queues itself again counts the turns; the program stands above the test. These cannot arise here, or
//! not yet:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | T12 | blocks with a timeout count cancels | there are no such blocks yet |
//! | T13 | a traceback shows where it was suspended | there are no tracebacks; `stack_trace` shows it beforehand |
//! | T16 | something is yielded that cannot be awaited | the types forbid it |
//! | T18 | `KeyboardInterrupt` leaves the loop | a signal raises nothing in Rust; what is like it is a panic |
//! | T19 | a pending task is dropped with its last reference | the loop keeps it; it is reported when the loop is closed |
//! | T20 | contexts | there are no context variables yet |
//! | T21 | `_enter_task`, `_leave_task` | they are not public |
//! | T22 | something else than a coroutine is given | the types forbid it |
//! | T23 to T25 | eager tasks | there are none yet |

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use innermost::{
    AnyTask, Await, Call, Coroutine, CoroutineExt, EventLoop, Exception, Future, Kind, LoopHandle, Resumed, State,
    Step, Task, from_fn, ready, sleep, yield_from,
};

#[path = "support/clock.rs"]
mod clock;
#[path = "support/events.rs"]
mod events;

use clock::test_loop;
use events::{Body, Log, Oops, awaits, awaits_end, body, pauses, pausing, raises, returns};

/// A loop whose turns are counted.
fn counting_loop() -> (EventLoop, Log) {
    let (event_loop, log) = (test_loop(), Log::default());
    log.count_turns(&event_loop);
    (event_loop, log)
}

fn me() -> AnyTask {
    EventLoop::running().expect("a loop runs").current_task().expect("a task runs")
}

/// Lets `turns` pass.
fn run(event_loop: &LoopHandle, turns: u32) {
    event_loop.run_until_complete(pausing(turns)).expect("it only pauses");
}

/// Awaits `awaited`; notes how it starts, and that it was cancelled.
fn link(
    log: &Log,
    name: &'static str,
    awaited: impl Coroutine<Yield = Await, Input = (), Return = i32> + 'static,
) -> Body {
    let (log, mut awaited) = (log.clone(), Some(awaited));
    body(move |_, got| {
        if let Some(awaited) = awaited.take() {
            log.note(format_args!("{name} starts"));
            return awaits(awaited);
        }
        match got {
            Ok(value) => {
                log.note(format_args!("{name} got {value}"));
                returns(value + 1)
            }
            Err(raised) => {
                log.note(format_args!("{name}: {raised}"));
                Err(raised)
            }
        }
    })
}

// T1
#[test]
fn create_task_runs_nothing_and_the_first_step_comes_in_its_turn() {
    let (event_loop, log) = (test_loop(), Log::default());
    let before = log.adds("callback before");
    event_loop.call_soon(before).unwrap();
    let entries = log.clone();
    let task = event_loop.create_task(body(move |_, _| {
        entries.add("body");
        returns(1)
    }));
    let task = task.unwrap();
    event_loop.call_soon(log.adds("callback after")).unwrap();
    assert_eq!(log.take(), [""; 0]);
    assert!(!task.done());
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 1);
    assert_eq!(log.take(), ["callback before", "body", "callback after"]);
}

// T1
/// ```python
/// done = loop.create_future(); done.set_result(3)
/// async def a():
///     note("a 1"); await asyncio.sleep(0); note("a 2"); await asyncio.sleep(0); note("a 3")
/// async def b():
///     note("b 1"); await done; note("b 2"); await ta; note("b 3"); await ta; note("b 4")
/// async def c():
///     note("c 1"); await asyncio.sleep(0); t = loop.create_task(d()); note("c 2"); await t; note("c 3")
/// async def d():
///     note("d")
/// ta = loop.create_task(a())
/// loop.create_task(c())
/// loop.call_soon(lambda: note("callback"))
/// loop.run_until_complete(b()); note("end")
/// ```
#[test]
fn a_yield_takes_a_turn_and_what_is_done_takes_none() {
    let (event_loop, log) = counting_loop();
    let done = event_loop.create_future();
    done.set_result(3).unwrap();
    let entries = log.clone();
    let a = body(move |n, got| {
        got?;
        entries.note(format_args!("a {}", n + 1));
        if n < 2 { pauses() } else { returns(0) }
    });
    let ta = event_loop.create_task(a).unwrap();
    let (entries, awaited) = (log.clone(), ta.clone());
    let b = body(move |n, got| {
        got?;
        entries.note(format_args!("b {}", n + 1));
        match n {
            0 => awaits(done.clone()),
            1 | 2 => awaits(awaited.clone()),
            _ => returns(0),
        }
    });
    let entries = log.clone();
    let c = body(move |n, got| {
        got?;
        match n {
            0 => {
                entries.note("c 1");
                pauses()
            }
            1 => {
                let note = entries.notes("d");
                let d = body(move |_, _| {
                    note();
                    returns(0)
                });
                let d = EventLoop::running()?.create_task(d)?;
                entries.note("c 2");
                awaits(d)
            }
            _ => {
                entries.note("c 3");
                returns(0)
            }
        }
    });
    event_loop.create_task(c).unwrap();
    event_loop.call_soon(log.notes("callback")).unwrap();
    event_loop.run_until_complete(b).unwrap();
    log.note("end");
    assert_eq!(
        log.take(),
        [
            "1 a 1",
            "1 c 1",
            "1 callback",
            "1 b 1",
            "1 b 2",
            "2 a 2",
            "2 c 2",
            "3 a 3",
            "3 d",
            "4 b 3",
            "4 b 4",
            "4 c 3",
            "5 end"
        ]
    );
}

/// ```python
/// future = loop.create_future()
/// async def link(name, inner):
///     note(f"{name} starts"); v = await inner; note(f"{name} got {v}"); return v + 1
/// d = loop.create_task(link("d", future))
/// c = loop.create_task(link("c", d))
/// b = loop.create_task(link("b", c))
/// a = loop.create_task(link("a", b))
/// loop.call_soon(lambda: (note("set"), future.set_result(1)))
/// note(f"returned {loop.run_until_complete(a)}")
/// ```
#[test]
fn a_result_goes_up_a_chain_of_tasks_by_one_task_a_turn() {
    let (event_loop, log) = counting_loop();
    let future = event_loop.create_future();
    let d = event_loop.create_task(link(&log, "d", future.clone())).unwrap();
    let c = event_loop.create_task(link(&log, "c", d)).unwrap();
    let b = event_loop.create_task(link(&log, "b", c)).unwrap();
    let a = event_loop.create_task(link(&log, "a", b)).unwrap();
    let note = log.notes("set");
    let set = move || {
        note();
        future.set_result(1).expect("nobody else sets it");
    };
    event_loop.call_soon(set).unwrap();
    let returned = event_loop.run_until_complete(a).unwrap();
    log.note(format_args!("returned {returned}"));
    assert_eq!(
        log.take(),
        [
            "1 d starts",
            "1 c starts",
            "1 b starts",
            "1 a starts",
            "1 set",
            "2 d got 1",
            "3 c got 2",
            "4 b got 3",
            "5 a got 4",
            "6 returned 5"
        ]
    );
}

// T2
/// ```python
/// async def body(): note("body")
/// t = loop.create_task(body())
/// t.add_done_callback(lambda t: note(f"done {t.cancelled()}"))
/// async def waiter():
///     try: await t
///     except CancelledError as e: note(f"waiter: {e.args[0]}")
/// w = loop.create_task(waiter())
/// note(f"{t.cancel('one')} {t.cancel('two')} {t.cancelling()} {t.cancelled()}")
/// loop.run_until_complete(w)
/// ```
#[test]
fn cancelled_before_its_first_step_the_body_never_runs_and_the_last_message_wins() {
    let (event_loop, log) = counting_loop();
    let (entries, held) = (log.clone(), log.on_drop("body dropped"));
    let task = event_loop.create_task(body(move |_, _| {
        held.keep();
        entries.note("body");
        returns(0)
    }));
    let task = task.unwrap();
    let entries = log.clone();
    task.add_done_callback(move |task| entries.note(format_args!("done {}", task.cancelled())));
    let (entries, awaited) = (log.clone(), task.clone());
    let waiter = event_loop.create_task(body(move |n, got| match n {
        0 => awaits(awaited.clone()),
        _ => {
            entries.note(format_args!("waiter: {}", got.unwrap_err()));
            returns(0)
        }
    }));
    let (one, two) = (task.cancel_message("one"), task.cancel_message("two"));
    log.note(format_args!("{one} {two} {} {}", task.any().cancelling(), task.cancelled()));
    event_loop.run_until_complete(waiter.unwrap()).unwrap();
    // CPython closes the body when the task ends too, and has nothing to show for it.
    assert_eq!(log.take(), ["0 true true 2 false", "body dropped", "1 waiter: two", "2 done true"]);
}

// T2
#[test]
fn cancelled_before_its_first_step_not_even_a_machine_that_catches_is_resumed() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let catches = from_fn(move |sent: Result<(), Exception>| {
        entries.add(format_args!("resumed with {sent:?}"));
        Ok(Step::Return(0))
    });
    let task = event_loop.create_task(catches).unwrap();
    assert!(task.cancel());
    run(&event_loop, 1);
    assert!(task.cancelled());
    assert_eq!(log.take(), [""; 0]);
}

// T2
#[test]
fn uncancelled_before_its_first_step_the_body_runs() {
    let event_loop = test_loop();
    let task = event_loop.create_task(ready(1)).unwrap();
    assert!(task.cancel());
    assert_eq!(task.any().uncancel(), 0);
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 1);
}

// T3
#[test]
fn cancel_cancels_the_future_that_is_awaited_and_then_raises_in_the_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future();
    let (entries, awaited) = (log.clone(), future.clone());
    let task = event_loop.create_task(body(move |n, got| match n {
        0 => awaits(awaited.clone()),
        _ => {
            entries.add(format_args!("{got:?}, future cancelled: {}", awaited.cancelled()));
            got.map(events::Next::Return)
        }
    }));
    let task = task.unwrap();
    run(&event_loop, 1);
    assert!(task.cancel_message("enough"));
    assert!(future.cancelled() && !task.done());
    run(&event_loop, 1);
    assert!(task.cancelled());
    assert_eq!(log.take(), ["Err(CancelledError(\"enough\")), future cancelled: true"]);
}

// T4, T13
/// ```python
/// async def body():
///     try: await future
///     except CancelledError as e: note(f"got {e.args[0]}")
///     await asyncio.sleep(0); note("went on")
/// t = loop.create_task(body())
/// async def main():
///     await asyncio.sleep(0)
///     note(f"{future.cancel('future')} {t.cancel('task')}")
///     await t; note(f"cancelled {t.cancelled()}")
/// loop.run_until_complete(main())
/// ```
#[test]
fn task_and_future_cancelled_together_raise_once_and_the_first_message_survives() {
    let (event_loop, log) = counting_loop();
    let future = event_loop.create_future();
    let task = event_loop.create_task(stubborn(&log, future.clone())).unwrap();
    let (entries, awaited) = (log.clone(), task.clone());
    let main = body(move |n, got| {
        got?;
        match n {
            0 => pauses(),
            1 => {
                let both = (future.cancel_message("future"), awaited.cancel_message("task"));
                entries.note(format_args!("{both:?}"));
                awaits(awaited.clone())
            }
            _ => {
                entries.note(format_args!("cancelled {}", awaited.cancelled()));
                returns(0)
            }
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(log.take(), ["2 (true, true)", "3 got future", "4 went on", "5 cancelled false"]);
}

/// Awaits `future`, notes what that raises, lets the others run, and goes on.
fn stubborn(log: &Log, future: Future<i32>) -> Body {
    let log = log.clone();
    body(move |n, got| match n {
        0 => awaits(future.clone()),
        1 => {
            log.note(format_args!("got {}", got.unwrap_err()));
            pauses()
        }
        _ => {
            log.note("went on");
            got.map(events::Next::Return)
        }
    })
}

// T13
/// ```python
/// t = loop.create_task(body())        # the body of the last test
/// async def main():
///     await asyncio.sleep(0)
///     note(f"{t.cancel('first')} {t.cancel('second')} {future.cancelled()} {t.cancelling()}")
///     await t; note(f"cancelled {t.cancelled()}")
/// loop.run_until_complete(main())
/// ```
#[test]
fn the_message_of_a_cancel_in_flight_survives_a_second_one() {
    let (event_loop, log) = counting_loop();
    let future = event_loop.create_future();
    let task = event_loop.create_task(stubborn(&log, future.clone())).unwrap();
    let (entries, awaited) = (log.clone(), task.clone());
    let main = body(move |n, got| {
        got?;
        match n {
            0 => pauses(),
            1 => {
                let both = (awaited.cancel_message("first"), awaited.cancel_message("second"));
                entries.note(format_args!("{both:?} {} {}", future.cancelled(), awaited.any().cancelling()));
                awaits(awaited.clone())
            }
            _ => {
                entries.note(format_args!("cancelled {}", awaited.cancelled()));
                returns(0)
            }
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(log.take(), ["2 (true, true) true 2", "3 got first", "4 went on", "5 cancelled false"]);
}

// T5
/// ```python
/// async def waiter():
///     try: note(f"got {await future}")
///     except CancelledError: note("cancelled, the result is lost"); raise
/// t = loop.create_task(waiter())
/// async def main():
///     await asyncio.sleep(0)
///     future.set_result(1)
///     note(f"cancel {t.cancel()}")
///     try: await t
///     except CancelledError: note(f"t cancelled {t.cancelled()}, future {future.result()}")
/// loop.run_until_complete(main())
/// ```
#[test]
fn cancelled_after_the_future_was_done_and_before_it_ran_the_task_gets_the_cancel() {
    let (event_loop, log) = counting_loop();
    let future = event_loop.create_future();
    let task = event_loop.create_task(link(&log, "task", future.clone())).unwrap();
    let entries = log.clone();
    let main = body(move |n, got| match n {
        0 => pauses(),
        1 => {
            future.set_result(1).expect("nobody else sets it");
            entries.note(format_args!("cancel {}", task.cancel()));
            awaits(task.clone())
        }
        _ => {
            assert!(got.unwrap_err().is_cancelled());
            entries.note(format_args!("task cancelled {}, future {}", task.cancelled(), future.result()?));
            returns(0)
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(log.take(), ["1 task starts", "2 cancel true", "3 task: cancelled", "4 task cancelled true, future 1"]);
}

// T6
/// ```python
/// async def at_future():
///     future = loop.create_future()
///     asyncio.current_task().cancel("one")
///     try: note("before"); await future
///     except CancelledError as e: note(f"at the future: {e.args[0]}, {future.cancelled()}"); raise
/// async def at_yield():
///     asyncio.current_task().cancel("two")
///     try: await asyncio.sleep(0)
///     except CancelledError as e: note(f"at the yield: {e.args[0]}"); raise
/// async def at_done():
///     future = loop.create_future(); future.set_result(1)
///     asyncio.current_task().cancel("three")
///     await future; note("no suspension at what is done")
///     return 1
/// async def at_child():
///     async def child():
///         note("child starts"); await asyncio.sleep(0); note("never")
///     k = loop.create_task(child())
///     asyncio.current_task().cancel("four")
///     try: await k
///     except CancelledError as e: note(f"at the child: {e.args[0]}, {k.cancelled()}"); raise
/// async def main():
///     for f in (at_future, at_yield, at_done, at_child):
///         t = loop.create_task(f())
///         try: await t
///         except CancelledError as e: note(f"{f.__name__} {t.cancelled()} {e.args[0]}")
/// loop.run_until_complete(main())
/// ```
#[test]
fn a_task_that_cancels_itself_is_cancelled_at_its_next_suspension_or_at_its_end() {
    let (event_loop, log) = counting_loop();
    let bodies = [at_future(&log), at_yield(&log), at_done(&log), at_child(&log)];
    let mut tasks = ["at_future", "at_yield", "at_done", "at_child"].into_iter().zip(bodies);
    let (entries, mut last) = (log.clone(), None::<(&str, Task<i32>)>);
    let main = body(move |_, got| {
        if let Some((name, task)) = last.take() {
            entries.note(format_args!("{name} {} {}", task.cancelled(), got.unwrap_err()));
        }
        let Some((name, body)) = tasks.next() else { return returns(0) };
        let task = EventLoop::running()?.create_task(body)?;
        last = Some((name, task.clone()));
        awaits(task)
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(
        log.take(),
        [
            "2 before",
            "3 at the future: one, true",
            "4 at_future true one",
            "6 at the yield: two",
            "7 at_yield true two",
            "8 no suspension at what is done",
            "9 at_done true three",
            "12 at the child: four, true",
            "13 at_child true four"
        ]
    );
}

fn cancel_me(message: &'static str) -> Result<(), Exception> {
    let event_loop = EventLoop::running()?;
    // By way of a clone of the task, as anybody else would do it.
    let me = me();
    assert!(event_loop.current_task().is_some_and(|task| task.is(&me)));
    assert!(me.cancel_message(message));
    Ok(())
}

fn at_future(log: &Log) -> Body {
    let (log, mut future) = (log.clone(), None);
    body(move |n, got| {
        if n == 0 {
            let created = EventLoop::running()?.create_future::<i32>();
            future = Some(created.clone());
            cancel_me("one")?;
            log.note("before");
            return awaits(created);
        }
        let cancelled = future.take().is_some_and(|future| future.cancelled());
        log.note(format_args!("at the future: {}, {cancelled}", got.as_ref().unwrap_err()));
        got.map(events::Next::Return)
    })
}

fn at_yield(log: &Log) -> Body {
    let log = log.clone();
    body(move |n, got| {
        if n == 0 {
            cancel_me("two")?;
            return pauses();
        }
        log.note(format_args!("at the yield: {}", got.as_ref().unwrap_err()));
        got.map(events::Next::Return)
    })
}

fn at_done(log: &Log) -> Body {
    let log = log.clone();
    body(move |n, got| {
        if n == 0 {
            let future = EventLoop::running()?.create_future();
            future.set_result(1).expect("nobody else sets it");
            cancel_me("three")?;
            return awaits(future);
        }
        log.note("no suspension at what is done");
        got.map(events::Next::Return)
    })
}

fn at_child(log: &Log) -> Body {
    let (log, mut child) = (log.clone(), None);
    body(move |n, got| {
        if n == 0 {
            let starts = log.notes("child starts");
            let task = EventLoop::running()?.create_task(body(move |_, _| {
                starts();
                pauses()
            }))?;
            child = Some(task.clone());
            cancel_me("four")?;
            return awaits(task);
        }
        let cancelled = child.take().is_some_and(|child| child.cancelled());
        log.note(format_args!("at the child: {}, {cancelled}", got.as_ref().unwrap_err()));
        got.map(events::Next::Return)
    })
}

// T6
#[test]
fn a_task_that_cancels_itself_and_raises_fails_with_what_it_raises() {
    let event_loop = test_loop();
    let task = event_loop.create_task(body(|_, _| {
        me().cancel();
        raises(Oops(1))
    }));
    let task = task.unwrap();
    run(&event_loop, 1);
    assert!(!task.cancelled());
    assert_eq!(task.result().unwrap_err().downcast_ref(), Some(&Oops(1)));
}

// T7, T8
/// ```python
/// async def stubborn():
///     try: await first
///     except CancelledError: note(f"caught, first cancelled {first.cancelled()}")
///     try: await second
///     except CancelledError: note("caught again")
///     await asyncio.sleep(0)
///     note("returns"); return 5
/// t = loop.create_task(stubborn())
/// async def main():
///     await asyncio.sleep(0)
///     note(f"cancel {t.cancel()} {t.cancelling()}")
///     await asyncio.sleep(0); await asyncio.sleep(0)
///     note(f"cancel {t.cancel()} {t.cancelling()}")
///     note(f"got {await t}, cancelled {t.cancelled()}, {t.cancelling()}, cancel {t.cancel()}")
/// loop.run_until_complete(main())
/// ```
#[test]
fn a_task_that_catches_may_await_again_and_return() {
    let (event_loop, log) = counting_loop();
    let (first, second) = (event_loop.create_future(), event_loop.create_future());
    let entries = log.clone();
    let task = event_loop.create_task(body(move |n, got| match n {
        0 => awaits(first.clone()),
        1 => {
            assert!(got.unwrap_err().is_cancelled());
            entries.note(format_args!("caught, first cancelled {}", first.cancelled()));
            awaits(second.clone())
        }
        2 => {
            assert!(got.unwrap_err().is_cancelled());
            entries.note("caught again");
            pauses()
        }
        _ => {
            got?;
            entries.note("returns");
            returns(5)
        }
    }));
    let (entries, task) = (log.clone(), task.unwrap());
    let main = body(move |n, got| match n {
        0 | 2 => pauses(),
        1 => {
            entries.note(format_args!("cancel {} {}", task.cancel(), task.any().cancelling()));
            pauses()
        }
        3 => {
            entries.note(format_args!("cancel {} {}", task.cancel(), task.any().cancelling()));
            awaits(task.clone())
        }
        _ => {
            let (cancelled, cancelling) = (task.cancelled(), task.any().cancelling());
            entries.note(format_args!("got {}, cancelled {cancelled}, {cancelling}, cancel {}", got?, task.cancel()));
            returns(0)
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(
        log.take(),
        [
            "2 cancel true 1",
            "3 caught, first cancelled true",
            "4 cancel true 2",
            "5 caught again",
            "6 returns",
            "7 got 5, cancelled false, 2, cancel false"
        ]
    );
}

// T9
/// ```python
/// future.add_done_callback(lambda f: note(f"future cancelled {f.cancelled()}"))
/// async def link(name, inner):
///     note(f"{name} starts")
///     try: return await inner
///     except CancelledError as e: note(f"{name}: {e.args[0]}"); raise
/// inner = loop.create_task(link("inner", future))
/// middle = loop.create_task(link("middle", inner))
/// outer = loop.create_task(link("outer", middle))
/// for n, t in (("inner", inner), ("middle", middle), ("outer", outer)):
///     t.add_done_callback(lambda t, n=n: note(f"{n} done, {t.cancelled()}, {t.cancelling()}"))
/// async def main():
///     await asyncio.sleep(0)
///     note(f"cancel {outer.cancel('enough')}")
///     note(f"{future.cancelled()} {inner.cancelled()} {outer.cancelled()}")
///     try: await outer
///     except CancelledError as e: note(f"main got {e.args[0]}")
/// loop.run_until_complete(main())
/// ```
#[test]
fn a_cancel_goes_down_a_chain_at_once_and_up_again_by_one_task_a_turn() {
    let (event_loop, log) = counting_loop();
    let future = event_loop.create_future();
    let entries = log.clone();
    future.add_done_callback(move |future| entries.note(format_args!("future cancelled {}", future.cancelled())));
    let inner = event_loop.create_task(link(&log, "inner", future.clone())).unwrap();
    let middle = event_loop.create_task(link(&log, "middle", inner.clone())).unwrap();
    let outer = event_loop.create_task(link(&log, "outer", middle.clone())).unwrap();
    for (name, task) in [("inner", &inner), ("middle", &middle), ("outer", &outer)] {
        let (entries, any) = (log.clone(), task.any());
        task.add_done_callback(move |task| {
            entries.note(format_args!("{name} done, {}, {}", task.cancelled(), any.cancelling()));
        });
    }
    let entries = log.clone();
    let main = body(move |n, got| match n {
        0 => pauses(),
        1 => {
            entries.note(format_args!("cancel {}", outer.cancel_message("enough")));
            entries.note(format_args!("{} {} {}", future.cancelled(), inner.cancelled(), outer.cancelled()));
            awaits(outer.clone())
        }
        _ => {
            entries.note(format_args!("main got {}", got.unwrap_err()));
            returns(0)
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(
        log.take(),
        [
            "1 inner starts",
            "1 middle starts",
            "1 outer starts",
            "2 cancel true",
            "2 true false false",
            "3 future cancelled true",
            "3 inner: enough",
            "4 inner done, true, 1",
            "4 middle: enough",
            "5 middle done, true, 1",
            "5 outer: enough",
            "6 outer done, true, 1",
            "6 main got enough"
        ]
    );
}

// T9
#[test]
fn a_cancel_goes_through_frames_and_inline_children_innermost_first() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future();
    let child = |name, awaited: Body| {
        let (log, mut awaited) = (log.clone(), Some(awaited));
        body(move |_, got| {
            if let Some(awaited) = awaited.take() {
                return awaits(awaited);
            }
            log.add(format_args!("{name}: {}", got.as_ref().unwrap_err()));
            got.map(events::Next::Return)
        })
    };
    let innermost = child("innermost", Box::new(future));
    let middle = child("middle", Box::new(Call::new(innermost)));
    let outer = event_loop.create_task(child("outer", middle)).unwrap();
    run(&event_loop, 1);
    outer.cancel();
    run(&event_loop, 1);
    assert!(outer.cancelled());
    assert_eq!(log.take(), ["innermost: cancelled", "middle: cancelled", "outer: cancelled"]);
}

// T9
#[test]
fn a_task_that_waits_for_the_end_of_another_is_cancelled_by_itself() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future::<i32>();
    let other = event_loop.create_task(future.clone()).unwrap();
    let (entries, awaited) = (log.clone(), other.any());
    let waits = event_loop.create_task(body(move |n, got| match n {
        0 => awaits_end(awaited.clone()),
        _ => {
            entries.add(format_args!("{got:?}, other done: {}", awaited.done()));
            got.map(events::Next::Return)
        }
    }));
    let waits = waits.unwrap();
    run(&event_loop, 1);
    // As `asyncio.wait` does: it waits for the end, and does not bring it about.
    assert!(waits.cancel());
    assert!(!other.done() && !future.cancelled());
    run(&event_loop, 1);
    assert!(waits.cancelled() && !other.done());
    assert_eq!(log.take(), ["Err(CancelledError), other done: false"]);
    future.set_result(1).unwrap();
    assert_eq!(event_loop.run_until_complete(other).unwrap(), 1);
}

// T10
#[test]
fn each_cancel_that_is_accepted_is_counted_and_none_is_accepted_once_it_is_done() {
    let event_loop = test_loop();
    let task = event_loop.create_task(ready(1)).unwrap();
    assert_eq!(task.any().cancelling(), 0);
    assert!(task.cancel() && task.any().cancel());
    assert_eq!(task.any().cancelling(), 2);
    run(&event_loop, 1);
    assert!(!task.cancel() && !task.any().cancel() && !Future::cancel(&task));
    assert_eq!(task.any().cancelling(), 2);
}

// T11
/// ```python
/// async def body():
///     me = asyncio.current_task()
///     note(f"{me.cancel()} {me.cancelling()} {me.uncancel()} {me.uncancel()}")
///     await asyncio.sleep(0); note("not cancelled")
///     me.cancel(); me.cancel(); note(f"{me.uncancel()}")
///     try: await asyncio.sleep(0)
///     except CancelledError: note(f"cancelled {me.cancelling()} {me.uncancel()}")
///     note(f"got {await future}")
/// t = loop.create_task(body())
/// async def main():
///     for _ in range(4): await asyncio.sleep(0)
///     t.cancel(); note(f"{t.uncancel()} {future.cancelled()}")
///     try: await t
///     except CancelledError: note("what was delivered to the future is not withdrawn")
/// loop.run_until_complete(main())
/// ```
#[test]
fn uncancel_stops_at_none_and_withdraws_what_was_not_delivered_then() {
    let (event_loop, log) = counting_loop();
    let future = event_loop.create_future();
    let (entries, awaited) = (log.clone(), future.clone());
    let task = event_loop.create_task(body(move |n, got| match n {
        0 => {
            let me = me();
            let before = (me.cancel(), me.cancelling());
            entries.note(format_args!("{before:?} {} {}", me.uncancel(), me.uncancel()));
            pauses()
        }
        1 => {
            got?;
            entries.note("not cancelled");
            let me = me();
            assert!(me.cancel() && me.cancel());
            entries.note(me.uncancel());
            pauses()
        }
        2 => {
            assert!(got.unwrap_err().is_cancelled());
            entries.note(format_args!("cancelled {} {}", me().cancelling(), me().uncancel()));
            awaits(awaited.clone())
        }
        _ => got.map(events::Next::Return),
    }));
    let (entries, task) = (log.clone(), task.unwrap());
    let main = body(move |n, got| match n {
        0..4 => pauses(),
        4 => {
            task.cancel();
            entries.note(format_args!("{} {}", task.any().uncancel(), future.cancelled()));
            awaits(task.clone())
        }
        _ => {
            assert!(got.unwrap_err().is_cancelled());
            entries.note("what was delivered to the future is not withdrawn");
            returns(0)
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(
        log.take(),
        [
            "1 (true, 1) 0 0",
            "2 not cancelled",
            "2 1",
            "3 cancelled 1 0",
            "5 0 true",
            "7 what was delivered to the future is not withdrawn"
        ]
    );
}

// T14
/// ```python
/// async def body():
///     try: await asyncio.current_task()
///     except RuntimeError as e: note(str(e).split(':')[0])
///     await asyncio.sleep(0); note("goes on")
/// t = loop.create_task(body())
/// loop.call_soon(lambda: note("callback"))
/// loop.run_until_complete(t); note("end")
/// ```
#[test]
fn a_task_that_awaits_itself_gets_a_runtime_error_there() {
    let (event_loop, log) = counting_loop();
    let entries = log.clone();
    let task = event_loop.create_task(body(move |n, got| match n {
        0 => awaits_end(me()),
        1 => {
            let raised = got.unwrap_err();
            assert_eq!(raised.kind(), Kind::RuntimeError);
            entries.note(raised);
            pauses()
        }
        _ => {
            got?;
            entries.note("goes on");
            returns(0)
        }
    }));
    event_loop.call_soon(log.notes("callback")).unwrap();
    event_loop.run_until_complete(task.unwrap()).unwrap();
    log.note("end");
    assert_eq!(log.take(), ["1 callback", "2 Task cannot await on itself", "3 goes on", "4 end"]);
}

// T15
#[test]
fn a_future_or_task_of_another_loop_is_a_runtime_error_in_the_task() {
    let (event_loop, other) = (test_loop(), test_loop());
    let (future, task) = (other.create_future::<i32>(), other.create_task(pausing(1)).unwrap());
    for foreign in [Box::new(future) as Body, Box::new(task)] {
        let raised = event_loop.run_until_complete(foreign_in_a_task(foreign)).unwrap_err();
        assert_eq!(raised.kind(), Kind::RuntimeError);
        assert_eq!(raised.to_string(), "this future is attached to a different event loop");
    }
    assert_eq!(other.all_tasks().len(), 1);
}

fn foreign_in_a_task(foreign: Body) -> Body {
    let mut foreign = Some(foreign);
    body(move |_, got| match foreign.take() {
        Some(foreign) => awaits(foreign),
        None => got.map(events::Next::Return),
    })
}

// T15
#[test]
fn a_run_for_a_future_of_another_loop_is_refused() {
    let (event_loop, other) = (test_loop(), test_loop());
    let (future, task) = (other.create_future::<i32>(), other.create_task(pausing(1)).unwrap());
    let text = "The future belongs to a different loop than the one specified as the loop argument";
    for raised in [event_loop.run_until_complete(future), event_loop.run_until_complete(task)] {
        let raised = raised.unwrap_err();
        assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::ValueError, text));
    }
}

// T16
#[test]
fn a_task_that_yields_nothing_to_wait_for_is_resumed_in_the_next_turn() {
    let (event_loop, log) = counting_loop();
    let entries = log.clone();
    let mut yields = 0;
    let task = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        entries.note(yields);
        yields += 1;
        Ok(if yields < 4 { Step::Yield(Await::NextTurn) } else { Step::Return(()) })
    });
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(log.take(), ["1 0", "2 1", "3 2", "4 3"]);
}

// T17
#[test]
fn the_result_of_a_task_cannot_be_set() {
    let event_loop = test_loop();
    let task = event_loop.create_task(ready(1)).unwrap();
    assert_eq!(task.set_result(2).unwrap_err().0, 2);
    let refused = task.set_exception(Oops(2)).unwrap_err();
    assert_eq!(refused.0.downcast_ref(), Some(&Oops(2)));
    assert!(!task.done());
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), 1);
    assert_eq!(task.set_result(2).unwrap_err().0, 2);
}

// T18
#[test]
fn a_panic_becomes_the_exception_of_its_task_and_the_loop_goes_on() {
    let (event_loop, log) = (test_loop(), Log::default());
    let held = log.on_drop("body dropped");
    let task = event_loop.create_task(body(move |n, _| {
        held.keep();
        if n == 0 { pauses() } else { panic!("it is {n}") }
    }));
    let task = task.unwrap();
    let (entries, awaited) = (log.clone(), task.clone());
    let waiter = body(move |n, got| match n {
        0 => awaits(awaited.clone()),
        _ => {
            let raised = got.unwrap_err();
            entries.add(format_args!("waiter: {:?} {raised}", raised.kind()));
            returns(0)
        }
    });
    let after = log.adds("same turn");
    let mut after = Some(after);
    let beside = body(move |n, _| {
        if n == 0 {
            return pauses();
        }
        after.take().expect("it is resumed twice")();
        returns(0)
    });
    event_loop.create_task(beside).unwrap();
    event_loop.run_until_complete(waiter).unwrap();
    assert_eq!(log.take(), ["body dropped", "same turn", "waiter: Panic it is 1"]);
    assert!(task.done() && !task.cancelled() && !task.cancel());
    assert_eq!(task.stack_trace_frames(), [""; 0]);
    assert!(event_loop.all_tasks().is_empty() && event_loop.current_task().is_none());
}

/// Short words for assertions.
trait Frames {
    fn stack_trace_frames(&self) -> Vec<String>;
}

impl<T: 'static> Frames for Task<T> {
    fn stack_trace_frames(&self) -> Vec<String> {
        self.any().stack_trace().frames().to_vec()
    }
}

// T18
#[test]
fn a_panic_that_nobody_fetches_is_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    event_loop.create_task(body(|_, _| panic!("unheard"))).unwrap();
    event_loop.create_task(body(|_, _| std::panic::panic_any(7))).unwrap();
    run(&event_loop, 1);
    let text = "Future exception was never retrieved";
    assert_eq!(log.take(), [format!("{text}: unheard"), format!("{text}: a panic with a payload that is no text")]);
}

// T18
#[test]
fn a_panic_inside_a_frame_drops_the_frames_innermost_first() {
    let (event_loop, log) = (test_loop(), Log::default());
    let child = |name, awaited: Option<Body>| {
        let (held, mut awaited) = (log.on_drop(name), awaited);
        body(move |n, got| {
            held.keep();
            match awaited.take() {
                Some(awaited) => awaits(awaited),
                None if n == 0 => pauses(),
                None => panic!("after {got:?}"),
            }
        })
    };
    let innermost = child("innermost", None);
    let middle = child("middle", Some(Box::new(Call::new(innermost))));
    let task = event_loop.create_task(child("outer", Some(Box::new(Call::new(middle))))).unwrap();
    run(&event_loop, 2);
    assert_eq!(task.result().unwrap_err().to_string(), "after Ok(0)");
    assert_eq!(log.take(), ["innermost", "middle", "outer"]);
}

// T18
#[test]
fn a_coroutine_that_panics_when_it_is_dropped_at_its_end_fails_with_that() {
    let event_loop = test_loop();
    let bomb = events::on_drop(|| panic!("in drop"));
    let task = event_loop.create_task(body(move |_, _| {
        bomb.keep();
        returns(1)
    }));
    let (task, other) = (task.unwrap(), event_loop.create_task(pausing(1)).unwrap());
    run(&event_loop, 2);
    let raised = task.result().unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::Panic, "in drop"));
    assert!(other.done());
}

// T18
#[test]
fn a_coroutine_that_panics_and_panics_again_when_it_is_dropped_takes_nothing_down_with_it() {
    let (event_loop, log) = (test_loop(), Log::default());
    let bomb = events::on_drop(|| panic!("in drop"));
    let task = event_loop.create_task(body(move |n, _| {
        bomb.keep();
        if n == 0 { pauses() } else { panic!("in a step") }
    }));
    let (task, other) = (task.unwrap(), event_loop.create_task(pausing(1)).unwrap());
    event_loop.call_soon(log.adds("callback")).unwrap();
    run(&event_loop, 2);
    let raised = task.result().unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::Panic, "in a step"));
    assert!(other.done() && event_loop.all_tasks().is_empty());
    assert_eq!(log.take(), ["callback"]);
}

// T19
#[test]
fn a_task_whose_handles_are_all_dropped_runs_on() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let task = body(move |n, _| {
        if n == 0 {
            return pauses();
        }
        entries.add("runs on");
        returns(0)
    });
    drop(event_loop.create_task(task).unwrap());
    run(&event_loop, 1);
    assert_eq!(log.take(), ["runs on"]);
}

// T19
#[test]
fn tasks_left_when_the_loop_is_closed_are_closed_oldest_first_and_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let future = event_loop.create_future::<i32>();
    let left = |name: &'static str, awaited: Body| {
        let (log, mut awaited) = (log.clone(), Some(awaited));
        let held = log.on_drop("dropped");
        body(move |_, got| {
            held.keep();
            if let Some(awaited) = awaited.take() {
                return awaits(awaited);
            }
            log.add(format_args!("{name}: {}", got.as_ref().unwrap_err()));
            got.map(events::Next::Return)
        })
    };
    let young = event_loop.create_task(left("first", Box::new(future))).unwrap();
    let task = event_loop.create_task(left("second", Box::new(young.clone()))).unwrap();
    event_loop.create_task(left("third", pausing(100))).unwrap();
    run(&event_loop, 1);
    event_loop.create_task(left("never started", pausing(1))).unwrap();
    event_loop.close().unwrap();
    let destroyed = "Task was destroyed but it is pending!: nothing";
    assert_eq!(
        log.take(),
        [
            destroyed,
            "first: generator exit",
            "dropped",
            destroyed,
            "second: generator exit",
            "dropped",
            destroyed,
            "third: generator exit",
            "dropped",
            destroyed,
            "dropped"
        ]
    );
    assert!(young.cancelled() && task.cancelled());
    assert!(event_loop.all_tasks().is_empty());
}

// T19
#[test]
fn frames_left_when_the_loop_is_closed_are_closed_innermost_first() {
    let (event_loop, log) = (test_loop(), Log::default());
    let child = |name, awaited: Body| {
        let (log, mut awaited) = (log.clone(), Some(awaited));
        body(move |_, got| {
            if let Some(awaited) = awaited.take() {
                return awaits(awaited);
            }
            log.add(format_args!("{name}: {}", got.as_ref().unwrap_err()));
            got.map(events::Next::Return)
        })
    };
    let innermost = child("innermost", pausing(100));
    let middle = child("middle", Box::new(Call::new(innermost)));
    event_loop.create_task(child("outer", Box::new(Call::new(middle)))).unwrap();
    run(&event_loop, 1);
    log.reports(&event_loop);
    drop(event_loop);
    assert_eq!(
        log.take(),
        [
            "Task was destroyed but it is pending!: nothing",
            "innermost: generator exit",
            "middle: generator exit",
            "outer: generator exit"
        ]
    );
}

// T19
#[test]
fn a_task_that_ignores_its_exit_or_panics_when_the_loop_is_closed_is_over_nevertheless() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let answers: [fn() -> events::Answer; 3] = [pauses, || returns(7), || panic!("at its exit")];
    let tasks = answers.map(|answer| {
        let held = log.on_drop("dropped");
        let task = body(move |n, _| {
            held.keep();
            if n == 0 { pauses() } else { answer() }
        });
        event_loop.create_task(task).unwrap()
    });
    event_loop.stop();
    event_loop.run_forever().unwrap();
    event_loop.close().unwrap();
    assert!(tasks.iter().all(|task| task.cancelled()));
    assert_eq!(log.take().iter().filter(|entry| *entry == "dropped").count(), 3);
}

// T19
#[test]
fn a_panic_in_a_task_that_is_closed_with_its_loop_is_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    let panics = body(|n, _| if n == 0 { pauses() } else { panic!("at its exit") });
    event_loop.create_task(panics).unwrap();
    event_loop.stop();
    event_loop.run_forever().unwrap();
    log.reports(&event_loop);
    event_loop.close().unwrap();
    let reports = log.take();
    assert_eq!(reports[0], "Task was destroyed but it is pending!: nothing");
    assert!(reports[1].ends_with(": at its exit"), "{reports:?}");
    assert_eq!(reports.len(), 2);
}

// T21
#[test]
fn the_current_task_is_the_one_whose_coroutine_runs() {
    let (event_loop, log) = (test_loop(), Log::default());
    assert!(event_loop.current_task().is_none());
    let current = |log: &Log| {
        let current = EventLoop::running().expect("a loop runs").current_task();
        log.add(current.map_or_else(|| "nobody".into(), |task| task.name()));
    };
    let task = |panics: bool| {
        let log = log.clone();
        body(move |n, _| {
            current(&log);
            assert!(!panics, "on purpose");
            if n == 0 { pauses() } else { returns(0) }
        })
    };
    let first = event_loop.create_task(task(false)).unwrap();
    let entries = log.clone();
    first.add_done_callback(move |_| current(&entries));
    event_loop.create_task(task(true)).unwrap();
    let entries = log.clone();
    event_loop.call_soon(move || current(&entries)).unwrap();
    event_loop.create_task(task(false)).unwrap();
    run(&event_loop, 2);
    assert_eq!(log.take(), ["Task-1", "Task-2", "nobody", "Task-3", "Task-1", "Task-3", "nobody"]);
    assert!(event_loop.current_task().is_none());
}

// T26
#[test]
fn a_stack_trace_shows_frames_outermost_first_and_what_is_awaited() {
    #[derive(Debug)]
    enum Phase {
        Created,
        Reading,
    }
    struct Session {
        phase: Phase,
        child: Call<Reader>,
    }
    struct Reader(Future<i32>);
    impl Coroutine for Session {
        type Yield = Await;
        type Input = ();
        type Return = i32;
        fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
            self.phase = Phase::Reading;
            yield_from!(self.child, sent).map(Step::Return)
        }
        fn state(&self) -> State<'_> {
            State::new("Session", &self.phase)
        }
    }
    impl Coroutine for Reader {
        type Yield = Await;
        type Input = ();
        type Return = i32;
        fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
            yield_from!(self.0, sent).map(Step::Return)
        }
        fn state(&self) -> State<'_> {
            State::new("Reader", &"waiting").delegating_to(self.0.state())
        }
    }
    let event_loop = test_loop();
    let future = event_loop.create_future();
    let session = Session { phase: Phase::Created, child: Call::new(Reader(future.clone())) };
    let task = event_loop.create_task(session).unwrap();
    assert_eq!(task.any().stack_trace().to_string(), "Session: Created");
    run(&event_loop, 1);
    let trace = task.any().stack_trace();
    assert_eq!(trace.frames(), ["Session: Reading", "Reader: \"waiting\" > Future: Future(pending)"]);
    assert_eq!(trace.yielded(), Some("Future(pending)"));
    future.set_result(1).unwrap();
    run(&event_loop, 1);
    assert_eq!(task.stack_trace_frames(), [""; 0]);
    assert_eq!(task.any().stack_trace().yielded(), None);
}

// T26
#[test]
fn a_stack_trace_shows_nothing_awaited_where_nothing_is() {
    let event_loop = test_loop();
    let future = event_loop.create_future();
    future.set_result(0).unwrap();
    let later = event_loop.create_future::<i32>();
    let awaited = later.clone();
    let task = event_loop.create_task(body(move |n, _| match n {
        0 => awaits(awaited.clone()),
        _ => pauses(),
    }));
    let task = task.unwrap();
    run(&event_loop, 1);
    assert_eq!(task.any().stack_trace().yielded(), Some("Future(pending)"));
    later.set_result(1).unwrap();
    run(&event_loop, 2);
    let yielded = task.any().stack_trace().yielded().map(String::from);
    assert!(matches!(yielded.as_deref(), None | Some("NextTurn")), "{yielded:?}");
}

// T26
#[test]
fn a_task_that_runs_shows_that_in_its_stack_trace() {
    let event_loop = test_loop();
    let traces = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&traces);
    let task = body(move |_, _| {
        seen.borrow_mut().push(me().stack_trace().to_string());
        returns(0)
    });
    event_loop.run_until_complete(task).unwrap();
    let traces = traces.take();
    assert!(traces.len() == 1 && traces[0].ends_with(" (running)"), "{traces:?}");
}

#[test]
fn tasks_are_named_by_their_number_until_they_are_named() {
    let event_loop = test_loop();
    let (first, second) = (event_loop.create_task(ready(())).unwrap(), event_loop.create_task(ready(())).unwrap());
    assert_eq!((first.any().name().as_str(), second.any().name().as_str()), ("Task-1", "Task-2"));
    second.any().set_name("reader");
    assert_eq!(second.any().name(), "reader");
    second.any().set_name(String::from("writer"));
    assert_eq!(second.any().name(), "writer");
    assert_eq!(format!("{first:?} {:?}", second.any()), "Task(Task-1, pending) Task(writer, pending)");
    assert_eq!(event_loop.create_task(ready(())).unwrap().any().name(), "Task-3");
    // Numbers are a loop's own.
    assert_eq!(test_loop().create_task(ready(())).unwrap().any().name(), "Task-1");
    run(&event_loop, 1);
    assert_eq!(format!("{first:?}"), "Task(Task-1, finished)");
}

#[test]
fn all_tasks_are_those_that_have_not_ended_oldest_first() {
    let event_loop = test_loop();
    let names = || event_loop.all_tasks().iter().map(AnyTask::name).collect::<Vec<_>>();
    let tasks: Vec<_> = (0..4).map(|n| event_loop.create_task(pausing(n)).unwrap()).collect();
    assert_eq!(names(), ["Task-1", "Task-2", "Task-3", "Task-4"]);
    event_loop.run_until_complete(tasks[1].clone()).unwrap();
    assert_eq!(names(), ["Task-4"]);
    // Theirs are used again: the order is that of age nevertheless.
    event_loop.create_task(pausing(9)).unwrap();
    event_loop.create_task(pausing(9)).unwrap();
    assert_eq!(names(), ["Task-4", "Task-5", "Task-6"]);
    assert!(event_loop.all_tasks()[0].is(&tasks[3].any()));
}

#[test]
fn waiting_for_the_end_of_a_task_raises_nothing_and_leaves_the_exception_for_others() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let failing = event_loop.create_task(body(|_, _| raises(Oops(1)))).unwrap();
    let cancelled = event_loop.create_task(pausing(1)).unwrap();
    cancelled.cancel();
    event_loop.run_until_complete(failing.any()).unwrap();
    event_loop.run_until_complete(cancelled.any()).unwrap();
    assert!(failing.done() && cancelled.cancelled());
    drop(failing);
    assert_eq!(log.take(), ["Future exception was never retrieved: oops 1"]);
}

#[test]
fn a_result_that_cannot_be_cloned_is_joined() {
    #[derive(Debug, PartialEq, Eq)]
    struct Only(i32);
    let event_loop = test_loop();
    let task = event_loop.create_task(pausing(1).map(|_| Only(7))).unwrap();
    assert_eq!(event_loop.run_until_complete(task.join()).unwrap(), Only(7));
}

/// ```python
/// tasks = {}
/// async def body(name, other):
///     note(f"{name} starts")
///     try: await tasks[other]
///     except CancelledError: note(f"{name} cancelled"); raise
/// for n, o in (("a", "b"), ("b", "c"), ("c", "a")): tasks[n] = loop.create_task(body(n, o))
/// tasks["a"].cancel()         # in the third turn: RecursionError
/// ```
#[test]
fn a_circle_of_tasks_that_wait_for_one_another_ends_when_one_is_cancelled() {
    for first in 0..3 {
        let (event_loop, log) = counting_loop();
        let tasks = Rc::new(RefCell::new(Vec::<Task<i32>>::new()));
        for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
            let (log, others) = (log.clone(), Rc::clone(&tasks));
            let task = body(move |n, got| {
                if n == 0 {
                    return awaits(others.borrow()[(number + 1) % 3].clone());
                }
                log.note(format_args!("{name}: {}", got.as_ref().unwrap_err()));
                got.map(events::Next::Return)
            });
            tasks.borrow_mut().push(event_loop.create_task(task).unwrap());
        }
        run(&event_loop, 1);
        let tasks = tasks.take();
        assert!(tasks[first].cancel());
        run(&event_loop, 3);
        assert!(tasks.iter().all(|task| task.cancelled()));
        // The one before the first is woken: it waits for the first.
        let order = [2, 1, 0].map(|back| ["a", "b", "c"][(first + back) % 3]);
        let noted: Vec<_> = log.take();
        assert_eq!(
            noted,
            order.iter().zip(4..).map(|(name, turn)| format!("{turn} {name}: cancelled")).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_circle_whose_tasks_catch_their_cancel_goes_on() {
    let event_loop = test_loop();
    let other = Rc::new(RefCell::new(None::<Task<i32>>));
    let awaited = Rc::clone(&other);
    let first = event_loop.create_task(body(move |n, got| match n {
        0 => awaits(awaited.borrow().clone().expect("it is made before the loop runs")),
        _ => returns(got.map_or(1, |value| value + 10)),
    }));
    let first = first.unwrap();
    let awaited = first.clone();
    let second = event_loop.create_task(body(move |n, got| match n {
        0 => awaits(awaited.clone()),
        _ => returns(got.map_or(2, |value| value + 20)),
    }));
    let second = second.unwrap();
    other.replace(Some(second.clone()));
    run(&event_loop, 1);
    assert!(first.cancel());
    run(&event_loop, 3);
    assert_eq!((second.result().unwrap(), first.result().unwrap()), (2, 12));
}

/// On a thread with a small stack: what recurses overflows it.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 * 1024).spawn(test).expect("there are threads left");
    thread.join().expect("the test passes");
}

const LONG: usize = 100_000;

/// Tasks each of which awaits the one before it, the first a future.
fn long_chain(event_loop: &LoopHandle) -> (Future<u32>, Vec<Task<u32>>) {
    struct Link(Box<dyn Coroutine<Yield = Await, Input = (), Return = u32>>);
    impl Coroutine for Link {
        type Yield = Await;
        type Input = ();
        type Return = u32;
        fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
            Ok(Step::Return(yield_from!(self.0, sent)? + 1))
        }
    }
    let future = event_loop.create_future();
    let mut tasks: Vec<Task<u32>> = Vec::with_capacity(LONG);
    for _ in 0..LONG {
        let link: Link = match tasks.last() {
            Some(task) => Link(Box::new(task.clone())),
            None => Link(Box::new(future.clone())),
        };
        tasks.push(event_loop.create_task(link).expect("the loop is open"));
    }
    run(event_loop, 1);
    (future, tasks)
}

#[test]
fn a_long_chain_of_tasks_gives_its_result_task_by_task() {
    on_a_small_stack(|| {
        let event_loop = test_loop();
        let (future, tasks) = long_chain(&event_loop);
        future.set_result(0).unwrap();
        assert_eq!(event_loop.run_until_complete(tasks[LONG - 1].clone()).unwrap(), LONG as u32);
    });
}

// T9
#[test]
fn a_long_chain_of_tasks_that_is_cancelled_at_its_far_end_ends_without_recursion() {
    on_a_small_stack(|| {
        let event_loop = test_loop();
        let (future, tasks) = long_chain(&event_loop);
        assert!(tasks[LONG - 1].cancel_message("enough"));
        assert!(future.cancelled());
        let raised = event_loop.run_until_complete(tasks[LONG - 1].clone()).unwrap_err();
        assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::CancelledError, "enough"));
        assert!(tasks.iter().all(|task| task.cancelled()));
    });
}

// T9
#[test]
fn a_long_circle_of_tasks_ends_when_one_is_cancelled() {
    on_a_small_stack(|| {
        let event_loop = test_loop();
        let last = Rc::new(RefCell::new(None::<Task<i32>>));
        let awaited = Rc::clone(&last);
        let mut tasks: Vec<Task<i32>> = Vec::with_capacity(LONG);
        let first = body(move |n, got| match n {
            0 => awaits(awaited.borrow_mut().take().expect("it is made before the loop runs")),
            _ => got.map(events::Next::Return),
        });
        tasks.push(event_loop.create_task(first).unwrap());
        for number in 1..LONG {
            tasks.push(event_loop.create_task(tasks[number - 1].clone()).unwrap());
        }
        last.replace(tasks.last().cloned());
        run(&event_loop, 1);
        assert!(tasks[LONG / 2].cancel());
        assert!(event_loop.run_until_complete(tasks[LONG / 2].clone()).unwrap_err().is_cancelled());
        assert!(tasks.iter().all(|task| task.cancelled()));
    });
}

// T19
#[test]
fn a_long_chain_of_tasks_is_closed_with_its_loop_without_recursion() {
    on_a_small_stack(|| {
        let event_loop = test_loop();
        event_loop.set_exception_handler(|_| {});
        let (future, tasks) = long_chain(&event_loop);
        let last = tasks[LONG - 1].clone();
        drop((future, tasks, event_loop));
        assert!(last.cancelled());
    });
}

#[test]
fn a_task_may_sleep_be_cancelled_and_leave_no_timer() {
    let event_loop = test_loop();
    let sleeping = event_loop.create_task(sleep(Duration::from_secs(3600))).unwrap();
    run(&event_loop, 1);
    assert_eq!(event_loop.next_deadline(), Some(Duration::from_secs(3600)));
    assert!(sleeping.cancel());
    run(&event_loop, 1);
    assert!(sleeping.cancelled());
    assert_eq!(event_loop.next_deadline(), None);
}
