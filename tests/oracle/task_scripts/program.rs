//! Recorded programs: one JSON object a line, `{"scripts": [...], "log": [...], "end": ...}`.
//!
//! A script is a list of statements, the body of one `async def`. The first script is the main task's. All numbered objects
//! are shared by the whole program: task slots 0-2, futures 0-2, locks 0-1, semaphores 0-1 (of value 1 and
//! 2), events 0-1, conditions 0-1 (each with a lock of its own), barriers 0-1 (of 2 and 3 parties), queues 0-3 (of
//! maxsize 0 and 2; a LifoQueue and a PriorityQueue of 2), callbacks 0-2, handles 0-2, timeouts 0-1, groups 0-1.
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
//! `tests/recorders/tasks.py` also uses these. If a slot or another object is empty, a statement logs ["empty"] and ends:
//!
//! ```text
//! ["cancel_with", slot, k]   cancel(k): the CancelledError carries the number
//! ["cancel_me"]              log ["cancel", what current_task().cancel() returned]
//! ["uncancel_slot", slot]    log ["uncancel", what the task's uncancel() returned]
//! ["task_state", slot]       log ["task", done(), cancelled(), cancelling()]
//! ["fut_new", f]             another future takes its place
//! ["fut_result", f]          log ["result", result()]
//! ["fut_cancel_with", f, k]  as fut_cancel; the CancelledError carries the number
//! ["on_task_done", slot, c, action]  ["on_fut_done", f, c, action]       callback c = add_done_callback(action)
//! ["off_done", c]            log ["removed", how many remove_done_callback() has removed]
//! ["soon_do", h, action]  ["later_do", h, s, action]  ["at_do", h, time, action]
//!                            handle h = call_soon(action), call_later(s, action), call_at(time, action)
//! ["handle_cancel", h]       cancel()
//! ["stop"]                   stops the loop; it is run again, and ["stopped"] logged, until the task has ended
//! ["eager"]  ["lazy"]        from now on, tasks take their first step while they are made; do not
//! ["locked", l]              log ["is locked", locked()]
//! ["sem_release", s]         release()
//! ["cond_wait_for", c, e]    async with condition: await condition.wait_for(event e is set); log ["true"]
//! ["notify_bare", c, n]      condition.notify(n), which somebody else may have locked; log ["notify"]
//! ["barrier_reset", b]  ["barrier_abort", b]     log ["reset"], ["abort"]
//! ["shutdown", q, immediate] log ["shutdown"]; put_nowait and get_nowait log ["shut down"] then
//! ["limit", n, how, s, body] timeout n: "after" s seconds, "at" the time s, or "never"; async with it: body
//! ["reschedule", n, s]       s seconds from now, or null for never; log ["moved"]
//! ["timeout_state", n]       log ["timeout", expired(), when()]
//! ["group_in", n, [i...], body]          as "group", with group n
//! ["group_spawn", n, i]      create_task(scripts[i]) of the group; log ["spawned", name]
//! ["await", a]               log ["awaited", what a gave]
//! ["wait_on", [a...], s, when]           as "wait", each future once; log ["waited", [whether it is done...]]
//! ["completing", [a...], s]  as_completed of those that are not done, with a timeout; logs as "as_completed" does
//! ["raise_cancelled"]        raise a bare CancelledError
//! ```
//!
//! An action is a list of statements that neither wait nor raise; they are "loop"'s. What can be awaited:
//!
//! ```text
//! ["task", i]                a new task of scripts[i]
//! ["slot", n]                the slot's task; where there is none, or it is the running one, future n
//! ["future", f]
//! ["shield", a]  ["gather", [a...], keep]        a may be ["script", i], which is made a task without a name
//! ["wait_for", s, a]  ["script", i]  ["get", q]  ["put", q, k]  ["sleep", s]     in the same task
//! ```
//!
//! A handler may name what a script can raise (`ValueError`, `KeyError`, `CancelledError`, `TimeoutError`), and
//! `RuntimeError`, `InvalidStateError`, `QueueShutDown`, `ExceptionGroup`, `Exception` (not `CancelledError`) and
//! `BaseException` (all).
//!
//! An entry of the log is `[time, who, ...]`: time in whole seconds, who the name of the task that ran (numbered as they
//! are created), or "loop" for a plain callback. exc is `[kind, k]`; `[kind, null]` where the exception carries no
//! number of the script's own; or `["ExceptionGroup", [exc...]]`. "end" is `["returned", v]` or `["raised", exc]` for
//! the main task, or `["deadlock"]` where everything waits and no timer is left: the log then ends there.

