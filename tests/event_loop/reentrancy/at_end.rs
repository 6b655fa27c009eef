//! Coroutines whose destructors panic after they have ended. The outcome does not change, and the exception handler receives
//! the panic.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use innermost::async_iter::{AsyncGenerator, AsyncIterator, Produced, awaiting};
use innermost::context::{Context, ContextVar};
use innermost::coroutine::GeneratorState;
use innermost::scope::{ExitStack, with};
use innermost::task::Start;
use innermost::wait::{ExceptionGroup, staggered_race};
use innermost::{
    Call, Coroutine, CoroutineExt, Exception, Generator, Lock, Resumed, Semaphore, SharedGenerator, State, Stop,
    from_iter, lazy, ready, task_group, timeout, wait_for,
};

use crate::support::clock::test_loop;
use crate::support::events::{Answer, Body, Log, Next, Oops, body, pauses, raises, returns, run, sleeps};

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("bomb");
    }
}

/// A coroutine with a bomb.
struct Armed<C>(C, Bomb);

impl<C: Coroutine> Coroutine for Armed<C> {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    fn resume(&mut self, sent: Result<C::Input, Exception>) -> Resumed<Self> {
        self.0.resume(sent)
    }

    fn state(&self) -> State<'_> {
        self.0.state()
    }
}

const REPORT: &str = "Exception ignored in a destructor: bomb";

/// Lets the others run once, and then ends well or not; with a bomb.
fn armed(ends_well: bool) -> Body {
    Box::new(Armed(body(move |n, _| if n == 0 { pauses() } else { ends(ends_well) }), Bomb))
}

fn ends(well: bool) -> Answer {
    if well { returns(7) } else { raises(Oops(1)) }
}

