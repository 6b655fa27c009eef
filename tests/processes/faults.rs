//! Programs that cannot be started. One error names the program, and nothing is left of it.

use std::io;

use innermost::process::{Command, Stdio, shell};
use innermost::{EventLoop, Exception, Kind};

use crate::starting::{spawn, with_each};

fn piped(command: Command) -> Command {
    command.stdin(Stdio::Pipe).stdout(Stdio::Pipe).stderr(Stdio::Pipe)
}

fn kind(raised: &Exception) -> io::ErrorKind {
    raised.downcast_ref::<io::Error>().unwrap_or_else(|| panic!("no error of the system: {raised:?}")).kind()
}

// P8
#[test]
fn an_error_names_the_program() {
    with_each(|event_loop| {
        let directory = Command::new("true").current_dir("/no/such/directory");
        let cases = [
            (Command::new("no-such-program"), io::ErrorKind::NotFound, "starting \"no-such-program\""),
            (Command::new("/no/such/program"), io::ErrorKind::NotFound, "starting \"/no/such/program\""),
            (Command::new("/etc/passwd"), io::ErrorKind::PermissionDenied, "starting \"/etc/passwd\""),
            (Command::new("/"), io::ErrorKind::PermissionDenied, "starting \"/\""),
            (directory, io::ErrorKind::NotFound, "starting \"true\": there is no directory \"/no/such/directory\""),
            (Command::new("no-such").current_dir("/"), io::ErrorKind::NotFound, "starting \"no-such\" in \"/\""),
            (Command::new("true").arg("a\0b"), io::ErrorKind::InvalidInput, "starting \"true\""),
            (Command::new("true").env("NAME", "a\0b"), io::ErrorKind::InvalidInput, "starting \"true\""),
            (Command::new(""), io::ErrorKind::NotFound, "starting \"\""),
        ];
        for (command, expected, note) in cases {
            let raised = spawn(event_loop, piped(command)).unwrap_err();
            assert_eq!((kind(&raised), raised.notes().collect::<Vec<_>>()), (expected, vec![note.to_owned()]));
        }
    });
}

#[test]
fn arguments_that_are_too_long_are_an_error() {
    with_each(|event_loop| {
        let raised = spawn(event_loop, Command::new("true").arg("x".repeat(10_000_000))).unwrap_err();
        assert_eq!(kind(&raised), io::ErrorKind::ArgumentListTooLong);
    });
}

#[test]
fn starting_needs_a_running_loop() {
    let event_loop = EventLoop::new().unwrap();
    assert_eq!(Command::new("true").spawn().unwrap_err().kind(), Kind::RuntimeError);
    drop(event_loop);
}

// P8
#[cfg(target_os = "linux")]
#[test]
fn a_program_that_cannot_be_started_leaks_nothing() {
    use crate::starting::{children, descriptors, own_process};

    own_process!();
    with_each(|event_loop| {
        // Whatever the first time allocates is there afterwards. A thread that watches no child may be about to close its pipe,
        // so the count may be one too high.
        let _ = spawn(event_loop, piped(Command::new("no-such-program")));
        let before = descriptors();
        for _ in 0..50 {
            let commands = [
                Command::new("no-such-program"),
                Command::new("true").arg("\0"),
                Command::new("true").current_dir("/no/such/directory"),
                Command::new("true").arg("x".repeat(10_000_000)),
            ];
            for command in commands {
                spawn(event_loop, piped(command)).unwrap_err();
            }
        }
        crate::support::loops::run_until(event_loop, move || descriptors() <= before);
        assert_eq!(children(), []);
    });
}

/// Limits a resource of this process.
#[cfg(target_os = "linux")]
fn limit(resource: libc::__rlimit_resource_t, count: u64) {
    let limit = libc::rlimit { rlim_cur: count, rlim_max: count };
    #[expect(unsafe_code, reason = "there is no safe way to set a limit")]
    // SAFETY: `limit` is read during the call.
    let set = unsafe { libc::setrlimit(resource, &raw const limit) };
    assert_eq!(set, 0);
}

/// Takes all free descriptors.
#[cfg(target_os = "linux")]
fn all_free() -> Vec<std::fs::File> {
    std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect()
}

// P8
#[cfg(target_os = "linux")]
#[test]
fn without_a_free_descriptor_nothing_is_started_and_nothing_leaks() {
    use crate::starting::{children, descriptors, own_process};

    own_process!();
    let event_loop = EventLoop::new().unwrap();
    let mark = std::env::temp_dir().join(format!("innermost-{}-started", std::process::id()));
    limit(libc::RLIMIT_NOFILE, 64);
    // Each number of free descriptors: the start fails in another place each time, until there are enough.
    let mut taken = all_free();
    let mut failures = 0;
    loop {
        let before = taken.len();
        let line = format!("touch {}", mark.display());
        match spawn(&event_loop, piped(shell(line))) {
            Ok(process) => {
                let process = std::rc::Rc::new(std::cell::RefCell::new(process));
                assert!(crate::starting::wait(&event_loop, &process).success());
                break;
            }
            Err(raised) => {
                assert_eq!(raised.downcast_ref::<io::Error>().unwrap().raw_os_error(), Some(libc::EMFILE));
                assert!(raised.notes().eq(["starting \"/bin/sh\""]));
            }
        }
        assert!(!mark.exists(), "it was started with {failures} free descriptors");
        // A thread that watches no child may be about to close its pipe.
        let is_as_before = || all_free().len() == failures;
        crate::support::process::until("its descriptors are closed", is_as_before);
        failures += 1;
        taken.truncate(before - 1);
    }
    std::fs::remove_file(&mark).unwrap();
    drop(taken);
    assert!(failures >= 6, "{failures}");
    assert_eq!(children(), []);
    assert!(descriptors() < 32);
}

// P8
#[cfg(target_os = "linux")]
#[test]
fn without_room_for_a_process_there_is_an_error_and_nothing_leaks() {
    use crate::starting::{children, descriptors, own_process, started, wait};

    own_process!();
    // The limit counts the processes of a user, and does not hold for root.
    #[expect(unsafe_code, reason = "there is no safe way to become another user")]
    // SAFETY: the calls take numbers alone. This process is for this test.
    unsafe {
        if libc::getuid() == 0 {
            assert_eq!((libc::setgid(47_110), libc::setuid(47_110)), (0, 0));
        }
    }
    let event_loop = EventLoop::new().unwrap();
    assert!(wait(&event_loop, &started(&event_loop, piped(Command::new("true")))).success());
    let before = descriptors();
    limit(libc::RLIMIT_NPROC, 1);
    for _ in 0..10 {
        let raised = spawn(&event_loop, piped(Command::new("true"))).unwrap_err();
        assert_eq!(kind(&raised), io::ErrorKind::WouldBlock);
        // A thread that watches a child is one process too many already.
        assert!(raised.notes().eq(["starting \"true\""]));
    }
    assert_eq!((descriptors(), children()), (before, vec![]));
}
