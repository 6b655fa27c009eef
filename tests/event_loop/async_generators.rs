//! The rules of async generators: those of C1 to C8 that concern them, as CPython 3.13 implements them.
//!
//! A comment above a test cites its rule. The lists of events were recorded from CPython 3.13. These cannot arise:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | C3 | a coroutine that is never awaited warns | `#[must_use]` says so when it is compiled |
//! | C5 | what a suspended one awaits | `Debug` of a generator shows its frames, and none while it runs |
//! | C8 | a generator is collected in another thread | it is not `Send` |
//!
//! Two differences from CPython. A generator that has ignored its exit can be closed again, as any other generator can; in
//! CPython, `aclose` raises `StopAsyncIteration`. A generator that is dropped after its loop was closed, or that was never in
//! a loop, still cleans up, as far as it can without awaiting; in CPython, none of its code runs.

use crate::support::events;
mod dropping;
mod leaks;
mod producers;
mod ticks;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::support::clock::test_loop;
use crate::support::events::{Log, Oops, pauses, sleeps};
use innermost::async_iter::{AsyncGenerator, AsyncIterator, Produced, awaiting};
use innermost::testing::virtual_loop;
use innermost::{
    Awaitable, Call, Coroutine, CoroutineExt, Exception, Generator, Resumed, Step, Stop, from_fn, sleep, yield_from,
};
use producers::{Numbers, awaits, consumer, end, item, other, produces, run, said};

/// Yields 0, 1, ... up to `count`, each after a second.
fn slow(count: i32) -> Numbers {
    let mut next = 0;
    produces(move |n, got| {
        got?;
        if n % 2 == 0 && next < count {
            return awaits(sleeps(1));
        }
        next += 1;
        if next <= count { item(next - 1) } else { end() }
    })
}

#[test]
fn items_and_awaits_come_in_the_order_of_cpython() {
    let (event_loop, log) = (test_loop(), Log::default());
    let l = log.clone();
    let producer = produces(move |n, got| {
        got?;
        match n {
            0 => l.add("start"),
            7 => {
                l.add("cleaned");
                return end();
            }
            n if n % 2 == 0 => l.add(format_args!("resumed {}", n / 2 - 1)),
            n => {
                l.add(format_args!("made {}", n / 2));
                return item((n / 2) as i32);
            }
        }
        if n == 6 {
            l.add("finally");
        }
        awaits(pauses())
    });
    let main = consumer(producer, &log, 9);
    let main = event_loop.create_task(main).unwrap();
    event_loop.create_task(other(&log, 8)).unwrap();
    event_loop.run_until_complete(main).unwrap();
    events::run(&event_loop, 5);
    // async def prod():
    //     try:
    //         for i in range(3): await sleep(0); say('made', i); yield i; say('resumed', i)
    //     finally: say('finally'); await sleep(0); say('cleaned')
    let recorded = "start|other 0|made 0|got 0|resumed 0|other 1|made 1|got 1|resumed 1|other 2|made 2|got 2|resumed 2\
                    |finally|other 3|cleaned|end|other 4|other 5|other 6|other 7";
    assert_eq!(log.take().join("|"), recorded);
}

// C6
#[test]
fn a_second_operation_while_an_item_is_awaited_is_refused() {
    let event_loop = virtual_loop().unwrap();
    let numbers = slow(2);
    let first = event_loop.create_task(numbers.anext()).unwrap();
    let afresh = event_loop.create_task(consumer(numbers.clone(), &Log::default(), 1)).unwrap();
    let second = event_loop.create_task(numbers.asend(7)).unwrap();
    let thrown = event_loop.create_task(numbers.athrow(Oops(1))).unwrap();
    let closed = event_loop.create_task(numbers.aclose()).unwrap();
    assert_eq!(run(&event_loop, first.join()), "Some(0)");
    let refused = |operation| format!("RuntimeError: {operation}(): asynchronous generator is already running");
    assert_eq!(run(&event_loop, afresh.join()), refused("anext"));
    assert_eq!(run(&event_loop, second.join()), refused("anext"));
    assert_eq!(run(&event_loop, thrown.join()), refused("athrow"));
    assert_eq!(run(&event_loop, closed.join()), refused("aclose"));
    assert_eq!(run(&event_loop, numbers.anext()), "Some(1)");
}

