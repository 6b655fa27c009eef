//! House rules that a machine can check: imports point down, `unsafe` and `libc` appear in `sys` alone, long files say
//! why, every example has a test.
//!
//! Nothing here compiles the crate. The rules read the sources as tokens. So comments and strings break no rule, and a
//! path is found wherever it appears: in a `use`, in a group, in the middle of an expression. The expansion of another
//! crate's macro is not seen; for `unsafe`, the compiler's own lint covers that.
//!
//! A rule is a function from sources to a list of violations. The tests here apply it to the crate. The tests beside
//! each rule apply it to small sources that break it, and to some that do not.

mod circles;
mod imports;
mod rules;
mod source;
mod tokens;

use circles::circles_between_files;
use imports::{imports_of, imports_that_do_not_point_down};
use rules::{
    cases_without_entry, examples_without_test, logic_in_the_root, long_files_without_excuse,
    unsafe_or_libc_outside_sys,
};
use source::sources;

/// The rooms of the crate, lowest first: layer, name, what it may import. A row may name only rooms of rows above it.
///
/// A new room (a module that `lib.rs` declares) goes here. Rooms of layers 1 and 2 list what they need; those above may use
/// the layers below by groups. `bare`, `debug` and `bridge` are planned: their rows say what they will be allowed to import.
/// The C ABI, `capi`, has no row. It will be a crate of its own, which sees only what is public.
const ROOMS: &[(u8, &str, &[&[&str]])] = &[
    (0, "coroutine", &[]),
    (0, "bare", &[&["coroutine"]]),
    (1, "sys", &[]),
    (1, "context", &[&["coroutine"]]),
    (1, "task", &[&["coroutine", "context"]]),
    (1, "executor", &[TASKS, &["sys"]]),
    (2, "event_loop", &[TASKS, &["sys", "executor"]]),
    (2, "time", &[TASKS, &["sys", "event_loop"]]),
    (2, "sync", &[TASKS]),
    (2, "queue", &[TASKS, &["sync"]]),
    (2, "wait", &[TASKS, &["event_loop", "time"]]),
    (2, "scope", &[TASKS, &["wait"]]),
    (2, "async_iter", &[TASKS, &["event_loop", "time", "queue", "wait", "scope"]]),
    (3, "runner", &[TASKS, &["event_loop"]]),
    (3, "resolver", &[TASKS, &["event_loop", "executor", "sys"]]),
    (3, "signal", &[&["sys"]]),
    (3, "net", &[TASKS, LOOP, &["sys", "resolver"]]),
    (3, "transport", &[TASKS, LOOP, &["sys", "resolver", "net"]]),
    (3, "process", &[TASKS, LOOP, &["sys", "signal", "net", "transport"]]),
    (3, "fs", &[TASKS, LOOP, &["executor", "sys", "net"]]),
    (4, "stream", &[TASKS, LOOP, OUTSIDE]),
    (4, "server", &[TASKS, LOOP, OUTSIDE, &["stream"]]),
    (4, "tls", &[TASKS, LOOP, OUTSIDE, &["stream"]]),
    (4, "debug", &[TASKS, LOOP]),
    (4, "bridge", &[TASKS, LOOP]),
    (5, "testing", &[TASKS, LOOP, OUTSIDE, &["bare", "sys", "stream", "server", "tls", "debug", "bridge"]]),
];

const TASKS: &[&str] = &["coroutine", "context", "task"];
const LOOP: &[&str] = &["event_loop", "time", "sync", "queue", "wait", "scope", "async_iter"];
const OUTSIDE: &[&str] = &["executor", "resolver", "signal", "net", "transport", "process", "fs"];

/// Files that may import each other in a circle, each with the reason.
const KNOWN_CIRCLES: &[(&str, &str)] = &[];

#[test]
fn imports_point_down() {
    expect_none("src", imports_that_do_not_point_down(&sources("src")));
}

#[test]
fn files_do_not_import_each_other() {
    expect_none("src", circles_between_files(&sources("src"), KNOWN_CIRCLES));
}

#[test]
fn only_sys_uses_unsafe_and_libc() {
    expect_none("src", unsafe_or_libc_outside_sys(&sources("src")));
}

#[test]
fn long_files_say_why() {
    expect_none("src", long_files_without_excuse(&sources("src")));
}

#[test]
fn the_root_holds_no_logic() {
    expect_none("src", logic_in_the_root(&sources("src")));
}

#[test]
fn every_example_has_a_test() {
    expect_none("examples", examples_without_test(&sources("examples"), &sources("tests")));
}

#[test]
fn every_cited_edge_case_is_in_the_list() {
    expect_none("tests", cases_without_entry(&sources("tests"), include_str!("../EDGE_CASES.md")));
}

#[test]
fn the_table_itself_points_down() {
    for (row, (layer, room, _)) in ROOMS.iter().enumerate() {
        for import in imports_of(room) {
            let below = ROOMS[..row].iter().find(|(_, name, _)| *name == import);
            let (import_layer, ..) = below.unwrap_or_else(|| panic!("{room} imports {import}, no row above it"));
            assert!(import_layer <= layer, "{room} of layer {layer} imports {import} of layer {import_layer}");
            assert_ne!(import, "testing", "nothing imports testing");
        }
    }
}

fn expect_none(directory: &str, problems: Vec<String>) {
    let problems: Vec<_> = problems.iter().map(|problem| format!("{directory}/{problem}\n")).collect();
    assert!(problems.is_empty(), "\n{}", problems.concat());
}
