//! Objects nested a hundred thousand deep, on a thread with a stack of 128 KiB. Dropping them must be a loop. Printing them
//! must neither overflow the stack nor flood the terminal.

use std::error::Error;
use std::fmt;
use std::thread;

use innermost::scope::{AsyncContextManager, ExitStack, Exited, with};
use innermost::wait::ExceptionGroup;
use innermost::{Call, Coroutine, EventLoop, Exception, Generator, Kind, Resumed, State, Step, ready, yield_from};

use crate::log::Log;

mod delegates;
mod links;

const DEPTH: usize = 100_000;

/// The maximum length of a printed structure.
const READABLE: usize = 100_000;

fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(128 << 10).spawn(body);
    thread.expect("a thread can be started").join().expect("it is over without a panic");
}

/// An error of the program's own around an exception.
#[derive(Debug)]
struct Wrapped(Exception);

impl Error for Wrapped {}

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrapped: {}", self.0)
    }
}

fn grouped(inner: Exception) -> Exception {
    Exception::new(ExceptionGroup::new("group", [inner, Exception::timeout()]))
}

fn caused(inner: Exception) -> Exception {
    Exception::caused_by(Kind::ValueError, "again", inner)
}

fn wrapped(inner: Exception) -> Exception {
    Exception::new(Wrapped(inner))
}

fn noted(inner: Exception) -> Exception {
    Exception::new(Wrapped(Exception::timeout())).with_note(inner)
}

fn all_in_turn(inner: Exception) -> Exception {
    noted(grouped(caused(wrapped(inner))))
}

fn nested(wrap: fn(Exception) -> Exception) -> Exception {
    (0..DEPTH).fold(Exception::cancelled(), |inner, _| wrap(inner))
}

#[test]
fn exceptions_in_exceptions_are_dropped_in_a_loop() {
    for wrap in [grouped, caused, wrapped, noted, all_in_turn] {
        on_a_small_stack(move || drop(nested(wrap)));
    }
}

#[test]
fn a_kept_part_of_an_exception_outlives_the_rest() {
    on_a_small_stack(|| {
        let raised = nested(grouped);
        let group = raised.downcast_ref::<ExceptionGroup>().expect("it is one");
        let part = group.exceptions()[0].clone();
        drop(raised);
        assert_eq!(part.to_string(), "group (2 sub-exceptions)");
        drop(part.downcast::<ExceptionGroup>().expect("nobody else has it").into_exceptions());
    });
}

#[test]
fn exceptions_in_exceptions_are_printed_without_recursion_to_their_depth() {
    for wrap in [grouped, caused, wrapped, noted, all_in_turn] {
        on_a_small_stack(move || {
            let raised = nested(wrap);
            for text in [format!("{raised}"), format!("{raised:?}"), format!("{raised:#?}")] {
                assert!(text.len() < READABLE, "{} bytes", text.len());
            }
            let error = raised.into_error();
            for text in [format!("{error}"), format!("{error:?}"), format!("{error:#?}")] {
                assert!(text.len() < READABLE, "{} bytes", text.len());
            }
        });
    }
}

#[test]
fn a_huge_group_prints_how_many_members_it_omits() {
    let many = ExceptionGroup::new("many", (0..DEPTH).map(|_| Exception::timeout()));
    let text = format!("{many:?}");
    assert!(text.len() < READABLE, "{} bytes", text.len());
    assert!(text.ends_with(" more ...])"), "{text}");
    // Each print omits its own parts.
    assert_eq!(format!("{:?}", caused(Exception::timeout())), "ValueError: again\n  caused by TimeoutError");
}

#[test]
fn an_exponentially_nested_group_is_printed_in_part() {
    let twice = |inner: Exception| Exception::new(ExceptionGroup::new("twice", [inner.clone(), inner]));
    let raised = (0..64).fold(Exception::timeout(), |inner, _| twice(inner));
    assert!(format!("{raised:?}").len() < READABLE);
}

#[test]
fn a_long_chain_of_causes_is_shown_by_its_ends() {
    let raised = (0..100).fold(Exception::timeout(), |cause, number: u32| {
        Exception::caused_by(Kind::ValueError, number.to_string(), cause)
    });
    let text = format!("{raised:?}");
    assert!(text.starts_with("ValueError: 99\n  caused by ValueError: 98"), "{text}");
    assert!(text.contains("ValueError: 80\n  caused by ... 61 more ...\n  caused by ValueError: 18"), "{text}");
    assert!(text.ends_with("ValueError: 0\n  caused by TimeoutError"), "{text}");
}

/// Delegates to another of its kind by `Call`.
struct Deep {
    depth: usize,
    child: Option<Call<Deep>>,
}

