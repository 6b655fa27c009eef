//! G1 to G25: a generator driven by hand.

use std::cell::OnceCell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use innermost::coroutine::{FromIter, GeneratorState};
use innermost::{Call, Exception, Generator, Kind, SharedGenerator, Stop, from_iter, ready};

use crate::generator_rules::bodies::{Answer, Log, Machine, Oops, Sent, lets_out, machine, raises, returns, yields};

/// Yields 0, 1, 2 and so on, and ignores sent values.
fn counter() -> Generator<Machine> {
    Generator::new(machine(|n, sent| {
        sent?;
        yields(n as i32)
    }))
}

/// A machine that must not run.
fn untouchable() -> Generator<Machine> {
    Generator::new(machine(|_, _| panic!("no code of it may run")))
}

// G1
#[test]
fn sending_a_value_to_an_unstarted_generator_raises_type_error() {
    let mut generator = counter();
    let Err(Stop::Raised(raised)) = generator.send(Some(1)) else { panic!("it takes no value") };
    assert_eq!(raised.kind(), Kind::TypeError);
    assert_eq!(raised.to_string(), "can't send non-None value to a just-started generator");
    assert_eq!(generator.state(), GeneratorState::Created);
    assert_eq!(generator.next().unwrap(), 0);
    assert_eq!(generator.send(Some(1)).unwrap(), 1);
}

// G1
#[test]
fn sending_a_unit_value_starts_a_generator() {
    let mut generator = Generator::new(from_iter(7..9));
    assert_eq!(generator.send(()).unwrap(), 7);
}

// G2
#[test]
fn a_throw_into_an_unstarted_generator_comes_out_and_ends_it() {
    let mut generator = untouchable();
    assert!(matches!(generator.throw(Oops(1)), Err(Stop::Raised(raised)) if raised.downcast_ref() == Some(&Oops(1))));
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert!(matches!(generator.next(), Err(Stop::Exhausted)));
}

// G3
#[test]
fn a_throw_into_a_finished_generator_comes_out_unchanged() {
    let mut generator = Generator::new(ready::<(), (), _>(()));
    assert!(matches!(generator.next(), Err(Stop::Returned(()))));
    for kind in [Kind::Error, Kind::StopIteration, Kind::GeneratorExit] {
        let Err(Stop::Raised(raised)) = generator.throw(Exception::of(kind, Oops(2))) else { panic!("it has ended") };
        assert_eq!((raised.kind(), raised.downcast_ref()), (kind, Some(&Oops(2))));
    }
}

// G4
#[test]
fn the_value_is_returned_once_and_then_the_generator_is_exhausted() {
    let mut generator = Generator::new(machine(|_, _| returns(7)));
    assert!(matches!(generator.next(), Err(Stop::Returned(7))));
    assert!(matches!(generator.next(), Err(Stop::Exhausted)));
    assert!(matches!(generator.send(Some(1)), Err(Stop::Exhausted)));
}

// G4
#[test]
fn a_generator_that_has_raised_is_exhausted() {
    let mut generator = Generator::new(machine(|_, _| raises(Oops(3))));
    assert!(matches!(generator.next(), Err(Stop::Raised(_))));
    assert!(matches!(generator.next(), Err(Stop::Exhausted)));
}

// G5
#[test]
fn close_of_a_fresh_generator_runs_no_code_and_ends_it() {
    let mut generator = untouchable();
    assert!(matches!(generator.close(), Ok(None)));
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert!(matches!(generator.next(), Err(Stop::Exhausted)));
}

// G6
#[test]
fn close_of_a_finished_or_closed_generator_does_nothing() {
    let mut finished = Generator::new(machine(|_, _| returns(7)));
    assert!(finished.next().is_err());
    assert!(matches!(finished.close(), Ok(None)));
    assert!(matches!(finished.close(), Ok(None)));
}

// G7
#[test]
fn close_raises_generator_exit_at_the_yield_and_swallows_it() {
    let log = Log::default();
    let seen = log.clone();
    let mut generator = Generator::new(machine(move |n, sent| {
        if n == 0 {
            return yields(0);
        }
        sent.inspect_err(|raised| seen.add(raised)).and_then(|_| returns(0))
    }));
    generator.next().unwrap();
    assert!(matches!(generator.close(), Ok(None)));
    assert_eq!(log.take(), ["generator exit"]);
    assert_eq!(generator.state(), GeneratorState::Closed);
}

