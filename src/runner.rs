//! Running a program's main coroutine: a loop made for it, Ctrl-C while it runs, and everything put away after it.
//!
//! What is left when the last run has ended is put away in this order ([`SHUT_DOWN`]): the tasks that are still
//! there are cancelled, oldest first, and waited for; async generators are closed; the default executor is shut down;
//! then the loop is closed, which closes the coroutines that are left even so. A user who presses Ctrl-C again does not
//! want to wait for any of that: the loop is closed at once.
//!
//! Sources: `Lib/asyncio/runners.py` of CPython 3.13, for the behaviour. Different here: Ctrl-C that comes after the
//! main coroutine has ended, and before its run has, is not lost; one that comes while the loop is stuck in a step ends
//! the process, since no exception can be raised in the middle of that; and after the second, nobody is waited for.

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

/// Runs a coroutine in an event loop made for it, and gives what it returns. asyncio's `run`.
///
/// For a program's `main`: the rest of the program is tasks that this one starts. Those that are left when it has ended
/// are cancelled and waited for; see [`Runner::close`]. For Ctrl-C, see [`Runner`].
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
/// What the coroutine raises; those of [`Runner::run`] and [`Runner::close`].
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
/// A `main` that returns `Result<(), Exception>` works too. It prints a line and ends with 1 even after Ctrl-C.
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

/// Runs coroutines one after the other in one event loop, which it makes when it is first needed. asyncio's `Runner`.
///
/// The loop is the thread's [current](EventLoop::current) one until the runner is closed, by [`close`](Self::close) or by
/// being dropped.
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
/// In the main thread, where `SIGINT` still has the system's default action and no other loop handles signals, a run
/// takes it over until it ends:
///
/// - The first Ctrl-C cancels the main task. Where that ends cancelled, the run raises
///   [`KeyboardInterrupt`](Kind::KeyboardInterrupt); where it catches that and returns, its value is the result.
/// - The second ends the run with a `KeyboardInterrupt` at once. The runner then waits for nobody when it is closed.
/// - One that comes while the former has not reached the loop, which is stuck in a step, ends the process as by default.
///
/// Whoever wants it otherwise calls [`add_signal_handler`](LoopHandle::add_signal_handler), before the run or in it.
pub struct Runner {
    make_loop: Box<dyn Fn() -> Result<EventLoop, Exception>>,
    started: Option<Started>,
}

/// The part of a runner that has a loop.
struct Started {
    event_loop: EventLoop,
    /// In which the main tasks run: what one run sets is there in the next.
    context: Context,
    /// The thread's current loop before it.
    former: Option<LoopHandle>,
    /// Whether Ctrl-C has ended the last run before its main task had ended.
    aborted: bool,
}

impl Runner {
    /// A runner whose loop [`EventLoop::new`] makes.
    pub fn new() -> Self {
        Self::with_loop(EventLoop::new)
    }

    /// A runner whose loop `make_loop` makes, when it is first needed. asyncio's `loop_factory`.
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

    /// The loop, made now if it was not yet. asyncio's `get_loop`.
    ///
    /// # Errors
    ///
    /// Those of whoever makes the loop; it is tried again the next time.
    pub fn handle(&mut self) -> Result<LoopHandle, Exception> {
        Ok(self.start()?.event_loop.handle())
    }

    /// Runs a coroutine as a task until it has ended, and gives what it returns. Tasks that it leaves behind stand still
    /// until the next run.
    ///
    /// # Errors
    ///
    /// What the coroutine raises; `KeyboardInterrupt` after [Ctrl-C](Self#ctrl-c), or where a task raises it;
    /// `RuntimeError` where a loop runs in this thread, which goes on as if nothing had happened; those of
    /// [`handle`](Self::handle) and of [`EventLoop::run_until_complete`](LoopHandle::run_until_complete).
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
            // It was cancelled by nobody else.
            (Interrupted::Cancelled, Err(raised)) if raised.is_cancelled() && task.uncancel() == 0 => {
                Err(keyboard_interrupt(None))
            }
            (_, outcome) => outcome,
        }
    }

    /// Puts everything away, if a loop was made at all: cancels the tasks that are left, oldest first, waits for them
    /// and for the default executor (five minutes at most), and closes the loop. What one of them fails with goes to the loop's exception handler.
    ///
    /// To drop a runner does the same; what that raises goes to the exception handler.
    ///
    /// # Errors
    ///
    /// `KeyboardInterrupt` where Ctrl-C ends the waiting; `RuntimeError` where a loop runs in this thread, so that
    /// nothing could be waited for; what the selector raises. The loop is closed all the same.
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
            let context = ErrorContext::new("A runner was dropped that could not be closed in good order");
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

    /// Takes the steps of [`SHUT_DOWN`]; then the loop is closed.
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
        // A task's interrupt leaves the loop. The others are waited for even so.
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
            // The loop has raised that kind.
            let raised = task.any_future().raised();
            if let Some(raised) = raised.filter(|raised| raised.kind() != Kind::KeyboardInterrupt) {
                let context = ErrorContext::new("unhandled exception during asyncio.run() shutdown");
                self.event_loop.call_exception_handler(context.caused_by(raised).about(task));
            }
        }
        interrupt.and(waited)
    }

    /// Closes what is still suspended of the async generators.
    #[cfg(feature = "async_iter")]
    fn shut_down_asyncgens(&self, _: &Watch) -> Result<(), Exception> {
        self.event_loop.run_until_complete(self.event_loop.shutdown_asyncgens())
    }

    /// Waits for what runs in the default executor's threads.
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
        // Who has set another meanwhile wants that.
        set_current(if is_ours { self.former.as_ref() } else { current.as_ref() });
    }
}

/// Everything that is put away while the loop can still run, in order. A step runs the loop; one that raises is the last.
const SHUT_DOWN: &[ShutDown] = &[
    Started::cancel_tasks,
    #[cfg(feature = "async_iter")]
    Started::shut_down_asyncgens,
    #[cfg(feature = "executor")]
    Started::shut_down_executor,
];

type ShutDown = fn(&Started, &Watch) -> Result<(), Exception>;

/// How long the default executor's threads may take; then the loop is closed without them. asyncio's too.
const THREADS_END_WITHIN: Duration = Duration::from_secs(300);

/// What Ctrl-C has done to a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interrupted {
    No,
    /// It has cancelled the main task.
    Cancelled,
    /// It has stopped the loop.
    Aborted,
    /// It has come when everything was over.
    Unseen,
}

/// Watches for Ctrl-C, where that is ours to take.
struct Watch {
    interrupted: Rc<Cell<Interrupted>>,
    interrupts: Option<Interrupts>,
}

impl Watch {
    /// The first one cancels `main`, where there is one that has not ended; the next one stops the loop.
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
/// `RuntimeError` where a loop runs in this thread.
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
