//! [`Script`]: a conversation with a machine that does no I/O, run with every cut, truncation and interruption.
//!
//! | file | holds |
//! |---|---|
//! | `script.rs`       | how a script is written, and the ways to run it |
//! | `conversation.rs` | its steps, its input, and its replies |
//! | `play.rs`         | one run |

use core::fmt;
use std::panic::Location;

use super::case::{Case, Interruption, caught, ended_alike, shown};
use super::conversation::{Action, Conversation, Input, Outcome, Step};
use super::play::{Played, play};
use crate::coroutine::{Coroutine, Exception, Kind};

/// A conversation with a machine: what it should yield, what it is sent, and how it should end.
///
/// A script drives the machine by hand, without an event loop, and can be run many times. It is for machines with an
/// alphabet of their own; see [`drive`](fn@crate::drive) for how to write one. [`Exchange`](super::Exchange) tests a machine
/// that works on a stream.
///
/// Each run makes the machine anew and follows the steps in order. [`expect`](Self::expect) states the next yield. The step
/// after it says what the machine is sent there. Without such a step, it is sent the default value.
///
/// ```
/// use innermost::testing::Script;
/// use innermost::{Coroutine, Exception, Kind, Resumed, Step};
///
/// #[derive(Debug, PartialEq)]
/// enum Want {
///     Bytes,
///     Login(String),
/// }
///
/// #[derive(Clone, Default)]
/// enum Got {
///     #[default]
///     Nothing,
///     Bytes(Vec<u8>),
///     Accepted(bool),
/// }
///
/// /// Reads a line with a name, has it checked, and returns it.
/// struct Login(String);
///
/// impl Coroutine for Login {
///     type Yield = Want;
///     type Input = Got;
///     type Return = String;
///
///     fn resume(&mut self, sent: Result<Got, Exception>) -> Resumed<Self> {
///         match sent? {
///             Got::Accepted(true) => Ok(Step::Return(self.0.clone())),
///             Got::Accepted(false) => Err(Exception::message(Kind::ValueError, "refused")),
///             Got::Bytes(bytes) if bytes.is_empty() => Err(std::io::Error::other("cut off").into()),
///             Got::Bytes(bytes) => {
///                 self.0.push_str(std::str::from_utf8(&bytes)?);
///                 Ok(Step::Yield(self.0.strip_suffix('\n').map_or(Want::Bytes, |name| Want::Login(name.into()))))
///             }
///             Got::Nothing => Ok(Step::Yield(Want::Bytes)),
///         }
///     }
/// }
///
/// // Step by step:
/// Script::new(|| Login(String::new()))
///     .expect(Want::Bytes)
///     .send(Got::Bytes(b"Ad".to_vec()))
///     .expect(Want::Bytes)
///     .throw(std::io::Error::other("reset"))
///     .raises(Kind::Error)
///     .run();
///
/// // Fed with bytes: the script answers the yields that ask for bytes, and the steps are the rest of the conversation.
/// let script = Script::new(|| Login(String::new()))
///     .input("Ada\n", |want| *want == Want::Bytes, |piece| Got::Bytes(piece.to_vec()))
///     .expect(Want::Login("Ada".into()))
///     .send(Got::Accepted(true))
///     .returns("Ada\n".into());
/// script.run();
/// script.all_splits();
/// script.truncations(|length, outcome| assert!(outcome.is_err(), "it accepts {length} bytes"));
/// script.resets(|length, outcome| assert_eq!(outcome.is_ok(), length == 4));
/// script.interruptions(|_, _, outcome| assert!(outcome.is_err()));
/// ```
///
/// # Failures
///
/// A failure panics. The message says which input or interruption it was, which step failed and where that is written, and
/// in which states the machine was suspended until then: the words that [`Coroutine::state`] showed.
///
/// ```text
/// input cut at byte 2 of 4: it yielded Login("a"). The script expects Login("Ada") (step 1, tests/login.rs:12:6)
///   states: Reading (x2) -> Asking
/// ```
///
/// A panic of the machine is reported with its place in the same way. A machine that asks for bytes on and on after the end
/// of its input, or that yields 100,000 times, fails as well. One that neither yields nor ends hangs the test.
#[must_use = "nothing runs until `run`, `all_splits`, `truncations`, `resets` or `interruptions` is called"]
pub struct Script<M: Coroutine>(Conversation<M>);

