//! [`ExitStack`]: any number of managers, which are entered one after the other and exit in reverse.

use core::any::Any;
use core::cell::RefCell;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::{AsyncContextManager, Exited, Progress};
use crate::coroutine::{Coroutine, Exception, Resumed, Stateless, Step, drop_flat};
use crate::task::{Await, Awaitable, CallbackResult, panicked};
use crate::yield_from;

/// A stack of managers that the body enters one by one, and that exit in reverse when the body ends. Python's
/// `contextlib.AsyncExitStack`.
///
/// Each exit gets the current exception. That is the body's, or the one that a previous exit raised in its place. There
/// is none if a previous exit suppressed it. Every manager exits, whatever the others raise. A panic in an exit is
/// raised as [`Kind::Panic`](crate::Kind::Panic).
///
/// The stack is a manager itself: run the body in [`with`](fn@super::with). A stack is a handle, and the body gets a
/// clone of it. A stack that is dropped without an exit drops its managers, the last one first.
///
/// ```
/// use innermost::scope::{ExitStack, holding, with};
/// use innermost::sync::Lock;
/// use innermost::{EventLoop, Exception, CoroutineExt, ready};
///
/// let lock = Lock::new();
/// let acquire = lock.acquire();
/// let held = with(ExitStack::new(), |stack| {
///     stack.callback(|| println!("last of all"));
///     stack.enter(holding(acquire)).then(|()| ready("held"))
/// });
/// assert_eq!(EventLoop::new()?.run_until_complete(held)?, Some("held"));
/// assert!(!lock.locked());
/// # Ok::<(), Exception>(())
/// ```
pub struct ExitStack {
    stack: Rc<Stack>,
    /// Set while this handle exits.
    leaving: Option<Leaving>,
}

struct Stack(RefCell<Vec<Box<dyn Leave>>>);

/// An exit under way.
struct Leaving {
    /// Stacks that were pushed on this one, each on the one before. Their managers exit as if they were on this stack.
    /// With recursion, deeply nested stacks would overflow the call stack.
    inner: Vec<Rc<Stack>>,
    exit: Option<Box<dyn Leave>>,
    raised: Option<Exception>,
    /// `true` if `raised` is not the body's exception any more.
    replaced: bool,
}

/// A manager that has been entered, whatever its type.
trait Leave {
    fn resume(&mut self, raised: Option<&Exception>, sent: Result<(), Exception>) -> Progress<Exited>;

    /// Returns the stack, if this manager is a stack that has not begun to exit.
    fn inner(&self) -> Option<&Rc<Stack>> {
        None
    }
}

impl ExitStack {
    /// Creates an empty stack.
    pub fn new() -> Self {
        Self::of(Vec::new())
    }

    fn of(entered: Vec<Box<dyn Leave>>) -> Self {
        Self { stack: Rc::new(Stack(RefCell::new(entered))), leaving: None }
    }

