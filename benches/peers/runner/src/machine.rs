//! The machine that runs the benchmarks.

use std::fs;
use std::process::Command;

/// The line above every table.
pub fn description() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split(':').nth(1)).map_or("?", str::trim).to_string()
    };
    let virtual_machine = if field("flags").contains("hypervisor") { ", virtual" } else { "" };
    let first_word =
        |path: &str| fs::read_to_string(path).ok().and_then(|text| text.split_whitespace().next().map(String::from));
    format!(
        "{} (family {}, model {}), {} cores{virtual_machine}, Linux {}, {}, {}",
        field("model name"),
        field("cpu family"),
        field("model"),
        cores().len(),
        first_word("/proc/sys/kernel/osrelease").unwrap_or_default(),
        said_by("rustc", &["--version"]),
        said_by("date", &["-u", "+%Y-%m-%d"]),
    )
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    // `rustc 1.95.0 (59807616e 2026-04-14)`, without the brackets.
    text.split(" (").next().unwrap_or_default().trim().to_string()
}

/// The cores that this process may run on.
pub fn cores() -> Vec<usize> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.map(|list| parse_cores(list.trim())).unwrap_or_default()
}

/// Parses `0-2,5`.
fn parse_cores(list: &str) -> Vec<usize> {
    let ranges = list.split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

/// A core for the server and one for the client. They are the same if there is only one.
pub fn server_and_client() -> (usize, usize) {
    let cores = cores();
    let first = cores.first().copied().unwrap_or(0);
    (first, cores.get(1).copied().unwrap_or(first))
}

/// The most memory that a connection may take: its two sockets with a message of 4 KiB, and the server's state.
const BYTES_A_CONNECTION: u64 = 64 * 1024;

/// The number of connections, to all servers together, that this machine has room for.
pub fn room_for_connections() -> u64 {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let most_files = read("/proc/sys/fs/file-max").trim().parse().unwrap_or(u64::MAX);
    // A connection takes two descriptors. Half of all descriptors are left to other programs.
    available_bytes(&read("/proc/meminfo")).map_or(u64::MAX, |bytes| bytes / BYTES_A_CONNECTION).min(most_files / 4)
}

/// Parses `MemAvailable:   1024 kB`.
fn available_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_available_memory_is_parsed() {
        assert_eq!(available_bytes("MemTotal: 9 kB\nMemAvailable:    3 kB\n"), Some(3072));
        assert_eq!(available_bytes("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn a_list_of_cores_has_ranges_and_single_cores() {
        assert_eq!(parse_cores("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(parse_cores("3"), [3]);
        assert_eq!(parse_cores(""), [] as [usize; 0]);
    }

    #[test]
    fn this_machine_has_a_core_and_a_name() {
        assert!(!cores().is_empty());
        assert!(description().contains("Linux"), "{}", description());
    }
}
