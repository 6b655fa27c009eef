//! The programs that are measured. To add one, add a folder with a program, and a line here.
//!
//! An echo server receives its port, and then arguments of its own. It prints `READY` and its process number. A program that
//! measures tasks or generators receives the name of a case, a count (0: its own default), and then arguments of its own. It
//! prints lines as `common::Timer` does.

use crate::process::Words;

/// A program that is measured.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: &'static str,
    pub program: Program,
    /// Its own arguments before those of the workload.
    before: &'static [&'static str],
    /// Its own arguments after those of the workload.
    after: &'static [&'static str],
    /// The cases that it does not support.
    without: &'static [&'static str],
    /// The only cases that it supports, if it is restricted to some.
    only: Option<&'static [&'static str]>,
    /// The most items that it can have at once, if there is a limit. See [`ALL_AT_ONCE`].
    pub most: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Program {
    /// A package of the workspace, and one of its programs.
    Package(&'static str, &'static str),
    /// The program that needs the nightly compiler.
    Nightly,
    /// A program in C: its name and its source.
    Libuv(&'static str, &'static str),
    /// The newest Python on this machine.
    Python,
    /// A Python with uvloop.
    Uvloop,
}

impl Program {
    pub fn package(&self) -> Option<&'static str> {
        if let Self::Package(package, _) = self { Some(package) } else { None }
    }
}

/// The peer that "ours" stands for.
pub const OURS: &str = "innermost";
/// The prefix of the names of bounds.
pub const BOUND: &str = "bound: ";

impl Peer {
    const fn new(name: &'static str, program: Program) -> Self {
        Self { name, program, before: &[], after: &[], without: &[], only: None, most: None }
    }

    const fn package(name: &'static str, package: &'static str) -> Self {
        Self::new(name, Program::Package(package, package))
    }

    const fn after(mut self, after: &'static [&'static str]) -> Self {
        self.after = after;
        self
    }

    const fn before(mut self, before: &'static [&'static str]) -> Self {
        self.before = before;
        self
    }

    const fn without(mut self, without: &'static [&'static str]) -> Self {
        self.without = without;
        self
    }

    const fn only(mut self, only: &'static [&'static str]) -> Self {
        self.only = Some(only);
        self
    }

    const fn at_most(mut self, most: u64) -> Self {
        self.most = Some(most);
        self
    }

    pub fn can(&self, bench: &str) -> bool {
        !self.without.contains(&bench) && self.only.is_none_or(|only| only.contains(&bench))
    }

    /// The whole command: `start`, which starts the program, and all arguments.
    pub fn words(&self, start: &str, given: &[String]) -> Words {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_string()).collect::<Vec<_>>();
        let start = vec![start.to_string()];
        [start, own(self.before), given.to_vec(), own(self.after)].concat()
    }
}

pub const ECHO: &[Peer] = &[
    Peer::package("bound: epoll", "echo-epoll"),
    Peer::package("bound: io_uring", "echo-uring"),
    Peer::package(OURS, "echo-innermost"),
    Peer::new("innermost, protocols", Program::Package("echo-innermost-transports", "echo-innermost-protocols")),
    Peer::new("innermost, streams", Program::Package("echo-innermost-transports", "echo-innermost-streams")),
    Peer::package("tokio", "echo-tokio"),
    Peer::package("smol", "echo-smol"),
    Peer::package("monoio, io_uring", "echo-monoio").after(&["uring"]),
    Peer::package("monoio, epoll", "echo-monoio").after(&["legacy"]),
    Peer::package("compio, io_uring", "echo-compio"),
    Peer::package("may", "echo-may"),
    Peer::package("mio, by hand", "echo-mio"),
    Peer::new("libuv", Program::Libuv("echo-libuv", "echo/c/echo_uv.c")),
    Peer::new("uvloop, protocols", Program::Uvloop).before(&["echo/python/echo.py"]).after(&["uvloop", "protocols"]),
    Peer::new("uvloop, streams", Program::Uvloop).before(&["echo/python/echo.py"]).after(&["uvloop", "streams"]),
    Peer::new("asyncio, protocols", Program::Python).before(&["echo/python/echo.py"]).after(&["asyncio", "protocols"]),
    Peer::new("asyncio, streams", Program::Python).before(&["echo/python/echo.py"]).after(&["asyncio", "streams"]),
];

/// For runtimes without timed callbacks. Sleeping tasks are a case of their own.
const NO_CALLBACKS: &[&str] = &["timer_fire"];

