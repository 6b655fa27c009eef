//! A tour of generators in four programs: `next`, `send`, `throw`, return values, `yield from`.
//!
//! Each program stands first as Python has it, then as a machine, an enum whose variants are the places where it can be
//! suspended, and then as what drives it. They print:
//!
//! ```text
//! <class 'generator'>
//! 1
//! 2
//! StopIteration
//! 1
//! abc
//! 2
//! 3
//! Exception: !
//! 1
//! abc
//! 1
//! 2
//! inner abc
//! other 3
//! 4
//! ```

use std::any::type_name_of_val;
use std::fmt::Display;
use std::mem;

use innermost::{Coroutine, Exception, Generator, Kind, Resumed, Step, Stop, yield_from};

/// Where the programs print to.
type Print<'a> = &'a dyn Fn(&dyn Display);

fn main() -> Result<(), Exception> {
    run(&|line| println!("{line}"))
}

/// Runs the four programs.
pub(crate) fn run(print: Print<'_>) -> Result<(), Exception> {
    stepping(print)?;
    communicating(print)?;
    returning(print)?;
    delegating(print)
}

// ---- 1. A machine is resumed, and suspends ----------------------------------------------------------------------------

/// ```python
/// def test():
///     yield 1
///     yield 2
/// ```
enum Numbers {
    Start,
    YieldedOne,
    YieldedTwo,
}

impl Coroutine for Numbers {
    type Yield = i32;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        match self {
            Self::Start => {
                *self = Self::YieldedOne;
                Ok(Step::Yield(1))
            }
            Self::YieldedOne => {
                *self = Self::YieldedTwo;
                Ok(Step::Yield(2))
            }
            Self::YieldedTwo => Ok(Step::Return(())),
        }
    }
}

/// ```python
/// gen = test()
/// print(type(gen))
/// print(next(gen))
/// print(next(gen))
/// print(next(gen))
/// ```
fn stepping(print: Print<'_>) -> Result<(), Exception> {
    let mut generator = Generator::new(Numbers::Start);
    print(&class_of(&generator));
    print(&generator.next()?);
    print(&generator.next()?);
    if let Err(stop) = generator.next() {
        // In a coroutine, `?` would raise this.
        print(&format_args!("{:?}", Exception::from(stop)));
    }
    Ok(())
}

/// The name of a value's type as Python would write it: without path and parameters, in lower case.
fn class_of<T>(value: &T) -> String {
    let name = type_name_of_val(value).split('<').next().unwrap_or_default();
    format!("<class '{}'>", name.rsplit("::").next().unwrap_or_default().to_lowercase())
}

// ---- 2. What is sent is the value of the yield, what is thrown is raised there ----------------------------------------

/// ```python
/// def test():
///     val = yield 1
///     print(val)
///     yield 2
///     yield 3
/// ```
struct Conversation<'a> {
    print: Print<'a>,
    yielded: i32,
}

impl Coroutine for Conversation<'_> {
    type Yield = i32;
    type Input = Option<&'static str>; // `next` sends the default: None
    type Return = ();

    fn resume(&mut self, sent: Result<Option<&'static str>, Exception>) -> Resumed<Self> {
        // The question mark is where an exception goes on that is thrown in.
        let value = sent?;
        if self.yielded == 1 {
            (self.print)(&value.unwrap_or("None"));
        }
        self.yielded += 1;
        Ok(if self.yielded <= 3 { Step::Yield(self.yielded) } else { Step::Return(()) })
    }
}

/// ```python
/// gen = test()
/// print(next(gen))
/// print(gen.send('abc'))
/// print(next(gen))
/// print(gen.throw(Exception('!')))
/// ```
fn communicating(print: Print<'_>) -> Result<(), Exception> {
    let mut generator = Generator::new(Conversation { print, yielded: 0 });
    print(&generator.next()?);
    print(&generator.send(Some("abc"))?);
    print(&generator.next()?);
    if let Err(Stop::Raised(raised)) = generator.throw(Exception::message(Kind::Error, "!")) {
        print(&format_args!("Exception: {raised}"));
    }
    // It has raised, and so has ended: to close it does nothing.
    assert!(generator.close()?.is_none());
    Ok(())
}

// ---- 3. A machine returns a value -------------------------------------------------------------------------------------

/// ```python
/// def test():
///     yield 1
///     return 'abc'
/// ```
enum OneThenText {
    Start,
    YieldedOne,
}

impl Coroutine for OneThenText {
    type Yield = i32;
    type Input = ();
    type Return = &'static str;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        Ok(match mem::replace(self, Self::YieldedOne) {
            Self::Start => Step::Yield(1),
            Self::YieldedOne => Step::Return("abc"),
        })
    }
}

/// ```python
/// gen = test()
/// print(next(gen))
/// try:
///     next(gen)
/// except StopIteration as exc:
///     print(exc.value)
/// ```
fn returning(print: Print<'_>) -> Result<(), Exception> {
    let mut generator = Generator::new(OneThenText::Start);
    print(&generator.next()?);
    if let Err(Stop::Returned(value)) = generator.next() {
        print(&value);
    }
    Ok(())
}

// ---- 4. A machine delegates to another --------------------------------------------------------------------------------

/// ```python
/// def inner():
///     inner_result = yield 2
///     print('inner', inner_result)
///     return 3
/// ```
struct Inner<'a> {
    print: Print<'a>,
    has_yielded: bool,
}

impl Coroutine for Inner<'_> {
    type Yield = i32;
    type Input = Option<&'static str>;
    type Return = i32;

    fn resume(&mut self, sent: Result<Option<&'static str>, Exception>) -> Resumed<Self> {
        let result = sent?;
        if !mem::replace(&mut self.has_yielded, true) {
            return Ok(Step::Yield(2));
        }
        (self.print)(&format_args!("inner {}", result.unwrap_or("None")));
        Ok(Step::Return(3))
    }
}

/// ```python
/// def outer():
///     yield 1
///     val = yield from inner()
///     print('other', val)
///     yield 4
/// ```
struct Outer<'a> {
    print: Print<'a>,
    at: At<'a>,
}

enum At<'a> {
    Start,
    YieldedOne,
    InInner(Inner<'a>),
    YieldedFour,
}

impl Coroutine for Outer<'_> {
    type Yield = i32;
    type Input = Option<&'static str>;
    type Return = ();

    fn resume(&mut self, mut sent: Result<Option<&'static str>, Exception>) -> Resumed<Self> {
        loop {
            match &mut self.at {
                At::Start => {
                    self.at = At::YieldedOne;
                    return Ok(Step::Yield(1));
                }
                At::YieldedOne => {
                    sent?;
                    sent = Ok(None); // what starts the inner machine
                    self.at = At::InInner(Inner { print: self.print, has_yielded: false });
                }
                // Sends and throws go to the inner machine until it has ended; this is its return value then.
                At::InInner(inner) => {
                    let value = yield_from!(inner, sent)?;
                    (self.print)(&format_args!("other {value}"));
                    self.at = At::YieldedFour;
                    return Ok(Step::Yield(4));
                }
                At::YieldedFour => return sent.map(|_| Step::Return(())),
            }
        }
    }
}

/// ```python
/// gen = outer()
/// print(next(gen))
/// print(next(gen))
/// print(gen.send('abc'))
/// ```
fn delegating(print: Print<'_>) -> Result<(), Exception> {
    let mut generator = Generator::new(Outer { print, at: At::Start });
    print(&generator.next()?);
    print(&generator.next()?);
    print(&generator.send(Some("abc"))?);
    Ok(())
}
