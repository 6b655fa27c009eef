//! Child processes, and their reports to the parent.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use innermost::{Await, EventLoop, Exception, Step, from_fn};

/// After how many seconds a child is ended that hangs.
const DEADLINE: u32 = 30;

/// The result of a fork. Each process continues with its own side.
pub(crate) enum Fork {
    Child(std::io::PipeWriter),
    Parent(Child),
}

/// A child, as its parent knows it.
pub(crate) struct Child {
    pid: i32,
    told: std::io::PipeReader,
}

impl Fork {
    /// Forks this process, which has one thread.
    pub(crate) fn new() -> Self {
        let (told, tells) = std::io::pipe().expect("a descriptor is free");
        std::io::stdout().flush().expect("somebody reads it");
        #[expect(unsafe_code, reason = "there is no safe way to fork")]
        // SAFETY: there is no other thread that could hold a lock, but those of a pool, which waits for work with none
        // of its locks held.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "the system has room for a process");
        if pid > 0 {
            return Self::Parent(Child { pid, told });
        }
        #[expect(unsafe_code, reason = "there is no safe way to set an alarm")]
        // SAFETY: it takes no pointer.
        unsafe {
            libc::alarm(DEADLINE)
        };
        Self::Child(tells)
    }
}

impl Child {
    /// Waits for the end of the child. Returns its report.
    pub(crate) fn told(mut self) -> String {
        let mut text = String::new();
        self.told.read_to_string(&mut text).expect("it tells a text");
        let mut status = 0;
        #[expect(unsafe_code, reason = "there is no safe way to wait for a process that was forked")]
        // SAFETY: the child is ours and was not waited for; `status` may be written until the call returns.
        let waited = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        assert_eq!((waited, status), (self.pid, 0), "it has told {text:?}");
        text
    }
}

/// Sends a report to the parent, and ends this process. Drops nothing: tests do that.
pub(crate) fn end(mut tells: std::io::PipeWriter, text: &str) -> ! {
    tells.write_all(text.as_bytes()).expect("the parent reads it");
    #[expect(unsafe_code, reason = "there is no safe way to end a process without what is registered for that")]
    // SAFETY: it takes no pointer, and does not return.
    unsafe {
        libc::_exit(0)
    }
}

/// Calls `function` in a child. Returns its result.
pub(crate) fn in_child(function: impl FnOnce() -> String) -> String {
    in_child_with((), |()| function()).0
}

/// Calls `function` with `values` in a child. Returns its result. The parent keeps its own values.
pub(crate) fn in_child_with<T>(values: T, function: impl FnOnce(T) -> String) -> (String, T) {
    match Fork::new() {
        Fork::Parent(child) => (child.told(), values),
        Fork::Child(tells) => {
            let told = catch_unwind(AssertUnwindSafe(|| function(values)));
            end(tells, &told.unwrap_or_else(|_| "it has panicked".into()))
        }
    }
}

/// Drops `values` in a child.
pub(crate) fn dropped_in_child<T>(values: T) -> T {
    let (told, values) = in_child_with(values, |values| {
        drop(values);
        "dropped".into()
    });
    assert_eq!(told, "dropped");
    values
}

/// What a resume of a machine that gives a `T` gives.
pub(crate) type Resumed<T> = Result<Step<Await, (), T>, Exception>;

/// Runs a machine to its end.
pub(crate) fn run<T: 'static>(
    event_loop: &EventLoop,
    machine: impl FnMut(Result<(), Exception>) -> Resumed<T> + 'static,
) -> T {
    event_loop.run_until_complete(from_fn(machine)).expect("nothing raises")
}

/// Runs ready callbacks, and those that follow from them.
pub(crate) fn settle(event_loop: &EventLoop) {
    for _ in 0..5 {
        event_loop.run_once().expect("it can run");
    }
}

/// The text of an exception.
pub(crate) fn text<T>(result: Result<T, Exception>) -> String {
    result.err().map_or_else(|| "nothing is raised".into(), |raised| raised.to_string())
}

/// A pipe whose writer is full.
pub(crate) fn full_pipe() -> (std::io::PipeReader, innermost::net::PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a descriptor is free");
    let writer = innermost::net::PipeWriter::try_from(OwnedFd::from(writer)).expect("it is a pipe");
    while writer.get_ref().write(&[0; 4096]).is_ok() {}
    (reader, writer)
}