impl<M> Script<M>
where
    M: Coroutine + 'static,
    M::Yield: fmt::Debug,
    M::Return: fmt::Debug,
{
    /// Starts a script without steps. `make` is called for each run.
    pub fn new(make: impl Fn() -> M + 'static) -> Self {
        Self(Conversation { make: Box::new(make), steps: Vec::new(), input: None, reply: None })
    }

    /// The next yield is equal to `yielded`.
    #[track_caller]
    pub fn expect(self, yielded: M::Yield) -> Self
    where
        M::Yield: PartialEq,
    {
        let text = format!("{yielded:?}");
        self.step(Action::Expect(text, Box::new(move |came| *came == yielded)))
    }

    /// The next yield is one for which `predicate` returns `true`.
    #[track_caller]
    pub fn expect_that(self, predicate: impl Fn(&M::Yield) -> bool + 'static) -> Self {
        self.step(Action::Expect("a yield for which the predicate holds".into(), Box::new(predicate)))
    }

    /// Sends `value` to the yield that was expected last.
    #[track_caller]
    pub fn send(self, value: M::Input) -> Self
    where
        M::Input: Clone,
    {
        self.answer(Action::Answer(Box::new(move || Ok(value.clone()))))
    }

    /// Throws `exception` in at the yield that was expected last.
    #[track_caller]
    pub fn throw(self, exception: impl Into<Exception>) -> Self {
        let exception = exception.into();
        self.answer(Action::Answer(Box::new(move || Err(exception.clone()))))
    }

    /// Closes the machine at the yield that was expected last. It must end without yielding.
    #[track_caller]
    pub fn close(self) -> Self {
        self.answer(Action::Close)
    }

    /// The machine returns `value`.
    #[track_caller]
    pub fn returns(self, value: M::Return) -> Self
    where
        M::Return: PartialEq,
    {
        let text = format!("it to return {value:?}");
        self.step(Action::End(text, Box::new(move |outcome| outcome.as_ref().is_ok_and(|came| *came == value))))
    }

    /// The machine returns a value for which `predicate` returns `true`.
    #[track_caller]
    pub fn returns_that(self, predicate: impl Fn(&M::Return) -> bool + 'static) -> Self {
        let text = "it to return a value for which the predicate holds".into();
        self.step(Action::End(text, Box::new(move |outcome| outcome.as_ref().is_ok_and(&predicate))))
    }

    /// The machine raises an exception of this kind.
    #[track_caller]
    pub fn raises(self, kind: Kind) -> Self {
        let text = format!("it to raise {kind:?}");
        self.step(Action::End(
            text,
            Box::new(move |outcome| outcome.as_ref().is_err_and(|raised| raised.kind() == kind)),
        ))
    }

    /// The machine raises an exception for which `predicate` returns `true`.
    #[track_caller]
    pub fn raises_that(self, predicate: impl Fn(&Exception) -> bool + 'static) -> Self {
        let text = "it to raise an exception for which the predicate holds".into();
        self.step(Action::End(text, Box::new(move |outcome| outcome.as_ref().is_err_and(&predicate))))
    }

    /// Gives the machine an input. Whenever `is_read` returns `true` for a yield, the machine is sent what `make_input`
    /// makes of the next piece, which is empty at the end of the input. The steps do not see these yields.
    ///
    /// # Panics
    ///
    /// Panics if the script has an input already.
    #[track_caller]
    pub fn input(
        mut self,
        bytes: impl AsRef<[u8]>,
        is_read: impl Fn(&M::Yield) -> bool + 'static,
        make_input: impl Fn(&[u8]) -> M::Input + 'static,
    ) -> Self {
        assert!(self.0.input.is_none(), "the script has an input already");
        let bytes = bytes.as_ref().to_vec();
        self.0.input = Some(Input { bytes, is_read: Box::new(is_read), make: Box::new(make_input) });
        self
    }

    /// Answers the yields for which there is no step. `answer` returns what is sent, or an exception to throw.
    ///
    /// [`run`](Self::run) and [`all_splits`](Self::all_splits) use it once all steps are done that expect a yield. A
    /// machine that is interrupted, or whose input is truncated, may leave the script: each of its yields is answered by the
    /// next step that expects it, skipping those before, and otherwise by this. If it is not given, they are answered by the
    /// default value.
    ///
    /// # Panics
    ///
    /// Panics if the script has a reply already.
    #[track_caller]
    pub fn reply(mut self, answer: impl Fn(&M::Yield) -> Result<M::Input, Exception> + 'static) -> Self {
        assert!(self.0.reply.is_none(), "the script has a reply already");
        self.0.reply = Some(Box::new(answer));
        self
    }

    /// Runs the script once, with the input in one piece.
    ///
    /// A script need not say how the machine ends. If its last step expects a yield, and neither a step nor a `reply`
    /// answers it, the run stops there and passes.
    ///
    /// # Panics
    ///
    /// Panics if the machine does not follow the script, if it panics, or if it does not end.
    #[track_caller]
    pub fn run(&self) {
        reported(play(&self.0, Case::Whole).map(drop));
    }

    /// Runs the script with the input cut at every byte, at every two bytes, and into single bytes. Each run must follow the
    /// script. The yields that do not ask for bytes must be the same as with the uncut input, and so must the end.
    /// Exceptions are compared by kind and text.
    ///
    /// An input of `n` bytes takes `n * (n - 1) / 2 + 2` runs: 19,902 for 200 bytes. They took 0.1 s for a small machine in
    /// a release build, and 1 s otherwise.
    ///
    /// If a machine passes on what it has, its yields depend on how its input is cut. Put it over a stream with
    /// [`drive`](fn@crate::drive), and test that with [`Exchange`](super::Exchange), which compares the bytes.
    ///
    /// # Panics
    ///
    /// Panics if the script has no input, if a run differs, if the machine panics, or if it does not end.
    #[track_caller]
    pub fn all_splits(&self)
    where
        M::Yield: PartialEq,
        M::Return: PartialEq,
    {
        self.needs_input();
        let compare = || {
            let whole = play(&self.0, Case::Whole)?;
            Case::splits(self.0.length()).try_for_each(|case| {
                let cut = play(&self.0, case)?;
                match caught(|| difference(&whole, &cut)) {
                    Ok(None) => Ok(()),
                    Ok(Some(problem)) | Err(problem) => Err(cut.failure(case, self.0.length(), &problem)),
                }
            })
        };
        reported(compare());
    }

    /// Runs the machine with the input ended after each number of bytes, from none to one less than all of them. The
    /// machine must end. `check` gets the number of bytes and how it ended.
    ///
    /// An input of `n` bytes takes `n` runs.
    ///
    /// # Panics
    ///
    /// Panics if the script has no input, if `check` or the machine panics, or if the machine does not end.
    #[track_caller]
    pub fn truncations(&self, mut check: impl FnMut(usize, Result<M::Return, Exception>)) {
        self.needs_input();
        reported(Case::truncations(self.0.length()).try_for_each(|(end, case)| {
            let played = play(&self.0, case)?;
            self.checked(case, played, |outcome| check(end, outcome))
        }));
    }

    /// Runs the machine with the connection reset after each number of bytes, from none to all of them. A yield that asks for
    /// more then raises an [`io::Error`](std::io::Error) of the kind `ConnectionReset`. The machine must end. `check` gets
    /// the number of bytes and how it ended.
    ///
    /// A machine that takes the end of the stream for the end of a message shows here that it can tell the two apart. An
    /// input of `n` bytes takes `n + 1` runs.
    ///
    /// # Panics
    ///
    /// Panics if the script has no input, if `check` or the machine panics, or if the machine does not end.
    #[track_caller]
    pub fn resets(&self, mut check: impl FnMut(usize, Result<M::Return, Exception>)) {
        self.needs_input();
        reported(Case::resets(self.0.length()).try_for_each(|(end, case)| {
            let played = play(&self.0, case)?;
            self.checked(case, played, |outcome| check(end, outcome))
        }));
    }

    /// Runs the script up to each yield, and there throws an error into the machine, cancels it, or closes it.
    ///
    /// A machine that is closed must end without yielding. Otherwise it may go on, and must end at some time. `check` gets
    /// the number of the yield, counted from 1, the interruption, and how the machine ended: a machine that was closed
    /// ends with `GeneratorExit`, unless it returned or raised something else.
    ///
    /// A script in which the machine yields `n` times takes `3 * n + 1` runs.
    ///
    /// # Panics
    ///
    /// Panics if the machine yields when it is closed, if `check` or the machine panics, or if the machine does not end.
    #[track_caller]
    pub fn interruptions(&self, mut check: impl FnMut(usize, Interruption, Result<M::Return, Exception>)) {
        let mut interrupt = || {
            for suspension in 1..=play(&self.0, Case::Whole)?.suspensions {
                for interruption in Interruption::ALL {
                    let case = Case::Interrupted(suspension, interruption);
                    let played = play(&self.0, case)?;
                    self.checked(case, played, |outcome| check(suspension, interruption, outcome))?;
                }
            }
            Ok(())
        };
        reported(interrupt());
    }

    fn checked(&self, case: Case, mut played: Played<M>, check: impl FnOnce(Outcome<M>)) -> Result<(), String> {
        let Some(outcome) = played.outcome.take() else { return Ok(()) };
        let failed = |problem: &str| played.failure(case, self.0.length(), problem);
        let end = caught(|| shown(&outcome)).map_err(|panic| failed(&panic))?;
        caught(|| check(outcome)).map_err(|panic| failed(&format!("{end}, and the check of that failed: {panic}")))
    }

    #[track_caller]
    fn needs_input(&self) {
        assert!(self.0.length() > 0, "the script has no input that could be cut: give it one by `input`");
    }

    #[track_caller]
    fn step(mut self, action: Action<M>) -> Self {
        let is_over = self.0.steps.last().is_some_and(|last| matches!(last.action, Action::End(..)));
        assert!(!is_over, "the script is over: nothing can follow the end of the machine");
        self.0.steps.push(Step { action, location: Location::caller() });
        self
    }

    #[track_caller]
    fn answer(self, action: Action<M>) -> Self {
        let is_expected = self.0.steps.last().is_some_and(|last| matches!(last.action, Action::Expect(..)));
        assert!(is_expected, "the script must say what the machine yields before it answers: `expect` it first");
        self.step(action)
    }
}

