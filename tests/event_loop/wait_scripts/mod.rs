//! Replays programs recorded from CPython 3.13, in which tasks wait for each other.
//!
//! A program is a list of scripts, and `scripts[0]` is the main task; a script is a list of statements, the body of one
//! `async def`. Task slots 0 to 2 and futures 0 to 2 are the whole program's. An entry of the log is `[time, who, ...]`:
//! the time in whole seconds, and who ran (`t0` is the main task; tasks are numbered as they are created).
//!
//! ```text
//!  ["log", k]                     log ["log", k]
//!  ["sleep", s]                   0 lets the others run once
//!  ["call", i]                    await scripts[i] in the same task; log ["got", v]
//!  ["spawn", slot, i]             log ["spawned", name]
//!  ["join", slot], ["shield", slot]                  log ["joined", v], ["shielded", v]; an empty slot: ["empty"]
//!  ["cancel", slot], ["uncancel"]                    log ["cancel", bool], ["uncancel", count]
//!  ["fut_wait", f], ["fut_set", f, k], ["fut_fail", f, kind, k], ["fut_cancel", f]
//!  ["gather", [i...], keep]       log ["gathered", [v or exc...]]
//!  ["wait", [slot...], s, when]   log ["waited", [names done], [names pending]]
//!  ["wait_for", s, i]             log ["got", v]
//!  ["as_completed", [i...]]       log ["completed", v or exc] for each
//!  ["timeout", s, body], ["group", [i...], body]     the group's tasks are created before its body
//!  ["soon", k], ["later", s, k]   a callback that logs ["callback", k]
//!  ["return", k], ["raise", kind, k], ["reraise"], ["loop", n, body]
//!  ["try", body, [[kind, handler]...], final]        a handler logs ["caught", exc]
//! ```
//!
//! At 20 seconds every future that is not done gets the result 0; at 40 and at 60 every task that is not done is
//! cancelled. When the main task has ended, these timers and all other tasks are cancelled, and the loop runs until
//! they have ended.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use innermost::wait::ExceptionGroup;
use innermost::{CoroutineExt, EventLoop, Exception, Future, Kind, LoopHandle, Task, TimerHandle, ready};
use serde_json::{Value, json};

mod machines;
mod statements;

use machines::{Body, block};

/// The objects that the scripts of a program share.
pub(crate) struct Program {
    event_loop: LoopHandle,
    scripts: Vec<Value>,
    log: RefCell<Vec<Value>>,
    slots: RefCell<[Option<usize>; 3]>,
    created: RefCell<Vec<Task<Value>>>,
    futures: [Future<Value>; 3],
}

/// Runs the program in `text`, which has one script per line, and compares its log with CPython's: each line of `recorded` is
/// an entry of the log. The last line is the outcome of the main task.
pub(crate) fn expect(text: &str, recorded: &str) {
    let values = |text: &str| {
        let values = serde_json::Deserializer::from_str(text).into_iter::<Value>().collect::<Result<Vec<_>, _>>();
        values.unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    let (mut log, end) = run(values(text));
    log.push(end);
    let print = |log: &[Value]| log.iter().map(|entry| format!("{entry}\n")).collect::<String>();
    assert_eq!(print(&log), print(&values(recorded)));
}

/// Runs a program. Returns its log, and the outcome of its main task.
pub(crate) fn run(scripts: Vec<Value>) -> (Vec<Value>, Value) {
    let event_loop = crate::support::clock::test_loop();
    event_loop.set_exception_handler(|_| ());
    let program = Rc::new(Program {
        event_loop: event_loop.handle(),
        scripts,
        log: RefCell::default(),
        slots: RefCell::default(),
        created: RefCell::default(),
        futures: std::array::from_fn(|_| event_loop.create_future()),
    });
    let end = program.run(&event_loop).unwrap_or_else(|_deadlock| json!(["deadlock"]));
    (program.log.take(), end)
}

/// Calls `function` in a task. Returns its result.
pub(crate) fn in_task<T: 'static>(
    event_loop: &EventLoop,
    function: impl FnOnce() -> Result<T, Exception> + 'static,
) -> T {
    let called = ready(()).map(|()| function());
    event_loop.run_until_complete(called).expect("it calls").unwrap_or_else(|raised| panic!("{raised:?}"))
}

