//! What was handed to a task that is busy with something else: it goes to the next one in line at once, and the task asks
//! again when it comes back.

use std::time::Duration;

use innermost::queue::{Queue, WeightedQueue};
use innermost::sync::{Event, Lock, Semaphore};
use innermost::testing::Sim;
use innermost::wait::{Race, Racing, Won};
use innermost::{Awaitable, CoroutineExt, Exception, Step, from_fn, sleep, spawn, yield_from};

use crate::common::{Count, every, interrupt, start, turn};

const fn tenths(tenths: u64) -> Duration {
    Duration::from_micros(100 * tenths)
}

/// Something that tasks wait for, of which there is none in the beginning.
struct Thing<A> {
    acquire: Box<dyn Fn() -> A>,
    /// Makes one available. Called twice.
    give: Box<dyn FnMut()>,
    /// How many are available.
    left: Box<dyn Fn() -> usize>,
    /// Nobody waits any more.
    at_rest: Box<dyn Fn()>,
}

fn lock() -> Thing<impl Awaitable<Return: 'static> + 'static> {
    let lock = Lock::new();
    let (asked, seen, rest) = (lock.clone(), lock.clone(), lock.clone());
    let mut holder = lock.try_acquire();
    Thing {
        acquire: Box::new(move || asked.acquire()),
        give: Box::new(move || drop(holder.take())),
        left: Box::new(move || usize::from(seen.try_acquire().is_some())),
        at_rest: Box::new(move || assert_eq!(format!("{rest:?}"), "Lock(unlocked, 0 waiting)")),
    }
}

fn semaphore() -> Thing<impl Awaitable<Return: 'static> + 'static> {
    let semaphore = Semaphore::new(1);
    let (asked, seen, rest) = (semaphore.clone(), semaphore.clone(), semaphore.clone());
    let mut holder = semaphore.try_acquire();
    Thing {
        acquire: Box::new(move || asked.acquire()),
        give: Box::new(move || drop(holder.take())),
        left: Box::new(move || seen.value()),
        at_rest: Box::new(move || assert_eq!(format!("{rest:?}"), "Semaphore(1 free, 0 waiting)")),
    }
}

fn item() -> Thing<impl Awaitable<Return: 'static> + 'static> {
    let queue = Queue::new();
    let (asked, giving, seen, rest) = (queue.clone(), queue.clone(), queue.clone(), queue);
    Thing {
        acquire: Box::new(move || asked.get()),
        give: Box::new(move || giving.put_nowait(()).expect("there is room")),
        left: Box::new(move || seen.len()),
        at_rest: Box::new(move || assert!(format!("{rest:?}").contains("getters: 0"), "{rest:?}")),
    }
}

fn room() -> Thing<impl Awaitable<Return: 'static> + 'static> {
    let queue = Queue::bounded(1);
    queue.put_nowait(()).expect("there is room");
    let (asked, giving, seen, rest) = (queue.clone(), queue.clone(), queue.clone(), queue);
    Thing {
        acquire: Box::new(move || asked.put(())),
        give: Box::new(move || {
            let _ = giving.get_nowait();
        }),
        left: Box::new(move || usize::from(!seen.is_full())),
        at_rest: Box::new(move || assert!(format!("{rest:?}").contains("putters: 0"), "{rest:?}")),
    }
}

fn weighted_room() -> Thing<impl Awaitable<Return: 'static> + 'static> {
    let queue = WeightedQueue::new(2, |()| 2);
    queue.put_nowait(()).expect("there is room");
    let (asked, giving, seen, rest) = (queue.clone(), queue.clone(), queue.clone(), queue);
    Thing {
        acquire: Box::new(move || asked.put(())),
        give: Box::new(move || {
            let _ = giving.get_nowait();
        }),
        left: Box::new(move || usize::from(seen.weight() == 0)),
        at_rest: Box::new(move || {
            assert_eq!(rest.weight(), 2 * rest.len());
            assert!(format!("{rest:?}").contains("0 waiting"), "{rest:?}");
        }),
    }
}

/// Asks for a thing, and goes away while it waits, until the time 20. Then it asks again until it gets the thing.
fn wander<A: Awaitable>(acquire: A) -> impl Awaitable<Return = ()> {
    let (mut race, mut wanted, mut bell) = (Race::new(), Racing::new(acquire), Racing::new(turn()));
    let (mut away, mut has_gone, mut is_back) = (sleep(tenths(20)), false, false);
    from_fn(move |mut sent| {
        loop {
            if has_gone && !is_back {
                yield_from!(away, sent)?;
                is_back = true;
                bell.restart(sleep(tenths(100)));
            }
            match yield_from!(race.run((&mut wanted, &mut bell)), sent)? {
                Won::A(_taken) => {
                    assert!(is_back, "there was none");
                    return Ok(Step::Return(()));
                }
                Won::B(()) => {
                    assert!(!is_back, "it waits for ever");
                    has_gone = true;
                }
            }
        }
    })
}

