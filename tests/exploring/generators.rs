//! Async generators that are left in the middle, shared, and closed with their loop; and iterators whose consumer goes on
//! after an exception.

use std::rc::Rc;
use std::time::Duration;

use innermost::async_iter::{AsyncGenerator, AsyncIterator, Produced, aclosing, awaiting, interval, items};
use innermost::queue::{Queue, Shutdown};
use innermost::scope::with;
use innermost::task::ErrorContext;
use innermost::testing::{Interruption, Sim};
use innermost::wait::{Race, Racing};
use innermost::{
    Awaitable, Coroutine, CoroutineExt, Exception, Kind, Resumed, Sleep, Step, end, from_fn, lazy, ready, sleep,
    yield_from,
};

use crate::common::{Count, Log, Mark, every, every_within, rest, start, turn};

/// Awaits a turn before each of two items, and another one to clean up, whatever is thrown in.
struct Careful {
    count: usize,
    pause: Sleep,
    ended: Option<Result<(), Exception>>,
    cleaned: Count,
    fails: bool,
    _alive: Mark,
}

impl Careful {
    fn start(alive: &Count, cleaned: &Count) -> AsyncGenerator<Self> {
        Self::of(alive, cleaned, false)
    }

    /// If it `fails`, it raises an exception of its own when it has cleaned up.
    fn of(alive: &Count, cleaned: &Count, fails: bool) -> AsyncGenerator<Self> {
        let (cleaned, alive) = (cleaned.clone(), alive.mark());
        AsyncGenerator::new(Self { count: 0, pause: turn(), ended: None, cleaned, fails, _alive: alive })
    }
}

impl Coroutine for Careful {
    type Yield = Produced<usize>;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some(ended) = &self.ended {
                // Whatever comes now, it has cleaned up.
                let _ = yield_from!(awaiting(&mut self.pause), sent);
                self.cleaned.add(1);
                return match self.fails {
                    true => Err(Exception::message(Kind::ValueError, "cannot clean up")),
                    false => ended.clone().map(Step::Return),
                };
            }
            let waited = match self.count {
                2 => sent.map(|()| true),
                _ => yield_from!(awaiting(&mut self.pause), sent).map(|()| false),
            };
            sent = Ok(());
            self.pause = turn();
            match waited {
                Ok(false) => {
                    self.count += 1;
                    return Ok(Step::Yield(Produced::Item(self.count)));
                }
                Ok(true) => self.ended = Some(Ok(())),
                Err(raised) => self.ended = Some(Err(raised)),
            }
        }
    }
}

/// Two consumers that are left while their generator is at an item, or waits.
fn leaving<C: Awaitable + 'static>(
    consume: fn(AsyncGenerator<Careful>, Count) -> C,
) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        // A generator that awaits cannot be closed at once.
        sim.faults().every_suspension(Interruption::Cancel | Interruption::Throw);
        let (alive, begun, cleaned) = (Count::default(), Count::default(), Count::default());
        for number in 0..2 {
            let (generator, begun) = (Careful::start(&alive, &cleaned), begun.clone());
            start(sim, &format!("consumer {number}"), &Count::default(), consume(generator, begun))?;
        }
        let judge = rest().map(move |()| {
            assert_eq!((alive.get(), cleaned.get()), (0, begun.get()), "a generator goes on without a consumer");
        });
        start(sim, "judge", &Count::default(), judge)
    }
}

/// A body that awaits a turn.
fn consume(generator: AsyncGenerator<Careful>, begun: Count) -> impl Awaitable<Return = ()> {
    lazy(move || {
        begun.add(1);
        generator.for_each(|_item| turn())
    })
}

#[test]
fn a_generator_whose_consumer_is_gone_is_closed_by_the_loop() {
    let at_an_item = every_within(2, leaving(consume));
    // Dropped after a turn, without an exception.
    let waiting = every_within(
        2,
        leaving(|generator, begun| {
            let (mut child, mut race, mut bell) =
                (Some(Racing::new(consume(generator, begun))), Race::new(), Racing::new(turn()));
            from_fn(move |mut sent| {
                yield_from!(race.run((child.as_mut(), &mut bell)), sent)?;
                child = None;
                end(())
            })
        }),
    );
    assert_eq!([at_an_item, waiting], [916, 2_815]);
}

