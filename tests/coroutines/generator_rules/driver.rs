//! `Driver`: driving a coroutine frame by frame, with a custom loop.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use innermost::coroutine::{Driven, Driver};
use innermost::{Call, Coroutine, Exception, Kind, Resumed, Step, from_iter, yield_from};

#[cfg(feature = "std")]
use super::bodies::Bomb;
use super::bodies::{Answer, Log, Machine, Oops, Sent, lets_out, machine, outer, raises, returns, yields};

/// A machine's request to the loop below.
#[derive(Debug, PartialEq)]
enum Ask {
    /// To be resumed in the next round.
    Turn,
    /// To be sent the next message for this name.
    Message(&'static str),
}

/// Waits for a number of messages, each in a frame of its own, and returns their sum.
enum Sum {
    Of(&'static str, u32),
    One { name: &'static str, left: u32, message: Call<Receive> },
    Rest { number: u32, rest: Call<Sum> },
}

struct Receive(Option<&'static str>);

impl Coroutine for Receive {
    type Yield = Ask;
    type Input = u32;
    type Return = u32;

    fn resume(&mut self, sent: Result<u32, Exception>) -> Resumed<Self> {
        let number = sent?;
        Ok(self.0.take().map_or(Step::Return(number), |name| Step::Yield(Ask::Message(name))))
    }
}

impl Coroutine for Sum {
    type Yield = Ask;
    type Input = u32;
    type Return = u32;

    fn resume(&mut self, mut sent: Result<u32, Exception>) -> Resumed<Self> {
        loop {
            *self = match self {
                Self::Of(_, 0) => return Ok(Step::Return(0)),
                Self::Of(name, left) => Self::One { name, left: *left - 1, message: Call::new(Receive(Some(name))) },
                Self::One { name, left, message } => {
                    let number = yield_from!(message, sent)?;
                    Self::Rest { number, rest: Call::new(Self::Of(name, *left)) }
                }
                Self::Rest { number, rest } => return Ok(Step::Return(*number + yield_from!(rest, sent)?)),
            }
        }
    }
}

type Asking = Box<dyn Coroutine<Yield = Ask, Input = u32, Return = u32>>;

/// A loop of one's own: machines wait in a queue, or for a message by name.
#[derive(Default)]
struct Loop {
    ready: VecDeque<(&'static str, Driver<Asking>)>,
    log: Vec<String>,
}

impl Loop {
    fn spawn(
        &mut self,
        name: &'static str,
        coroutine: impl Coroutine<Yield = Ask, Input = u32, Return = u32> + 'static,
    ) {
        self.ready.push_back((name, Driver::new(Box::new(coroutine))));
    }

    /// Runs until nothing is ready, and answers each request for a message from `mailbox`; without one, it throws.
    fn run(&mut self, mailbox: &mut BTreeMap<&'static str, VecDeque<u32>>) {
        let mut sent = BTreeMap::new();
        while let Some((name, mut driver)) = self.ready.pop_front() {
            match driver.resume(sent.remove(name).unwrap_or(Ok(0))) {
                Driven::Yield(ask) => {
                    if let Ask::Message(of) = ask {
                        let message = mailbox.entry(of).or_default().pop_front();
                        sent.insert(name, message.ok_or_else(|| Oops(9).into()));
                    }
                    self.log.push(format!("{name} {ask:?}"));
                    self.ready.push_back((name, driver));
                }
                Driven::End(Ok(sum)) => self.log.push(format!("{name} returned {sum}")),
                Driven::End(Err(raised)) => self.log.push(format!("{name} raised {raised}")),
            }
        }
    }
}

#[test]
fn a_custom_loop_runs_machines_with_calls_in_turn() {
    let mut all = Loop::default();
    all.spawn("two", Sum::Of("left", 2));
    all.spawn("one", Sum::Of("right", 1));
    let mut turns = 2;
    all.spawn(
        "turns",
        innermost::from_fn(move |sent: Result<u32, _>| {
            sent?;
            turns -= 1;
            Ok(if turns == 0 { Step::Return(7) } else { Step::Yield(Ask::Turn) })
        }),
    );
    all.run(&mut BTreeMap::from([("left", VecDeque::from([1, 2])), ("right", VecDeque::from([10]))]));
    assert_eq!(
        all.log,
        [
            r#"two Message("left")"#,
            r#"one Message("right")"#,
            "turns Turn",
            r#"two Message("left")"#,
            "one returned 10",
            "turns returned 7",
            "two returned 3",
        ]
    );
}

#[test]
fn an_exception_thrown_into_a_driver_reaches_the_innermost_frame() {
    let mut all = Loop::default();
    all.spawn("two", Sum::Of("left", 2));
    all.run(&mut BTreeMap::from([("left", VecDeque::from([1]))]));
    assert_eq!(all.log, [r#"two Message("left")"#, r#"two Message("left")"#, "two raised oops 9"]);
}

/// A machine in two frames. Each logs a thrown exception and then runs `answer`.
fn two_frames(log: &Log, answer: fn() -> Answer) -> Driver<Machine> {
    fn logging(log: &Log, name: &'static str, answer: fn() -> Answer) -> impl FnMut(u32, Sent) -> Answer + use<> {
        let (log, held) = (log.clone(), log.on_drop(name));
        move |n, sent| {
            let _held = &held;
            match sent {
                Ok(_) if n == 0 => yields(0),
                Ok(_) => returns(1),
                Err(thrown) => {
                    log.add(thrown);
                    answer()
                }
            }
        }
    }
    let inner = machine(logging(log, "inner dropped", answer));
    let mut driver = Driver::new(outer(Box::new(Call::new(inner)), logging(log, "outer dropped", answer)));
    assert!(matches!(driver.resume(Ok(None)), Driven::Yield(0)));
    assert!(driver.is_delegating());
    driver
}

#[test]
fn closing_a_driver_closes_the_innermost_frame_first() {
    let log = Log::default();
    let mut driver = two_frames(&log, || raises(Exception::generator_exit()));
    assert!(matches!(driver.close(), Ok(None)));
    assert_eq!(log.take(), ["generator exit", "inner dropped", "generator exit", "outer dropped"]);
    assert!(driver.has_ended() && !driver.is_delegating());
    assert!(matches!(driver.close(), Ok(None)));
    assert!(driver.stack_trace().frames().is_empty());
}

#[test]
fn closing_a_driver_returns_the_coroutines_answer() {
    let log = Log::default();
    assert!(matches!(two_frames(&log, || returns(3)).close(), Ok(Some(3))));
    let raised = two_frames(&log, || raises(Oops(4))).close().unwrap_err();
    assert_eq!(raised.downcast_ref(), Some(&Oops(4)));
}

#[test]
fn a_driver_whose_coroutine_yields_when_closed_is_suspended_at_that_yield() {
    let mut driver = Driver::new(machine(|n, sent| if n < 2 { yields(n as i32) } else { lets_out(sent) }));
    assert!(matches!(driver.resume(Ok(None)), Driven::Yield(0)));
    let raised = driver.close().unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::RuntimeError, "generator ignored GeneratorExit"));
    assert!(!driver.has_ended());
    assert!(matches!(driver.close(), Ok(None)));
}

#[test]
fn dropping_a_driver_runs_only_destructors_and_the_innermost_first() {
    let log = Log::default();
    drop(two_frames(&log, || returns(0)));
    assert_eq!(log.take(), ["inner dropped", "outer dropped"]);
}

#[test]
fn resuming_an_ended_driver_raises() {
    let mut driver = Driver::from(from_iter(0..0));
    assert!(matches!(driver.resume(Ok(())), Driven::End(Ok(()))));
    let Driven::End(Err(raised)) = driver.resume(Ok(())) else { panic!("it raises") };
    assert_eq!(raised.to_string(), "cannot reuse already awaited coroutine");
}

#[test]
fn a_panic_ends_a_driver_and_drops_its_frames_innermost_first() {
    let log = Log::default();
    let mut driver = two_frames(&log, || resume_unwind(Box::new("panicked")));
    assert!(catch_unwind(AssertUnwindSafe(|| driver.resume(Err(Oops(1).into())))).is_err());
    assert!(driver.has_ended() && !driver.is_delegating());
    assert_eq!(log.take(), ["oops 1", "inner dropped", "outer dropped"]);
    assert!(matches!(driver.resume(Ok(None)), Driven::End(Err(_))));
}

// Without the standard library nothing can catch the second panic.
#[cfg(feature = "std")]
#[test]
fn a_destructor_that_panics_while_a_driver_panics_is_caught() {
    let bomb = Bomb;
    let mut driver = Driver::new(machine(move |_, _| {
        let _bomb = &bomb;
        resume_unwind(Box::new("panicked"))
    }));
    let panic = catch_unwind(AssertUnwindSafe(|| driver.resume(Ok(None)))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"panicked"));
    assert!(driver.has_ended());
}

#[test]
fn a_driver_shows_its_frames_and_the_yielded_value() {
    let mut driver = Driver::new(Call::new(from_iter(7..9)));
    assert_eq!(format!("{driver:?}"), r#"Driver { frames: ["Call<FromIter<Range<i32>>>: created"] }"#);
    let Driven::Yield(yielded) = driver.resume(Ok(())) else { panic!("it yields") };
    let trace = driver.stack_trace();
    assert_eq!(trace.frames(), ["Call<FromIter<Range<i32>>>: delegated", "FromIter<Range<i32>>"]);
    assert_eq!(trace.yielded(), None);
    assert_eq!(trace.with_yielded(yielded).yielded(), Some("7"));
}

#[test]
fn a_driver_may_borrow() {
    let words = [String::from("one"), String::from("two")];
    let mut driver = Driver::new(from_iter(words.iter()));
    assert!(matches!(driver.resume(Ok(())), Driven::Yield(word) if word == "one"));
}
