//! A variable whose value is that of the current context.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering};
use std::rc::Rc;
use std::sync::Arc;

use super::object::Value;
use super::{Context, current, is_set, make_current};
use crate::coroutine::{Exception, Kind, drop_flat};

/// A variable with a value for each task: set in one, it has its former value in all others. Python's `ContextVar`.
///
/// Usually a `static`. It is known by itself, not by its name: another of the same name is another variable.
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
/// Of any type; [`get`](Self::get) clones, [`with`](Self::with) does not. They stay in their thread, and may hold an
/// `Rc`. What threads are to see that this one starts or calls is a variable that is
/// [sent to threads](Self::sent_to_threads).
pub struct ContextVar<T> {
    name: &'static str,
    /// What tells it from all others, from its first use on; 0 before.
    number: AtomicU32,
    default: Option<fn() -> T>,
    store: fn(T) -> Value,
}

/// The number of the last variable that was used.
static LAST_NUMBER: AtomicU32 = AtomicU32::new(0);

impl<T: 'static> ContextVar<T> {
    /// A variable that is set nowhere, and has no default. The name is for people.
    pub const fn new(name: &'static str) -> Self {
        Self { name, number: AtomicU32::new(0), default: None, store: |value| Value::Here(Rc::new(value)) }
    }

    /// The same, with a value where it is not set.
    #[must_use]
    pub const fn with_default(self, default: fn() -> T) -> Self {
        Self { name: self.name, number: self.number, default: Some(default), store: self.store }
    }

    /// The same, but its values go with what is sent to other threads: functions for a loop's
    /// [`call_soon_threadsafe`](crate::RemoteHandle::call_soon_threadsafe), and a
    /// [`SendContext`](super::SendContext).
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

    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its value in the current context, cloned, or its default.
    ///
    /// # Errors
    ///
    /// `LookupError` where it is not set and has no default.
    pub fn get(&self) -> Result<T, Exception>
    where
        T: Clone,
    {
        self.with(|value| value.cloned()).or_else(|| self.default.map(|default| default())).ok_or_else(|| {
            Exception::message(Kind::LookupError, format!("context variable {:?} is not set", self.name))
        })
    }

    /// Calls `look` with its value in the current context; with `None` where it is not set, whether or not it has a
    /// default. `look` may set it meanwhile.
    pub fn with<R>(&self, look: impl FnOnce(Option<&T>) -> R) -> R {
        let value = if is_set() { current().and_then(|context| context.value(self.number())) } else { None };
        let looked = look(value.as_ref().and_then(Value::downcast_ref));
        // Here, and not on return: the compiler leaks what is returned where a destructor panics after that.
        drop(value);
        looked
    }

    /// Sets it in the current context. The token takes that back, and may be dropped.
    pub fn set(&self, value: T) -> Token<T> {
        let context = make_current();
        let former = context.replace(self.number(), self.name, Some((self.store)(value)));
        Token { number: self.number(), context, former: Former(former), marker: PhantomData }
    }

    /// Gives it the value that it had before the [`set`](Self::set) that gave this token, or none.
    ///
    /// # Errors
    ///
    /// `ValueError` where the token is of another variable, or of another context than the current one.
    pub fn reset(&self, mut token: Token<T>) -> Result<(), Exception> {
        let refused = |whose| {
            let text = format!("the token was made by another {whose} than that of variable {:?}", self.name);
            Err(Exception::message(Kind::ValueError, text))
        };
        if token.number != self.number() {
            return refused("variable");
        }
        if !current().is_some_and(|context| context.is(&token.context)) {
            return refused("context");
        }
        drop(token.context.replace(token.number, self.name, token.former.0.take()));
        Ok(())
    }

    /// What tells it from all others.
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
        // Another thread may have been first: then that one's choice stands.
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

/// What [`ContextVar::set`] gives, to take the change back by. Python's `Token`, which can be used once.
pub struct Token<T> {
    number: u32,
    context: Context,
    former: Former,
    marker: PhantomData<fn() -> T>,
}

/// A former value, which may hold the token of the one before it, and so on.
struct Former(Option<Value>);

impl Drop for Former {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            drop_flat(value);
        }
    }
}

impl<T: 'static> Token<T> {
    /// The value before, cloned; `None` where there was none. Python's `Token.old_value`.
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
