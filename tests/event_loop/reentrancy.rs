//! User code may call anything in the library at any time: from a callback, a coroutine, a destructor, a `Clone` or a
//! `Debug`. The library holds no borrow then, so such a call neither panics nor hangs, and events stay in order.

use crate::support::events;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use innermost::{
    AnyTask, Await, Call, Coroutine, EventLoop, Exception, Future, Kind, Resumed, State, Step, Task, from_fn, sleep,
    yield_from,
};

mod at_end;
mod bombs;
mod contexts;
mod hostile;
mod loops;
mod meddler;
mod printed;
mod printing;
mod removed;
mod thread_end;

use crate::support::clock::test_loop;
use crate::support::events::{Log, awaits, awaits_end, body, on_drop, pauses, pausing, returns, run};
use meddler::{Meddler, Meddling, meddler};

#[test]
fn a_callback_a_timer_and_a_done_callback_may_call_anything() {
    let (event_loop, meddler) = meddler();
    let (callback, timer, done) = (meddler.clone(), meddler.clone(), meddler.clone());
    event_loop.call_soon(move || callback.meddle()).unwrap();
    event_loop.call_later(Duration::ZERO, move || timer.meddle()).unwrap();
    meddler.0.finished.add_done_callback(move |_| done.meddle());
    run(&event_loop, 1);
    meddler.finish(3);
}

#[test]
fn a_coroutine_may_call_anything() {
    let (event_loop, meddler) = meddler();
    for wrap in [|task| task, |task| Box::new(Call::new(task)) as events::Body] {
        let meddles = meddler.clone();
        let task = wrap(body(move |n, _| {
            meddles.meddle();
            if n < 2 { pauses() } else { returns(n as i32) }
        }));
        assert_eq!(event_loop.run_until_complete(task).unwrap(), 2);
    }
    meddler.finish(6);
}

#[test]
fn an_exception_handler_may_call_anything() {
    let (event_loop, meddler) = meddler();
    let (meddles, handle) = (meddler.clone(), event_loop.handle());
    event_loop.set_exception_handler(move |_| {
        meddles.meddle();
        let meddles = meddles.clone();
        handle.set_exception_handler(move |_| meddles.meddle());
    });
    event_loop.call_soon(|| panic!("on purpose")).unwrap();
    drop(event_loop.create_task(body(|_, _| panic!("on purpose"))).unwrap());
    run(&event_loop, 1);
    meddler.finish(2);
}

#[test]
fn the_destructor_of_a_callback_may_call_anything() {
    let (event_loop, meddler) = meddler();
    let held = || {
        let held = meddler.on_drop();
        move || held.keep()
    };
    // When it has run, when it is cancelled, when it is removed.
    event_loop.call_soon(held()).unwrap();
    event_loop.call_soon(held()).unwrap().cancel();
    event_loop.call_later(Duration::from_secs(1), held()).unwrap().cancel();
    let future = event_loop.create_future::<i32>();
    let held = held();
    let callback = future.add_done_callback(move |_| held());
    assert!(future.remove_done_callback(callback));
    run(&event_loop, 1);
    meddler.finish(4);
}

#[test]
fn the_destructor_of_a_coroutine_may_call_anything() {
    let (event_loop, meddler) = meddler();
    let task = |answer: fn(u32) -> events::Answer| {
        let held = meddler.on_drop();
        event_loop.create_task(body(move |n, _| {
            held.keep();
            answer(n)
        }))
    };
    task(|_| returns(0)).unwrap();
    task(|_| Err(Exception::timeout())).unwrap();
    task(|n| if n == 0 { pauses() } else { panic!("on purpose") }).unwrap();
    task(|_| returns(0)).unwrap().cancel();
    run(&event_loop, 2);
    meddler.finish(4);
}

