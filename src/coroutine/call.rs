//! Delegation through the driver: a child that becomes a frame on the driver's own stack.
//!
//! A frame is one `Rc` with two owners: the driver, which resumes it, and the parent's [`Call`], which takes the typed
//! result once the child has ended. The driver does not know the type of the result, and the `Call` never resumes the
//! child. The same allocation links the frame to the one below it, so a driver's stack is a single pointer.
//!
//! Invariants:
//!
//! 1. A frame's coroutine is dropped the moment it ends, whoever still holds the frame.
//! 2. A frame on a stack and the `Call` in the frame below refer to each other. Taking a frame off the stack takes its
//!    link (`below`) out, which breaks the cycle.
//! 3. A coroutine is borrowed while it runs, so no other borrow here may assume that it succeeds.

use alloc::rc::Rc;
use alloc::string::{String, ToString};
use core::any::type_name;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::mem::{self, ManuallyDrop};

use super::deep::replace_flat;
use super::rules::without_stop_iteration;
use super::{Coroutine, Exception, Resumed, State, Step, drop_ended};

/// Delegates to a child at a cost that does not depend on the depth.
///
/// The first resume passes the child to the driver as a frame of its own ([`Step::Delegate`]). From then on the driver
/// resumes only the child, and none of its parents, until the child has ended. A `Call` is one pointer, whatever it calls,
/// so a machine can delegate to itself.
///
/// Each `Call` takes one allocation. The outermost coroutine must be run by a driver that handles frames: a
/// [`Generator`](crate::Generator), a task, a [`Driver`](super::Driver), or a machine that passes [`Step::Delegate`] on to
/// one of these.
///
/// # Errors
///
/// A `Call` raises whatever its child raises. It raises `RuntimeError` if it is resumed while the child is still
/// running, which means that its [`Step::Delegate`] never reached a driver, and if it is resumed after its end.
///
/// # Examples
///
/// ```
/// use innermost::{Call, Coroutine, Exception, Generator, Resumed, Step, yield_from};
///
/// /// Counts down from `n`, each number in a frame of its own, and returns the number of frames.
/// enum Countdown {
///     At(u32),
///     In(Call<Countdown>),
/// }
///
/// impl Coroutine for Countdown {
///     type Yield = u32;
///     type Input = ();
///     type Return = u32;
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         match self {
///             Self::At(0) => Ok(Step::Return(0)),
///             Self::At(n) => {
///                 let n = *n;
///                 *self = Self::In(Call::new(Self::At(n - 1)));
///                 Ok(Step::Yield(n))
///             }
///             Self::In(rest) => Ok(Step::Return(yield_from!(rest, sent)? + 1)),
///         }
///     }
/// }
///
/// let numbers: Vec<_> = Generator::new(Countdown::At(1000)).collect::<Result<_, _>>()?;
/// assert_eq!(numbers.len(), 1000);
/// # Ok::<(), Exception>(())
/// ```
///
/// # Dropping
///
/// A child that has not started is dropped with its `Call`. A long chain, in which each child holds the `Call` of the
/// next and none has started, is dropped without recursion. From a certain depth on, a child is dropped after its
/// parents. This needs the `std` feature. Without it, each drop calls the next one, and a very long chain overflows the
/// stack.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Call<C: Coroutine + 'static>(FrameOf<C>);

type FrameOf<C> = Rc<Activation<C>>;

impl<C: Coroutine + 'static> Call<C> {
    /// Creates a call of `child`, which does not start until the call is first resumed.
    #[inline]
    pub fn new(child: C) -> Self {
        // `ManuallyDrop`, so that the child is written straight into the allocation. If it had to be dropped when the
        // allocation fails, it would be laid out on the stack first, and copied. A failure leaks it instead.
        let child = ManuallyDrop::new(child);
        let frame = FrameOf::<C>::default();
        mem::forget(frame.coroutine.replace(Some(ManuallyDrop::into_inner(child))));
        Self(frame)
    }

    /// Replaces the child, so that the next resume starts `child`.
    ///
    /// If the former child has ended or never started, its allocation is used again. A former child that is still
    /// running stays with its driver, and its outcome is dropped.
    ///
    /// ```
    /// use innermost::{Call, Exception, Generator, from_iter};
    ///
    /// let mut call = Call::new(from_iter(0..2));
    /// assert_eq!(Generator::new(&mut call).collect::<Result<Vec<_>, _>>()?, [0, 1]);
    /// call.restart(from_iter(5..7));
    /// assert_eq!(Generator::new(&mut call).collect::<Result<Vec<_>, _>>()?, [5, 6]);
    /// # Ok::<(), Exception>(())
    /// ```
    #[inline]
    pub fn restart(&mut self, child: C) {
        if self.is_given_away() {
            *self = Self::new(child);
        } else {
            self.0.outcome.set(None);
            let former = self.0.coroutine.replace(Some(child));
            drop(former);
        }
    }

    /// Returns the exception to raise when `thrown` is thrown into the call. A child that has not started never will. A
    /// child on the driver's stack has been closed already, since only exits are thrown here then. If it raised something
    /// else in response, that is raised in place of the exit.
    #[cold]
    #[inline(never)]
    fn closed(&self, thrown: Exception) -> Exception {
        drop(self.0.take_suspended());
        match self.0.outcome.take() {
            Some(Err(raised)) if !raised.is_generator_exit() => raised,
            _ => thrown,
        }
    }

    /// Whether the child is on a driver's stack. The driver then owns the frame too.
    fn is_given_away(&self) -> bool {
        Rc::strong_count(&self.0) > 1
    }
}

