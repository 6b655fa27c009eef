//! Scripts: steps, splits, truncations, interruptions, and what they say when something is wrong.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use innermost::testing::{Interruption, Script};
use innermost::{
    Call, Coroutine, Exception, Kind, Machine, Resumed, State, Step, from_iter, machine, take_sent, yield_from,
    yield_once,
};

use crate::faults::{Fault, Lines, Want, failure};

fn answer(line: &str) -> Want {
    Want::Answer(line.into())
}

/// `"one\ntwo\n\n"`, and the expected answer of the machine.
fn lines(fault: Fault) -> Script<Lines> {
    Script::new(move || Lines::new(fault))
        .input("one\ntwo\n\n", |want| *want == Want::Bytes, <[u8]>::to_vec)
        .expect(answer("ONE"))
        .expect(answer("TWO"))
        .returns(2)
}

#[test]
fn a_machine_without_faults_passes() {
    let script = lines(Fault::None);
    script.run();
    script.all_splits();
    let mut lengths = Vec::new();
    script.truncations(|length, outcome| {
        assert_eq!(outcome.unwrap_err().to_string(), "unexpected end of file");
        lengths.push(length);
    });
    assert_eq!(lengths, Vec::from_iter(0..9));
    let mut lengths = Vec::new();
    script.resets(|length, outcome| {
        let text = if length < 9 { Err("connection reset".into()) } else { Ok(2) };
        assert_eq!(outcome.map_err(|raised| raised.to_string()), text);
        lengths.push(length);
    });
    assert_eq!(lengths, Vec::from_iter(0..=9));
    let mut seen = Vec::new();
    script.interruptions(|suspension, interruption, outcome| {
        seen.push((suspension, interruption, outcome.unwrap_err().kind()));
    });
    let expected = (1..=3).flat_map(|suspension| {
        [
            (suspension, Interruption::Throw, Kind::Error),
            (suspension, Interruption::Cancel, Kind::CancelledError),
            (suspension, Interruption::Close, Kind::GeneratorExit),
        ]
    });
    assert_eq!(seen, Vec::from_iter(expected));
}

#[test]
fn every_cut_is_tried_once() {
    let pieces = Rc::new(RefCell::new(Vec::new()));
    let (runs, made) = (Rc::clone(&pieces), Rc::clone(&pieces));
    let make = move || {
        runs.borrow_mut().push(Vec::new());
        Lines::new(Fault::None)
    };
    let make_input = move |piece: &[u8]| {
        made.borrow_mut().last_mut().unwrap().push(String::from_utf8_lossy(piece).into_owned());
        piece.to_vec()
    };
    Script::new(make).input("abc\n\n", |want| *want == Want::Bytes, make_input).reply(|_| Ok(Vec::new())).all_splits();
    let runs = pieces.take();
    assert_eq!(runs.len(), 5 * 4 / 2 + 2);
    let expected: [&[&str]; 12] = [
        &["abc\n\n"],
        &["a", "bc\n\n"],
        &["a", "b", "c\n\n"],
        &["a", "bc", "\n\n"],
        &["a", "bc\n", "\n"],
        &["ab", "c\n\n"],
        &["ab", "c", "\n\n"],
        &["ab", "c\n", "\n"],
        &["abc", "\n\n"],
        &["abc", "\n", "\n"],
        &["abc\n", "\n"],
        &["a", "b", "c", "\n", "\n"],
    ];
    assert_eq!(runs, expected);
}

#[test]
fn a_byte_lost_at_a_split_is_found() {
    let script = lines(Fault::LosesBytes);
    script.run();
    let message = failure(|| script.all_splits());
    let (first, second) = message.split_once("\n  states: ").unwrap();
    let yielded = r#"input cut at byte 1 of 9: it yielded Answer("NE"). The script expects Answer("ONE") (step 1, "#;
    assert!(first.starts_with(yielded) && first.contains("scripts.rs:"), "{first}");
    assert_eq!(second, "Reading (x2) -> Answering");
}

#[test]
fn without_steps_the_runs_are_compared() {
    let script = Script::new(|| Lines::new(Fault::LosesBytes))
        .input("one\n\n", |want| *want == Want::Bytes, <[u8]>::to_vec)
        .reply(|_| Ok(Vec::new()));
    let message = "input cut at byte 1 of 5: it yielded Answer(\"NE\"). With the uncut input, it yielded Answer(\"ONE\")\n  \
                   states: Reading (x2) -> Answering";
    assert_eq!(failure(|| script.all_splits()), message);
}