// C6
#[test]
fn a_second_task_that_awaits_the_next_item_is_refused() {
    let event_loop = virtual_loop().unwrap();
    let (numbers, log) = (slow(2), Log::default());
    let first = event_loop.create_task(consumer(numbers.clone(), &log, 9)).unwrap();
    let second = event_loop.create_task(consumer(numbers.clone(), &log, 9)).unwrap();
    let third = event_loop.create_task(numbers.aclose()).unwrap();
    let refused = |operation| format!("RuntimeError: {operation}(): asynchronous generator is already running");
    assert_eq!(run(&event_loop, second.join()), refused("anext"));
    assert_eq!(run(&event_loop, third.join()), refused("aclose"));
    assert_eq!(run(&event_loop, first.join()), "0");
    assert_eq!(log.take(), ["consumer ends", "got 0", "got 1", "end"]);
}

// C6
#[test]
fn a_producer_that_requests_its_own_items_is_refused() {
    let this = Rc::new(RefCell::new(None::<Numbers>));
    let inside = Rc::clone(&this);
    let numbers = produces(move |_, got| {
        got?;
        let mut me = inside.borrow().clone().unwrap();
        let anext = Generator::new(me.anext()).next().unwrap_err();
        let next = Generator::new(me.next()).next().unwrap_err();
        let aclose = Generator::new(me.aclose()).next().unwrap_err();
        let texts = [Exception::from(anext), Exception::from(next), Exception::from(aclose)].map(|e| e.to_string());
        assert!(texts.iter().all(|text| text.ends_with("asynchronous generator is already running")), "{texts:?}");
        assert!(format!("{me:?}").contains("None"));
        item(1)
    });
    this.replace(Some(numbers.clone()));
    assert_eq!(run(&virtual_loop().unwrap(), numbers.anext()), "Some(1)");
    this.take();
}

// C1, C6
#[test]
fn an_operation_can_be_awaited_only_once() {
    let event_loop = virtual_loop().unwrap();
    let numbers = slow(1);
    let reused = |mut operation: Box<dyn FnMut() -> String>| [operation(), operation()];
    let again = |text: &str| format!("RuntimeError: cannot reuse already awaited {text}");
    let exhaust: Vec<_> = event_loop.run_until_complete(numbers.clone().collect()).unwrap();
    assert_eq!(exhaust, [0]);
    let mut anext = numbers.anext();
    let twice = reused(Box::new(move || said(anext.resume(Ok(())).map(drop))));
    assert_eq!(twice, ["()".into(), again("__anext__()/asend()")]);
    let mut aclose = numbers.aclose();
    let twice = reused(Box::new(move || said(aclose.resume(Ok(())).map(drop))));
    assert_eq!(twice, ["()".into(), again("aclose()/athrow()")]);
}

// C1, C7
#[test]
fn send_throw_and_close_behave_as_in_cpython() {
    let event_loop = virtual_loop().unwrap();
    let two = || produces(|n, got| got.and_then(|_| if n < 2 { item(n as i32 + 1) } else { end() }));
    let numbers = two();
    let sent = "TypeError: can't send non-None value to a just-started async generator";
    assert_eq!(run(&event_loop, numbers.asend(5)), sent);
    assert_eq!(run(&event_loop, numbers.anext()), "Some(1)");
    assert_eq!(run(&event_loop, numbers.athrow(Oops(1))), "Error: oops 1");
    assert_eq!(run(&event_loop, numbers.athrow(Oops(2))), "None");
    assert_eq!(run(&event_loop, numbers.anext()), "None");
    assert_eq!(run(&event_loop, numbers.aclose()), "()");
    let numbers = two();
    assert_eq!(run(&event_loop, numbers.athrow(Oops(1))), "Error: oops 1");
    assert_eq!(run(&event_loop, numbers.anext()), "None");
    assert_eq!(run(&event_loop, numbers.athrow(Oops(1))), "None");
    let numbers = two();
    assert_eq!(run(&event_loop, numbers.aclose()), "()");
    assert_eq!(run(&event_loop, numbers.anext()), "None");
    assert_eq!(run(&event_loop, numbers.aclose()), "()");
    let echo = produces(|n, got| item(if n == 0 { -1 } else { got? * 2 }));
    assert_eq!(run(&event_loop, echo.anext()), "Some(-1)");
    assert_eq!(run(&event_loop, echo.asend(21)), "Some(42)");
}

