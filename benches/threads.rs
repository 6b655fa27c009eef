//! The cost of calls between threads and an event loop, and of files, which threads read.
//!
//! Run it with `cargo bench --bench threads`. Compare figures of one run only: they depend on the machine's processors and
//! on their load.

#[path = "threads/files.rs"]
mod files;

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

/// The number of callbacks or jobs in a sample.
const SENT: usize = 64 * 1024;

/// Callbacks sent by 1, 2 or 8 threads at once.
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

/// Callbacks that are all sent before the loop runs, so that no thread waits for a lock.
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

/// A call in a thread, awaited by the loop.
#[divan::bench(sample_count = 200, sample_size = 10)]
fn run_in_executor(bencher: Bencher) {
    let event_loop = EventLoop::new().expect("there are descriptors");
    bencher.bench_local(|| {
        let call = event_loop.run_in_executor(None, || Ok(black_box(1))).expect("there are threads");
        event_loop.run_until_complete(call).expect("it returns")
    });
}

/// A call in a thread, awaited by another thread, without a loop.
#[divan::bench(sample_count = 200, sample_size = 10)]
fn submit_and_wait(bencher: Bencher) {
    let pool = ThreadPool::new();
    bencher.bench_local(|| pool.submit(|| Ok(black_box(1))).expect("there are threads").result(None));
}

/// Many jobs from one thread.
#[divan::bench(sample_count = 20)]
fn submit_many(bencher: Bencher) {
    bencher.counter(ItemsCount::new(SENT)).bench_local(|| {
        let pool = ThreadPool::with(2, "bench").expect("two threads");
        (0..SENT).for_each(|n| drop(pool.submit(move || Ok(black_box(n))).expect("there are threads")));
        pool.shutdown(Pending::Run, ShutdownWait::ForThreads).expect("it is not one of the pool's threads");
    });
}

/// A coroutine run by a loop, awaited by another thread.
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
