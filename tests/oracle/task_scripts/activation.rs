//! An activation of a script, or of the body of a scope in it: a coroutine that interprets it.
//!
//! The machine has two parts. [`At`] is where it is suspended. [`Blocks`] are the open blocks around the next statement.
//! A statement either completes at once, or returns a coroutine to await ([`Does`]), which is the machine's inline child
//! until it ends.
//!
//! A scope (`async with`) is a coroutine around a coroutine. Its body is an activation of its own, whose result is the
//! [`Flow`] that left the body. So a `return` in the body leaves the script, and an exception passes through the scope.

use innermost::{Await, Awaitable, Coroutine, Exception, Resumed, Step, take_sent, yield_from};
use serde_json::json;

use super::exceptions::{describe, exception, is_caught_by};
use super::program::{Body, Statement};
use super::world::Me;
use crate::blocks::{Blocks, Flow};

/// An awaited coroutine. Its result says how the script continues.
pub(super) type Child = Box<dyn Awaitable<Return = Flow>>;

/// The effect of a statement.
pub(super) enum Does {
    Go(Flow),
    Await(Child),
}

/// One activation of a body of statements.
pub(super) struct Activation {
    me: Me,
    at: At,
    blocks: Blocks<Statement>,
}

/// Where the machine is suspended.
enum At {
    /// Before the first statement, with an optional action before it.
    Start(Option<Box<dyn FnOnce() -> Result<(), Exception>>>),
    Awaiting(Child),
}

impl Activation {
    /// An activation of a body, while `handled` is being handled.
    pub(super) fn new(me: Me, body: &Body, handled: Option<Exception>) -> Self {
        Self { me, at: At::Start(None), blocks: Blocks::new(body, handled) }
    }

    /// An activation of a body that performs an action when it starts.
    pub(super) fn after(self, first: impl FnOnce() -> Result<(), Exception> + 'static) -> Self {
        Self { at: At::Start(Some(Box::new(first))), ..self }
    }

    /// Runs statements up to one that awaits, or to the end.
    fn go_on(&mut self, mut flow: Flow) -> Does {
        loop {
            let statement = match self.blocks.next_statement(flow, |raised, kind| self.me.catches(raised, kind)) {
                Ok(statement) => statement,
                Err(flow) => return Does::Go(flow),
            };
            flow = match statement {
                Statement::Return(number) => Flow::Return(Some(number)),
                Statement::Raise(kind, number) => Flow::Raise(exception(&kind, number)),
                Statement::RaiseCancelled => Flow::Raise(Exception::cancelled()),
                Statement::Reraise => Flow::Raise(self.blocks.handled().expect("a bare raise stands inside a handler")),
                Statement::Loop(turns, body) => self.blocks.enter_loop(turns, &body),
                Statement::Try { body, handlers, last } => self.blocks.enter_try(&body, handlers, last),
                statement => match self.me.start(&statement, self.blocks.handled()) {
                    Ok(Does::Go(flow)) => flow,
                    Ok(Does::Await(child)) => return Does::Await(child),
                    Err(raised) => Flow::Raise(raised),
                },
            };
        }
    }
}

impl Coroutine for Activation {
    type Yield = Await;
    type Input = ();
    type Return = Flow;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let came = match &mut self.at {
                At::Start(first) => {
                    let first = first.take();
                    take_sent(&mut sent).and_then(|()| first.map_or(Ok(()), |first| first())).map(|()| Flow::Next)
                }
                At::Awaiting(child) => yield_from!(child, sent),
            };
            // The child goes before anything else runs, as in CPython, where unwinding takes it off the stack.
            self.at = At::Start(None);
            match self.go_on(came.unwrap_or_else(Flow::Raise)) {
                Does::Await(child) => self.at = At::Awaiting(child),
                Does::Go(Flow::Raise(raised)) => return Err(raised),
                Does::Go(flow) => return Ok(Step::Return(flow)),
            }
        }
    }
}

impl Me {
    /// Whether `except kind` catches the exception. Logs it if so.
    fn catches(&self, raised: &Exception, kind: &str) -> bool {
        let caught = is_caught_by(raised, kind);
        if caught {
            self.note(&json!(["caught", describe(raised)]));
        }
        caught
    }
}
