//! What was measured, as it is kept: a file a workload, in it a JSON object a line, first the machine.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::peers::BOUND;
use crate::spread::Spread;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Machine(String),
    Record(Record),
    LeftOut(LeftOut),
}

/// What one peer did in one case in one round, or in one turn of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub case: String,
    pub peer: String,
    pub round: u32,
    /// In a round in which peers take turns, which one; the first, where the figures are of all.
    #[serde(default)]
    pub turn: u32,
    pub figures: BTreeMap<String, f64>,
}

/// A peer that could not be measured, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    pub peer: String,
    pub case: Option<String>,
    pub why: String,
}

/// A share of the time in which others had the core, from which on a figure counts only where there are too few better.
pub const DISTURBED: f64 = 0.05;

/// Those that others have not disturbed; but a quarter of all at least, the calmest: the chance of one alone is no
/// better than somebody else's work.
pub fn calm<T>(mut items: Vec<T>, disturbed: impl Fn(&T) -> f64) -> Vec<T> {
    items.sort_by(|one, other| disturbed(one).total_cmp(&disturbed(other)));
    let undisturbed = items.iter().take_while(|item| disturbed(item) <= DISTURBED).count();
    items.truncate(undisturbed.max(items.len().div_ceil(4)));
    items
}

impl Record {
    pub fn disturbed(&self) -> f64 {
        self.figures.get("disturbed").copied().unwrap_or(0.0)
    }
}

/// All of one workload.
#[derive(Debug, Default, PartialEq)]
pub struct Results {
    pub machine: String,
    pub records: Vec<Record>,
    pub left_out: Vec<LeftOut>,
}

impl Results {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        Self::parse(&fs::read_to_string(path)?).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let mut results = Self::default();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))? {
                Line::Machine(machine) => results.machine = machine,
                Line::Record(record) => results.records.push(record),
                Line::LeftOut(left_out) => results.left_out.push(left_out),
            }
        }
        Ok(results)
    }

    /// A figure of one peer in one case, of each round: the median of its turns.
    pub fn figures(&self, case: &str, peer: &str, figure: &str) -> Vec<f64> {
        medians_of_rounds(self.samples(case, peer, figure).collect())
    }

    /// The figure's ratio to that of another peer, of each round: the median of what the two did in the same turn. What
    /// the machine was like in that turn, it was like for both.
    pub fn ratios(&self, case: &str, peer: &str, other: &str, figure: &str) -> Vec<f64> {
        let others: BTreeMap<_, _> =
            self.samples(case, other, figure).map(|sample| ((sample.round, sample.turn), sample)).collect();
        let pair = |sample: Sample| {
            let other = others.get(&(sample.round, sample.turn))?;
            let disturbed = sample.disturbed.max(other.disturbed);
            Some(Sample { value: sample.value / other.value, disturbed, ..sample })
        };
        medians_of_rounds(self.samples(case, peer, figure).filter_map(pair).collect())
    }

    fn samples<'a>(&'a self, case: &'a str, peer: &'a str, figure: &'a str) -> impl Iterator<Item = Sample> + 'a {
        let records = self.records.iter().filter(move |record| record.case == case && record.peer == peer);
        records.filter_map(move |record| {
            let value = *record.figures.get(figure)?;
            Some(Sample { round: record.round, turn: record.turn, value, disturbed: record.disturbed() })
        })
    }

    /// All peers, in the order in which they were first measured, and the bounds before the others.
    pub fn peers(&self) -> Vec<&str> {
        let mut peers: Vec<&str> = Vec::new();
        for record in &self.records {
            if !peers.contains(&record.peer.as_str()) {
                peers.push(&record.peer);
            }
        }
        peers.sort_by_key(|peer| !peer.starts_with(BOUND));
        peers
    }
}

/// One figure, and when it was measured.
struct Sample {
    round: u32,
    turn: u32,
    value: f64,
    disturbed: f64,
}

fn medians_of_rounds(samples: Vec<Sample>) -> Vec<f64> {
    let mut rounds: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for sample in calm(samples, |sample| sample.disturbed) {
        rounds.entry(sample.round).or_default().push(sample.value);
    }
    rounds.into_values().filter_map(|values| Spread::of(values).map(|spread| spread.median)).collect()
}

/// Where results of a workload are written, line by line: what was measured is there if the rest fails.
pub struct Log {
    file: File,
}

impl Log {
    /// What was there before is kept under another name.
    pub fn create(folder: &Path, workload: &str, machine: String) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = path(folder, workload);
        match fs::rename(&path, path.with_extension("previous.jsonl")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut log = Self { file: File::create(path)? };
        log.write(&Line::Machine(machine))?;
        Ok(log)
    }

    pub fn write(&mut self, line: &Line) -> io::Result<()> {
        writeln!(self.file, "{}", serde_json::to_string(line)?)
    }
}

