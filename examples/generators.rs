//! A tour of generators in five programs: `next`, `send`, `throw`, return values, `yield from`, `close`.
//!
//! Each program appears first in Python, then as a machine: a type that remembers where it is suspended. A function
//! drives the machine as the Python program drives its generator. They print:
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
//! 1
//! finally
//! StopIteration
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

/// Runs the five programs.
pub(crate) fn run(print: Print<'_>) -> Result<(), Exception> {
    stepping(print)?;
    communicating(print)?;
    returning(print)?;
    delegating(print)?;
    closing(print)
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
/// try:
///     print(next(gen))
/// except StopIteration:
///     print('StopIteration')
/// ```
fn stepping(print: Print<'_>) -> Result<(), Exception> {
    let mut generator = Generator::new(Numbers::Start);
    print(&class_of(&generator));
    print(&generator.next()?);
    print(&generator.next()?);
    if let Err(stop) = generator.next() {
        // Inside a coroutine, `?` would raise this exception.
        print(&format_args!("{:?}", Exception::from(stop)));
    }
    Ok(())
}

/// The name of a value's type as Python prints it: in lower case, without path and parameters.
fn class_of<T>(value: &T) -> String {
    let name = type_name_of_val(value).split('<').next().unwrap_or_default();
    format!("<class '{}'>", name.rsplit("::").next().unwrap_or_default().to_lowercase())
}

// ---- 2. `send` gives the `yield` a value, `throw` raises an exception there -------------------------------------------

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
        // An exception that is thrown in propagates from here.
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
/// try:
///     gen.throw(Exception('!'))
/// except Exception as error:
///     print('Exception:', error)
/// ```
fn communicating(print: Print<'_>) -> Result<(), Exception> {
    let mut generator = Generator::new(Conversation { print, yielded: 0 });
    print(&generator.next()?);
    print(&generator.send(Some("abc"))?);
    print(&generator.next()?);
    if let Err(Stop::Raised(raised)) = generator.throw(Exception::message(Kind::Error, "!")) {
        print(&format_args!("Exception: {raised}"));
    }
    // The generator ended when it raised. Closing it has no effect.
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
                    sent = Ok(None); // starts the inner machine
                    self.at = At::InInner(Inner { print: self.print, has_yielded: false });
                }
                // Values and exceptions go to the inner machine until it ends; `value` is what it returned.
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

// ---- 5. Closing a suspended machine runs its cleanup ------------------------------------------------------------------

/// ```python
/// def test():
///     try:
///         yield 1
///         yield 2
///     finally:
///         print('finally')
/// ```
struct Careful<'a> {
    print: Print<'a>,
    yielded: i32,
}

impl Coroutine for Careful<'_> {
    type Yield = i32;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let resumed = self.resume_block(sent);
        // `finally`: the block returned, or raised. `close` raises GeneratorExit in it.
        if matches!(resumed, Ok(Step::Return(())) | Err(_)) {
            (self.print)(&"finally");
        }
        resumed
    }
}

impl Careful<'_> {
    /// The block after `try`.
    fn resume_block(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        self.yielded += 1;
        Ok(if self.yielded <= 2 { Step::Yield(self.yielded) } else { Step::Return(()) })
    }
}

/// ```python
/// gen = test()
/// print(next(gen))
/// gen.close()
/// try:
///     print(next(gen))
/// except StopIteration:
///     print('StopIteration')
/// ```
fn closing(print: Print<'_>) -> Result<(), Exception> {
    let mut generator = Generator::new(Careful { print, yielded: 0 });
    print(&generator.next()?);
    generator.close()?;
    if let Err(stop) = generator.next() {
        print(&format_args!("{:?}", Exception::from(stop)));
    }
    Ok(())
}
