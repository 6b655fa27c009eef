//! Compares `StreamReader` with a model of it, for bytes that arrive in pieces and any sequence of reads.

use std::fmt;

use innermost::stream::{IncompleteReadError, LimitOverrunError};
use innermost::testing::virtual_loop;
use innermost::{Awaitable, EventLoop, Exception, Kind, StreamReader, Task};

use crate::campaign::{Campaign, attack, run_seeds};
use crate::random::Random;

#[derive(Clone)]
enum Operation {
    Feed(Vec<u8>),
    Eof,
    Limit(usize),
    Cancel,
    Read(Reading),
}

#[derive(Clone, Copy, Debug)]
enum Reading {
    Some(usize),
    Exactly(usize),
    Until(&'static [&'static [u8]]),
    Line,
    ToEnd,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feed(bytes) => write!(f, "Feed(b\"{}\")", bytes.escape_ascii()),
            Self::Eof => f.write_str("Eof"),
            Self::Limit(limit) => write!(f, "Limit({limit})"),
            Self::Cancel => f.write_str("Cancel"),
            Self::Read(reading) => write!(f, "Read({reading:?})"),
        }
    }
}

/// The outcome of a read, for both the reader and its model.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Bytes(Vec<u8>),
    Incomplete(Vec<u8>),
    TooLong(bool),
    Cancelled,
}

/// The bytes that have arrived and are not read yet.
struct Model {
    bytes: Vec<u8>,
    has_ended: bool,
    limit: usize,
}

impl Model {
    fn new() -> Self {
        Self { bytes: Vec::new(), has_ended: false, limit: 64 * 1024 }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.bytes.drain(..count.min(self.bytes.len())).collect()
    }

    /// `None` where it waits.
    fn read(&mut self, reading: Reading) -> Option<Outcome> {
        match reading {
            Reading::Some(0) => Some(Outcome::Bytes(Vec::new())),
            Reading::Some(_) if self.bytes.is_empty() && !self.has_ended => None,
            Reading::Some(size) => Some(Outcome::Bytes(self.take(size))),
            Reading::Exactly(size) if size <= self.bytes.len() => Some(Outcome::Bytes(self.take(size))),
            Reading::Exactly(_) => self.has_ended.then(|| Outcome::Incomplete(self.take(usize::MAX))),
            Reading::ToEnd => self.has_ended.then(|| Outcome::Bytes(self.take(usize::MAX))),
            Reading::Until(separators) => self.read_until(separators),
            Reading::Line => self.read_until(&[b"\n"]).map(|outcome| match outcome {
                Outcome::Incomplete(bytes) => Outcome::Bytes(bytes),
                outcome => outcome,
            }),
        }
    }

    fn read_until(&mut self, separators: &[&[u8]]) -> Option<Outcome> {
        let ends = (0..=self.bytes.len()).flat_map(|end| separators.iter().map(move |separator| (end, *separator)));
        // The match that ends first, and the shortest of those.
        let found = ends.filter(|(end, separator)| self.bytes[..*end].ends_with(separator));
        let found = found.map(|(end, separator)| (end, separator.len())).min();
        let longest = separators.iter().map(|separator| separator.len()).max()?;
        // A separator may already have begun.
        let surely_none = (self.bytes.len() + 1).saturating_sub(longest);
        match found {
            Some((end, length)) if end - length > self.limit => Some(Outcome::TooLong(true)),
            Some((end, _)) => Some(Outcome::Bytes(self.take(end))),
            None if surely_none > self.limit => Some(Outcome::TooLong(false)),
            None => self.has_ended.then(|| Outcome::Incomplete(self.take(usize::MAX))),
        }
    }
}

/// The reader, and the task that reads.
struct Real {
    event_loop: EventLoop,
    reader: StreamReader,
    task: Option<Task<Vec<u8>>>,
}

impl Real {
    fn new() -> Self {
        let event_loop = virtual_loop().expect("descriptors are left");
        Self { event_loop, reader: StreamReader::new(), task: None }
    }

    fn start(&mut self, reading: Reading) {
        let reader = &self.reader;
        let coroutine: Box<dyn Awaitable<Return = Vec<u8>>> = match reading {
            Reading::Some(size) => Box::new(reader.read(size)),
            Reading::Exactly(size) => Box::new(reader.read_exact(size)),
            Reading::Until(separators) => Box::new(reader.read_until(separators)),
            Reading::Line => Box::new(reader.read_line()),
            Reading::ToEnd => Box::new(reader.read_to_end()),
        };
        self.task = Some(self.event_loop.create_task(coroutine).expect("the loop is open"));
    }

    /// Runs ready callbacks. Returns the outcome of the task if it has ended.
    fn settle(&mut self) -> Option<Outcome> {
        while self.event_loop.next_deadline().is_some() {
            self.event_loop.run_once().expect("a turn");
        }
        let task = self.task.take_if(|task| task.done())?;
        Some(match task.take_result() {
            Ok(bytes) => Outcome::Bytes(bytes),
            Err(raised) if raised.is_cancelled() => Outcome::Cancelled,
            Err(raised) => outcome_of(&raised),
        })
    }
}

