//! Programs of others: `git`, `sort`, `tar`, `gzip`, `python3`, `ssh`, and `strace`, which sees what a child inherits.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::process::{Command, Communication, Stdio, shell};

use crate::starting::{communicating, output, started, text, wait, with_each};
use crate::support::tools::needs;

#[test]
fn git_says_its_version() {
    needs!("git");
    with_each(|event_loop| {
        let output = output(event_loop, Command::new("git").arg("--version"));
        assert!(output.status.success() && text(&output.stdout).starts_with("git version "));
    });
}

#[test]
fn git_hashes_what_it_is_given() {
    needs!("git");
    with_each(|event_loop| {
        let command = Command::new("git").args(["hash-object", "--stdin"]).stdin(Stdio::Pipe).stdout(Stdio::Pipe);
        let kept = Rc::new(RefCell::new(Communication::new().with_input("hello\n")));
        let status = event_loop.run_until_complete(communicating(&started(event_loop, command), &kept)).unwrap();
        assert!(status.success());
        assert_eq!(text(kept.borrow().stdout()), "ce013625030ba8dba906f756967f9e9ca394464a\n");
    });
}

#[test]
fn sort_sorts_more_than_a_pipe_holds() {
    needs!("sort");
    with_each(|event_loop| {
        let lines =
            |numbers: &mut dyn Iterator<Item = u32>| numbers.map(|number| format!("{number:06}\n")).collect::<String>();
        let command = Command::new("sort").stdin(Stdio::Pipe).stdout(Stdio::Pipe);
        let kept = Rc::new(RefCell::new(Communication::new().with_input(lines(&mut (0..100_000).rev()))));
        event_loop.run_until_complete(communicating(&started(event_loop, command), &kept)).unwrap();
        assert!(text(kept.borrow().stdout()) == lines(&mut (0..100_000)));
    });
}

#[test]
fn tar_and_gzip_form_a_pipeline() {
    needs!("tar", "gzip");
    with_each(|event_loop| {
        let source = env!("CARGO_MANIFEST_DIR");
        // Two children, connected by a pipe, and a third that reads what the second has written.
        let tar = started(
            event_loop,
            Command::new("tar").args(["-c", "src/process"]).current_dir(source).stdout(Stdio::Pipe),
        );
        let packed = tar.borrow_mut().stdout.take().unwrap();
        let gzip = started(event_loop, Command::new("gzip").stdin(packed).stdout(Stdio::Pipe));
        let zipped = gzip.borrow_mut().stdout.take().unwrap();
        let listed = output(event_loop, Command::new("tar").args(["-t", "-z"]).stdin(zipped));
        assert!(wait(event_loop, &tar).success() && wait(event_loop, &gzip).success() && listed.status.success());
        assert!(text(&listed.stdout).contains("src/process/mod.rs\n"));
        // A shell does the same.
        let line = output(event_loop, shell("tar -c src/process | gzip | tar -t -z").current_dir(source));
        assert_eq!(line.stdout, listed.stdout);
    });
}

#[test]
fn python_talks_line_by_line() {
    needs!("python3");
    use innermost::{Buffer, ByteRead, ByteWrite, Step, from_fn, yield_from};

    with_each(|event_loop| {
        let program = "import sys\nfor line in sys.stdin: print(int(line) ** 2, flush=True)";
        let command = Command::new("python3").args(["-c", program]).stdin(Stdio::Pipe).stdout(Stdio::Pipe);
        let process = started(event_loop, command);
        let shared = Rc::clone(&process);
        let (mut number, mut is_asked, mut answer, mut squares) = (1_u32, false, Buffer::new(), Vec::new());
        let squares = event_loop.run_until_complete(from_fn(move |mut sent| {
            let process = shared.borrow();
            let (stdin, stdout) = (process.stdin.as_ref().unwrap(), process.stdout.as_ref().unwrap());
            while number <= 5 {
                if !is_asked {
                    // A line is shorter than a pipe, so it is written at once.
                    yield_from!(stdin.send(format!("{number}\n").as_bytes()), sent)?;
                    is_asked = true;
                }
                yield_from!(stdout.read(&mut answer), sent)?;
                if answer.bytes().ends_with(b"\n") {
                    squares.push(text(answer.bytes()).trim().to_owned());
                    answer.clear();
                    (number, is_asked) = (number + 1, false);
                }
            }
            Ok(Step::Return(squares.clone()))
        }));
        assert_eq!(squares.unwrap(), ["1", "4", "9", "16", "25"]);
        assert!(wait(event_loop, &process).success());
    });
}

