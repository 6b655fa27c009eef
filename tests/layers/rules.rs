//! The other rules: only `sys` uses `unsafe` and `libc`, long files say why, the root has no logic, and examples have tests.

use crate::source::Source;
use crate::tokens::Token;

/// A file of more lines than this says in its head why it is not two: the head has the words of [`EXCUSE`] in it.
const LONG: usize = 500;
const EXCUSE: &str = "One file because";

pub(crate) fn unsafe_or_libc_outside_sys(sources: &[Source]) -> Vec<String> {
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

/// Whether the attribute at `at` belongs to `mod sys`.
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

pub(crate) fn long_files_without_excuse(sources: &[Source]) -> Vec<String> {
    let lines = |source: &Source| source.text.lines().count();
    let long = sources.iter().filter(|source| lines(source) > LONG && !source.head().contains(EXCUSE));
    long.map(|source| {
        let lines = lines(source);
        source.problem(lines, format!("{lines} lines: split it, or say in its head \"{EXCUSE} ..\""))
    })
    .collect()
}

pub(crate) fn logic_in_the_root(sources: &[Source]) -> Vec<String> {
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

/// A line such as `// W9, X10` cites cases, each of which has an entry in the list.
pub(crate) fn cases_without_entry(tests: &[Source], list: &str) -> Vec<String> {
    let is_case = |word: &str| {
        let mut letters = word.chars();
        letters.next().is_some_and(|first| first.is_ascii_uppercase())
            && word.len() > 1
            && letters.all(|letter| letter.is_ascii_digit())
    };
    let mut problems = Vec::new();
    for test in tests {
        for (line, text) in (1..).zip(test.text.lines()) {
            let Some(cited) = text.trim_start().strip_prefix("// ") else { continue };
            let cases: Vec<_> = cited.split(", ").collect();
            if cases.iter().all(|case| is_case(case)) {
                let unknown = cases.iter().filter(|case| !list.contains(&format!("- **{case}** ")));
                problems
                    .extend(unknown.map(|case| test.problem(line, format!("no case {case} in tests/EDGE_CASES.md"))));
            }
        }
    }
    problems
}

/// An example is run by a test, and a test that runs one names it: in a string, or as an identifier.
pub(crate) fn examples_without_test(examples: &[Source], tests: &[Source]) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let tests: Vec<_> = tests.iter().filter(|test| !test.path.starts_with("layers")).collect();
    let mut problems = Vec::new();
    for example in examples {
        // Cargo's examples: `name.rs`, or `name/main.rs`.
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
fn unsafe_and_libc_pass_in_sys_and_in_comments() {
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
fn logic_is_found_only_in_the_root() {
    assert_eq!(logic_in_the_root(&[Source::new("lib.rs", "pub fn run() {}")]).len(), 1);
    assert_eq!(logic_in_the_root(&[Source::new("task/lib.rs", "pub fn run() {}")]), [""; 0]);
    assert_eq!(logic_in_the_root(&[Source::new("lib.rs", "//! fn\n#![no_std] pub mod a; pub use a::B;")]), [""; 0]);
}

#[test]
fn an_example_without_a_test_is_found() {
    let examples = || [Source::new("echo.rs", ""), Source::new("chat/main.rs", ""), Source::new("chat/room.rs", "")];
    let found = |tests: &[Source]| examples_without_test(&examples(), tests).len();
    assert_eq!(found(&[]), 2);
    assert_eq!(found(&[Source::new("examples.rs", "run(\"echo\"); // chat")]), 1);
    assert_eq!(found(&[Source::new("examples.rs", "run(\"echoes\"); fn chatty() {}")]), 2);
    assert_eq!(found(&[Source::new("examples.rs", "run(\"target/debug/examples/echo\"); fn chat() {}")]), 0);
    assert_eq!(found(&[Source::new("layers/main.rs", "run(\"echo\"); run(\"chat\");")]), 2);
}

#[test]
fn a_cited_case_without_an_entry_is_found() {
    let found = |text: &str| cases_without_entry(&[Source::new("a.rs", text)], "- **W1** One.\n- **W10** Ten.\n").len();
    assert_eq!(found("    // W1, W10\n// W10\n// A1B, W2 is no citation\n"), 0);
    assert_eq!(found("// W2\n"), 1);
    assert_eq!(found("// W1, X3, W100\n"), 2);
}
