//! When the check of instructions fails, and what it says: the comparison that `benches/instructions/` makes with what is
//! committed there.

#[path = "../../benches/instructions/figures.rs"]
mod figures;

use figures::{Figure, Figures};

fn figures(tools: &str, lines: &[(&str, f64, f64)]) -> Figures {
    let figure = |&(name, ours, bound): &(&str, f64, f64)| Figure { name: name.into(), ours, bound };
    Figures { tools: tools.into(), lines: lines.iter().map(figure).collect() }
}

#[test]
fn what_is_written_is_read() {
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
fn a_line_that_is_none_is_named() {
    assert_eq!(Figures::parse("counted with x\nnonsense\n"), Err("\"nonsense\" is not a count".into()));
    assert_eq!(Figures::parse("a = 1 / 2\n"), Err("no line names the tools".into()));
}

#[test]
fn what_has_grown_by_up_to_a_twentieth_passes_and_what_has_grown_by_more_is_named_with_both_counts() {
    let before = figures("x", &[("a", 100.0, 50.0), ("b", 100.0, 50.0), ("c", 100.0, 50.0)]);
    let now = figures("x", &[("a", 104.9, 50.0), ("b", 106.0, 50.0), ("c", 80.0, 50.0)]);
    assert_eq!(before.faults(&now), ["b: 106.0 instructions, 100.0 before: 6.0 % more"]);
}

#[test]
fn by_other_tools_the_ratio_to_the_bound_is_compared_and_more_loosely() {
    let before = figures("x", &[("a", 100.0, 50.0), ("b", 100.0, 50.0)]);
    let now = figures("y", &[("a", 220.0, 100.0), ("b", 240.0, 100.0)]);
    assert_eq!(before.faults(&now), ["b: 2.40 times its bound, 2.00 times before"]);
}

#[test]
fn a_line_without_a_figure_and_a_figure_without_a_line_are_named() {
    let before = figures("x", &[("old", 1.0, 1.0)]);
    let now = figures("x", &[("new", 2.0, 1.0)]);
    assert_eq!(
        before.faults(&now),
        ["new: 2.0 instructions, but no committed count", "old: committed, but not counted any more",]
    );
}
