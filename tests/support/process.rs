//! Programs in processes of their own: what they print, what the kernel knows about them, and how they end.
//!
//! Nothing here waits for a fixed time. Tests wait for a line, for the end of the process, or for a condition that they
//! poll. [`DEADLINE`] only keeps a failing test from hanging.
//!
//! Sources: `proc_pid_stat(5)`, `proc_pid_status(5)`, `proc_pid_fd(5)`.

use std::convert::Infallible;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits before it fails: longer than any machine needs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until `condition` holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    loop {
        let looked = Instant::now();
        if condition() {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "waited in vain: {what}");
        // What is waited for needs the processor too: looking takes a fifth of the time at the most.
        thread::sleep(Duration::from_millis(1).max(4 * looked.elapsed()));
    }
}

/// A child and the processes that it has started, as long as they stay in its process group. Dropping this kills them
/// all. If the test itself is killed, Linux terminates the child.
///
/// The group is needed for `timeout` and `sh -c`: killing them alone leaves their own children running.
pub(crate) struct Contained(Child);

impl Contained {
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        // SAFETY: between fork and exec, `signal` and `prctl` may be called (signal-safety(7); `prctl` is one system
        // call without a lock); the closure allocates nothing.
        #[allow(unsafe_code)]
        unsafe {
            command.process_group(0).pre_exec(begin)
        };
        command.spawn().map(Self)
    }
}

/// Runs in the child first. Programs in the background of a shell ignore Ctrl-C, and their children inherit that:
/// restore the default.
fn begin() -> io::Result<()> {
    // SAFETY: SIGINT has a default action; this changes nothing else in the process, which is a new one.
    #[allow(unsafe_code)]
    if unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) } == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    // Not SIGKILL: `timeout` passes this one on.
    // SAFETY: PR_SET_PDEATHSIG takes a signal, and touches no memory.
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

impl Deref for Contained {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Contained {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        // Not waited for yet, so that no other group can have its number.
        if let (Ok(None), Ok(group)) = (self.0.try_wait(), libc::pid_t::try_from(self.0.id())) {
            // SAFETY: it takes numbers alone; the group is that of our own child.
            #[allow(unsafe_code)]
            unsafe {
                libc::kill(-group, libc::SIGKILL)
            };
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The path of an example of this crate. Cargo puts it beside the directory of the running test. `cargo test` builds
/// the examples, `cargo test --test NAME` does not.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it lies");
    let profile = test.ancestors().nth(2).expect("it lies in target/PROFILE/deps");
    let path = profile.join("examples").join(name);
    let advice = "`cargo test` builds it, so does `cargo build --examples`";
    assert!(path.exists(), "{} is not there: {advice}", path.display());
    assert!(!is_stale(&path), "{} is older than its sources: {advice}", path.display());
    path
}

/// Returns `true` if a source of the program has changed since the program was built. Cargo leaves a list of the
/// sources beside it.
fn is_stale(program: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let (list, built) = (fs::read_to_string(program.with_extension("d")).unwrap_or_default(), changed(program));
    list.split_whitespace().skip(1).any(|source| changed(Path::new(source)) > built)
}

/// A process. Dropping this kills the process and those that it has started.
pub(crate) struct Process {
    child: Contained,
    pid: u32,
    output: Lines,
    errors: Lines,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Contained::spawn(command)?;
        let output = Lines::of(child.stdout.take().expect("it is piped"));
        let errors = Lines::of(child.stderr.take().expect("it is piped"));
        Ok(Self { pid: child.id(), child, output, errors })
    }

    /// The next line of its standard output, or `None` at the end.
    pub(crate) fn line(&self) -> Option<String> {
        self.output.next()
    }

