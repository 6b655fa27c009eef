//! The house rules that a machine can check: imports point down, `unsafe` and `libc` stand in `sys` alone, long files
//! say why, every example has a test.
//!
//! Nothing here compiles the crate. The sources are read as tokens, so that a comment or a string breaks no rule and a
//! path is found wherever it stands: in a `use`, in a group, in the middle of an expression. What a macro of another
//! crate expands to is not seen; for `unsafe` the compiler's own lint stands behind this.
//!
//! A rule is a function from sources to the list of what breaks it. The tests at the top give it the crate, those at
//! the bottom give it small sources that break it and small ones that do not. One file because none of its parts, the
//! table, the rules and the reader of tokens, is used without the others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the crate, lowest first: layer, name, what it may import. A row may name only rooms of rows above it.
///
/// A new room (a module that `lib.rs` declares) goes here, with as few imports as it needs.
const ROOMS: &[(u8, &str, &[&[&str]])] = &[
    (0, "coroutine", &[]),
    (1, "sys", &[]),
    (1, "context", &[&["coroutine"]]),
    (1, "future", &[&["coroutine"]]),
    (1, "task", &[&["coroutine", "context", "future"]]),
    (1, "executor", &[TASKS, &["sys"]]),
    (2, "event_loop", &[TASKS, &["sys", "executor"]]),
    (2, "time", &[TASKS, &["sys", "event_loop"]]),
    (2, "sync", &[TASKS, &["event_loop"]]),
    (2, "queue", &[TASKS, &["event_loop", "sync"]]),
    (2, "wait", &[TASKS, &["event_loop", "time"]]),
    (2, "scope", &[TASKS, &["event_loop", "wait"]]),
    (2, "async_iter", &[TASKS, &["event_loop", "time", "queue", "wait", "scope"]]),
    (3, "runner", &[TASKS, LOOP]),
    (3, "resolver", &[TASKS, LOOP, &["executor", "sys"]]),
    (3, "signal", &[TASKS, LOOP, &["sys"]]),
    (3, "net", &[TASKS, LOOP, &["sys", "resolver"]]),
    (3, "transport", &[TASKS, LOOP, &["sys", "resolver", "net"]]),
    (3, "process", &[TASKS, LOOP, &["sys", "signal", "transport"]]),
    (4, "stream", &[TASKS, LOOP, OUTSIDE]),
    (4, "tls", &[TASKS, LOOP, OUTSIDE, &["stream"]]),
    (4, "debug", &[TASKS, LOOP]),
    (5, "testing", &[TASKS, LOOP, OUTSIDE, &["sys", "stream", "tls", "debug"]]),
];

const TASKS: &[&str] = &["coroutine", "context", "future", "task"];
const LOOP: &[&str] = &["event_loop", "time", "sync", "queue", "wait", "scope", "async_iter"];
const OUTSIDE: &[&str] = &["executor", "resolver", "signal", "net", "transport", "process"];

/// A file of more lines than this says in its head why it is not two: the head has the words of [`EXCUSE`] in it.
const LONG: usize = 500;
const EXCUSE: &str = "One file because";

#[test]
fn imports_point_down() {
    expect_none("src", imports_that_do_not_point_down(&sources("src")));
}

#[test]
fn unsafe_and_libc_stand_in_sys_alone() {
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

/// One file: where it lies below `src` (or `tests`, or `examples`), and what is in it.
struct Source {
    path: PathBuf,
    text: String,
    tokens: Vec<(usize, Token)>,
}

impl Source {
    fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { path: path.into(), tokens: tokens(&text), text }
    }

    /// Where in the tree of modules it stands: `a/mod.rs` and `a.rs` at `a`, `a/b.rs` at `a::b`, `lib.rs` at the root.
    fn module(&self) -> Vec<String> {
        let path = self.path.with_extension("");
        let mut module: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "mod" || (module.len() == 1 && last == "lib")) {
            module.pop();
        }
        module
    }

    /// The module of the root that it belongs to; none for `lib.rs`.
    fn room(&self) -> Option<String> {
        self.module().into_iter().next()
    }

    /// The `//!` lines at its top.
    fn head(&self) -> String {
        self.text.lines().take_while(|line| line.starts_with("//!")).collect()
    }

    fn problem(&self, line: usize, what: impl AsRef<str>) -> String {
        format!("{}:{line}: {}", self.path.display(), what.as_ref())
    }

    fn ident(&self, at: usize) -> Option<&str> {
        match self.tokens.get(at) {
            Some((_, Token::Ident(name))) => Some(name),
            _ => None,
        }
    }

    fn is(&self, at: usize, expected: &[&str]) -> bool {
        expected.iter().enumerate().all(|(i, text)| match self.tokens.get(at + i) {
            Some((_, Token::Ident(name))) => name == text,
            Some((_, Token::Punct(c))) => c.encode_utf8(&mut [0; 4]) == *text,
            _ => false,
        })
    }

    /// The token behind the `}`, `)` or `]` that closes what is opened at `at`.
    fn behind_group(&self, at: usize) -> usize {
        let mut depth = 0;
        for (i, (_, token)) in self.tokens.iter().enumerate().skip(at) {
            match token {
                Token::Punct('{' | '(' | '[') => depth += 1,
                Token::Punct('}' | ')' | ']') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return i + 1;
            }
        }
        self.tokens.len()
    }
}

