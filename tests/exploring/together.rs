//! Coroutines inside a coroutine: whatever happens to the outer one, each inner one that has begun is told how it ends, once.

use innermost::scope::{AsyncContextManager, ExitStack, Exited, Progress, with};
use innermost::task::ErrorContext;
use innermost::testing::{Interruption, Interruptions, Sim};
use innermost::wait::{Race, Racing, Won, all, race};
use innermost::{Awaitable, CoroutineExt, Exception, Kind, Sleep, Step, drive, end, from_fn, lazy, ready, yield_from};

use crate::common::{Count, Log, Mark, every, rest, start, turn};

fn failure(text: &'static str) -> Exception {
    Exception::message(Kind::ValueError, text)
}

/// How many children have begun, and how many of them have ended: with a value, or with an exception that they have seen.
#[derive(Clone, Default)]
struct Ledger {
    begun: Count,
    ended: Count,
    caught: Count,
}

impl Ledger {
    fn check(self) -> impl FnMut() {
        move || assert_eq!(self.begun.get(), self.ended.get(), "a child was dropped without an exception")
    }

    /// A child that takes some turns. An exception ends it.
    fn child(&self, turns: usize) -> impl Awaitable<Return = usize> + use<> {
        let (ledger, mut left, mut pause) = (self.clone(), turns, None::<Sleep>);
        from_fn(move |mut sent| {
            loop {
                let pause = pause.get_or_insert_with(|| {
                    ledger.begun.add(1);
                    turn()
                });
                let waited = yield_from!(pause, sent);
                left -= 1;
                if left == 0 || waited.is_err() {
                    ledger.ended.add(1);
                    return waited.map(|()| Step::Return(turns));
                }
                *pause = turn();
            }
        })
    }

    /// A child that takes a turn to clean up when it is cancelled, in which nobody may disturb it.
    fn cleaning(&self) -> impl Awaitable<Return = usize> + use<> {
        let (ledger, mut pause, mut cleaning) = (self.clone(), turn().then(|()| turn()), None::<Sleep>);
        let mut has_begun = false;
        from_fn(move |mut sent| {
            if !has_begun {
                ledger.begun.add(1);
                has_begun = true;
            }
            if cleaning.is_none() {
                let waited = yield_from!(pause, sent);
                match waited {
                    Err(raised) if raised.is_cancelled() => cleaning = Some(turn()),
                    ended => {
                        ledger.ended.add(1);
                        return ended.map(|()| Step::Return(0));
                    }
                }
                sent = Ok(());
            }
            let pause = cleaning.as_mut().expect("it was set above");
            let cleaned = yield_from!(pause, sent);
            ledger.ended.add(1);
            assert!(!cleaned.is_err_and(|raised| raised.is_cancelled()), "it was cancelled twice");
            ledger.caught.add(1);
            Err(Exception::message(Kind::CancelledError, "cleaned up"))
        })
    }
}

/// A task that runs children, and is interrupted.
fn running<C: Awaitable + 'static>(
    how: impl Into<Interruptions> + Copy,
    run: fn(&Ledger) -> C,
) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        sim.faults().every_suspension(how);
        let ledger = Ledger::default();
        start(sim, "runner", &Count::default(), run(&ledger))?;
        sim.finally(ledger.check());
        Ok(())
    }
}

#[test]
fn each_child_of_a_race_or_of_all_sees_how_it_ends() {
    let races = [
        every(running(Interruptions::ALL, |ledger| race((ledger.child(2), ledger.child(3), ledger.child(2))))),
        every(running(Interruptions::ALL, |ledger| race(vec![ledger.child(2), ledger.child(2)]))),
    ];
    let alls = [
        every(running(Interruptions::ALL, |ledger| all((ledger.child(2), ledger.child(1), ledger.child(2))))),
        every(running(Interruptions::ALL, |ledger| all(vec![ledger.child(2), ledger.child(2)]))),
    ];
    assert_eq!([races, alls], [[93, 21], [69, 21]]);
}