impl<C: Coroutine + 'static> Coroutine for Call<C> {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    #[inline(always)]
    fn resume(&mut self, sent: Result<C::Input, Exception>) -> Resumed<Self> {
        if let Err(thrown) = sent {
            return Err(self.closed(thrown));
        }
        match self.0.outcome.take() {
            Some(outcome) => outcome.map(Step::Return),
            None if self.is_given_away() => Err(no_driver()),
            None if self.0.coroutine.borrow().is_none() => Err(Exception::reused()),
            None => Ok(Step::Delegate(Frame(Rc::clone(&self.0) as Rc<_>))),
        }
    }

    fn state(&self) -> State<'_> {
        State::new(type_name::<Self>(), self)
    }
}

#[cold]
fn no_driver() -> Exception {
    Exception::runtime(
        "`Call` resumed while its child is still running: the `Step::Delegate` it returned was not passed on to the driver",
    )
}

impl<C: Coroutine + 'static> fmt::Debug for Call<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.coroutine.try_borrow().as_deref() {
            Ok(None) => "over",
            Ok(Some(_)) if Rc::strong_count(&self.0) == 1 => "created",
            Ok(Some(_)) | Err(_) => "delegated",
        })
    }
}

/// A child on its way from a [`Call`] to the driver that will resume it.
///
/// Its contents are private. A machine that receives a frame passes it on to its own driver, inside [`Step::Delegate`].
pub struct Frame<Yield, Input>(Rc<dyn Body<Yield, Input>>);

type Link<Yield, Input> = Cell<Option<Frame<Yield, Input>>>;

/// The contents of a frame: its coroutine until that has ended, and then its outcome until the parent takes it.
struct Activation<C: Coroutine + 'static> {
    /// The frame below this one while it is on a stack.
    below: Link<C::Yield, C::Input>,
    coroutine: RefCell<Option<C>>,
    outcome: Cell<Option<Result<C::Return, Exception>>>,
}

impl<C: Coroutine + 'static> Default for Activation<C> {
    #[inline]
    fn default() -> Self {
        Self { below: Cell::new(None), coroutine: RefCell::new(None), outcome: Cell::new(None) }
    }
}

/// Drops a chain of any length in a loop. A coroutine that never started may hold the `Call` of another, and so on.
impl<C: Coroutine + 'static> Drop for Activation<C> {
    #[inline]
    fn drop(&mut self) {
        let coroutine = self.coroutine.get_mut();
        if mem::needs_drop::<C>() && coroutine.is_some() {
            replace_flat(coroutine, None);
        }
    }
}

/// How far a frame ran when it was resumed.
pub(super) enum FrameStep<Yield, Input> {
    Yield(Yield),
    Delegate(Frame<Yield, Input>),
    /// The frame has ended and is off the stack. Holds the frame below it. The parent's `Call` takes the outcome.
    Ended(Option<Frame<Yield, Input>>),
}

/// Never inlined, so that a frame is passed in two registers. Copied in place, it would be loaded as one double word just
/// after it was stored as two words, and such a load waits until both stores have left the store buffer.
impl<Yield, Input> FrameStep<Yield, Input> {
    #[inline(never)]
    fn delegate(frame: Frame<Yield, Input>) -> Self {
        Self::Delegate(frame)
    }

    #[inline(never)]
    fn ended(below: Option<Frame<Yield, Input>>) -> Self {
        Self::Ended(below)
    }
}

