//! `staggered_race` and `happy_eyeballs`: E21 and V8 of the edge cases, compared with CPython 3.13.
//!
//! `tests/data/staggered.jsonl` holds random races. `tests/data/staggered.py` has recorded them, and explains the format. The
//! recording has no cancelled race: CPython 3.13.0 abandons its attempts, while this library waits for them, as later
//! releases do. It has no cancelled attempt that returns either, because that fails an assertion in CPython.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::{ConnectError, happy_eyeballs};
use innermost::testing::virtual_loop;
use innermost::wait::{ExceptionGroup, Raced, staggered_race, timeout};
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Kind, Resumed, Sleep, Step, from_fn, ready, sleep,
    yield_from,
};
use serde_json::{Value, json};

use crate::recorded::{Difference, list, programs};

const SECOND: Duration = Duration::from_secs(1);

/// The events of a program as JSON, in the format of the recording.
type Events = Rc<RefCell<Vec<Value>>>;

/// An attempt as the recordings describe them.
struct Attempt {
    index: usize,
    pause: Option<Sleep>,
    fails: bool,
    cleanup: Option<Sleep>,
    phase: Phase,
    log: Events,
}

enum Phase {
    Created,
    Sleeping,
    CleaningUp(Exception),
}

impl Attempt {
    fn new(index: usize, described: &Value, log: &Events) -> Self {
        let pause = |value: &Value| value.as_u64().map(|seconds| sleep(Duration::from_secs(seconds)));
        Self {
            index,
            pause: pause(&described[0]),
            fails: described[1] == "fail",
            cleanup: pause(&described[2]),
            phase: Phase::Created,
            log: Rc::clone(log),
        }
    }

    fn note(&self, what: &str) {
        self.log.borrow_mut().push(json!([seconds(), what, self.index]));
    }
}

fn seconds() -> u64 {
    EventLoop::running().expect("it runs").time().since_zero().as_secs()
}

impl Coroutine for Attempt {
    type Yield = Await;
    type Input = ();
    type Return = usize;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.phase {
                Phase::Created => {
                    self.note("start");
                    self.phase = Phase::Sleeping;
                }
                Phase::Sleeping => {
                    let slept = match &mut self.pause {
                        Some(pause) => yield_from!(pause, sent),
                        None => Ok(()),
                    };
                    if let Err(cancelled) = slept {
                        self.note("cancelled");
                        self.phase = Phase::CleaningUp(cancelled);
                        continue;
                    }
                    self.note(if self.fails { "fail" } else { "ok" });
                    return match self.fails {
                        true => Err(Exception::message(Kind::ValueError, "")),
                        false => Ok(Step::Return(self.index)),
                    };
                }
                Phase::CleaningUp(cancelled) => {
                    if let Some(cleanup) = &mut self.cleanup {
                        yield_from!(cleanup, sent)?;
                    }
                    let cancelled = cancelled.clone();
                    self.note("clean");
                    return Err(cancelled);
                }
            }
        }
    }
}

fn replay(attempts: &[Value], delay: Option<Duration>) -> (Vec<Value>, Raced<usize>) {
    let log = Events::default();
    let made = attempts.iter().enumerate().map(|(index, described)| Attempt::new(index, described, &log));
    let race = staggered_race(made.collect::<Vec<_>>()).delay(delay);
    let event_loop = virtual_loop().expect("a descriptor is free");
    let raced = event_loop.run_until_complete(race).expect("it has an end");
    assert!(event_loop.all_tasks().is_empty());
    log.borrow_mut().push(json!([event_loop.time().since_zero().as_secs(), "over"]));
    (log.take(), raced)
}

