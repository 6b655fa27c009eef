//! Coroutines as explicit state machines, and the means to drive them by hand. Needs `alloc`, but neither `std` nor
//! `unsafe`. Layer 0.
//!
//! A coroutine is a value with one method, [`resume`](Coroutine::resume). Each call runs it to its next suspension. The
//! argument is a `Result`: `Ok` sends a value in, `Err` throws an exception in. The three cases of [`Step`] are Python's
//! `yield`, `return` and `yield from`. Returning `Err` raises, so the `?` operator propagates exceptions: `sent?` raises
//! whatever was thrown in, and a machine that does not handle exceptions needs nothing else.
//!
//! There are two ways to delegate to another coroutine, and [`yield_from!`](crate::yield_from) works for both:
//!
//! ```text
//!  inline: the child is a field               Call: the child is a frame of the driver
//!
//!  driver -> parent.resume                    driver -> parent.resume, once: hands over the frame
//!               \-> child.resume              driver -> child.resume, from then on
//!  each resume passes through every level     costs one allocation, and the same at any depth
//! ```
//!
//! A machine need not do I/O. It can yield requests of a type of its own, be tested by hand, and be plugged into an event
//! loop by [`drive`](fn@drive).
//!
//! | file | holds |
//! |---|---|
//! | `exception.rs` | [`Exception`]: what coroutines raise |
//! | `delegate.rs`  | [`yield_from!`](crate::yield_from): inline delegation, and how a child is closed |
//! | `stateless.rs` | [`Stateless`]: coroutines that keep nothing between two resumes |
//! | `machine/`     | [`machine!`](crate::machine): machines declared as states; see [`mod@machine`] |
//! | `short.rs`     | [`end`], [`suspend!`](crate::suspend): short forms for machines written by hand |
//! | `call.rs`      | [`Call`] and [`Frame`]: delegation through the driver |
//! | `convert.rs`   | delegation through a driver that expects another type of yield |
//! | `frames.rs`    | the frames that a coroutine has delegated to, and how they are closed |
//! | `stack.rs`     | a coroutine with its frames: what all drivers share |
//! | `drive.rs`     | [`drive`](fn@drive): a machine whose yields are answered by awaiting |
//! | `driver.rs`    | [`Driver`]: for a loop of your own |
//! | `rules.rs`     | the exceptions that report a broken rule |
//! | `generator.rs` | [`Generator`]: `next`, `send`, `throw`, `close` |
//! | `shared.rs`    | [`SharedGenerator`]: a generator behind a handle that can be cloned |
//! | `machines.rs`  | ready-made machines: from a value, a closure, an iterator |
//! | `combine.rs`   | [`CoroutineExt`]: `map`, `try_map`, `then`, `catch` |
//! | `deep.rs`      | dropping and printing deeply nested structures without deep recursion |
//! | `ended.rs`     | dropping coroutines whose destructors may panic |
//! | `watch.rs`     | what a machine tells of the states that it runs through |
//! | `state.rs`     | [`State`] and [`StackTrace`]: descriptions for people |
//!
//! Sources: PEP 342 (`send`, `throw`, `close`), PEP 380 (`yield from`), PEP 479 (`StopIteration` inside a generator).

use alloc::boxed::Box;

mod call;
mod combine;
#[cfg(feature = "std")]
mod convert;
mod deep;
mod delegate;
mod drive;
mod driver;
mod ended;
mod exception;
mod frames;
mod generator;
pub mod machine;
mod machines;
mod rules;
mod shared;
mod short;
mod stack;
mod state;
mod stateless;
mod watch;

pub use self::call::{Call, Frame};
pub use self::combine::{Catch, CoroutineExt, Map, Then, TryMap};
#[cfg(feature = "std")]
pub(crate) use self::convert::converted;
#[cfg(feature = "std")]
pub(crate) use self::deep::is_deep;
pub(crate) use self::deep::{Printing, drop_flat};
pub use self::delegate::take_sent;
#[doc(hidden)]
pub use self::delegate::{Delegate, SentIn, Suspended, take_in};
pub use self::drive::{Drive, drive};
pub use self::driver::Driver;
use self::ended::drop_unwinding;
#[cfg(feature = "std")]
pub(crate) use self::ended::{Receiver, Receiving};
pub(crate) use self::ended::{drop_ended, replace_ended};
pub use self::exception::{Exception, Kind};
#[cfg(feature = "wait")]
pub(crate) use self::frames::Frames;

pub use self::generator::{Generator, GeneratorState, Stop};
pub use self::machine::{Machine, Outcome, Running, Sent};
pub use self::machines::{FromFn, FromIter, Lazy, Ready, YieldOnce, from_fn, from_iter, lazy, ready, yield_once};
#[doc(hidden)]
pub use self::rules::without_stop_iteration;
pub use self::shared::SharedGenerator;
pub use self::short::end;
pub use self::stack::Driven;
pub(crate) use self::stack::Stack;
pub use self::state::{StackTrace, State};
pub use self::stateless::Stateless;
#[doc(hidden)]
pub use self::stateless::stateless;
#[doc(hidden)]
pub use self::watch::{Entrance, Watch};

