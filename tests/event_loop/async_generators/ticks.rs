//! `interval`.

use std::time::Duration;

use innermost::async_iter::{AsyncIterator, interval};
use innermost::testing::virtual_loop;
use innermost::{Await, EventLoop, Kind, Sleep, Step, from_fn, sleep, wait_for, yield_from};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Takes a tick for each of `lengths`, and is busy for that many seconds after it. Returns the ticks with their times.
fn ticks(event_loop: &EventLoop, period: Duration, lengths: &'static [u64]) -> Vec<(u64, u64)> {
    let (mut ticks, mut lengths, handle) = (interval(period), lengths.iter(), event_loop.handle());
    let (mut busy, mut seen) = (None::<Sleep>, Vec::new());
    let taking = from_fn(move |mut sent| {
        loop {
            if let Some(working) = &mut busy {
                yield_from!(working, sent)?;
                busy = None;
            }
            if lengths.len() == 0 {
                return Ok(Step::<Await, (), _>::Return(std::mem::take(&mut seen)));
            }
            let tick = yield_from!(ticks.next(), sent)?.expect("it has no end");
            seen.push((tick, handle.time().since_zero().as_secs()));
            busy = lengths.next().map(|length| sleep(seconds(*length)));
        }
    });
    event_loop.run_until_complete(taking).expect("nobody cancels it")
}

#[test]
fn ticks_do_not_drift_however_long_they_take() {
    let event_loop = virtual_loop().unwrap();
    event_loop.run_until_complete(sleep(seconds(7))).unwrap();
    assert_eq!(ticks(&event_loop, seconds(10), &[1, 9, 0, 5]), [(1, 17), (2, 27), (3, 37), (4, 47)]);
}

#[test]
fn missed_ticks_are_merged_and_the_next_tick_is_on_time() {
    let event_loop = virtual_loop().unwrap();
    assert_eq!(ticks(&event_loop, seconds(10), &[10, 35, 1, 30, 0]), [(1, 10), (2, 20), (5, 55), (6, 60), (9, 90)]);
}

#[test]
fn cancelling_a_wait_for_a_tick_loses_no_tick() {
    let event_loop = virtual_loop().unwrap();
    let mut ticks = Box::new(interval(seconds(10)));
    let taking = from_fn(move |mut sent| {
        let tick = loop {
            match yield_from!(ticks.next(), sent) {
                Ok(tick) => break tick,
                Err(raised) => assert!(raised.is_cancelled()),
            }
        };
        Ok(Step::<Await, (), _>::Return(tick))
    });
    let task = event_loop.create_task(taking).unwrap();
    let cancelled = task.clone();
    event_loop
        .call_later(seconds(4), move || {
            cancelled.cancel();
        })
        .unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), Some(1));
    assert_eq!(event_loop.time().since_zero(), seconds(10));
}

#[test]
fn a_zero_period_ticks_every_turn_and_an_endless_one_never() {
    let event_loop = virtual_loop().unwrap();
    assert_eq!(ticks(&event_loop, Duration::ZERO, &[0, 1, 0]), [(1, 0), (2, 0), (3, 1)]);
    let mut ticks = interval(Duration::MAX);
    let waiting = wait_for(
        from_fn(move |mut sent| {
            yield_from!(ticks.next(), sent)?;
            Ok(Step::<Await, (), ()>::Return(()))
        }),
        seconds(1_000_000),
    );
    assert_eq!(event_loop.run_until_complete(waiting).unwrap_err().kind(), Kind::TimeoutError);
}
