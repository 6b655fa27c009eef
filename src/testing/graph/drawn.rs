//! [`assert_drawn`] and [`assert_drawn_in`]: committed diagrams, and a test that fails when they are stale.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Checks that a file contains a drawing, and nothing else.
///
/// A relative path begins at the root of the package whose tests run: the directory of its `Cargo.toml`. With `UPDATE=1`
/// in the environment, the function writes the file instead, along with the directories that it needs.
///
/// ```no_run
/// use innermost::testing::{Graph, assert_drawn};
///
/// // In a test:
/// let door = Graph::new("Door").transition("Closed", "Open").transition("Open", "Closed");
/// assert_drawn("docs/door.dot", &door.dot());
/// ```
///
/// # Panics
///
/// Panics if the file is missing or differs. The message shows the first line that differs. Panics also if the file cannot
/// be read or written.
#[track_caller]
pub fn assert_drawn(path: impl AsRef<Path>, drawing: &str) {
    let path = absolute(path.as_ref());
    let current = read(&path);
    if current.as_deref().is_some_and(|current| lines(current) == lines(drawing)) {
        return;
    }
    if updates() {
        return write(&path, drawing);
    }
    match current {
        None => panic!("{}: the diagram is missing. {HINT}", path.display()),
        Some(current) => stale(&path, 1, &lines(&current), &lines(drawing)),
    }
}

/// Checks that a text, such as a Markdown file or the head of a source file, contains a drawing in a fenced block.
///
/// In the text, the block begins with a line that ends in three backticks and `mermaid` or `dot`, and ends with three
/// backticks. The lines may begin with `//!`, `///`, `//` or `#`. If the file has several such blocks, the function takes
/// the one that names the same machine in its line with `accTitle` or `digraph`. With `UPDATE=1` in the environment, it
/// fills an empty block, and renews a block that differs.
///
/// ```no_run
/// # let graph = innermost::testing::Graph::new("Echo");
/// innermost::testing::assert_drawn_in("README.md", &graph.mermaid());
/// ```
///
/// # Panics
///
/// Panics if the file has no such block, or if the block differs. The message shows the first line that differs. Panics also
/// if the file cannot be read or written, or if the drawing is neither for Mermaid nor for Graphviz.
#[track_caller]
pub fn assert_drawn_in(path: impl AsRef<Path>, drawing: &str) {
    let path = absolute(path.as_ref());
    let language = match drawing {
        mermaid if mermaid.starts_with("stateDiagram") => "mermaid",
        dot if dot.starts_with("digraph") => "dot",
        _ => panic!("the drawing is neither for Mermaid nor for Graphviz: use `assert_drawn` for a file of its own"),
    };
    let Some(text) = read(&path) else { panic!("{}: there is no such file", path.display()) };
    let all: Vec<_> = text.split_inclusive('\n').collect();
    let new = lines(drawing);
    let Some(block) = blocks(&all, language).into_iter().find(|block| block.is_for(&new)) else {
        let title = new.iter().find(|line| is_title(line)).map_or("", |line| line.trim());
        panic!(
            "{}: no block ```{language} has the line `{title}`. Add an empty block, and run the test with UPDATE=1",
            path.display()
        );
    };
    if block.lines == new {
        return;
    }
    if !updates() {
        stale(&path, block.start + 1, &block.lines, &new);
    }
    let mut renewed = all[..block.start].concat();
    for line in new {
        renewed.push_str(format!("{}{line}", block.margin).trim_end());
        renewed.push('\n');
    }
    renewed.push_str(&all[block.start + block.lines.len()..].concat());
    write(&path, &renewed);
}

/// A fenced block.
struct Block<'t> {
    /// The index of its first line, behind the fence.
    start: usize,
    /// What every line begins with.
    margin: &'t str,
    lines: Vec<&'t str>,
}

impl Block<'_> {
    /// Whether the drawing belongs here: the block is empty, or names the same machine.
    fn is_for(&self, drawing: &[&str]) -> bool {
        let title = |lines: &[&str]| lines.iter().find(|line| is_title(line)).map(|line| line.trim().to_owned());
        self.lines.iter().all(|line| line.trim().is_empty()) || title(&self.lines) == title(drawing)
    }
}

fn is_title(line: &str) -> bool {
    line.trim_start().starts_with("accTitle:") || line.starts_with("digraph")
}

/// The blocks of a language. Those that name a machine come first, so that an empty one is the last choice.
fn blocks<'t>(all: &[&'t str], language: &str) -> Vec<Block<'t>> {
    let mut blocks = Vec::new();
    let mut next = 0;
    while let Some(found) = all[next..].iter().position(|line| line.trim_end().ends_with(&format!("```{language}"))) {
        let start = next + found + 1;
        let margin = all[start - 1].split("```").next().unwrap_or_default();
        if !margin.trim().chars().all(|c| "/!#*".contains(c)) {
            next = start;
            continue;
        }
        let body = all[start..].iter().take_while(|line| !inner(line, margin).trim_start().starts_with("```"));
        let lines: Vec<_> = body.map(|line| inner(line, margin)).collect();
        next = start + lines.len();
        blocks.push(Block { start, margin, lines });
    }
    blocks.sort_by_key(|block| block.lines.iter().all(|line| line.trim().is_empty()));
    blocks
}

/// A line of a block without what stands before it.
fn inner<'t>(line: &'t str, margin: &str) -> &'t str {
    line.strip_prefix(margin).or_else(|| line.strip_prefix(margin.trim_end())).unwrap_or(line).trim_end()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).collect()
}

#[track_caller]
fn stale(path: &Path, first: usize, current: &[&str], new: &[&str]) -> ! {
    let same = current.iter().zip(new).take_while(|(current, new)| current == new).count();
    let show =
        |lines: &[&str]| lines.get(same).map_or_else(|| "nothing".to_owned(), |line| format!("`{}`", line.trim()));
    panic!(
        "{}: the diagram is stale: line {} is {}, but should be {}. {HINT}",
        path.display(),
        first + same,
        show(current),
        show(new)
    );
}

fn updates() -> bool {
    env::var_os("UPDATE").is_some_and(|value| !value.is_empty() && value != "0")
}

fn absolute(path: &Path) -> PathBuf {
    let root = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    root.join(path)
}

/// `None` if there is no such file.
#[track_caller]
fn read(path: &Path) -> Option<String> {
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => None,
        Err(error) => panic!("{}: cannot be read: {error}", path.display()),
    }
}

#[track_caller]
fn write(path: &Path, text: &str) {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    if let Err(error) = made.and_then(|()| fs::write(path, text)) {
        panic!("{}: cannot be written: {error}", path.display());
    }
}

const HINT: &str = "To renew it, run the test with UPDATE=1";