use std::rc::Rc;
use std::time::Duration;

use innermost::queue::Shutdown;
use innermost::wait::ReturnWhen;
use serde_json::Value;

use crate::blocks::{self, Handler};
use crate::recorded::{self, count, list, number, text};

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

/// An awaitable object.
pub(crate) enum Form {
    Task(usize),
    Slot(usize),
    Future(usize),
    Shield(Box<Form>),
    Gather { children: Vec<Form>, keep_exceptions: bool },
    WaitFor(Option<Duration>, Box<Form>),
    Script(usize),
    Get(usize),
    Put(usize, i64),
    Sleep(Duration),
}

/// When a callback is to run.
#[derive(Clone)]
pub(crate) enum Moment {
    Soon,
    After(Duration),
    At(Duration),
}

/// A deadline that has a number.
#[derive(Clone)]
pub(crate) enum Limit {
    After(Duration),
    At(Duration),
    Never,
}

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
    CancelWith(usize, i64),
    CancelMe,
    Uncancel,
    UncancelSlot(usize),
    TaskState(usize),
    FutureNew(usize),
    FutureWait(usize),
    FutureResult(usize),
    FutureSet(usize, i64),
    FutureFail(usize, Rc<str>, i64),
    FutureCancel(usize),
    FutureCancelWith(usize, i64),
    OnTaskDone { slot: usize, callback: usize, action: Body },
    OnFutureDone { future: usize, callback: usize, action: Body },
    OffDone(usize),
    Do { handle: usize, moment: Moment, action: Body },
    HandleCancel(usize),
    Stop,
    Eager(bool),
    Locked(usize),
    SemaphoreRelease(usize),
    Lock(usize, Body),
    Semaphore(usize, Body),
    EventWait(usize),
    EventSet(usize),
    EventClear(usize),
    ConditionWait(usize),
    ConditionWaitFor(usize, usize),
    Notify(usize, usize),
    NotifyBare(usize, usize),
    Barrier(usize),
    BarrierReset(usize),
    BarrierAbort(usize),
    Put(usize, i64),
    Get(usize),
    PutNowait(usize, i64),
    GetNowait(usize),
    TaskDone(usize),
    QueueJoin(usize),
    Shutdown(usize, Shutdown),
    Await(Rc<Form>),
    WaitOn { forms: Rc<[Form]>, timeout: Option<Duration>, when: ReturnWhen },
    Completing(Rc<[Form]>, Option<Duration>),
    Gather { scripts: Numbers, keep_exceptions: bool },
    Wait { slots: Numbers, timeout: Option<Duration>, when: ReturnWhen },
    WaitFor(Duration, usize),
    Timeout(Duration, Body),
    Limited { number: usize, limit: Limit, body: Body },
    Reschedule(usize, Option<i64>),
    TimeoutState(usize),
    AsCompleted(Numbers),
    Group { number: Option<usize>, scripts: Numbers, body: Body },
    GroupSpawn(usize, usize),
    Soon(i64),
    Later(Duration, i64),
    Return(i64),
    Raise(Rc<str>, i64),
    RaiseCancelled,
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
    let kinds = [plain, calling_back, waiting, synchronising, nested];
    let found = kinds.iter().find_map(|kind| kind(&name, operands));
    found.unwrap_or_else(|| panic!("no such statement: {recorded}"))
}