/// A computation that suspends and is resumed: an explicit state machine.
///
/// The machine keeps in `self` what a Python generator keeps in its frame. It needs no `Pin`, because it holds no
/// references into itself. It can be moved between two resumes, printed, and driven by a test without an event loop.
///
/// ```
/// use innermost::{Coroutine, Exception, Generator, Resumed, Step, Stop};
///
/// /// Yields the mean of the numbers it has been sent.
/// struct Mean {
///     sum: f64,
///     count: f64,
/// }
///
/// impl Coroutine for Mean {
///     type Yield = f64;
///     type Input = f64;
///     type Return = ();
///
///     fn resume(&mut self, sent: Result<f64, Exception>) -> Resumed<Self> {
///         self.sum += sent?;
///         let mean = if self.count == 0.0 { 0.0 } else { self.sum / self.count };
///         self.count += 1.0;
///         Ok(Step::Yield(mean))
///     }
/// }
///
/// let mut mean = Generator::new(Mean { sum: 0.0, count: 0.0 });
/// assert_eq!(mean.next()?, 0.0); // runs to the first yield
/// assert_eq!(mean.send(10.0)?, 10.0);
/// assert_eq!(mean.send(20.0)?, 15.0);
/// assert!(mean.close()?.is_none());
/// # Ok::<(), Stop<()>>(())
/// ```
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a coroutine",
    label = "not a coroutine",
    note = "an `async` block or function is not one: implement `Coroutine` for a type, or combine `lazy`, `from_fn` and `then`",
    note = "a closure or a function is not one: `lazy(f)` runs the coroutine that `f` returns, `from_fn(f)` calls `f` at each resume",
    note = "a future or a task is one if its result is `Clone`; otherwise await its `.join()`, which moves the result out",
    note = "a machine declared by `machine!` is one once it is started in a state: `.start(State::First)`"
)]
pub trait Coroutine {
    /// The type of the values it yields to its driver.
    type Yield;
    /// The type of the values it is sent. `Generator::next` sends the default value, as Python's `next` sends `None`.
    type Input: Default;
    /// The type of the value it returns.
    type Return;

    /// Runs to the next suspension or to the end.
    ///
    /// `Ok(value)` sends: the yield at which the coroutine is suspended evaluates to `value`. The first resume starts
    /// the body. Its value is the default, and most bodies ignore it. `Err(exception)` throws: the exception is raised
    /// at that yield.
    ///
    /// Drivers do not resume a coroutine that has returned or raised. Resuming one anyway is safe, but the
    /// result is unspecified.
    ///
    /// # Errors
    ///
    /// The exception that the coroutine raises. It has then ended.
    fn resume(&mut self, sent: Result<Self::Input, Exception>) -> Resumed<Self>;

    /// Resumes, and tells `watch` which states are entered, if the machine can tell. A copy of `resume`, so that a machine
    /// that nobody watches pays nothing.
    #[doc(hidden)]
    fn resume_watched(&mut self, sent: Result<Self::Input, Exception>, _watch: &mut dyn Watch) -> Resumed<Self>
    where
        Self: Sized,
    {
        self.resume(sent)
    }

    /// Describes the machine for stack traces, dumps and diagrams: its name, and its current state.
    ///
    /// By default, this is the name of the type. Use [`State::new`] and [`State::delegating_to`] to show more.
    fn state(&self) -> State<'_> {
        State::of::<Self>()
    }
}

/// The result of a resume: how far `C` ran, or the exception it raised.
pub type Resumed<C> =
    Result<Step<<C as Coroutine>::Yield, <C as Coroutine>::Input, <C as Coroutine>::Return>, Exception>;

/// How far a coroutine ran when it was resumed.
///
/// The enum is exhaustive, so a `match` needs no other arm.
#[derive(Debug)]
pub enum Step<Yield, Input, Return> {
    /// It is suspended and yields this value to its driver.
    Yield(Yield),
    /// It has returned this value.
    Return(Return),
    /// It is suspended until this child has ended. The child's yields go straight to the driver.
    Delegate(Frame<Yield, Input>),
}

impl<C: Coroutine + ?Sized> Coroutine for &mut C {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    #[inline]
    fn resume(&mut self, sent: Result<C::Input, Exception>) -> Resumed<Self> {
        (**self).resume(sent)
    }

    fn state(&self) -> State<'_> {
        (**self).state()
    }
}

impl<C: Coroutine + ?Sized> Coroutine for Box<C> {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    #[inline]
    fn resume(&mut self, sent: Result<C::Input, Exception>) -> Resumed<Self> {
        (**self).resume(sent)
    }

    fn state(&self) -> State<'_> {
        (**self).state()
    }
}
