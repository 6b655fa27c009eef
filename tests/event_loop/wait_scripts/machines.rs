//! Machines for blocks of statements: sequences, loops, and blocks with handlers.

use std::rc::Rc;

use innermost::{Await, Awaitable, Coroutine, CoroutineExt, Exception, Resumed, Step, take_sent, yield_from};
use serde_json::{Value, json};

use super::statements::statement;
use super::{Program, describe, is_a};

/// A machine that runs a script, and returns the script's value.
pub(super) type Body = Box<dyn Awaitable<Return = Value>>;

/// A machine that runs a statement. Returns `Some` for a `return`.
pub(super) type Machine = Box<dyn Awaitable<Return = Option<Value>>>;

/// The task that runs a statement, and the exception that is being handled.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) program: Rc<Program>,
    pub(super) me: Rc<str>,
    pub(super) handled: Option<Exception>,
}

pub(super) fn block(program: &Rc<Program>, statements: &Value, me: &Rc<str>, handled: Option<Exception>) -> Machine {
    Place { program: Rc::clone(program), me: Rc::clone(me), handled }.block(statements)
}

impl Place {
    pub(super) fn block(&self, statements: &Value) -> Machine {
        let statements = statements.as_array().cloned().unwrap_or_default();
        self.repeating(move |at, place| statements.get(at).map(|next| statement(place, next)))
    }

    pub(super) fn repeated(&self, times: usize, body: &Value) -> Machine {
        let body = body.clone();
        self.repeating(move |at, place| (at < times).then(|| Ok(place.block(&body))))
    }

    /// One machine after the other, until there is none.
    pub(super) fn repeating(
        &self,
        next: impl FnMut(usize, &Self) -> Option<Result<Machine, Exception>> + 'static,
    ) -> Machine {
        Box::new(Repeating { next, place: self.clone(), at: 0, current: None })
    }

    pub(super) fn attempt(&self, inner: &Value, handlers: &Value, last: &Value) -> Machine {
        Box::new(Attempt {
            place: self.clone(),
            current: self.block(inner),
            phase: Phase::Inner,
            handlers: handlers.clone(),
            last: last.clone(),
            outcome: Ok(None),
        })
    }

    pub(super) fn note(&self, entry: &[Value]) {
        self.program.note(&self.me, entry);
    }

    /// Awaits an object, and logs the outcome.
    pub(super) fn noting<C>(&self, awaited: C, entry: impl FnOnce(C::Return) -> Vec<Value> + 'static) -> Machine
    where
        C: Awaitable + 'static,
    {
        let place = self.clone();
        Box::new(awaited.map(move |returned| {
            place.note(&entry(returned));
            None
        }))
    }
}

struct Repeating<F> {
    next: F,
    place: Place,
    at: usize,
    current: Option<Machine>,
}

impl<F> Coroutine for Repeating<F>
where
    F: FnMut(usize, &Place) -> Option<Result<Machine, Exception>>,
{
    type Yield = Await;
    type Input = ();
    type Return = Option<Value>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some(current) = &mut self.current {
                let flow = yield_from!(current, sent);
                self.current = None;
                if let Some(returned) = flow? {
                    return Ok(Step::Return(Some(returned)));
                }
            }
            take_sent(&mut sent)?;
            match (self.next)(self.at, &self.place).transpose()? {
                Some(next) => self.current = Some(next),
                None => return Ok(Step::Return(None)),
            }
            self.at += 1;
        }
    }
}

/// `try`, `except`, `finally`.
struct Attempt {
    place: Place,
    current: Machine,
    phase: Phase,
    handlers: Value,
    last: Value,
    /// How it ends, if the last block does not end it otherwise.
    outcome: Result<Option<Value>, Exception>,
}

#[derive(Clone, Copy)]
enum Phase {
    Inner,
    Handler,
    Last,
}

impl Attempt {
    fn handler(&self, raised: &Exception) -> Option<Machine> {
        let handlers = self.handlers.as_array()?;
        let handler = handlers.iter().find(|handler| is_a(raised, handler[0].as_str().unwrap_or_default()))?;
        self.place.note(&[json!("caught"), describe(raised)]);
        let place = Place { handled: Some(raised.clone()), ..self.place.clone() };
        Some(place.block(&handler[1]))
    }
}

impl Coroutine for Attempt {
    type Yield = Await;
    type Input = ();
    type Return = Option<Value>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let outcome = yield_from!(self.current, sent);
            let handler = match (self.phase, &outcome) {
                (Phase::Inner, Err(raised)) => self.handler(raised),
                _ => None,
            };
            if let Some(handler) = handler {
                self.current = handler;
                self.phase = Phase::Handler;
                continue;
            }
            match self.phase {
                Phase::Inner | Phase::Handler if !self.last.is_null() => {
                    self.outcome = outcome;
                    self.current = Place { handled: None, ..self.place.clone() }.block(&self.last);
                    self.phase = Phase::Last;
                }
                Phase::Inner | Phase::Handler => return outcome.map(Step::Return),
                Phase::Last => {
                    let ended = std::mem::replace(&mut self.outcome, Ok(None));
                    return match outcome? {
                        Some(returned) => Ok(Step::Return(Some(returned))),
                        None => ended.map(Step::Return),
                    };
                }
            }
        }
    }
}
