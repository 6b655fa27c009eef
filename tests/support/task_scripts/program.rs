//! Recorded programs: one JSON object a line, `{"scripts": [...], "log": [...], "end": ...}`.
//!
//! A script is a list of statements, the body of one `async def`; the first one is the main task's. Everything that a
//! number names is shared by the whole program: task slots 0-2, futures 0-2, locks 0-1, semaphores 0-1 (of value 1 and
//! 2), events 0-1, conditions 0-1 (each with a lock of its own), barriers 0-1 (of 2 and 3 parties), queues 0-1 (of
//! maxsize 0 and 2).
//!
//! ```text
//! ["log", k]                 log ["log", k]
//! ["sleep", s]               sleep s seconds; sleep 0 lets the others run once
//! ["call", i]                await scripts[i] in the same task; log ["got", v]
//! ["spawn", slot, i]         slot = create_task(scripts[i]); log ["spawned", name]
//! ["join", slot]             await the slot's task; log ["joined", v]         (an empty slot: log ["empty"])
//! ["shield", slot]           await shield(the slot's task); log ["shielded", v]           (empty: the same)
//! ["cancel", slot]           log ["cancel", what cancel() returned]                       (empty: the same)
//! ["uncancel"]               log ["uncancel", what current_task().uncancel() returned]
//! ["fut_wait", f]            await the future; log ["fut", v]
//! ["fut_set", f, k]          set_result(k)                                (already done: log ["invalid"])
//! ["fut_fail", f, kind, k]   set_exception(kind(k))                       (already done: log ["invalid"])
//! ["fut_cancel", f]          log ["fut_cancel", what cancel() returned]
//! ["lock", l, body]          async with lock: log ["locked"], body
//! ["sem", s, body]           async with semaphore: log ["acquired"], body
//! ["event_wait", e]          await event.wait(); log ["event"]
//! ["event_set", e]  ["event_clear", e]
//! ["cond_wait", c]           async with condition: await condition.wait(); log ["notified"]
//! ["notify", c, n]           async with condition: condition.notify(n); log ["notify"]
//! ["barrier", b]             log ["barrier", what barrier.wait() returned]          (broken: log ["broken"])
//! ["put", q, k]              await queue.put(k); log ["put"]
//! ["get", q]                 log ["item", what queue.get() returned]
//! ["put_nowait", q, k]       log ["put"], or ["full"]
//! ["get_nowait", q]          log ["item", k], or ["none"]
//! ["task_done", q]           log ["task_done"], or ["too many"]
//! ["queue_join", q]          await queue.join(); log ["joined queue"]
//! ["gather", [i...], keep]   gather the scripts, return_exceptions=keep; log ["gathered", [...]]
//! ["wait", [slot...], s, when]   wait for the slots' tasks (each task once; none: log ["empty"]), s seconds or null,
//!                            when one of FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED;
//!                            log ["waited", [names done], [names pending]], both in the order of creation
//! ["wait_for", s, i]         await wait_for(scripts[i], s) in the same task; log ["got", v]
//! ["timeout", s, body]       async with timeout(s): body
//! ["as_completed", [i...]]   create a task for each script, then log ["completed", v or exc] as each ends
//! ["group", [i...], body]    async with TaskGroup: create a task for each script, then body
//! ["soon", k]                call_soon; the callback logs ["callback", k]
//! ["later", s, k]            call_later(s); the callback logs ["callback", k]
//! ["return", k]  ["raise", kind, k]  ["reraise"]  ["loop", n, body]  ["try", body, handlers, final]
//!                            as for generators; a handler logs ["caught", exc]
//! ```
//!
//! A handler may name what a script can raise (`ValueError`, `KeyError`, `CancelledError`, `TimeoutError`), and
//! `RuntimeError`, `ExceptionGroup`, `Exception` (not `CancelledError`) and `BaseException` (all).
//!
//! An entry of the log is `[time, who, ...]`: time in whole seconds, who the name of the task that ran (numbered as they
//! are created), or "loop" for a plain callback. exc is `[kind, k]`; `[kind, null]` where the exception carries no
//! number of the script's own; or `["ExceptionGroup", [exc...]]`. "end" is `["returned", v]` or `["raised", exc]` for
//! the main task, or `["deadlock"]` where everything waits and no timer is left: the log then ends there.

use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use crate::blocks::{self, Handler};
use crate::recorded::{count, list, number, text};

/// One recorded program.
pub(crate) struct Program {
    pub(crate) scripts: Vec<Body>,
    pub(crate) log: Vec<Value>,
    pub(crate) end: Value,
}

/// The statements of a script.
pub(crate) type Body = blocks::Body<Statement>;

/// Numbers of scripts, or of slots.
pub(crate) type Numbers = Rc<[usize]>;

/// One statement of a script.
#[derive(Clone)]
pub(crate) enum Statement {
    Log(i64),
    Sleep(Duration),
    Call(usize),
    Spawn { slot: usize, script: usize },
    Join(usize),
    Shield(usize),
    Cancel(usize),
    Uncancel,
    FutureWait(usize),
    FutureSet(usize, i64),
    FutureFail(usize, Rc<str>, i64),
    FutureCancel(usize),
    Lock(usize, Body),
    Semaphore(usize, Body),
    EventWait(usize),
    EventSet(usize),
    EventClear(usize),
    ConditionWait(usize),
    Notify(usize, usize),
    Barrier(usize),
    Put(usize, i64),
    Get(usize),
    PutNowait(usize, i64),
    GetNowait(usize),
    TaskDone(usize),
    QueueJoin(usize),
    Gather { scripts: Numbers, keep_exceptions: bool },
    Wait { slots: Numbers, timeout: Option<Duration>, when: Rc<str> },
    WaitFor(Duration, usize),
    Timeout(Duration, Body),
    AsCompleted(Numbers),
    Group(Numbers, Body),
    Soon(i64),
    Later(Duration, i64),
    Return(i64),
    Raise(Rc<str>, i64),
    Reraise,
    Loop(u64, Body),
    Try { body: Body, handlers: Rc<[Handler<Statement>]>, last: Option<Body> },
}

