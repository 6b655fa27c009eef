//! Does to a generator what the recording did to its own, and compares.

use std::fmt;
use std::rc::Rc;

use innermost::{Exception, Generator, Kind, Stop};
use serde_json::{Value, json};

use super::exceptions::{describe, exception, number};
use super::program::Drive;
use super::{Activation, Children, Program, Run};

/// What came of a replay.
pub(crate) enum Replay {
    /// Exactly the recorded log.
    Same,
    Differs(Difference),
    /// It differs, and an activation was dropped that had not ended.
    LostOne(Difference),
}

/// Where a replay parts from its recording.
pub(crate) struct Difference {
    expected: Vec<Value>,
    came: Vec<Value>,
    parts_at: usize,
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
    if came == program.log {
        return Replay::Same;
    }
    let parts_at = came.iter().zip(&program.log).take_while(|(came, expected)| came == expected).count();
    let difference = Difference { expected: program.log.clone(), came, parts_at };
    if run.has_lost_one() { Replay::LostOne(difference) } else { Replay::Differs(difference) }
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

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "they part at entry {}:", self.parts_at)?;
        let entry = |log: &[Value], at| log.get(at).map_or_else(|| "(nothing more)".to_owned(), Value::to_string);
        for at in 0..self.expected.len().max(self.came.len()) {
            let mark = if at == self.parts_at { '>' } else { ' ' };
            let (expected, came) = (entry(&self.expected, at), entry(&self.came, at));
            writeln!(f, "{mark} {at:3}  expected {expected:40} came {came}")?;
        }
        Ok(())
    }
}
