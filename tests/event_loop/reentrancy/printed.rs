//! Objects that end while they are printed, because of their own `Debug`.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use innermost::async_iter::{AsyncGenerator, Produced};
use innermost::{Call, Coroutine, EventLoop, Exception, Resumed, State, Step, Task, sleep};

use crate::reentrancy::{Described, Printing};
use crate::support::clock::test_loop;
use crate::support::events::{Body, Log, Next, body, run, sleeps};

/// A body that waits, and says how it ends.
fn waits(log: &Log) -> Body {
    let (entries, held) = (log.clone(), log.on_drop("dropped"));
    body(move |n, got| {
        held.keep();
        if n == 0 {
            return sleeps(9);
        }
        entries.add(got.as_ref().map_or_else(ToString::to_string, |_| "woken".into()));
        got.map(Next::Return)
    })
}

type Slot = Rc<RefCell<Option<EventLoop>>>;

/// A task whose coroutine does something, once, to its own loop when it is printed.
fn meddling(depth: u32, log: &Log, meddle: fn(&Slot, &Task<i32>)) -> (Slot, Task<i32>) {
    let (slot, task) = (Slot::default(), Rc::new(RefCell::new(None)));
    slot.replace(Some(test_loop()));
    let (loops, itself, done) = (Rc::clone(&slot), Rc::clone(&task), Cell::new(false));
    let describe = move || {
        let task = Option::clone(&itself.borrow()).expect("it was set");
        if !done.replace(true) {
            meddle(&loops, &task);
        }
        "printed".to_string()
    };
    let mut coroutine: Body = Box::new(Printing(waits(log), Described(describe)));
    for _ in 0..depth {
        coroutine = Box::new(Call::new(coroutine));
    }
    let event_loop = slot.borrow().as_ref().expect("it is there").handle();
    let made = event_loop.create_task(coroutine).unwrap();
    task.replace(Some(made.clone()));
    (slot, made)
}

const EXIT: &str = "generator exit";

#[test]
fn a_task_whose_debug_closes_its_loop_is_closed_and_dropped() {
    let ways: [fn(&Slot, &Task<i32>); 4] = [
        |slot, _| slot.borrow().as_ref().expect("it is there").close().expect("it does not run"),
        |slot, _| drop(slot.take()),
        |slot, task| {
            task.cancel();
            drop(slot.take());
        },
        |slot, task| {
            // Printed again, which ends nothing yet.
            drop(slot.take());
            assert!(task.done() && task.any().stack_trace().to_string().contains("printed"));
        },
    ];
    for depth in [0, 1, 3] {
        for close in ways {
            let log = Log::default();
            let (slot, task) = meddling(depth, &log, close);
            let handle = slot.borrow().as_ref().expect("it is there").handle();
            run(&handle, 1);
            let text = task.any().stack_trace().to_string();
            assert!(text.contains("printed"), "{text}");
            assert!(task.cancelled() && handle.is_closed());
            let entries = log.take();
            assert_eq!(entries.len(), 2, "{entries:?}");
            assert!(entries[0].contains(EXIT) && entries[1] == "dropped", "{entries:?}");
        }
    }
}

#[test]
fn an_unstarted_task_that_ends_while_printed_is_dropped() {
    let ways: [fn(&Slot, &Task<i32>); 2] = [
        |slot, _| drop(slot.take()),
        |slot, task| {
            task.cancel();
            run(slot.borrow().as_ref().expect("it is there"), 1);
        },
    ];
    for end in ways {
        let log = Log::default();
        let (_slot, task) = meddling(0, &log, end);
        assert_eq!(task.any().stack_trace().to_string(), "Printing: printed");
        assert!(task.cancelled());
        assert_eq!(log.take(), ["dropped"]);
    }
}

thread_local! {
    static THEN: Cell<fn(&Task<i32>)> = const { Cell::new(|_| {}) };
}

/// A task whose `Debug` runs its loop for ten seconds, in which a step of the task comes up, and then does something else.
fn runs_when_printed(depth: u32, log: &Log, then: fn(&Task<i32>)) -> (Slot, Task<i32>) {
    THEN.set(then);
    meddling(depth, log, |slot, task| {
        let event_loop = slot.borrow().as_ref().expect("it is there").handle();
        let _timer = event_loop.call_later(Duration::from_secs(99), || {}).unwrap();
        for _ in 0..10 {
            run(&event_loop, 2);
            assert!(event_loop.next_deadline() > Some(event_loop.time()), "something is always ready");
            event_loop.run_until_complete(sleep(Duration::from_secs(1))).unwrap();
        }
        assert!(!task.done());
        THEN.get()(task);
    })
}

