//! The cost of starting a program and waiting for its end, beside the standard library, which blocks.
//!
//! Run it with `cargo bench --bench processes`. Nearly all the time is the system's, for the new process. Compare figures of
//! one run only.

use divan::Bencher;
use innermost::process::Command;
use innermost::{EventLoop, Step, from_fn, yield_from};

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

const PROGRAM: &str = "/bin/true";

#[divan::bench(sample_count = 200, sample_size = 1)]
fn spawn_and_wait(bencher: Bencher) {
    let event_loop = EventLoop::new().expect("there are descriptors");
    bencher.bench_local(|| {
        let mut process = None;
        event_loop.run_until_complete(from_fn(move |mut sent| {
            if process.is_none() {
                process = Some(Command::new(PROGRAM).spawn()?);
            }
            let process = process.as_mut().expect("it was started above");
            yield_from!(process.wait(), sent).map(Step::Return)
        }))
    });
}

#[divan::bench(sample_count = 200, sample_size = 1)]
fn spawn_and_wait_blocking(bencher: Bencher) {
    bencher.bench_local(|| std::process::Command::new(PROGRAM).status());
}