#[test]
fn ssh_says_its_version_on_standard_error() {
    needs!("ssh");
    with_each(|event_loop| {
        let output = output(event_loop, Command::new("ssh").arg("-V"));
        assert!(output.status.success() && output.stdout.is_empty());
        assert!(text(&output.stderr).contains("SSH"), "{output:?}");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_inherits_its_standard_streams_and_nothing_else() {
    crate::starting::own_process!();
    with_each(|event_loop| {
        // Other children run, with pipes to this process.
        let others: Vec<_> = (0..3)
            .map(|_| {
                let command = Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Pipe).stderr(Stdio::Pipe);
                started(event_loop, command.kill_on_drop(true))
            })
            .collect();
        let output = output(event_loop, Command::new("ls").arg("/proc/self/fd"));
        // `ls` opens the directory itself. The harness may have left descriptors to this process.
        let inherited: Vec<_> = text(&output.stdout).lines().map(|line| line.parse::<i32>().unwrap()).collect();
        let own = std::process::Command::new("ls").arg("/proc/self/fd").output().unwrap();
        let expected: Vec<_> = text(&own.stdout).lines().map(|line| line.parse::<i32>().unwrap()).collect();
        assert_eq!(inherited, expected);
        drop(others);
    });
}

/// A program under `strace` starts a child, and `strace` sees the child's calls.
#[cfg(target_os = "linux")]
#[test]
fn no_descriptor_leaks_into_a_child_that_strace_watches() {
    if std::env::var_os("INNERMOST_TRACED").is_some() {
        let event_loop = innermost::EventLoop::new().unwrap();
        let command =
            Command::new("sh").args(["-c", "exec ls -l /proc/self/fd"]).stdin(Stdio::Pipe).stderr(Stdio::Stdout);
        let kept = Rc::default();
        let process = started(&event_loop, command.stdout(Stdio::Pipe));
        event_loop.run_until_complete(communicating(&process, &kept)).unwrap();
        return;
    }
    needs!("strace");
    let trace = std::env::temp_dir().join(format!("innermost-{}-trace", std::process::id()));
    let this = std::env::current_exe().unwrap();
    let name = "programs::no_descriptor_leaks_into_a_child_that_strace_watches";
    let traced = std::process::Command::new("strace")
        .args(["-f", "-e", "trace=pipe2,pidfd_open,epoll_create1,eventfd2", "-o"])
        .arg(&trace)
        .arg(this)
        .args(["--exact", name, "--test-threads=1"])
        .env("INNERMOST_TRACED", "1")
        .output()
        .unwrap();
    let calls = std::fs::read_to_string(&trace).unwrap();
    let _ = std::fs::remove_file(&trace);
    assert!(traced.status.success(), "{calls}");
    // Whatever this process opens is closed on exec. A process descriptor always is.
    let opened = calls
        .lines()
        .filter(|line| line.contains("pipe2(") || line.contains("epoll_create1(") || line.contains("eventfd2("));
    let (mut count, mut leaks) = (0, Vec::new());
    for line in opened {
        count += 1;
        if !line.contains("CLOEXEC") {
            leaks.push(line);
        }
    }
    assert!(count >= 2 && leaks.is_empty(), "{leaks:?}\n{calls}");
}