// C4, C7
#[test]
fn an_item_yielded_after_the_exit_is_an_error() {
    let event_loop = virtual_loop().unwrap();
    let numbers = produces(|n, got| if n < 3 { item(n as i32) } else { got.and_then(item) });
    assert_eq!(run(&event_loop, numbers.anext()), "Some(0)");
    assert_eq!(run(&event_loop, numbers.aclose()), "RuntimeError: async generator ignored GeneratorExit");
    assert_eq!(run(&event_loop, numbers.anext()), "Some(2)");
    assert_eq!(run(&event_loop, numbers.aclose()), "()");
    let leaks = produces(|_, _| Err(Exception::stop_iteration()));
    assert_eq!(run(&event_loop, leaks.anext()), "RuntimeError: generator raised StopIteration");
}

#[test]
fn a_cancel_reaches_the_waiting_producer_which_can_await_while_cleaning_up() {
    let (event_loop, log) = (virtual_loop().unwrap(), Log::default());
    let l = log.clone();
    let numbers = produces(move |n, got| match (n, got) {
        (0, _) => item(0),
        (1, _) => awaits(sleeps(10)),
        (2, Err(cancelled)) if cancelled.is_cancelled() => {
            l.add("caught");
            awaits(sleeps(1))
        }
        _ => {
            l.add("cleaned");
            Err(Exception::cancelled())
        }
    });
    let task = event_loop.create_task(consumer(numbers.clone(), &log, 9)).unwrap();
    let cancelled = task.clone();
    event_loop.call_later(Duration::from_secs(1), move || assert!(cancelled.cancel())).unwrap();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(2));
    assert_eq!(log.take(), ["got 0", "caught", "cleaned", "consumer ends"]);
    assert_eq!(run(&event_loop, numbers.anext()), "None");
}

#[test]
fn a_producer_may_catch_a_cancel_and_yield_an_item() {
    let (event_loop, log) = (virtual_loop().unwrap(), Log::default());
    let numbers = produces(|n, _| match n {
        0 | 2 | 4 => awaits(sleeps(10)),
        1 | 3 | 5 => item(n as i32 / 2),
        _ => end(),
    });
    let task = event_loop.create_task(consumer(numbers, &log, 9)).unwrap();
    let cancelled = task.clone();
    event_loop.call_later(Duration::from_secs(1), move || assert!(cancelled.cancel())).unwrap();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(21));
    assert_eq!(log.take(), ["got 0", "got 1", "got 2", "end"]);
}

#[test]
fn a_producer_ends_when_it_raises() {
    let event_loop = virtual_loop().unwrap();
    let numbers = produces(|n, _| if n == 0 { item(1) } else { Err(Oops(1).into()) });
    assert_eq!(run(&event_loop, numbers.anext()), "Some(1)");
    assert_eq!(run(&event_loop, numbers.anext()), "Error: oops 1");
    assert_eq!(run(&event_loop, numbers.anext()), "None");
    assert_eq!(run(&event_loop, numbers.aclose()), "()");
}