#[test]
fn destructors_may_call_anything_while_a_loop_is_closed() {
    let (event_loop, meddler) = meddler();
    let held = || {
        let held = meddler.on_drop();
        move || held.keep()
    };
    let in_tasks = [held(), held()];
    for held in in_tasks {
        let task = body(move |_, _| {
            held();
            pauses()
        });
        event_loop.create_task(task).unwrap();
    }
    run(&event_loop, 1);
    let never_started = held();
    let never_started = body(move |_, _| {
        never_started();
        returns(0)
    });
    event_loop.create_task(never_started).unwrap();
    event_loop.call_soon(held()).unwrap();
    event_loop.call_later(Duration::from_secs(1), held()).unwrap();
    let handle = event_loop.handle();
    let closes_again = on_drop(move || handle.close().expect("it is closed already"));
    event_loop.call_soon(move || closes_again.keep()).unwrap();
    event_loop.close().unwrap();
    assert_eq!(meddler.0.times.get(), 5);
    assert!(meddler.0.waiting.done() && event_loop.all_tasks().is_empty());
}

#[test]
fn the_clone_of_a_result_may_call_anything() {
    let (event_loop, meddler) = meddler();
    let future = event_loop.create_future();
    assert!(future.set_result(Meddling(meddler.clone())).is_ok());
    drop(future.result().unwrap());
    let awaited = future.clone();
    event_loop.run_until_complete(awaited).map(drop).unwrap();
    drop(future.take_result());
    // Each clone, and the drop of each.
    meddler.finish(5);
}

#[test]
fn cloning_a_result_sees_its_future_done_and_in_use() {
    /// The state of its future when the value is cloned.
    struct Asks {
        future: Rc<RefCell<Option<Future<Asks>>>>,
        log: Log,
    }
    impl Clone for Asks {
        fn clone(&self) -> Self {
            let future = self.future.borrow().clone().expect("it is set before it is cloned");
            let clone = || Self { future: Rc::clone(&self.future), log: self.log.clone() };
            let kind = |raised: Exception| format!("{:?} {raised}", raised.kind());
            self.log.add(format_args!("done {}, cancelled {}, {future:?}", future.done(), future.cancelled()));
            self.log.add(format_args!("cancel {}", future.cancel()));
            self.log.add(format_args!("set_result refused {}", future.set_result(clone()).is_err()));
            self.log.add(format_args!("set_exception refused {}", future.set_exception(Exception::timeout()).is_err()));
            self.log.add(format_args!("result {}", future.result().map_or_else(kind, |_| "there".into())));
            self.log.add(format_args!("take_result {}", future.take_result().map_or_else(kind, |_| "there".into())));
            self.log.add(format_args!("exception {}", future.exception().map_or_else(kind, |_| "none".into())));
            let called = self.log.adds("callback");
            future.add_done_callback(move |_| called());
            clone()
        }
    }
    let (event_loop, log) = (test_loop(), Log::default());
    let slot = Rc::new(RefCell::new(None));
    let future = event_loop.create_future();
    slot.replace(Some(future.clone()));
    assert!(future.set_result(Asks { future: Rc::clone(&slot), log: log.clone() }).is_ok());
    drop(future.result().map_err(|raised| panic!("{raised}")));
    let in_use = "InvalidStateError Result is being cloned.";
    let told = [
        "done true, cancelled false, Future(finished)".to_string(),
        "cancel false".to_string(),
        "set_result refused true".to_string(),
        "set_exception refused true".to_string(),
        format!("result {in_use}"),
        format!("take_result {in_use}"),
        format!("exception {in_use}"),
    ];
    assert_eq!(log.take(), told);
    run(&event_loop, 1);
    assert_eq!(log.take(), ["callback"]);
    assert!(future.take_result().is_ok());
    slot.take();
}

#[test]
fn a_panicking_clone_leaves_the_result_in_place() {
    struct Panics(Rc<Cell<bool>>);
    impl Clone for Panics {
        fn clone(&self) -> Self {
            assert!(!self.0.get(), "in Clone");
            Self(Rc::clone(&self.0))
        }
    }
    let event_loop = test_loop();
    let (panics, future) = (Rc::new(Cell::new(true)), event_loop.create_future());
    assert!(future.set_result(Panics(Rc::clone(&panics))).is_ok());
    let mut awaited = future.clone();
    let task = event_loop.create_task(from_fn(move |sent| awaited.resume(sent))).unwrap();
    run(&event_loop, 1);
    assert_eq!(task.exception().unwrap().unwrap().to_string(), "in Clone");
    panics.set(false);
    assert!(future.result().is_ok() && future.take_result().is_ok());
}

