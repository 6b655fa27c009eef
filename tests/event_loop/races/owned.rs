//! `race` and `all`: coroutines that run together until all of them have ended.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::wait::{Won, all, race, timeout};
use innermost::{
    Await, Call, Coroutine, CoroutineExt, Exception, Kind, Resumed, Sleep, Step, lazy, ready, sleep, yield_from,
};

use super::{LONG, Log, noted, spin};
use crate::support::clock::test_loop;
use crate::support::events::on_drop;

const SECOND: Duration = Duration::from_secs(1);

/// Sleeps. Cancelled, it says so a moment later.
struct Careful {
    name: &'static str,
    nap: Sleep,
    cleaning: Option<(Sleep, Exception)>,
    log: Log,
}

fn careful(log: &Log, name: &'static str, time: Duration) -> Careful {
    Careful { name, nap: sleep(time), cleaning: None, log: log.clone() }
}

impl Coroutine for Careful {
    type Yield = Await;
    type Input = ();
    type Return = &'static str;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some((moment, cancelled)) = &mut self.cleaning {
                yield_from!(moment, sent)?;
                self.log.add(format_args!("{} cleaned up", self.name));
                return Err(cancelled.clone());
            }
            match yield_from!(self.nap, sent) {
                Err(raised) if raised.is_cancelled() => self.cleaning = Some((sleep(SECOND), raised)),
                slept => return slept.map(|()| Step::Return(self.name)),
            }
        }
    }
}

#[test]
fn the_losers_are_cancelled_and_clean_up() {
    let (event_loop, log) = (test_loop(), Log::default());
    let task = event_loop.create_task(sleep(LONG)).unwrap();
    let racing =
        race((careful(&log, "a", LONG), careful(&log, "b", SECOND), Call::new(careful(&log, "c", LONG)), task.clone()));
    assert_eq!(event_loop.run_until_complete(racing).unwrap(), Won::B("b"));
    assert_eq!(log.take(), ["a cleaned up", "c cleaned up"]);
    assert_eq!(event_loop.time().since_zero(), 2 * SECOND);
    // As where a task that waits for it is cancelled.
    assert!(task.cancelled());
}

#[test]
fn a_cancel_goes_to_all_and_is_raised_when_they_have_ended() {
    let (event_loop, log) = (test_loop(), Log::default());
    let racing = event_loop.create_task(race((careful(&log, "a", LONG), careful(&log, "b", LONG)))).unwrap();
    let joined = event_loop.create_task(all((careful(&log, "c", LONG), careful(&log, "d", LONG)))).unwrap();
    spin(&event_loop, 2);
    racing.cancel();
    joined.cancel();
    assert!(event_loop.run_until_complete(racing).unwrap_err().is_cancelled());
    assert!(event_loop.run_until_complete(joined).unwrap_err().is_cancelled());
    assert_eq!(log.take(), ["a cleaned up", "b cleaned up", "c cleaned up", "d cleaned up"]);
}

#[test]
fn a_winner_that_does_not_wait_leaves_the_rest_unstarted() {
    let (event_loop, log) = (test_loop(), Log::default());
    let racing = race((noted(&log, "a", sleep(LONG)), noted(&log, "b", ready(1)), noted(&log, "c", ready(2))));
    assert_eq!(event_loop.run_until_complete(racing).unwrap(), Won::B(1));
    assert_eq!(log.take(), ["a", "b", "a: CancelledError"]);
    assert_eq!(event_loop.time().since_zero(), Duration::ZERO);
}

#[test]
fn all_results_come_in_order() {
    let event_loop = test_loop();
    let after = |seconds: u32| sleep(seconds * SECOND).map(move |()| seconds);
    let (text, numbers) =
        event_loop.run_until_complete(all((after(2).map(|n| n.to_string()), all(vec![after(3), after(1)])))).unwrap();
    assert_eq!((text.as_str(), numbers), ("2", vec![3, 1]));
    assert_eq!(event_loop.time().since_zero(), 3 * SECOND);
    assert_eq!(event_loop.run_until_complete(all(Vec::<Sleep>::new())).unwrap(), []);
    assert_eq!(event_loop.run_until_complete(race(Vec::<Sleep>::new())).unwrap_err().kind(), Kind::RuntimeError);
}

#[test]
fn a_failure_cancels_the_others_and_is_raised_when_they_have_ended() {
    let (event_loop, log) = (test_loop(), Log::default());
    let failing = sleep(SECOND).try_map(|()| Err::<(), _>(Exception::message(Kind::ValueError, "no")));
    let joined = all((careful(&log, "a", LONG), failing, careful(&log, "c", LONG)));
    assert_eq!(event_loop.run_until_complete(joined).unwrap_err().kind(), Kind::ValueError);
    assert_eq!(log.take(), ["a cleaned up", "c cleaned up"]);
}

