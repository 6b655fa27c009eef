//! A server in a process of its own: this program, started again with an argument.

#![allow(unsafe_code)]

use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use super::machine::{self, succeeded};
use super::poll::Wait;
use super::{Failure, bare, ours, protocol, streams};

/// The argument that makes this program a server. The server's kind, its work and its core follow.
pub(crate) const SERVER: &str = "--server";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bare,
    /// One task per connection.
    Ours,
    /// Callbacks.
    Protocol,
    Streams,
    /// The bare loop, without sleeping.
    BareSpin,
    /// One task per connection, in a loop that spins before it sleeps.
    Spin,
}

pub(crate) const ECHOES: [Kind; 4] = [Kind::Bare, Kind::Ours, Kind::Protocol, Kind::Streams];

/// The servers that answer from a second buffer.
pub(crate) const ANSWERERS: [Kind; 2] = [Kind::Bare, Kind::Ours];

/// The servers that do not sleep.
pub(crate) const SPINNERS: [Kind; 2] = [Kind::BareSpin, Kind::Spin];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bare => "bare",
            Self::Ours => "ours",
            Self::Protocol => "protocol",
            Self::Streams => "streams",
            Self::BareSpin => "bare-spin",
            Self::Spin => "spin",
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut kinds = ECHOES.into_iter().chain(SPINNERS);
        kinds.find(|kind| kind.to_string() == name).ok_or_else(|| format!("unknown server {name:?}"))
    }
}

/// The work of a server and its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Echo,
    /// Echoes, to clients that connect and disconnect.
    Accepts,
    /// Reads requests of [`REQUEST`] bytes, and answers each from a second buffer. An answer repeats its request, so the
    /// echo client can check it. One message of the client may hold many requests.
    Answers,
    /// Sends as long as the client reads.
    Source,
    /// Reads to the end of the stream.
    Sink,
}

/// The length of a small Redis command.
pub(crate) const REQUEST: usize = 40;

impl Work {
    /// Whether the client sends messages, which have a size.
    pub(crate) fn has_messages(self) -> bool {
        matches!(self, Self::Echo | Self::Answers)
    }

    /// The work that the server is started with.
    pub(crate) fn of_server(self) -> Self {
        if self == Self::Accepts { Self::Echo } else { self }
    }
}

impl FromStr for Work {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut works = [Self::Echo, Self::Accepts, Self::Answers, Self::Source, Self::Sink].into_iter();
        works.find(|work| format!("{work:?}") == name).ok_or_else(|| format!("unknown work {name:?}"))
    }
}

/// A running server.
pub(crate) struct Server {
    /// The server, or the command that it was started under.
    child: Child,
    process: libc::pid_t,
    pub(crate) address: SocketAddr,
}

/// Resources used since the server started.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// How long the server and the client were ready to run while other programs had their cores.
    pub(crate) kept_waiting: Duration,
}

impl Server {
    /// Starts a server, under the command `under` if that is not empty.
    pub(crate) fn start(kind: Kind, work: Work, under: &[&str]) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut words = under.iter().map(AsRef::as_ref).chain([program.as_os_str()]);
        let mut command = Command::new(words.next().expect("the program's name at least"));
        command.args(words).args([SERVER, &kind.to_string(), &format!("{work:?}")]);
        if let [first, _, ..] = *machine::cores() {
            command.arg(first.to_string());
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is a pipe")).read_line(&mut line)?;
        let announced = line
            .trim()
            .split_once(' ')
            .and_then(|(process, address)| Some((process.parse().ok()?, address.parse().ok()?)));
        let Some((process, address)) = announced else {
            let _ = child.kill();
            let mut text = String::new();
            child.stderr.take().expect("it is a pipe").read_to_string(&mut text)?;
            return Err(io::Error::other(format!("the server did not start: {text}")));
        };
        Ok(Self { child, process, address })
    }

    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let kept_waiting = kept_waiting(&self.process.to_string()) + kept_waiting("self");
        Ok(Usage { cpu: machine::cpu_time(self.process)?, kept_waiting })
    }

    /// The resident memory of the server, in KiB.
    pub(crate) fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
    }

    /// Ends the server. Returns the standard error of the server, or of the command that it was started under.
    pub(crate) fn stop(mut self) -> io::Result<String> {
        self.terminate();
        let mut text = String::new();
        self.child.stderr.take().expect("it is a pipe").read_to_string(&mut text)?;
        self.child.wait()?;
        Ok(text)
    }

    fn terminate(&self) {
        // SAFETY: takes no pointer. The process exists: it is our child, not waited for yet, or the child's child.
        unsafe { libc::kill(self.process, libc::SIGTERM) };
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.terminate();
            let _ = self.child.wait();
        }
    }
}

/// The second field of `schedstat`: nanoseconds in a run queue. Zero if the kernel does not count them.
fn kept_waiting(process: &str) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0))
}

/// Runs a server until it is killed.
pub(crate) fn serve(kind: &str, work: &str, core: Option<&str>) -> Result<(), Failure> {
    // Ends with the process that started it. SAFETY: takes no pointer.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if let Some(core) = core {
        machine::pin(core.parse()?)?;
    }
    let work = work.parse()?;
    match kind.parse()? {
        Kind::Bare => bare::serve(work, Wait::ForEver)?,
        Kind::BareSpin => bare::serve(work, Wait::NotAtAll)?,
        Kind::Ours => ours::serve(work, Duration::ZERO)?,
        Kind::Spin => ours::serve(work, SPIN)?,
        Kind::Protocol => protocol::serve(work)?,
        Kind::Streams => streams::serve(work)?,
    }
    Ok(())
}

/// Longer than a message takes to arrive.
const SPIN: Duration = Duration::from_millis(1);

/// Tells the benchmark that the server is ready.
pub(crate) fn announce(address: SocketAddr) -> io::Result<()> {
    raise_descriptor_limit()?;
    writeln!(io::stdout(), "{} {address}", std::process::id())
}

/// The number of descriptors that this process may have.
pub(crate) fn descriptor_limit() -> io::Result<usize> {
    Ok(usize::try_from(limits()?.rlim_cur).unwrap_or(usize::MAX))
}

/// Raises the limit on descriptors to the hard limit.
pub(crate) fn raise_descriptor_limit() -> io::Result<()> {
    let limits = limits()?;
    let raised = libc::rlimit { rlim_cur: limits.rlim_max, ..limits };
    // SAFETY: `raised` is readable.
    succeeded(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) }).map(drop)
}

fn limits() -> io::Result<libc::rlimit> {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limits` is writable.
    succeeded(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limits) })?;
    Ok(limits)
}
