//! The rules of timers, one test each: E6 to E9, and `sleep`. Time is virtual in all but the last tests.
//!
//! A comment above a test cites its rule. Lists that begin with numbers were recorded from CPython 3.13 with a clock that
//! jumps to the next deadline. The numbers are seconds. Timers with equal deadlines are in the order they were set, which
//! CPython leaves open. These cannot arise here:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | E6 | a negative delay | a `Duration` has no sign; only `call_at` can be in the past |
//! | E7 | the clock's resolution | a `Duration` is exact, and a wait is never shorter than requested |
//! | E8 | how large the heap may grow | counted in `allocations/event_loop.rs` |

use crate::support::events;
use std::cell::{Cell, RefCell};
use std::net;
use std::rc::Rc;
use std::time::{Duration, Instant};

use innermost::selector::{Clock, MonotonicClock};
use innermost::{ByteRead, Coroutine, EventLoop, LoopHandle, Step, TcpStream, TimerHandle, from_fn, sleep};

use crate::support::clock::{VirtualClock, Wait, WatchedSelector, loop_of, virtual_loop};
use crate::support::events::{Body, Log, awaits_end, body, pauses, pausing, returns, sleeps};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Events, each with the time in seconds.
#[derive(Clone)]
struct Timed(Log, LoopHandle);

impl Timed {
    fn add(&self, entry: impl std::fmt::Display) {
        self.0.add(format_args!("{} {entry}", self.1.time().since_zero().as_secs()));
    }

    fn later(&self, delay: u64, entry: &'static str) -> TimerHandle {
        let this = self.clone();
        self.1.call_later(seconds(delay), move || this.add(entry)).expect("the loop is open")
    }

    fn soon(&self, entry: &'static str) {
        let this = self.clone();
        self.1.call_soon(move || this.add(entry)).expect("the loop is open");
    }
}

fn timed_loop() -> (EventLoop, Timed) {
    let (event_loop, _) = virtual_loop();
    let timed = Timed(Log::default(), event_loop.handle());
    (event_loop, timed)
}

