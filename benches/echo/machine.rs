//! The machine that runs the benchmark: its cores, its clocks, its description.

#![allow(unsafe_code)]

use std::fs;
use std::io;
use std::mem;
use std::ptr;
use std::sync::LazyLock;
use std::time::Duration;

/// The line above every table.
pub(crate) fn description() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split(':').nth(1)).map_or("?", str::trim)
    };
    let virtual_machine = if field("flags").contains("hypervisor") { ", virtual" } else { "" };
    format!(
        "{} (family {}, model {}), {} cores{virtual_machine}, Linux {}, load {}",
        field("model name"),
        field("cpu family"),
        field("model"),
        cores().len(),
        first_word("/proc/sys/kernel/osrelease"),
        first_word("/proc/loadavg"),
    )
}

fn first_word(path: &str) -> String {
    fs::read_to_string(path).ok().and_then(|text| text.split_whitespace().next().map(String::from)).unwrap_or_default()
}

/// The cores that this process was started on.
pub(crate) fn cores() -> &'static [usize] {
    static CORES: LazyLock<Vec<usize>> = LazyLock::new(allowed_cores);
    &CORES
}

fn allowed_cores() -> Vec<usize> {
    // SAFETY: a set of all zeros is valid: it is empty.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: `set` is writable and has the given size.
    if unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) } != 0 {
        return Vec::new();
    }
    // SAFETY: `core` is less than the number of bits in the set.
    (0..libc::CPU_SETSIZE as usize).filter(|&core| unsafe { libc::CPU_ISSET(core, &set) }).collect()
}

/// Restricts this thread to one core.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    // Remembers the cores that were allowed before.
    let _ = cores();
    // SAFETY: a set of all zeros is valid: it is empty.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    assert!(core < libc::CPU_SETSIZE as usize, "core {core} does not fit into the system's set");
    // SAFETY: `core` is less than the number of bits in the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: `set` is readable and has the given size.
    succeeded(unsafe { libc::sched_setaffinity(0, size_of_val(&set), ptr::from_ref(&set)) }).map(drop)
}

/// The CPU time that a process has used. 0 stands for this process.
pub(crate) fn cpu_time(process: libc::pid_t) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: `clock` is writable.
    let error = unsafe { libc::clock_getcpuclockid(process, &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    succeeded(unsafe { libc::clock_gettime(clock, &raw mut time) })?;
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// The result of a system call, or the last error if it is negative.
pub(crate) fn succeeded(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
