//! The workload of tasks, for runtimes whose tasks are Rust futures.

/// Defines `run_bench`, which uses a module `rt` in scope. The module defines:
///
/// - `spawn(future)`, which returns a future of the task's end, and `forget(..)` of that, which detaches the task
/// - `yield_now()`, after which all other ready tasks have run
/// - `one() -> (OneTx, OneRx)`, `one_send(OneTx)`: a future that is set once
/// - `chan() -> (Tx, Rx)`, `send(&mut Tx, u64)`, `recv(&mut Rx)`: an unbounded channel
/// - `sleep(Duration)`
#[macro_export]
macro_rules! tasks {
    () => {
        thread_local! {
            static COUNT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
            static LATENESS: std::cell::Cell<(u64, u64)> = const { std::cell::Cell::new((0, 0)) };
            static SET_AT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
            static OVER: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
            static SLOT: std::cell::RefCell<Option<rt::OneTx>> = const { std::cell::RefCell::new(None) };
        }

        /// The work of each task. The workload checks that all of them have run.
        #[inline]
        fn count() {
            COUNT.set(COUNT.get() + 1);
        }

        pub async fn run_bench(peer: &'static str, bench: String, n: u64) {
            match bench.as_str() {
                "spawn_one" => spawn(peer, &bench, $crate::or(n, 1_000_000), 1).await,
                "spawn_batch" => spawn(peer, &bench, $crate::or(n, 1_000_000), 1000).await,
                "yield_one" => yields(peer, &bench, $crate::or(n, 5_000_000), 1).await,
                "yield_thousand" => yields(peer, &bench, $crate::or(n, 5_000_000), 1000).await,
                "call_soon" => call_soon(peer, &bench, $crate::or(n, 1_000_000)).await,
                "handover" => handover(peer, &bench, $crate::or(n, 1_000_000)).await,
                "future" => future(peer, &bench, $crate::or(n, 1_000_000)).await,
                "timers" => timers(peer, $crate::or(n, 1_000_000)).await,
                "sleep" => sleepers(peer, &bench, $crate::or(n, 1_000_000)).await,
                "parked" => parked(peer, &bench, $crate::or(n, 1_000_000)).await,
                "parked_future" => parked_on_futures(peer, &bench, $crate::or(n, 1_000_000)).await,
                other => panic!("there is no {other}"),
            }
        }

        async fn spawn(peer: &str, bench: &str, n: u64, at_once: u64) {
            let mut tasks = Vec::with_capacity(at_once as usize);
            let timer = $crate::start();
            for _ in 0..n / at_once {
                for _ in 0..at_once {
                    tasks.push(rt::spawn(async { count() }));
                }
                for task in tasks.drain(..) {
                    task.await;
                }
            }
            timer.done(peer, bench, n);
            assert_eq!(COUNT.get(), n / at_once * at_once);
        }

        async fn yields(peer: &str, bench: &str, n: u64, among: u64) {
            let each = n / among;
            let mut tasks = Vec::with_capacity(among as usize);
            let timer = $crate::start();
            for _ in 0..among {
                tasks.push(rt::spawn(async move {
                    for _ in 0..each {
                        rt::yield_now().await;
                    }
                }));
            }
            for task in tasks {
                task.await;
            }
            timer.done(peer, bench, each * among);
        }

        /// The closest thing to a callback: a task that nobody awaits.
        async fn call_soon(peer: &str, bench: &str, n: u64) {
            let timer = $crate::start();
            for _ in 0..n / 1000 {
                for _ in 0..1000 {
                    rt::forget(rt::spawn(async { count() }));
                }
                rt::yield_now().await;
            }
            while COUNT.get() < n / 1000 * 1000 {
                rt::yield_now().await;
            }
            timer.done(peer, bench, n / 1000 * 1000);
        }

        async fn handover(peer: &str, bench: &str, n: u64) {
            let (mut there, mut from) = rt::chan();
            let (mut back, mut returned) = rt::chan();
            let timer = $crate::start();
            let echo = rt::spawn(async move {
                for _ in 0..n {
                    let item = rt::recv(&mut from).await;
                    rt::send(&mut back, item + 1).await;
                }
            });
            let mut item = 0;
            for _ in 0..n {
                rt::send(&mut there, item).await;
                item = rt::recv(&mut returned).await;
            }
            echo.await;
            timer.done(peer, bench, n);
            assert_eq!(item, n);
        }

        /// One task makes a future and waits for it. Another sets it, and yields.
        async fn future(peer: &str, bench: &str, n: u64) {
            let rate = $crate::ticks_per_nanosecond();
            let timer = $crate::start();
            let waiter = rt::spawn(async move {
                let mut wakes = $crate::Histogram::default();
                for _ in 0..n {
                    let (set, wait) = rt::one();
                    SLOT.with(|slot| slot.replace(Some(set)));
                    wait.await;
                    wakes.add($crate::ticks() - SET_AT.get());
                }
                OVER.set(true);
                LATENESS.set((wakes.quantile(0.5) as u64, wakes.quantile(0.99) as u64));
            });
            let setter = rt::spawn(async move {
                while !OVER.get() {
                    if let Some(set) = SLOT.with(|slot| slot.take()) {
                        SET_AT.set($crate::ticks());
                        rt::one_send(set);
                    }
                    rt::yield_now().await;
                }
            });
            waiter.await;
            setter.await;
            let (p50, p99) = LATENESS.get();
            let wakes = format!("\"wake_p50_ns\":{:.1},\"wake_p99_ns\":{:.1}", p50 as f64 / rate, p99 as f64 / rate);
            timer.done_with(peer, bench, n, &wakes);
        }

        async fn timers(peer: &str, n: u64) {
            let mut chance = $crate::Chance::default();
            let mut sleeps = Vec::with_capacity(n as usize);
            let timer = $crate::start();
            for number in 0..n {
                let delay = std::time::Duration::from_nanos(10_000_000_000 + chance.next() % 1_000_000_000);
                let mut sleep = Box::pin(rt::sleep(delay));
                // A timer is set when it is first polled.
                std::future::poll_fn(|context| {
                    assert!(std::future::Future::poll(sleep.as_mut(), context).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                sleeps.push(sleep);
                if number % 1000 == 999 {
                    rt::yield_now().await;
                }
            }
            timer.done(peer, "timer_set", n);
            let timer = $crate::start();
            for (number, sleep) in sleeps.into_iter().enumerate() {
                drop(sleep);
                if number % 1000 == 999 {
                    rt::yield_now().await;
                }
            }
            timer.done(peer, "timer_cancel", n);
        }

        /// Tasks that sleep until a random time within a second.
        async fn sleepers(peer: &str, bench: &str, n: u64) {
            let mut chance = $crate::Chance::default();
            let mut tasks = Vec::with_capacity(n as usize);
            let timer = $crate::start();
            for _ in 0..n {
                let delay = std::time::Duration::from_nanos(chance.next() % 1_000_000_000);
                tasks.push(rt::spawn(async move {
                    let due = std::time::Instant::now() + delay;
                    rt::sleep(delay).await;
                    let late = std::time::Instant::now().saturating_duration_since(due).as_nanos() as u64;
                    let (sum, most) = LATENESS.get();
                    LATENESS.set((sum + late, most.max(late)));
                    count();
                }));
            }
            for task in tasks {
                task.await;
            }
            let (sum, most) = LATENESS.get();
            let late = format!("\"late_us\":{:.1},\"latest_us\":{:.1}", sum as f64 / n as f64 / 1e3, most as f64 / 1e3);
            timer.done_with(peer, bench, n, &late);
            assert_eq!(COUNT.get(), n);
        }

        async fn parked(peer: &str, bench: &str, n: u64) {
            let mut tasks = Vec::with_capacity(n as usize);
            let before = $crate::resident_bytes();
            let timer = $crate::start();
            for number in 0..n {
                tasks.push(rt::spawn(async {
                    count();
                    std::future::pending::<()>().await;
                }));
                if number % 1000 == 999 {
                    rt::yield_now().await;
                }
            }
            while COUNT.get() < n {
                rt::yield_now().await;
            }
            let bytes = ($crate::resident_bytes() - before) as f64 / n as f64;
            timer.done_with(peer, bench, n, &format!("\"bytes\":{bytes:.1}"));
            // The parked tasks would never end.
            std::process::exit(0);
        }

        async fn parked_on_futures(peer: &str, bench: &str, n: u64) {
            let mut tasks = Vec::with_capacity(n as usize);
            let mut setters = Vec::with_capacity(n as usize);
            let before = $crate::resident_bytes();
            let timer = $crate::start();
            for number in 0..n {
                let (set, wait) = rt::one();
                setters.push(set);
                tasks.push(rt::spawn(async move {
                    count();
                    wait.await;
                    count();
                }));
                if number % 1000 == 999 {
                    rt::yield_now().await;
                }
            }
            while COUNT.get() < n {
                rt::yield_now().await;
            }
            let bytes = ($crate::resident_bytes() - before) as f64 / n as f64;
            timer.done_with(peer, bench, n, &format!("\"bytes\":{bytes:.1}"));
            let timer = $crate::start();
            for set in setters {
                rt::one_send(set);
            }
            for task in tasks {
                task.await;
            }
            timer.done(peer, "wake_all", n);
            assert_eq!(COUNT.get(), 2 * n);
        }
    };
}
