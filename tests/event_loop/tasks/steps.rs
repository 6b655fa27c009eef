//! T1, T14 to T17: how a task starts, steps and ends.

use innermost::{Await, Call, CoroutineExt, Exception, Kind, Step, from_fn, ready, spawn};

use crate::support::clock::test_loop;
use crate::support::events::{Body, Log, Next, Oops, awaits, awaits_end, body, pauses, pausing, raises, returns, run};
use crate::tasks::bodies::{counting_loop, link, me};

// T1
#[test]
fn create_task_runs_nothing_until_the_next_turn() {
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
fn a_yield_takes_a_turn_and_awaiting_a_finished_future_takes_none() {
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
                let d = spawn(d)?;
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
fn a_result_ascends_a_chain_of_tasks_one_task_per_turn() {
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

// T16
#[test]
fn a_bare_yield_resumes_the_task_in_the_next_turn() {
    let (event_loop, log) = counting_loop();
    let entries = log.clone();
    let mut yields = 0;
    let task = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        entries.note(yields);
        yields += 1;
        Ok(if yields < 4 { Step::Yield(Await::next_turn()) } else { Step::Return(()) })
    });
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(log.take(), ["1 0", "2 1", "3 2", "4 3"]);
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
fn awaiting_oneself_raises_runtime_error() {
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
fn awaiting_a_future_or_task_of_another_loop_raises_runtime_error() {
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
        None => got.map(Next::Return),
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

#[test]
fn spawn_makes_a_task_of_the_running_loop() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (outer, inner) = (log.clone(), log.clone());
    let main = body(move |n, got| {
        if n == 0 {
            let inner = inner.clone();
            outer.add("spawns");
            let task = spawn(body(move |_, _| {
                inner.add("runs");
                returns(7)
            }))?;
            outer.add("spawned");
            return awaits(task);
        }
        got.map(Next::Return)
    });
    assert_eq!(event_loop.run_until_complete(main).unwrap(), 7);
    assert_eq!(log.take(), ["spawns", "spawned", "runs"]);
}

#[test]
fn spawn_is_refused_without_a_running_loop() {
    let _current = test_loop();
    let raised = spawn(ready(1)).unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::RuntimeError, "no running event loop"));
}

#[test]
fn a_callback_of_a_task_receives_the_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let task = event_loop.create_task(ready(1)).unwrap();
    let (expected, entries) = (task.clone(), log.clone());
    task.add_done_callback(move |done| entries.note(format_args!("{} {:?}", done.is(&expected), done.result())));
    let removed = task.add_done_callback(|_| panic!("it was removed"));
    assert!(task.remove_done_callback(removed) && !task.remove_done_callback(removed));
    event_loop.run_until_complete(task).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["0 true Ok(1)"]);
}

// T17
#[test]
fn the_result_of_a_task_cannot_be_set() {
    let event_loop = test_loop();
    let task = event_loop.create_task(ready(1)).unwrap();
    let future = event_loop.ensure_future(task.clone()).unwrap();
    assert_eq!(future.set_result(2).unwrap_err().0, 2);
    let refused = future.set_exception(Oops(2)).unwrap_err();
    assert_eq!(refused.0.downcast_ref(), Some(&Oops(2)));
    assert!(!task.done());
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), 1);
    assert_eq!(future.set_result(2).unwrap_err().0, 2);
}

#[test]
fn join_returns_a_result_without_clone() {
    #[derive(Debug, PartialEq, Eq)]
    struct Only(i32);
    let event_loop = test_loop();
    let task = event_loop.create_task(pausing(1).map(|_| Only(7))).unwrap();
    assert_eq!(event_loop.run_until_complete(task.join()).unwrap(), Only(7));
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

#[test]
fn waiting_for_a_tasks_end_does_not_retrieve_its_exception() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let failing = event_loop.create_task(body(|_, _| raises(Oops(1)))).unwrap();
    let cancelled = event_loop.create_task(pausing(1)).unwrap();
    cancelled.cancel();
    event_loop.run_until_complete(failing.any()).unwrap();
    event_loop.run_until_complete(cancelled.any()).unwrap();
    assert!(failing.done() && cancelled.cancelled());
    drop(failing);
    assert_eq!(log.take(), ["Task exception was never retrieved: oops 1"]);
}

// C4
#[test]
fn a_coroutine_that_raises_a_stop_iteration_ends_its_task_with_a_runtime_error() {
    let event_loop = test_loop();
    let inline = || body(|_, _| raises(Exception::stop_iteration()));
    for coroutine in [inline(), Box::new(Call::new(inline()))] {
        // One text for both, because coroutines and generators are driven alike.
        let raised = event_loop.run_until_complete(coroutine).unwrap_err();
        assert_eq!(
            (raised.kind(), raised.to_string().as_str()),
            (Kind::RuntimeError, "generator raised StopIteration")
        );
        assert_eq!(raised.cause().map(Exception::kind), Some(Kind::StopIteration));
    }
}

// C5
#[test]
fn the_awaited_object_of_a_task_is_known_only_while_suspended() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future();
    let (entries, awaited) = (log.clone(), future.clone());
    let task = event_loop.create_task(body(move |n, got| {
        entries.add(format_args!("running: {:?}", me().stack_trace().yielded()));
        if n == 0 { awaits(awaited.clone()) } else { got.map(Next::Return) }
    }));
    let task = task.unwrap();
    let waits_for = || task.stack_trace().yielded().map(String::from);
    assert_eq!(waits_for(), None);
    run(&event_loop, 1);
    assert_eq!(waits_for().as_deref(), Some("Future(pending)"));
    future.set_result(1).unwrap();
    run(&event_loop, 1);
    assert_eq!((task.done(), waits_for()), (true, None));
    assert_eq!(log.take(), ["running: None", "running: None"]);
}

// T22, C3
#[test]
fn a_refused_coroutine_is_dropped_without_a_start_or_a_report() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    event_loop.close().unwrap();
    let (held, entries) = (log.on_drop("dropped"), log.clone());
    let refused = event_loop.create_task(body(move |_, got| {
        held.keep();
        entries.add(format_args!("resumed with {got:?}"));
        returns(0)
    }));
    assert_eq!(refused.unwrap_err().kind(), Kind::RuntimeError);
    assert_eq!(log.take(), ["dropped"]);
}
