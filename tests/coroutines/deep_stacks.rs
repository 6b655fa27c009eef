//! A stack of a million frames, on a thread with a stack of 1 MiB. All operations on it must be loops: a recursion would
//! overflow, because a million return addresses alone take 8 MiB.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread;

use innermost::coroutine::GeneratorState;
use innermost::{Call, Coroutine, Exception, Generator, Kind, Resumed, Step, Stop, yield_from};

const DEPTH: u32 = 1_000_000;

/// Delegates to a machine of its own type with a depth of one less. The innermost machine, of depth 0, yields each sent value
/// until it is sent 0. Each machine returns its depth.
struct Deep {
    depth: u32,
    at: At,
    seen: Rc<Seen>,
}

#[derive(Default)]
struct Seen {
    alive: Cell<u32>,
    /// Exceptions that have come to a machine.
    raised: Cell<u32>,
    /// The depth of the machine that catches exceptions, if there is one.
    catches_at: Cell<Option<u32>>,
    /// The depth of the machine that panics when resumed, if there is one.
    panics_at: Cell<Option<u32>>,
    /// The depth of the machine that panics when it is dropped, if one does.
    panics_in_drop_at: Cell<Option<u32>>,
}

enum At {
    Start,
    Yield,
    Child(Call<Deep>),
}

impl Deep {
    fn new(depth: u32, seen: &Rc<Seen>) -> Self {
        seen.alive.set(seen.alive.get() + 1);
        Self { depth, at: At::Start, seen: Rc::clone(seen) }
    }

    /// The value of the current yield or child.
    fn go_on(&self, outcome: Result<u32, Exception>) -> Result<u32, Exception> {
        match outcome {
            Ok(_) if self.seen.panics_at.get() == Some(self.depth) => resume_unwind(Box::new(self.depth)),
            Ok(value) => Ok(value),
            Err(raised) => {
                self.seen.raised.set(self.seen.raised.get() + 1);
                if self.seen.catches_at.get() == Some(self.depth) { Ok(0) } else { Err(raised) }
            }
        }
    }
}

impl Coroutine for Deep {
    type Yield = u32;
    type Input = u32;
    type Return = u32;

    fn resume(&mut self, mut sent: Result<u32, Exception>) -> Resumed<Self> {
        loop {
            match &mut self.at {
                At::Start if self.depth == 0 => {
                    self.at = At::Yield;
                    return Ok(Step::Yield(0));
                }
                At::Start => self.at = At::Child(Call::new(Self::new(self.depth - 1, &self.seen))),
                At::Yield => {
                    return match self.go_on(sent)? {
                        0 => Ok(Step::Return(0)),
                        n => Ok(Step::Yield(n)),
                    };
                }
                At::Child(child) => {
                    let outcome = yield_from!(child, sent);
                    self.go_on(outcome)?;
                    return Ok(Step::Return(self.depth));
                }
            }
        }
    }
}

impl Drop for Deep {
    fn drop(&mut self) {
        self.seen.alive.set(self.seen.alive.get() - 1);
        if self.seen.panics_in_drop_at.get() == Some(self.depth) {
            resume_unwind(Box::new(self.depth));
        }
    }
}

/// Builds the stack, and hands it over at the first yield.
fn on_a_small_stack(body: impl FnOnce(Generator<Deep>, &Seen) + Send + 'static) {
    let thread = thread::Builder::new().stack_size(1 << 20).spawn(|| {
        let seen = Rc::new(Seen::default());
        let mut generator = Generator::new(Deep::new(DEPTH, &seen));
        assert_eq!(generator.next().unwrap(), 0);
        assert_eq!(seen.alive.get(), DEPTH + 1);
        body(generator, &seen);
    });
    thread.expect("a thread can be started").join().expect("it is over without a panic");
}

#[test]
fn sends_reach_the_innermost_frame_and_returns_unwind() {
    on_a_small_stack(|mut generator, seen| {
        for n in 1..10 {
            assert_eq!(generator.send(n).unwrap(), n);
        }
        assert!(matches!(generator.send(0), Err(Stop::Returned(DEPTH))));
        assert_eq!((seen.raised.get(), seen.alive.get()), (0, 0));
    });
}

#[test]
fn a_throw_goes_down_through_every_frame() {
    on_a_small_stack(|mut generator, seen| {
        let thrown = generator.throw(io::Error::other("down"));
        assert!(matches!(thrown, Err(Stop::Raised(raised)) if raised.to_string() == "down"));
        assert_eq!((seen.raised.get(), seen.alive.get()), (DEPTH + 1, 0));
    });
}

