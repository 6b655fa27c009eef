//! The search in files: beside the real `grep`, and where both must fail.

#[allow(dead_code, reason = "only its machines are used")]
#[path = "../../examples/grep/lines.rs"]
mod lines;
#[allow(dead_code, reason = "only its machines are used")]
#[path = "../../examples/grep/search.rs"]
pub(crate) mod search;
#[allow(dead_code, reason = "only its machines are used")]
#[path = "../../examples/grep/walk.rs"]
pub(crate) mod walk;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::process::example;

/// A directory with files to search, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("innermost-grep-{}-{name}", std::process::id()));
        fs::create_dir_all(path.join("tree/inner/deep")).unwrap();
        let tree = Self(path);
        tree.write("a", "one needle\ntwo\nneedleneedle\nlast needle without a newline");
        tree.write("inner/b", &format!("{}needle\n", "hay\n".repeat(100_000)));
        tree.write("inner/binary", "a needle\n\0");
        tree.write("inner/deep/crlf", "needle\r\nother\r\n");
        tree.write("inner/deep/empty", "");
        tree.write("inner/long", &format!("{}needle{}\nneedle", "x".repeat(200_000), "y".repeat(200_000)));
        tree.write("z \n odd", "needle needl neneedle\n");
        let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff");
        fs::write(tree.0.join("tree").join(odd), b"\xfe needle\n").unwrap();
        symlink("..", tree.0.join("tree/inner/loop")).unwrap();
        symlink("a", tree.0.join("tree/link")).unwrap();
        symlink("nowhere", tree.0.join("tree/dangling")).unwrap();
        assert!(Command::new("mkfifo").arg(tree.0.join("tree/fifo")).status().unwrap().success());
        (0..100).for_each(|number| tree.write(&format!("inner/{number}"), &format!("{number} needle\n")));
        tree
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join("tree").join(name), text).unwrap();
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.0).env("LC_ALL", "C").output().unwrap()
    }

    /// Our output, after comparing it with that of `grep`: the same lines, and the same status. Only the order of files
    /// differs: `grep` takes the order of the directory.
    fn compare(&self, arguments: &[&str]) -> Vec<u8> {
        let ours = self.run(&example("grep"), arguments);
        let theirs = self.run(Path::new("grep"), &[&["-rFI"], arguments].concat());
        assert_eq!(ours.status.code(), theirs.status.code(), "{arguments:?}");
        assert_eq!(sorted(&ours.stdout), sorted(&theirs.stdout), "{arguments:?}");
        assert_eq!(sorted(&ours.stderr), sorted(&theirs.stderr), "{arguments:?}");
        ours.stdout
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the machines print their errors with.
fn complain(_: std::fmt::Arguments<'_>) {}

fn sorted(text: &[u8]) -> Vec<String> {
    let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').map(|line| line.escape_ascii().to_string()).collect();
    lines.sort();
    lines
}

#[test]
fn the_same_lines_are_found_as_by_grep() {
    let tree = Tree::new("lines");
    let paths =
        [&["tree"][..], &["tree/"], &["tree/a"], &["tree/a", "tree/inner"], &["tree/link"], &["tree/inner/loop"]];
    for options in [&[][..], &["-n"], &["-l"]] {
        for paths in paths {
            tree.compare(&[options, &["needle"], paths].concat());
        }
        for pattern in ["nowhere at all", "", "needle\r"] {
            tree.compare(&[options, &[pattern, "tree"]].concat());
        }
    }
}

#[test]
fn files_come_in_the_order_of_their_names() {
    let tree = Tree::new("order");
    let found = tree.compare(&["-l", "needle", "tree/inner", "tree/a"]);
    let found = String::from_utf8(found).unwrap();
    let mut expected: Vec<_> = (0..100).map(|number| format!("tree/inner/{number}")).collect();
    expected.extend(["b", "deep/crlf", "long"].map(|name| format!("tree/inner/{name}")));
    expected.sort();
    expected.push("tree/a".to_owned());
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn an_error_is_printed_and_the_search_goes_on() {
    let tree = Tree::new("errors");
    for paths in [&["none", "tree/a"][..], &["tree/dangling"], &["none", "none", "none"]] {
        tree.compare(&[&["needle"], paths].concat());
    }
    let refused = tree.run(&example("grep"), &["needle", "tree/fifo", "tree/a"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().starts_with("grep: tree/fifo: this is a pipe or a FIFO"));
    assert!(refused.stdout.starts_with(b"tree/a:one needle\n"));
}

#[test]
fn wrong_arguments_are_explained() {
    let tree = Tree::new("arguments");
    for arguments in [&[][..], &["needle"], &["-x", "needle", "tree"]] {
        let output = tree.run(&example("grep"), arguments);
        assert_eq!((output.status.code(), output.stdout), (Some(2), vec![]));
        assert!(String::from_utf8(output.stderr).unwrap().ends_with("usage: grep [-n] [-l] PATTERN PATH ..\n"));
    }
}

#[test]
fn an_output_that_nobody_reads_ends_the_search() {
    let tree = Tree::new("closed");
    let script = "\"$0\" needle tree 2>error | true; cat error";
    let output = Command::new("bash").args(["-c", script]).arg(example("grep")).current_dir(&tree.0).output().unwrap();
    let errors = String::from_utf8(output.stdout).unwrap();
    assert!(errors.is_empty() || errors.starts_with("grep: Broken pipe"), "{errors}");
}
