//! Running programs, with a time limit.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;

/// A command: a program and its arguments.
pub type Words = Vec<String>;

/// The command that runs `words` on one core.
pub fn on_core(core: usize, words: &[String]) -> Words {
    let taskset = ["taskset", "-c", &core.to_string()].map(String::from);
    taskset.into_iter().chain(words.iter().cloned()).collect()
}

pub fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// The output of a program that has succeeded.
#[derive(Debug)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to its end. Kills it, and fails, if it takes longer than `limit`.
pub fn run(words: &[String], limit: Duration) -> Result<Output, Failure> {
    let files = Files::new();
    let mut child = command(words)
        .stdout(File::create(&files.stdout)?)
        .stderr(File::create(&files.stderr)?)
        .spawn()
        .map_err(|error| format!("{}: {error}", words[0]))?;
    let since = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if since.elapsed() > limit {
            end(&mut child);
            return Err(format!("still running after {} s", limit.as_secs()).into());
        }
        thread::sleep(Duration::from_millis(5));
    };
    let output = Output { stdout: text(&files.stdout), stderr: text(&files.stderr) };
    if !status.success() {
        return Err(format!("{status}: {}", last_words(&output.stderr)).into());
    }
    Ok(output)
}

/// The command that runs `words` and ends when this process does, even if this process is killed. Needs `setpriv`; without
/// it, returns `words`. (Ctrl-C reaches all processes anyway.)
fn tied(words: &[String]) -> Words {
    static TIE: LazyLock<Words> = LazyLock::new(|| {
        let tie: Words = ["setpriv", "--pdeathsig", "TERM"].map(String::from).into();
        let tried = command(&[tie.as_slice(), &["true".into()]].concat()).stderr(Stdio::null()).status();
        if tried.is_ok_and(|status| status.success()) { tie } else { Words::new() }
    });
    [TIE.as_slice(), words].concat()
}

/// A running server.
pub struct Server {
    child: Child,
    files: Files,
    /// The process that announced itself: the child, or a process that the child started.
    pub process: u32,
}

impl Server {
    /// Starts a server, and waits until it says that it is ready.
    pub fn start(words: &[String]) -> Result<Self, Failure> {
        Self::start_within(words, Duration::from_secs(60))
    }