/// A frame as drivers see it, whatever its coroutine. Starting a frame is one method, because each call through the trait
/// has to find the fields of the frame anew.
trait Body<Yield, Input> {
    fn start(&self, below: Option<Frame<Yield, Input>>) -> FrameStep<Yield, Input>;
    fn resume(&self, sent: Result<Input, Exception>) -> FrameStep<Yield, Input>;
    fn fail(&self, raised: Exception);
    /// Passes on the coroutine's state, and what else there is to say of it.
    fn show(&self, show: &mut dyn FnMut(&State<'_>, &str));
    fn below(&self) -> &Link<Yield, Input>;
}

impl<C: Coroutine + 'static> Activation<C> {
    /// Takes the coroutine out. Returns `None` for a coroutine that is running: it is dropped with its frame instead.
    fn take_suspended(&self) -> Option<C> {
        self.coroutine.try_borrow_mut().ok()?.take()
    }

    /// Handles a frame that is on no stack, or that is resumed from inside itself. No driver does either. Kept out of
    /// `resume` so that only this path has to drop the value that was sent.
    #[cold]
    #[inline(never)]
    fn not_suspended(&self, _sent: Result<C::Input, Exception>) -> FrameStep<C::Yield, C::Input> {
        FrameStep::Ended(self.below.take())
    }
}

impl<C: Coroutine + 'static> Body<C::Yield, C::Input> for Activation<C> {
    fn start(&self, below: Option<Frame<C::Yield, C::Input>>) -> FrameStep<C::Yield, C::Input> {
        // The former link is `None`, since the frame is on no stack yet. Forgetting it saves a check of memory just written.
        mem::forget(self.below.replace(below));
        self.resume(Ok(C::Input::default()))
    }

    #[inline]
    fn resume(&self, sent: Result<C::Input, Exception>) -> FrameStep<C::Yield, C::Input> {
        let Ok(mut slot) = self.coroutine.try_borrow_mut() else { return self.not_suspended(sent) };
        let Some(coroutine) = &mut *slot else {
            drop(slot);
            return self.not_suspended(sent);
        };
        let outcome = match coroutine.resume(sent) {
            Ok(Step::Yield(yielded)) => return FrameStep::Yield(yielded),
            Ok(Step::Delegate(frame)) => return FrameStep::delegate(frame),
            Ok(Step::Return(returned)) => Ok(returned),
            Err(raised) => Err(without_stop_iteration(raised)),
        };
        if mem::needs_drop::<C>() {
            drop_ended(|| *slot = None);
        } else {
            *slot = None;
        }
        self.outcome.set(Some(outcome));
        FrameStep::ended(self.below.take())
    }

    fn fail(&self, raised: Exception) {
        let dropped = self.take_suspended();
        self.outcome.set(Some(Err(raised)));
        drop(dropped);
    }

    fn show(&self, show: &mut dyn FnMut(&State<'_>, &str)) {
        match self.coroutine.try_borrow().as_deref() {
            Ok(Some(coroutine)) => show(&coroutine.state(), ""),
            Ok(None) => show(&State::of::<C>(), " (ended)"),
            Err(_) => show(&State::of::<C>(), " (running)"),
        }
    }

    fn below(&self) -> &Link<C::Yield, C::Input> {
        &self.below
    }
}

impl<Yield: 'static, Input: Default + 'static> Frame<Yield, Input> {
    /// Creates a frame whose outcome nobody takes.
    #[cfg(feature = "std")]
    pub(super) fn of(child: impl Coroutine<Yield = Yield, Input = Input> + 'static) -> Self {
        Self(Call::new(child).0)
    }
}

impl<Yield, Input> Frame<Yield, Input> {
    #[inline]
    pub(super) fn resume(&self, sent: Result<Input, Exception>) -> FrameStep<Yield, Input> {
        self.0.resume(sent)
    }

    /// Puts the frame on a stack and resumes it for the first time.
    #[inline]
    pub(super) fn start(&self, below: Option<Self>) -> FrameStep<Yield, Input> {
        self.0.start(below)
    }

    /// Drops the coroutine without resuming it. The parent's `Call` will raise `raised`.
    pub(super) fn fail(&self, raised: Exception) {
        self.0.fail(raised);
    }

    pub(super) fn describe(&self) -> String {
        let mut text = String::new();
        self.0.show(&mut |state, note| text = state.to_string() + note);
        text
    }

    #[cfg(feature = "testing")]
    pub(super) fn show(&self, show: &mut dyn FnMut(&State<'_>)) {
        self.0.show(&mut |state, _| show(state));
    }

    pub(super) fn put_on(&self, below: Option<Self>) {
        self.0.below().set(below);
    }

    pub(super) fn take_below(&self) -> Option<Self> {
        self.0.below().take()
    }

    pub(super) fn below(&self) -> Option<Self> {
        let below = self.0.below().take();
        self.0.below().set(below.clone());
        below
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<Yield, Input> Clone for Frame<Yield, Input> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<Yield, Input> fmt::Debug for Frame<Yield, Input> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({})", self.describe())
    }
}
