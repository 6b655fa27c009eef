//! D1 to D20: `yield from`, for every way to hold a child.

use std::cell::OnceCell;
use std::rc::Rc;

use innermost::coroutine::{FromIter, GeneratorState};
use innermost::{
    Call, Coroutine, CoroutineExt, Exception, Generator, Kind, Resumed, SharedGenerator, Step, Stop, from_iter, lazy,
    ready, yield_from, yield_once,
};

use crate::generator_rules::bodies::{
    Answer, Log, Machine, Oops, Sent, for_every_way_to_hold, lets_out, machine, outer, raises, returns, yields,
};

/// Yields 0, and then runs `answer`.
fn inner(answer: impl FnMut(Sent) -> Answer + 'static) -> Machine {
    let mut answer = answer;
    machine(move |n, sent| if n == 0 { yields(0) } else { answer(sent) })
}

/// Logs the child's exception, and does not catch it.
fn logging(log: &Log, child: Machine) -> Machine {
    let log = log.clone();
    outer(child, move |_, got| {
        log.add(format_args!("outer: {}", got.as_ref().unwrap_err()));
        lets_out(got)
    })
}

// D1
#[test]
fn the_outer_and_inner_prologues_run_without_a_suspension_between() {
    for_every_way_to_hold(|held| {
        let log = Log::default();
        let (outside, inside) = (log.clone(), log.clone());
        let outer = lazy(move || {
            outside.add("outer");
            held(machine(move |_, _| {
                inside.add("inner");
                yields(1)
            }))
        });
        let mut generator = Generator::new(outer);
        assert_eq!(generator.next().unwrap(), 1);
        assert_eq!(log.take(), ["outer", "inner"]);
    });
}

// D2
#[test]
fn an_inner_error_at_the_first_step_can_be_caught_by_the_outer() {
    for_every_way_to_hold(|held| {
        let mut generator = Generator::new(outer(held(machine(|_, _| raises(Oops(1)))), |_, got| {
            assert_eq!(got.unwrap_err().downcast_ref(), Some(&Oops(1)));
            returns(2)
        }));
        assert!(matches!(generator.next(), Err(Stop::Returned(2))));
    });
}

// D3
#[test]
fn an_outer_that_catches_a_later_inner_error_can_go_on_yielding() {
    for_every_way_to_hold(|held| {
        let mut generator = Generator::new(outer(held(inner(|_| raises(Oops(3)))), |n, got| match n {
            0 => yields(got.unwrap_err().downcast_ref::<Oops>().unwrap().0),
            _ => yields(got?.unwrap_or(-1)),
        }));
        assert_eq!(generator.next().unwrap(), 0);
        assert_eq!(generator.next().unwrap(), 3);
        assert_eq!(generator.send(Some(4)).unwrap(), 4);
    });
}

// D4
#[test]
fn sent_values_reach_the_innermost_unchanged() {
    let mut question = Generator::new(Call::new(Call::new(yield_once::<_, (i32, &str)>("where?"))));
    assert_eq!(question.next().unwrap(), "where?");
    assert!(matches!(question.send((7, "east")), Err(Stop::Returned((7, "east")))));
}

// D6
#[test]
fn delegation_evaluates_to_the_inner_return_value() {
    for_every_way_to_hold(|held| {
        let inner = inner(|sent| returns(sent?.unwrap()));
        let mut generator = Generator::new(outer(held(inner), |_, got| returns(10 * got?.unwrap())));
        assert_eq!(generator.next().unwrap(), 0);
        assert!(matches!(generator.send(Some(7)), Err(Stop::Returned(70))));
    });
}

// D7
#[test]
fn delegating_to_an_empty_iterator_does_not_suspend() {
    let nothing = || from_iter(0..0);
    let mut generator = Generator::new(nothing().then(move |()| Call::new(nothing())).then(|()| from_iter(7..8)));
    assert_eq!(generator.next().unwrap(), 7);
}

// D8
#[test]
fn a_throw_reaches_the_innermost_and_returns_its_next_yield() {
    for_every_way_to_hold(|held| {
        let log = Log::default();
        let inner = inner(|sent| match sent.unwrap_err().downcast_ref() {
            Some(Oops(number)) => yields(*number),
            None => raises(Oops(0)),
        });
        let mut generator = Generator::new(logging(&log, held(inner)));
        assert_eq!(generator.next().unwrap(), 0);
        assert_eq!(generator.throw(Oops(8)).unwrap(), 8);
        assert!(log.take().is_empty());
    });
}

