//! Children that are dropped before they have ended, and children that are awaited again after their end.

use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use innermost::sync::Barrier;
use innermost::task::ErrorContext;
use innermost::{
    Await, Awaitable, EventLoop, Exception, Kind, Lock, Queue, Semaphore, Sleep, Step, from_fn, sleep, timeout,
    to_thread, yield_from,
};

const LONG: Duration = Duration::from_secs(3600);

/// Awaits what `make` makes in a variable that does not outlive the resume, and returns what is raised.
fn forgotten<C: Awaitable + 'static>(event_loop: &EventLoop, make: impl Fn() -> C + 'static) -> String {
    let machine = from_fn(move |mut sent: Result<(), Exception>| {
        let mut child = make();
        yield_from!(child, sent)?;
        Ok(Step::<Await, (), ()>::Return(()))
    });
    let raised = event_loop.run_until_complete(machine).expect_err("it cannot end");
    format!("{:?}: {raised}", raised.kind())
}

#[test]
fn a_task_whose_wait_was_dropped_gets_an_error() {
    let event_loop = EventLoop::new().unwrap();
    let (queue, full, semaphore) = (Queue::<u32>::new(), Queue::bounded(1), Semaphore::new(0));
    full.put_nowait(1).unwrap();
    let (lock, barrier) = (Lock::new(), Barrier::new(2).unwrap());
    let (event, _held) = (innermost::Event::new(), event_loop.run_until_complete(lock.acquire()).unwrap());
    let given = [
        forgotten(&event_loop, || sleep(LONG)),
        forgotten(&event_loop, || timeout(sleep(LONG), LONG)),
        forgotten(&event_loop, move || queue.get()),
        forgotten(&event_loop, move || full.put(2)),
        forgotten(&event_loop, move || semaphore.acquire()),
        forgotten(&event_loop, move || lock.acquire()),
        forgotten(&event_loop, move || event.wait()),
        forgotten(&event_loop, move || barrier.wait()),
    ];
    for text in given {
        assert!(text.starts_with("RuntimeError: the coroutine that the task waits for was dropped"), "{text}");
    }
}

#[test]
fn dropping_a_task_that_sleeps_reports_nothing() {
    let event_loop = EventLoop::new().unwrap();
    let reports = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&reports);
    event_loop.set_exception_handler(move |context: &ErrorContext| {
        told.borrow_mut().push(format!("{context:?}"));
    });
    let task = event_loop.create_task(timeout(sleep(LONG), LONG)).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    assert!(task.cancel());
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    drop(task);
    let asleep: Sleep = sleep(LONG);
    drop(event_loop.create_task(asleep).unwrap());
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    drop(event_loop);
    assert!(reports.borrow().iter().all(|report| !report.contains("dropped")), "{reports:?}");
}

/// Awaits `child`, catches what is raised, and awaits the same child again, `times` in all. Returns what was raised.
fn again<C>(event_loop: &EventLoop, child: C, times: usize) -> Vec<Kind>
where
    C: Awaitable<Return: Debug> + 'static,
{
    let kinds = Rc::new(RefCell::new(Vec::new()));
    let (told, mut child) = (Rc::clone(&kinds), child);
    let machine = from_fn(move |mut sent: Result<(), Exception>| {
        while told.borrow().len() < times {
            let raised = yield_from!(child, sent).expect_err("it was cancelled");
            told.borrow_mut().push(raised.kind());
        }
        Ok(Step::<Await, (), ()>::Return(()))
    });
    let task = event_loop.create_task(machine).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    assert!(task.cancel());
    event_loop.run_until_complete(task).unwrap();
    kinds.take()
}

#[test]
fn a_child_that_was_cancelled_is_used_up() {
    use Kind::{CancelledError, RuntimeError};
    let event_loop = EventLoop::new().unwrap();
    let (queue, semaphore, event) = (Queue::<u32>::new(), Semaphore::new(0), innermost::Event::new());
    let used_up = [CancelledError, RuntimeError];
    assert_eq!(again(&event_loop, sleep(LONG), 2), used_up);
    assert_eq!(again(&event_loop, queue.get(), 2), used_up);
    assert_eq!(again(&event_loop, semaphore.acquire(), 2), used_up);
    assert_eq!(again(&event_loop, event.wait(), 2), used_up);
    assert_eq!(again(&event_loop, timeout(sleep(LONG), LONG), 2), used_up);
    let (end, until) = mpsc::channel::<()>();
    assert_eq!(again(&event_loop, to_thread(move || Ok(until.recv().is_ok())), 2), used_up);
    drop(end);
}

#[test]
fn a_handle_gives_its_outcome_each_time_it_is_awaited() {
    let event_loop = EventLoop::new().unwrap();
    let future = event_loop.create_future::<u32>();
    let task = event_loop.create_task(sleep(LONG)).unwrap();
    assert_eq!(again(&event_loop, future.clone(), 3), [Kind::CancelledError; 3]);
    assert_eq!(again(&event_loop, task.join(), 3), [Kind::CancelledError; 3]);
    assert!(future.cancelled() && task.cancelled());
}

#[test]
fn a_new_child_after_a_swallowed_cancel_waits_as_usual() {
    let event_loop = EventLoop::new().unwrap();
    let mut nap = sleep(LONG);
    let machine = from_fn(move |mut sent: Result<(), Exception>| {
        loop {
            match yield_from!(nap, sent) {
                Err(raised) if raised.is_cancelled() => nap = sleep(Duration::from_millis(1)),
                slept => return slept.map(Step::<Await, (), ()>::Return),
            }
        }
    });
    let task = event_loop.create_task(machine).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    assert!(task.cancel());
    event_loop.run_until_complete(task).unwrap();
}

#[test]
fn a_sleep_that_has_ended_cannot_be_awaited_again() {
    let event_loop = EventLoop::new().unwrap();
    let mut nap = sleep(Duration::ZERO);
    let twice = from_fn(move |mut sent: Result<(), Exception>| {
        yield_from!(nap, sent)?;
        Ok(Step::<Await, (), _>::Return(yield_from!(nap, sent).map_err(|raised| raised.to_string())))
    });
    assert_eq!(event_loop.run_until_complete(twice).unwrap(), Err("cannot reuse already awaited coroutine".into()));
}
