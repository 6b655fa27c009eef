//! The runner of jobs: its plan, its order, and the program.

#[path = "../../examples/jobs/plan.rs"]
mod plan;
#[allow(dead_code, reason = "only its machine is used")]
#[path = "../../examples/jobs/runner.rs"]
pub(crate) mod runner;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::plan::plan;
use crate::support::process::{Process, example, until};

/// The names and needs of a plan.
fn planned(text: &str, targets: &[&str]) -> Result<Vec<(String, Vec<usize>)>, String> {
    let targets: Vec<_> = targets.iter().map(|target| (*target).to_owned()).collect();
    Ok(plan(text, &targets)?.into_iter().map(|rule| (rule.name, rule.needs)).collect())
}

#[test]
fn a_job_comes_after_what_it_needs_and_otherwise_as_in_the_file() {
    let text = "# a comment\nall: b a\n\nb: c\n  echo b\na:\n\techo a\nc:\n  echo c\nother:\n";
    let names =
        |targets: &[&str]| planned(text, targets).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&[]), ["a", "c", "b", "all", "other"]);
    assert_eq!(names(&["b"]), ["c", "b"]);
    assert_eq!(planned(text, &["all"]).unwrap()[3], ("all".to_owned(), vec![2, 0]));
    let script = plan("a:\n  one\n  two\n", &[]).unwrap().remove(0).script;
    assert_eq!(script, "one\ntwo\n");
}

#[test]
fn a_wrong_file_is_explained() {
    let cases = [
        ("  echo\n", "line 1: a command without a job"),
        ("a:\nb\n", "line 2: expected a name and a colon"),
        ("a: b\n", "b: there is no such job"),
        ("a:\na:\n", "a: this name is there twice"),
        ("a: b\nb: c\nc: a\nd:\n", "a, b, c: these jobs need each other"),
        ("a: a\n", "a: these jobs need each other"),
    ];
    for (text, expected) in cases {
        assert_eq!(planned(text, &[]).unwrap_err(), expected);
    }
    assert_eq!(planned("a:\n", &["b"]).unwrap_err(), "b: there is no such job");
}

#[test]
fn a_long_chain_is_planned() {
    let text: String = (0..20_000).map(|job| format!("{job}: {}\n", job + 1)).chain(["20000:\n".to_owned()]).collect();
    assert_eq!(planned(&text, &[]).unwrap().first().unwrap().0, "20000");
}

/// A directory with a file of jobs, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str, jobs: &str) -> Self {
        let path = std::env::temp_dir().join(format!("innermost-jobs-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("Jobs"), jobs).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn start(&self, arguments: &[&str]) -> Process {
        Process::spawn(Command::new(example("jobs")).args(arguments).current_dir(&self.0)).unwrap()
    }

    /// Runs the program to its end: its exit code, its output and its errors.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, Vec<String>, Vec<String>) {
        let (status, output, errors) = self.start(arguments).finish();
        (status.code(), output, errors)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn jobs_run_side_by_side_and_print_in_order() {
    // The first job waits for the last one to begin, so it ends after it.
    let jobs = "slow:\n  echo slow 1\n  cat pipe\n  echo slow 2\nquick:\n  echo quick\n  echo through > pipe\n";
    let directory = Directory::new("order", jobs);
    assert!(Command::new("mkfifo").arg(directory.path().join("pipe")).status().unwrap().success());
    let expected = ["slow 1", "through", "slow 2", "quick"].map(str::to_owned).to_vec();
    assert_eq!(directory.run(&["--jobs", "2"]), (Some(0), expected, vec![]));
}

#[test]
fn no_more_jobs_run_at_once_than_were_asked_for() {
    let jobs: String = (0..12).map(|job| format!("{job}:\n  echo + >> log\n  echo {job}\n  echo - >> log\n")).collect();
    let directory = Directory::new("limit", &jobs);
    let expected = (0..12).map(|job| job.to_string()).collect();
    assert_eq!(directory.run(&["--jobs", "3"]), (Some(0), expected, vec![]));
    let log = fs::read_to_string(directory.path().join("log")).unwrap();
    let running = log.lines().scan(0, |running, line| {
        *running += if line == "+" { 1 } else { -1 };
        Some(*running)
    });
    assert!(running.max().is_some_and(|most| (1..=3).contains(&most)), "{log}");
}

#[test]
fn after_a_failure_nothing_else_is_started() {
    let jobs = "bad:\n  echo before\n  exit 3\n  echo after\nneeds: bad\n  echo needs\ngood:\n  echo good\n";
    let directory = Directory::new("failure", jobs);
    let left_out = "left out, because another job has failed";
    let (status, output, errors) = directory.run(&["--jobs", "1"]);
    assert_eq!((status, output), (Some(2), vec!["before".to_owned()]));
    let expected = ["bad: exit status: 3", &format!("needs: {left_out}"), &format!("good: {left_out}")];
    assert_eq!(errors, expected.map(|error| format!("jobs: {error}")));
    let (status, output, errors) = directory.run(&["--jobs", "1", "--keep-going"]);
    assert_eq!((status, output), (Some(2), vec!["before".to_owned(), "good".to_owned()]));
    assert_eq!(errors.len(), 2);
}

#[test]
fn errors_and_output_of_a_job_keep_their_order() {
    let directory = Directory::new("errors", "a:\n  echo 1\n  echo 2 >&2\n  echo 3\n");
    let expected = ["1", "2", "3"].map(str::to_owned).to_vec();
    assert_eq!(directory.run(&[]), (Some(0), expected, vec![]));
}

#[test]
fn ctrl_c_kills_the_jobs_and_what_they_have_started() {
    let directory =
        Directory::new("interrupt", "a:\n  sleep 1000 & echo $! > pid.part\n  mv pid.part pid\n  sleep 1000\n");
    let mut program = directory.start(&[]);
    let pid_file = directory.path().join("pid");
    until("the job runs", || pid_file.exists());
    let grandchild = fs::read_to_string(pid_file).unwrap();
    let stat = PathBuf::from(format!("/proc/{}/stat", grandchild.trim()));
    assert!(stat.exists());
    program.signal("INT");
    assert_eq!(program.wait().code(), Some(130));
    // It has another parent now, which may not have reaped it.
    let is_gone = || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    until("the grandchild is gone", is_gone);
}

#[test]
fn a_wrong_command_line_is_explained() {
    let directory = Directory::new("usage", "a:\n");
    for (arguments, expected) in [
        (&["--jobs", "0"][..], "jobs: --jobs: expected a number above 0, not 0"),
        (&["--jobs"], "jobs: --jobs: expected a value after it"),
        (&["--nothing"], "jobs: --nothing: no such option"),
        (&["--file", "none"], "jobs: none: No such file or directory (os error 2)"),
        (&["b"], "jobs: Jobs: b: there is no such job"),
    ] {
        let (status, _, errors) = directory.run(arguments);
        assert_eq!((status, errors[0].as_str()), (Some(2), expected));
    }
}
