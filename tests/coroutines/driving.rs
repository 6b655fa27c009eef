//! `drive` does what a Python function does that sends to a generator what `yield from answer(want)` evaluates to.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use innermost::coroutine::{Driven, Driver, GeneratorState, drive};
use innermost::{
    Call, Coroutine, Exception, Generator, Kind, Resumed, SharedGenerator, State, Step, Stop, from_fn, ready,
    yield_from, yield_once,
};

use crate::log::Log;

fn shown<T: std::fmt::Debug>(sent: &Result<T, Exception>) -> String {
    match sent {
        Ok(value) => format!("{value:?}"),
        Err(thrown) => format!("{:?}", thrown.kind()),
    }
}

/// Yields 1, 2, and so on up to its limit, whatever is thrown in, and notes what it is sent. Then it returns.
struct Stubborn {
    log: Log,
    phase: Phase,
    limit: u32,
    ends_by_exit: bool,
}

#[derive(Debug)]
enum Phase {
    Created,
    At(u32),
}

impl Stubborn {
    fn new(log: &Log, limit: u32) -> Self {
        Self { log: log.clone(), phase: Phase::Created, limit, ends_by_exit: true }
    }
}

impl Coroutine for Stubborn {
    type Yield = u32;
    type Input = &'static str;
    type Return = &'static str;

    fn resume(&mut self, sent: Result<&'static str, Exception>) -> Resumed<Self> {
        self.log.add(format_args!("machine got {}", shown(&sent)));
        match sent {
            Err(exit) if exit.is_generator_exit() && self.ends_by_exit => return Err(exit),
            _ => {}
        }
        let next = if let Phase::At(number) = self.phase { number + 1 } else { 1 };
        if next > self.limit {
            return Ok(Step::Return("done"));
        }
        self.phase = Phase::At(next);
        Ok(Step::Yield(next))
    }

    fn state(&self) -> State<'_> {
        State::new("Stubborn", &self.phase)
    }
}

impl Drop for Stubborn {
    fn drop(&mut self) {
        self.log.add("machine dropped");
    }
}

/// Yields `"?"` and its number, and returns or raises what it is sent.
struct Answer {
    log: Log,
    number: u32,
    has_asked: bool,
    ignores_exits: bool,
}

impl Answer {
    fn new(log: &Log, number: u32) -> Self {
        Self { log: log.clone(), number, has_asked: false, ignores_exits: false }
    }
}

impl Coroutine for Answer {
    type Yield = String;
    type Input = &'static str;
    type Return = &'static str;

    fn resume(&mut self, sent: Result<&'static str, Exception>) -> Resumed<Self> {
        self.log.add(format_args!("answer {} got {}", self.number, shown(&sent)));
        if !std::mem::replace(&mut self.has_asked, true) || sent.is_err() && self.ignores_exits {
            return Ok(Step::Yield(format!("?{}", self.number)));
        }
        sent.map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        State::new("Answer", &self.number)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.log.add(format_args!("answer {} dropped", self.number));
    }
}

/// A driven machine with a limit, and its log.
fn driven(limit: u32) -> (Log, Generator<impl Coroutine<Yield = String, Input = &'static str, Return = &'static str>>) {
    let log = Log::default();
    let machine = Stubborn::new(&log, limit);
    let answers = log.clone();
    (log, Generator::new(drive(machine, move |number| Answer::new(&answers, number))))
}