#[test]
fn time_passes_in_a_loop_that_runs_while_a_task_is_printed() {
    // A `Call` that has not begun does not print its child.
    for (depth, begun) in [(0, false), (0, true), (1, true), (3, true)] {
        let log = Log::default();
        let (slot, task) = runs_when_printed(depth, &log, |_| {});
        let event_loop = slot.borrow().as_ref().expect("it is there").handle();
        if begun {
            run(&event_loop, 1);
        }
        assert!(task.any().stack_trace().to_string().contains("printed"));
        event_loop.run_until_complete(task.clone()).unwrap();
        assert_eq!(log.take(), ["woken", "dropped"]);
    }
}

#[test]
fn a_step_delayed_by_printing_runs_even_if_the_debug_panics_or_cancels() {
    type Way = (fn(&Task<i32>), &'static str);
    let ways: [Way; 3] = [
        (|_| panic!("in Debug"), "woken"),
        (|task| drop(task.any().stack_trace()), "woken"),
        (|task| assert!(task.cancel()), "cancelled"),
    ];
    for depth in [0, 2] {
        for (then, entry) in ways {
            let log = Log::default();
            let (slot, task) = runs_when_printed(depth, &log, then);
            let event_loop = slot.borrow().as_ref().expect("it is there").handle();
            run(&event_loop, 1);
            let _ = catch_unwind(AssertUnwindSafe(|| task.any().stack_trace()));
            run(&event_loop, 1);
            assert!(task.done());
            let entries = log.take();
            assert!(entries.len() == 2 && entries[0].contains(entry) && entries[1] == "dropped", "{entries:?}");
        }
    }
}

#[test]
fn a_debug_that_closes_the_loop_and_panics_closes_the_coroutine() {
    let log = Log::default();
    let (slot, task) = meddling(0, &log, |slot, _| {
        drop(slot.take());
        panic!("in Debug");
    });
    run(slot.borrow().as_ref().expect("it is there"), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| task.any().stack_trace())).is_err());
    assert!(task.cancelled());
    let entries = log.take();
    assert!(entries[0].contains(EXIT) && entries[1] == "dropped", "{entries:?}");
}

/// A producer whose state is printed by a function.
struct Prints<F>(Described<F>, Rc<Log>);

impl<F: Fn() -> String> Coroutine for Prints<F> {
    type Yield = Produced<i32>;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if let Err(raised) = sent {
            self.1.add(&raised);
            return Err(raised);
        }
        Ok(Step::Yield(Produced::Item(1)))
    }

    fn state(&self) -> State<'_> {
        State::new("Prints", &self.0)
    }
}

#[test]
fn a_generator_whose_debug_closes_its_loop_is_closed_on_drop() {
    let (log, slot) = (Rc::new(Log::default()), Slot::default());
    slot.replace(Some(test_loop()));
    let loops = Rc::clone(&slot);
    let describe = move || {
        drop(loops.take());
        "printed".to_string()
    };
    let items = AsyncGenerator::new(Prints(Described(describe), Rc::clone(&log)));
    let event_loop = slot.borrow().as_ref().expect("it is there").handle();
    assert_eq!(event_loop.run_until_complete(items.anext()).unwrap(), Some(1));
    assert!(format!("{items:?}").contains("printed"));
    assert!(event_loop.is_closed());
    drop(items);
    let entries = log.take();
    assert!(entries.len() == 1 && entries[0].contains(EXIT), "{entries:?}");
}

#[test]
fn the_clone_of_a_result_may_close_and_drop_the_loop() {
    struct Closes(Slot);
    impl Clone for Closes {
        fn clone(&self) -> Self {
            drop(self.0.take());
            Self(Rc::clone(&self.0))
        }
    }
    let slot = Slot::default();
    slot.replace(Some(test_loop()));
    let event_loop = slot.borrow().as_ref().expect("it is there").handle();
    let (log, future) = (Log::default(), event_loop.create_future());
    let left = event_loop.create_task(waits(&log)).unwrap();
    run(&event_loop, 1);
    assert!(future.set_result(Closes(Rc::clone(&slot))).is_ok());
    assert!(future.result().is_ok() && event_loop.is_closed() && left.cancelled());
    assert_eq!(log.take().len(), 2);
}
