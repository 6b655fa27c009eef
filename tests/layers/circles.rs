//! No circles between files: if two files import each other, neither can be read first.
//!
//! An edge is a path with `crate::`, `super::` or `self::` that leads to a file. A path that ends in a folder's module
//! (`mod.rs`, which re-exports its items) is not an edge, because it does not say which file it means.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;
use crate::tokens::Token;

/// A path in the source: its place, and its names from the root.
type Path = (usize, Vec<String>);

/// The imports of each file, by index, with the line of the first import.
type Edges = Vec<BTreeMap<usize, usize>>;

/// Finds circles of several files. A file in `known` may be in a circle, and must be removed from `known` when it is not.
pub(crate) fn circles_between_files(sources: &[Source], known: &[(&str, &str)]) -> Vec<String> {
    let edges = edges(sources);
    let is_known = |at: usize| known.iter().any(|(file, _)| sources[at].path.as_os_str() == *file);
    let mut problems = Vec::new();
    let mut in_circles = BTreeSet::new();
    let mut reported = BTreeSet::new();
    for start in 0..sources.len() {
        let Some(circle) = shortest_circle(&edges, start) else { continue };
        in_circles.insert(start);
        let files: BTreeSet<_> = circle.iter().copied().collect();
        if files.iter().any(|file| is_known(*file)) || !reported.insert(files) {
            continue;
        }
        let next = circle.iter().skip(1).chain([&start]);
        let steps = circle.iter().zip(next).map(|(from, to)| {
            format!("{}:{} -> {}", sources[*from].path.display(), edges[*from][to], sources[*to].path.display())
        });
        let steps: Vec<_> = steps.collect();
        problems.push(sources[start].problem(edges[start][&circle.get(1).copied().unwrap_or(start)], steps.join(", ")));
    }
    for (file, _) in known {
        if !in_circles.iter().any(|at| sources[*at].path.as_os_str() == *file) {
            problems.push(format!("{file}: stands in no circle any more: take it off KNOWN_CIRCLES"));
        }
    }
    problems
}

fn edges(sources: &[Source]) -> Edges {
    let modules: Vec<_> = sources.iter().map(Source::module).collect();
    let is_folder =
        |at: usize| modules.iter().any(|module| module.len() > modules[at].len() && module.starts_with(&modules[at]));
    let files: BTreeMap<_, _> = modules.iter().enumerate().map(|(at, module)| (module.as_slice(), at)).collect();
    let mut edges: Edges = vec![BTreeMap::new(); sources.len()];
    for (from, source) in sources.iter().enumerate() {
        for (line, path) in paths(source) {
            let lengths = (1..=path.len()).rev();
            let Some(to) = lengths.filter_map(|length| files.get(&path[..length])).next() else { continue };
            if *to != from && !is_folder(*to) {
                edges[from].entry(*to).or_insert(line);
            }
        }
    }
    edges
}

/// The files of the shortest circle through `start`, beginning with it.
fn shortest_circle(edges: &Edges, start: usize) -> Option<Vec<usize>> {
    let mut came_from = BTreeMap::from([(start, start)]);
    let mut frontier = vec![start];
    while !frontier.is_empty() {
        for from in std::mem::take(&mut frontier) {
            for to in edges[from].keys() {
                if *to == start {
                    let mut circle = vec![from];
                    while circle.last() != Some(&start) {
                        circle.push(came_from[&circle[circle.len() - 1]]);
                    }
                    circle.reverse();
                    return Some(circle);
                }
                came_from.entry(*to).or_insert_with(|| {
                    frontier.push(*to);
                    from
                });
            }
        }
    }
    None
}

/// Every path of a file that begins with `crate`, `super` or `self`, every branch of a group by itself.
fn paths(source: &Source) -> Vec<Path> {
    let mut paths = Vec::new();
    let mut module = source.module();
    let (mut braces, mut inner_modules) = (0, Vec::new());
    for at in 0..source.tokens.len() {
        match &source.tokens[at].1 {
            Token::Punct('{') => {
                if at >= 2 && source.ident(at - 2) == Some("mod") {
                    inner_modules.push(braces);
                    module.extend(source.ident(at - 1).map(String::from));
                }
                braces += 1;
            }
            Token::Punct('}') => {
                braces -= 1;
                if inner_modules.last() == Some(&braces) {
                    inner_modules.pop();
                    module.pop();
                }
            }
            Token::Ident(name) if matches!(name.as_str(), "crate" | "super" | "self") => {
                let starts_path = at < 2 || !source.is(at - 2, &[":", ":"]);
                if starts_path && source.is(at + 1, &[":", ":"]) {
                    follow(source, at, module.clone(), &mut paths);
                }
            }
            _ => {}
        }
    }
    paths
}

