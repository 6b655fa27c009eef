//! The check of instruction counts: how `benches/instructions/` compares new counts with the committed ones.

#[path = "../../benches/instructions/figures.rs"]
mod figures;

use figures::{Figure, Figures};

fn figures(tools: &str, lines: &[(&str, f64, f64)]) -> Figures {
    let figure = |&(name, ours, bound): &(&str, f64, f64)| Figure { name: name.into(), ours, bound };
    Figures { tools: tools.into(), lines: lines.iter().map(figure).collect() }
}

#[test]
fn written_counts_are_read_back() {
    let written = figures("rustc 1, libc 2, x", &[("spawn 1", 872.0, 466.5), ("a = b", 1.0, 2.0)]);
    assert_eq!(Figures::parse(&written.text()), Ok(written));
}

#[test]
fn the_committed_files_can_be_read() {
    for text in [
        include_str!("../../benches/instructions/coroutines.txt"),
        include_str!("../../benches/instructions/tasks.txt"),
    ] {
        let committed = Figures::parse(text).unwrap();
        assert!(committed.tools.starts_with("rustc ") && !committed.lines.is_empty(), "{text}");
    }
}

#[test]
fn the_error_quotes_a_malformed_line() {
    assert_eq!(Figures::parse("counted with x\nnonsense\n"), Err("\"nonsense\" is not a count".into()));
    assert_eq!(Figures::parse("a = 1 / 2\n"), Err("no line names the tools".into()));
}

#[test]
fn counts_that_grow_by_more_than_five_per_cent_are_reported() {
    let before = figures("x", &[("a", 100.0, 50.0), ("b", 100.0, 50.0), ("c", 100.0, 50.0)]);
    let now = figures("x", &[("a", 104.9, 50.0), ("b", 106.0, 50.0), ("c", 80.0, 50.0)]);
    assert_eq!(before.faults(&now), ["b: 106.0 instructions, 100.0 before: 6.0 % more"]);
}

#[test]
fn with_other_tools_ratios_to_the_bound_are_compared_more_loosely() {
    let before = figures("x", &[("a", 100.0, 50.0), ("b", 100.0, 50.0)]);
    let now = figures("y", &[("a", 220.0, 100.0), ("b", 240.0, 100.0)]);
    assert_eq!(before.faults(&now), ["b: 2.40 times its bound, 2.00 times before"]);
}

#[test]
fn new_lines_and_removed_lines_are_reported() {
    let before = figures("x", &[("old", 1.0, 1.0)]);
    let now = figures("x", &[("new", 2.0, 1.0)]);
    assert_eq!(
        before.faults(&now),
        ["new: 2.0 instructions, but no committed count", "old: committed, but not counted any more",]
    );
}
