//! Imports point down. The table lists what each room may import, and the check finds everything else.

use std::collections::BTreeMap;

use crate::ROOMS;
use crate::source::Source;
use crate::tokens::Token;

pub(crate) fn imports_of(room: &str) -> Vec<&'static str> {
    ROOMS.iter().filter(|(_, name, _)| *name == room).flat_map(|(.., groups)| groups.concat()).collect()
}

pub(crate) fn imports_that_do_not_point_down(sources: &[Source]) -> Vec<String> {
    let homes = homes_of_root_names(sources);
    let mut problems = Vec::new();
    for source in sources {
        let Some(room) = source.room() else { continue };
        if !ROOMS.iter().any(|(_, name, _)| *name == room) {
            problems.push(source.problem(
                1,
                format!(
                    "no room `{room}` in the table: add a row to ROOMS in tests/layers/main.rs with what it may import"
                ),
            ));
            continue;
        }
        let allowed = imports_of(&room);
        for (line, name) in names_taken_from_the_root(source) {
            let Some(home) = homes.get(&name) else {
                let what = match name.as_str() {
                    "*" | "self" | "as" => "the crate's root as a whole is imported: name what is meant".into(),
                    _ => format!("`crate::{name}` is no room and nothing that lib.rs re-exports by name"),
                };
                problems.push(source.problem(line, what));
                continue;
            };
            if *home != room && !allowed.contains(&home.as_str()) {
                let through = if *home == name { String::new() } else { format!(" (as `crate::{name}`)") };
                let may = if allowed.is_empty() { "nothing".into() } else { allowed.join(", ") };
                problems.push(source.problem(line, format!("{room} imports {home}{through}, but may import {may}")));
            }
        }
    }
    problems
}

/// The names that can follow `crate::`, with their rooms: the rooms, the re-exports of `lib.rs`, and exported macros.
fn homes_of_root_names(sources: &[Source]) -> BTreeMap<String, String> {
    let mut homes = BTreeMap::new();
    for source in sources {
        match source.room() {
            Some(room) => {
                let mut exported = false;
                for at in 0..source.tokens.len() {
                    exported |= source.ident(at) == Some("macro_export");
                    if source.is(at, &["macro_rules", "!"]) && exported {
                        homes.extend(source.ident(at + 2).map(|name| (name.into(), room.clone())));
                        exported = false;
                    }
                }
                homes.insert(room.clone(), room);
            }
            None => {
                for at in 0..source.tokens.len() {
                    if source.ident(at) == Some("use") {
                        let mut leaves = Vec::new();
                        leaves_of_use(source, at + 1, &[], &mut leaves);
                        homes.extend(leaves);
                    }
                }
            }
        }
    }
    homes
}

/// Reads one tree of a `use` in `lib.rs`: each name that it brings in, with the first part of its path.
pub(crate) fn leaves_of_use(
    source: &Source,
    mut at: usize,
    before: &[String],
    leaves: &mut Vec<(String, String)>,
) -> usize {
    let mut path = before.to_vec();
    loop {
        if let Some(name) = source.ident(at) {
            if !matches!(name, "self" | "crate") {
                path.push(name.into());
            }
            at += 1;
        } else if source.is(at, &["{"]) {
            let end = source.behind_group(at);
            at += 1;
            while at + 1 < end {
                at = leaves_of_use(source, at, &path, leaves) + 1;
            }
            return end;
        }
        if source.is(at, &[":", ":"]) {
            at += 2;
            continue;
        }
        let renamed = source.is(at, &["as"]).then(|| source.ident(at + 1)).flatten().map(String::from);
        at += if renamed.is_some() { 2 } else { 0 };
        if let (Some(first), Some(last)) = (path.first(), renamed.or(path.last().cloned())) {
            leaves.push((last, first.clone()));
        }
        while !source.is(at, &[","]) && !source.is(at, &[";"]) && !source.is(at, &["}"]) && at < source.tokens.len() {
            at += 1;
        }
        return at;
    }
}

/// Every name that a path takes from the crate's root, by `crate::` or by enough `super::`, with its line.
fn names_taken_from_the_root(source: &Source) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let mut depth = source.module().len();
    let mut braces = 0;
    let mut inner_modules = Vec::new();
    for at in 0..source.tokens.len() {
        match &source.tokens[at] {
            (_, Token::Punct('{')) => {
                if at >= 2 && source.ident(at - 2) == Some("mod") {
                    inner_modules.push(braces);
                    depth += 1;
                }
                braces += 1;
            }
            (_, Token::Punct('}')) => {
                braces -= 1;
                if inner_modules.last() == Some(&braces) {
                    inner_modules.pop();
                    depth -= 1;
                }
            }
            (line, Token::Ident(name)) if name == "crate" || name == "super" || name == "self" => {
                let starts_path = at < 2 || !source.is(at - 2, &[":", ":"]);
                let itself = name == "self" && source.is(at.saturating_sub(2), &["extern", "crate"]);
                if itself || (name == "crate" && source.is(at + 1, &["as"])) {
                    names.push((*line, "as".into()));
                } else if starts_path && source.is(at + 1, &[":", ":"]) {
                    follow_path(source, at, depth, &mut names);
                }
            }
            _ => {}
        }
    }
    names
}