// G8
#[test]
fn close_returns_the_value_that_the_body_returns() {
    let mut generator = Generator::new(machine(|n, _| if n == 0 { yields(0) } else { returns(7) }));
    generator.next().unwrap();
    assert_eq!(generator.close().unwrap(), Some(7));
}

// G9
#[test]
fn a_yield_after_close_raises_runtime_error_and_stays_suspended() {
    let mut generator = Generator::new(machine(|n, sent| if n < 3 { yields(n as i32) } else { lets_out(sent) }));
    generator.next().unwrap();
    let raised = generator.close().unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::RuntimeError, "generator ignored GeneratorExit"));
    assert_eq!(generator.state(), GeneratorState::Suspended);
    assert_eq!(generator.next().unwrap(), 2);
    assert!(matches!(generator.close(), Ok(None)));
}

// G10
#[test]
fn close_raises_the_exception_that_the_body_raises() {
    let mut generator = Generator::new(machine(|n, _| if n == 0 { yields(0) } else { raises(Oops(4)) }));
    generator.next().unwrap();
    assert_eq!(generator.close().unwrap_err().downcast_ref(), Some(&Oops(4)));
    assert_eq!(generator.state(), GeneratorState::Closed);
}

// G11
#[test]
fn a_body_is_dropped_at_its_end_and_not_with_its_generator() {
    fn holding(log: &Log, ends: fn(&mut Generator<Machine>)) -> Vec<String> {
        let held = log.on_drop("dropped");
        let mut generator = Generator::new(machine(move |n, sent| {
            let _held = &held;
            sent?;
            if n == 0 { yields(0) } else { returns(0) }
        }));
        generator.next().unwrap();
        ends(&mut generator);
        log.take()
    }
    let log = Log::default();
    assert_eq!(holding(&log, |generator| drop(generator.close())), ["dropped"]);
    assert_eq!(holding(&log, |generator| drop(generator.next())), ["dropped"]);
    assert_eq!(holding(&log, |generator| drop(generator.throw(Oops(5)))), ["dropped"]);
}

// G12
#[test]
fn drop_closes_a_suspended_generator_and_ignores_exceptions() {
    let log = Log::default();
    for answer in [|| raises(Oops(6)), || returns(1), || yields(1)] {
        let seen = log.clone();
        let mut generator = Generator::new(machine(move |n, sent| {
            if n == 0 {
                return yields(0);
            }
            seen.add(sent.unwrap_err());
            answer()
        }));
        generator.next().unwrap();
        drop(generator);
        assert_eq!(log.take(), ["generator exit"]);
    }
}

// G12
#[test]
fn drop_of_a_fresh_or_finished_generator_runs_no_code() {
    drop(untouchable());
    let mut finished = Generator::new(machine(|n, _| if n == 0 { returns(0) } else { panic!("it has ended") }));
    assert!(finished.next().is_err());
}

/// A generator whose body can ask for its own handle.
fn knowing_itself(
    mut body: impl FnMut(&SharedGenerator<Machine>) -> i32 + 'static,
) -> (SharedGenerator<Machine>, Rc<OnceCell<SharedGenerator<Machine>>>) {
    let this = Rc::new(OnceCell::new());
    let inside = Rc::clone(&this);
    let generator = SharedGenerator::new(machine(move |_, sent| {
        sent?;
        yields(body(inside.get().expect("set before the first resume")))
    }));
    this.set(generator.clone()).expect("set once");
    (generator, this)
}

// G13
#[test]
fn resuming_a_running_generator_raises_value_error_and_does_not_disturb_it() {
    let (generator, _this) = knowing_itself(|this| {
        assert_eq!(this.state(), GeneratorState::Running);
        assert!(this.stack_trace().is_none());
        let refused = [
            Exception::from(this.next().unwrap_err()),
            Exception::from(this.send(None).unwrap_err()),
            Exception::from(this.throw(Oops(7)).unwrap_err()),
            this.close().unwrap_err(),
        ];
        for raised in refused {
            assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::ValueError, "generator already executing"));
        }
        7
    });
    assert_eq!(generator.next().unwrap(), 7);
    assert_eq!(generator.state(), GeneratorState::Suspended);
    assert_eq!(generator.next().unwrap(), 7);
    assert!(matches!(generator.close(), Ok(None)));
}

