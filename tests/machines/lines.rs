//! How many lines a machine takes beside its `async fn` twin. The counts are in a table in `examples/README.md`.

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A machine, or several, or a program: its name, its file, the beginnings of its items, or none for all of it, its twin, and the most lines it may take for
/// each line of the twin.
type Compared = (&'static str, &'static str, &'static [&'static str], &'static str, f64);

const COMPARED: &[Compared] = &[
    ("the first program in the README", "README.md", &["```rust,no_run"], "first_program", 1.25),
    (
        "its `Echo`, 2 states",
        "README.md",
        &["struct Echo {", "machine!(\n    impl Machine for Echo {"],
        "first_program: async fn echo(",
        2.2,
    ),
    ("`echo_server`, the program", "examples/echo_server.rs", &[], "echo_server", 1.25),
    (
        "`echo_server`: `Echo`, 4 states",
        "examples/echo_server.rs",
        &["pub(crate) struct Echo {", "machine!(\n    impl Machine for Echo {"],
        "echo_server: async fn echo(",
        1.5,
    ),
    (
        "`chat_room`: `Scribe`, 2 states",
        "examples/chat_room/member.rs",
        &["pub(crate) struct Scribe {", "machine!(\n    impl Machine for Scribe {"],
        "scribe",
        2.2,
    ),
    (
        "`crawler`: `Exchange`, 3 states",
        "examples/crawler/http.rs",
        &[
            "pub(crate) struct Exchange<S> {",
            "impl<S: ByteStream> Exchange<S> {",
            "machine!(\n    impl<S: ByteStream> Machine for Exchange<S> {",
        ],
        "exchange",
        1.75,
    ),
    (
        "`crawler`: `Worker`, 3 states",
        "examples/crawler/crawl.rs",
        &["pub(crate) struct Worker {", "machine!(\n    impl Machine for Worker {"],
        "worker",
        2.2,
    ),
    (
        "`file_server`: `Connection`, 4 states",
        "examples/file_server/connection.rs",
        &[
            "pub(crate) struct Connection<S> {",
            "machine!(\n    impl<S: ByteStream> Machine for Connection<S> {",
            "impl<S: ByteStream> Connection<S> {",
            "fn is_full(",
        ],
        "connection",
        1.5,
    ),
    (
        "`redis_server`: `Connection`, 6 states",
        "examples/redis_server/connection.rs",
        &[
            "pub(crate) struct Connection<S> {",
            "pub(crate) struct Listening {",
            "machine!(\n    impl<S: ByteStream> Machine for Connection<S> {",
            "impl<S: ByteStream> Connection<S> {",
        ],
        "redis_connection",
        1.1,
    ),
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the file is there")
}

/// The lines that are neither empty nor comments.
fn code_lines(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// An item that begins like this: up to the line that closes it.
fn item<'a>(text: &'a str, beginning: &str) -> &'a str {
    let start = text.find(&format!("\n{beginning}")).unwrap_or_else(|| panic!("nothing begins with {beginning:?}")) + 1;
    let item = &text[start..];
    let ends = ["\n}\n", "\n);\n", "\n```\n"];
    let end = match beginning {
        "```rust,no_run" => item.find(ends[2]),
        _ => ends[..2].iter().filter_map(|end| item.find(end)).min(),
    };
    &item[..end.expect("the item ends") + 2]
}

fn lines_of(file: &str, beginnings: &[&str]) -> usize {
    let text = read(file);
    if beginnings.is_empty() {
        return code_lines(&text);
    }
    let count = beginnings.iter().map(|beginning| code_lines(item(&text, beginning))).sum::<usize>();
    // The fences of a program in a document.
    if beginnings == ["```rust,no_run"] { count - 2 } else { count }
}

#[test]
fn a_machine_takes_little_more_lines_than_its_async_twin() {
    let mut table = String::from("| machine | lines | as `async fn` | ratio |\n|---|--:|--:|--:|\n");
    let (mut long, readme) = (Vec::new(), read("examples/README.md"));
    for (name, file, beginnings, twin, most) in COMPARED {
        let (twin, part) = twin.split_once(": ").map_or((*twin, None), |(twin, part)| (twin, Some(part)));
        let twin = format!("tests/machines/twins/{twin}.rs");
        let (ours, theirs) = (lines_of(file, beginnings), lines_of(&twin, part.as_slice()));
        let ratio = ours as f64 / theirs as f64;
        writeln!(table, "| {name} | {ours} | {theirs} | {ratio:.2} |").expect("a string takes all");
        if ratio > *most {
            long.push(format!("{name}: {ours} lines for {theirs}, more than {most} for each"));
        }
        let row = readme.lines().find_map(|line| line.strip_prefix(&format!("| {name} | ")));
        let written: Option<f64> = row.and_then(|row| row.rsplit(" | ").next()?.trim_end_matches(" |").parse().ok());
        if !written.is_some_and(|written| (written - ratio).abs() < 0.1) {
            long.push(format!("{name}: examples/README.md says {written:?}, but it is {ratio:.2}"));
        }
    }
    assert!(long.is_empty(), "{long:#?}\n{table}");
}
