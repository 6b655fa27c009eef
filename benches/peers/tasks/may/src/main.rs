//! may: stackful coroutines, with one worker. Fewer coroutines exist at once than for other peers: each has an mmapped stack
//! with a guard page, and `vm.max_map_count` is 65530.
use common::*;
use may::coroutine;
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::time::{Duration, Instant};
const P: &str = "may";
static CNT: AtomicU64 = AtomicU64::new(0);
static SUM: AtomicU64 = AtomicU64::new(0);
static MAX: AtomicU64 = AtomicU64::new(0);
static STAMP: AtomicU64 = AtomicU64::new(0);
fn bump() {
    CNT.store(CNT.load(Relaxed) + 1, Relaxed);
}
fn run(b: &str, n: u64) {
    match b {
        "spawn_one" => {
            let n = or(n, 1_000_000);
            let t = start();
            for _ in 0..n {
                may::go!(|| bump()).join().unwrap();
            }
            t.done(P, b, n);
            assert_eq!(CNT.load(Relaxed), n);
        }
        "spawn_batch" => {
            let n = or(n, 1_000_000);
            let t = start();
            let mut v = Vec::new();
            for _ in 0..n / 1000 {
                for _ in 0..1000 {
                    v.push(may::go!(|| bump()));
                }
                for h in v.drain(..) {
                    h.join().unwrap();
                }
            }
            t.done(P, b, n);
        }
        "yield_one" => {
            let n = or(n, 5_000_000);
            let t = start();
            may::go!(move || for _ in 0..n {
                coroutine::yield_now()
            })
            .join()
            .unwrap();
            t.done(P, b, n);
        }
        "yield_thousand" => {
            let n = or(n, 5_000_000) / 1000;
            let t = start();
            let v: Vec<_> = (0..1000)
                .map(|_| {
                    may::go!(move || for _ in 0..n {
                        coroutine::yield_now()
                    })
                })
                .collect();
            for h in v {
                h.join().unwrap();
            }
            t.done(P, b, n * 1000);
        }
        "handover" => {
            let n = or(n, 1_000_000);
            let (atx, arx) = may::sync::mpsc::channel::<u64>();
            let (btx, brx) = may::sync::mpsc::channel::<u64>();
            let t = start();
            let h = may::go!(move || for _ in 0..n {
                let v = arx.recv().unwrap();
                btx.send(v + 1).unwrap();
            });
            let mut v = 0;
            for _ in 0..n {
                atx.send(v).unwrap();
                v = brx.recv().unwrap();
            }
            h.join().unwrap();
            t.done(P, b, n);
        }
        "future" => {
            // Waking uses park and unpark. Both coroutines park, because with may's `yield_now` a coroutine starves those that
            // it has unparked or spawned.
            let n = or(n, 1_000_000);
            let k = ticks_per_nanosecond();
            let t = start();
            let setter = coroutine::current();
            let w = may::go!(move || {
                let mut h = Histogram::default();
                for _ in 0..n {
                    setter.unpark();
                    coroutine::park();
                    h.add(ticks() - STAMP.load(Relaxed));
                }
                (h.quantile(0.5), h.quantile(0.99))
            });
            for _ in 0..n {
                coroutine::park();
                STAMP.store(ticks(), Relaxed);
                w.coroutine().unpark();
            }
            let (a, c) = w.join().unwrap();
            t.done_with(P, b, n, &format!("\"wake_p50_ns\":{:.1},\"wake_p99_ns\":{:.1}", a / k, c / k));
        }
        "sleep" => {
            let n = or(n, 20_000);
            let mut r = Chance::default();
            let t = start();
            let v: Vec<_> = (0..n)
                .map(|_| {
                    let d = Duration::from_nanos(r.next() % 1_000_000_000);
                    may::go!(move || {
                        let due = Instant::now() + d;
                        coroutine::sleep(d);
                        let late = Instant::now().saturating_duration_since(due).as_nanos() as u64;
                        SUM.fetch_add(late, Relaxed);
                        MAX.fetch_max(late, Relaxed);
                    })
                })
                .collect();
            for h in v {
                h.join().unwrap();
            }
            let x = format!(
                "\"late_us\":{:.1},\"latest_us\":{:.1}",
                SUM.load(Relaxed) as f64 / n as f64 / 1e3,
                MAX.load(Relaxed) as f64 / 1e3
            );
            t.done_with(P, b, n, &x);
        }
        "parked_future" => {
            let n = or(n, 20_000);
            let mut v = Vec::with_capacity(n as usize);
            let r0 = resident_bytes();
            let t = start();
            for _ in 0..n {
                v.push(may::go!(|| {
                    bump();
                    coroutine::park();
                    bump();
                }));
            }
            while CNT.load(Relaxed) < n {
                coroutine::sleep(Duration::from_millis(5));
            }
            let r1 = resident_bytes();
            t.done_with(P, b, n, &format!("\"bytes\":{:.1},\"handle_bytes_incl\":8", (r1 - r0) as f64 / n as f64));
            let t = start();
            for h in &v {
                h.coroutine().unpark();
            }
            for h in v {
                h.join().unwrap();
            }
            t.done(P, "wake_all", n);
        }
        b => panic!("may has no {b}"),
    }
}
fn main() {
    let (b, n) = bench_arguments();
    may::config().set_workers(1).set_worker_pin(false);
    may::go!(move || run(&b, n)).join().unwrap();
}