pub fn path(folder: &Path, workload: &str) -> PathBuf {
    folder.join(format!("{workload}.jsonl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(peer: &str, value: f64, disturbed: f64) -> Record {
        let figures = [("rate", value), ("disturbed", disturbed)].map(|(name, value)| (name.to_string(), value));
        Record { case: "50x64".into(), peer: peer.into(), round: 0, turn: 0, figures: figures.into() }
    }

    fn turn(peer: &str, round: u32, turn: u32, value: f64, disturbed: f64) -> Record {
        Record { round, turn, ..record(peer, value, disturbed) }
    }

    #[test]
    fn what_is_written_is_read() {
        let left_out = LeftOut { peer: "b".into(), case: None, why: "it is not there".into() };
        let lines =
            [Line::Machine("here".into()), Line::Record(record("a", 1.5, 0.0)), Line::LeftOut(left_out.clone())];
        let text: Vec<_> = lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        let results = Results::parse(&text.join("\n")).unwrap();
        let records = vec![record("a", 1.5, 0.0)];
        assert_eq!(results, Results { machine: "here".into(), records, left_out: vec![left_out] });
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error = Results::parse("{\"machine\":\"x\"}\n\nnonsense").unwrap_err().to_string();
        assert!(error.starts_with("line 3"), "{error}");
    }

    #[test]
    fn disturbed_rounds_count_only_where_there_are_no_others() {
        let records = vec![record("a", 1.0, 0.5), record("a", 2.0, 0.0), record("b", 3.0, 0.5)];
        let results = Results { records, ..Results::default() };
        assert_eq!(results.figures("50x64", "a", "rate"), [2.0]);
        assert_eq!(results.figures("50x64", "b", "rate"), [3.0]);
        assert!(results.figures("50x64", "c", "rate").is_empty());
        assert_eq!(results.peers(), ["a", "b"]);
    }

    #[test]
    fn what_is_calm_counts_and_a_quarter_at_least() {
        let counted = |disturbed: &[f64]| calm(disturbed.to_vec(), |share| *share);
        assert_eq!(counted(&[0.5, 0.01, 0.05, 0.06]), [0.01, 0.05]);
        assert_eq!(counted(&[0.5, 0.3, 0.4, 0.2, 0.6]), [0.2, 0.3]);
        assert_eq!(counted(&[0.9, 0.0, 0.4, 0.2, 0.6]), [0.0, 0.2]);
        assert_eq!(counted(&[0.9]), [0.9]);
        assert!(counted(&[]).is_empty());
    }

    #[test]
    fn a_round_counts_by_the_median_of_its_calm_turns() {
        let values = [(0, 1.0, 0.0), (0, 9.0, 0.0), (0, 2.0, 0.0), (0, 100.0, 0.5), (1, 4.0, 0.0), (2, 50.0, 0.5)];
        let records =
            values.into_iter().zip(0..).map(|((round, value, disturbed), at)| turn("a", round, at, value, disturbed));
        let results = Results { records: records.collect(), ..Results::default() };
        assert_eq!(results.figures("50x64", "a", "rate"), [2.0, 4.0]);
    }

    #[test]
    fn a_ratio_is_taken_turn_by_turn_whatever_the_machines_mood() {
        // It becomes ten times as fast from turn to turn; one turn was taken by others.
        let mut records = Vec::new();
        for (number, speed) in [1.0, 10.0, 100.0].into_iter().enumerate() {
            records.push(turn("bound: x", 0, number as u32, 2.0 * speed, 0.0));
            records.push(turn("a", 0, number as u32, speed, 0.0));
        }
        records.push(turn("bound: x", 0, 3, 1.0, 0.5));
        records.push(turn("a", 0, 3, 77.0, 0.0));
        records.push(turn("a", 0, 4, 33.0, 0.0));
        let results = Results { records, ..Results::default() };
        assert_eq!(results.ratios("50x64", "a", "bound: x", "rate"), [0.5]);
        assert_eq!(results.ratios("50x64", "a", "a", "rate"), [1.0]);
        assert!(results.ratios("50x64", "a", "nobody", "rate").is_empty());
    }

    #[test]
    fn turns_of_one_round_are_not_paired_with_those_of_another() {
        let records = vec![turn("a", 0, 0, 1.0, 0.0), turn("b", 1, 0, 2.0, 0.0), turn("b", 0, 1, 3.0, 0.0)];
        let results = Results { records, ..Results::default() };
        assert!(results.ratios("50x64", "a", "b", "rate").is_empty());
    }

    #[test]
    fn bounds_come_first_and_the_others_as_they_were_measured() {
        let records = ["b", "bound: y", "a", "bound: x"].map(|peer| record(peer, 1.0, 0.0)).into();
        let results = Results { records, ..Results::default() };
        assert_eq!(results.peers(), ["bound: y", "bound: x", "b", "a"]);
    }
}
