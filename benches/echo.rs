//! An echo server on the library beside a bare epoll loop: messages a second, latency, CPU time a message, in one run.
//!
//! ```text
//! cargo bench --bench echo                            a minute: the table of times
//! cargo bench --bench echo -- --instructions          user instructions a message (needs valgrind)
//! cargo bench --bench echo -- --syscalls              system calls a message (needs strace)
//!   --conns 1,50,1000    connections, a row each
//!   --size 64            bytes a message
//!   --rounds 6           how often both servers are started anew
//!   --secs 1.2           how long each of them is measured in a round
//!   --messages 100000    how many messages are counted (system calls: a tenth of them)
//! ```
//!
//! Each server is this program, started again, on a core of its own; the client has the next one, and does not sleep.
//! A round starts both and connects to both; then they take turns, a fifth of a second each, so that what else the
//! machine does hits the one as it hits the other. A turn in which somebody else had one of the two cores for more than
//! 2 % of the time is disturbed: some are taken again, the rest is left out. Where a round has no others, the best of
//! them is all that counts.
//!
//! | file | holds |
//! |---|---|
//! | `echo/ours.rs`    | the server on the library |
//! | `echo/protocol.rs` | the same by callbacks |
//! | `echo/bare.rs`    | the bound: a bare epoll loop |
//! | `echo/load.rs`    | the client |
//! | `echo/process.rs` | servers as processes |
//! | `echo/counts.rs`  | instructions and system calls |
//! | `echo/poll.rs`    | epoll |
//! | `echo/machine.rs` | cores, clocks, what the machine is called |

use std::error::Error;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

#[path = "echo/bare.rs"]
mod bare;
#[path = "echo/counts.rs"]
mod counts;
#[path = "echo/load.rs"]
mod load;
#[path = "echo/machine.rs"]
mod machine;
#[path = "echo/ours.rs"]
mod ours;
#[path = "echo/poll.rs"]
mod poll;
#[path = "echo/process.rs"]
mod process;
#[path = "echo/protocol.rs"]
mod protocol;

use self::load::{Load, Slice};
use self::poll::Wait;
use self::process::{KINDS, Kind, Server};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<(), Failure> {
    if let [server, kind, core @ ..] = &arguments[..]
        && server == process::SERVER
    {
        return process::serve(kind, core.first().map(String::as_str));
    }
    process::raise_descriptor_limit()?;
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    // `cargo bench` says `--bench`, `cargo test` does not; and `--test` asks for a trial whoever starts it.
    if !has("--bench") || has("--test") {
        return smoke();
    }
    let options = Options::parse(&arguments)?;
    if let [_, client, ..] = *machine::cores() {
        machine::pin(client)?;
    }
    match options.mode {
        Mode::Times => compare(&options),
        Mode::Instructions => Ok(counts::instructions(&options)?),
        Mode::SystemCalls => Ok(counts::system_calls(&options)?),
    }
}

/// What was asked for on the command line.
struct Options {
    mode: Mode,
    connections: Vec<usize>,
    size: usize,
    rounds: usize,
    seconds: f64,
    messages: usize,
    wait: Wait,
}

enum Mode {
    Times,
    Instructions,
    SystemCalls,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Times,
            connections: vec![1, 50, 1000],
            size: 64,
            rounds: 6,
            seconds: 1.2,
            messages: 100_000,
            // With one core for both, the server runs only while the client sleeps.
            wait: if machine::cores().len() > 1 { Wait::NotAtAll } else { Wait::ForEver },
        }
    }
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().map(String::as_str).ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--bench" => {}
                "--instructions" => options.mode = Mode::Instructions,
                "--syscalls" => options.mode = Mode::SystemCalls,
                "--conns" => options.connections = value()?.split(',').map(positive).collect::<Result<_, _>>()?,
                "--size" => options.size = positive(value()?)?,
                "--rounds" => options.rounds = positive(value()?)?,
                "--secs" => options.seconds = positive(value()?)?,
                "--messages" => options.messages = positive(value()?)?,
                other => return Err(format!("{other:?} is no option: see the head of benches/echo.rs").into()),
            }
        }
        Ok(options)
    }
}

fn positive<T: FromStr + PartialOrd + Default>(text: &str) -> Result<T, Failure> {
    let number = text.parse().ok().filter(|number| *number > T::default());
    number.ok_or_else(|| format!("{text:?} is no number above 0").into())
}

/// That both servers echo: a few messages on a few connections, small ones and some that fill the sockets.
fn smoke() -> Result<(), Failure> {
    for kind in KINDS {
        for size in [1, 64, 300_000] {
            let server = Server::start(kind, &[])?;
            Load::connect(server.address, 3, size, Wait::ForEver)?.send(30)?;
            server.stop()?;
            println!("{kind} echoes messages of {size} bytes");
        }
    }
    Ok(())
}

