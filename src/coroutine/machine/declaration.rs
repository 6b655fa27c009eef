//! [`machine!`](crate::machine), and its documentation. `syntax.rs` reads what stands in it.

/// Declares a machine: its states, what each keeps, and what may follow it.
///
/// The declaration is plain Rust in parentheses, so rustfmt formats it and editors understand it. The type itself stays an
/// ordinary struct outside. It holds what all states share, and is `self` in each of them.
///
/// ```
/// # #[cfg(feature = "net")]
/// # mod example {
/// use innermost::{Buffer, ByteStream, machine, yield_from};
///
/// struct Echo<S> {
///     stream: S,
///     buffer: Buffer, // what was read and is not written yet
/// }
///
/// machine!(
///     impl<S: ByteStream> Machine for Echo<S> {
///         type State = Phase;
///
///         /// Waits for bytes.
///         fn Reading(&mut self, sent: Sent) -> Next<Writing, End> {
///             match yield_from!(self.stream.read(&mut self.buffer), sent)? {
///                 0 => end(()),
///                 _ => to(Writing),
///             }
///         }
///
///         fn Writing(&mut self, sent: Sent) -> Next<Reading> {
///             yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
///             to(Reading)
///         }
///     }
/// );
/// # }
/// ```
///
/// `Echo { stream, buffer }.start(Phase::Reading)` is the coroutine, a [`Running`](crate::Running). `start` is a method
/// of the trait [`Machine`](crate::Machine), so import that where you start the machine.
///
/// # Types
///
/// `type State = Name;` names the enum of the states, which the macro declares. It may derive traits. It must be at least as
/// visible as the machine's type.
///
/// The enum has parameters of its own. If the data of a state use a lifetime, a type or a constant of the machine, the enum
/// lists it. If the data use an associated type, or anything else that needs a bound, the enum declares that bound as well:
///
/// | the data | the enum |
/// |---|---|
/// | `name: &'a str`, `items: Vec<T>`, `bytes: [u8; N]` | `type State = Phase<'a, T, N>;` |
/// | `item: I::Item` | `type State<I: Iterator> = Phase<I>;`, or `type State<I> = Phase<I> where I: Iterator;` |
///
/// `type Yield`, `type Input` and `type Return` are [`Await`](crate::Await), `()` and `()` if they are left out. All types
/// stand before the states, in any order.
///
/// # States
///
/// A state is a function. Its parameters say what it keeps, and how it is run:
///
/// | parameters | the state |
/// |---|---|
/// | `&mut self, sent: Sent` | suspends by itself: it may contain [`yield_from!`](crate::yield_from) |
/// | `&mut self, sent: Sent, x: &mut T, ..` | also keeps data, which stay in their place |
/// | `&mut self, outcome: Outcome<Child>, x: T, ..` | waits for a child that it keeps, then gets its outcome, and its other data by value |
/// | `&mut self, x: T, ..` | goes on at once, with its data by value |
///
/// Data by reference are lent to the state. To pass them on, take them out: `to(Writing(name.take()))` for an `Option`,
/// or by `std::mem::take`.
///
/// A state returns what the machine does next:
///
/// | | |
/// |---|---|
/// | `to(State)`, `to(State(data, ..))` | goes on in that state at once |
/// | `yield_to(value, State)` | yields, and goes on in that state when it is resumed |
/// | `yield_here(value)` | yields, and runs this state again when it is resumed |
/// | `stay()` | runs this state again at once |
/// | `end(value)` | ends the machine |
/// | `Err(exception)`, `?` | raises |
///
/// `Next<A, B, End>` lists the states that may follow, and `End` if the machine may end. Going elsewhere does not
/// compile. `yield_here` and `stay` need no entry, but the state must still be there: it takes `sent` and its data by
/// reference. A state does not return `Ok(..)`: it says `to` or `end` when it is done. It does not call another state
/// either: it goes on there by `to`. Every function that returns `Next` is a state.
///
/// A state that waits for a child is entered with it: `to(Pausing(sleep(delay)))` enters `fn Pausing(&mut self, slept:
/// Outcome<Sleep>)`. The outcome is what the child has returned or raised, including a `CancelledError`.
///
#[cfg_attr(feature = "full", doc = "```")]
#[cfg_attr(not(feature = "full"), doc = "```ignore")]
/// use innermost::{Exception, Machine, Sleep, machine, run, sleep};
/// use std::time::Duration;
///
/// struct Counter(u32);
///
/// machine!(
///     impl Machine for Counter {
///         type State = Counting;
///         type Return = u32;
///
///         fn Adding(&mut self) -> Next<Pausing, End> {
///             self.0 += 1;
///             if self.0 == 3 { end(self.0) } else { to(Pausing(sleep(Duration::from_millis(1)))) }
///         }
///
///         fn Pausing(&mut self, slept: Outcome<Sleep>) -> Next<Adding> {
///             slept?;
///             to(Adding)
///         }
///     }
/// );
///
/// assert_eq!(run(Counter(0).start(Counting::Adding))?, 3);
/// # Ok::<(), Exception>(())
/// ```
///
/// Where an exception that is thrown in is raised depends on the state:
///
/// - A state with a child gets it as the child's outcome, unless the child catches it.
/// - A state without `sent` raises it before its body runs.
/// - A state with `sent` raises it where it uses `sent`. If the body ignores `sent`, and then yields or ends the machine, the
///   exception is raised instead. If it goes on by `to` or `stay`, the next state gets the exception.
///
/// # Hooks
///
/// Three functions with fixed names concern all states. Each is optional. There may be several of one name, if each has a
/// `#[cfg]` of its own.
///
/// - `fn thrown(&mut self, state: &mut Phase, thrown: Exception) -> Next<..>` sees what is thrown in before the state
///   does, for example to stop in good order from anywhere. `Err(exception)` throws that into the state. A task that is
///   cancelled has cancelled what it waits for as well: to stay in a state, give it a new child through `state`, and return
///   `stay()`.
/// - `fn raised(&mut self, raised: Exception) -> Next<..>` sees what a state raises, also what was thrown in and not
///   caught. `Err(exception)` ends the machine with it.
/// - `fn finally(&mut self, sent: Sent) -> Done { .. }` runs when the machine ends, in whichever way, and may await. Its
///   body returns `Ok(())`, and what it raises replaces the machine's outcome.
///
/// Closing the machine (see [`Generator::close`](crate::Generator::close)) raises `GeneratorExit` in the state, after its
/// child has been closed. Of the hooks, only `finally` runs. Neither the state nor `finally` may yield then, so a state that
/// matches `Err(_)` passes on an exception for which `is_generator_exit` returns `true`. Dropping the machine runs no code
/// but destructors.
///
/// ```
/// use innermost::{Exception, Generator, Kind, Machine, Stop, machine, take_sent};
///
/// struct Counter {
///     log: Vec<&'static str>,
/// }
///
/// machine!(
///     impl Machine for Counter {
///         type Yield = u32;
///         type Return = Vec<&'static str>;
///         type State = Counting;
///
///         fn Up(&mut self, sent: Sent, number: &mut u32) -> Next {
///             take_sent(sent)?;
///             *number += 1;
///             yield_here(*number)
///         }
///
///         fn Stopping(&mut self) -> Next<End> {
///             end(self.log.clone())
///         }
///
///         fn thrown(&mut self, _state: &mut Counting, thrown: Exception) -> Next<Stopping> {
///             self.log.push("told to stop");
///             if thrown.kind() == Kind::CancelledError { to(Stopping) } else { Err(thrown) }
///         }
///     }
/// );
///
/// let mut counter = Generator::new(Counter { log: vec![] }.start(Counting::Up(0)));
/// assert_eq!((counter.next()?, counter.next()?), (1, 2));
/// assert!(matches!(counter.throw(Exception::cancelled()), Err(Stop::Returned(log)) if log == ["told to stop"]));
/// # Ok::<(), Stop<Vec<&'static str>>>(())
/// ```
///
/// # What else may stand in it
///
/// Other functions and constants are the type's own: helpers for the states. A state may have documentation, `#[cfg]`, and
/// `#[allow]` or `#[expect]`.
///
/// A helper cannot contain `yield_from!`, because only the machine can suspend. It can return an operation, which the state
/// awaits. This one reads with a time limit:
///
#[cfg_attr(feature = "full", doc = "```")]
#[cfg_attr(not(feature = "full"), doc = "```ignore")]
/// use innermost::coroutine::Stateless;
/// use innermost::wait::Limit;
/// use innermost::{Awaitable, Buffer, ByteStream, machine, yield_from};
///
/// struct Lines<S> {
///     stream: S,
///     incoming: Buffer,
///     silence: Limit,
/// }
///
/// machine!(
///     impl<S: ByteStream> Machine for Lines<S> {
///         type State = Phase;
///
///         fn Reading(&mut self, sent: Sent) -> Next<End> {
///             if yield_from!(self.read(), sent)? == 0 { end(()) } else { stay() }
///         }
///
///         fn read(&mut self) -> impl Awaitable<Return = usize> + Stateless {
///             self.silence.run(self.stream.read(&mut self.incoming))
///         }
///     }
/// );
/// ```
///
/// If several states share a wait of several steps, write that as a coroutine of its own, in a field that each of them
/// awaits.
///
/// # Names
///
/// A declaration needs no imports for its own words. `Machine`, `Sent`, `Outcome`, `Next`, `End` and `Done` are words
/// of the declaration, and no state may be called `End`. `to`, `yield_to`, `yield_here`, `stay` and `end` are functions that
/// exist in the states. There they hide functions of the same names, such as [`innermost::end`](crate::end). That one and the
/// type [`innermost::Sent`](crate::Sent) are for machines written by hand, and for functions outside of the declaration.
///
/// Names of states are separate from names of types, so a state may have the name of a type, even of one that it keeps.
#[macro_export]
macro_rules! machine {
    ($(#$meta:tt)* impl<$($rest:tt)*) => { $crate::__machine!(@generics [$(#$meta)*] [] [] [] + $($rest)*); };
    ($(#$meta:tt)* impl Machine for $($rest:tt)*) => { $crate::__machine!(@for [$(#$meta)*] [] {[] []} $($rest)*); };
    ($($rest:tt)*) => {
        $crate::__machine_mistake!(declaration);
    };
}