/// Every `.rs` file below a directory of the crate; none where there is no such directory.
fn sources(directory: &str) -> Vec<Source> {
    fn collect(root: &Path, directory: &Path, found: &mut Vec<Source>) {
        let mut entries: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                collect(root, &path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is readable text");
                found.push(Source::new(path.strip_prefix(root).expect("it lies below"), text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(directory != "src" || !found.is_empty(), "the crate has sources");
    found
}

// ---- imports

fn imports_of(room: &str) -> Vec<&'static str> {
    ROOMS.iter().filter(|(_, name, _)| *name == room).flat_map(|(.., groups)| groups.concat()).collect()
}

fn imports_that_do_not_point_down(sources: &[Source]) -> Vec<String> {
    let homes = homes_of_root_names(sources);
    let mut problems = Vec::new();
    for source in sources {
        let Some(room) = source.room() else { continue };
        if !ROOMS.iter().any(|(_, name, _)| *name == room) {
            problems.push(source.problem(
                1,
                format!("no room `{room}` in the table: add a row to ROOMS in tests/layers.rs with what it may import"),
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

/// What can follow `crate::`, and the room that it belongs to: the rooms, what `lib.rs` re-exports, exported macros.
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
fn leaves_of_use(source: &Source, mut at: usize, before: &[String], leaves: &mut Vec<(String, String)>) -> usize {
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

// ---- the other rules

fn unsafe_or_libc_outside_sys(sources: &[Source]) -> Vec<String> {
    let mut problems = Vec::new();
    for source in sources.iter().filter(|source| source.room().as_deref() != Some("sys")) {
        for (at, (line, token)) in source.tokens.iter().enumerate() {
            let Token::Ident(name) = token else { continue };
            match name.as_str() {
                "unsafe" => problems.push(source.problem(*line, "`unsafe` outside sys (rule 1)")),
                "libc" => problems.push(source.problem(*line, "`libc` outside sys: wrap the call there")),
                "allow" | "expect" | "warn" if source.is(at + 1, &["("]) => {
                    let end = source.behind_group(at + 1);
                    let permits = (at..end).any(|at| source.ident(at) == Some("unsafe_code"));
                    if permits && !(source.room().is_none() && stands_before_mod_sys(source, end)) {
                        problems.push(source.problem(*line, "`unsafe_code` permitted outside sys (rule 1)"));
                    }
                }
                _ => {}
            }
        }
    }
    problems
}

/// Whether what stands at `at`, inside an attribute, is said of `mod sys`.
fn stands_before_mod_sys(source: &Source, at: usize) -> bool {
    let mut at = at + 1; // the `]`
    while source.is(at, &["#"]) {
        at = source.behind_group(at + 1);
    }
    if source.is(at, &["pub"]) {
        at = if source.is(at + 1, &["("]) { source.behind_group(at + 1) } else { at + 1 };
    }
    source.is(at, &["mod", "sys"])
}

fn long_files_without_excuse(sources: &[Source]) -> Vec<String> {
    let lines = |source: &Source| source.text.lines().count();
    let long = sources.iter().filter(|source| lines(source) > LONG && !source.head().contains(EXCUSE));
    long.map(|source| {
        let lines = lines(source);
        source.problem(lines, format!("{lines} lines: split it, or say in its head \"{EXCUSE} ..\""))
    })
    .collect()
}

fn logic_in_the_root(sources: &[Source]) -> Vec<String> {
    let mut problems = Vec::new();
    for source in sources.iter().filter(|source| source.room().is_none()) {
        for (line, token) in &source.tokens {
            if let Token::Ident(name) = token
                && matches!(name.as_str(), "fn" | "impl" | "struct" | "enum" | "trait" | "macro_rules")
            {
                problems.push(source.problem(*line, format!("`{name}` in lib.rs, which only declares and re-exports")));
            }
        }
    }
    problems
}

/// An example is run by a test, and a test that runs one names it: in a string, or as an identifier.
fn examples_without_test(examples: &[Source], tests: &[Source]) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let tests: Vec<_> = tests.iter().filter(|test| test.path != Path::new("layers.rs")).collect();
    let mut problems = Vec::new();
    for example in examples {
        // What cargo takes for an example: `name.rs`, or `name/main.rs`.
        let name = match example.module().as_slice() {
            [name] => name.clone(),
            [name, main] if main == "main" => name.clone(),
            _ => continue,
        };
        let named = tests.iter().flat_map(|test| &test.tokens).any(|(_, token)| match token {
            Token::Ident(ident) => *ident == name,
            Token::Text(text) => text.split(|c| !is_part(c)).any(|word| word == name),
            Token::Punct(_) => false,
        });
        if !named {
            problems.push(example.problem(1, format!("no test in tests/ names the example `{name}`, so none runs it")));
        }
    }
    problems
}

// ---- reading Rust

#[derive(Debug, PartialEq)]
enum Token {
    /// An identifier, a keyword or a number.
    Ident(String),
    /// What a string or a character literal holds, escapes as written.
    Text(String),
    Punct(char),
}

/// The tokens of a source, each with its line. Comments and lifetimes are left out.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut reader = Reader { rest: text, line: 1 };
    let mut tokens = Vec::new();
    loop {
        reader.skip_blanks_and_comments();
        let line = reader.line;
        let Some(c) = reader.rest.chars().next() else { return tokens };
        if c == '\'' {
            tokens.extend(reader.character().map(|text| (line, Token::Text(text))));
        } else if let Some(text) = reader.string() {
            tokens.push((line, Token::Text(text)));
        } else if c.is_alphanumeric() || c == '_' {
            if reader.rest.starts_with("r#") {
                reader.take(2);
            }
            let length = reader.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(reader.rest.len());
            tokens.push((line, Token::Ident(reader.take(length.max(1)).into())));
        } else {
            reader.take(c.len_utf8());
            tokens.push((line, Token::Punct(c)));
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            let trimmed = self.rest.trim_start();
            self.take(self.rest.len() - trimmed.len());
            if trimmed.starts_with("//") {
                self.take(trimmed.find('\n').unwrap_or(trimmed.len()));
            } else if trimmed.starts_with("/*") {
                // They nest.
                let mut depth = 0;
                loop {
                    if self.rest.starts_with("/*") {
                        depth += 1;
                        self.take(2);
                    } else if self.rest.starts_with("*/") {
                        depth -= 1;
                        self.take(2);
                    } else if let Some(c) = self.rest.chars().next() {
                        self.take(c.len_utf8());
                    }
                    if depth == 0 || self.rest.is_empty() {
                        break;
                    }
                }
            } else {
                return;
            }
        }
    }

    /// The content of the string that starts here, if one does: `".."`, `r#".."#`, and either after `b` or `c`.
    fn string(&mut self) -> Option<String> {
        let prefix = self.rest.find(|c| !matches!(c, 'b' | 'c' | 'r'))?;
        let raw = self.rest[..prefix].contains('r');
        let hashes = self.rest[prefix..].find(|c| c != '#')?;
        if prefix > 2 || (hashes > 0 && !raw) || !self.rest[prefix + hashes..].starts_with('"') {
            return None;
        }
        self.take(prefix + hashes + 1);
        let end = if raw {
            self.rest.find(&format!("\"{}", "#".repeat(hashes)))
        } else {
            let mut escaped = false;
            self.rest.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })
        };
        let content = self.take(end.unwrap_or(self.rest.len()));
        self.take((1 + hashes).min(self.rest.len()));
        Some(content.into())
    }

    /// The content of the character literal that starts here; `None` where it is a lifetime, which is passed over.
    fn character(&mut self) -> Option<String> {
        self.take(1);
        let mut chars = self.rest.chars();
        let first = chars.next()?;
        if first != '\\' && chars.next() != Some('\'') {
            let length = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            self.take(length);
            return None;
        }
        // Past an escaped quote.
        let skip = if first == '\\' { 1 + chars.next().map_or(0, char::len_utf8) } else { first.len_utf8() };
        let length = skip + self.rest.get(skip..)?.find('\'')?;
        let content = self.take(length);
        self.take(1);
        Some(content.into())
    }
}

// ---- the rules fail where they should, and only there

/// What the rule says of `task/mod.rs` with this text, in a crate whose root re-exports a few names.
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
fn an_import_that_points_down_or_home_passes() {
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
fn an_import_in_a_comment_or_a_string_is_none() {
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
fn importing_the_whole_root_or_what_it_does_not_have_is_found() {
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
fn a_room_that_is_not_in_the_table_is_found_and_told_what_to_do() {
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

#[test]
fn unsafe_and_libc_are_found_outside_sys() {
    for (path, text) in [
        ("net/tcp.rs", "fn f() { unsafe { g() } }"),
        ("net/tcp.rs", "unsafe impl Send for X {}"),
        ("net/tcp.rs", "use libc::c_int;"),
        ("net/tcp.rs", "fn f() -> ::libc::c_int { 0 }"),
        ("net/tcp.rs", "#![allow(unsafe_code)]"),
        ("net/mod.rs", "#[expect(clippy::all, unsafe_code, reason = \"no\")] mod sys;"),
        ("lib.rs", "#[allow(unsafe_code)] mod net;"),
        ("lib.rs", "#[allow(unsafe_code)] #[cfg(unix)] pub(crate) mod system; mod sys;"),
    ] {
        let problems = unsafe_or_libc_outside_sys(&[Source::new(path, text)]);
        assert_eq!(problems.len(), 1, "{path}: {text}: {problems:?}");
    }
}

#[test]
fn unsafe_and_libc_pass_in_sys_and_where_they_are_only_spoken_of() {
    for (path, text) in [
        ("sys/epoll.rs", "#![allow(unsafe_code)] fn f() { unsafe { libc::close(0); } }"),
        ("sys.rs", "fn f() { unsafe { libc::close(0); } }"),
        ("lib.rs", "#![deny(unsafe_code)] #[allow(unsafe_code)] #[cfg(unix)] pub(crate) mod sys;"),
        (
            "net/tcp.rs",
            "// unsafe, libc::close\nconst A: &str = \"unsafe libc::close\"; fn unsafe_looking(libc_like: u8) {}",
        ),
    ] {
        assert_eq!(unsafe_or_libc_outside_sys(&[Source::new(path, text)]), [""; 0], "{path}: {text}");
    }
}

#[test]
fn a_long_file_passes_only_if_its_head_says_why() {
    let body = "fn f() {}\n".repeat(LONG);
    assert_eq!(long_files_without_excuse(&[Source::new("net/tcp.rs", &*body)]), [""; 0]);
    let body = format!("// {EXCUSE} this is not the head\n{body}");
    assert_eq!(long_files_without_excuse(&[Source::new("net/tcp.rs", &*body)]).len(), 1);
    let body = format!("//! Sockets.\n//!\n//! {EXCUSE} of the table.\n{body}");
    assert_eq!(long_files_without_excuse(&[Source::new("net/tcp.rs", &*body)]), [""; 0]);
}

#[test]
fn logic_is_found_in_the_root_alone() {
    assert_eq!(logic_in_the_root(&[Source::new("lib.rs", "pub fn run() {}")]).len(), 1);
    assert_eq!(logic_in_the_root(&[Source::new("task/lib.rs", "pub fn run() {}")]), [""; 0]);
    assert_eq!(logic_in_the_root(&[Source::new("lib.rs", "//! fn\n#![no_std] pub mod a; pub use a::B;")]), [""; 0]);
}

#[test]
fn an_example_that_no_test_names_is_found() {
    let examples = || [Source::new("echo.rs", ""), Source::new("chat/main.rs", ""), Source::new("chat/room.rs", "")];
    let found = |tests: &[Source]| examples_without_test(&examples(), tests).len();
    assert_eq!(found(&[]), 2);
    assert_eq!(found(&[Source::new("examples.rs", "run(\"echo\"); // chat")]), 1);
    assert_eq!(found(&[Source::new("examples.rs", "run(\"echoes\"); fn chatty() {}")]), 2);
    assert_eq!(found(&[Source::new("examples.rs", "run(\"target/debug/examples/echo\"); fn chat() {}")]), 0);
    assert_eq!(found(&[Source::new("layers.rs", "run(\"echo\"); run(\"chat\");")]), 2);
}

#[test]
fn tokens_tell_lifetimes_characters_and_strings_apart() {
    let ident = |name: &str| Token::Ident(name.into());
    let text = |text: &str| Token::Text(text.into());
    let read = |source| tokens(source).into_iter().map(|(_, token)| token).collect::<Vec<_>>();
    // `b'c'` is read as an identifier and a character: nothing here depends on that.
    let characters = [text("b"), ident("b"), text("c"), text("\\'"), text("\\u{1F600}"), text("ä")];
    assert_eq!(read("'a 'b' b'c' '\\'' '\\u{1F600}' 'ä'"), characters);
    assert_eq!(read("r#type br##\"a\"#b\"## r\"\\\" c"), [ident("type"), text("a\"#b"), text("\\"), ident("c")]);
    assert_eq!(read("&'static str"), [Token::Punct('&'), ident("str")]);
    assert_eq!(tokens("\"a\nb\"\nc").last(), Some(&(3, ident("c"))));
}