/// What is not the same in two runs.
fn difference<M>(whole: &Played<M>, cut: &Played<M>) -> Option<String>
where
    M: Coroutine,
    M::Yield: fmt::Debug + PartialEq,
    M::Return: fmt::Debug + PartialEq,
{
    let same = whole.yields.iter().zip(&cut.yields).take_while(|(whole, cut)| whole == cut).count();
    let (expected, came) = (whole.yields.get(same), cut.yields.get(same));
    let show = |yielded: Option<&M::Yield>, played: &Played<M>| match (yielded, &played.outcome) {
        (Some(yielded), _) => format!("it yielded {yielded:?}"),
        (None, Some(outcome)) => shown(outcome),
        (None, None) => "the script was over".into(),
    };
    let ends_differ = match (&whole.outcome, &cut.outcome) {
        (Some(whole), Some(cut)) => !ended_alike(whole, cut),
        (whole, cut) => whole.is_some() != cut.is_some(),
    };
    (expected.is_some() || came.is_some() || ends_differ)
        .then(|| format!("{}. With the uncut input, {}", show(came, cut), show(expected, whole)))
}

#[track_caller]
fn reported(result: Result<(), String>) {
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

impl<M: Coroutine> fmt::Debug for Script<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for step in &self.0.steps {
            match &step.action {
                Action::Expect(text, _) => list.entry(&format_args!("expect {text}")),
                Action::Answer(_) => list.entry(&format_args!("answer")),
                Action::Close => list.entry(&format_args!("close")),
                Action::End(text, _) => list.entry(&format_args!("expect {text}")),
            };
        }
        list.finish()
    }
}