fn follow(source: &Source, mut at: usize, mut path: Vec<String>, paths: &mut Vec<Path>) {
    let Some((line, _)) = source.tokens.get(at) else { return };
    loop {
        match source.tokens.get(at) {
            Some((_, Token::Ident(name))) => match name.as_str() {
                "crate" => path.clear(),
                "super" => _ = path.pop(),
                "self" => {}
                _ => path.push(name.clone()),
            },
            Some((_, Token::Punct('{'))) => {
                let end = source.behind_group(at);
                at += 1;
                while at + 1 < end {
                    follow(source, at, path.clone(), paths);
                    while at + 1 < end && !source.is(at, &[","]) {
                        at = if source.is(at, &["{"]) { source.behind_group(at) } else { at + 1 };
                    }
                    at += 1;
                }
                return;
            }
            _ => break,
        }
        if !source.is(at + 1, &[":", ":"]) {
            break;
        }
        at += 3;
    }
    paths.push((*line, path));
}

/// The problems of these files, together with `lib.rs` and `room/mod.rs`.
fn circles_of(files: &[(&str, &str)], known: &[(&str, &str)]) -> Vec<String> {
    let doors =
        [("lib.rs", "pub mod room;"), ("room/mod.rs", "mod a; mod b; mod c; pub use a::A; pub use self::b::B;")];
    let sources: Vec<_> = doors.iter().chain(files).map(|(path, text)| Source::new(path, *text)).collect();
    circles_between_files(&sources, known)
}

#[test]
fn a_circle_is_found_in_every_form_of_import() {
    for (a, b) in [
        ("use super::b::B;", "use super::a::A;"),
        ("use crate::room::b::B;", "use crate::room::{a::A, c};"),
        ("use super::{c::C, b::{self, B}};", "fn f() -> crate::room::a::A { todo!() }"),
        ("mod inner { use super::super::b::B; }", "use super::a;"),
        ("fn f() { super::b::f() }", "pub(crate) use crate::{room::a::A};"),
    ] {
        let problems = circles_of(&[("room/a.rs", a), ("room/b.rs", b), ("room/c.rs", "")], &[]);
        assert_eq!(problems.len(), 1, "{a} {b}: {problems:?}");
        assert!(problems[0].contains("room/a.rs:1 -> room/b.rs, room/b.rs:1 -> room/a.rs"), "{problems:?}");
    }
}

#[test]
fn a_circle_of_three_names_its_files_once() {
    let files =
        [("room/a.rs", "\nuse super::b::B;"), ("room/b.rs", "use super::c::C;"), ("room/c.rs", "use super::a::A;")];
    let expected = "room/a.rs:2: room/a.rs:2 -> room/b.rs, room/b.rs:1 -> room/c.rs, room/c.rs:1 -> room/a.rs";
    assert_eq!(circles_of(&files, &[]), [expected]);
}

#[test]
fn imports_without_a_circle_pass() {
    for (a, b) in [
        ("use super::b::B;", ""),
        ("use super::b::B;", "use super::c::C;"),
        // By the door of the room.
        ("use super::b::B;", "use super::A;"),
        ("use super::b::B;", "use crate::room::{A, self};"),
        ("use super::b::B; mod inner { use super::f; }", "// use super::a::A;"),
        ("use super::b::B;", "mod inner { use super::a; }"),
    ] {
        let problems = circles_of(&[("room/a.rs", a), ("room/b.rs", b), ("room/c.rs", "")], &[]);
        assert_eq!(problems, [""; 0], "{a} {b}");
    }
}

#[test]
fn a_known_circle_passes_until_it_is_gone() {
    let known = [("room/a.rs", "a reason")];
    let b = ("room/b.rs", "use super::a::A;");
    assert_eq!(circles_of(&[("room/a.rs", "use super::b::B;"), b], &known), [""; 0]);
    assert_eq!(circles_of(&[("room/a.rs", ""), b], &known).len(), 1);
}
