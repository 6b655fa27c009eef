//! Clocks, memory, printing results, and pseudo-random numbers.

use std::hint::black_box;
use std::time::Instant;

/// Measures elapsed time and CPU time since it was started.
pub struct Timer {
    wall: Instant,
    cpu: u64,
    waited: u64,
}

pub fn start() -> Timer {
    let (waited, cpu) = (nanoseconds_waited(), cpu_nanoseconds());
    Timer { wall: Instant::now(), cpu, waited }
}

impl Timer {
    /// Prints the time per operation, for `count` operations.
    pub fn done(self, peer: &str, bench: &str, count: u64) {
        self.done_with(peer, bench, count, "");
    }

    /// Prints the time per operation, and more figures, given as members of a JSON object: `"a":1`.
    pub fn done_with(self, peer: &str, bench: &str, count: u64, figures: &str) {
        let (wall, cpu) = (self.wall.elapsed().as_nanos() as f64, (cpu_nanoseconds() - self.cpu) as f64);
        let disturbed = (nanoseconds_waited() - self.waited) as f64 / wall;
        let (wall, cpu) = (wall / count as f64, cpu / count as f64);
        let comma = if figures.is_empty() { "" } else { "," };
        let times = format!("\"wall_ns\":{wall:.3},\"cpu_ns\":{cpu:.3},\"disturbed\":{disturbed:.3}");
        println!("{{\"peer\":\"{peer}\",\"bench\":\"{bench}\",\"n\":{count},{times}{comma}{figures}}}");
    }
}

fn cpu_nanoseconds() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// How long this thread was ready to run while other programs had its core: the second field of `schedstat`.
fn nanoseconds_waited() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The resident memory of this process: `VmRSS`.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes * 1024)
}

/// The first two arguments: the name of the case, and the count. A count of 0 lets the program choose.
pub fn bench_arguments() -> (String, u64) {
    let mut arguments = std::env::args().skip(1);
    let bench = arguments.next().expect("the first argument is the case");
    (bench, arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// `count`, or the usual count if it is 0.
pub fn or(count: u64, usual: u64) -> u64 {
    if count == 0 { usual } else { count }
}

/// Takes all of the numbers, and prints the time per number.
#[inline]
pub fn consume(peer: &str, bench: &str, count: u64, numbers: impl Iterator<Item = u64>) {
    let timer = start();
    let mut sum = 0_u64;
    for number in numbers {
        sum = sum.wrapping_add(black_box(number));
    }
    black_box(sum);
    timer.done(peer, bench, count);
}

/// Takes all of the numbers, and prints the time per number, without the first one, which creates the frames.
#[inline]
pub fn consume_rest(peer: &str, bench: &str, count: u64, mut numbers: impl Iterator<Item = u64>) {
    black_box(numbers.next());
    consume(peer, bench, count - 1, numbers);
}

/// A pseudo-random generator with a fixed seed, so that all peers get the same numbers (xorshift).
pub struct Chance(u64);

impl Default for Chance {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Chance {
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// A clock that is read three times as fast as the system's.
#[inline]
#[cfg(target_arch = "x86_64")]
pub fn ticks() -> u64 {
    // SAFETY: every processor of this architecture has the instruction.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
pub fn ticks() -> u64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

/// The rate of [`ticks`], measured over 20 ms. Sleeps meanwhile: a busy loop would add a varying number of instructions.
pub fn ticks_per_nanosecond() -> f64 {
    let (before, since) = (ticks(), Instant::now());
    std::thread::sleep(std::time::Duration::from_millis(20));
    (ticks() - before) as f64 / since.elapsed().as_nanos() as f64
}

/// The depths of delegation that are measured.
pub const DEPTHS: [u64; 5] = [1, 10, 100, 1000, 100_000];

/// The number of items for a given depth, for generators whose delegation costs more at greater depths.
pub fn items_at(count: u64, depth: u64) -> u64 {
    or(count, (20_000_000 / depth).clamp(200, 5_000_000))
}

/// Runs `run` on a stack with room for the deepest recursion.
pub fn on_deep_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1 << 30).spawn(run).expect("there is address space");
    if thread.join().is_err() {
        std::process::exit(101);
    }
}