#[test]
fn the_destructor_of_a_result_or_of_an_error_may_call_anything() {
    #[derive(Debug)]
    struct Failure {
        _meddles: SendAnyway,
    }
    impl fmt::Display for Failure {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("failure")
        }
    }
    impl Error for Failure {}
    let (event_loop, meddler) = meddler();
    let future = event_loop.create_future();
    assert!(future.set_result(Meddling(meddler.clone())).is_ok());
    assert!(future.set_result(Meddling(meddler.clone())).is_err());
    drop(future);
    assert_eq!(meddler.0.times.get(), 2);
    MEDDLER.set(Some(meddler.clone()));
    let failed = event_loop.create_future::<i32>();
    failed.set_exception(Failure { _meddles: SendAnyway }).unwrap();
    assert!(failed.set_exception(Failure { _meddles: SendAnyway }).is_err());
    drop(failed);
    drop(event_loop.create_task(body(|_, _| Err(Failure { _meddles: SendAnyway }.into()))).unwrap());
    run(&event_loop, 1);
    MEDDLER.set(None);
    meddler.finish(5);
}

std::thread_local! {
    static MEDDLER: RefCell<Option<Meddler>> = const { RefCell::new(None) };
}

/// An error must be `Send`, so it cannot hold a meddling value.
#[derive(Debug)]
struct SendAnyway;

impl Drop for SendAnyway {
    fn drop(&mut self) {
        let meddler = MEDDLER.with_borrow(Clone::clone);
        meddler.inspect(Meddler::meddle);
    }
}

#[test]
fn converting_names_and_messages_may_call_anything() {
    let (event_loop, meddler) = meddler();
    let task = event_loop.create_task(pausing(3)).unwrap();
    task.any().set_name(Meddling(meddler.clone()));
    assert_eq!(task.any().name(), "meddling");
    task.cancel_message(Meddling(meddler.clone()));
    event_loop.create_future::<i32>().cancel_message(Meddling(meddler.clone()));
    let raised = event_loop.run_until_complete(task).unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::CancelledError, "meddling"));
    // Each of the three, and the drop of each.
    meddler.finish(6);
}

/// A coroutine whose state is printed by a function.
struct Printing<F>(Body, Described<F>);

type Body = events::Body;

struct Described<F>(F);

impl<F: Fn() -> String> fmt::Debug for Described<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.0)())
    }
}

impl<F: Fn() -> String> Coroutine for Printing<F> {
    type Yield = Await;
    type Input = ();
    type Return = i32;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        yield_from!(self.0, sent).map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        State::new("Printing", &self.1)
    }
}

#[test]
fn the_debug_of_a_state_may_call_anything() {
    let (event_loop, meddler) = meddler();
    let meddles = meddler.clone();
    let describe = move || {
        meddles.meddle();
        "fine".to_string()
    };
    let task = event_loop.create_task(Printing(pausing(2), Described(describe))).unwrap();
    assert_eq!(task.any().stack_trace().to_string(), "Printing: fine");
    event_loop.run_once().unwrap();
    assert_eq!(task.any().stack_trace().to_string(), "Printing: fine\n  yielded NextTurn");
    // From inside the loop too.
    let printed = task.clone();
    let handle = event_loop.handle();
    let prints = move || {
        assert!(printed.any().stack_trace().to_string().starts_with("Printing: fine"));
        assert!(handle.is_running());
    };
    event_loop.call_soon(prints).unwrap();
    event_loop.run_until_complete(task).unwrap();
    meddler.finish(3);
}

#[test]
fn the_debug_of_a_state_may_print_its_own_task_again() {
    let (event_loop, slot) = (test_loop(), Rc::new(RefCell::new(None::<AnyTask>)));
    let (itself, depth) = (Rc::clone(&slot), Cell::new(0));
    let describe = move || {
        depth.set(depth.get() + 1);
        if depth.get() > 1 {
            return "inside".to_string();
        }
        let task = itself.borrow().clone().expect("it was set");
        format!("[{}]", task.stack_trace())
    };
    let task = event_loop.create_task(Printing(pausing(1), Described(describe))).unwrap();
    slot.replace(Some(task.any()));
    assert_eq!(task.any().stack_trace().to_string(), "Printing: [Printing: inside]");
    slot.take();
}