#[test]
fn the_outcome_of_an_answer_reaches_the_machine_after_the_answer_is_dropped() {
    let (log, mut generator) = driven(3);
    assert_eq!(generator.next().unwrap(), "?1");
    assert_eq!(generator.send("one").unwrap(), "?2");
    assert_eq!(generator.throw(Exception::timeout()).unwrap(), "?3");
    assert!(matches!(generator.send("three"), Err(Stop::Returned("done"))));
    let events = [
        r#"machine got """#,
        r#"answer 1 got """#,
        r#"answer 1 got "one""#,
        "answer 1 dropped",
        r#"machine got "one""#,
        r#"answer 2 got """#,
        "answer 2 got TimeoutError",
        "answer 2 dropped",
        "machine got TimeoutError",
        r#"answer 3 got """#,
        r#"answer 3 got "three""#,
        "answer 3 dropped",
        r#"machine got "three""#,
        "machine dropped",
    ];
    assert_eq!(log.entries(), events);
}

#[test]
fn an_answer_that_is_ready_does_not_suspend() {
    let log = Log::default();
    let machine = Stubborn::new(&log, 100_000);
    let mut generator = Generator::new(drive(machine, |_| ready::<(), (), _>("at once")));
    assert!(matches!(generator.next(), Err(Stop::Returned("done"))));
    assert_eq!(log.entries().len(), 100_002);
}

#[test]
fn thrown_before_the_start_nothing_runs() {
    for thrown in [Exception::timeout(), Exception::generator_exit()] {
        let log = Log::default();
        let mut driver = Driver::new(drive(Stubborn::new(&log, 1), |number| Answer::new(&Log::default(), number)));
        let Driven::End(Err(raised)) = driver.resume(Err(thrown.clone())) else { panic!("it has not started") };
        assert_eq!(raised.kind(), thrown.kind());
        assert_eq!(log.entries(), ["machine dropped"]);
    }
    let log = Log::default();
    let mut driven = drive(Stubborn::new(&log, 1), |number| Answer::new(&Log::default(), number));
    assert!(driven.resume(Err(Exception::timeout())).is_err());
    assert_eq!(driven.state().to_string(), "Drive: Closed");
    assert_eq!(driven.resume(Ok("")).unwrap_err().kind(), Kind::RuntimeError);
}

#[test]
fn closing_closes_the_answer_and_then_the_machine() {
    let (log, mut generator) = driven(3);
    generator.next().unwrap();
    log.take();
    assert!(matches!(generator.close(), Ok(None)));
    let events = ["answer 1 got GeneratorExit", "answer 1 dropped", "machine got GeneratorExit", "machine dropped"];
    assert_eq!(log.entries(), events);
}

#[test]
fn a_machine_may_return_when_it_is_closed() {
    let (log, mut generator) = driven(1);
    generator.next().unwrap();
    drop(generator);
    assert_eq!(log.entries().last().unwrap(), "machine dropped");

    let log = Log::default();
    let mut machine = Stubborn::new(&log, 1);
    machine.ends_by_exit = false;
    let answers = log.clone();
    let mut generator = Generator::new(drive(machine, move |number| Answer::new(&answers, number)));
    generator.next().unwrap();
    assert!(matches!(generator.close(), Ok(Some("done"))));
}

#[test]
fn a_machine_that_yields_when_it_is_closed_breaks_the_rule() {
    let log = Log::default();
    let mut machine = Stubborn::new(&log, 9);
    machine.ends_by_exit = false;
    let answers = log.clone();
    let mut generator = Generator::new(drive(machine, move |number| Answer::new(&answers, number)));
    generator.next().unwrap();
    let raised = generator.close().unwrap_err();
    assert_eq!(raised.to_string(), "generator ignored GeneratorExit");
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert!(!log.entries().iter().any(|event| event.starts_with("answer 2")), "it is not answered");
}

#[test]
fn an_answer_that_yields_when_it_is_closed_raises_in_the_machine() {
    let log = Log::default();
    let answers = log.clone();
    let mut generator = Generator::new(drive(Stubborn::new(&log, 1), move |number| {
        let mut answer = Answer::new(&answers, number);
        answer.ignores_exits = true;
        answer
    }));
    generator.next().unwrap();
    log.take();
    assert!(matches!(generator.close(), Ok(Some("done"))));
    let events = ["answer 1 got GeneratorExit", "answer 1 dropped", "machine got RuntimeError", "machine dropped"];
    assert_eq!(log.entries(), events);
}

