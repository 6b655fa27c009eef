//! Compares three servers that speak Redis's protocol: ours, the same program on tokio, and Redis itself. See ../../../README.md.
//!
//! ```text
//! redis-compare OURS TOKIO [ROUNDS]      paths of two programs; `redis-server` and `redis-benchmark` are found on PATH
//! ```
//!
//! The servers take turns: each round runs `redis-benchmark` against all of them, once with a core for the server and another
//! for `redis-benchmark`, and once with a core for both. `taskset` keeps them there: where the system may choose, the same
//! server has been half as fast again in one run as in the next. The CPU time is that of the server's process, from the
//! scheduler's count. The memory is what a process holds more with thousands of connections than with none. No rounds: only
//! the memory is measured.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

const NAMES: [&str; 3] = ["innermost", "tokio", "redis-server"];
const TESTS: &str = "ping_mbulk,set,get,incr,lpush,lpop";
/// Pipelines, and how many requests of each kind a round sends.
const PIPELINES: [(u32, u32); 2] = [(1, 40_000), (16, 400_000)];
const CONNECTIONS: usize = 4000;
/// After this, Redis has shrunk the buffers of idle clients.
const SETTLING: Duration = Duration::from_secs(8);

/// Where the server and `redis-benchmark` run. `None`: wherever the system puts them.
#[derive(Clone, Copy)]
struct Placement {
    name: &'static str,
    server: Option<u32>,
    client: Option<u32>,
}

impl Placement {
    const ANYWHERE: Self = Self { name: "any", server: None, client: None };

    fn all() -> io::Result<Vec<Self>> {
        if Command::new("taskset").arg("--version").stdout(Stdio::null()).status().is_err() {
            eprintln!("`taskset` is missing, so the system chooses the cores: do not compare these speeds");
            return Ok(vec![Self::ANYWHERE]);
        }
        let cores = cores()?;
        let first = cores.first().copied();
        let together = Self { name: "one for both", server: first, client: first };
        let Some(&second) = cores.get(1) else {
            eprintln!("there is one core, so the server and `redis-benchmark` share it");
            return Ok(vec![together]);
        };
        Ok(vec![Self { name: "one each", server: first, client: Some(second) }, together])
    }
}

/// The cores that this process may use, from a list such as `0,2-3`.
fn cores() -> io::Result<Vec<u32>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<u32>().ok()?..=last.parse().ok()?)
    };
    Ok(list.trim().split(',').filter_map(range).flatten().collect())
}

