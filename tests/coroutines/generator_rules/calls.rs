//! C1, C2 and other misuses of a `Call`. Each raises an exception, and none panics.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::coroutine::{FromIter, GeneratorState};
use innermost::{
    Call, Coroutine, Exception, Generator, Kind, Resumed, Step, Stop, from_fn, from_iter, ready, yield_from,
};

use crate::generator_rules::bodies::{
    Log, Machine, Oops, Sent, for_every_way_to_hold, lets_out, machine, outer, raises, returns, yields,
};

type Numbers = FromIter<std::ops::Range<i32>>;

fn assert_reused<C: Coroutine>(resumed: Resumed<C>) {
    let Err(raised) = resumed else { panic!("it is used up") };
    assert_eq!(raised.kind(), Kind::RuntimeError);
    assert_eq!(raised.to_string(), "cannot reuse already awaited coroutine");
}

// C1
#[test]
fn delegating_to_an_ended_call_raises_runtime_error() {
    let mut generator = Generator::new(from_iter(0..0));
    assert!(generator.next().is_err());
    assert_reused::<Generator<Numbers>>(Coroutine::resume(&mut generator, Ok(())));

    let mut value = ready::<(), (), _>(7);
    assert!(value.resume(Ok(())).is_ok());
    assert_reused::<innermost::coroutine::Ready<(), (), i32>>(value.resume(Ok(())));

    let mut call = Call::new(from_iter(0..0));
    assert!(Generator::new(&mut call).next().is_err());
    assert_reused::<Call<Numbers>>(call.resume(Ok(())));
    assert_reused::<Call<Numbers>>(call.resume(Ok(())));
}

// C1
#[test]
fn closing_an_ended_call_does_nothing() {
    let mut generator = Generator::new(Call::new(from_iter(0..0)));
    assert!(generator.next().is_err());
    assert!(matches!(generator.close(), Ok(None)));
}

// C2
#[test]
fn a_second_waiter_of_a_call_gets_a_runtime_error() {
    let call = Rc::new(RefCell::new(Call::new(from_iter(0..3))));
    let waiting = || {
        let call = Rc::clone(&call);
        Generator::new(from_fn(move |sent| call.borrow_mut().resume(sent)))
    };
    let (mut first, mut second) = (waiting(), waiting());
    assert_eq!(first.next().unwrap(), 0);
    let Err(Stop::Raised(raised)) = second.next() else { panic!("it is waited for already") };
    assert_eq!(raised.kind(), Kind::RuntimeError);
    assert_eq!(first.next().unwrap(), 1);
}

#[test]
fn a_call_without_a_driver_yields_its_frame_and_then_raises() {
    let mut call = Call::new(from_iter(0..3));
    let frame = call.resume(Ok(()));
    assert!(matches!(frame, Ok(Step::Delegate(_))));
    let raised = call.resume(Ok(())).unwrap_err();
    assert_eq!(raised.kind(), Kind::RuntimeError);
    assert!(raised.to_string().contains("was not passed on to the driver"));
    // The frame is returned once nothing holds it.
    drop(frame);
    assert!(matches!(call.resume(Ok(())), Ok(Step::Delegate(_))));
}

#[test]
fn a_throw_into_an_unstarted_call_comes_out_and_ends_it() {
    let log = Log::default();
    let held = log.on_drop("dropped");
    let mut call = Call::new(machine(move |_, _| {
        let _held = &held;
        panic!("no code of it may run")
    }));
    assert_eq!(call.resume(Err(Oops(1).into())).unwrap_err().downcast_ref(), Some(&Oops(1)));
    assert_eq!(log.take(), ["dropped"]);
    assert_reused::<Call<Machine>>(call.resume(Ok(None)));
}

#[test]
fn an_ended_call_can_be_restarted_with_another_child() {
    let mut call = Call::new(from_iter(0..1));
    assert_eq!(Generator::new(&mut call).count(), 1);
    call.restart(from_iter(0..2));
    assert_eq!(Generator::new(&mut call).count(), 2);
}

#[test]
fn restarting_an_unstarted_call_drops_its_child() {
    let log = Log::default();
    let child = |name| {
        let held = log.on_drop(name);
        machine(move |_, _| {
            let _held = &held;
            returns(0)
        })
    };
    let mut call = Call::new(child("first"));
    call.restart(child("second"));
    assert_eq!(log.take(), ["first"]);
    assert!(matches!(Generator::new(&mut call).next(), Err(Stop::Returned(0))));
    assert_eq!(log.take(), ["second"]);
}

