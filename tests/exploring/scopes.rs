//! Scopes and async generators: whatever is entered is left, in reverse, and a generator that nobody reads any more ends.

use innermost::async_iter::{AsyncGenerator, AsyncIterator, Produced, aclosing, awaiting, items};
use innermost::queue::{Queue, Shutdown};
use innermost::scope::{AsyncContextManager, ExitStack, Exited, Progress, holding, with};
use innermost::sync::{Lock, Semaphore};
use innermost::testing::{Interruption, Sim, replay};
use innermost::{Awaitable, Coroutine, CoroutineExt, Exception, Resumed, Sleep, Step, lazy, ready, yield_from};

use crate::common::{Count, Log, Mark, every, interrupt, rest, start, turn};

/// Takes a turn to enter and a turn to leave.
struct Room {
    number: usize,
    log: Log<(usize, &'static str)>,
    pauses: [Sleep; 2],
}

impl Room {
    fn new(number: usize, log: &Log<(usize, &'static str)>) -> Self {
        Self { number, log: log.clone(), pauses: [turn(), turn()] }
    }
}

impl AsyncContextManager for Room {
    type Value = ();

    fn resume_enter(&mut self, mut sent: Result<(), Exception>) -> Progress<()> {
        yield_from!(self.pauses[0], sent)?;
        self.log.push((self.number, "entered"));
        Ok(Step::Return(()))
    }

    fn resume_exit(&mut self, _raised: Option<&Exception>, mut sent: Result<(), Exception>) -> Progress<Exited> {
        // Left even if it is interrupted on its way out.
        let left = yield_from!(self.pauses[1], sent);
        self.log.push((self.number, "left"));
        left.map(|()| Step::Return(Exited::Propagate))
    }
}

/// Rooms are left in the reverse of the order in which they were entered, and all of them are.
fn assert_nested(events: &[(usize, &str)]) {
    let mut inside = Vec::new();
    for (number, event) in events {
        match *event {
            "entered" => inside.push(*number),
            _ => assert_eq!(inside.pop(), Some(*number), "{events:?}"),
        }
    }
    assert!(inside.is_empty(), "{events:?}");
}

/// Tasks that are in two rooms each.
fn visiting<C: Awaitable + 'static>(
    faults: u32,
    visit: fn(Log<(usize, &'static str)>) -> C,
) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        // A manager that awaits cannot be closed.
        sim.faults().every_suspension(Interruption::Throw | Interruption::Cancel).at_most(faults);
        for number in 0..2 {
            let (log, ended) = (Log::default(), Count::default());
            start(sim, &format!("visitor {number}"), &ended, visit(log.clone()))?;
            sim.finally(move || {
                assert_nested(&log.events());
                assert!(ended.get() == 0 || log.events().len() == 4);
            });
        }
        Ok(())
    }
}

#[test]
fn what_is_entered_is_left_in_reverse() {
    let nested = every(visiting(1, |log| {
        let inner = log.clone();
        with(Room::new(0, &log), move |()| with(Room::new(1, &inner), |()| turn()))
    }));
    let stacked = every(visiting(1, |log| {
        with(ExitStack::new(), move |stack| {
            let (first, second) = (stack.enter(Room::new(0, &log)), stack.enter(Room::new(1, &log)));
            first.then(|()| second).then(|()| turn())
        })
    }));
    assert_eq!([nested, stacked], [920, 920]);
}

#[test]
fn a_stack_of_guards_holds_them_until_its_body_ends() {
    let schedules = every(|sim| {
        interrupt(sim, "holder");
        let (lock, semaphore, inside) = (Lock::new(), Semaphore::new(1), Count::default());
        for number in 0..2 {
            let (acquire, permit, inside) = (lock.acquire(), semaphore.acquire(), inside.clone());
            let holder = with(ExitStack::new(), move |stack| {
                let (first, second) = (stack.enter(holding(permit)), stack.enter(holding(acquire)));
                first.then(|()| second).then(move |()| {
                    let mark = inside.mark();
                    turn().map(move |()| drop(mark))
                })
            });
            start(sim, &format!("holder {number}"), &Count::default(), holder)?;
        }
        let held = inside.clone();
        sim.always(move || assert!(held.get() <= 1));
        sim.finally(move || {
            assert_eq!(format!("{lock:?}"), "Lock(unlocked, 0 waiting)");
            assert_eq!((semaphore.value(), inside.get()), (1, 0));
        });
        Ok(())
    });
    assert_eq!(schedules, 42);
}

/// Awaits a turn before each of two items, and another one to clean up.
struct Producing {
    count: usize,
    pause: Sleep,
    cleaned: Option<Count>,
    _alive: Mark,
}

impl Producing {
    fn start(alive: &Count, cleaned: &Count) -> AsyncGenerator<Self> {
        AsyncGenerator::new(Self { count: 0, pause: turn(), cleaned: Some(cleaned.clone()), _alive: alive.mark() })
    }
}

impl Coroutine for Producing {
    type Yield = Produced<usize>;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let produced = (|| {
            if self.count == 2 {
                sent.clone()?;
                return Ok(Step::Return(()));
            }
            yield_from!(awaiting(&mut self.pause), sent)?;
            self.pause = turn();
            self.count += 1;
            Ok(Step::Yield(Produced::Item(self.count)))
        })();
        if !matches!(produced, Ok(Step::Yield(_) | Step::Delegate(_)))
            && let Some(cleaned) = self.cleaned.take()
        {
            cleaned.add(1);
        }
        produced
    }
}