// E21: no attempts; a failure starts the next; so does the delay; the winner cancels the others; all fail.
#[test]
fn every_race_behaves_as_in_cpython() {
    let (path, lines) = programs("staggered.jsonl");
    let mut races = 0;
    for line in lines {
        races += 1;
        let recorded: Value = serde_json::from_str(&line).expect("a recording is JSON");
        let delay = recorded["delay"].as_u64().map(Duration::from_secs);
        let (log, raced) = replay(list(&recorded["attempts"]), delay);
        if let Some(difference) = Difference::between(list(&recorded["log"]), log) {
            panic!("race {races} of {path}\n{line}\n{difference}");
        }
        assert_eq!(json!(raced.winner.map(|(index, _)| index)), recorded["winner"], "race {races} of {path}");
        assert_eq!(raced.winner.map(|(_, returned)| returned), raced.winner.map(|(index, _)| index));
        let name = |raised: &Option<Exception>| raised.as_ref().map(|raised| format!("{:?}", raised.kind()));
        let raised: Vec<_> = raced.exceptions.iter().map(name).collect();
        assert_eq!(json!(raised), recorded["raised"], "race {races} of {path}");
    }
    assert!(races > 0, "{path} is empty");
}

/// The log of a race that is cancelled after `delay`.
fn cancelled_after(delay: Duration, attempts: Value) -> Vec<Value> {
    let log = Events::default();
    let made: Vec<_> =
        list(&attempts).iter().enumerate().map(|(index, described)| Attempt::new(index, described, &log)).collect();
    let event_loop = virtual_loop().unwrap();
    let race = event_loop.create_task(staggered_race(made).delay(SECOND)).unwrap();
    let racing = race.clone();
    event_loop.call_later(delay, move || assert!(racing.cancel())).unwrap();
    let raised = event_loop.run_until_complete(race.join()).unwrap_err();
    assert!(raised.is_cancelled());
    assert!(event_loop.all_tasks().is_empty());
    log.borrow_mut().push(json!([event_loop.time().since_zero().as_secs(), "over"]));
    log.take()
}

// E21
#[test]
fn a_cancelled_race_cancels_its_attempts_and_waits_for_them() {
    let log = cancelled_after(3 * SECOND, json!([[9, "ok", 1], [9, "ok", 2], [9, "ok", null]]));
    let expected = json!([
        [0, "start", 0],
        [1, "start", 1],
        [2, "start", 2],
        [3, "cancelled", 0],
        [3, "cancelled", 1],
        [3, "cancelled", 2],
        [3, "clean", 2],
        [4, "clean", 0],
        [5, "clean", 1],
        [5, "over"],
    ]);
    assert_eq!(json!(log), expected);
}

// E21
#[test]
fn a_cancel_before_the_first_step_starts_nothing() {
    let event_loop = virtual_loop().unwrap();
    let started = Rc::new(Cell::new(0));
    let count = Rc::clone(&started);
    let attempts = (0..3).map(move |_| {
        count.set(count.get() + 1);
        sleep(SECOND)
    });
    let race = event_loop.create_task(staggered_race(attempts)).unwrap();
    race.cancel();
    assert!(event_loop.run_until_complete(race.join()).unwrap_err().is_cancelled());
    assert_eq!(started.get(), 0);
}

#[test]
fn a_cancelled_attempt_that_returns_is_too_late() {
    let event_loop = virtual_loop().unwrap();
    let kept = Rc::new(());
    let stubborn = {
        let kept = Rc::clone(&kept);
        sleep(9 * SECOND).catch(|_| Ok(())).map(move |()| kept)
    };
    let quick = {
        let kept = Rc::clone(&kept);
        sleep(SECOND).map(move |()| kept)
    };
    let attempts: [Box<dyn Awaitable<Return = Rc<()>>>; 2] = [Box::new(stubborn), Box::new(quick)];
    let raced = event_loop.run_until_complete(staggered_race(attempts).delay(SECOND)).unwrap();
    assert_eq!(raced.winner.as_ref().map(|(index, _)| *index), Some(1));
    assert!(raced.exceptions[0].as_ref().is_some_and(Exception::is_cancelled));
    assert!(raced.exceptions[1].is_none());
    // The test's, and the winner's: the other one's was dropped.
    assert_eq!(Rc::strong_count(&kept), 2);
}

