//! Machines declared as states: [`machine!`](crate::machine), and what runs them.
//!
//! A coroutine is an explicit state machine, and there are two ways to write one. By hand, it is a type that implements
//! [`Coroutine`]: usually an enum of places, and a `match` on it in a loop. With [`machine!`](crate::machine), a state is
//! a function. Its return type lists the states that may follow, and the compiler checks it. Its parameters are the data
//! that it keeps. The macro writes the enum, the loop and the names; it adds nothing that cannot be written by hand, and
//! costs the same.
//!
//! # One machine both ways
//!
//! A turnstile takes coins, and each of them lets one person through. By hand:
//!
//! ```
//! use innermost::{Coroutine, Exception, Generator, Resumed, State, Stop, end, suspend, take_sent};
//!
//! #[derive(Default)]
//! enum Event {
//!     #[default]
//!     Pushed,
//!     Coins(u32),
//!     Closed,
//! }
//!
//! struct Turnstile {
//!     passed: u32,
//!     phase: Phase,
//! }
//!
//! #[derive(Debug)]
//! enum Phase {
//!     Locked,
//!     Open { left: u32 },
//! }
//!
//! impl Coroutine for Turnstile {
//!     type Yield = &'static str;
//!     type Input = Event;
//!     type Return = u32;
//!
//!     fn resume(&mut self, mut sent: Result<Event, Exception>) -> Resumed<Self> {
//!         match &mut self.phase {
//!             Phase::Locked => match take_sent(&mut sent)? {
//!                 Event::Pushed => suspend!("locked"),
//!                 Event::Coins(left) => suspend!("open", self.phase = Phase::Open { left }),
//!                 Event::Closed => end(self.passed),
//!             },
//!             Phase::Open { left } => match take_sent(&mut sent)? {
//!                 Event::Coins(more) => suspend!("open", *left += more),
//!                 Event::Pushed => {
//!                     (self.passed, *left) = (self.passed + 1, *left - 1);
//!                     if *left == 0 {
//!                         suspend!("locked", self.phase = Phase::Locked);
//!                     }
//!                     suspend!("open")
//!                 }
//!                 Event::Closed => end(self.passed),
//!             },
//!         }
//!     }
//!
//!     fn state(&self) -> State<'_> {
//!         State::new("Turnstile", &self.phase)
//!     }
//! }
//!
//! let mut turnstile = Generator::new(Turnstile { passed: 0, phase: Phase::Locked });
//! assert_eq!(turnstile.next()?, "locked");
//! assert_eq!(turnstile.send(Event::Coins(1))?, "open");
//! assert_eq!(turnstile.send(Event::Pushed)?, "locked");
//! assert!(matches!(turnstile.send(Event::Closed), Err(Stop::Returned(1))));
//! # Ok::<(), Stop<u32>>(())
//! ```
//!
//! The same machine with [`machine!`](crate::machine):
//!
//! ```
//! use innermost::{Generator, Machine, Stop, machine, take_sent};
//!
//! # #[derive(Default)]
//! # enum Event { #[default] Pushed, Coins(u32), Closed }
//! struct Turnstile {
//!     passed: u32,
//! }
//!
//! machine!(
//!     impl Machine for Turnstile {
//!         type Yield = &'static str;
//!         type Input = Event;
//!         type Return = u32;
//!         type State = Phase;
//!
//!         fn Locked(&mut self, sent: Sent) -> Next<Open, End> {
//!             match take_sent(sent)? {
//!                 Event::Pushed => yield_here("locked"),
//!                 Event::Coins(left) => yield_to("open", Open(left)),
//!                 Event::Closed => end(self.passed),
//!             }
//!         }
//!
//!         fn Open(&mut self, sent: Sent, left: &mut u32) -> Next<Locked, End> {
//!             match take_sent(sent)? {
//!                 Event::Coins(more) => *left += more,
//!                 Event::Pushed => (self.passed, *left) = (self.passed + 1, *left - 1),
//!                 Event::Closed => return end(self.passed),
//!             }
//!             if *left == 0 { yield_to("locked", Locked) } else { yield_here("open") }
//!         }
//!     }
//! );
//!
//! let mut turnstile = Generator::new(Turnstile { passed: 0 }.start(Phase::Locked));
//! assert_eq!(turnstile.next()?, "locked");
//! assert_eq!(turnstile.send(Event::Coins(1))?, "open");
//! assert_eq!(turnstile.send(Event::Pushed)?, "locked");
//! assert!(matches!(turnstile.send(Event::Closed), Err(Stop::Returned(1))));
//! assert_eq!(Turnstile::TRANSITIONS, [("Locked", ["Open", "End"].as_slice()), ("Open", &["Locked", "End"])]);
//! # Ok::<(), Stop<u32>>(())
//! ```
//!
//! Which to choose? Write a coroutine by hand if it has one or two places, wraps a child, or needs unusual generics. Most
//! coroutines of this library are written that way. Use the macro for a protocol: its states have names, the compiler
//! keeps its transitions in order, and [`Diagram`] draws them.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`         | [`Machine`]; [`Outcome`] and [`Sent`], the parameters of states |
//! | `running.rs`     | [`Running`]: a machine in a state, which is a coroutine; the hooks |
//! | `next.rs`        | what a state tells the machine to do next, and the traits that check it |
//! | `place.rs`       | where a running machine keeps its state |
//! | `watched.rs`     | a place that reports which states are entered, for tests and diagrams |
//! | `drawing.rs`     | [`Diagram`], [`unreachable_states`] |
//! | `declaration.rs` | [`machine!`](crate::machine) and its documentation |
//! | `syntax.rs`      | reads what the programmer has written |
//! | `expand.rs`      | what it expands to |
//! | `parameters.rs`  | the parameters of the enum of the states |
//! | `mistakes.rs`    | what it says about mistakes |
//! | `parts.rs`       | the names that the expansion uses |

