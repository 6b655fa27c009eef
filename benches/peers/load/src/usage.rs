//! The resources that the server and this client have used.

use std::ops::Sub;
use std::time::{Duration, Instant};
use std::{fs, io};

/// The usage since the processes started.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    at: Instant,
    server: Duration,
    client: Duration,
    /// How long both were ready to run while other programs had their cores.
    waited: Duration,
}

/// The usage between two points in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) time: Duration,
    pub(crate) server: Duration,
    pub(crate) client: Duration,
    pub(crate) waited: Duration,
}

impl Usage {
    pub(crate) fn now(server: i32) -> io::Result<Self> {
        let mut clock = 0;
        // SAFETY: `clock` is writable.
        let error = unsafe { libc::clock_getcpuclockid(server, &raw mut clock) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        let waited = waited(&server.to_string()) + waited("self");
        let client = read(libc::CLOCK_PROCESS_CPUTIME_ID)?;
        Ok(Self { at: Instant::now(), server: read(clock)?, client, waited })
    }
}

impl Sub<&Self> for Usage {
    type Output = Used;

    fn sub(self, before: &Self) -> Used {
        Used {
            time: self.at - before.at,
            server: self.server - before.server,
            client: self.client - before.client,
            waited: self.waited.saturating_sub(before.waited),
        }
    }
}

/// The sum of the second field of each thread's `schedstat`. Zero if the kernel does not count it.
fn waited(process: &str) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let of_each = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    Duration::from_nanos(of_each.sum::<u64>())
}

fn read(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    match unsafe { libc::clock_gettime(clock, &raw mut time) } {
        0 => Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The resident memory of a process: `VmRSS`.
pub(crate) fn resident_bytes(process: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes * 1024)
}