type Way = (&'static str, fn(Body) -> Body);

const WAYS: &[Way] = &[
    ("a task", |child| child),
    ("a Call", |child| Box::new(Call::new(child))),
    ("a Call in a Call", |child| Box::new(Call::new(Call::new(child)))),
    ("a Call in a machine", |child| {
        let mut child = Some(child);
        body(move |n, got| match n {
            0 => crate::support::events::awaits(Call::new(child.take().expect("it was not taken"))),
            _ => got.map(Next::Return),
        })
    }),
    ("a generator", |child| Box::new(Generator::new(child))),
    ("a generator in a Call", |child| Box::new(Call::new(Generator::new(child)))),
    ("a shared generator", |child| Box::new(SharedGenerator::new(child))),
    ("then", |child| Box::new(child.then(ready))),
    ("with", |child| Box::new(with(ExitStack::new(), |_| child).map(|got| got.expect("nothing is suppressed")))),
    ("a lock", |child| Box::new(Lock::new().hold(child))),
    ("a semaphore", |child| Box::new(Semaphore::new(1).hold(child))),
    ("timeout", |child| Box::new(timeout(child, Duration::from_secs(9)))),
    ("wait_for", |child| Box::new(wait_for(child, Duration::from_secs(9)))),
    ("task_group", |child| Box::new(task_group(|_| child))),
    ("staggered_race", |child| {
        Box::new(staggered_race([child]).try_map(|raced| match raced.winner {
            Some((_, value)) => Ok(value),
            None => Err(raced.exceptions[0].clone().expect("it has lost")),
        }))
    }),
    ("for_each", |child| {
        let (kept, mut child) = (Rc::new(Cell::new(0)), Some(child));
        let keeps = Rc::clone(&kept);
        let each = AsyncGenerator::new(from_iter([Produced::Item(1)])).for_each(move |_| {
            let keeps = Rc::clone(&keeps);
            child.take().expect("there is one item").map(move |value| keeps.set(value))
        });
        Box::new(each.map(move |()| kept.get()))
    }),
];

#[test]
fn a_panicking_destructor_does_not_change_the_outcome_of_a_coroutine() {
    for (way, wrap) in WAYS {
        for ends_well in [true, false] {
            for start in [Start::Soon, Start::Eager] {
                let (event_loop, log) = (test_loop(), Log::default());
                log.reports(&event_loop);
                let (handle, coroutine) = (event_loop.handle(), wrap(armed(ends_well)));
                let outcome = event_loop.run_until_complete(lazy(move || handle.task().start(start).spawn(coroutine)));
                match ends_well {
                    true => assert_eq!(outcome.unwrap(), 7, "{way}"),
                    false => {
                        let raised = outcome.unwrap_err();
                        // A group has it inside.
                        let raised =
                            raised.downcast_ref::<ExceptionGroup>().map_or(&raised, |group| &group.exceptions()[0]);
                        assert_eq!(raised.downcast_ref(), Some(&Oops(1)), "{way}");
                    }
                }
                assert_eq!(log.take(), [REPORT], "{way}, {ends_well}");
            }
        }
    }
}

#[test]
fn a_panicking_destructor_does_not_change_the_outcome_of_an_async_generator() {
    for ends_well in [true, false] {
        let (event_loop, log) = (test_loop(), Log::default());
        log.reports(&event_loop);
        let waits = body(move |n, _| if n == 0 { pauses() } else { ends(ends_well) });
        let items = AsyncGenerator::new(Armed(awaiting::<_, i32, ()>(waits.map(drop)), Bomb));
        match event_loop.run_until_complete(items.anext()) {
            Ok(item) => assert!(ends_well && item.is_none()),
            Err(raised) => assert!(!ends_well && raised.downcast_ref() == Some(&Oops(1))),
        }
        assert_eq!(log.take(), [REPORT]);
        assert_eq!(event_loop.run_until_complete(items.anext()).unwrap(), None);
    }
}

/// Waits; raises something else when it is closed.
fn answers_its_exit() -> Body {
    Box::new(Armed(body(|n, _| if n == 0 { sleeps(9) } else { raises(Oops(2)) }), Bomb))
}

#[test]
fn closing_a_loop_reports_both_an_exception_and_a_panicking_destructor() {
    for (way, wrap) in &WAYS[..7] {
        let (event_loop, log) = (test_loop(), Log::default());
        log.reports(&event_loop);
        let _task = event_loop.create_task(wrap(answers_its_exit())).unwrap();
        run(&event_loop, 1);
        event_loop.close().unwrap();
        let expected = [
            "Task was destroyed but it is pending!: nothing",
            REPORT,
            "Exception ignored while a pending task was closed: oops 2",
        ];
        assert_eq!(log.take(), expected, "{way}");
    }
}

#[test]
fn a_panicking_destructor_propagates_from_a_generator_driven_by_hand() {
    let mut generator = Generator::new(Armed(ready::<(), (), _>(7), Bomb));
    assert!(catch_unwind(AssertUnwindSafe(|| generator.next())).is_err());
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert!(matches!(generator.next(), Err(Stop::Exhausted)));
    // A loop that has run before, and does not run now, is not involved.
    let event_loop = test_loop();
    run(&event_loop, 1);
    let mut generator = Generator::new(Call::new(Armed(ready::<(), (), _>(7), Bomb)));
    assert!(catch_unwind(AssertUnwindSafe(|| generator.next())).is_err());
}

#[test]
fn a_panicking_destructor_of_a_generator_in_a_callback_is_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let entries = log.clone();
    let drive = move || {
        let mut generator = Generator::new(Call::new(Armed(ready::<(), (), _>(7), Bomb)));
        match generator.next() {
            Err(Stop::Returned(value)) => entries.add(value),
            other => entries.add(format_args!("{other:?}")),
        }
    };
    event_loop.call_soon(drive).unwrap();
    run(&event_loop, 1);
    assert_eq!(log.take(), [REPORT, "7"]);
}

#[test]
fn the_result_of_a_variable_access_is_dropped_even_if_the_value_panics_on_drop() {
    /// Panics when it is dropped, but for its clones, which are counted. When it is cloned, the variable is set anew.
    struct Value(Rc<Cell<i32>>, bool);
    static HELD: ContextVar<Value> = ContextVar::new("held");
    impl Clone for Value {
        fn clone(&self) -> Self {
            self.0.set(self.0.get() + 1);
            drop(HELD.set(Self(Rc::clone(&self.0), false)));
            self.0.set(self.0.get() + 1);
            Self(Rc::clone(&self.0), false)
        }
    }
    impl Drop for Value {
        fn drop(&mut self) {
            if self.1 {
                panic!("bomb");
            }
            self.0.set(self.0.get() - 1);
        }
    }
    for by_context in [false, true] {
        let (live, context) = (Rc::new(Cell::new(0)), Context::new());
        context.run(|| {
            drop(HELD.set(Value(Rc::clone(&live), true)));
            let get = || match by_context {
                true => context.get(&HELD),
                false => HELD.get().ok(),
            };
            assert!(catch_unwind(AssertUnwindSafe(get)).is_err());
            assert_eq!(live.get(), 1);
        });
        drop(context);
        assert_eq!(live.get(), 0);
    }
}
