//! The ready-made machines, the combinators, and wrappers that are coroutines because they hold one.

use std::ops::Range;

use innermost::coroutine::FromIter;
use innermost::{
    Call, Coroutine, CoroutineExt, Exception, Generator, Kind, Resumed, State, Step, Stop, from_fn, from_iter, lazy,
    ready, yield_once,
};

use crate::generator_rules::bodies::{Log, Oops, for_every_way_to_hold, lets_out, machine, returns, yields};

#[test]
fn ready_returns_its_value_at_the_first_resume() {
    assert!(matches!(Generator::new(ready::<(), (), _>(7)).next(), Err(Stop::Returned(7))));
}

#[test]
fn yield_once_returns_the_sent_value_and_raises_the_thrown_exception() {
    let mut question = Generator::new(yield_once::<_, u32>("how many?"));
    assert_eq!(question.next().unwrap(), "how many?");
    assert!(matches!(question.send(42), Err(Stop::Returned(42))));
    let mut question = Generator::new(yield_once::<_, u32>("how many?"));
    assert_eq!(question.next().unwrap(), "how many?");
    assert!(matches!(question.throw(Oops(1)), Err(Stop::Raised(raised)) if raised.downcast_ref() == Some(&Oops(1))));
}

#[test]
fn a_result_runs_its_coroutine_or_raises_its_error() {
    let mut made = Generator::new(Ok::<_, Exception>(yield_once::<_, u32>("how many?")));
    assert_eq!(made.next().unwrap(), "how many?");
    assert!(matches!(made.send(42), Err(Stop::Returned(42))));
    let mut failed = Generator::new(Err::<FromIter<Range<u32>>, _>(Exception::new(Oops(1))));
    assert_eq!(failed.stack_trace().frames(), ["not made: oops 1"]);
    assert!(matches!(failed.next(), Err(Stop::Raised(raised)) if raised.downcast_ref() == Some(&Oops(1))));
    // A thrown exception is raised, as in anything unstarted.
    let mut failed = Err::<FromIter<Range<u32>>, _>(Exception::new(Oops(1)));
    let raised = failed.resume(Err(Exception::new(Oops(2)))).unwrap_err();
    assert_eq!(raised.downcast_ref(), Some(&Oops(2)));
}

#[test]
fn from_iter_yields_every_item_and_returns() {
    let mut letters = Generator::new(from_iter(["a", "b"]));
    assert_eq!([letters.next().unwrap(), letters.next().unwrap()], ["a", "b"]);
    assert!(matches!(letters.next(), Err(Stop::Returned(()))));
}

#[test]
fn from_fn_keeps_its_state_in_captured_variables() {
    let mut total = 0;
    let mut sum = Generator::new(from_fn(move |sent: Result<i32, _>| {
        total += sent?;
        Ok(Step::Yield::<_, _, ()>(total))
    }));
    sum.next().unwrap();
    assert_eq!((sum.send(3).unwrap(), sum.send(4).unwrap()), (3, 7));
}

#[test]
fn map_changes_only_the_returned_value() {
    for_every_way_to_hold(|held| {
        let mut generator = Generator::new(
            held(machine(|n, sent| match n {
                0 => yields(0),
                _ => returns(sent?.unwrap()),
            }))
            .map(|returned| returned.to_string()),
        );
        assert_eq!(generator.next().unwrap(), 0);
        assert!(matches!(generator.send(Some(7)), Err(Stop::Returned(text)) if text == "7"));
    });
}

#[test]
fn try_map_changes_the_returned_value_or_raises() {
    let parse = |text| ready::<(), (), &str>(text).try_map(|text| Ok(text.parse::<u32>()?));
    assert!(matches!(Generator::new(parse("7")).next(), Err(Stop::Returned(7))));
    let Err(Stop::Raised(raised)) = Generator::new(parse("seven")).next() else { panic!("seven is no digit") };
    assert!(raised.downcast_ref::<std::num::ParseIntError>().is_some());
    let mut never = Generator::new(yield_once::<(), u32>(()).try_map(|_| -> Result<(), _> { panic!("it raised") }));
    never.next().unwrap();
    assert!(matches!(never.throw(Oops(1)), Err(Stop::Raised(_))));
}