/// The statements about tasks and futures.
fn plain(name: &str, operands: &[Value]) -> Option<Statement> {
    Some(match (name, operands) {
        ("log", [k]) => Statement::Log(number(k)),
        ("sleep", [time]) => Statement::Sleep(seconds(time)),
        ("call", [script]) => Statement::Call(index(script)),
        ("spawn", [slot, script]) => Statement::Spawn { slot: index(slot), script: index(script) },
        ("join", [slot]) => Statement::Join(index(slot)),
        ("shield", [slot]) => Statement::Shield(index(slot)),
        ("cancel", [slot]) => Statement::Cancel(index(slot)),
        ("cancel_with", [slot, k]) => Statement::CancelWith(index(slot), number(k)),
        ("cancel_me", []) => Statement::CancelMe,
        ("uncancel", []) => Statement::Uncancel,
        ("uncancel_slot", [slot]) => Statement::UncancelSlot(index(slot)),
        ("task_state", [slot]) => Statement::TaskState(index(slot)),
        ("fut_new", [future]) => Statement::FutureNew(index(future)),
        ("fut_result", [future]) => Statement::FutureResult(index(future)),
        ("fut_cancel_with", [future, k]) => Statement::FutureCancelWith(index(future), number(k)),
        ("fut_wait", [future]) => Statement::FutureWait(index(future)),
        ("fut_set", [future, k]) => Statement::FutureSet(index(future), number(k)),
        ("fut_fail", [future, kind, k]) => Statement::FutureFail(index(future), text(kind), number(k)),
        ("fut_cancel", [future]) => Statement::FutureCancel(index(future)),
        ("return", [k]) => Statement::Return(number(k)),
        ("raise", [kind, k]) => Statement::Raise(text(kind), number(k)),
        ("raise_cancelled", []) => Statement::RaiseCancelled,
        ("reraise", []) => Statement::Reraise,
        _ => return None,
    })
}

/// The statements about callbacks, and about the loop.
fn calling_back(name: &str, operands: &[Value]) -> Option<Statement> {
    let calls = |handle, moment, action| Statement::Do { handle: index(handle), moment, action: body(action) };
    Some(match (name, operands) {
        ("on_task_done", [slot, number, action]) => {
            Statement::OnTaskDone { slot: index(slot), callback: index(number), action: body(action) }
        }
        ("on_fut_done", [future, number, action]) => {
            Statement::OnFutureDone { future: index(future), callback: index(number), action: body(action) }
        }
        ("off_done", [number]) => Statement::OffDone(index(number)),
        ("soon_do", [handle, action]) => calls(handle, Moment::Soon, action),
        ("later_do", [handle, time, action]) => calls(handle, Moment::After(seconds(time)), action),
        ("at_do", [handle, time, action]) => calls(handle, Moment::At(seconds(time)), action),
        ("handle_cancel", [handle]) => Statement::HandleCancel(index(handle)),
        ("stop", []) => Statement::Stop,
        ("eager", []) => Statement::Eager(true),
        ("lazy", []) => Statement::Eager(false),
        ("soon", [k]) => Statement::Soon(number(k)),
        ("later", [time, k]) => Statement::Later(seconds(time), number(k)),
        _ => return None,
    })
}

/// The statements that wait for several things, or for a limited time.
fn waiting(name: &str, operands: &[Value]) -> Option<Statement> {
    Some(match (name, operands) {
        ("gather", [scripts, keep]) => {
            Statement::Gather { scripts: indexes(scripts), keep_exceptions: keep.as_bool().expect("a truth value") }
        }
        ("wait", [slots, time, when]) => {
            Statement::Wait { slots: indexes(slots), timeout: unless_null(time, seconds), when: return_when(when) }
        }
        ("wait_for", [time, script]) => Statement::WaitFor(seconds(time), index(script)),
        ("as_completed", [scripts]) => Statement::AsCompleted(indexes(scripts)),
        ("await", [awaited]) => Statement::Await(Rc::new(form(awaited))),
        ("wait_on", [awaited, time, when]) => Statement::WaitOn {
            forms: forms(awaited).into(),
            timeout: unless_null(time, seconds),
            when: return_when(when),
        },
        ("completing", [awaited, time]) => Statement::Completing(forms(awaited).into(), unless_null(time, seconds)),
        ("reschedule", [number, time]) => Statement::Reschedule(index(number), unless_null(time, recorded::number)),
        ("timeout_state", [number]) => Statement::TimeoutState(index(number)),
        ("group_spawn", [number, script]) => Statement::GroupSpawn(index(number), index(script)),
        _ => return None,
    })
}

fn return_when(name: &Value) -> ReturnWhen {
    match &*text(name) {
        "FIRST_COMPLETED" => ReturnWhen::FirstCompleted,
        "FIRST_EXCEPTION" => ReturnWhen::FirstException,
        "ALL_COMPLETED" => ReturnWhen::AllCompleted,
        name => panic!("no such condition: {name}"),
    }
}

fn forms(recorded: &Value) -> Vec<Form> {
    list(recorded).iter().map(form).collect()
}

