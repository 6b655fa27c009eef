//! Tests of the ways to watch a child, each by itself: the library chooses one of them.

#![expect(clippy::zombie_processes, reason = "the watches reap them")]

use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};

use super::Watch;
use crate::sys::Direction;
use crate::sys::descriptor::is_ready;

/// A way to watch a child.
type Way = fn(u32) -> Watch;

/// The ways of this system.
fn every_way() -> Vec<(&'static str, Way)> {
    vec![
        #[cfg(target_os = "linux")]
        ("pidfd", |pid| {
            let prepared = super::pidfd::Prepared::new().expect("this kernel has them");
            Watch::Pidfd(prepared.watch(pid).expect("it is our child"))
        }),
        #[cfg(target_os = "linux")]
        ("thread", |pid| {
            let prepared = super::thread::Prepared::new().expect("a thread is free");
            Watch::Thread(prepared.watch(pid).expect("it is our child"))
        }),
        #[cfg(not(target_os = "linux"))]
        ("the system's", |pid| {
            super::Prepared::new().expect("a descriptor is free").watch(pid).expect("it is our child")
        }),
    ]
}

fn started(program: &str, argument: &str) -> Child {
    Command::new(program).arg(argument).spawn().expect("it is installed")
}

/// Waits until the descriptor says that the child has ended.
fn wait_for_descriptor(watch: &Watch) {
    while !watch.has_ended() && !is_ready(watch.as_fd().as_raw_fd(), Direction::Read) {
        std::thread::yield_now();
    }
}

#[test]
fn a_descriptor_is_readable_once_the_child_has_ended_and_then_it_can_be_reaped() {
    for (name, way) in every_way() {
        let child = started("sleep", "1000");
        let watch = way(child.id());
        assert!(!is_ready(watch.as_fd().as_raw_fd(), Direction::Read), "{name}");
        assert_eq!(watch.reap().expect("it is our child"), None, "{name}");
        watch.signal(libc::SIGTERM).expect("it runs");
        wait_for_descriptor(&watch);
        let status = watch.reap().expect("it is our child").expect("it has ended");
        assert_eq!((status.signal(), status.code()), (Some(libc::SIGTERM), None), "{name}");
        assert!(super::is_lost(&watch.reap().expect_err("it is reaped")), "{name}");
    }
}

#[test]
fn a_child_that_has_ended_already_can_be_watched() {
    for (name, way) in every_way() {
        let child = started("false", "");
        let prepared = way(child.id());
        wait_for_descriptor(&prepared);
        let another = way(child.id());
        wait_for_descriptor(&another);
        let status = another.reap().expect("it is our child").expect("it has ended");
        assert_eq!(status.code(), Some(1), "{name}");
    }
}

#[test]
fn waiting_returns_the_whole_status() {
    for (name, way) in every_way() {
        let child = Command::new("sh").args(["-c", "exit 77"]).spawn().expect("it is installed");
        let status = way(child.id()).wait().expect("it is our child").expect("it waits for the end");
        assert_eq!(status.code(), Some(77), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_descriptor_never_leads_to_another_process() {
    let mut child = started("sleep", "0");
    let watch = super::pidfd::Prepared::new().and_then(|prepared| prepared.watch(child.id())).expect("it is our child");
    child.wait().expect("it is our child");
    for sent in [watch.signal(libc::SIGTERM), watch.signal_group(libc::SIGTERM, true)] {
        assert_eq!(sent.expect_err("it is gone").raw_os_error(), Some(libc::ESRCH));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_thread_ends_if_no_child_is_started() {
    use std::io::Read;

    let (reader, prepared) = {
        let prepared = super::thread::Prepared::new().expect("a thread is free");
        (prepared.reader.try_clone().expect("a descriptor is free"), prepared)
    };
    drop(prepared);
    // The thread's end of the pipe is closed.
    let count = std::fs::File::from(reader).read(&mut [0]).expect("it is a pipe");
    assert_eq!(count, 0);
}
