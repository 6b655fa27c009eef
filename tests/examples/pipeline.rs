//! The pipeline prints what its head says, which is what the same program prints in Python.

use std::cell::RefCell;
use std::rc::Rc;

#[path = "../../examples/pipeline.rs"]
#[allow(unreachable_pub, reason = "an example is a crate of its own")]
mod example;

#[test]
fn the_pipeline_prints_what_its_head_shows() {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let print = Rc::clone(&lines);
    example::run(Rc::new(move |line| print.borrow_mut().push(line.to_string()))).expect("nothing is raised out of it");
    let head = include_str!("../../examples/pipeline.rs").lines().map_while(|line| line.strip_prefix("//!"));
    let shown: Vec<_> = head.map(str::trim).skip_while(|line| *line != "```text").skip(1).collect();
    assert_eq!(shown.strip_suffix(&["```"]).expect("the head ends with it"), *lines.borrow());
}