#[test]
fn a_machine_that_ends_earlier_when_cut_is_found() {
    struct First;
    impl Coroutine for First {
        type Yield = ();
        type Input = Option<Vec<u8>>;
        type Return = usize;

        fn resume(&mut self, sent: Result<Option<Vec<u8>>, Exception>) -> Resumed<Self> {
            Ok(sent?.map_or(Step::Yield(()), |piece| Step::Return(piece.len())))
        }
    }
    let script = Script::new(|| First).input("abc", |()| true, |piece| Some(piece.to_vec()));
    let message = "input cut at byte 1 of 3: it returned 1. With the uncut input, it returned 3\n  states: First";
    assert_eq!(failure(|| script.all_splits()), message);
}

#[test]
fn a_hang_at_the_end_of_a_truncated_input_is_found() {
    let script = lines(Fault::HangsAtTheEnd);
    script.all_splits();
    let message = "input ended after 0 of 9 bytes: it does not end: it has asked for bytes 16 times after the end of the \
                   input\n  states: Reading (x17)";
    assert_eq!(failure(|| script.truncations(|_, _| ())), message);
}

#[test]
fn a_machine_that_yields_on_and_on_is_found() {
    let script = Script::new(|| from_iter(0..)).reply(|_| Ok(()));
    let message = failure(|| script.run());
    assert!(message.starts_with("it does not end: it has yielded 100000 times\n  states: FromIter (x"), "{message}");
}

#[test]
fn an_ignored_exit_is_found() {
    let message = "Close at suspension 1: it yielded Bytes when it was closed\n  states: Reading (x2)";
    assert_eq!(failure(|| lines(Fault::IgnoresExit).interruptions(|_, _, _| ())), message);
}

#[test]
fn a_yield_while_closing_is_found() {
    let message = "Close at suspension 1: it yielded Answer(\"bye\") when it was closed\n  states: Reading -> Leaving";
    assert_eq!(failure(|| lines(Fault::YieldsWhileClosing).interruptions(|_, _, _| ())), message);
}

#[test]
fn a_child_that_yields_while_closing_is_found() {
    struct Parent(Lines);
    impl Coroutine for Parent {
        type Yield = Want;
        type Input = Vec<u8>;
        type Return = usize;

        fn resume(&mut self, mut sent: Result<Vec<u8>, Exception>) -> Resumed<Self> {
            yield_from!(self.0, sent).map(Step::Return)
        }

        fn state(&self) -> State<'_> {
            State::new("Parent", &Within).delegating_to(self.0.state())
        }
    }
    #[derive(Debug)]
    struct Within;
    let script = Script::new(|| Parent(Lines::new(Fault::IgnoresExit)))
        .input("one\n\n", |want| *want == Want::Bytes, <[u8]>::to_vec)
        .expect(answer("ONE"));
    let message = "Close at suspension 1: a child of it yielded when it was closed\n  states: Within > Reading";
    assert_eq!(failure(|| script.interruptions(|_, _, _| ())), message);
}

#[test]
fn a_frame_that_yields_while_closing_is_found() {
    let script = Script::new(|| Call::new(Lines::new(Fault::IgnoresExit)))
        .input("one\n\n", |want| *want == Want::Bytes, <[u8]>::to_vec)
        .expect(answer("ONE"));
    script.run();
    let message = "Close at suspension 1: a child of it yielded when it was closed\n  states: delegated > Reading";
    assert_eq!(failure(|| script.interruptions(|_, _, _| ())), message);
}

#[test]
fn a_panic_of_the_machine_has_its_place() {
    let message = "input cut at byte 1 of 9: it panicked: a line in two parts\n  states: Reading (x2)";
    assert_eq!(failure(|| lines(Fault::Panics).all_splits()), message);
}

/// Panics wherever the program is asked something, if that is what is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    Yielded,
    Returned,
    Compared,
    Shown,
    Sent,
}

struct Touchy(Spot, bool);

#[derive(Clone)]
struct Touched(Option<Spot>);

impl PartialEq for Touched {
    fn eq(&self, _: &Self) -> bool {
        assert!(self.0 != Some(Spot::Compared), "a comparison");
        false
    }
}

impl fmt::Debug for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(!matches!(self.0, Some(Spot::Yielded | Spot::Returned)), "a value");
        f.write_str("Touched")
    }
}

impl fmt::Debug for Touchy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(self.0 != Spot::Shown, "a state");
        f.write_str("Waiting")
    }
}