/// Tasks that ask for what comes while another one is away: before it comes, at the time 0, or after it has come.
fn replacing<A>(patients: &'static [u64], make: fn() -> Thing<A>) -> impl FnMut(&Sim) -> Result<(), Exception>
where
    A: Awaitable<Return: 'static> + 'static,
{
    move |sim| {
        interrupt(sim, "asks");
        let Thing { acquire, mut give, left, at_rest } = make();
        let (served, waiting) = (Count::default(), Count::default());
        let holding = Count::default();
        start(sim, "asks and goes away", &Count::default(), wander(acquire()))?;
        for time in patients {
            let (waits, served, asked, holding) = (waiting.mark(), served.clone(), acquire(), holding.clone());
            let patient = sleep(tenths(*time)).then(move |()| asked).then(move |taken| {
                drop(waits);
                served.add(1);
                let holds = (holding.mark(), taken);
                sleep(tenths(20)).map(move |()| drop(holds))
            });
            start(sim, "asks once", &Count::default(), patient)?;
        }
        let giver = sleep(tenths(10)).then(move |()| {
            give();
            sleep(tenths(30)).map(move |()| give())
        });
        start(sim, "gives", &Count::default(), giver)?;
        let judge = sleep(tenths(15)).map(move |()| {
            assert!(served.get() > 0 || waiting.get() == 0, "{} wait, and none was served", waiting.get());
            assert!(served.get() > 0 || left() == 1, "it was lost");
        });
        start(sim, "judges", &Count::default(), judge)?;
        sim.finally(at_rest);
        Ok(())
    }
}

/// Nobody else asks; another one asks before, and another one after that.
const PATIENTS: [&[u64]; 3] = [&[], &[1], &[12]];

#[test]
fn what_comes_to_a_task_that_is_away_goes_to_the_next_one() {
    let locks = PATIENTS.map(|patients| every(replacing(patients, lock)));
    let permits = PATIENTS.map(|patients| every(replacing(patients, semaphore)));
    let items = PATIENTS.map(|patients| every(replacing(patients, item)));
    let rooms = PATIENTS.map(|patients| every(replacing(patients, room)));
    let weights = PATIENTS.map(|patients| every(replacing(patients, weighted_room)));
    assert_eq!([locks, permits, items, rooms, weights], [[72, 912, 768]; 5]);
}

/// Whoever is away when an event is set takes no turn from a task that waits for the next time.
#[test]
fn an_event_that_is_set_while_a_task_is_away_wakes_nobody_later() {
    let schedules = every(|sim| {
        interrupt(sim, "asks");
        let (event, late) = (Event::new(), Count::default());
        start(sim, "asks and goes away", &Count::default(), wander(event.wait()))?;
        let (setting, newcomer) = (event.clone(), late.clone());
        let setter = sleep(tenths(10)).map(move |()| {
            setting.set();
            setting.clear();
            spawn(setting.wait().map(move |()| newcomer.add(1))).map(drop)
        });
        let again = event.clone();
        let setter = setter.then(|_| sleep(tenths(20))).map(move |()| {
            assert_eq!(late.get(), 0, "it came after the event was cleared");
            again.set();
        });
        start(sim, "sets", &Count::default(), setter)?;
        sim.finally(move || assert_eq!(format!("{event:?}"), "Event(set, 0 waiting)"));
        Ok(())
    });
    assert_eq!(schedules, 32);
}

/// A task waits for an item in a race, and then waits for one of another queue in its place.
#[test]
fn a_child_that_is_replaced_in_a_race_leaves_its_place() {
    let schedules = every(|sim| {
        interrupt(sim, "asks");
        let queues = [Queue::new(), Queue::new()];
        let (mut race, mut wanted, mut bell) =
            (Race::new(), Racing::new(queues[0].get()), Racing::new(sleep(tenths(10))));
        let (asked, putting, mut has_changed) = (queues[1].clone(), queues.clone(), false);
        let asking = from_fn(move |mut sent| {
            loop {
                match yield_from!(race.run((&mut wanted, &mut bell)), sent)? {
                    Won::A(item) => {
                        assert_eq!(item, 1);
                        return Ok(Step::Return(()));
                    }
                    Won::B(()) => {
                        assert!(!has_changed, "it waits for ever");
                        wanted.restart(asked.get());
                        bell.restart(sleep(tenths(100)));
                        has_changed = true;
                    }
                }
            }
        });
        let ended = Count::default();
        start(sim, "asks", &ended, asking)?;
        let putter = sleep(tenths(20))
            .map(move |()| putting.iter().zip(0..).try_for_each(|(queue, item)| queue.put_nowait(item)));
        start(sim, "puts", &Count::default(), putter)?;
        sim.finally(move || assert_eq!(queues.each_ref().map(Queue::len), [1, 1 - ended.get()]));
        Ok(())
    });
    assert_eq!(schedules, 14);
}