impl Program {
    fn run(self: &Rc<Self>, event_loop: &EventLoop) -> Result<Value, Exception> {
        let at = |seconds, run: fn(&Self)| {
            let this = Rc::clone(self);
            event_loop.call_at(innermost::Instant::from_zero(Duration::from_secs(seconds)), move || run(&this))
        };
        let timers = [at(20, Self::release)?, at(40, Self::cancel_all)?, at(60, Self::cancel_all)?];
        let main = self.spawn_all(&json!([0]))?.remove(0);
        let returned = event_loop.run_until_complete(main.clone());
        if !main.done() {
            return Err(returned.unwrap_err());
        }
        let end = match returned {
            Ok(value) => json!(["returned", value]),
            Err(raised) => json!(["raised", describe(&raised)]),
        };
        timers.iter().for_each(TimerHandle::cancel);
        let left: Vec<_> = self.created.borrow().iter().filter(|task| !task.done()).cloned().collect();
        left.iter().for_each(|task| {
            task.cancel();
        });
        // What `gather` of them does, which needs a loop that runs.
        let over = event_loop.create_future();
        let pending = Rc::new(Cell::new(left.len()));
        for task in &left {
            let (over, pending) = (over.clone(), Rc::clone(&pending));
            task.add_done_callback(move |_| {
                pending.set(pending.get() - 1);
                if pending.get() == 0 {
                    over.set_result(()).expect("nobody else sets it");
                }
            });
        }
        if !left.is_empty() {
            event_loop.run_until_complete(over)?;
        }
        Ok(end)
    }

    fn note(&self, who: &str, entry: &[Value]) {
        let mut noted = vec![json!(self.event_loop.time().since_zero().as_secs()), json!(who)];
        noted.extend_from_slice(entry);
        self.log.borrow_mut().push(Value::Array(noted));
    }

    /// The body of a script, run as `me`.
    fn script(self: &Rc<Self>, index: usize, me: &Rc<str>) -> Body {
        Box::new(block(self, &self.scripts[index], me, None).map(Option::unwrap_or_default))
    }

    /// Creates a task for a script with `create`. Returns its number.
    fn spawn(
        self: &Rc<Self>,
        index: usize,
        create: impl FnOnce(Body) -> Result<Task<Value>, Exception>,
    ) -> Result<usize, Exception> {
        let number = self.created.borrow().len();
        let task = create(self.script(index, &format!("t{number}").into()))?;
        self.created.borrow_mut().push(task);
        Ok(number)
    }

    /// Tasks of the loop for scripts.
    fn spawn_all(self: &Rc<Self>, scripts: &Value) -> Result<Vec<Task<Value>>, Exception> {
        let spawn =
            |index| self.spawn(index, |body| self.event_loop.create_task(body)).map(|number| self.created(number));
        numbers(scripts).map(spawn).collect()
    }

    fn created(&self, number: usize) -> Task<Value> {
        self.created.borrow()[number].clone()
    }

    fn in_slot(&self, slot: &Value) -> Option<Task<Value>> {
        self.slots.borrow()[number(slot)].map(|number| self.created(number))
    }

    fn name_of(&self, task: &Task<Value>) -> Value {
        let number = self.created.borrow().iter().position(|other| other.is(task));
        json!(format!("t{}", number.expect("every task of a program is listed")))
    }

    fn release(&self) {
        self.note("loop", &[json!("callback"), json!("release")]);
        for future in &self.futures {
            // Done already.
            let _ = future.set_result(json!(0));
        }
    }

    fn cancel_all(&self) {
        self.note("loop", &[json!("callback"), json!("cancel all")]);
        let created: Vec<_> = self.created.borrow().clone();
        created.iter().for_each(|task| {
            task.cancel();
        });
    }
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|number| number.try_into().ok()).unwrap_or_else(|| panic!("{value} is no small number"))
}

fn numbers(list: &Value) -> impl Iterator<Item = usize> + '_ {
    list.as_array().into_iter().flatten().map(number)
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs(number(value) as u64)
}

/// An exception of a script: `kind(number)`.
#[derive(Debug)]
struct Raised {
    kind: String,
    number: Value,
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.kind, self.number)
    }
}

impl Error for Raised {}

fn raise(kind: &Value, number: &Value) -> Exception {
    let raised = Raised { kind: kind.as_str().unwrap_or_default().into(), number: number.clone() };
    let kind = match raised.kind.as_str() {
        "ValueError" => Kind::ValueError,
        "TimeoutError" => Kind::TimeoutError,
        "CancelledError" => Kind::CancelledError,
        _ => Kind::Error,
    };
    Exception::of(kind, raised)
}

/// As the recordings name an exception: its kind, and its number if it was raised by a script.
fn describe(exception: &Exception) -> Value {
    if let Some(group) = exception.downcast_ref::<ExceptionGroup>() {
        return json!(["ExceptionGroup", group.exceptions().iter().map(describe).collect::<Vec<_>>()]);
    }
    match exception.downcast_ref::<Raised>() {
        Some(raised) => json!([raised.kind, raised.number]),
        None => json!([format!("{:?}", exception.kind()), null]),
    }
}

/// Whether `except class` catches it.
fn is_a(exception: &Exception, class: &str) -> bool {
    match class {
        "BaseException" => !exception.is_generator_exit(),
        "Exception" => !exception.is_cancelled() && !exception.is_generator_exit(),
        class => describe(exception)[0] == class,
    }
}