#[test]
fn a_producer_ends_when_it_panics() {
    let event_loop = virtual_loop().unwrap();
    let numbers = produces(|n, _| if n == 0 { item(1) } else { panic!("bad") });
    assert_eq!(run(&event_loop, numbers.anext()), "Some(1)");
    assert_eq!(run(&event_loop, numbers.anext()), "Panic: bad");
    assert_eq!(run(&event_loop, numbers.anext()), "None");
    assert_eq!(run(&event_loop, event_loop.shutdown_asyncgens()), "()");
}

// C6
#[test]
fn no_other_operation_starts_while_the_generator_is_closing() {
    let event_loop = virtual_loop().unwrap();
    let numbers = produces(|n, got| match n {
        0 => item(1),
        1 => awaits(sleeps(5)),
        _ => got.and_then(|_| end()),
    });
    assert_eq!(run(&event_loop, numbers.anext()), "Some(1)");
    let closing = event_loop.create_task(numbers.aclose()).unwrap();
    event_loop.run_until_complete(sleep(Duration::from_secs(1))).unwrap();
    let refused = |operation| format!("RuntimeError: {operation}(): asynchronous generator is already running");
    assert_eq!(run(&event_loop, numbers.anext()), refused("anext"));
    assert_eq!(run(&event_loop, numbers.aclose()), refused("aclose"));
    assert_eq!(run(&event_loop, numbers.athrow(Oops(1))), refused("athrow"));
    closing.cancel();
    assert!(event_loop.run_until_complete(closing).unwrap_err().is_cancelled());
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(1));
    assert_eq!(run(&event_loop, numbers.anext()), "None");
}

#[test]
fn an_abandoned_operation_continues_where_it_stopped() {
    let event_loop = virtual_loop().unwrap();
    let numbers = slow(2);
    let mut abandoned = numbers.anext();
    let task = from_fn(move |_| abandoned.resume(Ok(())).map(|_| Step::Return(())));
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(run(&event_loop, numbers.anext()), "Some(0)");
    // A task that ends without passing its cancel on.
    let mut afresh = numbers.clone();
    let deaf = from_fn(move |_: Result<(), Exception>| afresh.next().resume(Ok(())).map(|_| Step::Return(())));
    event_loop.run_until_complete(deaf).unwrap();
    assert_eq!(run(&event_loop, numbers.anext()), "Some(1)");
    assert_eq!(run(&event_loop, numbers.anext()), "None");
}

/// Doubles the items of another generator.
struct Doubled {
    inner: Numbers,
}

impl Coroutine for Doubled {
    type Yield = Produced<i32>;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        Ok(match yield_from!(awaiting(self.inner.next()), sent)? {
            Some(item) => Step::Yield(Produced::Item(2 * item)),
            None => Step::Return(()),
        })
    }
}

#[test]
fn generators_nest() {
    let event_loop = virtual_loop().unwrap();
    let doubled = AsyncGenerator::new(Doubled { inner: slow(3) });
    assert_eq!(event_loop.run_until_complete(doubled.collect::<Vec<_>>()).unwrap(), [0, 2, 4]);
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(3));
}

/// Sleeps a second, that many frames deep, and returns how deep that was.
fn deep(depth: u32) -> Box<dyn Awaitable<Return = u32>> {
    if depth == 0 {
        return Box::new(sleep(Duration::from_secs(1)).map(|()| 0));
    }
    Box::new(Call::new(from_fn({
        let mut inner = Call::new(deep(depth - 1));
        move |mut sent: Result<(), Exception>| Ok(Step::Return(yield_from!(inner, sent)? + 1))
    })))
}

#[test]
fn a_producer_awaits_through_calls() {
    let event_loop = virtual_loop().unwrap();
    let mut depth = Some(deep(1000));
    let producer = from_fn(move |mut sent: Result<(), Exception>| {
        if let Some(call) = &mut depth {
            let reached = yield_from!(awaiting(call), sent)?;
            depth = None;
            return Ok(Step::Yield(Produced::Item(reached)));
        }
        sent?;
        Ok(Step::Return(()))
    });
    let items: Vec<_> = event_loop.run_until_complete(AsyncGenerator::new(producer).collect()).unwrap();
    assert_eq!(items, [1000]);
}