#[test]
fn a_panic_of_an_attempt_or_of_the_iterator_ends_the_race() {
    let event_loop = virtual_loop().unwrap();
    let attempts: [Box<dyn Awaitable<Return = ()>>; 2] =
        [Box::new(sleep(9 * SECOND)), Box::new(from_fn(|_| panic!("an attempt")))];
    let raised = event_loop.run_until_complete(staggered_race(attempts).delay(SECOND)).map(drop).unwrap_err();
    let from_attempt = raised.downcast::<ExceptionGroup>().unwrap();
    let attempts = (0..2).map(|n| if n == 0 { sleep(9 * SECOND) } else { panic!("the iterator") });
    let raised = event_loop.run_until_complete(staggered_race(attempts).delay(SECOND)).map(drop).unwrap_err();
    let from_iterator = raised.downcast::<ExceptionGroup>().unwrap();
    assert_eq!(from_attempt.exceptions()[0].kind(), Kind::Panic);
    assert_eq!(from_iterator.exceptions()[0].kind(), Kind::Panic);
    assert_eq!(event_loop.time().since_zero(), 2 * SECOND);
    assert!(event_loop.all_tasks().is_empty());
}

#[test]
fn dropping_a_race_cancels_its_attempts() {
    let event_loop = virtual_loop().unwrap();
    let log = Events::default();
    let made: Vec<_> = (0..3).map(|index| Attempt::new(index, &json!([9, "ok", null]), &log)).collect();
    let mut race = Some(staggered_race(made).delay(SECOND));
    // Takes its first step, lets it be for a second and a half, and then lets go of it.
    let mut nap = sleep(3 * SECOND / 2);
    let let_go = from_fn(move |mut sent| {
        if let Some(race) = race.as_mut().filter(|_| seconds() == 0) {
            assert!(matches!(race.resume(Ok(()))?, Step::Yield(_)));
        }
        yield_from!(nap, sent)?;
        race = None;
        Ok(Step::Return(()))
    });
    event_loop.run_until_complete(let_go).unwrap();
    event_loop.run_until_complete(sleep(SECOND)).unwrap();
    assert!(event_loop.all_tasks().is_empty());
    assert_eq!(log.borrow().iter().filter(|entry| entry[1] == "clean").count(), 2);
    assert_eq!(event_loop.time().since_zero(), 5 * SECOND / 2);
}

#[test]
fn resuming_an_ended_race_raises() {
    let event_loop = virtual_loop().unwrap();
    let mut race = staggered_race([ready(())]);
    assert_eq!(format!("{race:?}"), "StaggeredRace(created)");
    let raised = event_loop
        .run_until_complete(from_fn(move |sent| {
            if let Step::Yield(wanted) = race.resume(sent)? {
                return Ok(Step::Yield(wanted));
            }
            assert_eq!(race.state().to_string(), "staggered_race: StaggeredRace(over)");
            race.resume(Ok(())).map(|_| Step::Return(()))
        }))
        .unwrap_err();
    assert_eq!(raised.kind(), Kind::RuntimeError);
}

// ---- happy eyeballs

fn addresses<const N: usize>(texts: [&str; N]) -> [SocketAddr; N] {
    texts.map(|text| text.parse().expect("it is an address"))
}

/// Refuses, with an error of the system.
fn refuse(after: Duration, kind: io::ErrorKind) -> impl Awaitable<Return = SocketAddr> {
    sleep(after).then(move |()| Err::<innermost::coroutine::Ready<_, _, _>, _>(io::Error::from(kind).into()))
}

// V8
#[test]
fn the_error_lists_every_address_with_its_error() {
    let event_loop = virtual_loop().unwrap();
    let tried = addresses(["[::1]:1", "127.0.0.1:1"]);
    let connector = |address: SocketAddr| {
        let kind = if address.is_ipv6() { io::ErrorKind::TimedOut } else { io::ErrorKind::ConnectionRefused };
        refuse(SECOND, kind)
    };
    let raised = event_loop.run_until_complete(happy_eyeballs(tried, None, connector)).unwrap_err();
    assert_eq!(
        raised.to_string(),
        "Multiple exceptions: cannot connect to [::1]:1: timed out, cannot connect to 127.0.0.1:1: connection refused"
    );
    let error = raised.downcast::<ConnectError>().unwrap();
    assert_eq!(error.failures().iter().map(|(address, _)| *address).collect::<Vec<_>>(), tried);
    assert_eq!(error.kind(), io::ErrorKind::Other);
    assert_eq!(event_loop.time().since_zero(), 2 * SECOND);
}

