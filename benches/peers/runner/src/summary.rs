//! The summary in the library's README: a few figures, each with the best figure of the other libraries.

use crate::peers::{BOUND, OURS};
use crate::results::Results;
use crate::spread::Spread;
use crate::tables::{figures, markdown, number};
use crate::views::Column;

/// A line of the summary.
struct Line {
    workload: &'static str,
    column: Column,
    more_is_better: bool,
}

const fn line(workload: &'static str, case: &'static str, figure: &'static str, heading: &'static str) -> Line {
    Line { workload, column: Column { case, figure, heading }, more_is_better: false }
}

const LINES: &[Line] = &[
    Line {
        more_is_better: true,
        ..line("echo", "50x64", "rate", "Echo server, 50 connections: messages of 64 bytes per second")
    },
    Line {
        more_is_better: true,
        ..line("echo", "1000x64", "rate", "Echo server, 1,000 connections: messages of 64 bytes per second")
    },
    line("echo", "8000x64", "bytes", "Echo server, 8,000 idle connections: memory of each, bytes"),
    line("tasks", "spawn_batch", "cpu_ns", "Spawning, running and awaiting a task, 1,000 at once, ns"),
    line("tasks", "yield_thousand", "cpu_ns", "Yielding to the loop, one of 1,000 tasks, ns"),
    line("tasks", "handover", "cpu_ns", "Passing an item to another task and back, ns"),
    line("tasks", "timer_set", "cpu_ns", "Setting a timer, one of a million, ns"),
    line("generators", "resume_boxed", "cpu_ns", "Resuming a boxed generator, ns"),
    line("generators", "depth_1000", "cpu_ns", "Getting an item through 1,000 nested generators, ns"),
];

/// The table of the lines that have results. `read` returns the results of a workload. `None` if there are no results.
pub fn summary(read: impl Fn(&str) -> Option<Results>) -> Option<String> {
    let rows: Vec<_> = LINES.iter().filter_map(|line| row(line, &read(line.workload)?)).collect();
    let head = ["", "innermost", "best of the others", "bound, by hand"].map(String::from);
    (!rows.is_empty()).then(|| format!("\n{}\n", markdown(&head, &rows)))
}

fn row(line: &Line, results: &Results) -> Option<Vec<String>> {
    let figures = figures(&line.column, results);
    let is_ours = |peer: &str| peer.starts_with(OURS);
    let is_bound = |peer: &str| peer.starts_with(BOUND);
    let ours = figures.iter().find(|(peer, _)| *peer == OURS)?.1.median;
    let bound = figures.iter().find(|(peer, _)| is_bound(peer)).map(|(_, spread)| number(spread.median));
    let better = |one: &Spread, other: &Spread| {
        let order = one.median.total_cmp(&other.median);
        if line.more_is_better { order.reverse() } else { order }
    };
    let others = figures.iter().filter(|(peer, _)| !is_ours(peer) && !is_bound(peer));
    let best = others.min_by(|(_, one), (_, other)| better(one, other));
    let best = best.map(|(peer, spread)| format!("{} ({peer})", number(spread.median)));
    Some(vec![line.column.heading.into(), number(ours), best.unwrap_or_default(), bound.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Record;

    fn results(of: &str) -> Option<Results> {
        let record = |case: &str, peer: &str, figure: &str, value| Record {
            case: case.into(),
            peer: peer.into(),
            round: 0,
            turn: 0,
            figures: [(figure.to_string(), value)].into(),
        };
        let records = match of {
            "echo" => [("bound: epoll", 9.0), ("innermost", 7.0), ("innermost, streams", 8.5), ("a", 5.0), ("b", 8.0)]
                .map(|(peer, value)| record("50x64", peer, "rate", value * 1000.0))
                .to_vec(),
            "tasks" => [("innermost", 2.0), ("a", 3.0), ("b", 1.0)]
                .map(|(peer, value)| record("handover", peer, "cpu_ns", value))
                .to_vec(),
            "generators" => vec![record("resume_boxed", "a", "cpu_ns", 1.0)],
            _ => return None,
        };
        Some(Results { records, ..Results::default() })
    }

    #[test]
    fn the_summary_shows_the_best_other_figure_and_omits_missing_results() {
        let expected = "\n|  | innermost | best of the others | bound, by hand |\n|---|--:|--:|--:|\n\
            | Echo server, 50 connections: messages of 64 bytes per second | 7,000 | 8,000 (b) | 9,000 |\n\
            | Passing an item to another task and back, ns | 2.00 | 1.00 (b) |  |\n\n";
        assert_eq!(summary(results).unwrap(), expected);
        assert_eq!(summary(|_| None), None);
    }

    #[test]
    fn every_line_is_also_in_a_view() {
        for line in LINES {
            let is_it = |column: &&Column| column.case == line.column.case && column.figure == line.column.figure;
            let mut views = crate::views::VIEWS.iter().filter(|view| view.workload == line.workload);
            assert!(views.any(|view| view.columns.iter().any(|column| is_it(&column))), "{}", line.column.heading);
        }
    }
}