#[test]
fn lazy_makes_its_coroutine_when_started_and_not_when_closed_before() {
    let log = Log::default();
    let made = |name: &'static str| {
        let log = log.clone();
        lazy(move || {
            log.add(name);
            yield_once::<_, u32>("how many?")
        })
    };
    let mut question = Generator::new(made("one"));
    assert_eq!(question.stack_trace().frames(), [r#"Lazy: "created""#]);
    assert_eq!(log.take(), [""; 0]);
    assert_eq!(question.next().unwrap(), "how many?");
    assert_eq!(log.take(), ["one"]);
    assert!(matches!(question.send(42), Err(Stop::Returned(42))));
    drop(Generator::new(made("dropped")));
    assert!(matches!(Generator::new(made("closed")).close(), Ok(None)));
    let mut thrown = made("thrown into");
    assert_eq!(thrown.resume(Err(Oops(1).into())).unwrap_err().downcast_ref(), Some(&Oops(1)));
    assert_eq!(thrown.resume(Ok(0)).unwrap_err().kind(), Kind::RuntimeError);
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn lazy_raises_the_error_of_its_function() {
    let up_to = |text: &'static str| lazy(move || Ok(from_iter(0..text.parse::<u32>()?)));
    assert_eq!(Generator::new(up_to("2")).collect::<Result<Vec<_>, _>>().unwrap(), [0, 1]);
    assert!(matches!(Generator::new(up_to("two")).next(), Err(Stop::Raised(_))));
}

#[test]
fn map_on_a_generator_maps_its_items() {
    // `CoroutineExt` is imported here.
    let doubled = Generator::new(from_iter(1..4)).map(|item| item.map(|n| 2 * n));
    assert_eq!(doubled.collect::<Result<Vec<_>, _>>().unwrap(), [2, 4, 6]);
}

#[test]
fn then_runs_the_next_coroutine_after_a_return_but_not_after_a_raise() {
    let both = || from_iter(0..1).then(|()| from_iter(5..6));
    assert_eq!(Generator::new(both()).collect::<Result<Vec<_>, _>>().unwrap(), [0, 5]);
    let mut generator = Generator::new(both());
    assert_eq!(generator.next().unwrap(), 0);
    assert!(matches!(generator.throw(Oops(2)), Err(Stop::Raised(_))));
    assert!(matches!(generator.next(), Err(Stop::Exhausted)));
}

#[test]
fn catch_returns_a_value_for_an_exception_or_raises_another() {
    let mut calm = Generator::new(yield_once::<(), u32>(()).catch(|_| Ok(7)));
    calm.next().unwrap();
    assert!(matches!(calm.throw(Oops(3)), Err(Stop::Returned(7))));
    let mut stern = Generator::new(yield_once::<(), u32>(()).catch(|_| Err(Oops(4).into())));
    stern.next().unwrap();
    assert!(matches!(stern.throw(Oops(3)), Err(Stop::Raised(raised)) if raised.downcast_ref() == Some(&Oops(4))));
}

#[test]
fn catch_does_not_catch_generator_exit() {
    let mut calm = Generator::new(yield_once::<(), u32>(()).catch(|_| panic!("an exit is not to be caught")));
    calm.next().unwrap();
    assert!(matches!(calm.close(), Ok(None)));
}

#[test]
fn resuming_an_ended_combinator_raises() {
    let mut mapped = ready::<(), (), _>(7).map(|n| n + 1);
    assert!(matches!(mapped.resume(Ok(())), Ok(Step::Return(8))));
    assert_eq!(mapped.resume(Ok(())).unwrap_err().kind(), Kind::RuntimeError);
}

#[test]
fn references_and_boxes_of_coroutines_are_coroutines() {
    let mut numbers = from_iter(0..4);
    assert_eq!(Generator::new(&mut numbers).next().unwrap(), 0);
    let mut boxed: Box<dyn Coroutine<Yield = i32, Input = (), Return = ()>> = Box::new(numbers);
    assert_eq!(Generator::new(&mut boxed).next().unwrap(), 1);
    assert_eq!(Generator::new(Call::new(boxed)).next().unwrap(), 2);
}

#[test]
fn a_borrowed_generator_can_be_delegated_to_and_then_driven_further() {
    let log = Log::default();
    let seen = log.clone();
    let mut inner = Generator::new(machine(move |n, sent| {
        if let Err(thrown) = sent {
            seen.add(&thrown);
            return lets_out(Err(thrown));
        }
        yields(n as i32)
    }));
    assert_eq!(Generator::new(&mut inner).next().unwrap(), 0);
    // The outer generator was dropped suspended, and so has closed the inner one.
    assert_eq!(log.take(), ["generator exit"]);
    assert!(matches!(inner.next(), Err(Stop::Exhausted)));
}

/// A machine that names its state.
struct Door(&'static str);

impl Coroutine for Door {
    type Yield = ();
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        self.0 = "Open";
        Ok(Step::Yield(()))
    }

    fn state(&self) -> State<'_> {
        State::new("Door", &self.0)
    }
}

#[test]
fn a_combinator_shows_the_state_of_its_coroutine() {
    let mut doors = Generator::new(Box::new(Door("Shut").map(drop).catch(Err)));
    assert_eq!(doors.stack_trace().frames(), [r#"Door: "Shut""#]);
    doors.next().unwrap();
    assert_eq!(doors.stack_trace().frames(), [r#"Door: "Open""#]);
}

#[test]
fn a_state_shows_its_inline_children() {
    let (outer, inner) = (Door("Shut"), Door("Open"));
    let state = outer.state().delegating_to(inner.state());
    assert_eq!(state.to_string(), r#"Door: "Shut" > Door: "Open""#);
    assert_eq!((state.name(), state.child().map(State::name)), ("Door", Some("Door")));
}

#[test]
fn a_cloned_machine_continues_independently() {
    let twice = from_iter(1..3).then(|()| yield_once::<u32, ()>(7)).map(|()| "done");
    let mut first = Generator::new(twice.clone());
    assert_eq!(first.next().unwrap(), 1);
    let both = [first, Generator::new(twice)].map(|generator| generator.collect::<Result<Vec<_>, _>>().unwrap());
    assert_eq!(both, [vec![2, 7], vec![1, 2, 7]]);
}
