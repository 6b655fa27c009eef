//! The diagrams of the examples' machines. They are made from the machines, and renewed by `UPDATE=1`.
//!
//! The head of each file that declares a machine shows its transitions as text. `examples/diagrams` has the pictures.

#![allow(clippy::duplicate_mod, reason = "each example brings its support along")]

use std::fs;
use std::path::{Path, PathBuf};

use innermost::testing::{Graph, MemoryStream, Node, assert_drawn, assert_drawn_in};

use crate::crawler::crawl::Worker;
use crate::crawler::http::Exchange;
use crate::file_server::connection::Connection as FileConnection;
use crate::grep::search::Search;
use crate::grep::walk::{Printer, Walk};
use crate::jobs::runner::Job;
use crate::mail::delivery::Delivery;
use crate::redis_server::connection::Connection as RedisConnection;
use crate::redis_server::sweeper::Sweeper;
use crate::socks5_proxy::connection::Connection as ProxyConnection;
use crate::socks5_proxy::handshake::Handshake;

use self::chat_room::member::{Member, Scribe};
use self::tls_chat::Member as TlsChatMember;

#[allow(dead_code, reason = "only its machines are used")]
mod chat_room;
#[allow(dead_code, reason = "only its machine is used")]
#[path = "../../examples/echo_server.rs"]
mod echo_server;
#[allow(dead_code, reason = "only its machine is used")]
#[path = "../../examples/echo_streams.rs"]
mod echo_streams;
#[allow(dead_code, reason = "only its machine is used")]
#[path = "../../examples/tls_chat/member.rs"]
mod tls_chat;

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
    ("examples/chat_room/member.rs", member),
    ("examples/chat_room/member.rs", || Graph::declared::<Scribe>().starting_in("Waiting")),
    ("examples/crawler/crawl.rs", worker),
    ("examples/crawler/http.rs", exchange),
    ("examples/echo_server.rs", || Graph::declared::<echo_server::Echo>().starting_in("Reading")),
    ("examples/echo_streams.rs", || Graph::declared::<echo_streams::Echo>().starting_in("Reading")),
    ("examples/file_server/connection.rs", file_connection),
    ("examples/grep/search.rs", || {
        Graph::declared::<Search>().starting_in("Opening").label("Opening", Node::End, "it cannot be opened").label(
            "Reading",
            Node::End,
            "the end, or no text",
        )
    }),
    ("examples/grep/walk.rs", || {
        Graph::declared::<Walk>()
            .starting_in("Choosing")
            .label("Choosing", "LookingAt", "an argument")
            .label("Choosing", "Listing", "a directory")
            .label("Choosing", "Putting", "a file")
            .label("LookingAt", "Putting", "an error")
            .label("Listing", "Putting", "an error")
    }),
    ("examples/grep/walk.rs", || {
        Graph::declared::<Printer>().starting_in("Taking").label("Taking", "Waiting", "a search").label(
            "Taking",
            Node::End,
            "the walk is over",
        )
    }),
    ("examples/jobs/runner.rs", job),
    ("examples/mail/delivery.rs", || Graph::declared::<Delivery>().starting_in("Greeting")),
    ("examples/redis_server/connection.rs", redis_connection),
    ("examples/redis_server/sweeper.rs", || Graph::declared::<Sweeper>().starting_in("Removing")),
    ("examples/socks5_proxy/connection.rs", || {
        Graph::declared::<ProxyConnection<MemoryStream, MemoryStream>>()
            .starting_in("Handshake")
            .starting_in("TurnedAway")
            .label("Handshake", "Relaying", "connected")
            .label("Handshake", Node::End, "the server stops")
    }),
    ("examples/socks5_proxy/handshake.rs", || Graph::declared::<Handshake>().starting_in("Greeting")),
    ("examples/tls_chat/member.rs", || {
        Graph::declared::<TlsChatMember<MemoryStream>>()
            .starting_in("Talking")
            .label("Talking", "Writing", "a line for it")
            .label("Talking", "Closing", "it leaves, its line is too long, or the server stops")
    }),
];

fn member() -> Graph {
    Graph::declared::<Member>()
        .starting_in("Arriving")
        .transition("Reading", "Reading")
        .label("Reading", "Reading", "a line")
        .label("Arriving", "Leaving", "no seat")
        .label("Reading", "Leaving", "/quit, the end of the stream, or the room closes")
        .label("Reading", Node::End, "no name in time")
        .label("Leaving", Node::End, "the end of the stream")
}

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

fn file_connection() -> Graph {
    Graph::declared::<FileConnection<MemoryStream>>()
        .starting_in("Receiving")
        .label("Receiving", "LookingUp", "a head has come")
        .label("Receiving", "Sending", "no request, too long, or too late")
        .label("LookingUp", "Sending", "it is found, or not")
        .label("Sending", "Receiving", "all is sent")
        .label("Sending", "Closing", "it was the last")
}

fn job() -> Graph {
    Graph::declared::<Job>()
        .starting_in("Checking")
        .label("Checking", "Needing", "a job that it needs is still running")
        .label("Queueing", "Running", "a place is free")
}

fn redis_connection() -> Graph {
    Graph::declared::<RedisConnection<MemoryStream>>()
        .starting_in("Answering")
        .label("Receiving", "Answering", "bytes")
        .label("Answering", "Writing", "answers")
        .label("Writing", "Answering", "all is sent")
        .label("Answering", "Receiving", "nothing to do")
        .label("Answering", "Blocked", "BLPOP of an empty list")
        .label("Blocked", "Answering", "an item, or the time is over")
        .label("Answering", "Subscribed", "SUBSCRIBE")
        .label("Subscribed", "Answering", "UNSUBSCRIBE")
        .label("Answering", "Ending", "the last")
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
    assert!(
        missing.is_empty(),
        "add a line to EXAMPLES, and an empty block ```mermaid to the head of the file: {missing:#?}"
    );
}

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
