//! [`Exchange`]: a machine over a stream in memory, run with every cut, truncation and interruption.
//!
//! A run has a connection and a task of its own. The runs share an event loop, since making one costs more than a run.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::Rc;

use super::case::{Case, Interruption, Path, caught, ended_alike, is_ignored_exit, shown};
use super::feed::{Feed, PATIENCE};
use super::{MemoryPair, MemoryStream, virtual_loop};
use crate::coroutine::{Coroutine, Driven, Driver, Exception, Resumed, State, Step};
use crate::event_loop::EventLoop;
use crate::task::{Await, Awaitable};

/// Runs a machine over a stream in memory, with an input that is cut, truncated or interrupted at every place.
///
/// The function makes the machine over one end of a connection. The other end gives the machine its input, piece by piece
/// as the machine reads, and then the end of the stream. It accepts all output. Each run is in virtual time.
///
/// The connection is a [`MemoryStream`]. A machine that is generic over its stream runs here and over a `TcpStream`:
///
/// ```
/// use innermost::testing::Exchange;
/// use innermost::{Buffer, ByteStream, Machine, machine, yield_from};
///
/// /// Answers each line with its length.
/// struct Lengths<S> {
///     stream: S,
///     incoming: Buffer,
///     outgoing: Buffer,
/// }
///
/// machine!(
///     impl<S: ByteStream> Machine for Lengths<S> {
///         type State = Phase;
///
///         fn Reading(&mut self, sent: Sent) -> Next<Writing, End> {
///             if let Some(length) = self.incoming.bytes().iter().position(|byte| *byte == b'\n') {
///                 self.incoming.consume(length + 1);
///                 self.outgoing = Buffer::from(format!("{length}\n").into_bytes());
///                 return to(Writing);
///             }
///             match yield_from!(self.stream.read(&mut self.incoming), sent)? {
///                 0 if self.incoming.is_empty() => end(()),
///                 0 => Err(std::io::Error::other("the last line is cut off").into()),
///                 _ => stay(),
///             }
///         }
///
///         fn Writing(&mut self, sent: Sent) -> Next<Reading> {
///             yield_from!(self.stream.write_all(&mut self.outgoing), sent)?;
///             to(Reading)
///         }
///     }
/// );
///
/// let lengths = Exchange::new(|stream| {
///     Lengths { stream, incoming: Buffer::new(), outgoing: Buffer::new() }.start(Phase::Reading)
/// })
/// .input("one\nthree\n");
/// assert_eq!(lengths.run().output, b"3\n5\n");
/// lengths.all_splits();
/// lengths.truncations(|length, end| assert_eq!(end.outcome.is_ok(), [0, 4].contains(&length)));
/// lengths.resets(|_, end| assert!(end.outcome.is_err()));
/// lengths.interruptions(|_, _, end| assert!(end.outcome.is_err()));
/// ```
///
/// # Failures
///
/// A failure panics. The message says which input it was, what is wrong, and in which states the machine was suspended
/// until then: the words that [`Coroutine::state`] showed.
///
/// ```text
/// input cut at byte 7 of 12: the output differs from that of the uncut input: b"3\n2\n", not b"3\n5\n"
///   states: Reading (x2) -> Writing -> Reading
/// ```
///
/// A panic of the machine or of a check is reported with its place in the same way. A machine that waits for ever, that
/// reads on and on after the end of its input, or that is suspended 10,000 times, fails as well. A machine that never
/// suspends and never ends hangs the test.
///
/// # Costs
///
/// The runs of one call share an event loop. With an input of 200 bytes, [`all_splits`](Self::all_splits) took 0.15 s for a
/// small machine in a release build, and 1.4 s otherwise.
#[must_use = "nothing runs until `run`, `all_splits`, `truncations`, `resets` or `interruptions` is called"]
pub struct Exchange<M> {
    make: Box<dyn Fn(MemoryStream) -> M>,
    input: Rc<[u8]>,
}

/// How a machine ended, and what it had sent.
#[derive(Clone)]
#[non_exhaustive]
pub struct Exchanged<Return> {
    /// What the machine returned or raised.
    pub outcome: Result<Return, Exception>,
    /// The bytes that it sent.
    pub output: Vec<u8>,
}