/// The table of times.
fn compare(options: &Options) -> Result<(), Failure> {
    println!("{}", machine::description());
    println!(
        "{} bytes a message, {} rounds of {} s; medians of the rounds (least–most)\n",
        options.size, options.rounds, options.seconds
    );
    println!("| connections | server | messages/s | / bare | p50 µs | p99 µs | server's CPU µs/message | / bare |");
    println!("|--:|---|--:|--:|--:|--:|--:|--:|");
    let (mut disturbed, mut slices) = (0, 0);
    for &connections in &options.connections {
        let mut rounds = KINDS.map(|_| Vec::new());
        for _ in 0..options.rounds {
            let done = round(options, connections)?;
            disturbed += done.disturbed;
            slices += done.slices;
            for (rounds, figures) in rounds.iter_mut().zip(done.figures) {
                rounds.push(figures);
            }
        }
        print_rows(connections, &rounds);
    }
    println!("\n{disturbed} of {slices} turns were disturbed by other programs");
    Ok(())
}

/// What one server did in one round.
struct Figures {
    rate: f64,
    cpu: f64,
    p50: f64,
    p99: f64,
}

struct Round {
    /// As [`KINDS`].
    figures: [Figures; KINDS.len()],
    slices: usize,
    disturbed: usize,
}

const SLICE: Duration = Duration::from_millis(200);
const WARM_UP: Duration = Duration::from_millis(20);

fn round(options: &Options, connections: usize) -> Result<Round, Failure> {
    let start = |kind| -> Result<_, Failure> {
        let server = Server::start(kind, &[])?;
        let load = Load::connect(server.address, connections, options.size, options.wait)?;
        Ok((server, load, Vec::new()))
    };
    let mut servers = [start(Kind::Bare)?, start(Kind::Ours)?, start(Kind::Protocol)?];
    let turns = (options.seconds / SLICE.as_secs_f64()).ceil() as usize;
    let length = Duration::from_secs_f64(options.seconds / turns as f64);
    let mut repeats = turns / 2;
    for turn in 0..turns {
        if turn > 0 {
            servers.rotate_left(1);
        }
        for (server, load, slices) in &mut servers {
            slices.push(load.measure(WARM_UP, length, || server.usage())?);
            if repeats > 0 && slices.last().is_some_and(Slice::is_disturbed) {
                repeats -= 1;
                slices.push(load.measure(WARM_UP, length, || server.usage())?);
            }
        }
    }
    // As they stood at first.
    servers.rotate_right(turns.saturating_sub(1) % KINDS.len());
    let slices = servers.iter().flat_map(|(_, _, slices)| slices);
    let disturbed = slices.clone().filter(|slice| slice.is_disturbed()).count();
    Ok(Round { slices: slices.count(), disturbed, figures: servers.map(|(_, _, slices)| figures(slices)) })
}

/// All that was not disturbed in one; where there is no such thing, what was disturbed least.
fn figures(mut slices: Vec<Slice>) -> Figures {
    slices.sort_by_key(|slice| slice.kept_waiting);
    let undisturbed = slices.iter().take_while(|slice| !slice.is_disturbed()).count();
    slices.truncate(undisturbed.max(1));
    let mut sum = Slice::default();
    slices.into_iter().for_each(|slice| sum.add(slice));
    sum.figures()
}

impl Slice {
    fn is_disturbed(&self) -> bool {
        self.kept_waiting > self.time / 50
    }

    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.time += other.time;
        self.cpu += other.cpu;
        self.latencies.extend(other.latencies);
    }

    fn figures(mut self) -> Figures {
        self.latencies.sort_unstable();
        let quantile = |share: f64| {
            let index = (self.latencies.len() as f64 * share) as usize;
            self.latencies.get(index).map_or(f64::NAN, |&nanoseconds| f64::from(nanoseconds) / 1e3)
        };
        Figures {
            rate: self.messages as f64 / self.time.as_secs_f64(),
            cpu: self.cpu.as_secs_f64() * 1e6 / self.messages as f64,
            p50: quantile(0.5),
            p99: quantile(0.99),
        }
    }
}

fn print_rows(connections: usize, rounds: &[Vec<Figures>; KINDS.len()]) {
    for (kind, figures) in KINDS.into_iter().zip(rounds) {
        let spread = |of: fn(&Figures) -> f64| Spread::of(figures.iter().map(of));
        let ratio = |of: fn(&Figures) -> f64| spread(of).median / Spread::of(rounds[0].iter().map(of)).median;
        let (rate, cpu) = (spread(|figures| figures.rate), spread(|figures| figures.cpu));
        println!(
            "| {connections} | {kind} | {:.0} ({:.0}–{:.0}) | {:.3} | {:.1} | {:.1} | {:.3} ({:.3}–{:.3}) | {:.3} |",
            rate.median,
            rate.least,
            rate.most,
            ratio(|figures| figures.rate),
            spread(|figures| figures.p50).median,
            spread(|figures| figures.p99).median,
            cpu.median,
            cpu.least,
            cpu.most,
            ratio(|figures| figures.cpu),
        );
    }
}

struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        Self { least: values[0], median: values[values.len() / 2], most: values[values.len() - 1] }
    }
}