#[test]
fn a_generator_that_others_hold_is_closed_with_its_scope() {
    let schedules = every(|sim| {
        sim.faults().every_suspension(Interruption::Cancel | Interruption::Throw).in_tasks(|name| name == "consumer");
        let (alive, begun, cleaned) = (Count::default(), Count::default(), Count::default());
        let generator = Careful::start(&alive, &cleaned);
        let (kept, started) = (generator.clone(), begun.clone());
        let consumer = with(aclosing(generator), move |items| {
            started.add(1);
            items.anext().then(|_item| turn())
        });
        let consumer = sim.task().name("consumer").spawn(consumer)?;
        let _ = sim.run(consumer);
        assert_eq!(cleaned.get(), begun.get(), "it goes on after its scope");
        if begun.get() == 1 {
            assert_eq!(sim.run(kept.anext())?, None);
        }
        drop(kept);
        assert_eq!(alive.get(), 0);
        Ok(())
    });
    assert_eq!(schedules, 9);
}

/// Two tasks take items from one generator. One that comes while the other waits is refused, and comes again.
fn sharing<C: Awaitable<Return = Option<usize>> + 'static>(
    next: fn(&AsyncGenerator<Careful>) -> C,
) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        let (alive, cleaned, log) = (Count::default(), Count::default(), Log::default());
        let (ended, refused) = (Count::default(), Count::default());
        let generator = Careful::start(&alive, &cleaned);
        for number in 0..2 {
            let (generator, log, refused) = (generator.clone(), log.clone(), refused.clone());
            let (mut asked, mut pause) = (next(&generator), None::<Sleep>);
            let consumer = from_fn(move |mut sent| {
                loop {
                    if let Some(waits) = &mut pause {
                        yield_from!(waits, sent)?;
                        (asked, pause) = (next(&generator), None);
                    }
                    match yield_from!(asked, sent) {
                        Ok(Some(item)) => log.push(item),
                        Ok(None) => return end(()),
                        Err(raised) => {
                            assert!(raised.to_string().contains("already running"), "{raised}");
                            refused.add(1);
                        }
                    }
                    pause = Some(turn());
                }
            });
            start(sim, &format!("consumer {number}"), &ended, consumer)?;
        }
        drop(generator);
        sim.finally(move || {
            assert!(refused.get() >= 1, "the second one comes while the first one waits");
            assert_eq!((log.events(), ended.get(), alive.get(), cleaned.get()), (vec![1, 2], 2, 0, 1));
        });
        Ok(())
    }
}

#[test]
fn a_generator_serves_one_consumer_at_a_time() {
    let by_anext = every(sharing(AsyncGenerator::anext));
    let by_next = every(sharing(|generator| {
        let mut generator = generator.clone();
        from_fn(move |mut sent| yield_from!(generator.next(), sent).map(Step::Return))
    }));
    assert_eq!([by_anext, by_next], [36, 36]);
}

#[test]
fn a_generator_that_is_closed_before_it_starts_has_no_items() {
    let schedules = every(|sim| {
        let (alive, cleaned) = (Count::default(), Count::default());
        let generator = Careful::start(&alive, &cleaned);
        sim.run(generator.aclose())?;
        assert_eq!((alive.get(), cleaned.get()), (0, 0));
        assert_eq!(sim.run(generator.anext())?, None);
        Ok(())
    });
    assert_eq!(schedules, 1);
}

/// Generators that others hold, at an item each, and one that ends before.
fn shutting_down(fails: bool) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        let (alive, cleaned) = (Count::default(), Count::default());
        let mut held = Vec::new();
        for number in 0..3 {
            let generator = Careful::of(&alive, &cleaned, fails && number > 0);
            sim.run(generator.anext())?;
            held.push(generator);
        }
        sim.run(held[0].clone().for_each(|_| ready(())))?;
        assert_eq!((alive.get(), cleaned.get()), (2, 1));
        sim.run(sim.shutdown_asyncgens())?;
        assert_eq!((alive.get(), cleaned.get()), (0, 3), "it has closed all of them");
        sim.run(sim.shutdown_asyncgens())?;
        drop(held);
        Ok(())
    }
}

