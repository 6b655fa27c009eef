//! What a child's standard streams are.

use std::cell::RefCell;
use std::io::{Read, Seek, Write};
use std::rc::Rc;

use innermost::net::pipe;
use innermost::process::{Command, Communication, Stdio, shell};
use innermost::{ByteWrite, LoopHandle, Step, from_fn, yield_from};

use crate::starting::{Shared, communicating, output, spawn, started, text, wait, with_each};

fn communicate(event_loop: &LoopHandle, process: &Shared, input: &str) -> String {
    let kept = Rc::new(RefCell::new(Communication::new().with_input(input)));
    event_loop.run_until_complete(communicating(process, &kept)).unwrap();
    text(kept.borrow().stdout()).to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_are_pipes_and_block_for_the_child() {
    with_each(|event_loop| {
        // The flag 04000 is O_NONBLOCK.
        let line =
            "for fd in 0 1 2; do readlink /proc/self/fd/$fd | cut -d: -f1; grep flags: /proc/$$/fdinfo/$fd; done";
        let command = shell(line).stdin(Stdio::Pipe).stdout(Stdio::Pipe).stderr(Stdio::Pipe);
        let printed = communicate(event_loop, &started(event_loop, command), "");
        let lines: Vec<_> = printed.lines().collect();
        assert_eq!(lines.len(), 6, "{printed}");
        for flags in lines.iter().filter_map(|line| line.strip_prefix("flags:")) {
            let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
            assert_eq!(flags & 0o4000, 0, "{printed}");
        }
        assert_eq!(printed.matches("pipe\n").count(), 3, "{printed}");
    });
}

#[test]
fn a_child_can_open_its_standard_streams_by_name() {
    with_each(|event_loop| {
        let command = shell("cat /dev/stdin >/dev/stdout").stdin(Stdio::Pipe).stdout(Stdio::Pipe);
        assert_eq!(communicate(event_loop, &started(event_loop, command), "by name"), "by name");
    });
}

#[test]
fn standard_error_can_be_the_same_pipe_as_standard_output() {
    with_each(|event_loop| {
        let command = shell("echo 1; echo 2 >&2; echo 3; echo 4 >&2").stdout(Stdio::Pipe).stderr(Stdio::Stdout);
        let process = started(event_loop, command);
        assert!(process.borrow().stderr.is_none());
        assert_eq!(communicate(event_loop, &process, ""), "1\n2\n3\n4\n");
    });
}

#[test]
fn standard_error_can_be_the_same_file_as_standard_output() {
    with_each(|event_loop| {
        let path = std::env::temp_dir().join(format!("innermost-{}-{:p}", std::process::id(), event_loop));
        let mut file = std::fs::File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let command = shell("echo 1; echo 2 >&2").stdout(file.try_clone().unwrap()).stderr(Stdio::Stdout);
        assert!(wait(event_loop, &started(event_loop, command)).success());
        let mut written = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut written).unwrap();
        assert_eq!(written, "1\n2\n");
        let command = shell("echo 1; echo 2 >&2").stdout(Stdio::Null).stderr(Stdio::Stdout);
        assert!(wait(event_loop, &started(event_loop, command)).success());
    });
}

#[test]
fn only_standard_error_can_be_the_same_as_standard_output() {
    with_each(|event_loop| {
        for command in [Command::new("true").stdin(Stdio::Stdout), Command::new("true").stdout(Stdio::Stdout)] {
            let raised = spawn(event_loop, command).unwrap_err();
            assert_eq!(raised.to_string(), "`Stdio::Stdout` is for standard error only");
            assert!(raised.notes().eq(["starting \"true\""]));
        }
    });
}

#[test]
fn the_output_of_one_child_can_be_the_input_of_another() {
    with_each(|event_loop| {
        let first = started(event_loop, shell("echo b; echo a").stdout(Stdio::Pipe));
        let stdout = first.borrow_mut().stdout.take().unwrap();
        let second = output(event_loop, Command::new("sort").stdin(stdout));
        assert_eq!(text(&second.stdout), "a\nb\n");
        assert!(wait(event_loop, &first).success());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn the_end_of_a_pipe_that_is_passed_on_blocks() {
    with_each(|event_loop| {
        let (reader, writer) = pipe().unwrap();
        let child = started(event_loop, shell("grep flags: /proc/$$/fdinfo/0; cat").stdin(reader).stdout(Stdio::Pipe));
        let mut fed = std::fs::File::from(std::os::fd::OwnedFd::from(writer.into_std().unwrap()));
        fed.write_all(b"fed").unwrap();
        drop(fed);
        let printed = communicate(event_loop, &child, "");
        let (flags, rest) = printed.split_once('\n').unwrap();
        let flags = u32::from_str_radix(flags.trim_start_matches("flags:").trim(), 8).unwrap();
        assert_eq!((flags & 0o4000, rest), (0, "fed"));
    });
}

// P4
#[test]
fn writing_to_a_child_that_is_gone_raises_a_broken_pipe() {
    with_each(|event_loop| {
        let process = started(event_loop, Command::new("true").stdin(Stdio::Pipe));
        let stdin = process.borrow_mut().stdin.take().unwrap();
        wait(event_loop, &process);
        let written = event_loop.run_until_complete(from_fn(move |mut sent| {
            let mut bytes = innermost::Buffer::from(vec![0; 1_000_000]);
            yield_from!(stdin.write_all(&mut bytes), sent).map(Step::Return)
        }));
        let raised = written.unwrap_err();
        assert_eq!(raised.downcast_ref().map(std::io::Error::kind), Some(std::io::ErrorKind::BrokenPipe));
    });
}

#[test]
fn a_command_has_an_environment_a_directory_and_arguments() {
    with_each(|event_loop| {
        let command = shell("pwd; echo $0 $1 $NAME; env | grep -c .").args(["one", "two; three"]);
        let command = command.env_clear().env("NAME", "value").env("GONE", "x").env_remove("GONE").current_dir("/");
        let output = output(event_loop, command);
        let printed = text(&output.stdout);
        assert!(printed.starts_with("/\none two; three value\n"), "{printed}");
        let from_std: Command = std::process::Command::new("true").into();
        assert!(wait(event_loop, &started(event_loop, from_std)).success());
    });
}