// D9
#[test]
fn the_outer_continues_when_the_inner_catches_a_throw_and_returns() {
    for_every_way_to_hold(|held| {
        let inner = inner(|sent| returns(sent.unwrap_err().downcast_ref::<Oops>().unwrap().0));
        let mut generator = Generator::new(outer(held(inner), |_, got| yields(10 * got?.unwrap())));
        assert_eq!(generator.next().unwrap(), 0);
        assert_eq!(generator.throw(Oops(9)).unwrap(), 90);
    });
}

/// Delegates to the items of an iterator, and once more to what is left of them when something is thrown in.
struct Resuming(FromIter<std::ops::Range<i32>>);

impl Coroutine for Resuming {
    type Yield = i32;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let thrown = match yield_from!(self.0, sent) {
            Err(raised) if !raised.is_generator_exit() => yield_from!(self.0, sent),
            outcome => outcome,
        };
        thrown.map(Step::Return)
    }
}

// D10
#[test]
fn a_throw_into_a_plain_iterator_is_raised_in_the_outer_and_leaves_the_iterator_unchanged() {
    let mut generator = Generator::new(Resuming(from_iter(0..9)));
    assert_eq!(generator.next().unwrap(), 0);
    assert_eq!(generator.throw(Oops(10)).unwrap(), 1);
    assert_eq!(generator.next().unwrap(), 2);
}

// D11
#[test]
fn close_closes_the_innermost_first() {
    for_every_way_to_hold(|held| {
        let log = Log::default();
        let child = held(logging(
            &log,
            held(inner({
                let log = log.clone();
                move |sent| {
                    log.add(format_args!("inner: {}", sent.as_ref().unwrap_err()));
                    lets_out(sent)
                }
            })),
        ));
        let mut generator = Generator::new(logging(&log, child));
        assert_eq!(generator.next().unwrap(), 0);
        assert!(matches!(generator.close(), Ok(None)));
        assert_eq!(log.take(), ["inner: generator exit", "outer: generator exit", "outer: generator exit"]);
    });
}

// D12
#[test]
fn close_skips_plain_iterators() {
    let mut numbers = from_iter(0..9);
    let mut generator = Generator::new(&mut numbers);
    assert_eq!(generator.next().unwrap(), 0);
    assert!(matches!(generator.close(), Ok(None)));
    drop(generator);
    assert_eq!(Generator::new(numbers).next().unwrap(), 1);
}

// D13
#[test]
fn an_exception_raised_by_a_closing_inner_replaces_the_exit_in_the_outer() {
    for_every_way_to_hold(|held| {
        let log = Log::default();
        let mut generator = Generator::new(logging(&log, held(inner(|_| raises(Oops(13))))));
        assert_eq!(generator.next().unwrap(), 0);
        assert_eq!(generator.close().unwrap_err().downcast_ref(), Some(&Oops(13)));
        assert_eq!(log.take(), ["outer: oops 13"]);
    });
}

// D13: an outer that yields then ignores its exit, and its own outer gets the error.
#[test]
fn an_outer_that_yields_after_its_inner_raised_at_close_ignores_its_exit() {
    for_every_way_to_hold(|held| {
        for_every_way_to_hold(|held_inside| {
            let log = Log::default();
            let stubborn = outer(held_inside(inner(|_| raises(Oops(13)))), |n, got| match n {
                0 => yields(1),
                _ => lets_out(got),
            });
            let mut generator = Generator::new(logging(&log, held(stubborn)));
            assert_eq!(generator.next().unwrap(), 0);
            assert_eq!(generator.close().unwrap_err().kind(), Kind::RuntimeError);
            assert_eq!(log.take(), ["outer: generator ignored GeneratorExit"]);
            assert_eq!(generator.state(), GeneratorState::Closed);
        });
    });
}

// D14
#[test]
fn a_thrown_generator_exit_closes_the_inner_with_a_new_one_and_reaches_the_outer_itself() {
    for_every_way_to_hold(|held| {
        let log = Log::default();
        let seen = log.clone();
        let inner = inner(move |sent| {
            seen.add(format_args!("inner: {}", sent.as_ref().unwrap_err()));
            lets_out(sent)
        });
        let mut generator = Generator::new(logging(&log, held(inner)));
        assert_eq!(generator.next().unwrap(), 0);
        let thrown = generator.throw(Exception::of(Kind::GeneratorExit, Oops(14)));
        assert!(matches!(thrown, Err(Stop::Raised(raised)) if raised.downcast_ref() == Some(&Oops(14))));
        assert_eq!(log.take(), ["inner: generator exit", "outer: oops 14"]);
    });
}

