//! The table of times: servers side by side, in turns.

use std::io;
use std::time::Duration;

use super::Failure;
use super::accepts::Accepts;
use super::load::{Load, Slice};
use super::machine;
use super::options::Options;
use super::process::{Kind, Server, Usage, Work, descriptor_limit};
use super::transfer::Transfer;

/// The length of a turn.
const SLICE: Duration = Duration::from_millis(200);
const WARM_UP: Duration = Duration::from_millis(20);

/// The client of a server.
enum Client {
    Load(Load),
    Accepts(Accepts),
    Transfer(Transfer),
}

impl Client {
    fn new(options: &Options, address: std::net::SocketAddr, connections: usize, size: usize) -> io::Result<Self> {
        Ok(match options.work {
            Work::Echo | Work::Answers => Self::Load(Load::connect(address, connections, size, options.wait)?),
            Work::Accepts => Self::Accepts(Accepts::new(address, connections)),
            work => Self::Transfer(Transfer::new(address, work, options.mebibytes)),
        })
    }

    fn measure(&mut self, time: Duration, usage: impl Fn() -> io::Result<Usage>) -> io::Result<Slice> {
        match self {
            Self::Load(load) => load.measure(WARM_UP, time, usage),
            Self::Accepts(accepts) => accepts.measure(time, usage),
            Self::Transfer(transfer) => transfer.measure(usage),
        }
    }
}

pub(crate) fn compare(options: &Options) -> Result<(), Failure> {
    println!("{}", machine::description());
    println!("{} rounds of {} s; medians of the rounds (least–most)\n", options.rounds, options.seconds);
    let unit = match options.work {
        Work::Echo | Work::Answers => "messages",
        Work::Accepts => "connections",
        Work::Source | Work::Sink => "MiB",
    };
    println!(
        "| connections | bytes | server | {unit}/s | / {} | p50 µs | p99 µs | server's CPU, µs each | / {0} | RSS KiB |",
        options.servers[0]
    );
    println!("|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|");
    let (mut disturbed, mut slices) = (0, 0);
    // Only messages have a size.
    let sizes = if options.work.has_messages() { &options.sizes[..] } else { &[1] };
    for &size in sizes {
        for &connections in &options.connections {
            for servers in groups(&options.servers, connections)? {
                let mut rounds: Vec<_> = servers.iter().map(|_| Vec::new()).collect();
                for _ in 0..options.rounds {
                    let done = round(options, &servers, connections, size)?;
                    disturbed += done.disturbed;
                    slices += done.slices;
                    for (rounds, figures) in rounds.iter_mut().zip(done.figures) {
                        rounds.push(figures);
                    }
                }
                print_rows((connections, size), &servers, &rounds);
            }
        }
    }
    println!("\n{disturbed} of {slices} turns were disturbed by other programs");
    Ok(())
}

/// Groups servers that are measured together: all of them, or, if the client has too few descriptors, each with the first.
fn groups(servers: &[Kind], connections: usize) -> Result<Vec<Vec<Kind>>, Failure> {
    let spare = 100;
    let at_once = descriptor_limit()?.saturating_sub(spare) / connections;
    match servers {
        _ if at_once >= servers.len() => Ok(vec![servers.to_vec()]),
        [first, others @ ..] if at_once >= 2 => Ok(others.iter().map(|other| vec![*first, *other]).collect()),
        _ => Err(format!("{connections} connections to two servers exceed the limit on descriptors").into()),
    }
}

/// The figures of one server in one round.
struct Figures {
    rate: f64,
    cpu: f64,
    p50: f64,
    p99: f64,
    memory: f64,
}

struct Round {
    figures: Vec<Figures>,
    slices: usize,
    disturbed: usize,
}

fn round(options: &Options, servers: &[Kind], connections: usize, size: usize) -> Result<Round, Failure> {
    let start = |(place, &kind): (usize, &Kind)| -> Result<_, Failure> {
        let server = Server::start(kind, options.work, &[])?;
        let client = Client::new(options, server.address, connections, size)?;
        Ok((place, server, client, Vec::new()))
    };
    let mut servers = servers.iter().enumerate().map(start).collect::<Result<Vec<_>, _>>()?;
    let turns = (options.seconds / SLICE.as_secs_f64()).ceil() as usize;
    let length = Duration::from_secs_f64(options.seconds / turns as f64);
    let mut repeats = turns / 2;
    for _ in 0..turns {
        for (_, server, client, slices) in &mut servers {
            slices.push(client.measure(length, || server.usage())?);
            if repeats > 0 && slices.last().is_some_and(Slice::is_disturbed) {
                repeats -= 1;
                slices.push(client.measure(length, || server.usage())?);
            }
        }
        servers.rotate_left(1);
    }
    servers.sort_by_key(|(place, ..)| *place);
    let slices = servers.iter().flat_map(|(.., slices)| slices);
    let (count, disturbed) = (slices.clone().count(), slices.filter(|slice| slice.is_disturbed()).count());
    let figures = servers.into_iter().map(|(_, server, _, slices)| figures(slices, server.memory()));
    Ok(Round { slices: count, disturbed, figures: figures.collect() })
}

/// The figures of all undisturbed turns together. If there are none, those of the calmest turn.
fn figures(mut slices: Vec<Slice>, memory: f64) -> Figures {
    slices.sort_by_key(|slice| slice.kept_waiting);
    let undisturbed = slices.iter().take_while(|slice| !slice.is_disturbed()).count();
    slices.truncate(undisturbed.max(1));
    let mut sum = Slice::default();
    slices.into_iter().for_each(|slice| sum.add(slice));
    Figures { memory, ..sum.figures() }
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
            memory: f64::NAN,
        }
    }
}

fn print_rows((connections, size): (usize, usize), servers: &[Kind], rounds: &[Vec<Figures>]) {
    for (kind, figures) in servers.iter().zip(rounds) {
        let spread = |of: fn(&Figures) -> f64| Spread::of(figures.iter().map(of));
        let ratio = |of: fn(&Figures) -> f64| spread(of).median / Spread::of(rounds[0].iter().map(of)).median;
        let latency = |of| {
            Some(spread(of).median).filter(|time| !time.is_nan()).map_or("–".into(), |time| format!("{time:.1}"))
        };
        let (rate, cpu) = (spread(|figures| figures.rate), spread(|figures| figures.cpu));
        println!(
            "| {connections} | {size} | {kind} | {:.0} ({:.0}–{:.0}) | {:.3} | {} | {} | {:.3} ({:.3}–{:.3}) | {:.3} \
             | {:.0} |",
            rate.median,
            rate.least,
            rate.most,
            ratio(|figures| figures.rate),
            latency(|figures| figures.p50),
            latency(|figures| figures.p99),
            cpu.median,
            cpu.least,
            cpu.most,
            ratio(|figures| figures.cpu),
            spread(|figures| figures.memory).median,
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