use super::{Coroutine, Exception, Resumed, State, Step};

mod declaration;
mod drawing;
mod expand;
mod mistakes;
mod next;
mod parameters;
#[doc(hidden)]
pub mod parts;
mod place;
mod running;
mod syntax;
mod watched;

pub use self::drawing::{Diagram, unreachable_states};
pub use self::running::Running;

/// A machine: its states, and what may follow each. Implemented by [`machine!`](crate::machine).
///
/// A machine is not a coroutine by itself. [`start`](Self::start) says in which state it begins, and the result is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a machine",
    label = "not a machine",
    note = "declare its states: `machine!(impl Machine for {Self} {{ type State = ..; .. }});`"
)]
pub trait Machine: Sized {
    /// The type of the values it yields. By default what a task waits for, [`Await`](crate::Await).
    type Yield;
    /// The type of the values it is sent. By default `()`.
    type Input: Default;
    /// The type of the value it ends with. By default `()`.
    type Return;
    /// The states, with the data that each keeps: an enum that the macro declares.
    type State;

    /// Each state, and the states that may follow it. The end is `"End"`.
    const TRANSITIONS: &'static [(&'static str, &'static [&'static str])];
    /// The states that the hook `thrown` may go to, from any state.
    const ON_THROWN: &'static [&'static str] = &[];
    /// The states that the hook `raised` may go to, from any state.
    const ON_RAISED: &'static [&'static str] = &[];

    /// Returns the coroutine that begins in `state`.
    #[inline]
    fn start(self, state: Self::State) -> Running<Self> {
        Running::new(self, state)
    }

    /// Never called. `map` is a method of iterators too, so for a machine that is not started the compiler would ask
    /// for either trait. It finds this method first, and says what [`Coroutine`] says.
    #[doc(hidden)]
    fn map<F>(self, _f: F) -> Running<Self>
    where
        Self: Coroutine,
    {
        unreachable!("a machine that is not started is no coroutine")
    }

    /// The name of a state.
    fn name_of(state: &Self::State) -> &'static str;

    #[doc(hidden)]
    type Place: parts::Place<Self::State> + From<Self::State>;
    /// The outcome while the machine cleans up.
    #[doc(hidden)]
    type Ending: Default;
    #[doc(hidden)]
    const THROWN: bool = false;
    #[doc(hidden)]
    const RAISED: bool = false;
    #[doc(hidden)]
    const FINALLY: bool = false;

    /// Runs states until one suspends, ends or raises.
    #[doc(hidden)]
    fn run<P: parts::Place<Self::State>>(
        &mut self,
        place: &mut P,
        sent: Result<Self::Input, Exception>,
    ) -> Resumed<Running<Self>>;

    /// The child that the state waits for, for people.
    #[doc(hidden)]
    fn child_of(state: &Self::State) -> Option<State<'_>>;

    #[doc(hidden)]
    fn on_thrown(&mut self, _state: &mut Self::State, thrown: Exception) -> Result<parts::Go<Self>, Exception> {
        Err(thrown)
    }

    #[doc(hidden)]
    fn on_raised(&mut self, raised: Exception) -> Result<parts::Go<Self>, Exception> {
        Err(raised)
    }

    #[doc(hidden)]
    fn on_end(
        &mut self,
        _sent: &mut Result<Self::Input, Exception>,
    ) -> Result<Step<Self::Yield, Self::Input, ()>, Exception> {
        Ok(Step::Return(()))
    }

    #[doc(hidden)]
    fn keep(_ending: &mut Self::Ending, _outcome: Result<Self::Return, Exception>) {}

    #[doc(hidden)]
    fn kept(_ending: &mut Self::Ending) -> Option<Result<Self::Return, Exception>> {
        None
    }

    #[doc(hidden)]
    fn is_ending(_ending: &Self::Ending) -> bool {
        false
    }

    #[doc(hidden)]
    fn has_ended(_ending: &Self::Ending) -> bool {
        false
    }
}

/// How a child has ended: what a state that waits for a coroutine of type `C` is called with.
pub type Outcome<C> = Result<<C as Coroutine>::Return, Exception>;

/// What a machine was resumed with: a value, or an exception that was thrown in. [`take_sent`](crate::take_sent) takes it.
///
/// It is the parameter of a state of [`machine!`](crate::machine) that suspends by itself. There, `Sent` is a word of the
/// declaration: it needs no import and no parameters. In a machine written by hand, it is the type of a helper function's
/// parameter, which is given `&mut sent`:
///
/// ```
/// use innermost::{Coroutine, Exception, Generator, Resumed, Sent, end, suspend, take_sent};
///
/// struct Sum(u32);
///
/// impl Sum {
///     fn add(&mut self, sent: Sent<u32>) -> Result<u32, Exception> {
///         let number = take_sent(sent)?;
///         self.0 += number;
///         Ok(number)
///     }
/// }
///
/// impl Coroutine for Sum {
///     type Yield = &'static str;
///     type Input = u32;
///     type Return = u32;
///
///     fn resume(&mut self, mut sent: Result<u32, Exception>) -> Resumed<Self> {
///         match self.add(&mut sent)? {
///             0 if self.0 > 0 => end(self.0),
///             _ => suspend!("next?"),
///         }
///     }
/// }
///
/// let mut sum = Generator::new(Sum(0));
/// assert_eq!(sum.next()?, "next?");
/// assert_eq!(sum.send(7)?, "next?");
/// assert!(sum.send(0).is_err()); // it has returned 7
/// # Ok::<(), innermost::Stop<u32>>(())
/// ```
pub type Sent<'a, Input = ()> = &'a mut Result<Input, Exception>;
