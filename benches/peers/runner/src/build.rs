//! Builds the programs. A program that cannot be built on this machine is reported and left out.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Failure;
use crate::peers::{Peer, Program};
use crate::process::last_words;

/// The command that starts each program, or the reason why it cannot be started.
#[derive(Debug, Default)]
pub struct Built(BTreeMap<Program, Result<String, String>>);

impl Built {
    /// Builds the programs of these peers.
    pub fn new(peers: &[&Peer]) -> Result<Self, Failure> {
        let mut programs: Vec<_> = peers.iter().map(|peer| peer.program).collect();
        programs.sort_unstable();
        programs.dedup();
        let mut packages: Vec<_> = programs.iter().filter_map(Program::package).collect();
        packages.dedup();
        let executables = build_packages(&packages)?;
        let start = |program| match program {
            Program::Package(_, name) => {
                executables.get(name).cloned().ok_or_else(|| String::from("it does not build"))
            }
            Program::Nightly => build_nightly(),
            Program::Libuv(name, source) => build_libuv(name, source),
            Program::Python => find_python("PYTHON", &["python3.14", "python3.13", "python3"], "pass"),
            Program::Uvloop => {
                let names = ["python3.14", "python3.13", "python3.12", "python3.11", "python3"];
                find_python("PYTHON_UVLOOP", &names, "import uvloop")
            }
        };
        Ok(Self(programs.into_iter().map(|program| (program, start(program))).collect()))
    }

    pub fn start_of(&self, peer: &Peer) -> Result<&str, &str> {
        match self.0.get(&peer.program) {
            Some(Ok(start)) => Ok(start),
            Some(Err(why)) => Err(why),
            None => Err("not built"),
        }
    }
}

/// Builds packages, and returns the path of each executable. Builds one package at a time, so that its dependencies have only
/// the features that it enables. Cargo's messages go to standard error.
pub fn build_packages(packages: &[&str]) -> Result<BTreeMap<String, String>, Failure> {
    let mut built = BTreeMap::new();
    for (index, package) in packages.iter().enumerate() {
        println!("building {package} ({} of {})", index + 1, packages.len());
        let mut command = Command::new("cargo");
        command.args(["build", "--quiet", "--release", "--locked", "--message-format=json-render-diagnostics"]);
        let output = command.args(["--package", package]).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        built.extend(executables(&String::from_utf8_lossy(&output.stdout)));
    }
    Ok(built)
}

fn executables(messages: &str) -> BTreeMap<String, String> {
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some((message["target"]["name"].as_str()?.into(), message["executable"].as_str()?.into()))
    };
    messages.lines().filter_map(executable).collect()
}

/// Cargo's target folder: `CARGO_TARGET_DIR`, or the one in the workspace.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

fn build_nightly() -> Result<String, String> {
    let folder = target().join("nightly");
    let mut command = Command::new("cargo");
    // rustup sets this variable to the toolchain of the runner, which is not the nightly one.
    command.env_remove("RUSTUP_TOOLCHAIN");
    command.args(["+nightly", "build", "--release", "--locked", "--manifest-path", "generators/nightly/Cargo.toml"]);
    succeeds(command.arg("--target-dir").arg(&folder))?;
    Ok(folder.join("release/generators-nightly").to_string_lossy().into_owned())
}

fn build_libuv(name: &str, source: &str) -> Result<String, String> {
    let program = target().join(name).to_string_lossy().into_owned();
    succeeds(Command::new("cc").args(["-O2", "-o", &program, source, "-luv"]))?;
    Ok(program)
}

/// The first Python that can run `statement`. If the environment variable is set, tries only the Python that it names.
fn find_python(variable: &str, names: &[&str], statement: &str) -> Result<String, String> {
    let chosen = env::var(variable).ok();
    let names: Vec<_> = chosen.as_deref().map_or_else(|| names.to_vec(), |name| vec![name]);
    let found = names.iter().find(|name| succeeds(Command::new(name).args(["-c", statement])).is_ok());
    // The name may be a script that searches for the executable each time, so resolve it once.
    found.map(|name| executable_of(name)).ok_or_else(|| {
        format!("none of {} can run `{statement}` (set {variable} to use another one)", names.join(", "))
    })
}

fn executable_of(python: &str) -> String {
    let output = Command::new(python).args(["-c", "import sys; print(sys.executable)"]).output();
    let path = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string()).unwrap_or_default();
    if Path::new(&path).is_file() { path } else { python.into() }
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.stdin(Stdio::null()).output() {
        Err(error) => Err(format!("{name}: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{name}: {}", last_words(&String::from_utf8_lossy(&output.stderr)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_in_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"common\"},\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"load\"},\"executable\":\"/t/load\"}\n\
                        {\"reason\":\"build-finished\",\"success\":false}\n";
        assert_eq!(executables(messages), [("load".to_string(), "/t/load".to_string())].into());
    }

    #[test]
    fn the_error_has_the_failed_command_and_its_last_line() {
        let error = succeeds(Command::new("sh").args(["-c", "echo no compiler >&2; exit 1"])).unwrap_err();
        assert_eq!(error, "sh: no compiler");
    }

    #[test]
    fn the_error_names_a_missing_python() {
        let error = find_python("NOT_SET_BY_ANYBODY", &["no-such-python"], "pass").unwrap_err();
        assert!(error.contains("no-such-python"), "{error}");
    }
}