// G14
#[test]
fn a_stop_iteration_raised_by_the_body_becomes_the_cause_of_a_runtime_error() {
    let mut generator = Generator::new(machine(|_, _| raises(Exception::of(Kind::StopIteration, Oops(8)))));
    let Err(Stop::Raised(raised)) = generator.next() else { panic!("it raises") };
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::RuntimeError, "generator raised StopIteration"));
    let cause = raised.cause().expect("the original is the cause");
    assert_eq!((cause.kind(), cause.downcast_ref()), (Kind::StopIteration, Some(&Oops(8))));
}

// G14
#[test]
fn an_uncaught_thrown_stop_iteration_becomes_a_runtime_error() {
    let mut generator = counter();
    generator.next().unwrap();
    let thrown = generator.throw(Exception::stop_iteration());
    assert!(matches!(thrown, Err(Stop::Raised(raised)) if raised.kind() == Kind::RuntimeError));
}

// G15
#[test]
fn the_end_of_another_generator_raised_in_the_body_becomes_a_runtime_error() {
    let mut inner = Generator::new(from_iter([1]));
    let mut generator = Generator::new(machine(move |_, _| yields(inner.next()?)));
    assert_eq!(generator.next().unwrap(), 1);
    let Err(Stop::Raised(raised)) = generator.next() else { panic!("the inner one has ended") };
    assert_eq!(raised.to_string(), "generator raised StopIteration");
    assert_eq!(raised.cause().map(Exception::kind), Some(Kind::StopIteration));
}

// G16
#[test]
fn tuples_and_exceptions_can_be_returned_as_values() {
    let mut tuple = Generator::new(ready::<(), (), _>((1, 2)));
    assert!(matches!(tuple.next(), Err(Stop::Returned((1, 2)))));
    let mut exception = Generator::new(ready::<(), (), _>(Exception::stop_iteration()));
    assert!(matches!(exception.next(), Err(Stop::Returned(returned)) if returned.kind() == Kind::StopIteration));
}

// G18
#[test]
fn a_caught_throw_leads_to_the_next_yield_or_return() {
    let mut generator = Generator::new(machine(|n, sent| match n {
        0 => yields(0),
        1 => yields(sent.unwrap_err().downcast_ref::<Oops>().unwrap().0),
        _ => returns(sent.unwrap_err().downcast_ref::<Oops>().unwrap().0),
    }));
    generator.next().unwrap();
    assert_eq!(generator.throw(Oops(9)).unwrap(), 9);
    assert!(matches!(generator.throw(Oops(10)), Err(Stop::Returned(10))));
}

// G22
#[test]
fn debug_shows_the_delegate_only_during_the_delegation() {
    let mut generator = Generator::traced(Call::new(from_iter([7])));
    assert!(!generator.is_delegating());
    assert_eq!(generator.stack_trace().frames(), ["Call<FromIter<IntoIter<i32, 1>>>: created"]);
    generator.next().unwrap();
    assert!(generator.is_delegating());
    assert_eq!(
        generator.stack_trace().to_string(),
        "Call<FromIter<IntoIter<i32, 1>>>: delegated\n  FromIter<IntoIter<i32, 1>>\n    yielded 7"
    );
    assert!(generator.next().is_err());
    assert!(!generator.is_delegating());
    assert!(generator.stack_trace().frames().is_empty());
}

// G25
#[test]
fn a_generator_cannot_be_cloned() {
    struct Probe<T>(PhantomData<T>);
    trait Otherwise {
        const IS_CLONE: bool = false;
    }
    impl<T> Otherwise for Probe<T> {}
    impl<T: Clone> Probe<T> {
        const IS_CLONE: bool = true;
    }
    type Numbers = FromIter<std::ops::Range<i32>>;
    const { assert!(Probe::<Numbers>::IS_CLONE) };
    const { assert!(!Probe::<Generator<Numbers>>::IS_CLONE) };
    const { assert!(!Probe::<Call<Numbers>>::IS_CLONE) };
}

/// Panics at its second resume.
fn panicking() -> Machine {
    machine(|n, _| if n == 0 { yields(0) } else { resume_unwind(Box::new("panicked")) })
}

#[test]
fn a_panic_closes_the_generator() {
    let mut generator = Generator::new(panicking());
    generator.next().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| generator.next().is_ok())).is_err());
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert!(matches!(generator.next(), Err(Stop::Exhausted)));
    assert!(matches!(generator.close(), Ok(None)));
}

#[test]
fn a_panic_during_close_closes_the_generator() {
    let mut generator = Generator::new(panicking());
    generator.next().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| generator.close().is_ok())).is_err());
    assert_eq!(generator.state(), GeneratorState::Closed);
}

