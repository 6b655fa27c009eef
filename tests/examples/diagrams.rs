//! The diagrams of the examples' machines. They are made from the machines, and renewed by `UPDATE=1`.
//!
//! The head of each file that declares a machine shows its transitions as text. `examples/diagrams` has the pictures.

use std::fs;
use std::path::{Path, PathBuf};

use innermost::testing::{Graph, MemoryStream, Node, assert_drawn, assert_drawn_in};

use crate::crawler::crawl::Worker;
use crate::crawler::http::Exchange;
use crate::mail::delivery::Delivery;

/// The program of the README. Its items are private, so the graph is made here.
#[allow(dead_code, reason = "only its machine is used")]
mod first_program {
    include!("diagrams/first_program.rs");

    pub(super) fn echo() -> innermost::testing::Graph {
        innermost::testing::Graph::declared::<Echo>().starting_in("Reading")
    }
}

/// A file, and the graph of a machine in it.
type Example = (&'static str, fn() -> Graph);

const EXAMPLES: &[Example] = &[
    ("README.md", first_program::echo),
    ("examples/crawler/crawl.rs", worker),
    ("examples/crawler/http.rs", exchange),
    ("examples/mail/delivery.rs", || Graph::declared::<Delivery>().starting_in("Greeting")),
];

fn worker() -> Graph {
    Graph::declared::<Worker>()
        .starting_in("Waiting")
        .label("Waiting", "Fetching", "a page from the queue")
        .label("Waiting", Node::End, "the queue is shut down")
        .label("Fetching", "Writing", "its links go to the queue")
        .label("Fetching", "Waiting", "no links")
}

fn exchange() -> Graph {
    Graph::declared::<Exchange<MemoryStream>>()
        .starting_in("Asking")
        .label("Heading", "Heading", "a part of the head")
        .label("Heading", "Reading", "a page")
        .label("Heading", Node::End, "nothing to read, or a redirect")
}

#[test]
fn the_heads_of_the_examples_show_their_machines() {
    for (file, graph) in EXAMPLES.iter().filter(|(file, _)| file.ends_with(".rs")) {
        assert_drawn_in(file, &graph().mermaid());
    }
}

#[test]
fn the_pictures_show_the_machines() {
    for (file, graph) in EXAMPLES {
        assert_drawn(picture(file, &graph()), &graph().svg());
    }
}

/// `examples/mail/delivery.rs` with `Delivery` is `examples/diagrams/mail-delivery.svg`.
fn picture(file: &str, graph: &Graph) -> PathBuf {
    let example = file.trim_start_matches("examples/").split(['/', '.']).next().expect("a path has a part");
    Path::new("examples/diagrams").join(format!("{example}-{}.svg", graph.name()).to_lowercase())
}

#[test]
fn each_machine_of_an_example_has_a_diagram() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for path in rust_files(&root.join("examples")) {
        let text = fs::read_to_string(&path).expect("it can be read");
        let file = path.strip_prefix(root).expect("it is below").display().to_string();
        for machine in text.lines().filter_map(declared_machine) {
            let is_drawn = |(drawn, graph): &Example| *drawn == file && graph().name() == machine;
            if !EXAMPLES.iter().any(is_drawn) {
                missing.push(format!("{file}: {machine}"));
            }
        }
    }
    missing.retain(|machine| !TO_COME.iter().any(|file| machine.starts_with(file)));
    assert!(
        missing.is_empty(),
        "add a line to EXAMPLES, and an empty block ```mermaid to the head of the file: {missing:#?}"
    );
}

/// Files whose diagrams are not there yet.
const TO_COME: &[&str] = &[
    "examples/chat_room/",
    "examples/echo_server.rs",
    "examples/echo_streams.rs",
    "examples/file_server/",
    "examples/redis_server/",
    "examples/socks5_proxy/",
];

/// The machine, if a line begins its declaration.
fn declared_machine(line: &str) -> Option<&str> {
    let (_, machine) = line.trim_start().strip_prefix("impl")?.split_once("Machine for ")?;
    machine.split(|c: char| !c.is_alphanumeric()).next()
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(directory).expect("it is a directory").map(|entry| entry.expect("it can be read").path());
    let mut files = Vec::new();
    for entry in entries {
        match entry.is_dir() {
            true => files.extend(rust_files(&entry)),
            false if entry.extension().is_some_and(|extension| extension == "rs") => files.push(entry),
            false => {}
        }
    }
    files.sort();
    files
}

#[test]
fn the_first_program_is_that_of_the_readme() {
    let readme = include_str!("../../README.md");
    let program = readme.split_once("```rust,no_run\n").and_then(|(_, program)| program.split_once("```\n"));
    assert_eq!(program.map(|(program, _)| program), Some(include_str!("diagrams/first_program.rs")));
}
