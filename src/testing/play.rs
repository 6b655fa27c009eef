//! One run of a [`Conversation`].
//!
//! A run follows the script to the letter, until the machine is interrupted. With an input that is truncated or reset, it
//! never has to.
//! From there on, the machine may leave the script: steps answer the yields that they expect, and nothing is required
//! but that the machine ends.

use core::fmt;

use super::Interruption;
use super::case::{Case, Path, caught, is_ignored_exit, shown};
use super::conversation::{Action, Conversation, Outcome, Step};
use super::feed::PATIENCE;
use crate::coroutine::{Coroutine, Driven, Driver, Exception};

/// What a machine did in a run.
pub(super) struct Played<M: Coroutine> {
    /// The yields that did not ask for bytes.
    pub(super) yields: Vec<M::Yield>,
    /// `None` if the script was over before the machine.
    pub(super) outcome: Option<Outcome<M>>,
    pub(super) suspensions: usize,
    path: Path,
}

impl<M: Coroutine> Played<M> {
    pub(super) fn failure(&self, case: Case, length: usize, problem: &str) -> String {
        format!("{}{problem}\n  states: {}", case.describe(length), self.path)
    }
}

/// Runs a script once.
pub(super) fn play<M>(script: &Conversation<M>, case: Case) -> Result<Played<M>, String>
where
    M: Coroutine,
    M::Yield: fmt::Debug,
    M::Return: fmt::Debug,
{
    let played = Played { yields: Vec::new(), outcome: None, suspensions: 0, path: Path::default() };
    let is_strict = !matches!(case, Case::Truncated(_) | Case::Reset(_));
    let mut play = Play { script, case, played, next: 0, position: 0, in_vain: 0, is_strict, is_closing: false };
    // Anything of the program may panic: the machine, its `Debug`, the comparison of what it yields.
    match caught(|| play.run(Driver::new((script.make)()))) {
        Ok(Ok(())) => Ok(play.played),
        Ok(Err(problem)) | Err(problem) => Err(play.played.failure(case, script.length(), &problem)),
    }
}

struct Play<'s, M: Coroutine> {
    script: &'s Conversation<M>,
    case: Case,
    played: Played<M>,
    /// The number of steps done.
    next: usize,
    /// The number of bytes of the input that have been sent.
    position: usize,
    /// How often the machine asked for bytes after the end of the input.
    in_vain: usize,
    /// Whether the machine must follow the script.
    is_strict: bool,
    is_closing: bool,
}

/// What becomes of a machine that has yielded.
enum Next<M: Coroutine> {
    Resume(Result<M::Input, Exception>),
    /// The script is over.
    Stop,
}

