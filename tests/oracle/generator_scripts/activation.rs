//! An activation of a script: a coroutine that interprets it.
//!
//! The machine has two parts. [`At`] is where it is suspended. [`Blocks`] are the open blocks around the next statement.
//!
//! ```text
//!               what was sent                     into and out of blocks
//!  suspension ----------------> how it goes on -------------------------> the next statement
//!      ^                                                                          |
//!      `------------- a yield, a `yield from` (or out: a return, a raise) <-------'
//! ```
//!
//! One rule of CPython follows from its garbage collector. An exception's traceback holds the frames that it has passed. A
//! generator that is dropped while it handles an exception is therefore part of a reference cycle. Its delegate is closed by
//! the collector, long after the recording has ended. [`Line`] suppresses the log of such a delegate.

use std::cell::{Cell, RefCell};
use std::iter::successors;
use std::mem;
use std::rc::Rc;

use innermost::{Call, Coroutine, Exception, Generator, Resumed, Step, yield_from};
use serde_json::{Value, json};

use super::exceptions::{describe, exception, is_caught_by};
use super::program::{Program, Statement};
use crate::blocks::{Blocks, Flow};

/// The state that all activations of a run share.
pub(crate) struct Run {
    program: Rc<Program>,
    children: Children,
    log: RefCell<Vec<Value>>,
    lost_one: Cell<bool>,
}

/// How a script holds the script that it delegates to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Children {
    /// Every child is a frame of the driver.
    Calls,
    /// Every child is a generator that its parent drives inline.
    Generators,
    /// Alternates inline generators and frames, by the script's index, so that each kind contains the other.
    GeneratorsAndCalls,
    /// The bare machine inline and a frame by turns.
    MachinesAndCalls,
}

/// A script that another one delegates to, held in one of these ways.
type Child = Box<dyn Coroutine<Yield = i64, Input = Option<i64>, Return = Option<i64>>>;

impl Run {
    pub(crate) fn new(program: Rc<Program>, children: Children) -> Rc<Self> {
        Rc::new(Self { program, children, log: RefCell::default(), lost_one: Cell::new(false) })
    }

    pub(crate) fn log(&self, entry: Value) {
        self.log.borrow_mut().push(entry);
    }

    /// Logs the value that a suspension has, or raises.
    fn logged(&self, what: &str, outcome: Result<Option<i64>, Exception>) -> Flow {
        match outcome {
            Ok(value) => {
                self.log(json!([what, value]));
                Flow::Next
            }
            Err(raised) => Flow::Raise(raised),
        }
    }

    /// Whether `except kind` catches the exception. Logs it if so.
    fn catches(&self, raised: &Exception, kind: &str) -> bool {
        let caught = is_caught_by(raised, kind);
        if caught {
            self.log(json!(["caught", describe(raised)]));
        }
        caught
    }

    pub(crate) fn take_log(&self) -> Vec<Value> {
        self.log.take()
    }

    /// Whether an activation was dropped that had not ended.
    pub(crate) fn has_lost_one(&self) -> bool {
        self.lost_one.get()
    }
}

/// An activation of a script: the result of calling a generator function.
pub(crate) struct Activation {
    run: Rc<Run>,
    line: Rc<Line>,
    at: At,
    blocks: Blocks<Statement>,
}

/// Whether an activation is garbage in a cycle, and the activation that delegates to it.
struct Line {
    in_cycle: Cell<bool>,
    parent: Option<Rc<Line>>,
}

/// Where the machine is suspended.
enum At {
    /// Before a statement: at the first one, or between two while it runs.
    Statement,
    Yield,
    YieldFrom(Child),
}

/// Where running statements has led to.
enum Reached {
    Yield(i64),
    YieldFrom(usize),
    Return(Option<i64>),
    Raise(Exception),
}

impl Activation {
    /// A fresh activation of the first script.
    pub(crate) fn new(run: Rc<Run>) -> Self {
        Self::of_script(0, run, None)
    }

    fn of_script(script: usize, run: Rc<Run>, parent: Option<Rc<Line>>) -> Self {
        let blocks = Blocks::new(&run.program.scripts[script], None);
        let line = Rc::new(Line { in_cycle: Cell::new(false), parent });
        Self { run, line, at: At::Statement, blocks }
    }

    fn child(&self, script: usize) -> Child {
        let activation = Self::of_script(script, Rc::clone(&self.run), Some(Rc::clone(&self.line)));
        match self.run.children {
            Children::Calls => Box::new(Call::new(activation)),
            Children::Generators => Box::new(Generator::new(activation)),
            Children::GeneratorsAndCalls if script.is_multiple_of(2) => Box::new(Generator::new(activation)),
            Children::MachinesAndCalls if script.is_multiple_of(2) => Box::new(activation),
            Children::GeneratorsAndCalls | Children::MachinesAndCalls => Box::new(Call::new(activation)),
        }
    }
}

impl Coroutine for Activation {
    type Yield = i64;
    type Input = Option<i64>;
    type Return = Option<i64>;

    fn resume(&mut self, mut sent: Result<Option<i64>, Exception>) -> Resumed<Self> {
        if self.line.is_in_cycle() {
            // It is being closed, and must not notice.
            return Err(Exception::generator_exit());
        }
        loop {
            let flow = match &mut self.at {
                At::Statement => Flow::Next,
                At::Yield => self.run.logged("sent", mem::replace(&mut sent, Ok(None))),
                At::YieldFrom(child) => self.run.logged("got", yield_from!(child, sent)),
            };
            // The child goes before anything else runs, as in CPython, where unwinding takes it off the stack.
            self.at = At::Statement;
            match self.go_on(flow) {
                Reached::Yield(number) => {
                    self.at = At::Yield;
                    return Ok(Step::Yield(number));
                }
                Reached::YieldFrom(script) => self.at = At::YieldFrom(self.child(script)),
                Reached::Return(value) => return Ok(Step::Return(value)),
                Reached::Raise(raised) => return Err(raised),
            }
        }
    }
}

impl Activation {
    /// Runs statements up to one that suspends, or to the end.
    fn go_on(&mut self, mut flow: Flow) -> Reached {
        loop {
            let statement = match self.blocks.next_statement(flow, |raised, kind| self.run.catches(raised, kind)) {
                Ok(statement) => statement,
                Err(Flow::Next) => return Reached::Return(None),
                Err(Flow::Return(value)) => return Reached::Return(value),
                Err(Flow::Raise(raised)) => return Reached::Raise(raised),
            };
            flow = match statement {
                Statement::Yield(number) => return Reached::Yield(number),
                Statement::YieldFrom(script) => return Reached::YieldFrom(script),
                Statement::Log(number) => {
                    self.run.log(json!(["log", number]));
                    Flow::Next
                }
                Statement::Return(number) => Flow::Return(Some(number)),
                Statement::Raise(kind, number) => Flow::Raise(exception(&kind, number)),
                Statement::Reraise => Flow::Raise(self.blocks.handled().expect("a bare raise stands inside a handler")),
                Statement::Loop(turns, body) => self.blocks.enter_loop(turns, &body),
                Statement::Try { body, handlers, last } => self.blocks.enter_try(&body, handlers, last),
            };
        }
    }
}

impl Line {
    fn is_in_cycle(&self) -> bool {
        successors(Some(self), |line| line.parent.as_deref()).any(|line| line.in_cycle.get())
    }
}

impl Drop for Activation {
    fn drop(&mut self) {
        self.run.lost_one.set(self.run.lost_one.get() || !self.blocks.is_empty());
        self.line.in_cycle.set(self.blocks.handled().is_some());
    }
}
