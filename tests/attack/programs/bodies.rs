//! The user's code: values, callbacks and coroutines that run scripts.

use std::any::Any;
use std::cmp::Ordering;
use std::error::Error;
use std::fmt;

use innermost::async_iter::{AsyncGenerator, Produced, awaiting};
use innermost::{Await, Awaitable, Coroutine, Exception, Resumed, State, Step, take_sent, yield_from};

use super::operations::{Operation, Script};
use super::waits::{self, Sent};
use super::world::{Deeper, World, visit, world};
use crate::campaign::fault;

/// A user's value, which runs a script whenever it is cloned, dropped, printed or compared.
pub(super) struct Value(Script);

impl Value {
    pub(super) fn new(script: Script) -> Self {
        world().count(script, 1);
        Self(script)
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        visit(self.0);
        Self::new(self.0)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        world().count(self.0, -1);
        visit(self.0);
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        visit(self.0);
        write!(f, "Value({})", self.0)
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        visit(self.0);
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Value {}

/// A value in a closure that must be called. Tells the ledger when the closure is called or dropped.
pub(super) struct Token(pub(super) u64);

impl Token {
    pub(super) fn called(&self) {
        world().ledger.called(self.0);
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let world = world();
        world.ledger.dropped(self.0, |event_loop| world.is_closed(event_loop));
    }
}

/// A failure, by its number.
#[derive(Debug)]
pub(super) struct Oops(pub(super) u64);

impl fmt::Display for Oops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oops {}", self.0)
    }
}

impl Error for Oops {}

/// The result of a wait. The coroutine holds it until it ends or drops it.
pub(super) type Held = Box<dyn Any>;
pub(super) type Waiting = Box<dyn Awaitable<Return = Held>>;

/// Runs a script one operation after the other.
struct Steps {
    number: u64,
    script: Script,
    next: usize,
    waiting: Option<Waiting>,
    held: Vec<Held>,
    ended: bool,
    /// Whether to tell when it waits for what is there: a generator may be left suspended.
    watched: bool,
}

/// Why it stops.
enum Stop {
    Waits,
    Gives(Value),
    Ends,
}

impl Steps {
    fn new(script: Script, watched: bool) -> Self {
        let number = world().ledger.number();
        Self { number, script, next: 0, waiting: None, held: Vec::new(), ended: false, watched }
    }

    fn is(&self, world: &World, expected: impl FnOnce(Operation) -> bool) -> bool {
        world.line(self.script, self.next).is_some_and(|line| expected(line.operation))
    }

    /// The awaited object has an outcome.
    fn awaited(&mut self, got: Result<Held, Exception>) -> Result<(), Exception> {
        let world = world();
        world.ledger.waits_no_more(self.number);
        self.waiting = None;
        let caught = self.is(&world, |operation| matches!(operation, Operation::Catch));
        match got {
            Ok(held) => self.held.push(held),
            Err(raised) if !caught => return Err(raised),
            Err(_) => {}
        }
        Ok(())
    }

    /// Continues with the next wait.
    fn go_on(&mut self, deeper: &Deeper) -> Result<Stop, Exception> {
        let world = world();
        while let Some(line) = world.line(self.script, self.next) {
            if deeper.is_too_deep() || !world.burn() {
                break;
            }
            self.next += 1;
            match line.operation {
                Operation::Await(wait) => match waits::make(&world, line.event_loop, wait) {
                    Ok((waiting, there)) => {
                        self.waiting = Some(waiting);
                        if let Some((what, is_there)) = there.filter(|_| self.watched) {
                            let waits = super::ledger::Waits { event_loop: line.event_loop, what, is_there };
                            world.ledger.waits(self.number, waits);
                        }
                        return Ok(Stop::Waits);
                    }
                    Err(raised) => {
                        if !self.is(&world, |operation| matches!(operation, Operation::Catch)) {
                            return Err(raised);
                        }
                    }
                },
                Operation::Raise => return Err(Exception::new(Oops(world.ledger.number()))),
                Operation::Give(script) => return Ok(Stop::Gives(Value::new(script))),
                Operation::Unhold(which) => {
                    let count = self.held.len();
                    if count > 0 {
                        drop(self.held.remove(usize::from(which) % count));
                    }
                }
                _ => world.perform(line),
            }
        }
        Ok(Stop::Ends)
    }

    fn begin(&mut self) -> Deeper {
        if std::mem::replace(&mut self.ended, true) {
            fault(format!("coroutine {} is resumed after its end", self.number));
        }
        visit(0);
        Deeper::new()
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        world().ledger.waits_no_more(self.number);
    }
}

/// The coroutine of a task, or a coroutine that another one awaits.
pub(super) struct Body {
    steps: Steps,
    value: Value,
    /// The failure that it ends with.
    fails: bool,
}

impl Body {
    pub(super) fn new(script: Script, value: Script) -> Self {
        Self { steps: Steps::new(script, true), value: Value::new(value), fails: false }
    }

    /// Raises, in its first step, a failure that can never be retrieved.
    pub(super) fn failing(value: Script) -> Self {
        Self { fails: true, ..Self::new(0, value) }
    }

    fn step(&mut self, mut sent: Sent) -> Resumed<Self> {
        let deeper = self.steps.begin();
        if self.fails {
            take_sent(&mut sent)?;
            let number = world().ledger.number();
            world().ledger.owe(number);
            return Err(Exception::new(Oops(number)));
        }
        loop {
            match &mut self.steps.waiting {
                Some(waiting) => {
                    self.steps.ended = false;
                    let got = yield_from!(waiting, sent);
                    self.steps.ended = true;
                    self.steps.awaited(got)?;
                }
                None => take_sent(&mut sent)?,
            }
            match self.steps.go_on(&deeper)? {
                Stop::Waits => {}
                Stop::Gives(value) => drop(value),
                Stop::Ends => return Ok(Step::Return(self.value.clone())),
            }
        }
    }
}

impl Coroutine for Body {
    type Yield = Await;
    type Input = ();
    type Return = Value;

    fn resume(&mut self, sent: Sent) -> Resumed<Self> {
        self.step(sent)
    }

    fn state(&self) -> State<'_> {
        State::new("body", &self.value)
    }
}

/// The body of an async generator.
pub(super) struct Producing {
    steps: Steps,
    value: Value,
}

pub(super) type Generator = AsyncGenerator<Producing>;

impl Producing {
    pub(super) fn new(script: Script, value: Script) -> Self {
        Self { steps: Steps::new(script, false), value: Value::new(value) }
    }
}

impl Coroutine for Producing {
    type Yield = Produced<Value>;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Sent) -> Resumed<Self> {
        let deeper = self.steps.begin();
        loop {
            match &mut self.steps.waiting {
                Some(waiting) => {
                    self.steps.ended = false;
                    let got = yield_from!(awaiting(waiting), sent);
                    self.steps.ended = true;
                    self.steps.awaited(got)?;
                }
                None => take_sent(&mut sent)?,
            }
            match self.steps.go_on(&deeper)? {
                Stop::Waits => {}
                Stop::Gives(value) => {
                    self.steps.ended = false;
                    return Ok(Step::Yield(Produced::Item(value)));
                }
                Stop::Ends => return Ok(Step::Return(())),
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("producing", &self.value)
    }
}
