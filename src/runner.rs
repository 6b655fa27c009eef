//! Runs a program's main coroutine: creates the loop, handles Ctrl-C, and shuts down in the end.
//!
//! The shutdown ([`SHUT_DOWN`]) cancels the remaining tasks, oldest first, and waits for them. Then it closes async
//! generators and shuts the default executor down. Finally it closes the loop, which closes any coroutine that is left.
//! After a second Ctrl-C the loop is closed at once, because the user does not want to wait.
//!
//! Sources: `Lib/asyncio/runners.py` of CPython 3.13, for the behaviour. Three things differ:
//!
//! - A Ctrl-C between the end of the main coroutine and the end of its run is not lost.
//! - A Ctrl-C while the loop is stuck in a step ends the process. No exception can be raised in the middle of a step.
//! - After the second Ctrl-C, the runner waits for nothing.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::rc::Rc;

use crate::context::{Context, copy_context};
use crate::coroutine::{Exception, Kind};
use crate::event_loop::{EventLoop, Interrupts, LoopHandle, running, set_current};
use crate::task::{AnyTask, Awaitable, ErrorContext};

/// Runs a coroutine in a new event loop, and returns its result. asyncio's `run`.
///
/// Call `run` in `main`. The coroutine starts all other work as tasks. When it ends, the tasks that remain are
/// cancelled and awaited, as [`Runner::close`] describes. [`Runner`](Runner#ctrl-c) describes what Ctrl-C does.
///
/// # Errors
///
/// Returns whatever the coroutine raises. Returns a `RuntimeError` if a loop is already running in this thread,
/// `KeyboardInterrupt` after Ctrl-C, and the errors of creating and of closing the loop.
///
/// # Examples
///
/// ```
/// use innermost::{run, sleep};
/// use std::time::Duration;
///
/// run(sleep(Duration::from_millis(1)))?;
/// # Ok::<(), innermost::Exception>(())
/// ```
pub fn run<C>(main: C) -> Result<C::Return, Exception>
where
    C: Awaitable + 'static,
{
    check_no_loop_runs("run()")?;
    let mut runner = Runner::new();
    let outcome = runner.run(main);
    match (outcome, runner.close()) {
        (outcome, Ok(())) => outcome,
        (outcome, Err(raised)) => Err(match outcome {
            Err(first) => raised.raised_during(|| first),
            Ok(_) => raised,
        }),
    }
}

/// Converts the outcome of a program into an exit code for `main` to return, and prints its exception.
///
/// | outcome | exit code | printed to standard error |
/// |---|---|---|
/// | a value | 0 | nothing |
/// | [`KeyboardInterrupt`](Kind::KeyboardInterrupt) | 130, as shells expect after Ctrl-C | nothing, unless it has a cause |
/// | any other exception | 1 | the exception with its notes and causes |
///
/// Without this function, a `main` that returns `Result<(), Exception>` prints the exception and exits with 1 even
/// after Ctrl-C.
///
/// ```
/// use innermost::{Exception, exit_code, run, sleep};
/// use std::process::ExitCode;
/// use std::time::Duration;
///
/// fn main() -> ExitCode {
///     exit_code(rest())
/// }
///
/// fn rest() -> Result<(), Exception> {
///     run(sleep(Duration::from_millis(1)))
/// }
/// ```
pub fn exit_code<T>(outcome: Result<T, Exception>) -> ExitCode {
    let Err(raised) = outcome else { return ExitCode::SUCCESS };
    let is_interrupt = raised.kind() == Kind::KeyboardInterrupt;
    if !is_interrupt || raised.cause().is_some() {
        // If standard error is closed, nobody can be told.
        let _ = writeln!(io::stderr().lock(), "{raised:?}");
    }
    if is_interrupt { ExitCode::from(INTERRUPTED) } else { ExitCode::FAILURE }
}

/// The exit code by which shells report a program that Ctrl-C has ended: 128 plus the number of `SIGINT`.
const INTERRUPTED: u8 = 130;

