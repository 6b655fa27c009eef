//! Layer 0: coroutines as explicit state machines, and what drives them by hand. Needs `alloc`, no `std`, no `unsafe`.
//!
//! A coroutine is a value with one method, [`resume`](Coroutine::resume). Each call runs it to its next suspension. What
//! Python's generators know as `send` and `throw` are the two sides of the argument's `Result`, `yield`, `return` and
//! `yield from` the three cases of [`Step`], and a raise is an `Err`. So `?` is propagation: `sent?` re-raises what was
//! thrown in, and a machine that does not care about exceptions writes nothing else.
//!
//! Delegation comes in two forms with one contract, and [`yield_from!`](crate::yield_from) writes both:
//!
//! ```text
//!  inline: the child is a field               Call: the child is a frame of the driver
//!
//!  driver -> parent.resume                    driver -> parent.resume, once: gives the frame away
//!               \-> child.resume              driver -> child.resume, from then on
//!  costs a nested match                       costs one allocation, and the same at any depth
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `exception.rs` | [`Exception`], what is raised |
//! | `delegate.rs`  | [`yield_from!`](crate::yield_from): inline delegation, and how a child is closed |
//! | `call.rs`      | [`Call`] and [`Frame`]: delegation through the driver |
//! | `convert.rs`   | a frame in the stack of a driver that is yielded something else |
//! | `frames.rs`    | the frames that a coroutine has delegated to, and how they are closed |
//! | `stack.rs`     | a coroutine with its frames: what all drivers share |
//! | `driver.rs`    | [`Driver`]: for a loop of your own |
//! | `rules.rs`     | the exceptions that report a broken rule |
//! | `generator.rs` | [`Generator`]: `next`, `send`, `throw`, `close` |
//! | `shared.rs`    | [`SharedGenerator`]: the same through a handle that can be cloned |
//! | `machines.rs`  | ready-made machines: from a value, a closure, an iterator |
//! | `combine.rs`   | [`CoroutineExt`]: `map`, `try_map`, `then`, `catch` |
//! | `deep.rs`      | to drop and to print what the user has nested, without recursion to its depth |
//! | `ended.rs`     | to drop a coroutine that has ended, whose destructor may panic |
//! | `state.rs`     | [`State`] and [`StackTrace`]: coroutines as people see them |
//!
//! Sources: PEP 342 (`send`, `throw`, `close`), PEP 380 (`yield from`), PEP 479 (`StopIteration` inside a generator).

use alloc::boxed::Box;

mod call;
mod combine;
#[cfg(feature = "std")]
mod convert;
mod deep;
mod delegate;
mod driver;
mod ended;
mod exception;
mod frames;
mod generator;
mod machines;
mod rules;
mod shared;
mod stack;
mod state;

pub use self::call::{Call, Frame};
pub use self::combine::{Catch, CoroutineExt, Map, Then, TryMap};
#[cfg(feature = "std")]
pub(crate) use self::convert::converted;
#[cfg(feature = "std")]
pub(crate) use self::deep::is_deep;
pub(crate) use self::deep::{Printing, drop_flat};
pub use self::delegate::take_sent;
#[doc(hidden)]
pub use self::delegate::{Delegate, Sent, Suspended, take_in};
pub use self::driver::Driver;
use self::ended::drop_unwinding;
#[cfg(feature = "std")]
pub(crate) use self::ended::{Receiver, Receiving};
pub(crate) use self::ended::{drop_ended, replace_ended};
pub use self::exception::{Exception, Kind};

pub use self::generator::{Generator, GeneratorState, Stop};
pub use self::machines::{FromFn, FromIter, Lazy, Ready, YieldOnce, from_fn, from_iter, lazy, ready, yield_once};
#[doc(hidden)]
pub use self::rules::without_stop_iteration;
pub use self::shared::SharedGenerator;
pub use self::stack::Driven;
pub(crate) use self::stack::Stack;
pub use self::state::{StackTrace, State};

/// A computation that suspends and is resumed: an explicit state machine.
///
/// The machine keeps in `self` what a Python generator keeps in its frame. There is no `Pin`: a machine holds no
/// references into itself, it can be moved between any two resumes, printed, and driven by a test with no loop about.
///
/// ```
/// use innermost::{Coroutine, Exception, Generator, Resumed, Step, Stop};
///
/// /// Yields the mean of what it was sent so far.
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
    note = "a future or a task is one if its result is `Clone`; otherwise await its `.join()`, which moves the result out"
)]
pub trait Coroutine {
    /// What it hands to its driver when it suspends.
    type Yield;
    /// What it is sent when it is resumed. The default is what `next` sends: Python's `None`.
    type Input: Default;
    /// What it gives when it is done.
    type Return;

    /// Runs to the next suspension or to the end.
    ///
    /// `Ok(value)` sends: `value` is what the yield at which the coroutine stands evaluates to; the first resume starts
    /// the body, and its value means nothing. `Err(exception)` throws: it is raised at that yield.
    ///
    /// Once it has returned or raised, a coroutine is not resumed again; drivers see to that. One that is resumed
    /// nevertheless does as it likes, short of undefined behaviour.
    ///
    /// # Errors
    ///
    /// What the coroutine raises. It has then ended.
    fn resume(&mut self, sent: Result<Self::Input, Exception>) -> Resumed<Self>;

    /// The machine's name and the state that it is in, for people to read in stacks, dumps and diagrams.
    ///
    /// The default gives the name of the type. Show more with [`State::new`] and [`State::delegating_to`].
    fn state(&self) -> State<'_> {
        State::of::<Self>()
    }
}

/// What a resume gives: how far `C` came, or what it raised.
pub type Resumed<C> =
    Result<Step<<C as Coroutine>::Yield, <C as Coroutine>::Input, <C as Coroutine>::Return>, Exception>;

/// How far a coroutine came when it was resumed.
///
/// The three cases are all that a coroutine can do short of raising, and stay so: a `match` on them is complete.
#[derive(Debug)]
pub enum Step<Yield, Input, Return> {
    /// It is suspended, and hands this to whoever drives it.
    Yield(Yield),
    /// It is done.
    Return(Return),
    /// It is suspended until this child has ended; the child's yields go straight to the driver.
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
