//! Context values that panic when they are dropped, in each place where a loop may drop the last reference. The loop goes on,
//! and closes completely.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use innermost::context::{Context, ContextVar};
use innermost::{Call, EventLoop, Exception, LoopHandle, Step, from_fn, sleep};

use crate::support::alone;
use crate::support::clock::test_loop;
use crate::support::events::{Log, awaits, body, on_drop, pauses, returns, run, sleeps};

/// Panics when it is dropped, once, and counts that.
struct Bomb(Rc<Cell<u32>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        panic!("bomb");
    }
}

static HELD: ContextVar<Bomb> = ContextVar::new("held");
static SENT: ContextVar<SentBomb> = ContextVar::new("sent").sent_to_threads();

/// A variable that is shared with threads. It has no count.
struct SentBomb;

impl Drop for SentBomb {
    fn drop(&mut self) {
        panic!("bomb");
    }
}

type Count = Rc<Cell<u32>>;

/// A context with a bomb, which nothing else refers to.
fn armed(count: &Count) -> Context {
    let context = Context::new();
    context.run(|| drop(HELD.set(Bomb(Rc::clone(count)))));
    context
}

type Situation = (&'static str, fn(&LoopHandle, &Count));

/// The objects of a running loop.
const RUNNING: &[Situation] = &[
    ("a callback that has run", |event_loop, count| drop(event_loop.call_soon_in(&armed(count), || {}))),
    ("a callback that panics", |event_loop, count| {
        drop(event_loop.call_soon_in(&armed(count), || panic!("in callback")));
    }),
    ("a callback that raises", |event_loop, count| {
        drop(event_loop.call_soon_in(&armed(count), || Err::<(), _>(Exception::timeout())));
    }),
    ("a callback that was cancelled", |event_loop, count| {
        event_loop.call_soon_in(&armed(count), || {}).unwrap().cancel();
    }),
    ("a callback that has set it", |event_loop, count| {
        let count = Rc::clone(count);
        event_loop.call_soon(move || drop(HELD.set(Bomb(count)))).unwrap();
    }),
    ("a callback whose destructor has set it", |event_loop, count| {
        let count = Rc::clone(count);
        let sets = on_drop(move || drop(HELD.set(Bomb(count))));
        event_loop.call_soon(move || sets.keep()).unwrap();
    }),
    ("a cancelled callback whose destructor has set it", |event_loop, count| {
        let count = Rc::clone(count);
        let sets = on_drop(move || drop(HELD.set(Bomb(count))));
        let handle = event_loop.call_soon(move || sets.keep()).unwrap();
        event_loop.call_soon(move || handle.cancel()).unwrap();
    }),
    ("a timer", |event_loop, count| drop(event_loop.call_later_in(&armed(count), Duration::ZERO, || {}))),
    ("a timer that was cancelled", |event_loop, count| {
        event_loop.call_later_in(&armed(count), Duration::ZERO, || {}).unwrap().cancel();
    }),
    ("a task that returns", |event_loop, count| {
        drop(event_loop.task().context(&armed(count)).spawn(body(|n, _| if n == 0 { pauses() } else { returns(1) })));
    }),
    ("a task that fails", |event_loop, count| {
        drop(event_loop.task().context(&armed(count)).spawn(body(|_, _| Err(Exception::timeout()))));
    }),
    ("a task that panics", |event_loop, count| {
        drop(event_loop.task().context(&armed(count)).spawn(body(|_, _| panic!("in its step"))));
    }),
    ("a task that panics and has set it", |event_loop, count| {
        let count = Rc::clone(count);
        drop(event_loop.create_task(body(move |_, _| {
            drop(HELD.set(Bomb(Rc::clone(&count))));
            panic!("in its step")
        })));
    }),
    ("a task that is cancelled before it has started", |event_loop, count| {
        event_loop.task().context(&armed(count)).spawn(body(|_, _| returns(1))).unwrap().cancel();
    }),
    ("a task that has set it and is asked for its context meanwhile", |event_loop, count| {
        let count = Rc::clone(count);
        let task = body(move |n, _| {
            drop(HELD.set(Bomb(Rc::clone(&count))));
            drop(EventLoop::running()?.current_task().expect("it runs").context());
            if n == 0 { pauses() } else { returns(1) }
        });
        drop(event_loop.task().context(&Context::new()).spawn(task));
    }),
    ("an eager task", |event_loop, count| {
        let (handle, context) = (event_loop.clone(), Cell::new(Some(armed(count))));
        let starts = move || {
            let context = context.take().expect("it is called once");
            drop(handle.task().context(&context).eager().spawn(body(|_, _| panic!("in its step"))));
        };
        event_loop.call_soon(starts).unwrap();
    }),
    ("a done callback", |event_loop, count| {
        let future = event_loop.create_future();
        future.add_done_callback_in(&armed(count), |_| {});
        future.set_result(1).unwrap();
    }),
    ("done callbacks of a future that is dropped", |event_loop, count| {
        let future = event_loop.create_future::<i32>();
        for _ in 0..3 {
            let bomb = Bomb(Rc::clone(count));
            future.add_done_callback_in(&armed(count), move |_| drop(bomb));
        }
        event_loop.call_soon(move || drop(future)).unwrap();
    }),
    ("a future's result and its callback's context", |event_loop, count| {
        let future = event_loop.create_future();
        future.add_done_callback_in(&armed(count), drop);
        assert!(future.set_result(Bomb(Rc::clone(count))).is_ok());
    }),
    ("a function of another thread", |event_loop, count| {
        let context = Context::new();
        let remote = event_loop.remote();
        context.run(|| drop(SENT.set(SentBomb)));
        count.set(count.get() + 1);
        context.run(|| remote.call_soon_threadsafe(|| {})).unwrap();
        drop(context);
    }),
    ("a function of another thread that has set it", |event_loop, count| {
        count.set(count.get() + 1);
        event_loop.remote().call_soon_threadsafe(|| drop(SENT.set(SentBomb))).unwrap();
    }),
    ("an error's context", |event_loop, count| {
        let (handle, context) = (event_loop.clone(), armed(count));
        event_loop
            .call_soon(move || {
                handle.call_exception_handler(innermost::task::ErrorContext::new("told").in_context(context))
            })
            .unwrap();
    }),
];

#[test]
fn a_loop_goes_on_after_a_context_value_panics_on_drop() {
    for (name, set_up) in RUNNING {
        let (event_loop, log, count) = (test_loop(), Log::default(), Count::default());
        let reports = Rc::new(Cell::new(0));
        let seen = Rc::clone(&reports);
        event_loop.set_exception_handler(move |context| {
            let text = context.exception.as_ref().map(ToString::to_string).unwrap_or_default();
            seen.set(seen.get() + u32::from(text == "bomb"));
        });
        let waits = event_loop.create_task(sleep(Duration::from_secs(1))).unwrap();
        event_loop.remote().call_soon_threadsafe(|| {}).unwrap();
        set_up(&event_loop, &count);
        event_loop.call_soon(log.adds("behind")).unwrap();
        event_loop.call_later(Duration::ZERO, log.adds("timer behind")).unwrap();
        let paused = event_loop.create_task(crate::support::events::pausing(1)).unwrap();
        let ran = event_loop.run_until_complete(sleep(Duration::from_secs(2)));
        assert!(ran.is_ok() && waits.done() && paused.done(), "{name}: {ran:?}");
        let mut entries = log.take();
        entries.sort();
        assert_eq!(entries, ["behind", "timer behind"], "{name}");
        assert!(count.get() > 0 && reports.get() >= count.get(), "{name}: {} of {}", reports.get(), count.get());
        assert!(event_loop.all_tasks().is_empty() && event_loop.current_task().is_none(), "{name}");
        assert!(HELD.with(|held| held.is_none()), "{name}: it is set outside");
        event_loop.close().unwrap();
    }
}

/// The objects of a loop that is closed before it has run.
const CLOSING: &[Situation] = &[
    ("a callback", |event_loop, count| drop(event_loop.call_soon_in(&armed(count), || {}))),
    ("a callback with a bomb of its own", |event_loop, count| {
        let bomb = Bomb(Rc::clone(count));
        drop(event_loop.call_soon_in(&armed(count), move || drop(bomb)));
    }),
    ("a timer with a bomb of its own", |event_loop, count| {
        let bomb = Bomb(Rc::clone(count));
        drop(event_loop.call_later_in(&armed(count), Duration::from_secs(9), move || drop(bomb)));
    }),
    ("a timer that was cancelled", |event_loop, count| {
        event_loop.call_later_in(&armed(count), Duration::from_secs(9), || {}).unwrap().cancel();
    }),
    ("a task that has not started", |event_loop, count| {
        drop(event_loop.task().context(&armed(count)).spawn(body(|_, _| returns(1))));
    }),
    ("a task that sleeps", |event_loop, count| {
        drop(event_loop.task().context(&armed(count)).spawn(body(|_, got| got.and_then(|_| sleeps(9)))));
        run(event_loop, 0);
    }),
    ("a task that waits in a call", |event_loop, count| {
        let task = Call::new(body(|_, got| got.and_then(|_| sleeps(9))));
        drop(event_loop.task().context(&armed(count)).spawn(task));
        run(event_loop, 0);
    }),
    ("a task that sets it while it is closed", |event_loop, count| {
        let count = Rc::clone(count);
        drop(event_loop.create_task(body(move |n, got| {
            if n == 0 {
                return sleeps(9);
            }
            drop(HELD.set(Bomb(Rc::clone(&count))));
            got.map(crate::support::events::Next::Return)
        })));
        run(event_loop, 0);
    }),
    ("a callback whose destructor sets it", |event_loop, count| {
        let count = Rc::clone(count);
        let sets = on_drop(move || drop(HELD.set(Bomb(count))));
        event_loop.call_soon(move || sets.keep()).unwrap();
    }),
    ("a task's result and its context", |event_loop, count| {
        let (count, context) = (Rc::clone(count), armed(count));
        let task = from_fn(move |_| Ok(Step::Return(Bomb(Rc::clone(&count)))));
        let task = event_loop.task().context(&context).spawn(task).unwrap();
        drop(context);
        run(event_loop, 0);
        // Held by queued callbacks.
        event_loop.call_soon(move || drop(task)).unwrap();
    }),
    ("a signal's handler", |event_loop, count| {
        let bomb = Bomb(Rc::clone(count));
        let add = || {
            event_loop.add_signal_handler(libc::SIGUSR2, move || {
                let _held = &bomb;
            })
        };
        armed(count).run(add).unwrap();
    }),
    ("a function of another thread", |event_loop, count| {
        count.set(count.get() + 1);
        let bomb = SentBomb;
        event_loop.remote().call_soon_threadsafe(move || drop(bomb)).unwrap();
    }),
    ("the task factory", |event_loop, count| {
        let bomb = Bomb(Rc::clone(count));
        event_loop.set_task_factory(Some(Rc::new(move |_| {
            let _held = &bomb;
            Ok(())
        })));
    }),
];

#[test]
fn a_loop_closes_completely_even_if_context_values_panic_on_drop() {
    let _alone = alone::signals();
    for (name, set_up) in CLOSING {
        let (event_loop, log, count) = (test_loop(), Log::default(), Count::default());
        let reports = Rc::new(Cell::new(0));
        let seen = Rc::clone(&reports);
        event_loop.set_exception_handler(move |context| {
            let text = context.exception.as_ref().map(ToString::to_string).unwrap_or_default();
            seen.set(seen.get() + u32::from(text == "bomb"));
        });
        for _ in 0..2 {
            set_up(&event_loop, &count);
        }
        let held = |name| {
            let held = log.on_drop(name);
            move || held.keep()
        };
        event_loop.call_soon(held("callback")).unwrap();
        let in_task = held("task");
        let task = body(move |_, _| {
            in_task();
            awaits(from_fn(|_| Ok(Step::Return(1))))
        });
        let task = event_loop.create_task(task).unwrap();
        event_loop.call_later(Duration::from_secs(1), held("timer")).unwrap();
        let last = held("extension");
        event_loop.set_resolver(Quiet(Box::new(last)));
        event_loop.close().unwrap();
        assert!(task.cancelled(), "{name}");
        assert_eq!(log.take(), ["callback", "task", "timer", "extension"], "{name}");
        assert!(count.get() > 0 && reports.get() >= count.get(), "{name}: {} of {}", reports.get(), count.get());
        assert!(HELD.with(|held| held.is_none()), "{name}: it is set outside");
    }
}

/// A resolver that is never asked.
struct Quiet(#[expect(dead_code, reason = "it is there to be dropped")] Box<dyn Fn()>);

impl innermost::resolver::Resolve for Quiet {
    fn getaddrinfo(
        &self,
        _: innermost::resolver::Query,
    ) -> innermost::resolver::Answer<Vec<innermost::resolver::AddrInfo>> {
        unreachable!("nobody asks")
    }

    fn getnameinfo(
        &self,
        _: std::net::SocketAddr,
        _: innermost::resolver::NameFlags,
    ) -> innermost::resolver::Answer<(String, String)> {
        unreachable!("nobody asks")
    }
}

#[test]
fn a_run_ends_even_if_a_value_set_by_its_clock_panics_on_drop() {
    use crate::support::clock::{VirtualClock, Wait, WatchedSelector, loop_of};
    use innermost::selector::{Clock, Waiting};

    #[derive(Debug)]
    struct Sets(VirtualClock, RefCell<Option<Count>>);
    impl Clock for Sets {
        fn now(&self) -> innermost::Instant {
            self.0.now()
        }
        fn wait_until(&self, deadline: Option<innermost::Instant>) -> Waiting {
            if deadline.is_some_and(|deadline| deadline.since_zero() > Duration::from_secs(1))
                && let Some(count) = self.1.take()
            {
                drop(HELD.set(Bomb(count)));
                EventLoop::running().expect("it runs").stop();
                return Waiting::Sleep;
            }
            self.0.wait_until(deadline)
        }
    }
    let count = Count::default();
    let clock = Sets(VirtualClock::default(), RefCell::new(Some(Rc::clone(&count))));
    let event_loop = loop_of(WatchedSelector::new(Wait::Moves(VirtualClock::default())), clock);
    event_loop.call_later(Duration::from_secs(5), || {}).unwrap();
    assert!(event_loop.run_forever().is_ok());
    assert_eq!(count.get(), 1);
    assert!(HELD.with(|held| held.is_none()) && !event_loop.is_running());
}