impl<M> Exchange<M>
where
    M: Awaitable + 'static,
    M::Return: fmt::Debug + 'static,
{
    /// Starts with an empty input. `make` is called for each run.
    pub fn new(make: impl Fn(MemoryStream) -> M + 'static) -> Self {
        Self { make: Box::new(make), input: Rc::default() }
    }

    /// Sets the bytes that the machine can read. After them comes the end of the stream.
    pub fn input(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.input = bytes.as_ref().into();
        self
    }

    /// Runs the machine once, with the input in one piece.
    ///
    /// # Panics
    ///
    /// Panics if the machine panics or does not end.
    #[track_caller]
    pub fn run(&self) -> Exchanged<M::Return> {
        self.reported(|runs| runs.run(Case::Whole).map(|(ended, _)| ended))
    }

    /// Runs the machine with the input cut at every byte, at every two bytes, and into single bytes. Each run must send
    /// the same bytes as with the uncut input, and end in the same way. Exceptions are compared by kind and text.
    ///
    /// An input of `n` bytes takes `n * (n - 1) / 2 + 2` runs: 19,902 for 200 bytes.
    ///
    /// # Panics
    ///
    /// Panics if the exchange has no input, if a run differs, or if the machine panics or does not end.
    #[track_caller]
    pub fn all_splits(&self)
    where
        M::Return: PartialEq,
    {
        self.needs_input();
        self.reported(|runs| {
            let whole = runs.run(Case::Whole)?.0;
            Case::splits(self.input.len()).try_for_each(|case| {
                let (ended, path) = runs.run(case)?;
                match caught(|| difference(&whole, &ended)) {
                    Ok(None) => Ok(()),
                    Ok(Some(problem)) | Err(problem) => Err(self.failure(case, &problem, &path)),
                }
            })
        });
    }

    /// Runs the machine with the input ended after each number of bytes, from none to one less than all of them. The
    /// machine must end. `check` gets the number of bytes and how it ended.
    ///
    /// An input of `n` bytes takes `n` runs.
    ///
    /// # Panics
    ///
    /// Panics if the exchange has no input, if `check` or the machine panics, or if the machine does not end.
    #[track_caller]
    pub fn truncations(&self, mut check: impl FnMut(usize, Exchanged<M::Return>)) {
        self.needs_input();
        self.reported(|runs| {
            Case::truncations(self.input.len()).try_for_each(|(end, case)| {
                let ran = runs.run(case)?;
                self.checked(case, ran, |ended| check(end, ended))
            })
        });
    }

    /// Runs the machine with the connection reset after each number of bytes, from none to all of them. When the machine
    /// tries to read more, that read and every later operation raises an [`io::Error`](std::io::Error) of the kind
    /// `ConnectionReset`. The machine must end. `check` gets the number of bytes and how it ended.
    ///
    /// A machine that takes the end of the stream for the end of a message shows here that it can tell the two apart. An
    /// input of `n` bytes takes `n + 1` runs.
    ///
    /// # Panics
    ///
    /// Panics if the exchange has no input, if `check` or the machine panics, or if the machine does not end.
    #[track_caller]
    pub fn resets(&self, mut check: impl FnMut(usize, Exchanged<M::Return>)) {
        self.needs_input();
        self.reported(|runs| {
            Case::resets(self.input.len()).try_for_each(|(end, case)| {
                let ran = runs.run(case)?;
                self.checked(case, ran, |ended| check(end, ended))
            })
        });
    }

    #[track_caller]
    fn needs_input(&self) {
        assert!(!self.input.is_empty(), "the exchange has no input that could be cut: give it one by `input`");
    }

    /// Runs the machine up to each of its suspensions, and there throws an error into it, cancels it, or closes it. Each
    /// operation of the stream suspends once for this, as with [`MemoryPair::suspending`].
    ///
    /// A machine that is closed must end without yielding. Otherwise it may go on, and must end at some time. `check` gets
    /// the number of the suspension, counted from 1, the interruption, and how the machine ended: a machine that was
    /// closed ends with `GeneratorExit`, unless it returned or raised something else.
    ///
    /// A machine that is suspended `n` times takes `3 * n + 1` runs.
    ///
    /// # Panics
    ///
    /// Panics if the machine yields when it is closed, if `check` or the machine panics, or if the machine does not end.
    #[track_caller]
    pub fn interruptions(&self, mut check: impl FnMut(usize, Interruption, Exchanged<M::Return>)) {
        self.reported(|runs| {
            runs.suspends = true;
            runs.run(Case::Whole)?;
            for suspension in 1..=runs.suspensions {
                for interruption in Interruption::ALL {
                    let case = Case::Interrupted(suspension, interruption);
                    let ran = runs.run(case)?;
                    self.checked(case, ran, |ended| check(suspension, interruption, ended))?;
                }
            }
            Ok(())
        });
    }

    #[track_caller]
    fn reported<R>(&self, run: impl FnOnce(&mut Runs<'_, M>) -> Result<R, String>) -> R {
        assert!(
            EventLoop::running().is_err(),
            "an exchange runs a loop of its own, so it cannot run inside another loop"
        );
        let event_loop = virtual_loop().expect("a descriptor is free");
        // Of tasks that a machine has left behind.
        event_loop.set_exception_handler(|_| ());
        match run(&mut Runs { exchange: self, event_loop, suspends: false, suspensions: 0 }) {
            Ok(result) => result,
            Err(failure) => panic!("{failure}"),
        }
    }

    fn failure(&self, case: Case, problem: &str, path: &Path) -> String {
        format!("{}{problem}\n  states: {path}", case.describe(self.input.len()))
    }

    fn checked(
        &self,
        case: Case,
        (ended, path): (Exchanged<M::Return>, Path),
        check: impl FnOnce(Exchanged<M::Return>),
    ) -> Result<(), String> {
        let failed = |problem: &str| self.failure(case, problem, &path);
        let end = caught(|| shown(&ended.outcome)).map_err(|panic| failed(&panic))?;
        caught(|| check(ended)).map_err(|panic| failed(&format!("{end}, and the check of that failed: {panic}")))
    }
}

/// What is not the same in two runs.
fn difference<R: fmt::Debug + PartialEq>(whole: &Exchanged<R>, cut: &Exchanged<R>) -> Option<String> {
    if !ended_alike(&whole.outcome, &cut.outcome) {
        let (cut, whole) = (shown(&cut.outcome), shown(&whole.outcome));
        return Some(format!("{cut}. With the uncut input, {whole}"));
    }
    (whole.output != cut.output).then(|| {
        let (cut, whole) = (cut.output.escape_ascii(), whole.output.escape_ascii());
        format!("the output differs from that of the uncut input: b\"{cut}\", not b\"{whole}\"")
    })
}

/// The runs of one call.
struct Runs<'e, M> {
    exchange: &'e Exchange<M>,
    event_loop: EventLoop,
    suspends: bool,
    /// How often the machine was suspended in the last run.
    suspensions: usize,
}