/// A command that runs on that core alone.
fn command(program: &str, core: Option<u32>) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string(), program]);
    command
}

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(name: &str, path: &str, core: Option<u32>) -> io::Result<Self> {
        let mut command = command(path, core);
        if name == "redis-server" {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let port = address.port().to_string();
            command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--loglevel", "warning"]);
            let server = Self { child: command.stdout(Stdio::null()).spawn()?, address };
            for _ in 0..200 {
                if TcpStream::connect(address).is_ok() {
                    return Ok(server);
                }
                thread::sleep(Duration::from_millis(20));
            }
            return Err(io::Error::other("redis-server does not listen"));
        }
        let mut child = command.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().and_then(|address| address.parse().ok());
        Ok(Self { child, address: address.ok_or_else(|| io::Error::other(format!("{path} says {line:?}")))? })
    }

    /// Nanoseconds on a processor, of all threads.
    fn cpu(&self) -> io::Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            sum += text.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(sum)
    }

    /// Kilobytes of memory.
    fn memory(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0.0))
    }

    fn connect(&self, request: &[u8], answer: usize) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(request)?;
        stream.read_exact(&mut vec![0; answer])?;
        Ok(stream)
    }

    /// Bytes of memory for a connection that has sent `request`.
    fn memory_of(&self, request: &[u8], answer: usize) -> io::Result<f64> {
        drop(self.connect(b"PING\r\n", 7)?);
        thread::sleep(Duration::from_millis(200));
        let before = self.memory()?;
        let streams = (0..CONNECTIONS).map(|_| self.connect(request, answer)).collect::<io::Result<Vec<_>>>()?;
        drop(self.connect(b"PING\r\n", 7)?);
        thread::sleep(SETTLING);
        let bytes = (self.memory()? - before) * 1024.0 / CONNECTIONS as f64;
        drop(streams);
        Ok(bytes)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests per second by test.
fn benchmark(server: &Server, core: Option<u32>, pipeline: u32, requests: u32) -> io::Result<Vec<(String, f64)>> {
    let port = server.address.port().to_string();
    let (pipeline, requests) = (pipeline.to_string(), requests.to_string());
    let output = command("redis-benchmark", core)
        .args(["-p", &port, "-c", "50", "-t", TESTS, "-P", &pipeline, "-n", &requests, "--csv"])
        .stderr(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let figure = |line: &str| {
        let mut fields = line.split("\",\"").map(|field| field.trim_matches('"'));
        Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
    };
    Ok(text.lines().filter_map(figure).collect())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// By pipeline, placement, what is measured, and server.
type Figures = BTreeMap<(u32, usize, String, usize), Vec<f64>>;

fn measure_speed(paths: &[&str; 3], rounds: u32) -> io::Result<()> {
    let placements = Placement::all()?;
    let (mut rates, mut times) = (Figures::new(), Figures::new());
    for round in 0..rounds {
        for (place, placement) in placements.iter().enumerate() {
            for (pipeline, requests) in PIPELINES {
                for turn in 0..NAMES.len() {
                    // Another one begins each time.
                    let index = (turn + round as usize) % NAMES.len();
                    let server = Server::start(NAMES[index], paths[index], placement.server)?;
                    let before = server.cpu()?;
                    let figures = benchmark(&server, placement.client, pipeline, requests)?;
                    let time = (server.cpu()? - before) as f64 / 1000.0 / f64::from(requests) / figures.len() as f64;
                    let all = figures.len() as f64 / figures.iter().map(|(_, rate)| 1.0 / rate).sum::<f64>();
                    for (test, rate) in figures.into_iter().chain([("all".to_owned(), all)]) {
                        rates.entry((pipeline, place, test, index)).or_default().push(rate);
                    }
                    let title = "CPU time of a request, µs".to_owned();
                    times.entry((pipeline, place, title, index)).or_default().push(time);
                }
            }
        }
        eprintln!("round {} of {rounds}", round + 1);
    }
    print_speed("requests a second", rates, 0, &placements);
    print_speed("", times, 3, &placements);
    Ok(())
}

fn print_speed(title: &str, figures: Figures, digits: usize, placements: &[Placement]) {
    println!("\n| pipeline | cores | {title} | {} |\n|--:|---|---|--:|--:|--:|", NAMES.join(" | "));
    let mut rows: BTreeMap<(u32, usize, String), Vec<String>> = BTreeMap::new();
    for ((pipeline, place, test, _), mut figures) in figures {
        rows.entry((pipeline, place, test)).or_default().push(format!("{:.digits$}", median(&mut figures)));
    }
    for ((pipeline, place, test), figures) in rows {
        println!("| {pipeline} | {} | {test} | {} |", placements[place].name, figures.join(" | "));
    }
}

fn measure_memory(paths: &[&str; 3]) -> io::Result<()> {
    println!("\n| bytes of a connection | {} |\n|---|--:|--:|--:|", NAMES.join(" | "));
    let states: [(&str, &[u8], usize); 4] = [
        ("idle, no request yet", b"", 0),
        ("idle, after a request", b"*1\r\n$4\r\nPING\r\n", 7),
        ("in a request that has come in part", b"*2\r\n$3\r\nGET\r\n$5\r\nab", 0),
        ("waiting for an item", b"*3\r\n$5\r\nBLPOP\r\n$4\r\nnone\r\n$1\r\n0\r\n", 0),
    ];
    for (state, request, answer) in states {
        let mut row = Vec::new();
        for (name, path) in NAMES.iter().zip(paths) {
            let server = Server::start(name, path, None)?;
            row.push(format!("{:.0}", server.memory_of(request, answer)?));
        }
        println!("| {state} | {} |", row.join(" | "));
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ours, tokio, ..] = &arguments[..] else { return Err(io::Error::other("redis-compare OURS TOKIO [ROUNDS]")) };
    let rounds = arguments.get(2).and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let paths = [ours.as_str(), tokio.as_str(), "redis-server"];
    measure_memory(&paths)?;
    if rounds > 0 { measure_speed(&paths, rounds) } else { Ok(()) }
}
