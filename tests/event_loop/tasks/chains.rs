//! T9: cancels and results along chains and circles of tasks, short ones and very long ones.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;

use innermost::{
    Await, Awaitable, Call, Coroutine, Exception, Future, Kind, LoopHandle, Resumed, Step, Task, yield_from,
};

use crate::support::clock::test_loop;
use crate::support::events::{Body, Log, Next, awaits, awaits_end, body, pauses, returns, run};
use crate::tasks::bodies::{counting_loop, link};

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
fn a_cancel_descends_a_chain_at_once_and_returns_one_task_per_turn() {
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
fn a_cancel_passes_frames_and_inline_children_innermost_first() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future();
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
fn cancelling_a_wait_for_the_end_of_a_task_does_not_cancel_that_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future::<i32>();
    let other = event_loop.create_task(future.clone()).unwrap();
    let (entries, awaited) = (log.clone(), other.any());
    let waits = event_loop.create_task(body(move |n, got| match n {
        0 => awaits_end(awaited.clone()),
        _ => {
            entries.add(format_args!("{got:?}, other done: {}", awaited.done()));
            got.map(Next::Return)
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
fn a_circle_of_waiting_tasks_ends_when_one_is_cancelled() {
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
                got.map(Next::Return)
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

/// Runs on a thread with a small stack, which a recursion would overflow.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 * 1024).spawn(test).expect("there are threads left");
    thread.join().expect("the test passes");
}

const LONG: usize = if cfg!(miri) { 50 } else { 100_000 };

/// Tasks that each await the previous one. The first awaits a future.
fn long_chain(event_loop: &LoopHandle) -> (Future<u32>, Vec<Task<u32>>) {
    struct Link(Box<dyn Awaitable<Return = u32>>);
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
fn a_long_chain_of_tasks_passes_its_result_task_by_task() {
    on_a_small_stack(|| {
        let event_loop = test_loop();
        let (future, tasks) = long_chain(&event_loop);
        future.set_result(0).unwrap();
        assert_eq!(event_loop.run_until_complete(tasks[LONG - 1].clone()).unwrap(), LONG as u32);
    });
}

// T9
#[test]
fn cancelling_the_far_end_of_a_long_chain_of_tasks_does_not_recurse() {
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
            _ => got.map(Next::Return),
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
fn closing_a_loop_with_a_long_chain_of_tasks_does_not_recurse() {
    on_a_small_stack(|| {
        let event_loop = test_loop();
        event_loop.set_exception_handler(|_| {});
        let (future, tasks) = long_chain(&event_loop);
        let last = tasks[LONG - 1].clone();
        drop((future, tasks, event_loop));
        assert!(last.cancelled());
    });
}