/// Runs coroutines one after the other in one event loop. asyncio's `Runner`.
///
/// The loop is created when it is first needed. It is the thread's [current](EventLoop::current) loop until the runner
/// is closed or dropped.
///
/// ```
/// use innermost::{Runner, ready, sleep};
/// use std::time::Duration;
///
/// let mut runner = Runner::new();
/// runner.run(sleep(Duration::from_millis(1)))?;
/// assert_eq!(runner.run(ready(7))?, 7);
/// runner.close()?;
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Ctrl-C
///
/// A run handles Ctrl-C if it is in the main thread, if `SIGINT` still has its default action, and if no other loop handles
/// signals:
///
/// - The first Ctrl-C cancels the main task. If the task ends cancelled, the run raises
///   [`KeyboardInterrupt`](Kind::KeyboardInterrupt). If the task catches the `CancelledError` and returns, its value is the
///   result.
/// - The second ends the run with a `KeyboardInterrupt` at once. Closing the runner then waits for nothing.
/// - A Ctrl-C that arrives before the loop has seen the previous one, because a step takes too long, ends the process.
///
/// To handle Ctrl-C in another way, call [`add_signal_handler`](LoopHandle::add_signal_handler) before or during the
/// run.
pub struct Runner {
    make_loop: Box<dyn Fn() -> Result<EventLoop, Exception>>,
    started: Option<Started>,
}

/// The loop of a runner that has started.
struct Started {
    event_loop: EventLoop,
    /// The context of all main tasks. Variables set in one run keep their values in the next.
    context: Context,
    /// The thread's previous current loop.
    former: Option<LoopHandle>,
    /// `true` if Ctrl-C ended the last run before its main task had ended.
    aborted: bool,
}

impl Runner {
    /// Creates a runner that creates its loop with [`EventLoop::new`].
    pub fn new() -> Self {
        Self::with_loop(EventLoop::new)
    }

    /// Creates a runner that calls `make_loop` when it first needs a loop. asyncio's `loop_factory`.
    ///
    /// ```
    /// use innermost::testing::virtual_loop;
    /// use innermost::{Runner, sleep};
    /// use std::time::Duration;
    ///
    /// let mut runner = Runner::with_loop(virtual_loop);
    /// runner.run(sleep(Duration::from_secs(3600)))?;
    /// assert_eq!(runner.handle()?.time().since_zero(), Duration::from_secs(3600));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn with_loop(make_loop: impl Fn() -> Result<EventLoop, Exception> + 'static) -> Self {
        Self { make_loop: Box::new(make_loop), started: None }
    }

    /// Returns a handle to the loop, and creates the loop if there is none yet. asyncio's `get_loop`.
    ///
    /// # Errors
    ///
    /// Returns the error of creating the loop. The next call tries again.
    pub fn handle(&mut self) -> Result<LoopHandle, Exception> {
        Ok(self.start()?.event_loop.handle())
    }

    /// Runs a coroutine as a task until it has ended, and returns its result.
    ///
    /// Other tasks that are pending by then pause until the next run.
    ///
    /// # Errors
    ///
    /// - Whatever the coroutine raises.
    /// - `KeyboardInterrupt` after [Ctrl-C](Self#ctrl-c), or if any task raises it.
    /// - `RuntimeError` if a loop is running in this thread. That loop is not affected.
    /// - The errors of [`handle`](Self::handle) and [`run_until_complete`](LoopHandle::run_until_complete).
    pub fn run<C>(&mut self, main: C) -> Result<C::Return, Exception>
    where
        C: Awaitable + 'static,
    {
        check_no_loop_runs("Runner.run()")?;
        let started = self.start()?;
        let task = started.event_loop.task().context(&started.context).spawn(main)?;
        let watch = Watch::new(&started.event_loop, Some(task.any()));
        let ran = started.event_loop.run_until_done(&task.any_future());
        let interrupted = watch.finish();
        started.aborted = interrupted == Interrupted::Aborted;
        let outcome = ran.and_then(|()| task.take_result());
        match (interrupted, outcome) {
            (Interrupted::Aborted | Interrupted::Unseen, outcome) => {
                let failed = outcome.err().filter(|raised| task.done() && !raised.is_cancelled());
                Err(keyboard_interrupt(failed))
            }
            // Only Ctrl-C cancelled it.
            (Interrupted::Cancelled, Err(raised)) if raised.is_cancelled() && task.uncancel() == 0 => {
                Err(keyboard_interrupt(None))
            }
            (_, outcome) => outcome,
        }
    }

    /// Shuts the loop down and closes it. Does nothing if no loop was created.
    ///
    /// The shutdown takes these steps:
    ///
    /// 1. It cancels the remaining tasks, oldest first, and waits for them. If one of them fails, its exception goes to
    ///    the loop's exception handler.
    /// 2. It closes the async generators that are still suspended.
    /// 3. It waits for the functions in the default executor's threads, for at most five minutes.
    /// 4. It closes the loop.
    ///
    /// Dropping a runner shuts it down too. Errors then go to the exception handler.
    ///
    /// # Errors
    ///
    /// Returns `KeyboardInterrupt` if Ctrl-C ends the wait, `RuntimeError` if a loop is running in this thread, and the
    /// errors of the selector. The loop is closed in each case.
    pub fn close(mut self) -> Result<(), Exception> {
        self.started.take().map_or(Ok(()), |started| started.shut_down())
    }

    fn start(&mut self) -> Result<&mut Started, Exception> {
        let started = match self.started.take() {
            Some(started) => started,
            None => Started::new((self.make_loop)()?),
        };
        Ok(self.started.insert(started))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let Some(started) = self.started.take() else { return };
        let event_loop = started.event_loop.handle();
        if let Err(raised) = started.shut_down() {
            let context = ErrorContext::new("Exception ignored while a runner was dropped");
            event_loop.call_exception_handler(context.caused_by(raised));
        }
    }
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event_loop = self.started.as_ref().map(|started| &started.event_loop);
        f.debug_struct("Runner").field("event_loop", &event_loop).finish_non_exhaustive()
    }
}

