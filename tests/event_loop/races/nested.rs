//! Races inside races.

use std::rc::Rc;

use innermost::sync::Lock;
use innermost::wait::{Race, Racing, Won};
use innermost::{
    Await, Call, Coroutine, CoroutineExt, Exception, Future, Kind, Resumed, Step, from_fn, sleep, yield_from,
};

use super::{LONG, Log, never, noted, spin};
use crate::support::clock::test_loop;

/// Races a child of its own kind, by `Call`, against a future that nobody sets, so many deep.
struct Deep {
    depth: u32,
    child: Option<Racing<Call<Deep>>>,
    bottom: Future<u32>,
    other: Option<Racing<Future<u32>>>,
    race: Race,
}

impl Deep {
    fn new(depth: u32, bottom: &Future<u32>) -> Self {
        Self { depth, child: None, bottom: bottom.clone(), other: None, race: Race::new() }
    }
}

impl Coroutine for Deep {
    type Yield = Await;
    type Input = ();
    type Return = u32;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if self.depth == 0 {
            return yield_from!(self.bottom, sent).map(Step::Return);
        }
        let (depth, bottom) = (self.depth - 1, &self.bottom);
        let child = self.child.get_or_insert_with(|| Racing::new(Call::new(Self::new(depth, bottom))));
        let other = self.other.get_or_insert_with(|| Racing::new(never()));
        match yield_from!(self.race.run((child, other)), sent)? {
            Won::A(n) | Won::B(n) => Ok(Step::Return(n + 1)),
        }
    }
}

#[test]
fn a_deep_race_takes_no_hop_more() {
    let (event_loop, log) = (test_loop(), Log::default());
    let bottom = event_loop.create_future::<u32>();
    for (name, depth) in [("before", 0), ("deep", 60), ("behind", 0)] {
        let noted = log.clone();
        let deep = Deep::new(depth, &bottom).map(move |n| noted.add(format_args!("{name} {n}")));
        event_loop.create_task(deep).unwrap();
    }
    spin(&event_loop, 2);
    bottom.set_result(0).unwrap();
    spin(&event_loop, 1);
    assert_eq!(log.take(), ["before 0", "deep 60", "behind 0"]);
}

#[test]
fn too_many_races_inside_each_other_raise_an_error() {
    let event_loop = test_loop();
    let bottom = event_loop.create_future::<u32>();
    let raised = event_loop.run_until_complete(Deep::new(100_000, &bottom)).unwrap_err();
    assert_eq!(raised.kind(), Kind::RuntimeError);
    assert_eq!(raised.to_string(), "more than 64 races are inside each other");
}

#[test]
fn the_same_future_can_be_waited_for_inside_and_outside() {
    let event_loop = test_loop();
    let future = event_loop.create_future::<u32>();
    let (mut a, mut b, mut inner) = (Racing::new(future.clone()), Racing::new(event_loop.create_future()), Race::new());
    let nested = from_fn(move |mut sent| yield_from!(inner.run((&mut a, &mut b)), sent).map(Step::Return));
    let (mut nested, mut same, mut race) = (Racing::new(nested), Racing::new(future.clone()), Race::new());
    let mut got = Vec::new();
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                let inside = (!nested.has_ended()).then_some(&mut nested);
                match yield_from!(race.run((inside, &mut same)), sent)? {
                    Won::A(won) => got.push(won),
                    Won::B(n) => {
                        got.push(Won::B(n));
                        same.restart(never());
                    }
                }
                if got.len() == 2 {
                    return Ok(Step::Return(std::mem::take(&mut got)));
                }
            }
        }))
        .unwrap();
    spin(&event_loop, 2);
    future.set_result(5).unwrap();
    let got = event_loop.run_until_complete(task).unwrap();
    assert!(got.contains(&Won::A(5)) && got.contains(&Won::B(5)), "{got:?}");
}

#[test]
fn a_lock_that_is_granted_to_an_inner_loser_goes_to_the_next() {
    let event_loop = test_loop();
    let (lock, first) = (Lock::new(), event_loop.create_future::<u32>());
    let guard = lock.try_acquire().unwrap();
    let (mut acquire, mut long, mut inner) = (Racing::new(lock.acquire()), Racing::new(sleep(LONG)), Race::new());
    let nested =
        from_fn(move |mut sent| yield_from!(inner.run((&mut acquire, &mut long)), sent).map(|_| Step::Return(())));
    let (mut nested, mut a, mut race) = (Racing::new(nested), Racing::new(first.clone()), Race::new());
    let (mut pause, mut stage) = (event_loop.create_future::<u32>(), 0);
    let paused = pause.clone();
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            if stage == 0 {
                yield_from!(race.run((&mut nested, &mut a)), sent)?;
                stage = 1;
            }
            if stage == 1 {
                yield_from!(pause, sent)?;
                a.restart(never());
                stage = 2;
            }
            yield_from!(race.run((&mut nested, &mut a)), sent).map(|_| Step::Return(()))
        }))
        .unwrap();
    spin(&event_loop, 2);
    let next = event_loop.create_task(lock.acquire().map(drop)).unwrap();
    spin(&event_loop, 2);
    first.set_result(1).unwrap();
    spin(&event_loop, 2);
    drop(guard);
    spin(&event_loop, 3);
    assert!(next.done(), "the loser sits on it");
    paused.set_result(1).unwrap();
    event_loop.run_until_complete(task).unwrap();
}

#[test]
fn a_cancel_is_raised_by_the_outermost_race() {
    let event_loop = test_loop();
    let (bottom, log) = (event_loop.create_future::<u32>(), Log::default());
    let (mut deep, mut other) = (Racing::new(noted(&log, "deep", Deep::new(3, &bottom))), Racing::new(sleep(LONG)));
    let (mut race, mut is_cancelled) = (Race::new(), false);
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            if !is_cancelled {
                assert!(yield_from!(race.run((&mut deep, &mut other)), sent).unwrap_err().is_cancelled());
                is_cancelled = true;
            }
            yield_from!(race.run((&mut deep, &mut other)), sent).map(Step::Return)
        }))
        .unwrap();
    spin(&event_loop, 2);
    task.cancel();
    spin(&event_loop, 2);
    bottom.set_result(0).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), Won::A(3));
    assert_eq!(log.take(), ["deep", "deep"]);
}

#[test]
fn an_inner_race_that_is_dropped_meanwhile_resumes_its_child() {
    let event_loop = test_loop();
    let racers = (Race::new(), Racing::new(event_loop.create_future::<u32>()), Racing::new(sleep(LONG)));
    let shared = Rc::new(std::cell::RefCell::new(Some(racers)));
    let theirs = Rc::clone(&shared);
    let nested = from_fn(move |mut sent| {
        let mut shared = theirs.borrow_mut();
        let Some((race, a, b)) = &mut *shared else { return Ok(Step::Return("gone")) };
        yield_from!(race.run((a, b)), sent).map(|_| Step::Return("won"))
    });
    let (mut nested, mut other, mut race) = (Racing::new(nested), Racing::new(sleep(LONG)), Race::new());
    let task = event_loop
        .create_task(from_fn(move |mut sent| yield_from!(race.run((&mut nested, &mut other)), sent).map(Step::Return)))
        .unwrap();
    spin(&event_loop, 2);
    drop(shared.take());
    assert_eq!(event_loop.run_until_complete(task).unwrap(), Won::A("gone"));
}