    /// Returns a coroutine that enters `manager`, puts it on the stack, and returns its value. Python's
    /// `enter_async_context`.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the exception of the entry. The manager is then dropped, and does not exit.
    pub fn enter<M: AsyncContextManager + 'static>(&self, manager: M) -> EnterStack<M> {
        EnterStack { stack: Rc::clone(&self.stack), manager: Some(manager) }
    }

    /// Puts a manager on the stack that has been entered already. Python's `push_async_exit`.
    ///
    /// ```
    /// use innermost::scope::{AsyncContextManager, ExitStack, holding, with};
    /// use innermost::sync::Lock;
    /// use innermost::{Coroutine, EventLoop, Exception, Step, ready};
    ///
    /// let lock = Lock::new();
    /// let mut held = holding(lock.acquire());
    /// let entered = held.enter().resume(Ok(()))?;
    /// assert!(matches!(entered, Step::Return(()))); // at once, because the lock is free
    ///
    /// let stack = ExitStack::new();
    /// stack.push(held);
    /// EventLoop::new()?.run_until_complete(with(stack, |_| ready(())))?;
    /// assert!(!lock.locked());
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn push<M: AsyncContextManager + 'static>(&self, entered: M) {
        self.stack.push(Box::new(Manager(entered)));
    }

    /// Puts a function on the stack, to be called during the exit. Python's `callback`.
    ///
    /// An exception that the function returns is treated like one that a manager's exit raises.
    pub fn callback<R: CallbackResult>(&self, function: impl FnOnce() -> R + 'static) {
        self.stack.push(Box::new(Callback(Some(function))));
    }

    /// Puts a coroutine on the stack, to be awaited during the exit. Python's `push_async_callback`.
    ///
    /// An exception that the coroutine raises is treated like one that a manager's exit raises.
    ///
    /// ```
    /// use innermost::scope::{ExitStack, with};
    /// use innermost::testing::virtual_loop;
    /// use innermost::{Exception, ready, sleep};
    /// use std::time::Duration;
    ///
    /// let event_loop = virtual_loop()?;
    /// let goodbye = sleep(Duration::from_secs(2));
    /// let scope = with(ExitStack::new(), |stack| {
    ///     stack.async_callback(goodbye);
    ///     ready("the body is over")
    /// });
    /// assert_eq!(event_loop.run_until_complete(scope)?, Some("the body is over"));
    /// assert_eq!(event_loop.time().since_zero(), Duration::from_secs(2));
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn async_callback(&self, cleanup: impl Awaitable + 'static) {
        self.stack.push(Box::new(AsyncCallback(cleanup)));
    }

    /// Moves everything to a new stack, and leaves this one empty. Python's `pop_all`.
    ///
    /// A body that enters several managers can keep all of them for later. If entering one fails, the others exit.
    ///
    /// ```
    /// use innermost::scope::{ExitStack, holding, with};
    /// use innermost::sync::Lock;
    /// use innermost::{CoroutineExt, EventLoop, Exception, ready};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let lock = Lock::new();
    /// let acquire = lock.acquire();
    /// let open = with(ExitStack::new(), |stack| stack.enter(holding(acquire)).map(move |()| stack.pop_all()));
    /// let kept = event_loop.run_until_complete(open)?.expect("the stack suppresses nothing");
    /// assert!(lock.locked());
    ///
    /// event_loop.run_until_complete(with(kept, |_| ready(())))?;
    /// assert!(!lock.locked());
    /// # Ok::<(), Exception>(())
    /// ```
    #[must_use = "dropping the new stack drops its managers without an exit"]
    pub fn pop_all(&self) -> Self {
        Self::of(self.stack.0.take())
    }
}

impl AsyncContextManager for ExitStack {
    type Value = Self;

    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<Self> {
        sent.map(|()| Step::Return(self.clone()))
    }

    fn resume_exit(&mut self, raised: Option<&Exception>, mut sent: Result<(), Exception>) -> Progress<Exited> {
        let fresh = || Leaving { inner: Vec::new(), exit: None, raised: raised.cloned(), replaced: false };
        let leaving = self.leaving.get_or_insert_with(fresh);
        loop {
            if leaving.exit.is_none() {
                leaving.exit = leaving.next(&self.stack);
            }
            let Some(exit) = &mut leaving.exit else { break };
            let left = yield_from!(OneExit(&mut **exit, leaving.raised.as_ref()), sent);
            let ended = leaving.exit.take();
            match left {
                Ok(Exited::Propagate) => {}
                Ok(Exited::Suppress) => leaving.raised = None,
                Err(raised) => leaving.raise(raised),
            }
            let dropped = caught(|| {
                drop(ended);
                Ok(())
            });
            if let Err(panic) = dropped {
                leaving.raise(panic);
            }
        }
        let left = self.leaving.take().ok_or_else(|| Exception::runtime("the stack has exited already"))?;
        match left.raised {
            Some(other) if left.replaced => Err(other),
            None if raised.is_some() => Ok(Step::Return(Exited::Suppress)),
            _ => Ok(Step::Return(Exited::Propagate)),
        }
    }
}

