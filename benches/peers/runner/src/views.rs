//! Which figures stand together: each view is a table, and a chart.

/// Figures of one workload that are looked at together.
#[derive(Debug)]
pub struct View {
    pub workload: &'static str,
    /// The chart's file is called so.
    pub name: &'static str,
    pub title: &'static str,
    /// What the title leaves open.
    pub note: &'static str,
    pub columns: &'static [Column],
}

/// One figure of one case.
#[derive(Debug)]
pub struct Column {
    pub case: &'static str,
    pub figure: &'static str,
    pub heading: &'static str,
}

const fn column(case: &'static str, figure: &'static str, heading: &'static str) -> Column {
    Column { case, figure, heading }
}

pub const VIEWS: &[View] = &[
    View {
        workload: "echo",
        name: "echo-rate",
        title: "Echo, 64 bytes: messages a second",
        note: "One message is on its way on each of so many connections. More is better.",
        columns: &[
            column("1x64", "rate", "1 connection"),
            column("50x64", "rate", "50 connections"),
            column("1000x64", "rate", "1,000 connections"),
            column("8000x64", "rate", "8,000 connections"),
        ],
    },
    View {
        workload: "echo",
        name: "echo-rate-4k",
        title: "Echo, 4 KiB: messages a second",
        note: "The same with larger messages.",
        columns: &[
            column("1x4096", "rate", "1 connection"),
            column("50x4096", "rate", "50 connections"),
            column("1000x4096", "rate", "1,000 connections"),
            column("8000x4096", "rate", "8,000 connections"),
        ],
    },
    View {
        workload: "echo",
        name: "echo-cpu",
        title: "Echo, 64 bytes: the server's CPU time a message, µs",
        note: "All of its threads, user and system. It does not depend on what the client can do.",
        columns: &[
            column("1x64", "server_us", "1 connection"),
            column("50x64", "server_us", "50 connections"),
            column("1000x64", "server_us", "1,000 connections"),
            column("8000x64", "server_us", "8,000 connections"),
        ],
    },
    View {
        workload: "echo",
        name: "echo-cpu-4k",
        title: "Echo, 4 KiB: the server's CPU time a message, µs",
        note: "The same with larger messages.",
        columns: &[
            column("1x4096", "server_us", "1 connection"),
            column("50x4096", "server_us", "50 connections"),
            column("1000x4096", "server_us", "1,000 connections"),
            column("8000x4096", "server_us", "8,000 connections"),
        ],
    },
    View {
        workload: "echo",
        name: "echo-latency",
        title: "Echo, 64 bytes: latency, µs",
        note: "From the first byte sent until the last has come back, with so many connections.",
        columns: &[
            column("1x64", "p50_us", "1: p50"),
            column("1x64", "p99_us", "p99"),
            column("50x64", "p50_us", "50: p50"),
            column("50x64", "p99_us", "p99"),
            column("1000x64", "p50_us", "1,000: p50"),
            column("1000x64", "p99_us", "p99"),
            column("8000x64", "p50_us", "8,000: p50"),
            column("8000x64", "p99_us", "p99"),
        ],
    },
    View {
        workload: "echo",
        name: "echo-tail",
        title: "Echo: the slowest thousandth, µs, and memory",
        note: "Latency with 64 bytes a message. Memory is what the server grew by for each connection, in bytes.",
        columns: &[
            column("1x64", "p999_us", "1: p99.9"),
            column("50x64", "p999_us", "50"),
            column("1000x64", "p999_us", "1,000"),
            column("8000x64", "p999_us", "8,000"),
            column("1000x64", "bytes", "1,000: memory, 64 B"),
            column("8000x64", "bytes", "8,000"),
            column("1000x4096", "bytes", "1,000: memory, 4 KiB"),
            column("8000x4096", "bytes", "8,000"),
        ],
    },
    View {
        workload: "syscalls",
        name: "syscalls",
        title: "Echo: system calls a message",
        note: "By strace, which makes a server so slow that with 50 connections nearly each read finds a message. With \
               one, the next comes a millisecond after the last: who reads again at once finds none.",
        columns: &[column("1x64", "calls", "1 connection"), column("50x64", "calls", "50 connections")],
    },
    View {
        workload: "tasks",
        name: "tasks",
        title: "Tasks: CPU time, ns",
        note: "Spawned, run and awaited; yields to the loop; a callback (where there are none, a task that nobody \
               waits for); an item handed to another task and back; a future made, awaited, set, and its setter's yield.",
        columns: &[
            column("spawn_one", "cpu_ns", "spawn, one by one"),
            column("spawn_batch", "cpu_ns", "spawn, 1,000 at once"),
            column("yield_one", "cpu_ns", "yield, alone"),
            column("yield_thousand", "cpu_ns", "yield, one of 1,000"),
            column("call_soon", "cpu_ns", "callback"),
            column("handover", "cpu_ns", "to and fro"),
            column("future", "cpu_ns", "future"),
        ],
    },
    View {
        workload: "tasks",
        name: "timers",
        title: "Timers: CPU time, ns",
        note: "A million of them (Python: 200,000; may: 20,000). What fires is set to a random time within a second: \
               a callback, where there are callbacks, and a task that sleeps; how late those wake is the mean, in µs.",
        columns: &[
            column("timer_set", "cpu_ns", "set"),
            column("timer_cancel", "cpu_ns", "cancel"),
            column("timer_fire", "cpu_ns", "set and fired, a callback"),
            column("sleep", "cpu_ns", "a task that sleeps"),
            column("sleep", "late_us", "late by, µs"),
        ],
    },
    View {
        workload: "tasks",
        name: "parked",
        title: "Parked tasks",
        note: "A million of them (Python: 200,000; may: 20,000): memory of each in bytes, with what the program \
               holds on to; CPU time of making it, and of waking and awaiting it, in ns.",
        columns: &[
            column("parked", "bytes", "bytes"),
            column("parked_future", "bytes", "bytes, each on a future"),
            column("parked_future", "cpu_ns", "made and parked"),
            column("wake_all", "cpu_ns", "woken"),
        ],
    },
    View {
        workload: "instructions",
        name: "instructions",
        title: "Tasks: user instructions",
        note: "By callgrind. What it cannot run is left out. Of timers and parked tasks there are 30,000 at once.",
        columns: &[
            column("spawn_one", "instructions", "spawn, one by one"),
            column("spawn_batch", "instructions", "spawn, 1,000 at once"),
            column("yield_one", "instructions", "yield, alone"),
            column("yield_thousand", "instructions", "yield, one of 1,000"),
            column("call_soon", "instructions", "callback"),
            column("handover", "instructions", "to and fro"),
            column("future", "instructions", "future"),
            column("timers", "instructions", "timer, set and cancelled"),
            column("parked_future", "instructions", "parked and woken"),
        ],
    },
    View {
        workload: "generators",
        name: "generators",
        title: "Generators: CPU time, ns",
        note: "A resume where the compiler sees the body, and where it does not; made, resumed once and dropped, \
               which closes ours and CPython's: their body runs once more, as corosensei's and generator's does here; a \
               node of the in-order walk of 2^20 - 1 of them, by recursion (but for the iterator).",
        columns: &[
            column("resume", "cpu_ns", "resume"),
            column("resume_boxed", "cpu_ns", "resume, boxed"),
            column("create", "cpu_ns", "create"),
            column("tree", "cpu_ns", "tree, a node"),
        ],
    },
    View {
        workload: "generators",
        name: "delegation",
        title: "Delegation: CPU time of an item, ns",
        note: "From the innermost of so many generators, each of which delegates to the next.",
        columns: &[
            column("depth_1", "cpu_ns", "depth 1"),
            column("depth_10", "cpu_ns", "10"),
            column("depth_100", "cpu_ns", "100"),
            column("depth_1000", "cpu_ns", "1,000"),
            column("depth_100000", "cpu_ns", "100,000"),
        ],
    },
    View {
        workload: "footprint",
        name: "footprint",
        title: "The echo server, built from nothing",
        note: "Seconds of `cargo build` and `cargo build --release` with nothing built before; crates, of which the \
               library is one; the stripped program with `lto = \"fat\"` and one codegen unit, in bytes. Each \
               program asks for the features that it uses, and nothing is built incrementally, as no library from a \
               registry is.",
        columns: &[
            column("debug", "seconds", "debug, s"),
            column("release", "seconds", "release, s"),
            column("debug", "crates", "crates"),
            column("release_lto", "program_bytes", "program"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::WORKLOADS;

    #[test]
    fn every_workload_has_a_view_and_names_are_unique() {
        for workload in WORKLOADS {
            assert!(VIEWS.iter().any(|view| view.workload == *workload), "{workload}");
        }
        for (index, view) in VIEWS.iter().enumerate() {
            assert!(WORKLOADS.contains(&view.workload), "{}", view.workload);
            assert!(VIEWS[..index].iter().all(|other| other.name != view.name), "{}", view.name);
        }
    }
}