#[test]
fn what_an_answer_raises_when_it_is_closed_is_thrown_into_the_machine_and_a_value_is_not_sent() {
    for (answer_ends, machine_gets, closed) in [
        (Err(Kind::ValueError), "ValueError", Ok(Some("done"))),
        (Err(Kind::GeneratorExit), "GeneratorExit", Ok(None)),
        (Ok("a value"), "GeneratorExit", Ok(None)),
    ] {
        let log = Log::default();
        let mut generator = Generator::new(drive(Stubborn::new(&log, 1), move |number| {
            let ended = answer_ends.map(Step::Return).map_err(|kind| Exception::message(kind, "answer"));
            let mut ended = Some(ended);
            from_fn(move |sent: Result<(), Exception>| match sent {
                Ok(()) => Ok(Step::Yield(number)),
                Err(_) => ended.take().expect("it is closed once"),
            })
        }));
        generator.next().unwrap();
        log.take();
        assert_eq!(generator.close().map_err(|raised| raised.kind()), closed);
        assert_eq!(log.entries(), [format!("machine got {machine_gets}"), "machine dropped".into()]);
    }
}

#[test]
fn a_stop_iteration_out_of_an_answer_becomes_a_runtime_error_in_the_machine() {
    let log = Log::default();
    let machine = Stubborn::new(&log, 1);
    let raising = |_| from_fn(|_: Result<(), _>| Err::<Step<(), _, _>, _>(Exception::stop_iteration()));
    assert!(matches!(Generator::new(drive(machine, raising)).next(), Err(Stop::Returned("done"))));
    assert_eq!(log.entries()[1], "machine got RuntimeError");
}

#[test]
fn frames_of_an_answer_go_to_the_driver() {
    let log = Log::default();
    let answers = log.clone();
    let mut generator =
        Generator::new(drive(Stubborn::new(&log, 2), move |number| Call::new(Answer::new(&answers, number))));
    assert_eq!(generator.next().unwrap(), "?1");
    assert!(generator.is_delegating());
    let frames = generator.stack_trace().frames().to_vec();
    assert_eq!(frames, ["Stubborn: At(1) > Call<Answer>: delegated", "Answer: 1"]);
    assert_eq!(generator.send("one").unwrap(), "?2");
    assert!(matches!(generator.throw(Exception::cancelled()), Err(Stop::Returned("done"))));
    assert_eq!(log.entries()[log.entries().len() - 2], "machine got CancelledError");

    let answers = log.clone();
    let mut generator =
        Generator::new(drive(Stubborn::new(&log, 2), move |number| Call::new(Answer::new(&answers, number))));
    generator.next().unwrap();
    log.take();
    assert!(matches!(generator.close(), Ok(None)));
    let events = ["answer 1 got GeneratorExit", "answer 1 dropped", "machine got GeneratorExit", "machine dropped"];
    assert_eq!(log.entries(), events);
}

