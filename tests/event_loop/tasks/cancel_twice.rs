//! T4, T6, T13: several cancels at once, and tasks that cancel themselves.

use innermost::{EventLoop, Exception, Task, spawn};

use crate::support::clock::test_loop;
use crate::support::events::{Body, Log, Next, Oops, awaits, body, pauses, raises, returns, run};
use crate::tasks::bodies::{counting_loop, me, stubborn};

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
fn cancelling_task_and_future_raises_once_with_the_first_message() {
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
        let task = spawn(body)?;
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
        got.map(Next::Return)
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
        got.map(Next::Return)
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
        got.map(Next::Return)
    })
}

fn at_child(log: &Log) -> Body {
    let (log, mut child) = (log.clone(), None);
    body(move |n, got| {
        if n == 0 {
            let starts = log.notes("child starts");
            let task = spawn(body(move |_, _| {
                starts();
                pauses()
            }))?;
            child = Some(task.clone());
            cancel_me("four")?;
            return awaits(task);
        }
        let cancelled = child.take().is_some_and(|child| child.cancelled());
        log.note(format_args!("at the child: {}, {cancelled}", got.as_ref().unwrap_err()));
        got.map(Next::Return)
    })
}

// T6
#[test]
fn a_task_that_cancels_itself_and_raises_fails_with_its_exception() {
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
