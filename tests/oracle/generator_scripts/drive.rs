//! Drives a generator as the recording did, and compares the logs.

use std::rc::Rc;

use innermost::{Exception, Generator, Kind, Stop};
use serde_json::{Value, json};

use super::exceptions::{describe, exception, number};
use super::program::Drive;
use super::{Activation, Children, Program, Run};
use crate::recorded::Difference;

/// The result of a replay.
pub(crate) enum Replay {
    /// Exactly the recorded log.
    Same,
    Differs(Difference),
    /// It differs, and an activation was dropped that had not ended.
    LostOne(Difference),
}

/// Runs a program, its scripts holding their children as `children` says.
pub(crate) fn replay(program: &Rc<Program>, children: Children) -> Replay {
    let run = Run::new(Rc::clone(program), children);
    let mut generator = Generator::new(Activation::new(Rc::clone(&run)));
    for step in &program.drive {
        let entry = drive(&mut generator, step);
        run.log(entry);
    }
    let came = run.take_log();
    match Difference::between(&program.log, came) {
        None => Replay::Same,
        Some(difference) if run.has_lost_one() => Replay::LostOne(difference),
        Some(difference) => Replay::Differs(difference),
    }
}

fn drive(generator: &mut Generator<Activation>, step: &Drive) -> Value {
    match step {
        Drive::Next => resumed(generator.next()),
        Drive::Send(value) => resumed(generator.send(Some(*value))),
        Drive::Throw(kind, number) => resumed(generator.throw(exception(kind, *number))),
        Drive::Close => match generator.close() {
            Ok(returned) => json!(["closed", returned.flatten()]),
            Err(raised) => out_of_it(&raised),
        },
    }
}

fn resumed(outcome: Result<i64, Stop<Option<i64>>>) -> Value {
    match outcome {
        Ok(yielded) => json!(["yielded", yielded]),
        Err(Stop::Returned(value)) => json!(["stop", value]),
        Err(Stop::Exhausted) => json!(["stop", null]),
        Err(Stop::Raised(raised)) => out_of_it(&raised),
    }
}

/// Python tells a `StopIteration` that was thrown into an ended generator from one that says so by its value alone.
fn out_of_it(raised: &Exception) -> Value {
    match raised.kind() {
        Kind::StopIteration => json!(["stop", number(raised)]),
        _ => json!(["raised", describe(raised)]),
    }
}
