//! Runs ours and the bound in turns, and prints the medians.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::instructions::{self, BATCHES, Then};
use super::machine;

/// One line of the benchmark.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// The goal in nanoseconds, if there is one.
    pub(crate) goal: Option<f64>,
    /// The number of operations in a batch: a multiple of 1,000.
    pub(crate) items: u64,
    pub(crate) effort: Effort,
    pub(crate) ours: fn(u64) -> Batch,
    pub(crate) bound: fn(u64) -> Batch,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    Usual,
    /// Measures another part of the previous line's batch, so its instructions are not counted separately.
    Shared,
    /// Depends on the clock, so its instructions vary from run to run.
    Clocked,
    /// Waits for time to pass.
    Slow,
    /// Runs only when asked for, because it takes long.
    OnDemand,
}

/// Runs a batch of operations. Returns the nanoseconds that one operation took.
pub(crate) type Batch = Box<dyn FnMut() -> f64>;

pub(crate) const fn line(
    name: &'static str,
    goal: Option<f64>,
    items: u64,
    ours: fn(u64) -> Batch,
    bound: fn(u64) -> Batch,
) -> Line {
    Line { name, goal, items, effort: Effort::Usual, ours, bound }
}

type Failure = Box<dyn Error + Send + Sync>;

/// Runs the lines of the benchmark `bench`, as its arguments say.
pub(crate) fn run(bench: &str, lines: &[Line], arguments: &[String]) -> Result<(), Failure> {
    if let [batches, name, side, count] = arguments
        && batches == BATCHES
    {
        return run_batches(lines, name, side, count.parse()?);
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    // `cargo bench` passes `--bench`, and `cargo test` does not. `--test` always asks for a short trial.
    if !has("--bench") || has("--test") {
        for line in lines {
            let figures = ((line.ours)(1000)(), (line.bound)(1000)());
            println!("{}: {:.0} ns, {:.0} ns", line.name, figures.0, figures.1);
        }
        return Ok(());
    }
    let (mut rounds, mut words) = (21, Vec::new());
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match argument {
            "--bench" | "--instructions" | "--check" | "--renew" => {}
            "--rounds" => rounds = usize::from_str(rest.next().unwrap_or_default())?.max(1),
            option if option.starts_with("--") => return Err(format!("unknown option {option}").into()),
            word => words.push(word),
        }
    }
    let then = Then::of(arguments);
    if !words.is_empty() && !matches!(then, Then::Print) {
        return Err("`--check` and `--renew` apply to all lines: name none".into());
    }
    let wanted = |line: &&Line| {
        let named = words.iter().any(|word| line.name.contains(word));
        if line.effort == Effort::OnDemand { words.contains(&"million") } else { named || words.is_empty() }
    };
    let lines: Vec<_> = lines.iter().filter(wanted).collect();
    println!("{}\n", machine::description());
    if !has("--instructions") {
        return times(&lines, rounds);
    }
    let usual = lines.iter().filter(|line| line.effort == Effort::Usual);
    let counted: Vec<_> = usual.map(|line| (line.name, line.items)).collect();
    instructions::count(bench, &counted, &then)
}

fn times(lines: &[&Line], rounds: usize) -> Result<(), Failure> {
    if let Some(&last) = machine::cores().last() {
        machine::pin(last)?;
    }
    println!("| line | ours, ns (least–most) | bound, ns (least–most) | ours / bound | goal, ns |");
    println!("|---|--:|--:|--:|--:|");
    for line in lines {
        let rounds = match line.effort {
            Effort::Usual | Effort::Shared | Effort::Clocked => rounds,
            Effort::Slow => rounds.div_ceil(3),
            Effort::OnDemand => rounds.div_ceil(7),
        };
        let (mut ours, mut bound) = ((line.ours)(line.items), (line.bound)(line.items));
        let (mut of_ours, mut of_bound) = (Vec::new(), Vec::new());
        // Warms up the caches and the allocator.
        ours();
        bound();
        for _ in 0..rounds {
            of_ours.push(ours());
            of_bound.push(bound());
        }
        let (ours, bound) = (Spread::of(of_ours), Spread::of(of_bound));
        let goal = line.goal.map(|goal| goal.to_string()).unwrap_or_default();
        println!("| {} | {ours} | {bound} | {:.2} | {goal} |", line.name, ours.median / bound.median);
    }
    Ok(())
}

struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        Self { least: values[0], median: values[values.len() / 2], most: values[values.len() - 1] }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ({:.1}–{:.1})", self.median, self.least, self.most)
    }
}

/// Runs one side of one line, for callgrind or a profiler.
fn run_batches(lines: &[Line], name: &str, side: &str, count: usize) -> Result<(), Failure> {
    let line = lines.iter().find(|line| line.name == name).ok_or("there is no such line")?;
    let mut batch = (if side == "bound" { line.bound } else { line.ours })(line.items);
    let figures = (0..count).map(|_| batch()).collect();
    println!("{name}: {} ns", Spread::of(figures));
    Ok(())
}

// ---- for the batches

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The work of each task and callback. [`timed`] checks that all of them have run.
pub(crate) fn count() {
    COUNT.set(COUNT.get() + 1);
}

/// Runs `batch`, which must call [`count`] `counts` times. Returns the CPU time per item, in nanoseconds. It equals elapsed
/// time if nothing sleeps and no other program wants the core.
pub(crate) fn timed(items: u64, counts: u64, batch: impl FnOnce()) -> f64 {
    let now = || machine::cpu_time(0).expect("every process has such a clock");
    let (before, start) = (COUNT.get(), now());
    batch();
    let time = now() - start;
    assert_eq!(COUNT.get() - before, counts, "all have run");
    time.as_nanos() as f64 / items as f64
}

/// Measures the times between pairs of events.
pub(crate) struct Stamps {
    started: Cell<u64>,
    taken: RefCell<Vec<u64>>,
}

impl Stamps {
    pub(crate) fn new(room: u64) -> Self {
        Self { started: Cell::new(0), taken: RefCell::new(Vec::with_capacity(room as usize)) }
    }

    pub(crate) fn start(&self) {
        self.started.set(ticks());
    }

    pub(crate) fn stop(&self) {
        self.taken.borrow_mut().push(ticks() - self.started.get());
    }

    /// The median, in nanoseconds.
    pub(crate) fn median(&self) -> f64 {
        let mut taken = self.taken.take();
        taken.sort_unstable();
        taken[taken.len() / 2] as f64 / *TICKS_PER_NANOSECOND
    }
}

/// A clock that is read three times as fast as the system's.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn ticks() -> u64 {
    // SAFETY: every processor of this architecture has the instruction.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

static TICKS_PER_NANOSECOND: LazyLock<f64> = LazyLock::new(|| {
    let (start, before) = (Instant::now(), ticks());
    while start.elapsed() < Duration::from_millis(20) {}
    (ticks() - before) as f64 / start.elapsed().as_nanos() as f64
});

/// A pseudo-random generator with a fixed seed (xorshift).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    pub(crate) fn below(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_nanos(self.0 % limit.as_nanos() as u64)
    }
}