pub const TASKS: &[Peer] = &[
    Peer::package("bound: closures", "tasks-bound"),
    // Stores deadlines only, and runs nothing.
    Peer::package("bound: wheel", "tasks-bound").after(&["wheel"]).only(&["timers"]),
    Peer::package(OURS, "tasks-innermost"),
    Peer::package("tokio", "tasks-tokio").after(&["ct"]).without(NO_CALLBACKS),
    Peer::package("tokio, LocalSet", "tasks-tokio").after(&["localset"]).without(NO_CALLBACKS),
    Peer::package("smol", "tasks-smol").without(NO_CALLBACKS),
    // It has no timers.
    Peer::package("futures, LocalPool", "tasks-futures").without(&["timers", "timer_fire", "sleep"]),
    Peer::package("monoio, io_uring", "tasks-monoio").after(&["uring"]).without(NO_CALLBACKS),
    Peer::package("monoio, epoll", "tasks-monoio").after(&["legacy"]).without(NO_CALLBACKS),
    Peer::package("compio, io_uring", "tasks-compio").without(NO_CALLBACKS),
    // It has neither timers nor callbacks, only sleeping coroutines. A yield does not run the coroutines that the yielding
    // one has made. Each coroutine has a stack of its own, and the system limits their number.
    Peer::package("may", "tasks-may").without(&["call_soon", "timers", "timer_fire", "parked"]).at_most(20_000),
    // It has timers and no tasks.
    Peer::new("libuv", Program::Libuv("tasks-libuv", "tasks/c/timers_uv.c")).only(&["timers", "timer_fire"]),
    Peer::new("uvloop", Program::Uvloop).before(&["tasks/python/tasks.py", "uvloop"]).without(&["parked"]),
    Peer::new("asyncio", Program::Python).before(&["tasks/python/tasks.py", "asyncio"]).without(&["parked"]),
];

pub const GENERATORS: &[Peer] = &[
    Peer::package("bound: iterator", "generators-bound"),
    Peer::package(OURS, "generators-innermost"),
    Peer::new("nightly", Program::Nightly),
    Peer::package("genawaiter", "generators-genawaiter"),
    Peer::package("corosensei", "generators-corosensei"),
    Peer::package("generator", "generators-generator"),
    Peer::new("CPython", Program::Python).before(&["generators/python/generators.py"]),
];

/// The cases of tasks. Some print more than one line.
pub const TASK_BENCHES: &[&str] = &[
    "spawn_one",
    "spawn_batch",
    "yield_one",
    "yield_thousand",
    "call_soon",
    "handover",
    "future",
    "timers",
    "timer_fire",
    "sleep",
    "parked",
    "parked_future",
];

/// The cases whose items all exist at once.
pub const ALL_AT_ONCE: &[&str] = &["timers", "timer_fire", "sleep", "parked", "parked_future"];

pub const GENERATOR_BENCHES: &[&str] = &["resume", "create", "depth", "tree"];

/// Whether `wanted` contains a peer's name, or its first word. An empty list contains all peers.
pub fn is_wanted(name: &str, wanted: &[String]) -> bool {
    let family = name.split([',', ':']).next().unwrap_or(name);
    wanted.is_empty() || wanted.iter().any(|wanted| wanted == name || wanted == family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workloads_arguments_come_between_the_programs_own() {
        let peer = Peer::package("x", "x").before(&["script.py"]).after(&["fast"]);
        assert_eq!(peer.words("python3", &["7000".into()]), ["python3", "script.py", "7000", "fast"]);
    }

    #[test]
    fn peers_are_selected_by_name_or_by_first_word() {
        let wanted = ["tokio".to_string(), "bound: epoll".to_string()];
        let chosen: Vec<_> = ["tokio", "tokio, LocalSet", "bound: epoll", "bound: io_uring", "smol"]
            .into_iter()
            .filter(|name| is_wanted(name, &wanted))
            .collect();
        assert_eq!(chosen, ["tokio", "tokio, LocalSet", "bound: epoll"]);
        assert!(is_wanted("smol", &[]));
    }

    #[test]
    fn peers_with_timers_only_support_no_other_case() {
        let can = |name| {
            let peer = TASKS.iter().find(|peer| peer.name == name).unwrap();
            TASK_BENCHES.iter().copied().filter(|bench| peer.can(bench)).collect::<Vec<_>>()
        };
        assert_eq!(can("libuv"), ["timers", "timer_fire"]);
        assert_eq!(can("bound: wheel"), ["timers"]);
    }

    #[test]
    fn unsupported_cases_exist() {
        for peer in TASKS {
            assert!(
                peer.without.iter().chain(peer.only.unwrap_or_default()).all(|bench| TASK_BENCHES.contains(bench)),
                "{}",
                peer.name
            );
        }
    }

    #[test]
    fn names_are_unique_and_every_workload_includes_ours() {
        for peers in [ECHO, TASKS, GENERATORS] {
            let mut names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
            assert!(names.contains(&OURS));
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), peers.len());
        }
    }
}
