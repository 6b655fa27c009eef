//! The compiler's messages to newcomers: programs that must fail to compile, or compile with a warning.
//!
//! Each file in `snippets/` is a program. A comment `//~ TEXT` says that the compiler's message for that line must
//! contain the text. `//~^ TEXT` is about the line above. Several such comments may follow each other. A message for
//! any other line is a failure, so a program without such comments must compile silently.
//!
//! The programs are binaries of one package. It depends on this crate and uses its lock file.

#![cfg(feature = "full")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const MANIFEST: &str = r#"
[package]
name = "snippets"
version = "0.0.0"
edition = "2024"

[dependencies]
innermost = { path = "INNERMOST" }

[workspace]
"#;

/// The program and the line that a message is about.
type Place = (String, u64);

#[test]
fn common_mistakes_get_helpful_compiler_messages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let snippets = root.join("tests/diagnostics/snippets");
    let package = make_package(root, &snippets);
    let (expected, given) = (expected_in(&snippets), check(&package));
    let mut failures = Vec::new();
    for ((program, line), texts) in &expected {
        let messages = given.get(&(program.clone(), *line)).map(|messages| messages.join("\n")).unwrap_or_default();
        for text in texts.iter().filter(|text| !messages.contains(text.as_str())) {
            failures.push(format!("{program}:{line}: no message says {text:?}, but:\n{messages}"));
        }
    }
    for ((program, line), messages) in given.iter().filter(|(place, _)| !expected.contains_key(place)) {
        failures.push(format!("{program}:{line}: unexpected:\n{}", messages.join("\n")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The texts that the messages must contain, by place.
fn expected_in(snippets: &Path) -> BTreeMap<Place, Vec<String>> {
    let mut expected = BTreeMap::<_, Vec<_>>::new();
    for path in programs(snippets) {
        let program = name_of(&path);
        let text = fs::read_to_string(&path).expect("the program is there");
        for (line, number) in text.lines().zip(1..) {
            for text in line.split("//~").skip(1) {
                let (place, text) = text.strip_prefix('^').map_or((number, text), |text| (number - 1, text));
                expected.entry((program.clone(), place)).or_default().push(text.trim().to_string());
            }
        }
    }
    assert!(!expected.is_empty(), "no program in {}", snippets.display());
    expected
}

/// The compiler's messages, by place.
fn check(package: &Path) -> BTreeMap<Place, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--bins", "--keep-going", "--message-format=json"])
        .current_dir(package)
        .env("CARGO_TARGET_DIR", package.join("target"))
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .output()
        .expect("cargo runs these tests");
    let mut given = BTreeMap::<_, Vec<_>>::new();
    let mut built = false;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        built |= message["reason"] == "compiler-artifact" && message["target"]["name"] == "innermost";
        let (program, diagnostic) = (&message["target"]["name"], &message["message"]);
        let spans = diagnostic["spans"].as_array().into_iter().flatten();
        // The last lines of each program, which count its errors, are about no place.
        let Some(place) = spans.filter(|span| span["is_primary"] == true).find_map(line_of) else { continue };
        let text = diagnostic["rendered"].as_str().unwrap_or_default().to_string();
        given.entry((program.as_str().unwrap_or_default().to_string(), place)).or_default().push(text);
    }
    assert!(built, "{}", String::from_utf8_lossy(&output.stderr));
    given
}

/// The line in the program. If the message is about a macro of this crate, the line that uses the macro.
fn line_of(span: &Value) -> Option<u64> {
    if span["file_name"].as_str().is_some_and(|file| file.starts_with("src/bin/")) {
        return span["line_start"].as_u64();
    }
    line_of(span["expansion"].get("span")?)
}

/// Makes a package whose binaries are the programs.
fn make_package(root: &Path, snippets: &Path) -> PathBuf {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("diagnostics");
    let binaries = package.join("src/bin");
    // Programs that are gone here must be gone there. The directory is missing the first time.
    let _ = fs::remove_dir_all(&binaries);
    fs::create_dir_all(&binaries).expect("the directory for tests can be written");
    let manifest = MANIFEST.replace("INNERMOST", &root.display().to_string());
    fs::write(package.join("Cargo.toml"), manifest).expect("the directory for tests can be written");
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).expect("the lock file is there");
    for path in programs(snippets) {
        // Without the comments: a message quotes the line, so it would contain whatever is expected of it.
        let text = fs::read_to_string(&path).expect("the program is there");
        let program: String =
            text.lines().map(|line| line.split("//~").next().unwrap_or(line).to_string() + "\n").collect();
        fs::write(binaries.join(path.file_name().expect("it is a file")), program).expect("a program can be written");
    }
    package
}

fn programs(snippets: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(snippets).expect("the directory is there");
    let paths = entries.map(|entry| entry.expect("the directory can be read").path());
    paths.filter(|path| path.extension() == Some(OsStr::new("rs"))).collect()
}

fn name_of(path: &Path) -> String {
    path.file_stem().expect("it is a file").to_string_lossy().into_owned()
}
