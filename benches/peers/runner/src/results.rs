//! The results, and the files that keep them: one per workload, with a JSON object per line. The first line is the machine.

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

/// The figures of one peer in one case, in a round or in a turn of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub case: String,
    pub peer: String,
    pub round: u32,
    /// The number of the turn, if peers take turns. Figures of a whole round have the number of its first turn.
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

/// The largest share of time in which other programs may have the core, for a figure to count as undisturbed.
pub const DISTURBED: f64 = 0.05;

/// Returns the undisturbed items, or the calmest quarter if those are fewer. With only one or two items, chance would matter
/// more than the disturbance.
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

/// The results of one workload.
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

    /// The values of a figure, one for each round: the median of the round's turns.
    pub fn figures(&self, case: &str, peer: &str, figure: &str) -> Vec<f64> {
        medians_of_rounds(self.samples(case, peer, figure).collect())
    }

    /// The ratios of a peer's figure to another peer's, one for each round: the median of the ratios within the same turn. In
    /// a turn, the state of the machine affects both peers alike.
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

    /// All peers in the order of their first records, but bounds before the others.
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

/// A value of a figure, and when it was measured.
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

/// Writes the results of a workload line by line, so that they survive a later failure.
pub struct Log {
    file: File,
}

impl Log {
    /// Creates the file. Keeps an existing one under another name.
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
    fn results_are_read_back() {
        let left_out = LeftOut { peer: "b".into(), case: None, why: "it is not there".into() };
        let lines =
            [Line::Machine("here".into()), Line::Record(record("a", 1.5, 0.0)), Line::LeftOut(left_out.clone())];
        let text: Vec<_> = lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        let results = Results::parse(&text.join("\n")).unwrap();
        let records = vec![record("a", 1.5, 0.0)];
        assert_eq!(results, Results { machine: "here".into(), records, left_out: vec![left_out] });
    }

    #[test]
    fn an_error_names_the_malformed_line() {
        let error = Results::parse("{\"machine\":\"x\"}\n\nnonsense").unwrap_err().to_string();
        assert!(error.starts_with("line 3"), "{error}");
    }

    #[test]
    fn disturbed_rounds_count_only_if_there_are_no_others() {
        let records = vec![record("a", 1.0, 0.5), record("a", 2.0, 0.0), record("b", 3.0, 0.5)];
        let results = Results { records, ..Results::default() };
        assert_eq!(results.figures("50x64", "a", "rate"), [2.0]);
        assert_eq!(results.figures("50x64", "b", "rate"), [3.0]);
        assert!(results.figures("50x64", "c", "rate").is_empty());
        assert_eq!(results.peers(), ["a", "b"]);
    }

    #[test]
    fn the_undisturbed_items_or_the_calmest_quarter_count() {
        let counted = |disturbed: &[f64]| calm(disturbed.to_vec(), |share| *share);
        assert_eq!(counted(&[0.5, 0.01, 0.05, 0.06]), [0.01, 0.05]);
        assert_eq!(counted(&[0.5, 0.3, 0.4, 0.2, 0.6]), [0.2, 0.3]);
        assert_eq!(counted(&[0.9, 0.0, 0.4, 0.2, 0.6]), [0.0, 0.2]);
        assert_eq!(counted(&[0.9]), [0.9]);
        assert!(counted(&[]).is_empty());
    }

    #[test]
    fn the_figure_of_a_round_is_the_median_of_its_calm_turns() {
        let values = [(0, 1.0, 0.0), (0, 9.0, 0.0), (0, 2.0, 0.0), (0, 100.0, 0.5), (1, 4.0, 0.0), (2, 50.0, 0.5)];
        let records =
            values.into_iter().zip(0..).map(|((round, value, disturbed), at)| turn("a", round, at, value, disturbed));
        let results = Results { records: records.collect(), ..Results::default() };
        assert_eq!(results.figures("50x64", "a", "rate"), [2.0, 4.0]);
    }

    #[test]
    fn ratios_are_taken_within_turns_so_the_machines_speed_cancels_out() {
        // The machine becomes ten times as fast from turn to turn. Other programs disturb the last turn.
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
    fn turns_of_different_rounds_are_not_paired() {
        let records = vec![turn("a", 0, 0, 1.0, 0.0), turn("b", 1, 0, 2.0, 0.0), turn("b", 0, 1, 3.0, 0.0)];
        let results = Results { records, ..Results::default() };
        assert!(results.ratios("50x64", "a", "b", "rate").is_empty());
    }

    #[test]
    fn bounds_come_first_and_others_in_order_of_measurement() {
        let records = ["b", "bound: y", "a", "bound: x"].map(|peer| record(peer, 1.0, 0.0)).into();
        let results = Results { records, ..Results::default() };
        assert_eq!(results.peers(), ["bound: y", "bound: x", "b", "a"]);
    }
}