impl Leaving {
    /// Returns the manager that exits next.
    fn next(&mut self, stack: &Stack) -> Option<Box<dyn Leave>> {
        loop {
            let innermost = self.inner.last().map_or(stack, |inner| inner);
            match innermost.pop() {
                Some(entered) => match entered.inner() {
                    Some(inner) => self.inner.push(Rc::clone(inner)),
                    None => return Some(entered),
                },
                None => drop(self.inner.pop()?),
            }
        }
    }

    /// Replaces the current exception.
    fn raise(&mut self, raised: Exception) {
        self.raised = Some(match self.raised.take() {
            Some(former) => raised.raised_during(|| former),
            None => raised,
        });
        self.replaced = true;
    }
}

/// Turns a panic into an exception, so that the other managers still exit.
fn caught<T>(leave: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
    catch_unwind(AssertUnwindSafe(leave)).unwrap_or_else(|panic| Err(panicked(panic)))
}

impl Stack {
    fn push(&self, entered: Box<dyn Leave>) {
        self.0.borrow_mut().push(entered);
    }

    fn pop(&self) -> Option<Box<dyn Leave>> {
        self.0.borrow_mut().pop()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        while let Some(entered) = self.pop() {
            match entered.inner() {
                // This is the last handle to a stack, whose managers are dropped next.
                Some(inner) if Rc::strong_count(inner) == 1 => {
                    let entered = inner.0.take();
                    self.0.borrow_mut().extend(entered);
                }
                _ => drop_flat(entered),
            }
        }
    }
}

/// The exit of one manager, as a coroutine.
struct OneExit<'a>(&'a mut dyn Leave, Option<&'a Exception>);

impl Stateless for OneExit<'_> {}

impl Coroutine for OneExit<'_> {
    type Yield = Await;
    type Input = ();
    type Return = Exited;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        caught(|| self.0.resume(self.1, sent))
    }
}

struct Manager<M>(M);

impl<M: AsyncContextManager + 'static> Leave for Manager<M> {
    fn resume(&mut self, raised: Option<&Exception>, sent: Result<(), Exception>) -> Progress<Exited> {
        self.0.resume_exit(raised, sent)
    }

    fn inner(&self) -> Option<&Rc<Stack>> {
        let stack = (&self.0 as &dyn Any).downcast_ref::<ExitStack>()?;
        stack.leaving.is_none().then_some(&stack.stack)
    }
}

struct Callback<F>(Option<F>);

impl<F: FnOnce() -> R, R: CallbackResult> Leave for Callback<F> {
    fn resume(&mut self, _raised: Option<&Exception>, sent: Result<(), Exception>) -> Progress<Exited> {
        if let Some(function) = self.0.take() {
            function().into_result()?;
        }
        sent.map(|()| Step::Return(Exited::Propagate))
    }
}

struct AsyncCallback<C>(C);

impl<C: Awaitable> Leave for AsyncCallback<C> {
    fn resume(&mut self, _raised: Option<&Exception>, mut sent: Result<(), Exception>) -> Progress<Exited> {
        yield_from!(self.0, sent)?;
        Ok(Step::Return(Exited::Propagate))
    }
}

/// A coroutine that enters a manager and puts it on a stack. Created by [`ExitStack::enter`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct EnterStack<M> {
    stack: Rc<Stack>,
    manager: Option<M>,
}

impl<M: AsyncContextManager + 'static> Coroutine for EnterStack<M> {
    type Yield = Await;
    type Input = ();
    type Return = M::Value;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let manager = self.manager.as_mut().ok_or_else(Exception::reused)?;
        let entered = yield_from!(manager.enter(), sent);
        let manager = self.manager.take().ok_or_else(Exception::reused)?;
        let value = entered?;
        self.stack.push(Box::new(Manager(manager)));
        Ok(Step::Return(value))
    }
}

impl Clone for ExitStack {
    fn clone(&self) -> Self {
        Self { stack: Rc::clone(&self.stack), leaving: None }
    }
}

impl Default for ExitStack {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ExitStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExitStack({} entered)", self.stack.0.borrow().len())
    }
}

impl<M> fmt::Debug for EnterStack<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.manager.is_some() { "EnterStack(entering)" } else { "EnterStack(over)" })
    }
}
