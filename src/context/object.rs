//! [`Context`]: the values of all variables that are set.

use core::any::Any;
use core::cell::Cell;
use core::fmt;
use core::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use super::{ContextVar, enter};
use crate::coroutine::drop_flat;

/// A set of context variables and their values. Python's `Context`.
///
/// A `Context` is a handle: clones refer to the same context and see its changes. [`copy`](Self::copy) creates an
/// independent one. A task can be given a context to run in. Every holder of a handle then sees the values that the
/// task sets.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::context::{Context, ContextVar};
///
/// static LEVEL: ContextVar<u32> = ContextVar::new("level").with_default(|| 0);
///
/// let quiet = Context::new();
/// quiet.run(|| LEVEL.set(1));
/// assert_eq!((LEVEL.get()?, quiet.get(&LEVEL)), (0, Some(1)));
///
/// let event_loop = EventLoop::new()?;
/// let task = event_loop.task().context(&quiet).spawn(innermost::from_fn(|_| {
///     LEVEL.set(LEVEL.get()? + 1);
///     Ok(innermost::Step::Return(()))
/// }))?;
/// event_loop.run_until_complete(task)?;
/// assert_eq!(quiet.get(&LEVEL), Some(2));
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone, Default)]
pub struct Context(Rc<Inner>);

#[derive(Default)]
struct Inner {
    entries: Cell<Option<Entries>>,
    /// `true` if setting a variable created it, where there was no context. The running task then keeps it.
    implicit: bool,
}

/// The values, sorted by the number of the variable. Copies of a context share them until one of the copies changes.
type Entries = Rc<Vec<Entry>>;

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) value: Value,
}

/// The value of a variable.
#[derive(Clone)]
pub(super) enum Value {
    Here(Rc<dyn Any>),
    Anywhere(Arc<dyn Any + Send + Sync>),
}

impl Context {
    /// Creates a context in which no variable is set.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn implicit() -> Self {
        Self(Rc::new(Inner { entries: Cell::new(None), implicit: true }))
    }

    pub(super) fn is_implicit(&self) -> bool {
        self.0.implicit
    }

    pub(super) fn of(entries: Vec<Entry>) -> Self {
        Self(Rc::new(Inner { entries: Cell::new(Some(Rc::new(entries))), implicit: false }))
    }

    /// Creates an independent context with the same values.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Rc::new(Inner { entries: Cell::new(self.entries()), implicit: false }))
    }

    /// Calls `function` with this as the current context. Python's `Context.run`.
    ///
    /// Values that `function` sets stay in this context. Unlike in Python, a context can be entered again while it is
    /// entered. A panic of `function` propagates, and leaves the context first.
    pub fn run<R>(&self, function: impl FnOnce() -> R) -> R {
        let _outer = enter(self);
        function()
    }

    /// Returns the value of `variable` in this context, cloned. Returns `None` if it is not set, even if it has a default.
    pub fn get<T: Clone + 'static>(&self, variable: &ContextVar<T>) -> Option<T> {
        let value = self.value(variable.number())?;
        let cloned = value.downcast_ref::<T>().cloned();
        // Dropped before the return. If a destructor panicked after it, the compiler would leak the returned value.
        drop(value);
        cloned
    }

    /// Returns `true` if `variable` is set in this context.
    pub fn contains<T: 'static>(&self, variable: &ContextVar<T>) -> bool {
        self.value(variable.number()).is_some()
    }

    /// Returns the number of variables that are set in this context.
    pub fn len(&self) -> usize {
        self.entries().map_or(0, |entries| entries.len())
    }

    /// Returns `true` if no variable is set in this context.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the names of the variables that are set in this context, in the order in which the program first used them.
    ///
    /// This replaces the iteration over a context in Python.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let entries = self.entries();
        (0..).map_while(move |index| Some(entries.as_ref()?.get(index)?.name))
    }

    /// Returns `true` if both handles refer to the same context.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn entries(&self) -> Option<Entries> {
        let entries = self.0.entries.take();
        self.0.entries.set(entries.clone());
        entries
    }

    pub(super) fn value(&self, number: u32) -> Option<Value> {
        let entries = self.entries()?;
        let position = entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
        Some(entries[position].value.clone())
    }

    /// Sets or removes a value and returns the previous one. No user code runs: copying only counts references.
    pub(super) fn replace(&self, number: u32, name: &'static str, value: Option<Value>) -> Option<Value> {
        let mut entries = self.0.entries.take().unwrap_or_default();
        let list = Rc::make_mut(&mut entries);
        let former = match (list.binary_search_by_key(&number, |entry| entry.number), value) {
            (Ok(position), Some(value)) => Some(core::mem::replace(&mut list[position].value, value)),
            (Ok(position), None) => Some(list.remove(position).value),
            (Err(position), Some(value)) => {
                list.insert(position, Entry { number, name, value });
                None
            }
            (Err(_), None) => None,
        };
        self.0.entries.set(Some(entries));
        former
    }

    /// Replaces all values by those of `other`. Returns the previous values, to be dropped in a guard.
    pub(crate) fn assign(&self, other: &Self) -> impl Sized + use<> {
        self.0.entries.replace(other.entries())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The values are the user's, and may hold contexts.
        if let Some(entries) = self.entries.take().and_then(Rc::into_inner) {
            drop_flat(entries);
        }
    }
}

impl Value {
    pub(super) fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        match self {
            Self::Here(value) => value.downcast_ref(),
            Self::Anywhere(value) => value.downcast_ref(),
        }
    }
}

/// Two handles are equal if they refer to the same context.
impl PartialEq for Context {
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
    }
}

impl Eq for Context {}

impl Hash for Context {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")?;
        f.debug_list().entries(self.names()).finish()
    }
}
