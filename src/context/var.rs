//! [`ContextVar`]: a variable whose value depends on the current context.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering};
use std::rc::Rc;
use std::sync::Arc;

use super::object::Value;
use super::{Context, current, is_set, make_current};
use crate::coroutine::{Exception, Kind, drop_flat};

/// A variable that has its own value in each context, and so in each task. Python's `ContextVar`.
///
/// A `ContextVar` is usually a `static`. Its name is for people: two variables with the same name are independent.
///
/// ```
/// use innermost::context::ContextVar;
///
/// static USER: ContextVar<String> = ContextVar::new("user");
///
/// assert!(USER.get().is_err());
/// let token = USER.set("ada".into());
/// assert_eq!(USER.get()?, "ada");
/// USER.reset(token)?;
/// assert_eq!(USER.get().unwrap_or_default(), "");
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Values
///
/// Values can be of any type. [`get`](Self::get) clones the value, [`with`](Self::with) does not. A value stays in its thread,
/// so it may hold an `Rc`. For a variable that other threads should see, use [`sent_to_threads`](Self::sent_to_threads).
pub struct ContextVar<T> {
    name: &'static str,
    /// Identifies the variable from its first use on. 0 before that.
    number: AtomicU32,
    default: Option<fn() -> T>,
    store: fn(T) -> Value,
}

/// The number of the last variable that was used.
static LAST_NUMBER: AtomicU32 = AtomicU32::new(0);

impl<T: 'static> ContextVar<T> {
    /// Creates a variable without a default. The name appears in error messages and in [`Context::names`].
    pub const fn new(name: &'static str) -> Self {
        Self { name, number: AtomicU32::new(0), default: None, store: |value| Value::Here(Rc::new(value)) }
    }

    /// Adds a default: `default` makes the value that [`get`](Self::get) returns where the variable is not set.
    #[must_use]
    pub const fn with_default(self, default: fn() -> T) -> Self {
        Self { name: self.name, number: self.number, default: Some(default), store: self.store }
    }

    /// Lets the values travel to other threads.
    ///
    /// Functions that [`call_soon_threadsafe`](crate::RemoteHandle::call_soon_threadsafe) sends to a loop see the
    /// sender's value, and a [`SendContext`](super::SendContext) carries the value to any thread.
    #[must_use]
    pub const fn sent_to_threads(self) -> Self
    where
        T: Send + Sync,
    {
        Self {
            name: self.name,
            number: self.number,
            default: self.default,
            store: |value| Value::Anywhere(Arc::new(value)),
        }
    }

    /// Returns the variable's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the value in the current context, cloned. If the variable is not set there, returns its default.
    ///
    /// # Errors
    ///
    /// Returns a `LookupError` if the variable is not set and has no default.
    pub fn get(&self) -> Result<T, Exception>
    where
        T: Clone,
    {
        self.with(|value| value.cloned()).or_else(|| self.default.map(|default| default())).ok_or_else(|| {
            Exception::message(Kind::LookupError, format!("context variable {:?} is not set", self.name))
        })
    }

    /// Calls `look` with a reference to the value in the current context, and returns its result.
    ///
    /// `look` gets `None` if the variable is not set, even if it has a default. It may set the variable.
    pub fn with<R>(&self, look: impl FnOnce(Option<&T>) -> R) -> R {
        let value = if is_set() { current().and_then(|context| context.value(self.number())) } else { None };
        let looked = look(value.as_ref().and_then(Value::downcast_ref));
        // Dropped before the return. If a destructor panicked after it, the compiler would leak the returned value.
        drop(value);
        looked
    }

    /// Sets the variable in the current context.
    ///
    /// Pass the returned token to [`reset`](Self::reset) to restore the previous value. Dropping the token does
    /// nothing.
    pub fn set(&self, value: T) -> Token<T> {
        let context = make_current();
        let former = context.replace(self.number(), self.name, Some((self.store)(value)));
        Token { number: self.number(), context, former: Former(former), marker: PhantomData }
    }

    /// Restores the value that the variable had before the [`set`](Self::set) that returned `token`.
    ///
    /// A variable that was not set becomes unset again.
    ///
    /// # Errors
    ///
    /// Returns a `ValueError` if the token was made by another variable, or in another context than the current one.
    /// The variable keeps its value, and the token is lost.
    pub fn reset(&self, mut token: Token<T>) -> Result<(), Exception> {
        let refused = |why| {
            let text = format!("cannot reset context variable {:?}: the token {why}", self.name);
            Err(Exception::message(Kind::ValueError, text))
        };
        if token.number != self.number() {
            return refused("was made by another variable");
        }
        if !current().is_some_and(|context| context.is(&token.context)) {
            return refused("was made in another context");
        }
        drop(token.context.replace(token.number, self.name, token.former.0.take()));
        Ok(())
    }

    /// Returns the number that identifies the variable.
    pub(super) fn number(&self) -> u32 {
        match self.number.load(Ordering::Relaxed) {
            0 => self.choose_number(),
            number => number,
        }
    }

    #[cold]
    fn choose_number(&self) -> u32 {
        let chosen = LAST_NUMBER.fetch_add(1, Ordering::Relaxed).checked_add(1);
        let chosen = chosen.expect("fewer than 2^32 variables are ever used");
        // If another thread was first, its number counts.
        match self.number.compare_exchange(0, chosen, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => chosen,
            Err(first) => first,
        }
    }
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVar").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A change of a [`ContextVar`] that [`ContextVar::reset`] can undo. Created by [`ContextVar::set`]. Python's `Token`.
///
/// A token can be used once, because `reset` consumes it.
pub struct Token<T> {
    number: u32,
    context: Context,
    former: Former,
    marker: PhantomData<fn() -> T>,
}

/// A previous value. It may hold the token of the value before it, and so on, so it is dropped without recursion.
struct Former(Option<Value>);

impl Drop for Former {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            drop_flat(value);
        }
    }
}

impl<T: 'static> Token<T> {
    /// Returns a clone of the value before the change, or `None` if the variable was not set. Python's `Token.old_value`.
    pub fn old_value(&self) -> Option<T>
    where
        T: Clone,
    {
        self.former.0.as_ref()?.downcast_ref::<T>().cloned()
    }
}

impl<T> fmt::Debug for Token<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}