impl Coroutine for Touchy {
    type Yield = Touched;
    type Input = u32;
    type Return = Touched;

    fn resume(&mut self, sent: Result<u32, Exception>) -> Resumed<Self> {
        sent?;
        if self.1 || self.0 == Spot::Returned {
            return Ok(Step::Return(Touched(Some(self.0))));
        }
        self.1 = true;
        Ok(Step::Yield(Touched(Some(self.0))))
    }

    fn state(&self) -> State<'_> {
        State::new("Touchy", self)
    }
}

#[test]
fn a_panic_of_anything_of_the_program_has_its_place() {
    let script = |spot| Script::new(move || Touchy(spot, false));
    let shows = |spot, problem: &str, script: Script<Touchy>| {
        let states = if matches!(spot, Spot::Returned | Spot::Shown) { "(it was never suspended)" } else { "Waiting" };
        assert_eq!(failure(|| script.run()), format!("it panicked: {problem}\n  states: {states}"), "{spot:?}");
    };
    for (spot, problem) in [(Spot::Yielded, "a value"), (Spot::Compared, "a comparison"), (Spot::Shown, "a state")] {
        shows(spot, problem, script(spot).expect(Touched(None)));
    }
    shows(Spot::Returned, "a value", script(Spot::Returned).expect(Touched(None)));
    shows(Spot::Sent, "a predicate", script(Spot::Sent).expect_that(|_| panic!("a predicate")));
    shows(Spot::Sent, "a reply", script(Spot::Sent).reply(|_| panic!("a reply")));
    let input = |script: Script<Touchy>| script.input("ab", |_| true, |_| panic!("an input"));
    shows(Spot::Sent, "an input", input(script(Spot::Sent)));
    let end = script(Spot::Sent).input("ab", |_| true, |_| 0).returns_that(|_| panic!("an end"));
    shows(Spot::Sent, "an end", end);
    let compared = script(Spot::Compared).input("ab", |_| true, |_| 0);
    let message = "input cut at byte 1 of 2: it panicked: a comparison\n  states: Waiting";
    assert_eq!(failure(|| compared.all_splits()), message);
}

#[test]
fn a_check_that_fails_has_its_place() {
    let script = lines(Fault::None);
    let message = "input ended after 4 of 9 bytes: it raised Error: unexpected end of file, and the check of that failed: \
                   it panicked: no\n  states: Reading -> Answering -> Reading";
    assert_eq!(failure(|| script.truncations(|length, _| assert!(length != 4, "no"))), message);
    let message = "Cancel at suspension 2: it raised CancelledError: cancelled, and the check of that failed: it \
                   panicked: no\n  states: Reading -> Answering";
    let check = |suspension, interruption, _| assert!((suspension, interruption) != (2, Interruption::Cancel), "no");
    assert_eq!(failure(|| script.interruptions(check)), message);
}

#[test]
fn steps_follow_the_conversation() {
    let question = || Script::new(|| yield_once::<_, u32>("how many?")).expect("how many?");
    question().send(7).returns(7).run();
    question().send(7).returns_that(|number| *number > 6).run();
    question().throw(io::Error::other("no")).raises(Kind::Error).run();
    question().throw(io::Error::other("no")).raises_that(|raised| raised.to_string() == "no").run();
    question().close().run();
    question().close().raises(Kind::GeneratorExit).run();
    question().run();
    question().returns(0).run();
    Script::new(|| from_iter(1..4)).expect(1).expect_that(|number| *number == 2).expect(3).returns(()).run();
}

#[test]
fn a_failed_step_prints_the_actual_event_and_its_source_line() {
    let starts = |script: Script<_>, text: &str| {
        let message = failure(|| script.run());
        assert!(message.starts_with(text), "{message}");
        assert!(message.contains("scripts.rs:") || !text.ends_with('('), "{message}");
    };
    let question = || Script::new(|| yield_once::<_, u32>("how many?"));
    starts(question().expect("how?"), "it yielded \"how many?\". The script expects \"how?\" (step 1, ");
    starts(question().returns(1), "it yielded \"how many?\". The script expects it to return 1 (step 1, ");
    starts(question().expect("how many?").expect("sure?"), "it returned 0. The script expects \"sure?\" (step 2, ");
    let script = question().expect("how many?").send(2).returns(3);
    starts(script, "it returned 2. The script expects it to return 3 (step 3, ");
    let script = question().expect("how many?").send(2).raises(Kind::Error);
    starts(script, "it returned 2. The script expects it to raise Error (step 3, ");
    let script = question().expect("how many?").throw(Exception::timeout());
    starts(script, "it raised TimeoutError: timed out. The script says nothing of that: its steps are done\n");
    let script = question().expect_that(|text| text.is_empty());
    starts(script, "it yielded \"how many?\". The script expects a yield for which the predicate holds (step 1, ");
}