impl Coroutine for Deep {
    type Yield = ();
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if self.depth == 0 {
            return Ok(Step::Yield(()));
        }
        let depth = self.depth - 1;
        let child = self.child.get_or_insert_with(|| Call::new(Self { depth, child: None }));
        yield_from!(child, sent).map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        State::new("Deep", &self.depth)
    }
}

#[test]
fn the_stack_trace_of_a_million_frames_shows_both_ends_and_can_be_read() {
    on_a_small_stack(|| {
        let mut generator = Generator::new(Deep { depth: 1_000_000, child: None });
        generator.next().expect("the innermost yields");
        let text = generator.stack_trace().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..2], ["Deep: 1000000", "  Deep: 999999"]);
        assert_eq!(lines[50].trim_start(), "... 999901 more ...");
        assert_eq!(lines[100], "                                        Deep: 0");
        assert_eq!(lines.len(), 101);
        assert!(format!("{generator:?}").len() < READABLE);
        assert!(format!("{:#?}", generator.stack_trace()).contains("... 999901 more ..."));
    });
}

#[test]
fn a_shallow_stack_trace_shows_every_frame() {
    let mut generator = Generator::new(Deep { depth: 99, child: None });
    generator.next().expect("the innermost yields");
    let text = generator.stack_trace().to_string();
    assert!(text.lines().map(str::trim_start).eq((0..100).rev().map(|depth| format!("Deep: {depth}"))), "{text}");
}

#[test]
fn a_long_chain_of_states_is_dropped_in_a_loop_and_shown_by_its_ends() {
    on_a_small_stack(|| {
        let chain = (0..DEPTH).fold(State::new("inner", &0), |child, _| State::new("outer", &1).delegating_to(child));
        let text = chain.to_string();
        assert!(text.contains(" > outer: 1 > ... 99900 more ... > outer: 1"), "{text}");
        assert!(text.ends_with("outer: 1 > inner: 0") && text.len() < READABLE, "{text}");
    });
}

/// A stack in a stack, and so on; the innermost says when it is left, and each level does before and after.
fn nested_stacks(depth: usize, log: &Log) -> ExitStack {
    let innermost = ExitStack::new();
    innermost.callback(log.adds("innermost"));
    (0..depth).fold(innermost, |inner, level| {
        let stack = ExitStack::new();
        if level == 0 {
            stack.callback(log.adds("below"));
        }
        stack.push(inner);
        if level == 0 {
            stack.callback(log.adds("above"));
        }
        stack
    })
}

#[test]
fn stacks_in_stacks_are_dropped_in_a_loop() {
    on_a_small_stack(|| drop(nested_stacks(DEPTH, &Log::default())));
}

#[test]
fn stacks_in_stacks_are_left_in_a_loop_in_their_order() {
    on_a_small_stack(|| {
        let log = Log::default();
        let left = with(nested_stacks(DEPTH, &log), |_| ready(7));
        assert_eq!(EventLoop::new().unwrap().run_until_complete(left).unwrap(), Some(7));
        assert_eq!(log.take(), ["above", "innermost", "below"]);
    });
}

/// Suppresses or replaces the exception.
struct Answers(Option<&'static str>);

impl AsyncContextManager for Answers {
    type Value = ();

    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Result<Step<innermost::Await, (), ()>, Exception> {
        sent.map(Step::Return)
    }

    fn resume_exit(
        &mut self,
        raised: Option<&Exception>,
        _: Result<(), Exception>,
    ) -> Result<Step<innermost::Await, (), Exited>, Exception> {
        match (raised, self.0) {
            (Some(_), Some(text)) => Err(Exception::message(Kind::ValueError, text)),
            (Some(_), None) => Ok(Step::Return(Exited::Suppress)),
            (None, _) => Ok(Step::Return(Exited::Propagate)),
        }
    }
}

#[test]
fn an_outer_stack_sees_exceptions_and_suppression_of_an_inner_one() {
    let event_loop = EventLoop::new().unwrap();
    let stack = |answers: [Option<&'static str>; 2]| {
        let (inner, outer) = (ExitStack::new(), ExitStack::new());
        outer.push(Answers(answers[1]));
        inner.push(Answers(answers[0]));
        outer.push(inner);
        outer
    };
    let run = |answers| {
        let raises = |_| innermost::from_fn(|_| Err::<Step<_, (), ()>, _>(Exception::timeout()));
        event_loop.run_until_complete(with(stack(answers), raises))
    };
    assert_eq!(run([None, Some("outer")]).unwrap(), None);
    assert_eq!(run([Some("inner"), None]).unwrap(), None);
    let raised = run([Some("inner"), Some("outer")]).unwrap_err();
    let text = "ValueError: outer\n  caused by ValueError: inner\n  caused by TimeoutError";
    assert_eq!(format!("{raised:?}"), text);
}
