//! Small machines for use in tests: a closure that receives the number of each resume.

use std::error::Error;
use std::fmt;
#[cfg(feature = "std")]
use std::panic::resume_unwind;

use innermost::{Call, Coroutine, Exception, Generator, Resumed, Step, from_fn, yield_from};

pub(crate) use crate::log::Log;

/// A sent value: a number or `None`.
pub(crate) type Sent = Result<Option<i32>, Exception>;
/// How a machine answers.
pub(crate) type Answer = Result<Step<i32, Option<i32>, i32>, Exception>;
/// Any machine.
pub(crate) type Machine = Box<dyn Coroutine<Yield = i32, Input = Option<i32>, Return = i32>>;

/// A machine that runs `body` at each resume, with the number of the resume, from 0, and the sent value.
pub(crate) fn machine(mut body: impl FnMut(u32, Sent) -> Answer + 'static) -> Machine {
    let mut resumes = 0..;
    Box::new(from_fn(move |sent| body(resumes.next().expect("there are numbers left"), sent)))
}

/// A machine that delegates to `child` and goes on as `body` does. What `body` gets first is the child's outcome.
pub(crate) fn outer(child: Machine, body: impl FnMut(u32, Sent) -> Answer + 'static) -> Machine {
    Box::new(Outer { child: Some(child), rest: machine(body) })
}

struct Outer {
    child: Option<Machine>,
    rest: Machine,
}

impl Coroutine for Outer {
    type Yield = i32;
    type Input = Option<i32>;
    type Return = i32;

    fn resume(&mut self, mut sent: Sent) -> Resumed<Self> {
        if let Some(child) = &mut self.child {
            sent = yield_from!(child, sent).map(Some);
            self.child = None;
        }
        self.rest.resume(sent)
    }
}

/// Runs a test for every way to hold a child: inline, as a frame, and as an inline generator.
pub(crate) fn for_every_way_to_hold(test: impl Fn(fn(Machine) -> Machine)) {
    test(|child| child);
    test(|child| Box::new(Call::new(child)));
    test(|child| Box::new(Generator::new(child)));
}

pub(crate) fn yields(number: i32) -> Answer {
    Ok(Step::Yield(number))
}

pub(crate) fn returns(number: i32) -> Answer {
    Ok(Step::Return(number))
}

pub(crate) fn raises(exception: impl Into<Exception>) -> Answer {
    Err(exception.into())
}

/// Does not catch exceptions, and must not be resumed with a value.
pub(crate) fn lets_out(sent: Sent) -> Answer {
    Err(sent.expect_err("only a throw comes here"))
}

/// An error of the user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Oops(pub(crate) i32);

impl fmt::Display for Oops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oops {}", self.0)
    }
}

impl Error for Oops {}

/// Panics when it is dropped.
#[cfg(feature = "std")]
pub(crate) struct Bomb;

#[cfg(feature = "std")]
impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("bomb"));
    }
}
