//! [`Stateless`]: coroutines that keep nothing between two resumes.

use super::{Catch, Coroutine, Exception, Map, Ready, Then, TryMap};

/// A coroutine that keeps nothing between two resumes, so that a machine can create it afresh at each resume.
///
/// [`yield_from!`](crate::yield_from) accepts an expression of such a type where it otherwise needs a place. The
/// operations of sockets and streams are stateless: `self.stream.read(&mut self.buffer)` tries to read, waits if nothing
/// has arrived, and tries again when it is resumed. All that lasts is in the stream and in the buffer.
///
/// Implement it for an operation of your own if resuming a new one has the same effect as resuming the old one. Keep
/// whatever must last in something that the operation borrows.
///
/// ```
/// use innermost::coroutine::Stateless;
/// use innermost::{Coroutine, Exception, Generator, Resumed, Step, Stop, yield_from};
///
/// /// Takes the next item out of a list. Yields until there is one.
/// struct Take<'a>(&'a mut Vec<u32>);
///
/// impl Stateless for Take<'_> {}
///
/// impl Coroutine for Take<'_> {
///     type Yield = &'static str;
///     type Input = u32;
///     type Return = u32;
///
///     fn resume(&mut self, sent: Result<u32, Exception>) -> Resumed<Self> {
///         self.0.extend(Some(sent?).filter(|&item| item > 0));
///         Ok(self.0.pop().map_or(Step::Yield("empty"), Step::Return))
///     }
/// }
///
/// struct Double {
///     items: Vec<u32>,
/// }
///
/// impl Coroutine for Double {
///     type Yield = &'static str;
///     type Input = u32;
///     type Return = u32;
///
///     fn resume(&mut self, mut sent: Result<u32, Exception>) -> Resumed<Self> {
///         let item = yield_from!(Take(&mut self.items), sent)?;
///         Ok(Step::Return(2 * item))
///     }
/// }
///
/// let mut double = Generator::new(Double { items: vec![] });
/// assert_eq!(double.next()?, "empty");
/// assert!(matches!(double.send(21), Err(Stop::Returned(42))));
/// # Ok::<(), Stop<u32>>(())
/// ```
///
/// A sleep, a `queue.get()` and a timeout are not stateless: they remember when they began to wait, or their place in a
/// queue. Neither is `&mut C`, because `&mut sleep(delay)` would be a new sleep at each resume.
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps state between two resumes, but this expression makes a new one at each resume",
    label = "made anew at each resume",
    note = "store it in a field, or in a variable that outlives the resume, and delegate to that: `yield_from!(self.child, sent)`",
    note = "if the expression only leads to a coroutine stored elsewhere, bind it first: `let child = ..; yield_from!(child, sent)`",
    note = "to limit the time of an operation, or to race it, store a `Limit` or a `Race`: `self.limit.run(operation)`"
)]
pub trait Stateless: Coroutine {
    /// Whether a scope may be entered while it is resumed: a time limit, for example. A race must know.
    #[doc(hidden)]
    const MAY_ENTER_SCOPES: bool = true;
}

/// Used in the expansion of [`yield_from!`](crate::yield_from).
#[doc(hidden)]
#[inline(always)]
pub fn stateless<C: Stateless>(child: C) -> C {
    child
}

/// It ends at its first resume, so there is no second one.
impl<Yield, Input: Default, Return> Stateless for Ready<Yield, Input, Return> {}

impl<C, F, R> Stateless for Map<C, F>
where
    C: Stateless,
    F: FnOnce(C::Return) -> R,
{
}

impl<C, F, R> Stateless for TryMap<C, F>
where
    C: Stateless,
    F: FnOnce(C::Return) -> Result<R, Exception>,
{
}

impl<C, F> Stateless for Catch<C, F>
where
    C: Stateless,
    F: FnOnce(Exception) -> Result<C::Return, Exception>,
{
}

/// The second coroutine ends at once, so only the first one ever suspends.
impl<C, F, Return> Stateless for Then<C, F, Ready<C::Yield, C::Input, Return>>
where
    C: Stateless,
    F: FnOnce(C::Return) -> Ready<C::Yield, C::Input, Return>,
{
}
