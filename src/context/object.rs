//! The values of all variables at one place: what a task has one of.

use core::any::Any;
use core::cell::Cell;
use core::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::{ContextVar, enter};
use crate::coroutine::drop_flat;

/// The values of all context variables that are set somewhere. Python's `Context`.
///
/// A handle: clones are the same context, which one who holds it sees change; [`copy`](Self::copy) makes another. A
/// task that is given one explicitly runs in that, so that what it sets is seen by whoever keeps a handle.
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
    /// Whether it has come to be by a change where there was no context; the task in which that was will keep it.
    implicit: bool,
}

/// By number of the variable. Shared by copies until one of them changes.
type Entries = Rc<Vec<Entry>>;

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) value: Value,
}

/// A value that somebody has set.
#[derive(Clone)]
pub(super) enum Value {
    Here(Rc<dyn Any>),
    Anywhere(Arc<dyn Any + Send + Sync>),
}

impl Context {
    /// A context in which nothing is set.
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

    /// Another context in which all is set as it is in this one now.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Rc::new(Inner { entries: Cell::new(self.entries()), implicit: false }))
    }

    /// Calls `function` with this as the current context: what it sets stays here. Unlike Python's, it may be entered
    /// once more while it is entered.
    pub fn run<R>(&self, function: impl FnOnce() -> R) -> R {
        let _outer = enter(self);
        function()
    }

    /// The value that is set for `variable` here; not its default.
    pub fn get<T: Clone + 'static>(&self, variable: &ContextVar<T>) -> Option<T> {
        let value = self.value(variable.number())?;
        let cloned = value.downcast_ref::<T>().cloned();
        // Here, and not on return: the compiler leaks what is returned where a destructor panics after that.
        drop(value);
        cloned
    }

    /// Whether `variable` is set here.
    pub fn contains<T: 'static>(&self, variable: &ContextVar<T>) -> bool {
        self.value(variable.number()).is_some()
    }

    /// How many variables are set here.
    pub fn len(&self) -> usize {
        self.entries().map_or(0, |entries| entries.len())
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the variables that are set here now, in the order in which they were first used. What iterating
    /// over Python's gives, as far as that has a type.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let entries = self.entries();
        (0..).map_while(move |index| Some(entries.as_ref()?.get(index)?.name))
    }

    /// Whether both are the same context.
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

    /// Sets a value, or takes it away; gives the former. Nothing of the user's runs: copying counts references.
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

    /// Makes all be set here as it is in `other`. Gives what was set, to be dropped in a guard.
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

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")?;
        f.debug_list().entries(self.names()).finish()
    }
}
