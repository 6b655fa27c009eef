//! [`Operation`]: the coroutine that every operation on a descriptor is.

use core::fmt;

use crate::coroutine::{Coroutine, Exception, Resumed, State, Stateless, Step};
use crate::task::Await;

/// An operation on a descriptor, made from an attempt.
///
/// It repeats the attempt each time it is resumed, and keeps no state in between. So it can be made afresh at each resume,
/// and dropped at any time.
#[must_use = "an operation does nothing until it is awaited"]
pub(crate) struct Operation<F> {
    name: &'static str,
    attempt: F,
}

impl<F, T> Operation<F>
where
    F: FnMut() -> Result<Step<Await, (), T>, Exception>,
{
    pub(crate) const fn new(name: &'static str, attempt: F) -> Self {
        Self { name, attempt }
    }
}

impl<F, T> Coroutine for Operation<F>
where
    F: FnMut() -> Result<Step<Await, (), T>, Exception>,
{
    type Yield = Await;
    type Input = ();
    type Return = T;

    #[inline(always)]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        (self.attempt)()
    }

    fn state(&self) -> State<'_> {
        State::new(self.name, &"waiting")
    }
}

impl<F, T> Stateless for Operation<F>
where
    F: FnMut() -> Result<Step<Await, (), T>, Exception>,
{
    const MAY_ENTER_SCOPES: bool = false;
}

impl<F> fmt::Debug for Operation<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