#[test]
fn a_step_out_of_order_is_refused_at_once() {
    let question = || Script::new(|| yield_once::<_, u32>("how many?"));
    for build in [
        (|| drop(question_of(yield_once::<_, u32>).send(1))) as fn(),
        || drop(question_of(yield_once::<_, u32>).expect("?").send(1).send(2)),
        || drop(question_of(yield_once::<_, u32>).returns(1).expect("?")),
        || drop(question_of(yield_once::<_, u32>).input("a", |_| true, |_| 1).input("b", |_| true, |_| 2)),
        || drop(question_of(yield_once::<_, u32>).reply(|_| Ok(1)).reply(|_| Ok(2))),
    ] {
        assert!(std::panic::catch_unwind(build).is_err());
    }
    drop(question());
}

fn question_of(
    make: fn(&'static str) -> innermost::coroutine::YieldOnce<&'static str, u32>,
) -> Script<innermost::coroutine::YieldOnce<&'static str, u32>> {
    Script::new(move || make("?"))
}

#[test]
fn without_input_there_is_nothing_to_cut() {
    let script = || Script::new(|| from_iter(1..2)).expect(1).returns(());
    let has_failed = |run: fn(Script<_>)| std::panic::catch_unwind(AssertUnwindSafe(|| run(script()))).is_err();
    assert!(has_failed(|script| script.all_splits()));
    assert!(has_failed(|script| script.truncations(|_, _| ())));
    assert!(!has_failed(|script| script.interruptions(|_, _, _| ())));
}

#[test]
fn an_interrupted_machine_is_answered_on_its_way_out() {
    /// Asks three questions, and returns the sum of the answers. When it is cancelled, it asks whether that is meant.
    struct Reluctant {
        asked: u32,
        sum: u32,
    }
    impl Coroutine for Reluctant {
        type Yield = u32;
        type Input = u32;
        type Return = u32;

        fn resume(&mut self, sent: Result<u32, Exception>) -> Resumed<Self> {
            match sent {
                Err(cancelled) if cancelled.is_cancelled() => Ok(Step::Yield(100)),
                Err(raised) => Err(raised),
                Ok(9) => Err(Exception::cancelled()),
                Ok(number) => {
                    self.asked += 1;
                    self.sum += number;
                    Ok(if self.asked > 3 { Step::Return(self.sum) } else { Step::Yield(self.asked) })
                }
            }
        }
    }
    let script = Script::new(|| Reluctant { asked: 0, sum: 0 });
    let script = script.expect(1).send(1).expect(2).send(2).expect(3).send(3).returns(6);
    let mut ends = Vec::new();
    script.interruptions(|suspension, interruption, outcome| {
        if interruption == Interruption::Cancel {
            ends.push((suspension, outcome.ok()));
        }
    });
    // Answered by 0, it goes on, and the steps answer the rest.
    assert_eq!(ends, [(1, Some(5)), (2, Some(4)), (3, Some(3))]);
    let script = script.reply(|number| Ok(if *number == 100 { 9 } else { 0 }));
    script.interruptions(|_, _, outcome| assert!(outcome.is_err()));
}

#[test]
fn the_states_of_a_declared_machine_are_named() {
    struct Doubler;
    machine!(
        impl Machine for Doubler {
            type Yield = u32;
            type Input = u32;
            type Return = u32;
            type State = Phase;

            fn Created(&mut self, _sent: Sent) -> Next<Asking> {
                yield_to(1, Asking(1))
            }

            fn Asking(&mut self, sent: Sent, factor: &mut u32) -> Next<Asking, Ending> {
                match take_sent(sent)? {
                    0 => yield_to(0, Ending),
                    number => {
                        let next = number * *factor;
                        yield_to(next, Asking(next))
                    }
                }
            }

            fn Ending(&mut self, sent: Sent) -> Next<End> {
                end(take_sent(sent)?)
            }
        }
    );
    let script = || Script::new(|| Doubler.start(Phase::Created)).expect(1).send(2).expect(2).send(3).expect(6).send(0);
    script().expect(0).returns(0).run();
    let message = failure(|| script().expect(1).run());
    assert!(message.ends_with("\n  states: Asking (x3) -> Ending"), "{message}");
}