impl Started {
    fn new(event_loop: EventLoop) -> Self {
        let former = set_current(Some(&event_loop));
        Self { event_loop, context: copy_context(), former, aborted: false }
    }

    /// Takes the steps of [`SHUT_DOWN`], then closes the loop.
    fn shut_down(self) -> Result<(), Exception> {
        if self.aborted || self.event_loop.is_closed() {
            return Ok(());
        }
        check_no_loop_runs("Runner.close()")?;
        let watch = Watch::new(&self.event_loop, None);
        let put_away = SHUT_DOWN.iter().try_for_each(|step| step(&self, &watch));
        match watch.finish() {
            Interrupted::No => put_away,
            _ => Err(keyboard_interrupt(None)),
        }
    }

    /// Cancels every task, waits for all of them, and reports those that have failed.
    fn cancel_tasks(&self, watch: &Watch) -> Result<(), Exception> {
        let tasks = self.event_loop.all_tasks();
        if tasks.is_empty() {
            return Ok(());
        }
        for task in &tasks {
            task.cancel();
        }
        let all_done = self.event_loop.create_future();
        let left = Rc::new(Cell::new(tasks.len()));
        for task in &tasks {
            let (all_done, left) = (all_done.clone(), Rc::clone(&left));
            task.any_future().notify(move |_| {
                left.set(left.get() - 1);
                if left.get() == 0 {
                    all_done.set_result(()).expect("nobody else sets it");
                }
            });
        }
        // A task's interrupt ends the run. The other tasks are still waited for.
        let mut interrupt = Ok(());
        let waited = loop {
            match self.event_loop.run_until_done(&all_done.any_future()) {
                Err(raised) if raised.kind() == Kind::KeyboardInterrupt && !watch.is_aborted() => {
                    interrupt = interrupt.and(Err(raised));
                }
                waited => break waited,
            }
        };
        for task in tasks.iter().filter(|task| task.done() && !task.cancelled()) {
            // The loop has already raised a task's interrupt.
            let raised = task.any_future().raised();
            if let Some(raised) = raised.filter(|raised| raised.kind() != Kind::KeyboardInterrupt) {
                let context = ErrorContext::new("unhandled exception during asyncio.run() shutdown");
                self.event_loop.call_exception_handler(context.caused_by(raised).about(task));
            }
        }
        interrupt.and(waited)
    }