#[test]
fn frames_of_the_machine_stay_inside() {
    let log = Log::default();
    let answers = log.clone();
    let machine = Call::new(Stubborn::new(&log, 2));
    let mut generator = Generator::new(drive(machine, move |number| Answer::new(&answers, number)));
    assert_eq!(generator.next().unwrap(), "?1");
    assert!(!generator.is_delegating());
    assert_eq!(generator.send("one").unwrap(), "?2");
    assert_eq!(
        generator.stack_trace().frames(),
        [r#"Drive: Driver { frames: ["Call<Stubborn>: delegated", "Stubborn: At(2)"] } > Answer: 2"#]
    );
    log.take();
    assert!(matches!(generator.close(), Ok(None)));
    let events = ["answer 2 got GeneratorExit", "answer 2 dropped", "machine got GeneratorExit", "machine dropped"];
    assert_eq!(log.entries(), events);
}

#[test]
fn dropping_it_runs_no_code_and_drops_the_answer_first() {
    let log = Log::default();
    let answers = log.clone();
    let mut driven = drive(Stubborn::new(&log, 2), move |number| Answer::new(&answers, number));
    assert!(matches!(driven.resume(Ok("")), Ok(Step::Yield(_))));
    log.take();
    drop(driven);
    assert_eq!(log.entries(), ["answer 1 dropped", "machine dropped"]);
}

#[test]
fn its_state_is_that_of_the_machine_and_then_of_the_answer() {
    let log = Log::default();
    let answers = log.clone();
    let mut driven = drive(Stubborn::new(&log, 1), move |number| Answer::new(&answers, number));
    assert_eq!(driven.state().to_string(), "Stubborn: Created");
    drop(driven.resume(Ok("")));
    assert_eq!(driven.state().to_string(), "Stubborn: At(1) > Answer: 1");
    assert_eq!(format!("{driven:?}"), "Drive(Stubborn: At(1) > Answer: 1)");
    drop(driven.resume(Ok("one")));
    assert_eq!(driven.state().to_string(), "Drive: Closed");
}

#[test]
fn the_answer_stands_below_the_innermost_child_of_the_machine() {
    struct Outer(Stubborn);
    impl Coroutine for Outer {
        type Yield = u32;
        type Input = &'static str;
        type Return = &'static str;

        fn resume(&mut self, mut sent: Result<&'static str, Exception>) -> Resumed<Self> {
            yield_from!(self.0, sent).map(Step::Return)
        }

        fn state(&self) -> State<'_> {
            State::new("Outer", &"waiting").delegating_to(self.0.state())
        }
    }
    let log = Log::default();
    let answers = log.clone();
    let mut driven = drive(Outer(Stubborn::new(&log, 1)), move |number| Answer::new(&answers, number));
    drop(driven.resume(Ok("")));
    assert_eq!(driven.state().to_string(), r#"Outer: "waiting" > Stubborn: At(1) > Answer: 1"#);
}

#[test]
fn a_panic_of_the_function_ends_it() {
    let log = Log::default();
    let mut driven = drive(Stubborn::new(&log, 1), |_| -> Answer { panic!("no answer") });
    assert!(catch_unwind(AssertUnwindSafe(|| driven.resume(Ok("")))).is_err());
    assert_eq!(driven.resume(Ok("")).unwrap_err().to_string(), "cannot reuse already awaited coroutine");
}

#[test]
fn a_driven_machine_can_answer_another() {
    let log = Log::default();
    let (inner, answers) = (log.clone(), log.clone());
    let outer = drive(Stubborn::new(&log, 2), move |_| {
        let answers = answers.clone();
        drive(Stubborn::new(&inner, 2), move |number| Answer::new(&answers, number))
    });
    let mut generator = Generator::new(outer);
    let mut asked = vec![generator.next().unwrap()];
    let stop = loop {
        match generator.send("go on") {
            Ok(question) => asked.push(question),
            Err(stop) => break stop,
        }
    };
    assert!(matches!(stop, Stop::Returned("done")));
    assert_eq!(asked, ["?1", "?2", "?1", "?2"]);
}

type Boxed = Box<dyn Coroutine<Yield = (), Input = (), Return = &'static str>>;

#[test]
fn a_panic_of_an_answer_ends_the_machine() {
    let log = Log::default();
    let panics = |_| from_fn(|_: Result<(), _>| -> Resumed<Boxed> { panic!("no answer") });
    let mut generator = Generator::new(drive(Stubborn::new(&log, 2), panics));
    assert!(catch_unwind(AssertUnwindSafe(|| generator.next())).is_err());
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert!(matches!(generator.next(), Err(Stop::Exhausted)));
    drop(generator);
    assert_eq!(log.entries(), [r#"machine got """#, "machine dropped"]);
}

#[test]
fn an_answer_that_resumes_its_own_generator_raises_in_the_machine() {
    let (log, place) = (Log::default(), Rc::new(OnceCell::<SharedGenerator<Boxed>>::new()));
    let answering = Rc::clone(&place);
    let driven: Boxed = Box::new(drive(Stubborn::new(&log, 3), move |number| {
        let generator = answering.get().expect("it is resumed later").clone();
        from_fn(move |_: Result<(), Exception>| {
            let ended = match number {
                1 => generator.next().map(drop),
                2 => generator.throw(Exception::timeout()).map(drop),
                _ => match generator.close() {
                    Ok(_) => Ok(()),
                    Err(raised) => Err(Stop::Raised(raised)),
                },
            };
            match ended {
                Err(Stop::Raised(raised)) => Err(raised),
                _ => Ok(Step::Return("resumed")),
            }
        })
    }));
    let generator = place.get_or_init(|| SharedGenerator::new(driven)).clone();
    assert!(matches!(generator.next(), Err(Stop::Returned("done"))));
    let got = ["machine got ValueError"; 3];
    assert_eq!(log.entries(), [&[r#"machine got """#], &got[..], &["machine dropped"]].concat());
}

// ---- The methods of generators that a loop of one's own calls ---------------------------------------------------------

#[test]
fn resume_starts_a_body_that_send_refuses_to_start() {
    let mut generator = Generator::new(yield_once::<_, u32>("how many?"));
    assert!(matches!(generator.send(1), Err(Stop::Raised(raised)) if raised.kind() == Kind::TypeError));
    assert_eq!(generator.resume(Ok(1)).unwrap(), "how many?");
    assert!(matches!(generator.resume(Ok(2)), Err(Stop::Returned(2))));
    assert!(matches!(generator.resume(Ok(3)), Err(Stop::Exhausted)));
}

#[test]
fn resume_throws_as_throw_does() {
    let kind = |stop: Result<&str, Stop<u32>>| match stop {
        Err(Stop::Raised(raised)) => raised.kind(),
        _ => panic!("it raises"),
    };
    let mut generator = Generator::new(yield_once::<_, u32>("how many?"));
    generator.next().unwrap();
    assert_eq!(kind(generator.resume(Err(Exception::timeout()))), Kind::TimeoutError);
    assert_eq!(kind(generator.resume(Err(Exception::cancelled()))), Kind::CancelledError);

    let log = Log::default();
    let mut generator = Generator::new(Stubborn::new(&log, 1));
    assert!(generator.resume(Err(Exception::timeout())).is_err());
    assert_eq!(log.entries(), ["machine dropped"]);
}

#[test]
fn a_shared_generator_is_resumed_likewise() {
    let generator = SharedGenerator::new(yield_once::<_, u32>("how many?"));
    assert_eq!(generator.resume(Ok(1)).unwrap(), "how many?");
    assert!(matches!(generator.clone().resume(Ok(2)), Err(Stop::Returned(2))));
    assert!(matches!(generator.resume(Ok(3)), Err(Stop::Exhausted)));
}

#[test]
fn the_coroutine_can_be_looked_at_until_it_has_ended() {
    let log = Log::default();
    let mut generator = Generator::new(Stubborn::new(&log, 1));
    let state = |generator: &Generator<Stubborn>| generator.get_ref().map(|machine| machine.state().to_string());
    assert_eq!(state(&generator).as_deref(), Some("Stubborn: Created"));
    generator.next().unwrap();
    assert_eq!(state(&generator).as_deref(), Some("Stubborn: At(1)"));
    assert!(generator.next().is_err());
    assert_eq!(state(&generator), None);

    let mut driver = Driver::new(Stubborn::new(&log, 1));
    assert!(driver.get_ref().is_some());
    driver.close().unwrap();
    assert!(driver.get_ref().is_none());
}
