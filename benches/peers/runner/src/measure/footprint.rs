//! The footprint of the echo server: the duration of a build from scratch, the number of crates, and the size of the stripped
//! program. Each package is built alone, into an empty folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::Run;
use crate::build::target;
use crate::process::last_words;
use crate::results::Record;
use crate::{Failure, peers};

pub(super) const SERVERS: &[(&str, &str)] =
    &[("innermost", "echo-innermost"), ("tokio", "echo-tokio"), ("smol", "echo-smol")];

/// Cargo's default profiles, and a release profile for a small and fast program.
pub(super) const PROFILES: &[(&str, &[&str])] = &[
    ("debug", &[]),
    (
        "release",
        &["--release", "--config", "profile.release.lto=false", "--config", "profile.release.codegen-units=16"],
    ),
    ("release_lto", &["--release"]),
];

pub(super) fn measure(run: &mut Run<'_>) -> Result<(), Failure> {
    let options = run.options;
    let rounds = if options.quick { 1 } else { options.rounds.min(3) };
    let servers: Vec<_> = SERVERS.iter().filter(|(name, _)| peers::is_wanted(name, &options.peers)).collect();
    let profiles: Vec<_> = PROFILES.iter().filter(|(name, _)| options.wants(name)).collect();
    run.plan(rounds as usize * servers.len() * profiles.len());
    fetch()?;
    for round in 0..rounds {
        for (case, flags) in &profiles {
            for (name, package) in &servers {
                let record = build(package, flags).and_then(|(seconds, bytes)| {
                    let figures = [("seconds", seconds), ("program_bytes", bytes), ("crates", crates(package)?)];
                    let figures = figures.map(|(figure, value)| (figure.to_string(), value)).into();
                    Ok(vec![Record { case: (*case).into(), peer: (*name).into(), round, turn: 0, figures }])
                });
                run.done(name, case, record)?;
            }
        }
    }
    Ok(())
}

/// Fetches all dependencies, so that no build waits for the network.
fn fetch() -> Result<(), Failure> {
    cargo(Command::new("cargo").args(["fetch", "--locked"])).map(drop)
}

/// Builds a program. Returns the seconds it took, and the bytes of the stripped program.
fn build(package: &str, flags: &[&str]) -> Result<(f64, f64), Failure> {
    let folder = target().join("cold");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let since = Instant::now();
    let mut command = Command::new("cargo");
    command
        .args(["build", "--locked", "--package", package, "--bin", package])
        .args(flags)
        .arg("--target-dir")
        .arg(&folder);
    // Cargo builds crates from a registry without incremental compilation. Ours is a local path, so turn it off.
    cargo(command.env("CARGO_INCREMENTAL", "0").env_remove("RUSTC_WRAPPER"))?;
    let seconds = since.elapsed().as_secs_f64();
    let profile = if flags.contains(&"--release") { "release" } else { "debug" };
    let bytes = stripped(&folder.join(profile).join(package))?;
    let _ = fs::remove_dir_all(&folder);
    Ok((seconds, bytes))
}

fn stripped(program: &Path) -> Result<f64, Failure> {
    let to = program.with_extension("stripped");
    let status = Command::new("strip").arg("-o").arg(&to).arg(program).status();
    if !status.map_err(|error| format!("strip: {error}"))?.success() {
        return Err("strip failed".into());
    }
    Ok(fs::metadata(to)?.len() as f64)
}

/// The number of crates that a program compiles: the library and its dependencies, without this workspace's own crates.
fn crates(package: &str) -> Result<f64, Failure> {
    let mut command = Command::new("cargo");
    command.args(["tree", "--locked", "--package", package, "--edges", "normal,build", "--prefix", "none"]);
    Ok(count_crates(&cargo(&mut command)?, package) as f64)
}

fn count_crates(tree: &str, package: &str) -> usize {
    let crates: BTreeSet<_> =
        tree.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty()).collect();
    crates.into_iter().filter(|line| ![package, "common"].contains(&line.split(' ').next().unwrap_or_default())).count()
}

/// Runs Cargo, and returns its standard output.
fn cargo(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(last_words(&String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_crate_is_counted_once_without_the_program() {
        let tree = "echo-x v0.0.0 (/here)\ncommon v0.0.0 (/there)\nlibc v0.2.1\nslab v0.4.0\nlibc v0.2.1 (*)\n\n";
        assert_eq!(count_crates(tree, "echo-x"), 2);
    }
}