/// Follows one path, and every branch of it, down from a module at `depth` below the root.
fn follow_path(source: &Source, mut at: usize, mut depth: usize, names: &mut Vec<(usize, String)>) {
    loop {
        let Some((line, token)) = source.tokens.get(at) else { return };
        match token {
            Token::Ident(name) if name == "crate" => depth = 0,
            Token::Ident(name) if name == "super" => depth = depth.saturating_sub(1),
            Token::Ident(name) if name == "self" && source.is(at + 1, &[":", ":"]) => {}
            Token::Punct('{') => {
                let end = source.behind_group(at);
                at += 1;
                while at + 1 < end {
                    follow_path(source, at, depth, names);
                    while at + 1 < end && !source.is(at, &[","]) {
                        at = if source.is(at, &["{"]) { source.behind_group(at) } else { at + 1 };
                    }
                    at += 1;
                }
                return;
            }
            // `crate::*`, or a module of the root itself: `use super::{self, ..}`.
            Token::Punct('*') if depth == 0 => return names.push((*line, "*".into())),
            Token::Ident(name) if depth == 0 => return names.push((*line, name.clone())),
            _ => return,
        }
        if !source.is(at + 1, &[":", ":"]) {
            return;
        }
        at += 3;
    }
}

/// The problems of a `task/mod.rs` with this text, in a crate whose root re-exports a few names.
fn imports_in_task(text: &str) -> Vec<String> {
    let root = "pub mod coroutine; mod task; pub mod event_loop;\n\
                pub use self::coroutine::{Call, inner::{Step as Stage}};\n\
                pub use event_loop::EventLoop;";
    let mut crate_sources = vec![Source::new("lib.rs", root)];
    crate_sources
        .push(Source::new("coroutine/mod.rs", "#[macro_export]\n/// Waits.\nmacro_rules! yield_from { () => {} }"));
    crate_sources.push(Source::new("event_loop/mod.rs", ""));
    crate_sources.push(Source::new("task/mod.rs", text));
    imports_that_do_not_point_down(&crate_sources)
}

#[test]
fn an_import_that_points_up_is_found_in_every_form() {
    for text in [
        "use crate::event_loop::EventLoop;",
        "use crate::EventLoop;",
        "use crate::{coroutine::{Call, Step}, event_loop};",
        "use {crate::coroutine, crate::event_loop as up};",
        "use super::event_loop::{self, Turn};",
        "use super::{coroutine, event_loop};",
        "use self::super::event_loop;",
        "pub(crate) use crate::event_loop::Turn;",
        "fn f() -> crate::event_loop::Turn { todo!() }",
        "fn f() { let c = '\"'; crate::event_loop::run(c) } // \"",
        "macro_rules! m { () => { $crate::event_loop::run() } }",
        "mod inner { use super::super::event_loop; }",
        "mod inner { fn f() {} } use super::event_loop;",
        "/* outer /* inner */ still */ use crate::event_loop;",
    ] {
        let problems = imports_in_task(text);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(problems[0].contains("task imports event_loop"), "{problems:?}");
    }
}

#[test]
fn an_import_from_below_or_from_the_same_room_passes() {
    for text in [
        "use crate::coroutine::{Call, Coroutine};",
        "use crate::{Call, Stage, yield_from};",
        "use crate::task::Task; use self::inner::X; use super::task::Y;",
        "use super::coroutine::Step;",
        "use std::time::Duration; use alloc::rc::Rc;",
        "pub(crate) struct A; pub(super) struct B; pub(in crate::task) struct C;",
        "mod tests { use super::*; use super::event_loop_of_my_own; }",
        "fn f(&self) -> usize { self.event_loop::<u8>() }",
        "mod inner { fn f() {} } fn g() {} use self::event_loop_of_my_own;",
    ] {
        assert_eq!(imports_in_task(text), [""; 0], "{text}");
    }
}

#[test]
fn imports_in_comments_and_strings_are_ignored() {
    for text in [
        "// use crate::event_loop;",
        "//! [`x`](crate::event_loop)\n/// crate::event_loop",
        "/* use crate::event_loop; /* use crate::event_loop; */ crate::event_loop */",
        "const A: &str = \"use crate::event_loop; \\\" crate::event_loop\";",
        "const A: &str = r#\"a \" crate::event_loop\"#;",
        "const A: &[u8] = b\"crate::event_loop\"; const B: char = '\\''; const C: &'static str = \"crate::sys\";",
    ] {
        assert_eq!(imports_in_task(text), [""; 0], "{text}");
    }
}

#[test]
fn importing_the_whole_root_or_unknown_names_is_found() {
    for text in [
        "use crate::*;",
        "use crate as root;",
        "use crate::{self as root};",
        "use super::*;",
        "extern crate self as me;",
        "use crate::Unknown;",
    ] {
        let problems = imports_in_task(text);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
    }
    assert!(imports_in_task("\n\nuse crate::*;")[0].starts_with("task/mod.rs:3: "));
}

#[test]
fn a_room_missing_from_the_table_is_found_with_advice() {
    for path in ["cellar.rs", "cellar/mod.rs", "cellar/wine/red.rs"] {
        let problems = imports_that_do_not_point_down(&[Source::new(path, "")]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("no room `cellar` in the table: add a row to ROOMS"), "{problems:?}");
    }
}

#[test]
fn the_root_may_import_every_room() {
    let root = Source::new("lib.rs", "pub use crate::testing::Clock; pub use self::coroutine::Call;");
    assert_eq!(imports_that_do_not_point_down(&[root]), [""; 0]);
}
