//! What was measured, as it is kept: a file a workload, in it a JSON object a line, first the machine.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::peers::BOUND;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Machine(String),
    Record(Record),
    LeftOut(LeftOut),
}

/// What one peer did in one case in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub case: String,
    pub peer: String,
    pub round: u32,
    pub figures: BTreeMap<String, f64>,
}

/// A peer that could not be measured, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    pub peer: String,
    pub case: Option<String>,
    pub why: String,
}

/// A share of the time in which others had the core, from which on a figure counts only where there is no better one.
const DISTURBED: f64 = 0.05;

impl Record {
    pub fn disturbed(&self) -> f64 {
        self.figures.get("disturbed").copied().unwrap_or(0.0)
    }

    pub fn is_disturbed(&self) -> bool {
        self.disturbed() > DISTURBED
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

    /// The figures of one peer in one case: those of rounds that nobody disturbed, if there are any.
    pub fn figures(&self, case: &str, peer: &str, figure: &str) -> Vec<f64> {
        let all = || self.records.iter().filter(|record| record.case == case && record.peer == peer);
        let calm: Vec<_> = all().filter(|record| !record.is_disturbed()).collect();
        let counted = if calm.is_empty() { all().collect() } else { calm };
        counted.into_iter().filter_map(|record| record.figures.get(figure).copied()).collect()
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
        Record { case: "50x64".into(), peer: peer.into(), round: 0, figures: figures.into() }
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
    fn bounds_come_first_and_the_others_as_they_were_measured() {
        let records = ["b", "bound: y", "a", "bound: x"].map(|peer| record(peer, 1.0, 0.0)).into();
        let results = Results { records, ..Results::default() };
        assert_eq!(results.peers(), ["bound: y", "bound: x", "b", "a"]);
    }
}