impl<M> Runs<'_, M>
where
    M: Awaitable + 'static,
    M::Return: fmt::Debug + 'static,
{
    fn run(&mut self, case: Case) -> Result<(Exchanged<M::Return>, Path), String> {
        let feed = Rc::new(Feed::new(&self.exchange.input, case));
        let mut pair = MemoryPair::new().capacity(usize::MAX);
        if self.suspends {
            pair = pair.suspending();
        }
        let (near, far) = pair.build_with(Some(Rc::clone(&feed)));
        let watch =
            Rc::new(Watch { feed, case, path: RefCell::default(), suspensions: Cell::new(0), end: Cell::new(None) });
        let failed = |problem: &str, path: &Path| self.exchange.failure(case, problem, path);
        let machine = caught(|| (self.exchange.make)(near)).map_err(|panic| failed(&panic, &Path::default()))?;
        let watched = Watched { driver: Driver::new(machine), watch: Rc::clone(&watch), is_closing: false };
        let ran = self.event_loop.run_until_complete(watched);
        // Before the tasks are ended: that of a machine that waits for ever is one of them.
        let (end, path) = (watch.end.take(), watch.path.take());
        self.suspensions = watch.suspensions.get();
        self.end_all_tasks();
        match (end, ran) {
            (Some(Ok(outcome)), _) => Ok((Exchanged { outcome, output: far.take_arrived() }, path)),
            (Some(Err(problem)), _) => Err(failed(&problem, &path)),
            (None, Err(raised)) => Err(failed(&format!("it does not end: {raised}"), &path)),
            (None, Ok(())) => unreachable!("a watched machine that ends says how"),
        }
    }

    /// Cancels the tasks that the machine has left behind, and runs them to their end.
    fn end_all_tasks(&self) {
        for _ in 0..10 {
            let tasks = self.event_loop.all_tasks();
            if tasks.is_empty() {
                return;
            }
            for task in tasks {
                task.cancel();
                // A deadlock is nothing to report: the machine itself has ended.
                drop(self.event_loop.run_until_complete(task));
            }
        }
    }
}