/// The first child ends when it is cancelled, with a value or an exception, and the other one cleans up.
#[test]
fn a_child_that_cleans_up_is_cancelled_once() {
    let cancel = Interruption::Cancel;
    let schedules = [
        every(running(cancel, |ledger| race((ledger.child(3).catch(|_| Ok(1)), ledger.cleaning())))),
        every(running(cancel, |ledger| race((ledger.child(3), ledger.cleaning())))),
        every(running(cancel, |ledger| all((ledger.child(3), ledger.cleaning())))),
        every(running(cancel, |ledger| all((ledger.child(3).catch(|_| Ok(1)), ledger.cleaning())))),
    ];
    assert_eq!(schedules, [15; 4]);
}

/// A race in a race, whose children are kept for the next one.
#[test]
fn children_that_are_kept_between_races_are_closed_with_them() {
    let schedules = every(running(Interruption::Close, |ledger| {
        let (mut first, mut second) = (Racing::new(ledger.child(2)), Racing::new(ledger.child(2)));
        let (mut bell, mut inner, mut outer) = (Racing::new(turn()), Race::new(), Race::new());
        let mut has_won = false;
        from_fn(move |mut sent| {
            while !has_won {
                let inside = inner.run((&mut first, &mut second));
                match yield_from!(outer.run((inside, &mut bell)), sent)? {
                    Won::A(_) => has_won = true,
                    Won::B(()) => bell.restart(rest()),
                }
            }
            // The one that has lost goes on alone.
            while !first.has_ended() {
                yield_from!(first, sent)?;
            }
            while !second.has_ended() {
                yield_from!(second, sent)?;
            }
            end(())
        })
    }));
    assert_eq!(schedules, 19);
}

/// A child that fails at once keeps the next one from its start, and the failure of another one is reported.
#[test]
fn the_first_failure_of_all_is_raised_and_others_are_reported() {
    let schedules = every(|sim| {
        let (ledger, reported) = (Ledger::default(), Log::default());
        let log = reported.clone();
        sim.set_exception_handler(move |context: &ErrorContext| {
            log.push(context.exception.as_ref().expect("it has an exception").to_string());
        });
        let unstarted = sim.run(all((ready(()).try_map(|()| Err::<(), _>(failure("at once"))), ledger.child(1))));
        assert_eq!(unstarted.unwrap_err().to_string(), "at once");
        assert_eq!(sim.run(race((ready(1), ledger.child(1))))?, Won::A(1));
        assert_eq!(ledger.begun.get(), 0, "it was started in vain");
        let fails = |text| turn().catch(|_| Ok(())).try_map(move |()| Err::<(), _>(failure(text)));
        let failed = sim.run(all((fails("first"), fails("second"), fails("third"))));
        let mut failures = reported.events();
        failures.push(failed.unwrap_err().to_string());
        failures.sort_unstable();
        assert_eq!(failures, ["first", "second", "third"]);
        Ok(())
    });
    assert_eq!(schedules, 6);
}

/// A machine that asks for three turns, and says what it has seen.
fn asking(
    caught: Count,
    alive: Mark,
    answering: Count,
) -> impl innermost::Coroutine<Yield = (), Input = (), Return = ()> {
    let (mut asked, mut has_begun) = (0, false);
    from_fn(move |sent: Result<(), Exception>| {
        let _alive = &alive;
        assert_eq!(answering.get(), 0, "the answer is over, and still there");
        match sent {
            Err(raised) if raised.is_generator_exit() => {
                caught.add(1);
                return Err(raised);
            }
            Err(_) => {
                assert!(has_begun);
                caught.add(1);
            }
            Ok(()) => {}
        }
        has_begun = true;
        asked += 1;
        if asked > 3 { end(()) } else { Ok(Step::Yield(())) }
    })
}

