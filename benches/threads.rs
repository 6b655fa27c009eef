//! What it costs to cross between threads and a loop.
//!
//! `cargo bench --bench threads`. Compare within one run: the figures depend on the machine's processors and on who else
//! uses them.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use divan::Bencher;
use divan::counter::ItemsCount;
use innermost::executor::{Executor, Pending, ShutdownWait, ThreadPool};
use innermost::{EventLoop, ready};

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// How much is sent in one sample.
const SENT: usize = 64 * 1024;

/// Callbacks from that many threads at once.
#[divan::bench(args = [1, 2, 8], sample_count = 20)]
fn call_soon_threadsafe(bencher: Bencher, threads: usize) {
    let event_loop = EventLoop::new().expect("there are descriptors");
    bencher.counter(ItemsCount::new(SENT)).bench_local(|| {
        let left = Arc::new(AtomicUsize::new(SENT));
        let senders: Vec<_> = (0..threads)
            .map(|_| {
                let (remote, left) = (event_loop.remote(), Arc::clone(&left));
                thread::spawn(move || {
                    for _ in 0..SENT / threads {
                        let left = Arc::clone(&left);
                        let arrives = move || {
                            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                                EventLoop::running().expect("it runs").stop();
                            }
                        };
                        remote.call_soon_threadsafe(arrives).expect("the loop is open");
                    }
                })
            })
            .collect();
        event_loop.run_forever().expect("it runs");
        senders.into_iter().for_each(|sender| sender.join().expect("it does not panic"));
    });
}

/// Callbacks that are all there before the loop runs: no thread waits for a lock.
#[divan::bench(sample_count = 50)]
fn burst(bencher: Bencher) {
    let event_loop = EventLoop::new().expect("there are descriptors");
    let remote = event_loop.remote();
    bencher.counter(ItemsCount::new(SENT)).bench_local(|| {
        for n in 0..SENT {
            let arrives = move || {
                black_box(n);
            };
            remote.call_soon_threadsafe(arrives).expect("the loop is open");
        }
        event_loop.run_once().expect("it runs");
    });
}

/// There and back.
#[divan::bench(sample_count = 200, sample_size = 10)]
fn run_in_executor(bencher: Bencher) {
    let event_loop = EventLoop::new().expect("there are descriptors");
    bencher.bench_local(|| {
        let call = event_loop.run_in_executor(None, || Ok(black_box(1))).expect("there are threads");
        event_loop.run_until_complete(call).expect("it returns")
    });
}

/// There and back, without a loop.
#[divan::bench(sample_count = 200, sample_size = 10)]
fn submit_and_wait(bencher: Bencher) {
    let pool = ThreadPool::new();
    bencher.bench_local(|| pool.submit(|| Ok(black_box(1))).expect("there are threads").result(None));
}

/// Jobs one after the other from one thread.
#[divan::bench(sample_count = 20)]
fn submit_many(bencher: Bencher) {
    bencher.counter(ItemsCount::new(SENT)).bench_local(|| {
        let pool = ThreadPool::with(2, "bench").expect("two threads");
        (0..SENT).for_each(|n| drop(pool.submit(move || Ok(black_box(n))).expect("there are threads")));
        pool.shutdown(Pending::Run, ShutdownWait::ForThreads).expect("it is not one of the pool's threads");
    });
}

/// There and back, from another thread.
#[divan::bench(sample_count = 200, sample_size = 10)]
fn run_coroutine_threadsafe(bencher: Bencher) {
    let (handles, handle) = std::sync::mpsc::channel();
    let runs = thread::spawn(move || {
        let event_loop = EventLoop::new().expect("there are descriptors");
        handles.send(event_loop.remote()).expect("it is received");
        event_loop.run_forever().expect("it runs");
    });
    let remote = handle.recv().expect("it is sent");
    bencher
        .bench_local(|| remote.run_coroutine_threadsafe(ready(black_box(1))).expect("the loop is open").result(None));
    remote.call_soon_threadsafe(|| EventLoop::running().expect("it runs").stop()).expect("the loop is open");
    runs.join().expect("it does not panic");
}