impl Program {
    /// Reads one recorded line.
    pub(crate) fn parse(line: &str) -> Self {
        let program: Value = serde_json::from_str(line).expect("a recorded line is JSON");
        Self {
            scripts: list(&program["scripts"]).iter().map(body).collect(),
            log: list(&program["log"]).to_vec(),
            end: program["end"].clone(),
        }
    }
}

fn body(statements: &Value) -> Body {
    list(statements).iter().map(statement).collect()
}

fn statement(recorded: &Value) -> Statement {
    let name = text(&recorded[0]);
    let operands = &list(recorded)[1..];
    let found = plain(&name, operands).or_else(|| synchronising(&name, operands)).or_else(|| nested(&name, operands));
    found.unwrap_or_else(|| panic!("no such statement: {recorded}"))
}

/// The statements about tasks, futures and callbacks.
fn plain(name: &str, operands: &[Value]) -> Option<Statement> {
    Some(match (name, operands) {
        ("log", [k]) => Statement::Log(number(k)),
        ("sleep", [time]) => Statement::Sleep(seconds(time)),
        ("call", [script]) => Statement::Call(index(script)),
        ("spawn", [slot, script]) => Statement::Spawn { slot: index(slot), script: index(script) },
        ("join", [slot]) => Statement::Join(index(slot)),
        ("shield", [slot]) => Statement::Shield(index(slot)),
        ("cancel", [slot]) => Statement::Cancel(index(slot)),
        ("uncancel", []) => Statement::Uncancel,
        ("fut_wait", [future]) => Statement::FutureWait(index(future)),
        ("fut_set", [future, k]) => Statement::FutureSet(index(future), number(k)),
        ("fut_fail", [future, kind, k]) => Statement::FutureFail(index(future), text(kind), number(k)),
        ("fut_cancel", [future]) => Statement::FutureCancel(index(future)),
        ("gather", [scripts, keep]) => {
            Statement::Gather { scripts: indexes(scripts), keep_exceptions: keep.as_bool().expect("a truth value") }
        }
        ("wait", [slots, time, when]) => Statement::Wait {
            slots: indexes(slots),
            timeout: (!time.is_null()).then(|| seconds(time)),
            when: text(when),
        },
        ("wait_for", [time, script]) => Statement::WaitFor(seconds(time), index(script)),
        ("as_completed", [scripts]) => Statement::AsCompleted(indexes(scripts)),
        ("soon", [k]) => Statement::Soon(number(k)),
        ("later", [time, k]) => Statement::Later(seconds(time), number(k)),
        ("return", [k]) => Statement::Return(number(k)),
        ("raise", [kind, k]) => Statement::Raise(text(kind), number(k)),
        ("reraise", []) => Statement::Reraise,
        _ => return None,
    })
}

/// The statements about locks and the like, and about queues.
fn synchronising(name: &str, operands: &[Value]) -> Option<Statement> {
    Some(match (name, operands) {
        ("event_wait", [event]) => Statement::EventWait(index(event)),
        ("event_set", [event]) => Statement::EventSet(index(event)),
        ("event_clear", [event]) => Statement::EventClear(index(event)),
        ("cond_wait", [condition]) => Statement::ConditionWait(index(condition)),
        ("notify", [condition, n]) => Statement::Notify(index(condition), index(n)),
        ("barrier", [barrier]) => Statement::Barrier(index(barrier)),
        ("put", [queue, k]) => Statement::Put(index(queue), number(k)),
        ("get", [queue]) => Statement::Get(index(queue)),
        ("put_nowait", [queue, k]) => Statement::PutNowait(index(queue), number(k)),
        ("get_nowait", [queue]) => Statement::GetNowait(index(queue)),
        ("task_done", [queue]) => Statement::TaskDone(index(queue)),
        ("queue_join", [queue]) => Statement::QueueJoin(index(queue)),
        _ => return None,
    })
}

/// The statements that hold others.
fn nested(name: &str, operands: &[Value]) -> Option<Statement> {
    Some(match (name, operands) {
        ("lock", [lock, held]) => Statement::Lock(index(lock), body(held)),
        ("sem", [semaphore, held]) => Statement::Semaphore(index(semaphore), body(held)),
        ("timeout", [time, limited]) => Statement::Timeout(seconds(time), body(limited)),
        ("group", [scripts, inner]) => Statement::Group(indexes(scripts), body(inner)),
        ("loop", [turns, repeated]) => Statement::Loop(count(turns), body(repeated)),
        ("try", [tried, handlers, last]) => Statement::Try {
            body: body(tried),
            handlers: list(handlers).iter().map(handler).collect(),
            last: (!last.is_null()).then(|| body(last)),
        },
        _ => return None,
    })
}

fn handler(recorded: &Value) -> Handler<Statement> {
    Handler { kind: text(&recorded[0]), body: body(&recorded[1]) }
}

fn index(value: &Value) -> usize {
    usize::try_from(count(value)).expect("a small number")
}

fn indexes(value: &Value) -> Numbers {
    list(value).iter().map(index).collect()
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs(count(value))
}