#[test]
fn all_generators_are_closed_with_the_loop() {
    assert_eq!(every(shutting_down(false)), 8);
    let reports = Count::default();
    let mut program = shutting_down(true);
    every(|sim| {
        let (before, seen) = (reports.get(), reports.clone());
        sim.set_exception_handler(move |context: &ErrorContext| {
            assert!(context.message.starts_with("an error occurred during closing of asynchronous generator"));
            seen.add(1);
        });
        program(sim)?;
        assert_eq!(reports.get() - before, 2);
        Ok(())
    });
}

/// A reader that is interrupted goes on with the same iterator.
#[test]
fn an_iterator_goes_on_after_an_exception() {
    let schedules = every(|sim| {
        sim.faults().every_suspension(Interruption::Throw).in_tasks(|name| name == "reader").at_most(2);
        let (queue, log, ended) = (Queue::new(), Log::default(), Count::default());
        let (mut items, seen) = (items(&queue), log.clone());
        let reader = from_fn(move |mut sent| {
            loop {
                match yield_from!(items.next(), sent) {
                    Ok(Some(item)) => seen.push(item),
                    Ok(None) => return end(()),
                    Err(raised) => assert!(raised.to_string().contains("interrupted"), "{raised}"),
                }
            }
        });
        start(sim, "reader", &ended, reader)?;
        let (putting, closing) = (queue.clone(), queue.clone());
        let putter = turn().map(move |()| (0..2).try_for_each(|item| putting.put_nowait(item))).then(|_| rest());
        start(sim, "putter", &Count::default(), putter.map(move |()| closing.shutdown(Shutdown::Drain)))?;
        sim.finally(move || assert!(ended.get() == 0 || log.events() == [0, 1], "{:?}", log.events()));
        Ok(())
    });
    assert_eq!(schedules, 40);
}

/// Ticks of 10 ms, of a consumer that takes so long for each of them.
fn ticking(times: &'static [u64], expected: &'static [(u64, u64)]) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        sim.faults().every_suspension(Interruption::Throw).in_tasks(|name| name == "watcher");
        let (mut ticks, log, ended) = (interval(Duration::from_millis(10)), Rc::new(Log::default()), Count::default());
        let (event_loop, seen) = (innermost::LoopHandle::clone(sim), Rc::clone(&log));
        let (mut left, mut pause, mut until) = (times.iter(), turn(), sim.time());
        let watcher = from_fn(move |mut sent| {
            loop {
                // An exception changes neither the time of a tick nor that of the consumer.
                if yield_from!(pause, sent).is_err() {
                    pause = sleep(until - event_loop.time());
                    continue;
                }
                match yield_from!(ticks.next(), sent) {
                    Ok(tick) => seen.push((tick.unwrap_or(0), event_loop.time().since_zero().as_millis() as u64)),
                    Err(raised) => {
                        assert!(raised.to_string().contains("interrupted"), "{raised}");
                        pause = turn();
                        continue;
                    }
                }
                let Some(time) = left.next() else { return end(()) };
                until = event_loop.time() + Duration::from_millis(*time);
                pause = sleep(until - event_loop.time());
            }
        });
        start(sim, "watcher", &ended, watcher)?;
        sim.finally(move || assert!(ended.get() == 0 || log.events() == expected, "{:?}", log.events()));
        Ok(())
    }
}

#[test]
fn an_interval_ticks_at_its_times_and_leaves_out_those_that_were_missed() {
    let schedules = [
        every(ticking(&[0, 3], &[(1, 10), (2, 20), (3, 30)])),
        every(ticking(&[25, 3, 12], &[(1, 10), (3, 35), (4, 40), (5, 52)])),
    ];
    assert_eq!(schedules, [15, 19]);
}