#[test]
fn a_panic_in_a_frame_closes_the_generator() {
    let mut generator = Generator::new(Call::new(panicking()));
    generator.next().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| generator.next().is_ok())).is_err());
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert!(matches!(generator.throw(Oops(11)), Err(Stop::Raised(_))));
}

#[test]
fn a_panic_closes_a_shared_generator_and_clears_its_running_flag() {
    let generator = SharedGenerator::new(panicking());
    generator.next().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| generator.next().is_ok())).is_err());
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert!(matches!(generator.next(), Err(Stop::Exhausted)));
}

/// Drops a suspended generator while a panic unwinds. Returns that panic.
fn dropped_by_a_panic(body: impl FnMut(u32, Sent) -> Answer + 'static) -> Box<dyn std::any::Any + Send> {
    let dropping = move || {
        let mut generator = Generator::new(machine(body));
        generator.next().unwrap();
        resume_unwind(Box::new("elsewhere"))
    };
    let Err(panic) = catch_unwind(AssertUnwindSafe(dropping));
    panic
}

#[test]
fn a_suspended_generator_dropped_by_a_panic_is_closed() {
    let log = Log::default();
    for answer in [|| raises(Exception::generator_exit()), || raises(Oops(1)), || returns(1), || yields(1)] {
        let (seen, held) = (log.clone(), log.on_drop("dropped"));
        let panic = dropped_by_a_panic(move |n, sent| {
            let _held = &held;
            if n == 0 {
                return yields(0);
            }
            seen.add(sent.unwrap_err());
            answer()
        });
        assert_eq!(log.take(), ["generator exit", "dropped"]);
        assert_eq!(panic.downcast_ref(), Some(&"elsewhere"));
    }
}

// Without the standard library nothing can catch the second panic, which then aborts, as every such destructor's does.
#[cfg(feature = "std")]
#[test]
fn a_second_panic_while_a_panic_closes_a_generator_is_caught() {
    let panic = dropped_by_a_panic(|n, _| if n == 0 { yields(0) } else { resume_unwind(Box::new("second")) });
    assert_eq!(panic.downcast_ref(), Some(&"elsewhere"));
    let bomb = super::bodies::Bomb;
    let panic = dropped_by_a_panic(move |n, sent| {
        let _bomb = &bomb;
        if n == 0 { yields(0) } else { lets_out(sent) }
    });
    assert_eq!(panic.downcast_ref(), Some(&"elsewhere"));
}

#[test]
fn the_iterator_returns_a_raised_exception_as_its_last_item() {
    let mut numbers = 0..;
    let mut generator = Generator::new(innermost::from_fn(move |sent: Result<(), Exception>| {
        sent?;
        match numbers.next() {
            Some(n @ 0..2) => Ok(innermost::Step::<_, (), ()>::Yield(n)),
            _ => Err(Oops(12).into()),
        }
    }));
    let items: Vec<_> = generator.by_ref().map(|item| item.map_err(|raised| raised.to_string())).collect();
    assert_eq!(items, [Ok(0), Ok(1), Err("oops 12".to_owned())]);
    assert!(Iterator::next(&mut generator).is_none());
}

#[test]
fn the_debug_output_of_a_generator_names_its_state_and_frames() {
    let mut generator = Generator::new(from_iter(0..2));
    assert_eq!(format!("{generator:?}"), r#"Generator { state: Created, frames: ["FromIter<Range<i32>>"] }"#);
    generator.close().unwrap();
    assert_eq!(format!("{generator:?}"), "Generator { state: Closed, frames: [] }");
}

#[test]
fn the_question_mark_converts_a_stop_to_an_ordinary_error() {
    fn second(mut generator: Generator<Machine>) -> Result<i32, Box<dyn std::error::Error + Send + Sync>> {
        generator.next()?;
        Ok(generator.next()?)
    }
    let after_one =
        |answer: fn() -> Answer| Generator::new(machine(move |n, _| if n == 0 { yields(0) } else { answer() }));
    assert_eq!(second(after_one(|| yields(1))).unwrap(), 1);
    assert_eq!(second(after_one(|| raises(Oops(13)))).unwrap_err().downcast_ref(), Some(&Oops(13)));
    assert_eq!(second(after_one(|| returns(2))).unwrap_err().to_string(), "the generator has returned");
    assert_eq!(Stop::<()>::Exhausted.to_string(), "the generator had ended before");
}
