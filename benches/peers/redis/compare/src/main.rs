//! Compares three servers that speak Redis's protocol: ours, the same program on tokio, and Redis itself. See ../../../README.md.
//!
//! ```text
//! redis-compare OURS TOKIO [ROUNDS]      paths of two programs; `redis-server` and `redis-benchmark` are found on PATH
//! ```
//!
//! The servers take turns: each round runs `redis-benchmark` against all of them. The CPU time is that of the server's process,
//! from the scheduler's count. The memory is what a process holds more with thousands of connections than with none.

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

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(name: &str, path: &str) -> io::Result<Self> {
        if name == "redis-server" {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let port = address.port().to_string();
            let mut command = Command::new(path);
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
        let mut child = Command::new(path).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn()?;
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
fn benchmark(server: &Server, pipeline: u32, requests: u32) -> io::Result<Vec<(String, f64)>> {
    let port = server.address.port().to_string();
    let (pipeline, requests) = (pipeline.to_string(), requests.to_string());
    let output = Command::new("redis-benchmark")
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

type Figures = BTreeMap<(u32, String, usize), Vec<f64>>;

fn measure_speed(paths: &[&str; 3], rounds: u32) -> io::Result<()> {
    let (mut rates, mut times) = (Figures::new(), Figures::new());
    for round in 0..rounds {
        for (pipeline, requests) in PIPELINES {
            for turn in 0..NAMES.len() {
                // Another one begins each time.
                let index = (turn + round as usize) % NAMES.len();
                let server = Server::start(NAMES[index], paths[index])?;
                let before = server.cpu()?;
                let figures = benchmark(&server, pipeline, requests)?;
                let time = (server.cpu()? - before) as f64 / 1000.0 / f64::from(requests) / figures.len() as f64;
                let all = figures.len() as f64 / figures.iter().map(|(_, rate)| 1.0 / rate).sum::<f64>();
                for (test, rate) in figures.into_iter().chain([("all".to_owned(), all)]) {
                    rates.entry((pipeline, test, index)).or_default().push(rate);
                }
                times.entry((pipeline, "CPU time of a request, µs".to_owned(), index)).or_default().push(time);
            }
        }
        eprintln!("round {} of {rounds}", round + 1);
    }
    for (title, figures, digits) in [("requests a second", rates, 0), ("", times, 3)] {
        println!("\n| pipeline | {title} | {} |\n|--:|---|--:|--:|--:|", NAMES.join(" | "));
        let mut rows: BTreeMap<(u32, String), Vec<String>> = BTreeMap::new();
        for ((pipeline, test, _), mut figures) in figures {
            rows.entry((pipeline, test)).or_default().push(format!("{:.digits$}", median(&mut figures)));
        }
        for ((pipeline, test), figures) in rows {
            println!("| {pipeline} | {test} | {} |", figures.join(" | "));
        }
    }
    Ok(())
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
            let server = Server::start(name, path)?;
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
    measure_speed(&paths, rounds)
}