// V8
#[test]
fn a_single_failure_and_equal_failures_are_reported_once() {
    let event_loop = virtual_loop().unwrap();
    let connector = |_| refuse(SECOND, io::ErrorKind::ConnectionRefused);
    for tried in [vec!["127.0.0.1:1"], vec!["127.0.0.1:1", "127.0.0.1:1"]] {
        let tried = tried.into_iter().map(|text| text.parse().unwrap());
        let raised = event_loop.run_until_complete(happy_eyeballs(tried, None, connector)).unwrap_err();
        assert_eq!(raised.to_string(), "cannot connect to 127.0.0.1:1: connection refused");
        assert_eq!(raised.downcast::<ConnectError>().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn a_single_address_needs_no_task() {
    let event_loop = virtual_loop().unwrap();
    let connector = |address| {
        assert_eq!(EventLoop::running().unwrap().all_tasks().len(), 1);
        ready(address)
    };
    let tried = addresses(["127.0.0.1:1"]);
    assert_eq!(event_loop.run_until_complete(happy_eyeballs(tried, Some(SECOND), connector)).unwrap(), tried[0]);
}

#[test]
fn without_a_delay_addresses_are_tried_in_turn_without_tasks() {
    let event_loop = virtual_loop().unwrap();
    let tried = addresses(["[::1]:1", "127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1"]);
    let winner = tried[2];
    let begun = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&begun);
    let connector = move |address: SocketAddr| {
        log.borrow_mut().push(address);
        assert_eq!(EventLoop::running().unwrap().all_tasks().len(), 1);
        let refused = (address != winner).then_some(io::ErrorKind::ConnectionRefused);
        sleep(SECOND).try_map(move |()| refused.map_or(Ok(address), |kind| Err(io::Error::from(kind).into())))
    };
    assert_eq!(event_loop.run_until_complete(happy_eyeballs(tried, None, connector)).unwrap(), winner);
    assert_eq!((event_loop.time().since_zero(), &begun.borrow()[..]), (3 * SECOND, &tried[..3]));

    // A cancel is no failure: nothing is tried after it.
    let begun = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&begun);
    let connector = move |address: SocketAddr| {
        log.borrow_mut().push(address);
        sleep(3600 * SECOND)
    };
    let task = event_loop.create_task(happy_eyeballs(tried, None, connector)).unwrap();
    event_loop.run_until_complete(sleep(SECOND)).unwrap();
    task.cancel();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    assert_eq!(begun.borrow()[..], tried[..1]);
}

#[test]
fn no_address_is_an_error() {
    let event_loop = virtual_loop().unwrap();
    let raised = event_loop.run_until_complete(happy_eyeballs([], None, ready::<_, _, SocketAddr>)).unwrap_err();
    assert_eq!((raised.kind(), raised.to_string()), (Kind::ValueError, "there is no address to connect to".into()));
}

#[test]
fn a_time_limit_ends_attempts_that_never_answer() {
    let event_loop = virtual_loop().unwrap();
    for tried in [vec!["127.0.0.1:1"], vec!["127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1"]] {
        let tried = tried.into_iter().map(|text| text.parse().unwrap());
        let connecting = happy_eyeballs(tried, Some(SECOND), |_| sleep(3600 * SECOND));
        let raised = event_loop.run_until_complete(timeout(connecting, 5 * SECOND)).unwrap_err();
        assert_eq!(raised.kind(), Kind::TimeoutError);
        assert!(event_loop.all_tasks().is_empty());
    }
    assert_eq!(event_loop.time().since_zero(), 10 * SECOND);
}

#[test]
fn a_panic_of_an_unstarted_attempt_leaks_no_result() {
    /// Panics when it is dropped, unless that is made void.
    struct Bomb(Rc<Cell<bool>>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0.replace(false), "on purpose");
        }
    }
    let (event_loop, armed, result) = (virtual_loop().unwrap(), Rc::new(Cell::new(true)), Rc::new(()));
    let attempts = [None, Some(Bomb(Rc::clone(&armed)))].map(|bomb| {
        let result = Rc::clone(&result);
        ready(()).map(move |()| (result, bomb.is_some()))
    });
    let raised = event_loop.run_until_complete(staggered_race(attempts).delay(SECOND)).unwrap_err();
    assert_eq!((raised.kind(), armed.get()), (Kind::Panic, false));
    assert_eq!(Rc::strong_count(&result), 1);
}