/// Two consumers with a generator each.
fn consuming<C: Awaitable + 'static>(
    faults: u32,
    consume: fn(AsyncGenerator<Producing>, Log<usize>) -> C,
) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "consumer");
        sim.faults().at_most(faults);
        let (alive, started, cleaned) = (Count::default(), Count::default(), Count::default());
        for number in 0..2 {
            let (log, ended, begun) = (Log::default(), Count::default(), started.clone());
            let (generator, seen) = (Producing::start(&alive, &cleaned), log.clone());
            let consumer = lazy(move || {
                begun.add(1);
                consume(generator, seen)
            });
            start(sim, &format!("consumer {number}"), &ended, consumer)?;
            sim.finally(move || {
                let items = log.events();
                assert!(ended.get() == 0 || items == [1, 2], "{items:?}");
                assert!([1, 2].starts_with(&items), "{items:?}");
            });
        }
        sim.finally(move || assert_eq!((alive.get(), cleaned.get()), (0, started.get())));
        Ok(())
    }
}

#[test]
fn an_async_generator_ends_with_its_consumer() {
    let dropping = every(consuming(1, |generator, log| {
        generator.for_each(move |item| {
            log.push(item);
            ready(())
        })
    }));
    let closing = every(consuming(1, |generator, log| {
        with(aclosing(generator), move |items| {
            items.for_each(move |item| {
                log.push(item);
                ready(())
            })
        })
    }));
    assert_eq!([dropping, closing], [92, 92]);
}

/// A consumer that is closed while its generator awaits.
#[test]
fn closing_a_consumer_closes_its_generator_where_that_waits() {
    replay(
        "4:3/4",
        consuming(1, |generator, log| {
            generator.for_each(move |item| {
                log.push(item);
                ready(())
            })
        }),
    );
}

#[test]
fn the_items_of_a_queue_are_iterated_once() {
    let schedules = every(|sim| {
        interrupt(sim, "reader");
        let (queue, log) = (Queue::new(), Log::default());
        for number in 0..2 {
            let seen = log.clone();
            let reader = items(&queue).for_each(move |item| {
                seen.push(item);
                ready(())
            });
            start(sim, &format!("reader {number}"), &Count::default(), reader)?;
        }
        let (putting, closing) = (queue.clone(), queue.clone());
        let putter = turn().map(move |()| (0..2).try_for_each(|item| putting.put_nowait(item))).then(|_| rest());
        start(sim, "putter", &Count::default(), putter.map(move |()| closing.shutdown(Shutdown::Drain)))?;
        sim.finally(move || {
            let mut items = log.events();
            items.sort_unstable();
            assert_eq!((items, queue.len()), (vec![0, 1], 0));
        });
        Ok(())
    });
    assert_eq!(schedules, 408);
}
