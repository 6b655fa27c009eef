//! Runs each statement. The module's table lists the statements.

use std::rc::Rc;

use innermost::wait::{
    AsCompleted, NextCompleted, ReturnWhen, TaskGroup, as_completed, gather, gather_all, shield, timeout, wait,
    wait_for,
};
use innermost::{Await, Coroutine, CoroutineExt, Exception, Resumed, Step, Task, lazy, ready, sleep, yield_from};
use serde_json::{Value, json};

use super::machines::{Machine, Place};
use super::{describe, number, numbers, raise, seconds};

/// Runs a statement up to its first wait. Returns a machine for the rest.
pub(super) fn statement(place: &Place, statement: &Value) -> Result<Machine, Exception> {
    let operand = |at: usize| &statement[at];
    let program = &place.program;
    Ok(match statement[0].as_str().unwrap_or_default() {
        "log" => noted(place, &[json!("log"), operand(1).clone()]),
        "sleep" => Box::new(sleep(seconds(operand(1))).map(|()| None)),
        "call" => place.noting(program.script(number(operand(1)), &place.me), |value| vec![json!("got"), value]),
        "loop" => place.repeated(number(operand(1)), operand(2)),
        "try" => place.attempt(operand(1), operand(2), operand(3)),
        "return" => Box::new(ready(Some(operand(1).clone()))),
        "raise" => return Err(raise(operand(1), operand(2))),
        "reraise" => return Err(place.handled.clone().expect("it stands in a handler")),
        "soon" | "later" => callback(place, statement)?,
        name if name.starts_with("fut_") => future(place, name, statement),
        "spawn" | "join" | "shield" | "cancel" | "uncancel" => task(place, statement)?,
        _ => several(place, statement)?,
    })
}

fn noted(place: &Place, entry: &[Value]) -> Machine {
    place.note(entry);
    Box::new(ready(None))
}

fn callback(place: &Place, statement: &Value) -> Result<Machine, Exception> {
    let program = Rc::clone(&place.program);
    let number = statement.as_array().and_then(|operands| operands.last()).cloned().unwrap_or_default();
    let note = move || program.note("loop", &[json!("callback"), number]);
    match statement[0].as_str() {
        Some("soon") => drop(place.program.event_loop.call_soon(note)?),
        _ => drop(place.program.event_loop.call_later(seconds(&statement[1]), note)?),
    }
    Ok(Box::new(ready(None)))
}

fn future(place: &Place, name: &str, statement: &Value) -> Machine {
    let future = place.program.futures[number(&statement[1])].clone();
    match name {
        "fut_wait" => return place.noting(future, |value| vec![json!("fut"), value]),
        "fut_cancel" => return noted(place, &[json!("fut_cancel"), json!(future.cancel())]),
        "fut_set" if !future.done() => drop(future.set_result(statement[2].clone())),
        "fut_fail" if !future.done() => drop(future.set_exception(raise(&statement[2], &statement[3]))),
        _ => return noted(place, &[json!("invalid")]),
    }
    Box::new(ready(None))
}

fn task(place: &Place, statement: &Value) -> Result<Machine, Exception> {
    let program = &place.program;
    let name = statement[0].as_str().unwrap_or_default();
    if name == "uncancel" {
        // `None` if the loop closes the rest.
        let left = program.event_loop.current_task().map_or(0, |task| task.uncancel());
        return Ok(noted(place, &[json!("uncancel"), json!(left)]));
    }
    if name == "spawn" {
        let task = program.spawn_all(&json!([statement[2]]))?.remove(0);
        program.slots.borrow_mut()[number(&statement[1])] = Some(program.created.borrow().len() - 1);
        return Ok(noted(place, &[json!("spawned"), program.name_of(&task)]));
    }
    let Some(task) = program.in_slot(&statement[1]) else { return Ok(noted(place, &[json!("empty")])) };
    Ok(match name {
        "join" => place.noting(task, |value| vec![json!("joined"), value]),
        "shield" => place.noting(shield(task), |value| vec![json!("shielded"), value]),
        _ => noted(place, &[json!("cancel"), json!(task.cancel())]),
    })
}

fn several(place: &Place, statement: &Value) -> Result<Machine, Exception> {
    let program = &place.program;
    let operand = |at: usize| &statement[at];
    Ok(match statement[0].as_str().unwrap_or_default() {
        "gather" if operand(2) == &json!(true) => {
            let all = gather_all(program.spawn_all(operand(1))?);
            place.noting(all, |results| {
                let result = |result: Result<Value, _>| result.unwrap_or_else(|raised| describe(&raised));
                vec![json!("gathered"), results.into_iter().map(result).collect()]
            })
        }
        "gather" => {
            let all = gather(program.spawn_all(operand(1))?);
            place.noting(all, |results| vec![json!("gathered"), Value::Array(results)])
        }
        "wait" => waiting(place, statement),
        "wait_for" => {
            let limited = wait_for(program.script(number(operand(2)), &place.me), seconds(operand(1)));
            place.noting(limited, |value| vec![json!("got"), value])
        }
        "timeout" => Box::new(timeout(place.block(operand(2)), seconds(operand(1)))),
        "group" => group(place, operand(1).clone(), operand(2).clone()),
        "as_completed" => {
            let mut race = as_completed(program.spawn_all(operand(1))?);
            Box::new(Race { place: place.clone(), next: race.next(), race })
        }
        _ => panic!("{statement} is no statement"),
    })
}

fn waiting(place: &Place, statement: &Value) -> Machine {
    let mut tasks: Vec<Task<Value>> =
        numbers(&statement[1]).filter_map(|slot| place.program.in_slot(&json!(slot))).collect();
    if tasks.is_empty() {
        return noted(place, &[json!("empty")]);
    }
    tasks.sort_by_key(|task| number_of(&place.program.name_of(task)));
    let until = match statement[3].as_str() {
        Some("FIRST_COMPLETED") => ReturnWhen::FirstCompleted,
        Some("FIRST_EXCEPTION") => ReturnWhen::FirstException,
        _ => ReturnWhen::AllCompleted,
    };
    let limit = Some(&statement[2]).filter(|limit| !limit.is_null()).map(seconds);
    let program = Rc::clone(&place.program);
    place.noting(wait(tasks).timeout(limit).return_when(until), move |(done, pending)| {
        let names = |tasks: Vec<Task<Value>>| tasks.iter().map(|task| program.name_of(task)).collect::<Value>();
        vec![json!("waited"), names(done), names(pending)]
    })
}

fn number_of(name: &Value) -> usize {
    name.as_str().and_then(|name| name[1..].parse().ok()).unwrap_or_default()
}

fn group(place: &Place, scripts: Value, body: Value) -> Machine {
    let group = TaskGroup::new();
    let (place, inside) = (place.clone(), group.clone());
    Box::new(group.scope(lazy(move || {
        for index in numbers(&scripts) {
            place.program.spawn(index, |body| inside.create_task(body)).expect("it was just entered");
        }
        place.block(&body)
    })))
}

/// The loop over completed children.
struct Race {
    place: Place,
    race: AsCompleted<Value>,
    next: Option<NextCompleted<Value>>,
}

impl Coroutine for Race {
    type Yield = Await;
    type Input = ();
    type Return = Option<Value>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while let Some(next) = &mut self.next {
            let completed = match yield_from!(next, sent) {
                Err(raised) if !raised.is_cancelled() => describe(&raised),
                completed => completed?,
            };
            self.place.note(&[json!("completed"), completed]);
            self.next = self.race.next();
        }
        Ok(Step::Return(None))
    }
}
