//! [`Racing`]: a coroutine that can lose a race and be in the next one.

use core::fmt;
use core::mem;
use std::rc::Rc;

use self::sealed::Member;
use super::Pass;
use crate::coroutine::{Coroutine, Driven, Exception, Resumed, Stack, State, Step, drop_ended};
use crate::task::{AnyOf, Await, Awaitable, Branch, Resumption};

/// A coroutine to race, together with what it waits for. Store it in a field of a machine, and race it by `&mut`.
///
/// A `Racing` that loses a [`Race`](super::Race) keeps waiting, and can be in another race, at another position, or be
/// awaited by itself. [`restart`](Self::restart) puts another coroutine in its place.
///
/// ```
/// use innermost::testing::virtual_loop;
/// use innermost::wait::{Race, Racing, Won};
/// use innermost::{Step, from_fn, sleep, yield_from};
/// use std::time::Duration;
///
/// let mut race = Race::new();
/// let mut short = Racing::new(sleep(Duration::from_secs(2)));
/// let mut long = Racing::new(sleep(Duration::from_secs(5)));
/// let mut short_naps = 0;
/// let machine = from_fn(move |mut sent| {
///     loop {
///         match yield_from!(race.run((&mut short, &mut long)), sent)? {
///             Won::A(()) => {
///                 short_naps += 1;
///                 short.restart(sleep(Duration::from_secs(2)));
///             }
///             Won::B(()) => return Ok(Step::Return(short_naps)),
///         }
///     }
/// });
/// assert_eq!(virtual_loop()?.run_until_complete(machine)?, 2);
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Dropping
///
/// Takes it out of wherever it waits, and drops the coroutine as it is, without closing it.
pub struct Racing<C: Coroutine> {
    stack: Stack<C>,
    /// Made when it is first resumed.
    branch: Option<Rc<Branch>>,
    /// Where a task waits that awaits it by itself.
    alone: Option<Rc<AnyOf>>,
}

pub(super) mod sealed {
    use crate::coroutine::Exception;

    /// A [`Racing`](super::Racing), whatever its coroutine.
    pub trait Member {
        fn has_ended(&self) -> bool;

        /// Has the coroutine raise this where it waits, and cancels what it waits for. Drops a coroutine that has not started.
        fn cancel(&mut self, cancelled: &Exception);

        /// Closes the coroutine, if it has started. Returns what it raises in place of the exit.
        fn close(&mut self) -> Option<Exception>;
    }
}

impl<C: Awaitable> Racing<C> {
    /// Creates a `Racing` whose coroutine starts when it is first raced or awaited.
    pub const fn new(child: C) -> Self {
        Self { stack: Stack::new(child), branch: None, alone: None }
    }

    /// Drops the coroutine, and puts another one in its place. Allocates nothing.
    ///
    /// A race that a task is waiting for starts it in the next turn.
    pub fn restart(&mut self, child: C) {
        if !self.has_ended() {
            self.discard();
        }
        self.stack = Stack::new(child);
        if let Some(branch) = &self.branch {
            branch.ask_again();
        }
    }

    /// Returns `true` if the coroutine has returned or raised. Racing it again raises a `RuntimeError`, until it is
    /// [restarted](Self::restart).
    pub const fn has_ended(&self) -> bool {
        self.stack.has_ended()
    }

    #[inline(always)]
    pub(super) fn ask(&mut self, pass: &mut Pass<'_>) -> Option<Result<C::Return, Exception>> {
        self.ask_in(pass.any_of, pass.resumption)
    }

    #[inline(always)]
    fn ask_in(&mut self, any_of: &Rc<AnyOf>, resumption: Resumption) -> Option<Result<C::Return, Exception>> {
        let Self { stack, branch, .. } = self;
        let branch = branch.get_or_insert_with(Branch::new);
        let sent = branch.turn(any_of, resumption)?;
        let outcome = match branch.run_within(|| stack.resume_or_end(sent)) {
            Ok(Driven::Yield(wanted)) => {
                branch.wait_for(any_of, wanted);
                return None;
            }
            Ok(Driven::End(outcome)) => outcome,
            Err(too_deep) => Err(too_deep),
        };
        branch.end();
        Some(outcome)
    }

    fn discard(&mut self) {
        if let Some(branch) = &self.branch {
            branch.end();
        }
        self.stack.discard();
    }
}

impl<C: Awaitable> Member for Racing<C> {
    fn has_ended(&self) -> bool {
        self.stack.has_ended()
    }

    fn cancel(&mut self, cancelled: &Exception) {
        match &self.branch {
            Some(branch) if branch.has_started() => branch.cancel(cancelled.clone()),
            _ => {
                let mut unstarted = mem::replace(&mut self.stack, Stack::ended());
                // Its destructor may panic, and the others must be cancelled too.
                drop_ended(move || unstarted.discard());
            }
        }
    }

    fn close(&mut self) -> Option<Exception> {
        let branch = self.branch.as_ref().filter(|branch| branch.has_started())?;
        branch.release();
        let mut stack = mem::replace(&mut self.stack, Stack::ended());
        let closed = branch.run_within(|| stack.resume_or_end(Err(Exception::generator_exit())));
        branch.end();
        match closed {
            Ok(Driven::Yield(_)) => {
                drop(stack.abandon());
                Some(Exception::runtime("generator ignored GeneratorExit"))
            }
            Ok(Driven::End(Err(raised))) if !raised.is_generator_exit() => Some(raised),
            Ok(Driven::End(_)) | Err(_) => None,
        }
    }
}

/// Awaits the coroutine by itself. An exception that is thrown in goes to the coroutine.
impl<C: Awaitable> Coroutine for Racing<C> {
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let any_of = Rc::clone(self.alone.get_or_insert_with(AnyOf::new));
        let resumption = any_of.resumed();
        if let Err(thrown) = sent {
            if thrown.is_generator_exit() {
                return Err(self.close().unwrap_or(thrown));
            }
            match &self.branch {
                Some(branch) if branch.has_started() => branch.cancel(thrown),
                _ => {
                    self.discard();
                    return Err(thrown);
                }
            }
        }
        match self.ask_in(&any_of, resumption) {
            Some(ended) => ended.map(Step::Return),
            None => Ok(Step::Yield(any_of.wanted())),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("racing", self)
    }
}

impl<C: Coroutine> Drop for Racing<C> {
    fn drop(&mut self) {
        if let Some(any_of) = &self.alone {
            any_of.end();
        }
        if let Some(branch) = &self.branch {
            branch.drop_coroutine();
        }
        self.stack.discard();
    }
}

impl<C: Coroutine> fmt::Debug for Racing<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = self.stack.describe();
        f.debug_tuple("Racing").field(&frames.first().map_or("over", |frame| frame.as_str())).finish()
    }
}