// D15
#[test]
fn an_inner_return_value_after_an_exit_is_dropped_and_the_outer_gets_the_exit() {
    for_every_way_to_hold(|held| {
        let log = Log::default();
        let mut generator = Generator::new(logging(&log, held(inner(|_| returns(15)))));
        assert_eq!(generator.next().unwrap(), 0);
        assert!(matches!(generator.close(), Ok(None)));
        assert_eq!(log.take(), ["outer: generator exit"]);
    });
}

// D16
#[test]
fn an_inner_that_yields_after_an_exit_raises_runtime_error_in_the_outer() {
    for_every_way_to_hold(|held| {
        let log = Log::default();
        let mut generator = Generator::new(logging(&log, held(inner(|_| yields(16)))));
        assert_eq!(generator.next().unwrap(), 0);
        let raised = generator.close().unwrap_err();
        assert_eq!(
            (raised.kind(), raised.to_string().as_str()),
            (Kind::RuntimeError, "generator ignored GeneratorExit")
        );
        assert_eq!(log.take(), ["outer: generator ignored GeneratorExit"]);
    });
}

// D17
#[test]
fn a_stop_iteration_raised_by_the_inner_after_a_throw_becomes_a_runtime_error() {
    for_every_way_to_hold(|held| {
        let inner = inner(|_| raises(Exception::of(Kind::StopIteration, Oops(17))));
        let mut generator = Generator::new(outer(held(inner), |_, got| {
            let raised = got.unwrap_err();
            assert_eq!(raised.kind(), Kind::RuntimeError);
            assert_eq!(raised.cause().unwrap().downcast_ref(), Some(&Oops(17)));
            returns(17)
        }));
        assert_eq!(generator.next().unwrap(), 0);
        assert!(matches!(generator.throw(Oops(0)), Err(Stop::Returned(17))));
    });
}

/// Where a machine finds the handle of a generator that is made after it.
type Later = Rc<OnceCell<SharedGenerator<Machine>>>;

/// Delegates to the generator of that handle.
struct DelegatingTo(Later);

impl Coroutine for DelegatingTo {
    type Yield = i32;
    type Input = Option<i32>;
    type Return = i32;

    fn resume(&mut self, mut sent: Sent) -> Resumed<Self> {
        let mut child = self.0.get().expect("set before the first resume").clone();
        yield_from!(child, sent).map(Step::Return)
    }
}

// D18
#[test]
fn indirect_delegation_to_oneself_raises_value_error() {
    for_every_way_to_hold(|held| {
        let later = Later::default();
        let detour = SharedGenerator::new(held(Box::new(DelegatingTo(Rc::clone(&later)))));
        let generator = SharedGenerator::new(held(Box::new(detour)));
        assert!(later.set(generator.clone()).is_ok());
        let Err(Stop::Raised(raised)) = generator.next() else { panic!("it raises") };
        assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::ValueError, "generator already executing"));
        assert_eq!(generator.state(), GeneratorState::Closed);
    });
}

// D19
#[test]
fn all_outer_generators_count_as_running_while_the_inner_runs() {
    for_every_way_to_hold(|held| {
        let (outermost, middle) = (Later::default(), Later::default());
        let delegators = [Rc::clone(&outermost), Rc::clone(&middle)];
        let inner = machine(move |_, sent| {
            sent?;
            for delegator in &delegators {
                let delegator = delegator.get().unwrap();
                assert_eq!(delegator.state(), GeneratorState::Running);
                assert_eq!(Exception::from(delegator.next().unwrap_err()).kind(), Kind::ValueError);
            }
            yields(19)
        });
        assert!(middle.set(SharedGenerator::new(held(inner))).is_ok());
        let outer = held(Box::new(DelegatingTo(Rc::clone(&middle))));
        let generator = outermost.get_or_init(|| SharedGenerator::new(outer));
        assert_eq!(generator.next().unwrap(), 19);
        assert!(matches!(generator.close(), Ok(None)));
    });
}

// D20
#[test]
fn a_delegate_of_any_type_chooses_its_return_value() {
    let words = from_iter(["a", "b"]).map(|()| vec![1, 2]).then(|numbers| ready(numbers.len()));
    let mut generator = Generator::new(Call::new(words));
    assert_eq!([generator.next().unwrap(), generator.next().unwrap()], ["a", "b"]);
    assert!(matches!(generator.next(), Err(Stop::Returned(2))));
}

#[test]
fn two_delegators_to_one_handle_continue_where_the_other_stopped() {
    let numbers = SharedGenerator::new(from_iter(0..3));
    let mut first = Generator::new(Call::new(numbers.clone()));
    let mut second = Generator::new(numbers.clone());
    assert_eq!((first.next().unwrap(), second.next().unwrap(), first.next().unwrap()), (0, 1, 2));
}