// E6, E17
/// ```python
/// later(2, "two"); later(1, "one"); loop.call_at(2, note, "at two"); later(0, "zero")
/// loop.call_at(-5, note, "past"); loop.call_soon(note, "soon")
/// def one():
///     note("sets"); later(0, "zero after one"); loop.call_soon(note, "soon after one"); later(1, "two, set at one")
/// loop.call_later(1, one)
/// def cancels():
///     note("cancels"); never.cancel()
/// loop.call_later(3, cancels); never = later(3, "never"); later(3, "three")
/// async def sleeper(n):
///     note(f"sleeper {n}"); await asyncio.sleep(n); note(f"slept {n}")
///     await asyncio.sleep(0); note(f"yielded {n}")
/// ts = [loop.create_task(sleeper(n)) for n in (2, 1, 0)]
/// async def main():
///     await asyncio.sleep(4); note("main")
/// loop.run_until_complete(main())
/// ```
#[test]
fn timers_run_by_deadline_and_then_in_the_order_they_were_set() {
    let (event_loop, timed) = timed_loop();
    timed.later(2, "two");
    timed.later(1, "one");
    let entries = timed.clone();
    event_loop.call_at(innermost::Instant::from_zero(seconds(2)), move || entries.add("at two")).unwrap();
    // Nothing is earlier than the clock's zero.
    let entries = timed.clone();
    event_loop.call_at(innermost::Instant::from_zero(seconds(0)), move || entries.add("past")).unwrap();
    timed.later(0, "zero");
    timed.soon("soon");
    let entries = timed.clone();
    let one = move || {
        entries.add("sets");
        entries.later(0, "zero after one");
        entries.soon("soon after one");
        entries.later(1, "two, set at one");
    };
    event_loop.call_later(seconds(1), one).unwrap();
    let never = Rc::new(RefCell::new(None::<TimerHandle>));
    let (entries, cancelled) = (timed.clone(), Rc::clone(&never));
    let cancels = move || {
        entries.add("cancels");
        cancelled.borrow().as_ref().expect("it was set").cancel();
    };
    event_loop.call_later(seconds(3), cancels).unwrap();
    never.replace(Some(timed.later(3, "never")));
    timed.later(3, "three");
    for n in [2, 1, 0] {
        event_loop.create_task(sleeper(&timed, n)).unwrap();
    }
    let entries = timed.clone();
    let main = body(move |n, _| match n {
        0 => sleeps(4),
        _ => {
            entries.add("main");
            returns(0)
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(
        timed.0.take(),
        [
            "0 soon",
            "0 sleeper 2",
            "0 sleeper 1",
            "0 sleeper 0",
            "0 past",
            "0 zero",
            "0 slept 0",
            "0 yielded 0",
            "1 one",
            "1 sets",
            "1 soon after one",
            "1 slept 1",
            "1 zero after one",
            "1 yielded 1",
            "2 two",
            "2 at two",
            "2 two, set at one",
            "2 slept 2",
            "2 yielded 2",
            "3 cancels",
            "3 three",
            "4 main"
        ]
    );
}

fn sleeper(timed: &Timed, delay: u64) -> Body {
    let timed = timed.clone();
    body(move |n, _| match n {
        0 => {
            timed.add(format_args!("sleeper {delay}"));
            sleeps(delay)
        }
        1 => {
            timed.add(format_args!("slept {delay}"));
            pauses()
        }
        _ => {
            timed.add(format_args!("yielded {delay}"));
            returns(0)
        }
    })
}

// E6
#[test]
fn equal_deadlines_fire_in_the_order_they_were_set() {
    let (event_loop, _) = virtual_loop();
    let fired = Rc::new(RefCell::new(Vec::new()));
    let count = if cfg!(miri) { 100 } else { 1000 };
    for number in 0..count {
        let (fired, deadline) = (Rc::clone(&fired), seconds(number * 7919 % 5));
        event_loop
            .call_at(innermost::Instant::from_zero(deadline), move || fired.borrow_mut().push((deadline, number)))
            .unwrap();
    }
    event_loop.run_until_complete(sleep(seconds(5))).unwrap();
    let fired = fired.take();
    assert_eq!(fired.len() as u64, count);
    assert!(fired.is_sorted());
}

#[test]
fn a_cancelled_timer_drops_its_callback_at_once_and_never_runs() {
    let (event_loop, timed) = timed_loop();
    let held = timed.0.on_drop("dropped");
    let timer = event_loop.call_later(seconds(1), move || held.keep()).unwrap();
    assert_eq!((timer.when(), timer.cancelled()), (innermost::Instant::from_zero(seconds(1)), false));
    assert_eq!(event_loop.next_deadline(), Some(innermost::Instant::from_zero(seconds(1))));
    timer.cancel();
    assert!(timer.cancelled());
    assert_eq!(timed.0.take(), ["dropped"]);
    assert_eq!(event_loop.next_deadline(), None);
    timer.cancel();
    assert_eq!(format!("{timer:?}"), "TimerHandle { when: 1s, cancelled: true }");
}

#[test]
fn a_timer_runs_without_its_handle_and_is_not_cancelled_afterwards() {
    let (event_loop, timed) = timed_loop();
    drop(timed.later(1, "runs"));
    let timer = timed.later(1, "runs too");
    event_loop.run_until_complete(sleep(seconds(1))).unwrap();
    timer.cancel();
    assert!(!timer.cancelled());
    assert_eq!(timed.0.take(), ["1 runs", "1 runs too"]);
}

#[test]
fn a_timer_that_cancels_itself_runs_to_its_end() {
    let (event_loop, timed) = timed_loop();
    let itself = Rc::new(RefCell::new(None::<TimerHandle>));
    let (entries, timer) = (timed.clone(), Rc::clone(&itself));
    let cancels = move || {
        timer.borrow().as_ref().expect("it was set").cancel();
        entries.add("still here");
    };
    itself.replace(Some(event_loop.call_later(seconds(1), cancels).unwrap()));
    event_loop.run_until_complete(sleep(seconds(2))).unwrap();
    assert_eq!(timed.0.take(), ["1 still here"]);
}

#[test]
fn a_timer_set_for_now_by_a_timer_runs_in_the_next_turn() {
    fn again(timed: &Timed, left: u32) {
        let this = timed.clone();
        let function = move || {
            this.add(left);
            if left > 0 {
                again(&this, left - 1);
            }
        };
        timed.1.call_later(Duration::ZERO, function).expect("the loop is open");
    }
    let (event_loop, timed) = timed_loop();
    again(&timed, 2);
    for expected in ["0 2", "0 1", "0 0"] {
        event_loop.run_once().unwrap();
        assert_eq!(timed.0.take(), [expected]);
    }
    assert_eq!(event_loop.next_deadline(), None);
}

#[test]
fn a_deadline_beyond_the_end_of_time_is_the_end_of_time() {
    let (event_loop, clock) = virtual_loop();
    clock.advance(seconds(1));
    let timer = event_loop.call_later(Duration::MAX, || {}).unwrap();
    assert_eq!(timer.when(), innermost::Instant::from_zero(Duration::MAX));
}

#[test]
fn a_zero_sleep_yields_once_and_sets_no_timer() {
    let (event_loop, clock) = virtual_loop();
    let log = Log::default();
    log.count_turns(&event_loop);
    let (entries, handle) = (log.clone(), event_loop.handle());
    let yields = body(move |n, _| {
        entries.note(n);
        assert!(n == 0 || handle.next_deadline().is_some_and(|ready| ready == innermost::Instant::ZERO));
        if n < 3 { pauses() } else { returns(0) }
    });
    let reads = clock.reads();
    event_loop.run_until_complete(yields).unwrap();
    assert_eq!(log.take(), ["1 0", "2 1", "3 2", "4 3"]);
    // Only what was asked above.
    assert_eq!(clock.reads() - reads, 3);
}

#[test]
fn a_sleep_starts_when_it_is_awaited_and_not_when_it_is_made() {
    let (event_loop, clock) = virtual_loop();
    let mut nap = Some(sleep(seconds(2)));
    clock.advance(seconds(1));
    let naps = body(move |_, _| match nap.take() {
        Some(nap) => awaits_end(nap),
        None => returns(0),
    });
    event_loop.run_until_complete(naps).unwrap();
    assert_eq!(clock.now().since_zero(), seconds(3));
}

#[test]
fn a_sleep_prints_its_duration_and_ends_once() {
    assert_eq!(format!("{:?}", sleep(seconds(2))), "sleep(2s)");
    assert_eq!(sleep(Duration::from_millis(5)).state().to_string(), "sleep: 5ms");
    let mut nap = sleep(Duration::ZERO);
    assert!(matches!(nap.resume(Ok(())), Ok(Step::Yield(_))));
    assert!(matches!(nap.resume(Ok(())), Ok(Step::Return(()))));
}

/// ```python
/// async def s(name):
///     try: await asyncio.sleep(1); note(f"{name} slept")
///     except CancelledError: note(f"{name} cancelled"); raise
/// async def main():
///     a = loop.create_task(s("a"))
///     await asyncio.sleep(0)
///     loop.call_later(1, lambda: note(f"cancel {a.cancel()}"))    # behind the timer of a's sleep
///     b = loop.create_task(s("b"))
///     loop.call_later(1, lambda: note(f"cancel {b.cancel()}"))    # before the timer of b's sleep
///     await asyncio.sleep(2)
///     note(f"{a.cancelled()} {b.cancelled()}")
/// loop.run_until_complete(main())
/// ```
#[test]
fn a_sleep_cancelled_in_its_last_turn_is_cancelled() {
    let (event_loop, timed) = timed_loop();
    let entries = timed.clone();
    let mut tasks = Vec::new();
    let main = body(move |n, got| {
        got?;
        let sleeper = |name: &'static str| {
            let timed = entries.clone();
            let sleeper = body(move |n, got| {
                if n == 0 {
                    return sleeps(1);
                }
                timed.add(format_args!("{name} {}", if got.is_ok() { "slept" } else { "cancelled" }));
                got.map(events::Next::Return)
            });
            entries.1.create_task(sleeper)
        };
        match n {
            0 => {
                tasks.push(sleeper("a")?);
                pauses()
            }
            1 => {
                for name in ["a", "b"] {
                    if name == "b" {
                        tasks.push(sleeper("b")?);
                    }
                    let (timed, task) = (entries.clone(), tasks[tasks.len() - 1].clone());
                    entries.1.call_later(seconds(1), move || timed.add(format_args!("cancel {}", task.cancel())))?;
                }
                sleeps(2)
            }
            _ => {
                entries.add(format_args!("{} {}", tasks[0].cancelled(), tasks[1].cancelled()));
                returns(0)
            }
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(timed.0.take(), ["1 cancel true", "1 cancel true", "1 a cancelled", "1 b cancelled", "2 true true"]);
}

#[test]
fn dropping_a_sleep_cancels_its_timer() {
    let (event_loop, _) = virtual_loop();
    let mut nap = Some(sleep(seconds(1)));
    let starts = from_fn(move |_| {
        let mut nap = nap.take().expect("it is resumed once");
        assert!(matches!(nap.resume(Ok(())), Ok(Step::Yield(_))));
        let event_loop = EventLoop::running()?;
        assert_eq!(event_loop.next_deadline(), Some(innermost::Instant::from_zero(seconds(1))));
        drop(nap);
        assert_eq!(event_loop.next_deadline(), None);
        Ok(Step::Return(()))
    });
    event_loop.run_until_complete(starts).unwrap();
}

#[test]
fn the_clock_is_read_once_per_turn_with_timers_and_never_without() {
    let (event_loop, clock) = virtual_loop();
    let reads = |turns| {
        let before = clock.reads();
        event_loop.run_until_complete(pausing(turns)).expect("it only pauses");
        clock.reads() - before
    };
    assert_eq!(reads(10), 0);
    let timer = event_loop.call_later(seconds(1), || {}).unwrap();
    let few = reads(10);
    assert_eq!(reads(20) - few, 10);
    timer.cancel();
}

#[test]
fn a_virtual_clock_jumps_only_when_nothing_else_is_ready() {
    let (event_loop, timed) = timed_loop();
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = TcpStream::from_std(listener.accept().unwrap().0).unwrap();
    timed.later(3600, "timer");
    let (entries, mut reads) = (timed.clone(), 0);
    let receives = from_fn(move |sent| {
        let step = stream.recv(&mut [0; 8]).resume(sent)?;
        reads += 1;
        if let Step::Return(count) = &step {
            entries.add(format_args!("{count} bytes at the attempt {reads}"));
        }
        Ok(step)
    });
    let receives = event_loop.create_task(receives).unwrap();
    let send = move || std::io::Write::write_all(&mut &peer, b"bytes").expect("it is connected");
    let handle = event_loop.handle();
    // Once the task waits for the descriptor: from then on, nothing is ready but that.
    event_loop.call_soon(move || drop(handle.call_soon(send))).unwrap();
    event_loop.run_until_complete(receives).unwrap();
    assert_eq!(timed.0.take(), ["0 5 bytes at the attempt 2"]);
}

#[test]
fn a_million_timers_half_of_them_cancelled_fire_in_order() {
    const COUNT: u32 = if cfg!(miri) { 300 } else { 1_000_000 };
    let (event_loop, clock) = virtual_loop();
    let fired = Rc::new(RefCell::new(Vec::with_capacity(COUNT as usize / 2)));
    let mut timers = Vec::with_capacity(COUNT as usize);
    let mut random = 1_u32;
    for number in 0..COUNT {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let deadline = random >> 22;
        let fired = Rc::clone(&fired);
        let fires = move || fired.borrow_mut().push((deadline, number));
        timers.push(event_loop.call_at(innermost::Instant::from_zero(seconds(deadline.into())), fires).unwrap());
    }
    timers.iter().step_by(2).for_each(TimerHandle::cancel);
    event_loop.run_until_complete(sleep(seconds(2000))).unwrap();
    assert_eq!(clock.now().since_zero(), seconds(2000));
    let fired = fired.take();
    assert_eq!(fired.len(), COUNT as usize / 2);
    assert!(fired.is_sorted() && fired.iter().all(|(_, number)| number % 2 == 1));
}

// E7
#[test]
fn a_real_clock_is_never_early() {
    let event_loop = EventLoop::new().unwrap();
    let late = Rc::new(Cell::new(0));
    for micros in [0, 1, 10, 99, 100, 500, 999, 1000, 1001, 1500, 2000, 3000] {
        let (delay, late) = (Duration::from_micros(micros), Rc::clone(&late));
        let set = Instant::now();
        let fires = move || {
            assert!(set.elapsed() >= delay);
            late.set(late.get() + 1);
        };
        event_loop.call_later(delay, fires).unwrap();
    }
    let started = Instant::now();
    event_loop.run_until_complete(sleep(Duration::from_millis(4))).unwrap();
    assert!(started.elapsed() >= Duration::from_millis(4));
    assert_eq!(late.get(), 12);
}

// E7
#[test]
fn short_sleeps_do_not_spin() {
    let selector = WatchedSelector::new(Wait::Waits);
    let timeouts = selector.timeouts();
    let event_loop = loop_of(selector, MonotonicClock::new());
    for nanos in [1, 100, 10_000, 100_000, 1_000_000] {
        event_loop.run_until_complete(sleep(Duration::from_nanos(nanos))).unwrap();
    }
    // CPython's test allows 20 turns.
    assert!(timeouts.take().len() <= 10);
}

#[test]
fn a_manual_clock_moves_only_when_moved() {
    let clock = VirtualClock::that_stays();
    let event_loop = loop_of(WatchedSelector::new(Wait::Waits), clock.clone());
    let timed = Timed(Log::default(), event_loop.handle());
    timed.later(2, "two");
    timed.later(1, "one");
    event_loop.run_once().unwrap();
    clock.advance(Duration::from_millis(999));
    event_loop.run_once().unwrap();
    assert_eq!(timed.0.take(), [""; 0]);
    clock.advance(Duration::from_millis(1));
    event_loop.run_once().unwrap();
    assert_eq!(timed.0.take(), ["1 one"]);
    // Both due at once: the one with the earlier deadline first.
    timed.later(1, "two, set at one");
    timed.later(0, "one again");
    clock.advance(seconds(5));
    event_loop.run_once().unwrap();
    assert_eq!(timed.0.take(), ["6 one again", "6 two", "6 two, set at one"]);
}

#[test]
fn dropping_the_owner_of_a_timer_drops_the_timer_and_its_callback() {
    let ((event_loop, _), log) = (virtual_loop(), Log::default());
    let captured = log.on_drop("dropped");
    let timer = event_loop.call_later(seconds(2), move || captured.keep()).unwrap().cancel_on_drop();
    let kept = event_loop.call_later(seconds(1), log.adds("called")).unwrap().cancel_on_drop();
    assert_eq!((timer.when(), timer.cancelled()), (innermost::Instant::from_zero(seconds(2)), false));
    drop(timer);
    assert_eq!(log.take(), ["dropped"]);
    event_loop.run_until_complete(sleep(seconds(3))).unwrap();
    assert_eq!(log.take(), ["called"]);
    // It has run: there is nothing left to cancel.
    let handle = TimerHandle::clone(&kept);
    drop(kept);
    assert!(!handle.cancelled());
}