#[test]
fn cancel_and_close_reach_calls_inside_a_producer() {
    for close in [false, true] {
        let (event_loop, log) = (virtual_loop().unwrap(), Log::default());
        let l = log.clone();
        let mut call = Call::new(events::body(move |n, got| match got {
            Ok(_) if n == 0 => sleeps(9),
            got => {
                l.add(said(got.map(drop)));
                Err(Oops(7).into())
            }
        }));
        let producer = from_fn(move |mut sent: Result<(), Exception>| {
            yield_from!(awaiting(&mut call), sent)?;
            Ok(Step::Yield::<_, _, ()>(Produced::Item(0)))
        });
        let numbers = AsyncGenerator::new(producer);
        let mut abandoned = numbers.anext();
        event_loop
            .run_until_complete(from_fn(move |_: Result<(), Exception>| {
                abandoned.resume(Ok(())).map(|_| Step::Return(()))
            }))
            .unwrap();
        let ended = if close { run(&event_loop, numbers.aclose()) } else { run(&event_loop, numbers.athrow(Oops(1))) };
        assert_eq!(ended, "Error: oops 7");
        assert_eq!(log.take(), [if close { "GeneratorExit: generator exit" } else { "Error: oops 1" }]);
    }
}

#[test]
fn a_hundred_thousand_items_pass() {
    let event_loop = virtual_loop().unwrap();
    let numbers = produces(|n, got| {
        got?;
        if n < 100_000 { item(n as i32) } else { end() }
    });
    let all: Vec<_> = event_loop.run_until_complete(numbers.collect()).unwrap();
    assert!(all.into_iter().eq(0..100_000));
}

#[test]
fn a_generator_is_driven_by_hand() {
    let numbers = slow(1);
    let mut by_hand = Generator::new(numbers.anext());
    // Outside of a loop there is no clock to wait for: that is raised in the producer.
    let Err(Stop::Raised(raised)) = by_hand.next() else { panic!("it cannot sleep") };
    assert_eq!(raised.to_string(), "no running event loop");
    let mut by_hand = Generator::new(produces(|_, _| item(1)).anext());
    assert!(matches!(by_hand.next(), Err(Stop::Returned(Some(1)))));
}

#[test]
fn iterating_over_a_queue_ends_when_it_is_shut_down() {
    use innermost::async_iter::{AsyncIterator, items};
    use innermost::queue::{Queue, Shutdown};
    let (event_loop, queue) = (virtual_loop().unwrap(), Queue::new());
    let all = event_loop.create_task(items(&queue).collect::<Vec<_>>()).unwrap();
    event_loop.run_once().unwrap();
    for number in [1, 2] {
        assert!(queue.put_nowait(number).is_ok());
        event_loop.run_once().unwrap();
    }
    queue.shutdown(Shutdown::Drain);
    assert_eq!(event_loop.run_until_complete(all).unwrap(), [1, 2]);
}

#[test]
fn for_each_awaits_its_body_and_stops_when_it_raises() {
    use innermost::async_iter::{AsyncIterator, items};
    use innermost::queue::{Queue, Shutdown};
    let (event_loop, queue) = (virtual_loop().unwrap(), Queue::new());
    for number in 1..=4 {
        assert!(queue.put_nowait(number).is_ok());
    }
    queue.shutdown(Shutdown::Drain);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let sees = Rc::clone(&seen);
    let body = move |number| {
        let sees = Rc::clone(&sees);
        CoroutineExt::try_map(sleep(Duration::from_secs(1)), move |()| {
            sees.borrow_mut().push(number);
            if number < 3 { Ok(()) } else { Err(Exception::timeout()) }
        })
    };
    let raised = event_loop.run_until_complete(items(&queue).for_each(body)).unwrap_err();
    assert_eq!((raised.kind(), event_loop.time().since_zero().as_secs()), (innermost::Kind::TimeoutError, 3));
    assert_eq!(*seen.borrow(), [1, 2, 3]);
    assert_eq!(queue.len(), 1);
}
