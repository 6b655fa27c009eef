//! Code shared by the tests that replay recordings: finding a recording, reading its JSON, and printing a log that differs.

use std::env;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::rc::Rc;

use serde_json::Value;

/// The path of a recording and its lines: of `name` in `tests/data`, or of the file that `ORACLE_FILE` names.
pub(crate) fn programs(name: &str) -> (String, impl Iterator<Item = String>) {
    let path = env::var("ORACLE_FILE").unwrap_or_else(|_| format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR")));
    let file = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    (path, BufReader::new(file).lines().map(|line| line.expect("a recording is text")))
}

/// Where a replay parts from its recording.
pub(crate) struct Difference {
    expected: Vec<Value>,
    came: Vec<Value>,
    parts_at: usize,
}

impl Difference {
    /// Compares two logs. `None` if they are equal.
    pub(crate) fn between(expected: &[Value], came: Vec<Value>) -> Option<Self> {
        let parts_at = came.iter().zip(expected).take_while(|(came, expected)| came == expected).count();
        let same = parts_at == came.len() && parts_at == expected.len();
        (!same).then(|| Self { expected: expected.to_vec(), came, parts_at })
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

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

pub(crate) fn text(value: &Value) -> Rc<str> {
    value.as_str().expect("a text").into()
}

pub(crate) fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

pub(crate) fn count(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}