/// What is known of a run from outside of the machine.
struct Watch<Return> {
    feed: Rc<Feed>,
    case: Case,
    path: RefCell<Path>,
    suspensions: Cell<usize>,
    end: Cell<Option<End<Return>>>,
}

/// The outcome of a machine, or what went wrong.
type End<Return> = Result<Result<Return, Exception>, String>;

/// A machine that is watched and interrupted. It holds the machine's frames, so that it sees all yields.
struct Watched<M: Coroutine> {
    driver: Driver<M>,
    watch: Rc<Watch<M::Return>>,
    is_closing: bool,
}

impl<M: Awaitable> Coroutine for Watched<M> {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let end = loop {
            let waits = match caught(|| self.driver.resume(sent)) {
                Ok(Driven::Yield(waits)) => waits,
                Ok(Driven::End(outcome)) if self.is_closing && is_ignored_exit(&outcome) => {
                    break Err("a child of it yielded when it was closed".into());
                }
                Ok(Driven::End(outcome)) => break Ok(outcome),
                Err(panic) => break Err(panic),
            };
            if self.is_closing {
                break Err(format!("it yielded when it was closed, and waits for {waits:?}"));
            }
            match caught(|| self.interruption()) {
                Err(problem) | Ok(Err(problem)) => break Err(problem),
                Ok(Ok(None)) => return Ok(Step::Yield(waits)),
                Ok(Ok(Some(Interruption::Cancel))) => {
                    // What the task waits for is cancelled as well, as soon as the task waits.
                    let task = EventLoop::running()?.current_task().expect("a watched machine runs in a task");
                    task.cancel();
                    return Ok(Step::Yield(waits));
                }
                Ok(Ok(Some(interruption))) => {
                    self.is_closing = interruption == Interruption::Close;
                    sent = Err(interruption.exception());
                }
            }
        };
        self.watch.end.set(Some(end));
        Ok(Step::Return(()))
    }

    fn state(&self) -> State<'_> {
        self.driver.get_ref().map_or_else(State::of::<M>, |machine| machine.state())
    }
}

impl<M: Awaitable> Watched<M> {
    /// Notes a suspension. Returns how the machine is interrupted there, if it is.
    fn interruption(&self) -> Result<Option<Interruption>, String> {
        let watch = &self.watch;
        watch.path.borrow_mut().add(&self.driver);
        watch.suspensions.set(watch.suspensions.get() + 1);
        match watch.suspensions.get() {
            _ if watch.feed.was_asked_in_vain() => {
                Err(format!("it does not end: it has read {PATIENCE} times after the end of the input"))
            }
            SUSPENSIONS => Err(format!("it does not end: it has been suspended {SUSPENSIONS} times")),
            suspension => Ok(watch.case.interruption_at(suspension)),
        }
    }
}

impl<Return: fmt::Debug> fmt::Debug for Exchanged<Return> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let output = format!("b\"{}\"", self.output.escape_ascii());
        let mut shown = f.debug_struct("Exchanged");
        shown.field("outcome", &self.outcome).field("output", &format_args!("{output}")).finish()
    }
}

impl<M> fmt::Debug for Exchange<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange(b\"{}\")", self.input.escape_ascii())
    }
}

/// How often a machine may be suspended.
const SUSPENSIONS: usize = 10_000;
