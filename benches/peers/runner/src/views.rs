//! The views of the results. Each view becomes a table and a chart.

/// A selection of one workload's figures.
#[derive(Debug)]
pub struct View {
    pub workload: &'static str,
    /// The name of the chart's file, without its extension.
    pub name: &'static str,
    pub title: &'static str,
    /// Explains the columns, below the title.
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
        title: "Echo, 64 bytes: messages per second",
        note: "Each connection has one message of 64 bytes in flight. Higher is better.",
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
        title: "Echo, 4 KiB: messages per second",
        note: "Each connection has one message of 4 KiB in flight. Higher is better.",
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
        title: "Echo, 64 bytes: the server's CPU time per message, µs",
        note: "User and system time of all the server's threads, with messages of 64 bytes. The client's speed does not \
               affect it.",
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
        title: "Echo, 4 KiB: the server's CPU time per message, µs",
        note: "User and system time of all the server's threads, with messages of 4 KiB. The client's speed does not \
               affect it.",
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
        note: "The time from sending the first byte of a message until its last byte has come back, with 1, 50, 1,000 and \
               8,000 connections.",
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
        title: "Echo: 99.9th percentile of latency, µs, and memory",
        note: "Latency is measured with messages of 64 bytes. Memory is how much the server grew per connection, in bytes.",
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
        title: "Echo: system calls per message",
        note: "Counted by strace, which slows servers down: with 50 connections, nearly every read finds a message. With \
               one connection, each message comes a millisecond after the previous one, so a server that reads again at \
               once finds none.",
        columns: &[column("1x64", "calls", "1 connection"), column("50x64", "calls", "50 connections")],
    },
    View {
        workload: "tasks",
        name: "tasks",
        title: "Tasks: CPU time, ns",
        note: "Spawning, running and awaiting a task. Yielding to the loop. Running a callback, or a task that nobody \
               awaits in runtimes without callbacks. Passing an item to another task and back. Making, awaiting and \
               setting a future, with a yield of the task that sets it.",
        columns: &[
            column("spawn_one", "cpu_ns", "spawn, one by one"),
            column("spawn_batch", "cpu_ns", "spawn, 1,000 at once"),
            column("yield_one", "cpu_ns", "yield, alone"),
            column("yield_thousand", "cpu_ns", "yield, one of 1,000"),
            column("call_soon", "cpu_ns", "callback"),
            column("handover", "cpu_ns", "pass an item"),
            column("future", "cpu_ns", "future"),
        ],
    },
    View {
        workload: "tasks",
        name: "timers",
        title: "Timers: CPU time, ns",
        note: "There are a million timers (Python: 200,000; may: 20,000). Timers that fire have random deadlines within \
               a second. They run a callback, if the runtime has callbacks, or wake a sleeping task. The last column is \
               how late these tasks wake, on average.",
        columns: &[
            column("timer_set", "cpu_ns", "set"),
            column("timer_cancel", "cpu_ns", "cancel"),
            column("timer_fire", "cpu_ns", "set and run a callback"),
            column("sleep", "cpu_ns", "sleep, in a task"),
            column("sleep", "late_us", "late by, µs"),
        ],
    },
    View {
        workload: "tasks",
        name: "parked",
        title: "Parked tasks",
        note: "There are a million parked tasks (Python: 200,000; may: 20,000). Memory is in bytes per task, and \
               includes what the program keeps of a task. CPU times are in ns: making and parking a task, waking and \
               awaiting it.",
        columns: &[
            column("parked", "bytes", "bytes"),
            column("parked_future", "bytes", "bytes, each on a future"),
            column("parked_future", "cpu_ns", "make and park"),
            column("wake_all", "cpu_ns", "wake"),
        ],
    },
    View {
        workload: "instructions",
        name: "instructions",
        title: "Tasks: user instructions",
        note: "Counted by callgrind. Programs that it cannot run are left out. There are 30,000 timers, and 30,000 \
               parked tasks.",
        columns: &[
            column("spawn_one", "instructions", "spawn, one by one"),
            column("spawn_batch", "instructions", "spawn, 1,000 at once"),
            column("yield_one", "instructions", "yield, alone"),
            column("yield_thousand", "instructions", "yield, one of 1,000"),
            column("call_soon", "instructions", "callback"),
            column("handover", "instructions", "pass an item"),
            column("future", "instructions", "future"),
            column("timers", "instructions", "set and cancel a timer"),
            column("parked_future", "instructions", "park and wake a task"),
        ],
    },
    View {
        workload: "generators",
        name: "generators",
        title: "Generators: CPU time, ns",
        note: "Resuming a generator that the compiler can inline, and a boxed one. Making a generator, resuming it once \
               and dropping it: the bodies of innermost's and CPython's generators then run once more, because they are \
               closed, and here those of corosensei's and generator's do too. Walking a tree of 2^20 - 1 nodes in order, \
               per node; all but the iterator recurse.",
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
        title: "Delegation: CPU time per item, ns",
        note: "Getting an item from the innermost of nested generators, each of which delegates to the next.",
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
        title: "The echo server, built from scratch",
        note: "The duration of `cargo build` and `cargo build --release` without any earlier build, the number of crates \
               including the library, and the size of the stripped program with `lto = \"fat\"` and one codegen unit, in \
               bytes. Each program enables the features that it uses. Incremental compilation is off, as it is for a \
               library from a registry.",
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