#[test]
fn the_debug_of_a_state_may_run_the_loop_while_its_own_task_waits() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (entries, handle, other) = (log.clone(), event_loop.handle(), log.clone());
    let describe = move || {
        handle.run_once().expect("it does not run");
        entries.add("printed");
        "fine".to_string()
    };
    let entries = log.clone();
    let steps = body(move |n, got| {
        entries.add(format_args!("step {n}, {}", got.is_ok()));
        if n < 3 { pauses() } else { got.map(events::Next::Return) }
    });
    let task = event_loop.create_task(Printing(steps, Described(describe))).unwrap();
    event_loop.call_soon(other.adds("callback")).unwrap();
    assert_eq!(task.any().stack_trace().to_string(), "Printing: fine");
    assert_eq!(log.take(), ["callback", "printed"]);
    event_loop.run_once().unwrap();
    task.cancel();
    assert!(task.any().stack_trace().to_string().starts_with("Printing: fine"));
    assert_eq!(log.take(), ["step 0, true", "printed"]);
    run(&event_loop, 2);
    assert!(task.done());
    assert_eq!(log.take(), ["step 1, false", "step 2, true", "step 3, true"]);
}

#[test]
fn a_task_may_cancel_print_and_name_itself_in_its_step() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let task = event_loop.create_task(body(move |n, got| {
        let event_loop = EventLoop::running()?;
        let me = event_loop.current_task().expect("it runs");
        if n > 0 {
            entries.add(format_args!("{} got {}", me.name(), got.as_ref().unwrap_err()));
            return got.map(events::Next::Return);
        }
        me.set_name("myself");
        entries.add(me.stack_trace().to_string().ends_with(" (running)"));
        entries.add(format_args!("{me:?}, {}", event_loop.all_tasks().iter().any(|task| task.is(&me))));
        entries.add(me.cancel_message("by myself"));
        awaits_end(sleep(Duration::from_secs(1)))
    }));
    assert!(event_loop.run_until_complete(task.unwrap()).unwrap_err().is_cancelled());
    assert_eq!(log.take(), ["true", "Task(myself, pending), true", "true", "myself got by myself"]);
}

#[test]
fn the_last_handle_of_a_task_may_be_dropped_in_its_own_step() {
    let (event_loop, log) = (test_loop(), Log::default());
    let slot = Rc::new(RefCell::new(None::<Task<i32>>));
    let (itself, entries) = (Rc::clone(&slot), log.clone());
    let held = log.on_drop("coroutine dropped");
    let task = body(move |n, _| {
        held.keep();
        entries.add(format_args!("step {n}, had a handle: {}", itself.take().is_some()));
        if n == 0 { pauses() } else { returns(0) }
    });
    slot.replace(Some(event_loop.create_task(task).unwrap()));
    run(&event_loop, 2);
    assert_eq!(log.take(), ["step 0, had a handle: true", "step 1, had a handle: false", "coroutine dropped"]);
}

#[test]
fn a_done_callback_may_cancel_and_drop_its_future_and_the_waiters() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future();
    let slot = Rc::new(RefCell::new(Some(future.clone())));
    let awaited = future.clone();
    let entries = log.clone();
    let waiter = body(move |n, got| {
        if n == 0 {
            return awaits(awaited.clone());
        }
        entries.add(format_args!("waiter: {got:?}"));
        got.map(events::Next::Return)
    });
    // Before the waiter, so that it can be cancelled when it is in the queue already.
    let (entries, last) = (log.clone(), Rc::clone(&slot));
    let task = Rc::new(RefCell::new(None::<Task<i32>>));
    let cancelled = Rc::clone(&task);
    future.add_done_callback(move |future| {
        let task = cancelled.take().expect("it was set");
        entries.add(format_args!("cancel {} {}", future.cancel(), task.cancel()));
        drop((last.take(), future, task));
    });
    task.replace(Some(event_loop.create_task(waiter).unwrap()));
    run(&event_loop, 1);
    future.set_result(1).unwrap();
    drop(future);
    run(&event_loop, 1);
    assert_eq!(log.take(), ["cancel false true", "waiter: Err(CancelledError)"]);
}