fn form(recorded: &Value) -> Form {
    match (&*text(&recorded[0]), &list(recorded)[1..]) {
        ("task", [script]) => Form::Task(index(script)),
        ("slot", [slot]) => Form::Slot(index(slot)),
        ("future", [future]) => Form::Future(index(future)),
        ("shield", [inner]) => Form::Shield(Box::new(form(inner))),
        ("gather", [children, keep]) => {
            Form::Gather { children: forms(children), keep_exceptions: keep.as_bool().expect("a truth value") }
        }
        ("wait_for", [time, inner]) => Form::WaitFor(unless_null(time, seconds), Box::new(form(inner))),
        ("script", [script]) => Form::Script(index(script)),
        ("get", [queue]) => Form::Get(index(queue)),
        ("put", [queue, k]) => Form::Put(index(queue), number(k)),
        ("sleep", [time]) => Form::Sleep(seconds(time)),
        _ => panic!("nothing of that sort can be awaited: {recorded}"),
    }
}

/// The statements about locks and the like, and about queues.
fn synchronising(name: &str, operands: &[Value]) -> Option<Statement> {
    Some(match (name, operands) {
        ("event_wait", [event]) => Statement::EventWait(index(event)),
        ("event_set", [event]) => Statement::EventSet(index(event)),
        ("event_clear", [event]) => Statement::EventClear(index(event)),
        ("cond_wait", [condition]) => Statement::ConditionWait(index(condition)),
        ("locked", [lock]) => Statement::Locked(index(lock)),
        ("sem_release", [semaphore]) => Statement::SemaphoreRelease(index(semaphore)),
        ("cond_wait_for", [condition, event]) => Statement::ConditionWaitFor(index(condition), index(event)),
        ("notify_bare", [condition, n]) => Statement::NotifyBare(index(condition), index(n)),
        ("barrier_reset", [barrier]) => Statement::BarrierReset(index(barrier)),
        ("barrier_abort", [barrier]) => Statement::BarrierAbort(index(barrier)),
        ("notify", [condition, n]) => Statement::Notify(index(condition), index(n)),
        ("barrier", [barrier]) => Statement::Barrier(index(barrier)),
        ("put", [queue, k]) => Statement::Put(index(queue), number(k)),
        ("get", [queue]) => Statement::Get(index(queue)),
        ("put_nowait", [queue, k]) => Statement::PutNowait(index(queue), number(k)),
        ("get_nowait", [queue]) => Statement::GetNowait(index(queue)),
        ("task_done", [queue]) => Statement::TaskDone(index(queue)),
        ("queue_join", [queue]) => Statement::QueueJoin(index(queue)),
        ("shutdown", [queue, Value::Bool(true)]) => Statement::Shutdown(index(queue), Shutdown::Immediate),
        ("shutdown", [queue, _]) => Statement::Shutdown(index(queue), Shutdown::Drain),
        _ => return None,
    })
}

/// The statements that hold others.
fn nested(name: &str, operands: &[Value]) -> Option<Statement> {
    Some(match (name, operands) {
        ("lock", [lock, held]) => Statement::Lock(index(lock), body(held)),
        ("sem", [semaphore, held]) => Statement::Semaphore(index(semaphore), body(held)),
        ("timeout", [time, limited]) => Statement::Timeout(seconds(time), body(limited)),
        ("limit", [number, how, time, limited]) => {
            let limit = match &*text(how) {
                "after" => Limit::After(seconds(time)),
                "at" => Limit::At(seconds(time)),
                "never" => Limit::Never,
                how => panic!("no such limit: {how}"),
            };
            Statement::Limited { number: index(number), limit, body: body(limited) }
        }
        ("group", [scripts, inner]) => Statement::Group { number: None, scripts: indexes(scripts), body: body(inner) },
        ("group_in", [number, scripts, inner]) => {
            Statement::Group { number: Some(index(number)), scripts: indexes(scripts), body: body(inner) }
        }
        ("loop", [turns, repeated]) => Statement::Loop(count(turns), body(repeated)),
        ("try", [tried, handlers, last]) => Statement::Try {
            body: body(tried),
            handlers: list(handlers).iter().map(handler).collect(),
            last: unless_null(last, body),
        },
        _ => return None,
    })
}

fn handler(recorded: &Value) -> Handler<Statement> {
    Handler { kind: text(&recorded[0]), body: body(&recorded[1]) }
}

fn unless_null<T>(value: &Value, read: impl FnOnce(&Value) -> T) -> Option<T> {
    (!value.is_null()).then(|| read(value))
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