#[test]
fn a_driven_machine_learns_of_everything_that_is_thrown_in() {
    let schedules = every(|sim| {
        sim.faults().every_suspension(Interruptions::ALL);
        for number in 0..2 {
            let (caught, alive, ended, answering) =
                (Count::default(), Count::default(), Count::default(), Count::default());
            let (seen, begun) = (answering.clone(), Count::default());
            let machine = asking(caught.clone(), alive.mark(), answering);
            let first = begun.clone();
            let driven = drive(machine, move |()| {
                first.add(1);
                let mark = seen.mark();
                let mut pause = turn();
                from_fn(move |mut sent| {
                    let _answering = &mark;
                    yield_from!(pause, sent).map(Step::Return)
                })
            });
            start(sim, &format!("driver {number}"), &ended, driven)?;
            sim.finally(move || {
                assert_eq!(alive.get(), 0);
                assert!(begun.get() == 0 || ended.get() + caught.get() >= 1, "it was dropped without an exception");
                assert!(ended.get() == 0 || begun.get() == 3);
            });
        }
        Ok(())
    });
    assert_eq!(schedules, 276);
}

/// What happens when it is left.
enum Leaving {
    Passes,
    Suppresses,
    Raises(&'static str),
}

/// Takes a turn to leave, and writes which exception it was left with.
struct Room {
    how: Leaving,
    pause: Sleep,
    log: Log<String>,
}

impl AsyncContextManager for Room {
    type Value = ();

    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<()> {
        sent.map(Step::Return)
    }

    fn resume_exit(&mut self, raised: Option<&Exception>, mut sent: Result<(), Exception>) -> Progress<Exited> {
        yield_from!(self.pause, sent)?;
        self.log.push(raised.map_or("nothing".to_owned(), Exception::to_string));
        match self.how {
            Leaving::Passes => Ok(Step::Return(Exited::Propagate)),
            Leaving::Suppresses => Ok(Step::Return(Exited::Suppress)),
            Leaving::Raises(text) => Err(failure(text)),
        }
    }
}

/// Leaves rooms, the last one first, after a body that raises. Returns what each was left with, and what comes out.
fn leave(sim: &Sim, rooms: impl IntoIterator<Item = Leaving>, pops: bool) -> (Vec<String>, String) {
    let log = Log::default();
    let rooms: Vec<_> = rooms.into_iter().map(|how| Room { how, pause: turn(), log: log.clone() }).collect();
    let stack = ExitStack::new();
    for room in rooms {
        let entered = sim.run(stack.enter(room));
        entered.expect("nothing is in the way");
    }
    let stack = if pops { stack.pop_all() } else { stack };
    let left = sim.run(with(stack, |_| lazy(|| turn().try_map(|()| Err::<(), _>(failure("body"))))));
    let out = left.err().map_or("nothing".to_owned(), |raised| {
        let cause = raised.cause().map_or(String::new(), |cause| format!(" from {cause}"));
        format!("{raised}{cause}")
    });
    (log.events(), out)
}

#[test]
fn each_manager_of_a_stack_sees_what_those_inside_have_made_of_the_exception() {
    use Leaving::{Passes, Raises, Suppresses};
    let schedules = every(|sim| {
        let (seen, out) = leave(sim, [Passes, Raises("new"), Suppresses, Passes], false);
        assert_eq!(
            (seen, out.as_str()),
            (["body", "body", "nothing", "new"].map(String::from).to_vec(), "new from body")
        );
        let (seen, out) = leave(sim, [Passes, Suppresses, Passes], true);
        assert_eq!((seen, out.as_str()), (["body", "body", "nothing"].map(String::from).to_vec(), "nothing"));
        let (seen, out) = leave(sim, [Raises("second"), Raises("first"), Passes], true);
        assert_eq!((seen, out.as_str()), (["body", "body", "first"].map(String::from).to_vec(), "second from first"));
        Ok(())
    });
    assert_eq!(schedules, 1);
}
