//! One activation of one script: a coroutine that interprets.
//!
//! The machine has two parts. [`At`] is where it is suspended. `blocks` is what stands open around the next statement,
//! outermost first, each with its program counter: what CPython keeps in its exception table. A statement either goes on
//! to the next one or leaves its block, and [`Flow`] says how. A block that is left decides what becomes of that: a loop
//! starts over, a handler catches, a `finally` holds it back until it has run. So nothing recurses, and a yield may stand
//! anywhere.
//!
//! ```text
//!               what was sent                     into and out of blocks
//!  suspension ----------------> how it goes on -------------------------> the next statement
//!      ^                                                                          |
//!      `------------- a yield, a `yield from` (or out: a return, a raise) <-------'
//! ```
//!
//! One rule of CPython stands here that no engine without a collector can have. An exception's traceback holds the frames
//! that it has passed through. So a generator that is dropped while it handles an exception is garbage in a cycle, and
//! what it delegates to is not closed with it, but when the collector comes, long after the recording. [`Line`] keeps
//! such a child silent.

use std::cell::{Cell, RefCell};
use std::iter::successors;
use std::mem;
use std::rc::Rc;

use innermost::{Call, Coroutine, Exception, Generator, Resumed, Step, yield_from};
use serde_json::{Value, json};

use super::exceptions::{describe, exception, is_caught_by};
use super::program::{Body, Handler, Program, Statement};

/// What all activations of one run share.
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
    /// A generator inline and a frame by turns, by the script's index: each kind stands in the other.
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

    pub(crate) fn take_log(&self) -> Vec<Value> {
        self.log.take()
    }

    /// Whether an activation was dropped that had not ended.
    pub(crate) fn has_lost_one(&self) -> bool {
        self.lost_one.get()
    }
}

/// One activation of a script: what a call of a generator function makes.
pub(crate) struct Activation {
    run: Rc<Run>,
    line: Rc<Line>,
    at: At,
    blocks: Vec<Block>,
}

/// Whether an activation is garbage in a cycle, and the one that delegates to it.
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

/// A block that has been entered and not left.
struct Block {
    body: Body,
    next: usize,
    kind: BlockKind,
}

/// What a block does when it is left.
enum BlockKind {
    Script,
    Loop { turns_left: u64 },
    Try { handlers: Rc<[Handler]>, last: Option<Body> },
    Except { handled: Exception, last: Option<Body> },
    Finally { held_back: Flow },
}

/// How it goes on: to the next statement, or out of the block.
enum Flow {
    Next,
    Return(Option<i64>),
    Raise(Exception),
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
        let body = Block::new(&run.program.scripts[script], BlockKind::Script);
        let line = Rc::new(Line { in_cycle: Cell::new(false), parent });
        Self { run, line, at: At::Statement, blocks: vec![body] }
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
            let statement = match self.next_statement(flow) {
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
                Statement::Reraise => Flow::Raise(self.handled().expect("a bare raise stands inside a handler")),
                Statement::Loop(turns, body) => self.enter(&body, BlockKind::Loop { turns_left: turns }),
                Statement::Try { body, handlers, last } => self.enter(&body, BlockKind::Try { handlers, last }),
            };
        }
    }

    /// Leaves blocks until there is a statement to go on with; gives that, or the flow that has left them all.
    fn next_statement(&mut self, mut flow: Flow) -> Result<Statement, Flow> {
        while let Some(block) = self.blocks.last_mut() {
            if let (Flow::Next, Some(statement)) = (&flow, block.next_statement()) {
                return Ok(statement);
            }
            flow = self.leave(flow);
        }
        Err(flow)
    }

    /// Leaves the innermost block by `flow`, which may lead into a handler or a `finally` instead of out.
    fn leave(&mut self, flow: Flow) -> Flow {
        let Some(block) = self.blocks.pop() else { return flow };
        match (block.kind, flow) {
            (BlockKind::Try { handlers, last }, Flow::Raise(raised)) => {
                match handlers.iter().find(|handler| is_caught_by(&raised, &handler.kind)) {
                    Some(handler) => {
                        self.run.log(json!(["caught", describe(&raised)]));
                        self.enter(&handler.body, BlockKind::Except { handled: raised, last })
                    }
                    None => self.run_finally(last, Flow::Raise(raised)),
                }
            }
            (BlockKind::Try { last, .. } | BlockKind::Except { last, .. }, flow) => self.run_finally(last, flow),
            (BlockKind::Finally { held_back }, Flow::Next) => held_back,
            // Whatever else leaves a `finally` takes the place of what it held back.
            (BlockKind::Finally { .. } | BlockKind::Script | BlockKind::Loop { .. }, flow) => flow,
        }
    }

    fn run_finally(&mut self, last: Option<Body>, held_back: Flow) -> Flow {
        match last {
            Some(body) => self.enter(&body, BlockKind::Finally { held_back }),
            None => held_back,
        }
    }

    fn enter(&mut self, body: &Body, kind: BlockKind) -> Flow {
        self.blocks.push(Block::new(body, kind));
        Flow::Next
    }

    /// The exception that is being handled: what a bare `raise` raises.
    fn handled(&self) -> Option<Exception> {
        self.blocks.iter().rev().find_map(|block| match &block.kind {
            BlockKind::Except { handled, .. } => Some(handled.clone()),
            BlockKind::Finally { held_back: Flow::Raise(raised) } => Some(raised.clone()),
            _ => None,
        })
    }
}

impl Block {
    fn new(body: &Body, kind: BlockKind) -> Self {
        // A loop starts where it has just done a turn.
        let next = if matches!(kind, BlockKind::Loop { .. }) { body.len() } else { 0 };
        Self { body: Rc::clone(body), next, kind }
    }

    /// The statement to run next, the first one again where a loop has turns left.
    fn next_statement(&mut self) -> Option<Statement> {
        if let BlockKind::Loop { turns_left: turns_left @ 1.. } = &mut self.kind
            && self.next == self.body.len()
        {
            *turns_left -= 1;
            self.next = 0;
        }
        let statement = self.body.get(self.next)?.clone();
        self.next += 1;
        Some(statement)
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
        self.line.in_cycle.set(self.handled().is_some());
    }
}