impl<M> Play<'_, M>
where
    M: Coroutine,
    M::Yield: fmt::Debug,
    M::Return: fmt::Debug,
{
    fn run(&mut self, mut driver: Driver<M>) -> Result<(), String> {
        let mut sent = Ok(M::Input::default());
        loop {
            let yielded = match driver.resume(sent) {
                Driven::Yield(yielded) => yielded,
                Driven::End(outcome) => return self.end(outcome),
            };
            self.played.path.add(&driver);
            self.played.suspensions += 1;
            if self.is_closing {
                return Err(format!("it yielded {yielded:?} when it was closed"));
            }
            if self.played.suspensions == SUSPENSIONS {
                return Err(format!("it does not end: it has yielded {SUSPENSIONS} times"));
            }
            sent = match self.case.interruption_at(self.played.suspensions) {
                Some(interruption) => {
                    self.is_strict = false;
                    self.is_closing = interruption == Interruption::Close;
                    Err(interruption.exception())
                }
                None => match self.answer(yielded)? {
                    Next::Resume(sent) => sent,
                    Next::Stop => return Ok(()),
                },
            };
        }
    }

    /// Answers a yield by the input, or as the script says.
    fn answer(&mut self, yielded: M::Yield) -> Result<Next<M>, String> {
        if let Some(sent) = self.feed(&yielded)? {
            return Ok(Next::Resume(sent));
        }
        let next = self.answer_by_step(&yielded);
        self.played.yields.push(yielded);
        next
    }

    /// Returns what is sent to a yield that asks for bytes. `None` for any other yield.
    fn feed(&mut self, yielded: &M::Yield) -> Result<Option<Result<M::Input, Exception>>, String> {
        let Some(input) = &self.script.input else { return Ok(None) };
        if !(input.is_read)(yielded) {
            return Ok(None);
        }
        let end = self.case.end_of_piece(self.position, input.bytes.len());
        let piece = &input.bytes[self.position..end];
        self.position = end;
        self.in_vain += usize::from(piece.is_empty());
        if self.in_vain > PATIENCE {
            return Err(format!("it does not end: it has asked for bytes {PATIENCE} times after the end of the input"));
        }
        let failure = self.case.failure_at(self.position).filter(|_| piece.is_empty());
        Ok(Some(failure.map_or_else(|| Ok((input.make)(piece)), Err)))
    }

    fn answer_by_step(&mut self, yielded: &M::Yield) -> Result<Next<M>, String> {
        let steps = &self.script.steps[self.next..];
        let candidates = if self.is_strict { 1 } else { steps.len() };
        let expects = |step: &Step<M>| matches!(&step.action, Action::Expect(_, is_expected) if is_expected(yielded));
        let Some(position) = steps.iter().take(candidates).position(expects) else {
            let expects_another = steps.iter().any(|step| matches!(step.action, Action::Expect(..)));
            return match &self.script.reply {
                Some(reply) if !self.is_strict || !expects_another => Ok(Next::Resume(reply(yielded))),
                _ if self.is_strict => Err(self.differs(&format!("it yielded {yielded:?}"))),
                _ => Ok(Next::Resume(Ok(M::Input::default()))),
            };
        };
        self.next += position + 1;
        match self.script.steps.get(self.next).map(|step| &step.action) {
            Some(Action::Answer(answer)) => {
                self.next += 1;
                Ok(Next::Resume(answer()))
            }
            Some(Action::Close) if self.is_strict => {
                self.next += 1;
                self.is_closing = true;
                Ok(Next::Resume(Err(Exception::generator_exit())))
            }
            Some(_) => Ok(Next::Resume(Ok(M::Input::default()))),
            None => match &self.script.reply {
                Some(reply) => Ok(Next::Resume(reply(yielded))),
                None if self.is_strict => Ok(Next::Stop),
                None => Ok(Next::Resume(Ok(M::Input::default()))),
            },
        }
    }

    fn end(&mut self, outcome: Outcome<M>) -> Result<(), String> {
        if self.is_closing && is_ignored_exit(&outcome) {
            return Err("a child of it yielded when it was closed".into());
        }
        if self.is_strict {
            let is_expected = match self.script.steps.get(self.next).map(|step| &step.action) {
                Some(Action::End(_, is_expected)) => is_expected(&outcome),
                Some(_) => false,
                // Returning is no news. Neither is what closing raises.
                None => outcome.is_ok() || self.is_closing && is_exit(&outcome),
            };
            if !is_expected {
                return Err(self.differs(&shown(&outcome)));
            }
        }
        self.played.outcome = Some(outcome);
        Ok(())
    }

    /// Says that something else happened than the next step expects.
    fn differs(&self, happened: &str) -> String {
        let Some(step) = self.script.steps.get(self.next) else {
            return format!("{happened}. The script says nothing of that: its steps are done");
        };
        let expected = match &step.action {
            Action::Expect(text, _) | Action::End(text, _) => text.as_str(),
            Action::Answer(_) | Action::Close => "a yield",
        };
        let (number, location) = (self.next + 1, step.location);
        format!("{happened}. The script expects {expected} (step {number}, {location})")
    }
}

fn is_exit<R>(outcome: &Result<R, Exception>) -> bool {
    outcome.as_ref().is_err_and(Exception::is_generator_exit)
}

/// How often a machine may yield.
const SUSPENSIONS: usize = 100_000;
