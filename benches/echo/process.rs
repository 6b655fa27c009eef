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

/// The argument that makes this program a server; the server's name, its work, and the core to run on come after it.
pub(crate) const SERVER: &str = "--server";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bare,
    /// By machines, a task a connection.
    Ours,
    /// By protocols.
    Protocol,
    Streams,
    /// The bare one, which never sleeps.
    BareSpin,
    /// By machines, in a loop that spins before it sleeps.
    Spin,
}

pub(crate) const ECHOES: [Kind; 4] = [Kind::Bare, Kind::Ours, Kind::Protocol, Kind::Streams];

/// Those that answer from a second buffer.
pub(crate) const ANSWERERS: [Kind; 2] = [Kind::Bare, Kind::Ours];

/// Those that do not sleep.
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
        kinds.find(|kind| kind.to_string() == name).ok_or_else(|| format!("no server is called {name:?}"))
    }
}

/// What a server does, and what is measured of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Echo,
    /// Echoes, to who comes and goes.
    Accepts,
    /// Reads requests of [`REQUEST`] bytes, and answers each from a second buffer: with the same bytes, so that the client
    /// that echoes are compared by will do. Many requests at once are one message of that client's.
    Answers,
    /// Sends for as long as its client reads.
    Source,
    /// Reads to the end.
    Sink,
}

/// As long as a small command of Redis.
pub(crate) const REQUEST: usize = 40;

impl Work {
    /// Whether its client sends messages, which have a size.
    pub(crate) fn has_messages(self) -> bool {
        matches!(self, Self::Echo | Self::Answers)
    }

    /// What that is to the server.
    pub(crate) fn of_server(self) -> Self {
        if self == Self::Accepts { Self::Echo } else { self }
    }
}

impl FromStr for Work {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut works = [Self::Echo, Self::Accepts, Self::Answers, Self::Source, Self::Sink].into_iter();
        works.find(|work| format!("{work:?}") == name).ok_or_else(|| format!("no work is called {name:?}"))
    }
}

/// A server that runs.
pub(crate) struct Server {
    /// The server itself, or what it was started under.
    child: Child,
    process: libc::pid_t,
    pub(crate) address: SocketAddr,
}

/// What a server has used.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// How long it or the client stood ready to run while somebody else had the core.
    pub(crate) kept_waiting: Duration,
}

impl Server {
    /// Starts one, by way of the command `under` if that is not empty.
    pub(crate) fn start(kind: Kind, work: Work, under: &[&str]) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut words = under.iter().map(AsRef::as_ref).chain([program.as_os_str()]);
        let mut command = Command::new(words.next().expect("the program is there at least"));
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

    /// The memory that it holds, in KiB: what is resident.
    pub(crate) fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
    }

    /// Ends it; gives what it, or what it was started under, has written to standard error.
    pub(crate) fn stop(mut self) -> io::Result<String> {
        self.terminate();
        let mut text = String::new();
        self.child.stderr.take().expect("it is a pipe").read_to_string(&mut text)?;
        self.child.wait()?;
        Ok(text)
    }

    fn terminate(&self) {
        // SAFETY: takes no pointer. The process is there: it is our child, not waited for yet, or that one's child.
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

/// The second figure of `schedstat`: nanoseconds in a run queue. None where the kernel does not count them.
fn kept_waiting(process: &str) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0))
}

/// Is a server, until it is killed.
pub(crate) fn serve(kind: &str, work: &str, core: Option<&str>) -> Result<(), Failure> {
    // Not to outlive who has started it. SAFETY: takes no pointer.
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

/// Longer than any message is awaited.
const SPIN: Duration = Duration::from_millis(1);

/// Tells the benchmark that the server is there.
pub(crate) fn announce(address: SocketAddr) -> io::Result<()> {
    raise_descriptor_limit()?;
    writeln!(io::stdout(), "{} {address}", std::process::id())
}

/// How many descriptors this process may have.
pub(crate) fn descriptor_limit() -> io::Result<usize> {
    Ok(usize::try_from(limits()?.rlim_cur).unwrap_or(usize::MAX))
}

/// As many descriptors as this process may have without asking anybody.
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
