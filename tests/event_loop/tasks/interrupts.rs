//! T18: a task that ends with a `KeyboardInterrupt` ends the run of its loop too.

use innermost::{Exception, Kind};

use crate::support::clock::test_loop;
use crate::support::events::{Log, awaits, body, pauses, raises, returns, run, sleeps};
use crate::tasks::bodies::counting_loop;

fn interrupt(text: &'static str) -> Exception {
    Exception::message(Kind::KeyboardInterrupt, text)
}

fn is_interrupt<T: std::fmt::Debug>(result: Result<T, Exception>, text: &str) {
    let raised = result.unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::KeyboardInterrupt, text));
}

// T18
/// ```python
/// async def child(): await asyncio.sleep(0); note("raises"); raise KeyboardInterrupt("stop")
/// async def main():
///     try: await t
///     except KeyboardInterrupt: note("main gets it too"); return 7
/// t = loop.create_task(child()); m = loop.create_task(main())
/// try: loop.run_until_complete(m)
/// except KeyboardInterrupt: note("raised")
/// note(loop.run_until_complete(m))
/// ```
/// In CPython what stands behind the task in its turn is kept for the next run; here the turn ends first, as after
/// `stop`. The order of the events is the same.
#[test]
fn an_interrupt_ends_its_task_and_is_raised_by_the_run() {
    let (event_loop, log) = counting_loop();
    log.reports(&event_loop);
    let entries = log.clone();
    let child = event_loop.create_task(body(move |n, _| {
        if n == 0 {
            return pauses();
        }
        entries.note("raises");
        raises(interrupt("stop"))
    }));
    let (child, entries) = (child.unwrap(), log.clone());
    let awaited = child.clone();
    let main = event_loop.create_task(body(move |n, got| {
        if n == 0 {
            return awaits(awaited.clone());
        }
        entries.note(format_args!("main gets {:?}", got.unwrap_err().kind()));
        returns(7)
    }));
    let main = main.unwrap();
    is_interrupt(event_loop.run_until_complete(main.clone()), "stop");
    log.note("raised");
    is_interrupt(child.result(), "stop");
    assert!(!event_loop.is_running() && !main.done());
    assert_eq!(event_loop.run_until_complete(main).unwrap(), 7);
    assert_eq!(log.take(), ["2 raises", "2 raised", "3 main gets KeyboardInterrupt"]);
}

// T18
#[test]
fn every_way_to_run_raises_an_interrupt_and_counts_it_as_retrieved() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let interrupts = || body(|_, _| raises(interrupt("stop")));
    is_interrupt(event_loop.run_until_complete(interrupts()), "stop");
    event_loop.create_task(interrupts()).unwrap();
    is_interrupt(event_loop.run_forever(), "stop");
    event_loop.create_task(interrupts()).unwrap();
    is_interrupt(event_loop.run_once(), "stop");
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), [""; 0]);
}

// T18
#[test]
fn of_two_interrupts_in_one_turn_the_first_is_raised_and_the_other_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    event_loop.create_task(body(|_, _| raises(interrupt("first")))).unwrap();
    event_loop.create_task(body(|_, _| raises(interrupt("second")))).unwrap();
    is_interrupt(event_loop.run_forever(), "first");
    run(&event_loop, 1);
    assert_eq!(log.take(), ["Task exception was never retrieved: second"]);
}

// T18
#[test]
fn a_cancelled_task_that_raises_an_interrupt_ends_the_run() {
    let event_loop = test_loop();
    let task = event_loop.create_task(body(|n, _| if n == 0 { sleeps(9) } else { raises(interrupt("cleaning up")) }));
    let task = task.unwrap();
    run(&event_loop, 1);
    assert!(task.cancel());
    is_interrupt(event_loop.run_forever(), "cleaning up");
    assert!(task.done() && !task.cancelled());
}

// T18
#[test]
fn an_awaiting_coroutine_can_catch_an_interrupt() {
    let event_loop = test_loop();
    let main = body(|n, got| {
        if n == 0 {
            return awaits(body(|_, _| raises(interrupt("inside"))));
        }
        assert_eq!(got.unwrap_err().kind(), Kind::KeyboardInterrupt);
        returns(3)
    });
    assert_eq!(event_loop.run_until_complete(main).unwrap(), 3);
}
