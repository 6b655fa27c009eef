//! The tour of generators prints the output in its head, as the Python programs in its comments do.

use crate::support::events::Log;

#[path = "../../examples/generators.rs"]
#[allow(dead_code)]
mod example;

/// The output of the five programs in Python.
const PRINTED: [&str; 19] = [
    "<class 'generator'>",
    "1",
    "2",
    "StopIteration",
    "1",
    "abc",
    "2",
    "3",
    "Exception: !",
    "1",
    "abc",
    "1",
    "2",
    "inner abc",
    "other 3",
    "4",
    "1",
    "finally",
    "StopIteration",
];

#[test]
fn the_tour_prints_what_python_prints() {
    let lines = Log::default();
    example::run(&|line| lines.add(line)).expect("nothing is raised out of it");
    assert_eq!(lines.take(), PRINTED);
}

#[test]
fn the_head_of_the_tour_shows_its_output() {
    let head = include_str!("../../examples/generators.rs").lines().map_while(|line| line.strip_prefix("//!"));
    let shown: Vec<_> = head.map(str::trim).skip_while(|line| *line != "```text").skip(1).collect();
    assert_eq!(shown.strip_suffix(&["```"]), Some(&PRINTED[..]));
}