#[test]
fn a_running_child_can_restart_or_throw_into_its_own_call() {
    type Shared = Rc<RefCell<Call<Machine>>>;
    fn meddling(meddle: fn(&Shared) -> i32) -> Result<i32, Stop<i32>> {
        let call: Shared = Rc::new(RefCell::new(Call::new(machine(|_, _| returns(0)))));
        let inside = Rc::clone(&call);
        call.borrow_mut().restart(machine(move |_, _| yields(meddle(&inside))));
        let mut generator = Generator::new(from_fn(move |sent| call.borrow_mut().resume(sent)));
        let first = generator.next();
        // The frame that the call has given away goes on by itself.
        assert_eq!(generator.next().unwrap(), first.as_ref().copied().unwrap());
        first
    }
    let restarted = meddling(|call| {
        call.borrow_mut().restart(machine(|_, _| returns(1)));
        1
    });
    let thrown_into = meddling(|call| i32::from(call.borrow_mut().resume(Err(Oops(2).into())).is_err()));
    let resumed = meddling(|call| i32::from(call.borrow_mut().resume(Ok(None)).is_err()));
    assert!(matches!((restarted, thrown_into, resumed), (Ok(1), Ok(1), Ok(1))));
}

#[test]
fn debug_of_a_call_shows_its_state() {
    let mut call = Call::new(from_iter(0..3));
    assert_eq!(format!("{call:?}"), "created");
    let mut generator = Generator::new(&mut call);
    assert_eq!(generator.next().unwrap(), 0);
    assert_eq!(generator.stack_trace().frames()[0], "Call<FromIter<Range<i32>>>: delegated");
    assert!(matches!(generator.close(), Ok(None)));
    drop(generator);
    assert_eq!(format!("{call:?}"), "over");
}

/// Yields 0. When it is closed, it cleans up by delegating to `clean_up`, and then ends as it was told to.
struct CleaningUp {
    clean_up: Option<Machine>,
    exit: Option<Exception>,
}

impl CleaningUp {
    fn with(clean_up: Machine) -> Machine {
        Box::new(Self { clean_up: Some(clean_up), exit: None })
    }
}

impl Coroutine for CleaningUp {
    type Yield = i32;
    type Input = Option<i32>;
    type Return = i32;

    fn resume(&mut self, mut sent: Sent) -> Resumed<Self> {
        if self.exit.is_none() {
            let Err(exit) = sent else { return yields(0) };
            self.exit = Some(exit);
            sent = Ok(None);
        }
        if let Some(clean_up) = &mut self.clean_up {
            yield_from!(clean_up, sent)?;
        }
        self.clean_up = None;
        self.exit.take().map_or_else(|| returns(0), Err)
    }
}

#[test]
fn a_child_is_closed_after_its_own_cleanup_child_has_ended() {
    for_every_way_to_hold(|held| {
        for_every_way_to_hold(|held_inside| {
            let log = Log::default();
            let (cleaned, told) = (log.clone(), log.clone());
            let clean_up = held_inside(machine(move |_, _| {
                cleaned.add("cleaned up");
                returns(0)
            }));
            let mut generator = Generator::new(outer(held(CleaningUp::with(clean_up)), move |_, got| {
                told.add(got.as_ref().unwrap_err());
                lets_out(got)
            }));
            assert_eq!(generator.next().unwrap(), 0);
            assert!(matches!(generator.close(), Ok(None)));
            assert_eq!(log.take(), ["cleaned up", "generator exit"]);
        });
    });
}

#[test]
fn an_exception_raised_in_a_childs_cleanup_propagates() {
    for_every_way_to_hold(|held| {
        for_every_way_to_hold(|held_inside| {
            let clean_up = held_inside(machine(|_, _| raises(Oops(3))));
            let mut generator = Generator::new(outer(held(CleaningUp::with(clean_up)), |_, got| lets_out(got)));
            assert_eq!(generator.next().unwrap(), 0);
            assert_eq!(generator.close().unwrap_err().downcast_ref(), Some(&Oops(3)));
        });
    });
}

#[test]
fn a_child_that_yields_in_its_cleanup_ignores_its_exit() {
    for_every_way_to_hold(|held| {
        for_every_way_to_hold(|held_inside| {
            let clean_up = held_inside(machine(|n, sent| if n == 0 { yields(1) } else { lets_out(sent) }));
            let mut generator = Generator::new(outer(held(CleaningUp::with(clean_up)), |_, got| lets_out(got)));
            assert_eq!(generator.next().unwrap(), 0);
            assert_eq!(generator.close().unwrap_err().to_string(), "generator ignored GeneratorExit");
            assert_eq!(generator.state(), GeneratorState::Closed);
        });
    });
}

#[test]
fn a_closed_outermost_coroutine_may_clean_up_in_a_frame() {
    let log = Log::default();
    let cleaned = log.clone();
    let clean_up = Call::new(machine(move |_, _| {
        cleaned.add("cleaned up");
        returns(0)
    }));
    let mut generator = Generator::new(CleaningUp::with(Box::new(clean_up)));
    assert_eq!(generator.next().unwrap(), 0);
    assert!(matches!(generator.close(), Ok(None)));
    assert_eq!(log.take(), ["cleaned up"]);
}
