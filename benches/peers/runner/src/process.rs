//! Programs, their output, and a limit to their time.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;

/// Words to start a program with.
pub type Words = Vec<String>;

/// Has a command run on one core alone.
pub fn on_core(core: usize, words: &[String]) -> Words {
    let taskset = ["taskset", "-c", &core.to_string()].map(String::from);
    taskset.into_iter().chain(words.iter().cloned()).collect()
}

pub fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// What a program has written, once it has ended well.
#[derive(Debug)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to its end, for so long at most.
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
            return Err(format!("has not ended after {} s", limit.as_secs()).into());
        }
        thread::sleep(Duration::from_millis(5));
    };
    let output = Output { stdout: text(&files.stdout), stderr: text(&files.stderr) };
    if !status.success() {
        return Err(format!("{status}: {}", last_words(&output.stderr)).into());
    }
    Ok(output)
}

/// Has a command end when we do, though we be ended without a word, where there is something that sees to it. (Ctrl-C
/// goes to all of us anyway.)
fn tied(words: &[String]) -> Words {
    static TIE: LazyLock<Words> = LazyLock::new(|| {
        let tie: Words = ["setpriv", "--pdeathsig", "TERM"].map(String::from).into();
        let tried = command(&[tie.as_slice(), &["true".into()]].concat()).stderr(Stdio::null()).status();
        if tried.is_ok_and(|status| status.success()) { tie } else { Words::new() }
    });
    [TIE.as_slice(), words].concat()
}

/// A server that runs.
pub struct Server {
    child: Child,
    files: Files,
    /// What announced itself: the child, or what that was asked to start.
    pub process: u32,
}

impl Server {
    /// Starts one, and waits until it says that clients may come.
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
            return Err(format!("has not said that it is ready after {} s", limit.as_secs_f32()).into());
        };
        let line = line?;
        let process = line.strip_prefix("READY ").and_then(|process| process.trim().parse().ok());
        let Some(process) = process else {
            end(&mut child);
            return Err(format!("did not start: {}", last_words(&text(&files.stderr))).into());
        };
        Ok(Self { child, files, process })
    }

    /// Ends it; gives what it, or what it was started under, has written to standard error.
    pub fn stop(mut self) -> Result<String, Failure> {
        terminate(self.process)?;
        let since = Instant::now();
        while self.child.try_wait()?.is_none() {
            if since.elapsed() > Duration::from_secs(30) {
                return Err("does not end".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(text(&self.files.stderr))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Where it was started under another program, the end of that one is not its end.
            let _ = terminate(self.process);
            end(&mut self.child);
        }
    }
}

/// A program that says a line, and then one for each that it is given. It has to know itself when it has waited enough.
pub struct Dialog {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    files: Files,
}

impl Dialog {
    /// Starts one; gives what it says first, too.
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
        // Why it could not be asked, it has written itself: what is heard tells.
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
    if status.success() { Ok(()) } else { Err("has ended by itself".into()) }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// What a program writes goes to files: a pipe that nobody reads fills up, and the program waits.
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

/// The last line that says something, cut to a length that fits on one.
pub fn last_words(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim();
    line.chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        ["sh", "-c", text].map(String::from).into()
    }

    #[test]
    fn what_a_program_writes_is_kept_apart() {
        let output = run(&words("echo one; echo two >&2"), Duration::from_secs(60)).unwrap();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("one\n", "two\n"));
    }

    #[test]
    fn a_failure_says_how_it_ended_and_its_last_words() {
        let error = run(&words("echo first >&2; echo why >&2; exit 3"), Duration::from_secs(60)).unwrap_err();
        assert!(error.to_string().contains('3') && error.to_string().ends_with("why"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let error = run(&words("exec sleep 1000"), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("has not ended"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(&["no-such-program".into()], Duration::from_secs(1)).unwrap_err();
        assert!(error.to_string().starts_with("no-such-program"), "{error}");
    }

    #[test]
    fn who_is_asked_answers_line_by_line() {
        let (mut dialog, first) =
            Dialog::start(&words("echo hello; while read -r line; do echo \"<$line>\"; done")).unwrap();
        assert_eq!(first, "hello\n");
        assert_eq!(dialog.ask("a b").unwrap(), "<a b>\n");
        assert_eq!(dialog.ask("c").unwrap(), "<c>\n");
    }

    #[test]
    fn who_ends_in_place_of_an_answer_has_last_words() {
        let (mut dialog, _) = Dialog::start(&words("echo hello; read -r line; echo why >&2; exit 1")).unwrap();
        assert_eq!(dialog.ask("a").unwrap_err().to_string(), "why");
        assert_eq!(dialog.ask("a").unwrap_err().to_string(), "why");
        assert_eq!(Dialog::start(&words("echo at once >&2")).err().unwrap().to_string(), "at once");
    }

    #[test]
    fn a_server_that_does_not_announce_itself_has_not_started() {
        let error = Server::start(&words("echo no port >&2")).err().unwrap();
        assert!(error.to_string().ends_with("no port"), "{error}");
    }

    #[test]
    fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
        let error = Server::start_within(&words("exec sleep 1000"), Duration::ZERO).err().unwrap();
        assert_eq!(error.to_string(), "has not said that it is ready after 0 s");
    }

    #[test]
    fn a_server_does_not_outlive_who_started_it() {
        if tied(&[]).is_empty() {
            return; // there is nothing here that sees to it
        }
        // A thread stands for the runner: what a server is tied to is the thread that started it.
        let started = thread::spawn(|| Server::start(&words("echo READY $$; exec sleep 1000"))).join();
        let mut server = started.unwrap().unwrap();
        assert!(!server.child.wait().unwrap().success());
    }

    #[test]
    fn a_server_is_stopped_and_what_it_wrote_is_given() {
        let server = Server::start(&words("echo ready >&2; echo READY $$; exec sleep 1000")).unwrap();
        assert_eq!(server.stop().unwrap(), "ready\n");
    }
}