    /// Reads the line `listening on ADDRESS`, and returns the address.
    pub(crate) fn listening(&self) -> SocketAddr {
        let line = self.line().unwrap_or_else(|| panic!("it says nothing, but {:?}", self.error_line()));
        let address = line.strip_prefix("listening on ").and_then(|address| address.parse().ok());
        address.unwrap_or_else(|| panic!("no address in {line:?}"))
    }

    /// The next line of its standard error, or `None` at the end.
    pub(crate) fn error_line(&self) -> Option<String> {
        self.errors.next()
    }

    /// The lines of its standard error that have arrived and not been read.
    pub(crate) fn error_lines(&self) -> Vec<String> {
        self.errors.lines.try_iter().collect()
    }

    /// Looks at the process `pid` from now on: a program that this one has started. [`wait`](Self::wait) still waits
    /// for this one.
    pub(crate) fn follow(&mut self, pid: u32) {
        self.pid = pid;
    }

    /// Sends the process a signal, given by name: `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("/bin/sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &self.pid.to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} was not sent");
    }

    /// Returns `true` until the process has ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Waits until the process has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        // A process that ends closes them, and one that has closed them ends soon: the loop below is short.
        self.output.wait_for_end();
        self.errors.wait_for_end();
        until("the process ends", || !self.is_running());
        self.child.wait().expect("it is our child")
    }

    /// Waits until the process has ended. Returns its status, and the lines of its output and its errors not read yet.
    pub(crate) fn finish(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        let status = self.wait();
        (status, self.output.rest(), self.errors.rest())
    }

    /// Waits until the process has ended. Fails unless it succeeded, without another line of output or errors.
    pub(crate) fn expect_success(self) {
        let (status, output, errors) = self.finish();
        assert_eq!((status.code(), output, errors), (Some(0), vec![], vec![]));
    }

    /// The open descriptors of the process. Some may be inherited, with any number.
    pub(crate) fn descriptors(&self) -> Vec<usize> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid)).expect("it runs");
        // A descriptor that is being closed may be missing already.
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
    }

    /// The memory that the process holds now, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        1024 * self.number("VmRSS")
    }

    /// The most memory that the process has held so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        1024 * self.number("VmHWM")
    }

    /// How often the process has gone to sleep.
    pub(crate) fn sleeps(&self) -> u64 {
        self.number("voluntary_ctxt_switches")
    }

    /// Returns `true` if a signal has stopped the process.
    pub(crate) fn is_stopped(&self) -> bool {
        self.status("State") == "T"
    }

    fn number(&self, field: &str) -> u64 {
        self.status(field).parse().unwrap_or_else(|_| panic!("{field} is no number"))
    }

    fn status(&self, field: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("it runs");
        let values = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let value = values.and_then(|values| values.split_whitespace().next());
        value.unwrap_or_else(|| panic!("no {field} in its status")).to_owned()
    }

    /// The processor time of the process, its own and the kernel's for it.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("it runs");
        // The name, in parentheses, may hold anything; `utime` and `stime` are the 12th and 13th field behind it.
        let (_, fields) = stat.rsplit_once(')').expect("it has a name");
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
    }
}

/// `sysconf(_SC_CLK_TCK)`: the same on every Linux, whatever its kernel counts in.
const TICKS_PER_SECOND: u64 = 100;

/// The lines of a pipe. A thread reads them as they arrive, so that the program that prints them never waits.
struct Lines {
    lines: Receiver<String>,
    end: Receiver<Infallible>,
}

impl Lines {
    fn of(from: impl Read + Send + 'static) -> Self {
        let ((sender, lines), (ends, end)) = (channel(), channel());
        thread::spawn(move || {
            let _ends_with_this = ends;
            BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { lines, end }
    }

    fn next(&self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("waited in vain for a line or the end"),
        }
    }

    fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Waits until the pipe has ended. The lines can still be read.
    fn wait_for_end(&self) {
        let ended = self.end.recv_timeout(DEADLINE);
        assert_eq!(ended, Err(RecvTimeoutError::Disconnected), "waited in vain for the end");
    }
}
