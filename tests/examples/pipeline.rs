//! The pipeline prints what its head says, which is what the same program prints in Python.

use crate::support::events::Log;
use std::rc::Rc;

#[path = "../../examples/pipeline.rs"]
#[allow(unreachable_pub, reason = "an example is a crate of its own")]
mod example;

#[test]
fn the_pipeline_prints_its_head() {
    let lines = Log::default();
    let print = lines.clone();
    example::run(Rc::new(move |line| print.add(line))).expect("nothing is raised out of it");
    let head = include_str!("../../examples/pipeline.rs").lines().map_while(|line| line.strip_prefix("//!"));
    let shown: Vec<_> = head.map(str::trim).skip_while(|line| *line != "```text").skip(1).collect();
    assert_eq!(shown.strip_suffix(&["```"]).expect("the head ends with it"), lines.take());
}
