//! The open blocks around the next statement of a script, which CPython keeps in its exception table.
//!
//! A statement either continues with the next one or leaves its block, and [`Flow`] says how. The block decides what happens
//! then: a loop repeats, a handler catches, a `finally` runs first and continues afterwards. Each block has its own program
//! counter, so nothing recurses, and a script can be suspended anywhere.

use std::rc::Rc;

use innermost::Exception;

/// Statements that run one after the other. Shared, so that a machine can hold on to the one it is in.
pub(crate) type Body<Statement> = Rc<[Statement]>;

/// An `except` clause.
pub(crate) struct Handler<Statement> {
    pub(crate) kind: Rc<str>,
    pub(crate) body: Body<Statement>,
}

/// How a script continues: with the next statement, or out of the block.
pub(crate) enum Flow {
    Next,
    Return(Option<i64>),
    Raise(Exception),
}

impl Flow {
    /// The result of a script that is left this way.
    pub(crate) fn returned(self) -> Option<i64> {
        match self {
            Self::Return(value) => value,
            Self::Next | Self::Raise(_) => None,
        }
    }
}

/// The blocks that were entered and not left, outermost first.
pub(crate) struct Blocks<Statement> {
    open: Vec<Block<Statement>>,
    /// The exception that is being handled around the outermost block.
    handled: Option<Exception>,
}

struct Block<Statement> {
    body: Body<Statement>,
    next: usize,
    kind: BlockKind<Statement>,
}

/// A block's reaction when it is left.
enum BlockKind<Statement> {
    Script,
    Loop { turns_left: u64 },
    Try { handlers: Rc<[Handler<Statement>]>, last: Option<Body<Statement>> },
    Except { handled: Exception, last: Option<Body<Statement>> },
    Finally { held_back: Flow },
}

impl<Statement: Clone> Blocks<Statement> {
    /// The blocks before the first statement of a body, while `handled` is being handled.
    pub(crate) fn new(body: &Body<Statement>, handled: Option<Exception>) -> Self {
        Self { open: vec![Block::new(body, BlockKind::Script)], handled }
    }

    /// Whether all blocks have been left.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Leaves blocks until one has a next statement. Returns that statement, or the flow if all blocks are left. A handler runs
    /// if `catches` returns true for the exception and the name of the handler's kind.
    pub(crate) fn next_statement(
        &mut self,
        mut flow: Flow,
        catches: impl Fn(&Exception, &str) -> bool,
    ) -> Result<Statement, Flow> {
        while let Some(block) = self.open.last_mut() {
            if let (Flow::Next, Some(statement)) = (&flow, block.next_statement()) {
                return Ok(statement);
            }
            flow = self.leave(flow, &catches);
        }
        Err(flow)
    }

    /// Leaves the innermost block by `flow`. This may lead into a handler or a `finally` instead of out of the block.
    fn leave(&mut self, flow: Flow, catches: impl Fn(&Exception, &str) -> bool) -> Flow {
        let Some(block) = self.open.pop() else { return flow };
        match (block.kind, flow) {
            (BlockKind::Try { handlers, last }, Flow::Raise(raised)) => {
                match handlers.iter().find(|handler| catches(&raised, &handler.kind)) {
                    Some(handler) => self.enter(&handler.body, BlockKind::Except { handled: raised, last }),
                    None => self.run_finally(last, Flow::Raise(raised)),
                }
            }
            (BlockKind::Try { last, .. } | BlockKind::Except { last, .. }, flow) => self.run_finally(last, flow),
            (BlockKind::Finally { held_back }, Flow::Next) => held_back,
            // A new flow out of a `finally` replaces the one it held back.
            (BlockKind::Finally { .. } | BlockKind::Script | BlockKind::Loop { .. }, flow) => flow,
        }
    }

    fn run_finally(&mut self, last: Option<Body<Statement>>, held_back: Flow) -> Flow {
        match last {
            Some(body) => self.enter(&body, BlockKind::Finally { held_back }),
            None => held_back,
        }
    }

    /// Runs a body a number of times.
    pub(crate) fn enter_loop(&mut self, turns: u64, body: &Body<Statement>) -> Flow {
        self.enter(body, BlockKind::Loop { turns_left: turns })
    }

    /// Runs a body with handlers, and then `last` in any case.
    pub(crate) fn enter_try(
        &mut self,
        body: &Body<Statement>,
        handlers: Rc<[Handler<Statement>]>,
        last: Option<Body<Statement>>,
    ) -> Flow {
        self.enter(body, BlockKind::Try { handlers, last })
    }

    fn enter(&mut self, body: &Body<Statement>, kind: BlockKind<Statement>) -> Flow {
        self.open.push(Block::new(body, kind));
        Flow::Next
    }

    /// The exception that is being handled, which a bare `raise` raises.
    pub(crate) fn handled(&self) -> Option<Exception> {
        let inside = self.open.iter().rev().find_map(|block| match &block.kind {
            BlockKind::Except { handled, .. } => Some(handled.clone()),
            BlockKind::Finally { held_back: Flow::Raise(raised) } => Some(raised.clone()),
            _ => None,
        });
        inside.or_else(|| self.handled.clone())
    }
}

impl<Statement: Clone> Block<Statement> {
    fn new(body: &Body<Statement>, kind: BlockKind<Statement>) -> Self {
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