fn outcome_of(raised: &Exception) -> Outcome {
    if let Some(error) = raised.downcast_ref::<IncompleteReadError>() {
        return Outcome::Incomplete(error.partial.clone());
    }
    match raised.downcast_ref::<LimitOverrunError>() {
        Some(error) => Outcome::TooLong(error.found),
        None => panic!("it raises {raised}"),
    }
}

/// Does all of it to both, and compares them after each operation.
fn compare(operations: &[Operation]) {
    let (mut model, mut real) = (Model::new(), Real::new());
    let mut waits: Option<Reading> = None;
    for operation in operations {
        match operation {
            Operation::Feed(bytes) if !model.has_ended => {
                model.bytes.extend(bytes);
                real.reader.feed_data(bytes).expect("it is open");
            }
            Operation::Feed(bytes) => {
                assert_eq!(real.reader.feed_data(bytes).expect_err("it has ended").kind(), Kind::RuntimeError);
            }
            Operation::Eof => {
                model.has_ended = true;
                real.reader.feed_eof();
            }
            Operation::Limit(limit) => {
                model.limit = *limit;
                real.reader.set_limit(*limit).expect("it is not zero");
            }
            Operation::Cancel => {
                let cancelled = real.task.as_ref().is_some_and(|task| task.cancel());
                assert_eq!(cancelled, waits.is_some());
                if waits.take().is_some() {
                    assert_eq!(real.settle(), Some(Outcome::Cancelled));
                }
            }
            // One at a time.
            Operation::Read(_) if waits.is_some() => continue,
            Operation::Read(reading) => {
                waits = Some(*reading);
                real.start(*reading);
            }
        }
        // A limit is looked at when more comes, by one that waits.
        if waits.is_some() && matches!(operation, Operation::Limit(_)) {
            continue;
        }
        let expected = waits.and_then(|reading| model.read(reading));
        if expected.is_some() {
            waits = None;
        }
        assert_eq!(real.settle(), expected, "after {operation:?}");
        assert_eq!(real.reader.at_eof(), model.has_ended && model.bytes.is_empty());
    }
}

const SEPARATORS: [&[&[u8]]; 7] =
    [&[b"\n"], &[b"ab"], &[b"aa"], &[b"aab", b"b"], &[b"\n", b"a\n"], &[b"aba", b"bb", b"\n\n"], &[b"baab"]];

fn reading(random: &mut Random) -> Reading {
    match random.below(7) {
        0 => Reading::Some(random.below(5)),
        1 => Reading::Exactly(random.below(7)),
        2 => Reading::Line,
        3 if random.one_in(3) => Reading::ToEnd,
        _ => Reading::Until(random.choose(&SEPARATORS)),
    }
}

struct Readers;

impl Campaign for Readers {
    type Operation = Operation;
    const CHILD: &'static str = "readers::the_other_process";
    const SEEDS: u64 = 4000;

    fn operations(seed: u64) -> Vec<Operation> {
        let mut random = Random::new(seed);
        let count = 5 + random.below(40);
        let mut operations: Vec<_> = (0..count)
            .map(|_| match random.below(24) {
                0 => Operation::Limit(1 + random.below(6)),
                1 => Operation::Cancel,
                2..=11 => Operation::Feed((0..=random.below(4)).map(|_| random.choose(b"aaab\n")).collect()),
                _ => Operation::Read(reading(&mut random)),
            })
            .collect();
        operations.push(Operation::Eof);
        operations.extend((0..6).map(|_| Operation::Read(reading(&mut random))));
        operations
    }

    fn run(operations: Vec<Operation>) {
        compare(&operations);
    }
}

#[test]
fn the_reader_agrees_with_its_model() {
    attack::<Readers>();
}

#[test]
#[ignore = "run by the other, in a process of its own"]
fn the_other_process() {
    run_seeds::<Readers>();
}

#[test]
fn every_split_of_the_input_agrees_with_the_model() {
    let readings: [&[Reading]; 4] = [
        &[Reading::Line, Reading::Until(SEPARATORS[2]), Reading::Exactly(2), Reading::ToEnd],
        &[Reading::Until(SEPARATORS[3]), Reading::Until(SEPARATORS[3]), Reading::Some(3), Reading::Line],
        &[Reading::Until(SEPARATORS[5]), Reading::Line, Reading::Line, Reading::Exactly(4)],
        &[Reading::Until(SEPARATORS[6]), Reading::Exactly(3), Reading::Line],
    ];
    for input in [b"aab\naaba", b"abaab\n\nb", b"\nbaaaab\n"] {
        for (readings, limit) in readings.into_iter().flat_map(|readings| [(readings, 2), (readings, 100)]) {
            // A bit says whether the input is cut behind a byte.
            for cuts in 0_u32..1 << (input.len() - 1) {
                let mut operations = vec![Operation::Limit(limit)];
                let mut readings = readings.iter();
                let mut piece = Vec::new();
                for (place, byte) in input.iter().enumerate() {
                    piece.push(*byte);
                    if cuts >> place & 1 == 1 || place == input.len() - 1 {
                        operations.extend(readings.next().map(|reading| Operation::Read(*reading)));
                        operations.push(Operation::Feed(std::mem::take(&mut piece)));
                    }
                }
                operations.push(Operation::Eof);
                operations.extend(readings.map(|reading| Operation::Read(*reading)));
                compare(&operations);
            }
        }
    }
}
