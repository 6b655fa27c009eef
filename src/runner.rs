//! Running a program's main coroutine: its loop, Ctrl-C while it runs, and the shutdown after it.
//!
//! The shutdown ([`SHUT_DOWN`]) cancels the remaining tasks, oldest first, and waits for them. Then it closes async generators
//! and shuts the default executor down. At last it closes the loop, which closes any coroutine that is still left. After a
//! second Ctrl-C, the loop is closed at once: the user does not want to wait.
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
/// Call it in `main`. All other work runs in tasks that this coroutine starts. When it ends, the remaining tasks are
/// cancelled and awaited. See [`Runner::close`]. [`Runner`] describes what Ctrl-C does.
///
/// ```
/// use innermost::{run, sleep};
/// use std::time::Duration;
///
/// run(sleep(Duration::from_millis(1)))?;
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// What the coroutine raises. The errors of [`Runner::run`] and [`Runner::close`].
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

/// Reports how a program ended, for `main` to return.
///
/// - A result: success.
/// - [`KeyboardInterrupt`](Kind::KeyboardInterrupt): 130, the shell's code for Ctrl-C. Nothing is printed, unless another
///   exception caused it.
/// - Any other exception: 1. The exception is printed to standard error, with its notes and causes.
///
/// If `main` returns `Result<(), Exception>` instead, the program prints the exception and exits with 1, even after
/// Ctrl-C.
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
        // Where standard error is closed, nobody can be told.
        let _ = writeln!(io::stderr().lock(), "{raised:?}");
    }
    if is_interrupt { ExitCode::from(INTERRUPTED) } else { ExitCode::FAILURE }
}

/// What a shell reports for a program that Ctrl-C has ended: 128 and the number of `SIGINT`.
const INTERRUPTED: u8 = 130;

/// Runs coroutines one after the other in one event loop, which is made when it is first needed. asyncio's `Runner`.
///
/// The loop is the thread's [current](EventLoop::current) loop until the runner is closed or dropped.
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
/// - A Ctrl-C that comes while the loop is stuck in a step, before it has seen the previous one, ends the process.
///
/// To handle it differently, call [`add_signal_handler`](LoopHandle::add_signal_handler), before the run or during it.
pub struct Runner {
    make_loop: Box<dyn Fn() -> Result<EventLoop, Exception>>,
    started: Option<Started>,
}

/// A runner's loop, once it is made.
struct Started {
    event_loop: EventLoop,
    /// The context of all main tasks. Variables set in one run keep their values in the next.
    context: Context,
    /// The thread's previous current loop.
    former: Option<LoopHandle>,
    /// Whether Ctrl-C ended the last run before its main task.
    aborted: bool,
}

impl Runner {
    /// Makes a runner whose loop is made by [`EventLoop::new`].
    pub fn new() -> Self {
        Self::with_loop(EventLoop::new)
    }

    /// Makes a runner whose loop is made by `make_loop`, when it is first needed. asyncio's `loop_factory`.
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

    /// Returns a handle to the loop. Makes the loop if there is none yet. asyncio's `get_loop`.
    ///
    /// # Errors
    ///
    /// What making the loop raises. The next call tries again.
    pub fn handle(&mut self) -> Result<LoopHandle, Exception> {
        Ok(self.start()?.event_loop.handle())
    }

    /// Runs a coroutine as a task until it has ended, and returns its result. Other pending tasks are
    /// paused until the next run.
    ///
    /// # Errors
    ///
    /// What the coroutine raises. `KeyboardInterrupt` after [Ctrl-C](Self#ctrl-c), or if any task raises it.
    /// `RuntimeError` if a loop is running in this thread; that loop is not affected. The errors of
    /// [`handle`](Self::handle) and [`run_until_complete`](LoopHandle::run_until_complete).
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
            // Nobody else cancelled it.
            (Interrupted::Cancelled, Err(raised)) if raised.is_cancelled() && task.uncancel() == 0 => {
                Err(keyboard_interrupt(None))
            }
            (_, outcome) => outcome,
        }
    }

    /// Shuts down, if a loop was made: cancels the remaining tasks, oldest first, and waits for them; closes async
    /// generators; waits for the default executor, five minutes at most; and closes the loop. If a remaining task
    /// fails, its exception goes to the loop's exception handler.
    ///
    /// Dropping a runner shuts it down too. Errors go to the exception handler then.
    ///
    /// # Errors
    ///
    /// `KeyboardInterrupt` if Ctrl-C ends the waiting. `RuntimeError` if a loop is running in this thread, so that nothing
    /// can be waited for. The selector's errors. The loop is closed in each case.
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
                    all_done.set_result(()).expect("nobody else knows of it");
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
            // The loop has raised interrupts already.
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

/// The loop closes itself after this.
impl Drop for Started {
    fn drop(&mut self) {
        let current = set_current(None);
        let is_ours = current.as_ref().is_some_and(|current| *current == *self.event_loop);
        // If the program has set another current loop, that one stays.
        set_current(if is_ours { self.former.as_ref() } else { current.as_ref() });
    }
}

/// The steps of the shutdown, in order. Each runs the loop. A step that fails is the last.
const SHUT_DOWN: &[ShutDown] = &[
    Started::cancel_tasks,
    #[cfg(feature = "async_iter")]
    Started::shut_down_asyncgens,
    #[cfg(feature = "executor")]
    Started::shut_down_executor,
];

type ShutDown = fn(&Started, &Watch) -> Result<(), Exception>;

/// How long the shutdown waits for the default executor's threads. asyncio waits as long.
const THREADS_END_WITHIN: Duration = Duration::from_secs(300);

/// What Ctrl-C did to a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interrupted {
    No,
    /// It cancelled the main task.
    Cancelled,
    /// It stopped the loop.
    Aborted,
    /// It came when everything was over.
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

/// # Errors
///
/// `RuntimeError` if a loop is running in this thread.
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
