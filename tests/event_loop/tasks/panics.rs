//! T18: a panic ends only its task.

use innermost::{Call, Kind};

use crate::support::clock::test_loop;
use crate::support::events::{Body, Log, awaits, body, on_drop, pauses, pausing, returns, run};
use crate::tasks::bodies::Frames;

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

// T18
#[test]
fn a_panic_that_is_never_retrieved_is_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    event_loop.create_task(body(|_, _| panic!("unheard"))).unwrap();
    event_loop.create_task(body(|_, _| std::panic::panic_any(7))).unwrap();
    run(&event_loop, 1);
    let text = "Task exception was never retrieved";
    assert_eq!(log.take(), [format!("{text}: unheard"), format!("{text}: a panic whose payload is not text")]);
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
fn a_panicking_destructor_of_an_ended_coroutine_does_not_change_the_outcome() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let bomb = on_drop(|| panic!("in drop"));
    let task = event_loop.create_task(body(move |_, _| {
        bomb.keep();
        returns(1)
    }));
    let (task, other) = (task.unwrap(), event_loop.create_task(pausing(1)).unwrap());
    run(&event_loop, 2);
    assert_eq!(task.result().unwrap(), 1);
    assert_eq!(log.take(), ["Exception ignored in a destructor: in drop"]);
    assert!(other.done());
}

// T18
#[test]
fn a_second_panic_in_a_destructor_does_not_abort() {
    let (event_loop, log) = (test_loop(), Log::default());
    let bomb = on_drop(|| panic!("in drop"));
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
