//! Diagrams that are committed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use innermost::testing::{Graph, Node, assert_drawn, assert_drawn_in};

fn door() -> Graph {
    Graph::new("Door").starting_in("Closed").transition("Closed", "Open").transition("Open", "Closed")
}

/// A package of someone else's.
struct Package(PathBuf);

impl Package {
    fn new(name: &str) -> Self {
        let root = env::temp_dir().join(format!("innermost-drawn-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.join(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap()
    }

    /// Runs the check in a process of its own, because variables of the environment belong to a process.
    fn check(&self, path: &str, update: &str) -> Result<(), String> {
        let Output { status, stdout, stderr } = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "graphs::committed::run_by_the_tests_here", "--nocapture"])
            .envs([("DRAWN", Path::new(path)), ("CARGO_MANIFEST_DIR", &self.0), ("UPDATE", Path::new(update))])
            .current_dir("/")
            .output()
            .unwrap();
        let text = [stdout, stderr].map(|output| String::from_utf8_lossy(&output).into_owned()).concat();
        if status.success() {
            return Ok(());
        }
        let root = format!("{}/", self.0.display());
        Err(text.lines().find(|line| line.starts_with(&root)).unwrap_or(&text).replace(&root, ""))
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
#[ignore = "the other tests run it, in processes of their own"]
fn run_by_the_tests_here() {
    let path = env::var("DRAWN").unwrap();
    match path.ends_with(".dot") {
        true => assert_drawn(path, &door().dot()),
        false => assert_drawn_in(path, &door().mermaid()),
    }
}

#[test]
fn a_stale_file_fails_and_is_renewed() {
    let package = Package::new("file");
    assert_eq!(
        package.check("docs/door.dot", "").unwrap_err(),
        "docs/door.dot: the diagram is missing. To renew it, run the test with UPDATE=1"
    );
    package.check("docs/door.dot", "1").unwrap();
    assert_eq!(package.read("docs/door.dot"), door().dot());
    package.check("docs/door.dot", "").unwrap();
    let stale = package.read("docs/door.dot").replace("Open", "Ajar");
    package.write("docs/door.dot", &stale);
    let message = package.check("docs/door.dot", "0").unwrap_err();
    assert!(
        message.starts_with("docs/door.dot: the diagram is stale: line 8 is `s2 [label=\"Ajar\"];`, but"),
        "{message}"
    );
    package.check("docs/door.dot", "1").unwrap();
    package.check("docs/door.dot", "").unwrap();
    // Line ends of another system are no difference.
    package.write("docs/door.dot", &door().dot().replace('\n', "\r\n"));
    package.check("docs/door.dot", "").unwrap();
}

#[test]
fn a_stale_block_fails_and_is_renewed() {
    let package = Package::new("block");
    let other = "//! ```mermaid\n//! stateDiagram-v2\n//!     accTitle: Window\n//!     A --> B\n//! ```\n";
    package.write(
        "door.rs",
        &format!("//! A door.\n//!\n{other}//!\n//! ```mermaid\n//! ```\n//!\n//! The end.\nfn main() {{}}\n"),
    );
    assert_eq!(
        package.check("door.rs", "").unwrap_err(),
        "door.rs: the diagram is stale: line 10 is nothing, but should be `stateDiagram-v2`. To renew it, run the test with \
         UPDATE=1"
    );
    package.check("door.rs", "1").unwrap();
    let renewed = format!(
        "//! A door.\n//!\n{other}//!\n//! ```mermaid\n//! stateDiagram-v2\n//!     accTitle: Door\n//!     [*] --> Closed\n//!     \
         Closed --> Open\n//!     Open --> Closed\n//! ```\n//!\n//! The end.\nfn main() {{}}\n"
    );
    assert_eq!(package.read("door.rs"), renewed);
    package.check("door.rs", "").unwrap();
    package.write("door.rs", &renewed.replace("Closed --> Open", "Closed --> Ajar"));
    let message = package.check("door.rs", "").unwrap_err();
    assert!(message.contains("line 13 is `Closed --> Ajar`, but should be `Closed --> Open`"), "{message}");
    package.check("door.rs", "1").unwrap();
    assert_eq!(package.read("door.rs"), renewed);
}

#[test]
fn a_block_may_stand_in_markdown_and_in_any_comment() {
    let package = Package::new("margins");
    for margin in ["", "/// ", "    // ", "# "] {
        let text = |body: &str| format!("{margin}```mermaid\n{body}{margin}```\n");
        package.write("text", &text(""));
        package.check("text", "1").unwrap();
        let body: String = door().mermaid().lines().map(|line| format!("{margin}{line}\n")).collect();
        assert_eq!(package.read("text"), text(&body));
        package.check("text", "").unwrap();
    }
}

#[test]
fn a_file_without_the_block_says_what_to_add() {
    let package = Package::new("none");
    let expected = "door.md: no block ```mermaid has the line `accTitle: Door`. Add an empty block, and run the test with UPDATE=1";
    for text in ["", "```dot\n```\n", "```mermaid\nstateDiagram-v2\n    accTitle: Window\n```\n", "see ```mermaid\n"] {
        package.write("door.md", text);
        assert_eq!(package.check("door.md", "").unwrap_err().trim(), expected);
        assert!(package.check("door.md", "1").is_err());
        assert_eq!(package.read("door.md"), text);
    }
    assert_eq!(package.check("missing.md", "1").unwrap_err(), "missing.md: there is no such file");
}

#[test]
fn the_same_graph_is_always_drawn_alike() {
    let graph = || door().transition("Open", Node::End).nested("Open", &door());
    assert_eq!((graph().mermaid(), graph().dot()), (graph().mermaid(), graph().dot()));
}