    fn start_within(words: &[String], limit: Duration) -> Result<Self, Failure> {
        let files = Files::new();
        let started = command(&tied(words)).stdout(Stdio::piped()).stderr(File::create(&files.stderr)?).spawn();
        let mut child = started.map_err(|error| format!("{}: {error}", words[0]))?;
        let mut from = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let (sender, heard) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            sender.send(from.read_line(&mut line).map(|_| line))
        });
        let Ok(line) = heard.recv_timeout(limit) else {
            end(&mut child);
            return Err(format!("not ready after {} s", limit.as_secs_f32()).into());
        };
        let line = line?;
        let process = line.strip_prefix("READY ").and_then(|process| process.trim().parse().ok());
        let Some(process) = process else {
            end(&mut child);
            return Err(format!("did not start: {}", last_words(&text(&files.stderr))).into());
        };
        Ok(Self { child, files, process })
    }

    /// Ends the server. Returns the standard error of the server, or of the command that it was started under.
    pub fn stop(mut self) -> Result<String, Failure> {
        terminate(self.process)?;
        let since = Instant::now();
        while self.child.try_wait()?.is_none() {
            if since.elapsed() > Duration::from_secs(30) {
                return Err("still running after SIGTERM".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(text(&self.files.stderr))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // A server that was started under another command does not end with that command.
            let _ = terminate(self.process);
            end(&mut self.child);
        }
    }
}

/// A program that prints a line, and then one line for each line that it reads. There is no time limit: the program must have
/// its own.
pub struct Dialog {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    files: Files,
}

impl Dialog {
    /// Starts the program. Also returns its first line.
    pub fn start(words: &[String]) -> Result<(Self, String), Failure> {
        let files = Files::new();
        let mut command = command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&files.stderr)?);
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", words[0]))?;
        let to = child.stdin.take().expect("it is a pipe");
        let from = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut dialog = Self { child, to, from, files };
        let first = dialog.hear()?;
        Ok((dialog, first))
    }

    pub fn ask(&mut self, line: &str) -> Result<String, Failure> {
        // If this fails, the program has ended, and `hear` returns the reason.
        let _ = writeln!(self.to, "{line}");
        self.hear()
    }

    fn hear(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            let _ = self.child.wait();
            return Err(last_words(&text(&self.files.stderr)).into());
        }
        Ok(line)
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn terminate(process: u32) -> Result<(), Failure> {
    let status = Command::new("kill").arg(process.to_string()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err("the process has already ended".into()) }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Files for the output of a program. If nobody read a pipe, it would fill up, and the program would block.
struct Files {
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Files {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("peers-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = |end: &str| std::env::temp_dir().join(format!("{name}.{end}"));
        Self { stdout: path("out"), stderr: path("err") }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.stdout);
        let _ = fs::remove_file(&self.stderr);
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// The last line that is not blank, shortened to fit on a line.
pub fn last_words(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no output").trim();
    line.chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        ["sh", "-c", text].map(String::from).into()
    }

    #[test]
    fn standard_output_and_standard_error_are_separate() {
        let output = run(&words("echo one; echo two >&2"), Duration::from_secs(60)).unwrap();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("one\n", "two\n"));
    }

    #[test]
    fn a_failure_has_the_exit_status_and_the_last_line() {
        let error = run(&words("echo first >&2; echo why >&2; exit 3"), Duration::from_secs(60)).unwrap_err();
        assert!(error.to_string().contains('3') && error.to_string().ends_with("why"), "{error}");
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let error = run(&words("exec sleep 1000"), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("still running"), "{error}");
    }

    #[test]
    fn the_error_names_a_missing_program() {
        let error = run(&["no-such-program".into()], Duration::from_secs(1)).unwrap_err();
        assert!(error.to_string().starts_with("no-such-program"), "{error}");
    }

    #[test]
    fn a_dialog_answers_each_line() {
        let (mut dialog, first) =
            Dialog::start(&words("echo hello; while read -r line; do echo \"<$line>\"; done")).unwrap();
        assert_eq!(first, "hello\n");
        assert_eq!(dialog.ask("a b").unwrap(), "<a b>\n");
        assert_eq!(dialog.ask("c").unwrap(), "<c>\n");
    }

    #[test]
    fn a_program_that_ends_instead_of_answering_fails_with_its_last_line() {
        let (mut dialog, _) = Dialog::start(&words("echo hello; read -r line; echo why >&2; exit 1")).unwrap();
        assert_eq!(dialog.ask("a").unwrap_err().to_string(), "why");
        assert_eq!(dialog.ask("a").unwrap_err().to_string(), "why");
        assert_eq!(Dialog::start(&words("echo at once >&2")).err().unwrap().to_string(), "at once");
    }

    #[test]
    fn a_server_that_ends_before_it_is_ready_fails() {
        let error = Server::start(&words("echo no port >&2")).err().unwrap();
        assert!(error.to_string().ends_with("no port"), "{error}");
    }

    #[test]
    fn starting_a_silent_server_times_out() {
        let error = Server::start_within(&words("exec sleep 1000"), Duration::ZERO).err().unwrap();
        assert_eq!(error.to_string(), "not ready after 0 s");
    }

    #[test]
    fn a_server_ends_with_the_thread_that_started_it() {
        if tied(&[]).is_empty() {
            return; // there is no `setpriv`
        }
        // The thread stands for the runner: a server is tied to the thread that started it.
        let started = thread::spawn(|| Server::start(&words("echo READY $$; exec sleep 1000"))).join();
        let mut server = started.unwrap().unwrap();
        assert!(!server.child.wait().unwrap().success());
    }

    #[test]
    fn stopping_a_server_returns_its_standard_error() {
        let server = Server::start(&words("echo ready >&2; echo READY $$; exec sleep 1000")).unwrap();
        assert_eq!(server.stop().unwrap(), "ready\n");
    }
}
