//! T19: tasks that are pending when their loop is closed.

use innermost::Call;

use crate::support::clock::test_loop;
use crate::support::events::{Answer, Body, Log, Next, awaits, body, pauses, pausing, returns, run};

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
            got.map(Next::Return)
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
            got.map(Next::Return)
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
fn closing_a_loop_ends_tasks_that_ignore_their_exit_or_panic() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let answers: [fn() -> Answer; 3] = [pauses, || returns(7), || panic!("at its exit")];
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
fn a_panic_in_a_task_while_closing_the_loop_is_reported() {
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
