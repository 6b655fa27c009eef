//! [`SendContext`]: the part of a context that can go to other threads.

use std::sync::Arc;

use core::any::Any;
use core::fmt;

use super::Context;
use super::object::{Entry, Value};

/// The values of a context that can go to another thread: those of variables that are
/// [sent to threads](super::ContextVar::sent_to_threads). Created by [`Context::for_thread`].
///
/// ```
/// use innermost::context::{ContextVar, copy_context};
///
/// static TRACE: ContextVar<u64> = ContextVar::new("trace").sent_to_threads();
///
/// TRACE.set(7);
/// let context = copy_context().for_thread();
/// let seen = std::thread::spawn(move || context.into_context().run(|| TRACE.get()));
/// assert_eq!(seen.join().expect("it does not panic")?, 7);
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone)]
pub struct SendContext(Vec<SendEntry>);

#[derive(Clone)]
struct SendEntry {
    number: u32,
    name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl Context {
    /// Copies the values of the variables that are [sent to threads](super::ContextVar::sent_to_threads).
    ///
    /// Move the copy to another thread, and call [`SendContext::into_context`] there.
    pub fn for_thread(&self) -> SendContext {
        let entries = self.entries();
        let entries = entries.iter().flat_map(|entries| entries.iter());
        SendContext(entries.filter_map(SendEntry::of).collect())
    }
}

impl SendContext {
    /// Creates a context with these values, in the thread that calls this.
    pub fn into_context(self) -> Context {
        Context::of(self.0.into_iter().map(SendEntry::into_entry).collect())
    }

    /// Returns `true` if there are no values.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the context for a function that is about to be sent to another thread, or `None` if it would be empty.
pub(crate) fn current_for_thread() -> Option<SendContext> {
    if !super::is_set() {
        return None;
    }
    super::current().map(|context| context.for_thread()).filter(|context| !context.is_empty())
}

impl SendEntry {
    fn of(entry: &Entry) -> Option<Self> {
        match &entry.value {
            Value::Here(_) => None,
            Value::Anywhere(value) => Some(Self { number: entry.number, name: entry.name, value: Arc::clone(value) }),
        }
    }

    fn into_entry(self) -> Entry {
        Entry { number: self.number, name: self.name, value: Value::Anywhere(self.value) }
    }
}

impl fmt::Debug for SendContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendContext")?;
        f.debug_list().entries(self.0.iter().map(|entry| entry.name)).finish()
    }
}
