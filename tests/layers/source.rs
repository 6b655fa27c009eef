//! The files of the crate as tokens, with their places in the tree of modules.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tokens::{Token, tokens};

/// A file: its path below `src` (or `tests`, or `examples`), and its content.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) tokens: Vec<(usize, Token)>,
}

impl Source {
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { path: path.into(), tokens: tokens(&text), text }
    }

    /// Its place in the tree of modules: `a/mod.rs` and `a.rs` are `a`, `a/b.rs` is `a::b`, and `lib.rs` is the root.
    pub(crate) fn module(&self) -> Vec<String> {
        let path = self.path.with_extension("");
        let mut module: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "mod" || (module.len() == 1 && last == "lib")) {
            module.pop();
        }
        module
    }

    /// The module of the root that it belongs to; none for `lib.rs`.
    pub(crate) fn room(&self) -> Option<String> {
        self.module().into_iter().next()
    }

    /// The `//!` lines at its top.
    pub(crate) fn head(&self) -> String {
        self.text.lines().take_while(|line| line.starts_with("//!")).collect()
    }

    pub(crate) fn problem(&self, line: usize, what: impl AsRef<str>) -> String {
        format!("{}:{line}: {}", self.path.display(), what.as_ref())
    }

    pub(crate) fn ident(&self, at: usize) -> Option<&str> {
        match self.tokens.get(at) {
            Some((_, Token::Ident(name))) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn is(&self, at: usize, expected: &[&str]) -> bool {
        expected.iter().enumerate().all(|(i, text)| match self.tokens.get(at + i) {
            Some((_, Token::Ident(name))) => name == text,
            Some((_, Token::Punct(c))) => c.encode_utf8(&mut [0; 4]) == *text,
            _ => false,
        })
    }

    /// The token after the `}`, `)` or `]` that closes the bracket at `at`.
    pub(crate) fn behind_group(&self, at: usize) -> usize {
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

/// All `.rs` files below a directory of the crate. Empty if there is no such directory.
pub(crate) fn sources(directory: &str) -> Vec<Source> {
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