    /// Closes the async generators that are still suspended.
    #[cfg(feature = "async_iter")]
    fn shut_down_asyncgens(&self, _: &Watch) -> Result<(), Exception> {
        self.event_loop.run_until_complete(self.event_loop.shutdown_asyncgens())
    }

    /// Waits for the functions in the default executor's threads.
    #[cfg(feature = "executor")]
    fn shut_down_executor(&self, _: &Watch) -> Result<(), Exception> {
        self.event_loop.run_until_complete(self.event_loop.shutdown_default_executor(Some(THREADS_END_WITHIN)))
    }
}

/// Restores the thread's previous current loop. After that, the field `event_loop` is dropped, which closes the loop.
impl Drop for Started {
    fn drop(&mut self) {
        let current = set_current(None);
        let is_ours = current.as_ref().is_some_and(|current| *current == *self.event_loop);
        // If the program has set another current loop, that one stays.
        set_current(if is_ours { self.former.as_ref() } else { current.as_ref() });
    }
}

/// The steps of the shutdown, in order. Each runs the loop. A step that fails is the last one.
const SHUT_DOWN: &[ShutDown] = &[
    Started::cancel_tasks,
    #[cfg(feature = "async_iter")]
    Started::shut_down_asyncgens,
    #[cfg(feature = "executor")]
    Started::shut_down_executor,
];

type ShutDown = fn(&Started, &Watch) -> Result<(), Exception>;

/// How long the shutdown waits for the default executor's threads: as long as asyncio does.
const THREADS_END_WITHIN: Duration = Duration::from_secs(300);

/// What Ctrl-C did to a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interrupted {
    No,
    /// It cancelled the main task.
    Cancelled,
    /// It stopped the loop.
    Aborted,
    /// It came after the run was over.
    Unseen,
}

/// Watches for Ctrl-C, if this run may handle it.
struct Watch {
    interrupted: Rc<Cell<Interrupted>>,
    interrupts: Option<Interrupts>,
}

impl Watch {
    /// The first Ctrl-C cancels `main`, if that has not ended. The next one stops the loop.
    fn new(event_loop: &LoopHandle, main: Option<AnyTask>) -> Self {
        let interrupted = Rc::new(Cell::new(Interrupted::No));
        let (state, handle) = (Rc::clone(&interrupted), event_loop.clone());
        let interrupts = event_loop.catch_interrupts(move || {
            let is_first = state.get() == Interrupted::No;
            if is_first && main.as_ref().is_some_and(AnyTask::cancel) {
                state.set(Interrupted::Cancelled);
            } else {
                state.set(Interrupted::Aborted);
                handle.stop();
            }
        });
        Self { interrupted, interrupts }
    }

    fn is_aborted(&self) -> bool {
        self.interrupted.get() == Interrupted::Aborted
    }

    fn finish(self) -> Interrupted {
        let is_aborted = self.is_aborted();
        match self.interrupts.is_some_and(Interrupts::finish) {
            true if !is_aborted => Interrupted::Unseen,
            _ => self.interrupted.get(),
        }
    }
}

/// Returns a `RuntimeError` if a loop is running in this thread.
fn check_no_loop_runs(what: &str) -> Result<(), Exception> {
    if running().is_err() {
        return Ok(());
    }
    let text = format!("{what} cannot be called from a running event loop");
    Err(Exception::message(Kind::RuntimeError, text))
}

#[cold]
fn keyboard_interrupt(cause: Option<Exception>) -> Exception {
    let interrupt = Exception::message(Kind::KeyboardInterrupt, "interrupted by Ctrl-C");
    match cause {
        Some(cause) => interrupt.raised_during(|| cause),
        None => interrupt,
    }
}
