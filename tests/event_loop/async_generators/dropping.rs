//! C8: dropped generators, and generators that remain when the loop ends.

use innermost::async_iter::aclosing;
use innermost::scope::with;

use crate::async_generators::producers::{Numbers, awaits, consumer, item, other, produces, run};
use crate::support::clock::test_loop;
use crate::support::events::{self, Log, Oops, pauses};

/// Yields numbers; says when it is closed, awaits once, and says that it was; then fails, if it is to.
fn closable(log: &Log, name: &'static str, fails: bool) -> Numbers {
    let log = log.clone();
    let mut closing = false;
    produces(move |n, got| {
        match got {
            Ok(_) if !closing => return item(n as i32),
            Err(exit) if !closing => {
                assert!(exit.is_generator_exit());
                closing = true;
                log.add(format_args!("closing {name}"));
                return awaits(pauses());
            }
            _ => {}
        }
        log.add(format_args!("closed {name}"));
        if fails { Err(Oops(1).into()) } else { awaits(events::returns(0)) }
    })
}

#[test]
fn the_loop_closes_a_dropped_generator_in_a_separate_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let main = event_loop.create_task(consumer(closable(&log, "it", false), &log, 1)).unwrap();
    event_loop.create_task(other(&log, 6)).unwrap();
    event_loop.run_until_complete(main).unwrap();
    events::run(&event_loop, 5);
    // As CPython 3.13: async for x in prod(): say('got', x); break
    let recorded = "got 0|end|other 0|other 1|closing it|other 2|closed it|other 3|other 4|other 5";
    assert_eq!(log.take().join("|"), recorded);
    assert!(event_loop.all_tasks().is_empty());
}

#[test]
fn aclosing_closes_the_generator_before_the_program_continues() {
    let (event_loop, log) = (test_loop(), Log::default());
    let scope = with(aclosing(closable(&log, "it", false)), |items| items.anext());
    assert_eq!(run(&event_loop, scope), "Some(Some(0))");
    assert_eq!(log.take(), ["closing it", "closed it"]);
}

#[test]
fn an_exception_while_closing_a_dropped_generator_is_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let numbers = closable(&log, "it", true);
    run(&event_loop, numbers.anext());
    drop(numbers);
    events::run(&event_loop, 5);
    assert_eq!(log.take(), ["closing it", "closed it", "Task exception was never retrieved: oops 1"]);
}

#[test]
fn shutdown_closes_all_living_generators_concurrently() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let a = closable(&log, "a", true);
    let (b, never, over) = (closable(&log, "b", false), closable(&log, "never", false), closable(&log, "over", false));
    for numbers in [&a, &b, &over] {
        run(&event_loop, numbers.anext());
    }
    run(&event_loop, over.aclose());
    log.take();
    assert_eq!(run(&event_loop, event_loop.shutdown_asyncgens()), "()");
    let reported = log.take();
    assert_eq!(reported[..4], ["closing a", "closing b", "closed a", "closed b"]);
    assert!(reported[4].starts_with("an error occurred during closing of asynchronous generator AsyncGenerator"));
    assert!(reported[4].ends_with(": oops 1") && reported.len() == 5, "{reported:?}");
    assert_eq!(run(&event_loop, a.anext()), "None");
    assert_eq!(run(&event_loop, event_loop.shutdown_asyncgens()), "()");
    // Later generators cause a warning, and work.
    assert_eq!(run(&event_loop, never.anext()), "Some(0)");
    let warned = log.take();
    assert!(
        warned[0].contains("was scheduled after loop.shutdown_asyncgens() call") && warned.len() == 1,
        "{warned:?}"
    );
}

#[test]
fn the_shutdown_takes_as_many_turns_as_in_cpython() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let a = closable(&log, "a", false);
    run(&event_loop, a.anext());
    let shut = event_loop.create_task(event_loop.shutdown_asyncgens()).unwrap();
    event_loop.create_task(other(&log, 6)).unwrap();
    let say = log.adds("shut");
    shut.add_done_callback(move |_| say());
    events::run(&event_loop, 6);
    // The task that awaits it says so in the turn of `other 4`, before that.
    assert_eq!(log.take().join("|"), "other 0|closing a|other 1|closed a|other 2|other 3|other 4|shut|other 5");
}

#[test]
fn a_generator_dropped_after_its_loop_cleans_up_without_awaiting() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let numbers = closable(&log, "it", false);
    run(&event_loop, numbers.anext());
    event_loop.close().unwrap();
    drop(numbers);
    let ignored = "Exception ignored while closing an asynchronous generator: generator ignored GeneratorExit";
    assert_eq!(log.take(), ["closing it", ignored]);
}

#[test]
fn closing_the_loop_closes_dropped_generators_immediately() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let numbers = closable(&log, "it", false);
    run(&event_loop, numbers.anext());
    drop(numbers);
    drop(event_loop);
    let ignored = "Exception ignored while closing an asynchronous generator: generator ignored GeneratorExit";
    assert_eq!(log.take(), ["closing it", ignored]);
}

#[test]
fn dropping_an_unstarted_generator_runs_no_code() {
    let log = Log::default();
    drop(closable(&log, "it", false));
    let event_loop = test_loop();
    let numbers = closable(&log, "it", false);
    run(&event_loop, numbers.aclose());
    assert!(log.take().is_empty());
}

#[test]
fn ended_generators_leave_nothing_in_the_loop() {
    let (event_loop, log) = (test_loop(), Log::default());
    for _ in 0..1000 {
        run(&event_loop, closable(&log, "it", false).anext());
    }
    events::run(&event_loop, 5);
    assert_eq!(log.take().len(), 2000);
    assert!(event_loop.all_tasks().is_empty());
    assert_eq!(run(&event_loop, event_loop.shutdown_asyncgens()), "()");
    assert!(log.take().is_empty());
}
