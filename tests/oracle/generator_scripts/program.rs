//! Recorded programs: one JSON object a line, `{"scripts": [...], "drive": [...], "log": [...]}`.
//!
//! A script is a list of statements:
//!
//! ```text
//! ["yield", k]                 yield k; then log ["sent", v], v being what was sent in (null for next())
//! ["yield_from", i]            yield from scripts[i]; then log ["got", v], v being what it returned
//! ["log", k]                   log ["log", k]
//! ["return", k]                return k
//! ["raise", kind, k]           raise kind(k)
//! ["reraise"]                  a bare raise; stands only inside a handler
//! ["loop", n, body]            run body n times
//! ["try", body, handlers, final]
//!         handlers: [[kind, body], ...]; the first one that matches logs ["caught", exc] and runs;
//!         final: a body, or null
//! ```
//!
//! "drive" is what the outside does to the one generator made from `scripts[0]`: `["next"]`, `["send", v]`,
//! `["throw", kind, k]`, `["close"]`. After each of these one entry is logged: `["yielded", v]`, `["stop", v]`,
//! `["raised", exc]`, `["closed", v]`. exc is `[kind, k]`; `[kind, null]` or `[kind, null, message]` where the engine
//! itself made the exception.

use std::rc::Rc;

use serde_json::Value;

use crate::blocks::{self, Handler};
use crate::recorded::{count, list, number, text};

/// One recorded program.
pub(crate) struct Program {
    pub(crate) scripts: Vec<Body>,
    pub(crate) drive: Vec<Drive>,
    pub(crate) log: Vec<Value>,
}

/// The statements of a script.
pub(crate) type Body = blocks::Body<Statement>;

/// One statement of a script.
#[derive(Clone)]
pub(crate) enum Statement {
    Yield(i64),
    YieldFrom(usize),
    Log(i64),
    Return(i64),
    Raise(Rc<str>, i64),
    Reraise,
    Loop(u64, Body),
    Try { body: Body, handlers: Rc<[Handler<Statement>]>, last: Option<Body> },
}

/// One thing that the outside does to the generator.
pub(crate) enum Drive {
    Next,
    Send(i64),
    Throw(Rc<str>, i64),
    Close,
}

impl Program {
    /// Reads one recorded line.
    pub(crate) fn parse(line: &str) -> Self {
        let program: Value = serde_json::from_str(line).expect("a recorded line is JSON");
        Self {
            scripts: list(&program["scripts"]).iter().map(body).collect(),
            drive: list(&program["drive"]).iter().map(drive).collect(),
            log: list(&program["log"]).to_vec(),
        }
    }
}

fn body(statements: &Value) -> Body {
    list(statements).iter().map(statement).collect()
}

fn statement(recorded: &Value) -> Statement {
    match (text(&recorded[0]).as_ref(), &list(recorded)[1..]) {
        ("yield", [k]) => Statement::Yield(number(k)),
        ("yield_from", [script]) => Statement::YieldFrom(count(script) as usize),
        ("log", [k]) => Statement::Log(number(k)),
        ("return", [k]) => Statement::Return(number(k)),
        ("raise", [kind, k]) => Statement::Raise(text(kind), number(k)),
        ("reraise", []) => Statement::Reraise,
        ("loop", [turns, repeated]) => Statement::Loop(count(turns), body(repeated)),
        ("try", [tried, handlers, last]) => Statement::Try {
            body: body(tried),
            handlers: list(handlers).iter().map(handler).collect(),
            last: (!last.is_null()).then(|| body(last)),
        },
        _ => panic!("no such statement: {recorded}"),
    }
}

fn handler(recorded: &Value) -> Handler<Statement> {
    Handler { kind: text(&recorded[0]), body: body(&recorded[1]) }
}

fn drive(recorded: &Value) -> Drive {
    match (text(&recorded[0]).as_ref(), &list(recorded)[1..]) {
        ("next", []) => Drive::Next,
        ("send", [value]) => Drive::Send(number(value)),
        ("throw", [kind, k]) => Drive::Throw(text(kind), number(k)),
        ("close", []) => Drive::Close,
        _ => panic!("no such step: {recorded}"),
    }
}