#[test]
fn what_a_loser_raises_goes_to_the_exception_handler() {
    let event_loop = test_loop();
    let reported = Rc::new(RefCell::new(Vec::new()));
    let theirs = Rc::clone(&reported);
    event_loop.set_exception_handler(move |context| {
        theirs.borrow_mut().push(context.exception.as_ref().map(Exception::kind));
    });
    let angry = sleep(LONG).catch(|_| Err(Exception::message(Kind::ValueError, "no")));
    assert_eq!(event_loop.run_until_complete(race((angry, sleep(SECOND)))).unwrap(), Won::B(()));
    assert_eq!(*reported.borrow(), [Some(Kind::ValueError)]);
}

#[test]
fn an_exception_that_a_later_cancel_replaces_goes_to_the_exception_handler() {
    let failing = || sleep(SECOND).try_map(|()| Err::<&str, _>(Exception::message(Kind::ValueError, "no")));
    let (event_loop, log, reported) = (test_loop(), Log::default(), Rc::new(RefCell::new(Vec::new())));
    let theirs = Rc::clone(&reported);
    event_loop.set_exception_handler(move |context| {
        theirs.borrow_mut().push(context.exception.as_ref().map(Exception::kind));
    });
    let racing = event_loop.create_task(race((failing(), careful(&log, "a", LONG)))).unwrap();
    let joined = event_loop.create_task(all((failing(), careful(&log, "b", LONG)))).unwrap();
    // Both clean up for a second then.
    event_loop.call_later(SECOND + SECOND / 2, move || (racing.cancel(), drop(racing)).0).unwrap();
    event_loop.call_later(SECOND + SECOND / 2, move || (joined.cancel(), drop(joined)).0).unwrap();
    event_loop.run_until_complete(sleep(LONG)).unwrap();
    assert_eq!(*reported.borrow(), [Some(Kind::ValueError); 2]);
}

#[test]
fn a_timeout_inside_is_raised_and_one_around_ends_all() {
    let (event_loop, log) = (test_loop(), Log::default());
    let racing = race((timeout(careful(&log, "a", LONG), SECOND), careful(&log, "b", LONG)));
    assert_eq!(event_loop.run_until_complete(racing).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(log.take(), ["a cleaned up", "b cleaned up"]);
    let joined = timeout(all((careful(&log, "c", LONG), careful(&log, "d", LONG))), SECOND);
    assert_eq!(event_loop.run_until_complete(joined).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(log.take(), ["c cleaned up", "d cleaned up"]);
}

#[test]
fn children_may_borrow() {
    let text = String::from("borrowed");
    let joined = all((lazy(|| Ok(ready(text.len()))), lazy(|| Ok(ready(text.as_str())))));
    let mut machine = innermost::Generator::new(joined);
    assert!(matches!(machine.next(), Err(innermost::Stop::Returned((8, "borrowed")))));
}

#[test]
fn awaiting_them_again_raises() {
    let event_loop = test_loop();
    for is_cancelled in [false, true] {
        let [done, pending] = [(); 2].map(|()| event_loop.create_future());
        done.set_result(1).unwrap();
        let children = vec![done.clone(), pending.clone()];
        let (mut all, mut race, mut pair) = (all(children.clone()), race(children), race((pending.clone(), pending)));
        if is_cancelled {
            assert!(matches!(all.resume(Ok(())), Ok(Step::Yield(_))));
            assert!(all.resume(Err(Exception::cancelled())).unwrap_err().is_cancelled());
            assert!(pair.resume(Err(Exception::cancelled())).unwrap_err().is_cancelled());
            assert!(race.resume(Err(Exception::cancelled())).unwrap_err().is_cancelled());
        } else {
            all = innermost::wait::all(vec![done.clone(), done.clone()]);
            pair = innermost::wait::race((done.clone(), done));
            assert!(matches!(all.resume(Ok(())), Ok(Step::Return(_))));
            assert!(matches!(pair.resume(Ok(())), Ok(Step::Return(_))));
            assert!(matches!(race.resume(Ok(())), Ok(Step::Return(_))));
        }
        let again = [all.resume(Ok(())).map(drop), race.resume(Ok(())).map(drop), pair.resume(Ok(())).map(drop)];
        assert_eq!(again.map(|again| again.unwrap_err().to_string()), ["cannot reuse already awaited coroutine"; 3]);
    }
}

#[test]
fn a_loser_whose_destructor_panics_does_not_change_the_outcome() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let bomb = || {
        let bomb = on_drop(|| assert!(std::thread::panicking(), "a destructor"));
        sleep(LONG).map(move |()| drop(bomb))
    };
    let careful = || careful(&log, "careful", LONG).map(drop);
    // One that has not started, and one that has.
    assert_eq!(event_loop.run_until_complete(race((ready(()), bomb(), careful()))).unwrap(), Won::A(()));
    assert_eq!(event_loop.run_until_complete(race((sleep(SECOND), bomb(), careful()))).unwrap(), Won::A(()));
    let report = "Exception ignored in a destructor: a destructor";
    assert_eq!(log.take(), [report, report, "careful cleaned up"]);
}