#[test]
fn a_throw_caught_in_the_middle_goes_no_further() {
    on_a_small_stack(|mut generator, seen| {
        seen.catches_at.set(Some(DEPTH / 2));
        assert!(matches!(generator.throw(io::Error::other("halfway")), Err(Stop::Returned(DEPTH))));
        assert_eq!((seen.raised.get(), seen.alive.get()), (DEPTH / 2 + 1, 0));
    });
}

#[test]
fn close_closes_every_frame() {
    on_a_small_stack(|mut generator, seen| {
        assert!(generator.close().unwrap().is_none());
        assert_eq!((seen.raised.get(), seen.alive.get()), (DEPTH + 1, 0));
    });
}

#[test]
fn drop_closes_every_frame() {
    on_a_small_stack(|generator, seen| {
        drop(generator);
        assert_eq!((seen.raised.get(), seen.alive.get()), (DEPTH + 1, 0));
    });
}

#[test]
fn a_panic_in_the_innermost_frame_closes_the_generator() {
    on_a_small_stack(|generator, seen| panics_at(0, generator, seen));
}

#[test]
fn a_panic_in_the_middle_while_unwinding_closes_the_generator() {
    on_a_small_stack(|generator, seen| panics_at(DEPTH / 2, generator, seen));
}

fn panics_at(depth: u32, mut generator: Generator<Deep>, seen: &Seen) {
    seen.panics_at.set(Some(depth));
    let panicked = catch_unwind(AssertUnwindSafe(|| generator.send(0).is_ok()));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&depth));
    assert_eq!(generator.state(), GeneratorState::Closed);
    assert!(matches!(generator.next(), Err(Stop::Exhausted)));
    drop(generator);
    assert_eq!((seen.raised.get(), seen.alive.get()), (0, 0));
}

#[test]
fn a_generator_dropped_by_an_unrelated_panic_closes_every_frame() {
    on_a_small_stack(|generator, seen| {
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _generator = generator;
            resume_unwind(Box::new("elsewhere"))
        }));
        assert!(panicked.is_err());
        assert_eq!((seen.raised.get(), seen.alive.get()), (DEPTH + 1, 0));
    });
}

#[test]
fn a_panic_in_the_drop_of_one_frame_drops_the_others() {
    on_a_small_stack(|mut generator, seen| {
        seen.panics_at.set(Some(0));
        seen.panics_in_drop_at.set(Some(DEPTH / 2));
        assert!(catch_unwind(AssertUnwindSafe(|| generator.send(0).is_ok())).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(generator))).is_err());
        assert_eq!(seen.alive.get(), 0);
    });
}

#[test]
fn the_stack_trace_shows_every_frame() {
    on_a_small_stack(|generator, _| assert_eq!(generator.stack_trace().frames().len(), DEPTH as usize + 1));
}

/// Yields. When it is closed, its cleanup delegates to another machine of its own type, which yields, so the exit is ignored.
/// It does not catch the exceptions of that machine.
struct Stubborn {
    depth: u32,
    child: Option<Call<Stubborn>>,
}

impl Coroutine for Stubborn {
    type Yield = u32;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        match &mut self.child {
            None if sent.is_ok() => Ok(Step::Yield(self.depth)),
            None if self.depth == 0 => sent.map(Step::Return),
            None => {
                sent = Ok(());
                let child = self.child.insert(Call::new(Self { depth: self.depth - 1, child: None }));
                yield_from!(child, sent).map(Step::Return)
            }
            Some(child) => yield_from!(child, sent).map(Step::Return),
        }
    }
}

#[test]
fn nested_cleanups_that_ignore_their_exit_are_closed() {
    let thread = thread::Builder::new().stack_size(1 << 20).spawn(|| {
        let mut generator = Generator::new(Call::new(Stubborn { depth: DEPTH / 10, child: None }));
        assert_eq!(generator.next().unwrap(), DEPTH / 10);
        assert_eq!(generator.close().unwrap_err().to_string(), "generator ignored GeneratorExit");
    });
    thread.expect("a thread can be started").join().expect("it is over without a panic");
}

#[test]
fn a_chain_of_causes_is_printed_cloned_and_dropped_in_a_loop() {
    let thread = thread::Builder::new().stack_size(1 << 20).spawn(|| {
        let mut raised = Exception::timeout();
        for _ in 0..DEPTH / 10 {
            raised = Exception::caused_by(Kind::ValueError, "again", raised);
        }
        let text = format!("{raised:?}");
        assert!(text.starts_with("ValueError: again\n  caused by ") && text.ends_with("\n  caused by TimeoutError"));
        // A holder of a part keeps that part.
        let part = raised.cause().and_then(Exception::cause).expect("it is longer").clone();
        drop(raised);
        assert_eq!(part.kind(), Kind::ValueError);
    });
    thread.expect("a thread").join().expect("no panic");
}
