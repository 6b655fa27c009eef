//! Chains of the library's objects: futures, tasks, queues, contexts, handles. Each holds the next through something of the
//! program's: a callback, a result, an item or a value.

use std::cell::Cell;
use std::cmp::Ordering;
use std::rc::Rc;
use std::time::Duration;

use innermost::async_iter::{AsyncGenerator, Produced};
use innermost::context::{Context, ContextVar};
use innermost::queue::{LifoQueue, PriorityQueue, Queue, Shutdown};
use innermost::task::{ErrorContext, Handle};
use innermost::wait::AnyFuture;
use innermost::wait::{gather, shield, wait_for};
use innermost::{Await, Coroutine, EventLoop, Exception, Future, Resumed, Step, Task, TimerHandle, from_fn, ready};

use super::{DEPTH, on_a_small_stack};
use crate::log::Log;

/// Counts live values.
#[derive(Clone)]
struct Alive(Rc<Cell<usize>>);

impl Alive {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

fn chained_by_callbacks(event_loop: &EventLoop) -> Future<()> {
    (0..DEPTH).fold(event_loop.create_future(), |inner, _| {
        let outer: Future<()> = event_loop.create_future();
        outer.add_done_callback(move |_| drop(inner));
        outer
    })
}

#[test]
fn futures_whose_callbacks_hold_futures_are_dropped_in_a_loop() {
    on_a_small_stack(|| {
        let event_loop = EventLoop::new().unwrap();
        drop(chained_by_callbacks(&event_loop));
        let finished = chained_by_callbacks(&event_loop);
        finished.set_result(()).unwrap();
        event_loop.run_until_complete(finished).unwrap();
        let kept = chained_by_callbacks(&event_loop);
        assert!(kept.cancel());
        drop(kept);
        drop(event_loop);
    });
}

#[test]
fn futures_whose_callbacks_in_a_context_hold_futures_are_dropped_in_a_loop() {
    on_a_small_stack(|| {
        let event_loop = EventLoop::new().unwrap();
        let context = Context::new();
        drop((0..DEPTH).fold(event_loop.create_future(), |inner, _| {
            let outer: Future<()> = event_loop.create_future();
            outer.add_done_callback_in(&context, move |_| drop(inner));
            outer
        }));
    });
}

/// A result that may hold the object it comes from.
struct Linked {
    _next: Option<Link>,
    _alive: Alive,
}

#[expect(dead_code, reason = "each is only held")]
enum Link {
    Future(Future<Linked>),
    Task(Task<Linked>),
    Any(AnyFuture),
    Queue(Queue<Linked>),
    Lifo(LifoQueue<Linked>),
    Priority(PriorityQueue<Ranked>),
}

/// In no order at all.
struct Ranked(#[expect(dead_code, reason = "it is only held")] Linked);

impl Ord for Ranked {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Ranked {}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

/// Each link is made of the one below.
fn chained(count: &Rc<Cell<usize>>, mut wrap: impl FnMut(Linked) -> Link) -> Link {
    let mut next = None;
    for _ in 0..DEPTH {
        next = Some(wrap(Linked { _next: next, _alive: Alive::new(count) }));
    }
    next.expect("it is deep")
}

fn all_is_dropped(make: impl FnOnce(&EventLoop, &Rc<Cell<usize>>) -> Link + Send + 'static) {
    on_a_small_stack(|| {
        let count = Rc::default();
        let event_loop = EventLoop::new().unwrap();
        let link = make(&event_loop, &count);
        assert_eq!(count.get(), DEPTH);
        drop(link);
        assert_eq!(count.get(), 0);
    });
}

#[test]
fn results_that_hold_futures_are_dropped_in_a_loop() {
    all_is_dropped(|event_loop, count| {
        chained(count, |linked| {
            let future = event_loop.create_future();
            assert!(future.set_result(linked).is_ok());
            Link::Future(future)
        })
    });
    all_is_dropped(|event_loop, count| {
        chained(count, |linked| {
            let future = event_loop.create_future();
            assert!(future.set_result(linked).is_ok());
            Link::Any(future.any_future())
        })
    });
}

#[test]
fn results_that_hold_tasks_are_dropped_in_a_loop() {
    all_is_dropped(|event_loop, count| {
        let link = chained(count, |linked| Link::Task(event_loop.create_task(ready(linked)).unwrap()));
        event_loop.run_once().unwrap();
        link
    });
}

/// A coroutine that never ends, and holds something.
fn holds<T: 'static>(held: T) -> impl Coroutine<Yield = Await, Input = (), Return = ()> {
    from_fn(move |sent: Result<(), Exception>| {
        let _held = &held;
        sent?;
        Ok(Step::Yield(Await::next_turn()))
    })
}

fn tasks_that_hold_tasks(event_loop: &EventLoop, alive: &Rc<Cell<usize>>) -> Task<()> {
    (0..DEPTH).fold(event_loop.create_task(ready(())).unwrap(), |inner, _| {
        event_loop.create_task(holds((inner, Alive::new(alive)))).unwrap()
    })
}

#[test]
fn tasks_that_hold_tasks_end_with_their_loop() {
    on_a_small_stack(|| {
        for turns in [0, 2] {
            let alive = Rc::default();
            let event_loop = EventLoop::new().unwrap();
            event_loop.set_exception_handler(|_: &ErrorContext| {});
            let outermost = tasks_that_hold_tasks(&event_loop, &alive);
            (0..turns).for_each(|_| event_loop.run_once().unwrap());
            drop(event_loop);
            assert_eq!(alive.get(), 0);
            assert!(outermost.cancelled());
        }
    });
}

#[test]
fn a_cancelled_task_drops_the_chain_that_it_holds() {
    on_a_small_stack(|| {
        let alive = Rc::default();
        let event_loop = EventLoop::new().unwrap();
        let inner = (0..DEPTH).fold(event_loop.create_future::<()>(), |inner, _| {
            let (outer, alive) = (event_loop.create_future::<()>(), Alive::new(&alive));
            outer.add_done_callback(move |_| drop((inner, alive)));
            outer
        });
        let task = event_loop.create_task(holds(inner)).unwrap();
        event_loop.run_once().unwrap();
        task.cancel();
        assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
        assert_eq!(alive.get(), 0);
    });
}

/// Builds a chain of awaited things on `leaf`, and has `end` end it.
fn awaited(
    wrap: fn(&EventLoop, Task<()>) -> Task<()>,
    end: impl Fn(EventLoop, Future<()>, Task<()>) + Copy + Send + 'static,
) {
    on_a_small_stack(move || {
        let event_loop = EventLoop::new().unwrap();
        event_loop.set_exception_handler(|_: &ErrorContext| {});
        let leaf = event_loop.create_future::<()>();
        let innermost = event_loop.create_task(leaf.clone()).unwrap();
        let outermost = (0..DEPTH).fold(innermost, |inner, _| wrap(&event_loop, inner));
        event_loop.run_once().unwrap();
        event_loop.run_once().unwrap();
        end(event_loop, leaf, outermost);
    });
}

fn in_every_way(wrap: fn(&EventLoop, Task<()>) -> Task<()>) {
    awaited(wrap, |event_loop, _, _| drop(event_loop));
    awaited(wrap, |event_loop, leaf, outermost| drop((leaf, event_loop, outermost)));
    awaited(wrap, |event_loop, leaf, outermost| {
        leaf.set_result(()).unwrap();
        event_loop.run_until_complete(outermost).unwrap();
    });
    awaited(wrap, |event_loop, _, outermost| {
        outermost.cancel();
        assert!(event_loop.run_until_complete(outermost).unwrap_err().is_cancelled());
    });
}

#[test]
fn gathers_of_gathers_end_in_a_loop() {
    in_every_way(|event_loop, inner| {
        let all = gather([inner]);
        event_loop.create_task(innermost::CoroutineExt::map(all, |_| ())).unwrap()
    });
}

#[test]
fn waits_for_waits_end_in_a_loop() {
    in_every_way(|event_loop, inner| event_loop.create_task(wait_for(inner, Duration::from_secs(1000))).unwrap());
}

#[test]
fn shields_of_shields_end_in_a_loop() {
    on_a_small_stack(|| {
        for is_done in [false, true] {
            let event_loop = EventLoop::new().unwrap();
            let leaf = event_loop.create_future::<()>();
            let outermost = (0..DEPTH).fold(shield(leaf.clone()), |inner, _| shield(inner));
            if is_done {
                leaf.set_result(()).unwrap();
                event_loop.run_until_complete(outermost).unwrap();
            } else {
                drop(event_loop);
                drop(leaf);
            }
        }
    });
}

#[test]
fn unstarted_shields_of_shields_start_and_are_dropped_in_a_loop() {
    on_a_small_stack(|| {
        let nested = || (0..DEPTH).fold(shield(ready(1)), |inner, _| shield(inner));
        drop(nested());
        let cancelled = nested();
        assert!(cancelled.cancel());
        drop(cancelled);
        let event_loop = EventLoop::new().unwrap();
        assert_eq!(event_loop.run_until_complete(nested()).unwrap(), 1);
        assert_eq!(innermost::run(nested()).unwrap(), 1);
    });
}

#[test]
fn queues_in_queues_are_dropped_in_a_loop() {
    all_is_dropped(|_, count| {
        chained(count, |linked| {
            let queue = Queue::new();
            assert!(queue.put_nowait(linked).is_ok());
            Link::Queue(queue)
        })
    });
    all_is_dropped(|_, count| {
        chained(count, |linked| {
            let queue = LifoQueue::new();
            assert!(queue.put_nowait(linked).is_ok());
            Link::Lifo(queue)
        })
    });
    all_is_dropped(|_, count| {
        chained(count, |linked| {
            let queue = PriorityQueue::new();
            assert!(queue.put_nowait(Ranked(linked)).is_ok());
            Link::Priority(queue)
        })
    });
}

#[test]
fn shutting_down_a_queue_drops_nested_queues_in_a_loop() {
    on_a_small_stack(|| {
        let (count, outermost) = (Rc::default(), Queue::new());
        let inner = chained(&count, |linked| {
            let queue = Queue::new();
            assert!(queue.put_nowait(linked).is_ok());
            Link::Queue(queue)
        });
        assert!(outermost.put_nowait(inner).is_ok());
        outermost.shutdown(Shutdown::Immediate);
        assert_eq!(count.get(), 0);
    });
}

static OUTER: ContextVar<Option<Context>> = ContextVar::new("outer");

#[test]
fn contexts_in_contexts_are_dropped_in_a_loop() {
    on_a_small_stack(|| {
        let nested = || {
            (0..DEPTH).fold(Context::new(), |inner, _| {
                let outer = Context::new();
                outer.run(|| drop(OUTER.set(Some(inner))));
                outer
            })
        };
        drop(nested());
        let event_loop = EventLoop::new().unwrap();
        let task = event_loop.task().context(&nested()).spawn(ready(())).unwrap();
        event_loop.run_until_complete(task).unwrap();
        let _ = event_loop.task().context(&nested()).spawn(ready(())).unwrap();
        event_loop.call_soon_in(&nested(), || {}).unwrap();
        drop(event_loop);
    });
}

/// A handle that is cancelled with its owner.
struct CancelledOnDrop(Handle);

impl Drop for CancelledOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

struct TimerCancelledOnDrop(TimerHandle);

impl Drop for TimerCancelledOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[test]
fn callbacks_that_hold_handles_are_cancelled_in_a_loop() {
    on_a_small_stack(|| {
        let event_loop = EventLoop::new().unwrap();
        let handles = || {
            (0..DEPTH).fold(event_loop.call_soon(|| {}).unwrap(), |inner, _| {
                let inner = CancelledOnDrop(inner);
                event_loop.call_soon(move || drop(inner)).unwrap()
            })
        };
        let timers = || {
            let later = Duration::from_secs(1000);
            (0..DEPTH).fold(event_loop.call_later(later, || {}).unwrap(), |inner, _| {
                let inner = TimerCancelledOnDrop(inner);
                event_loop.call_later(later, move || drop(inner)).unwrap()
            })
        };
        handles().cancel();
        timers().cancel();
        let (_kept, _timer) = (handles(), timers());
        drop(event_loop);
    });
}

struct Producer {
    _inner: Option<AsyncGenerator<Self>>,
    _alive: Alive,
}

impl Coroutine for Producer {
    type Yield = Produced<u32>;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        Ok(Step::Yield(Produced::Item(7)))
    }
}

#[test]
fn async_generators_that_hold_others_are_closed_in_a_loop() {
    for started in [false, true] {
        for closes_first in [false, true] {
            on_a_small_stack(move || {
                let (alive, event_loop) = (Rc::default(), EventLoop::new().unwrap());
                let mut inner = None;
                for _ in 0..DEPTH {
                    let outer = AsyncGenerator::new(Producer { _inner: inner, _alive: Alive::new(&alive) });
                    if started {
                        assert_eq!(event_loop.run_until_complete(outer.anext()).unwrap(), Some(7));
                    }
                    inner = Some(outer);
                }
                if closes_first {
                    drop(event_loop);
                    drop(inner);
                } else {
                    drop(inner);
                    drop(event_loop);
                }
                assert_eq!(alive.get(), 0);
            });
        }
    }
}

/// Panics when it is dropped, as does the value that it holds.
struct Panics {
    _inner: Option<Future<()>>,
}

impl Drop for Panics {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("dropped"));
    }
}

#[test]
fn the_exception_handler_receives_panics_deep_in_a_chain() {
    on_a_small_stack(|| {
        let told = Log::default();
        let event_loop = EventLoop::new().unwrap();
        let log = told.clone();
        event_loop.set_exception_handler(move |context: &ErrorContext| log.add(&context.message));
        drop((0..1000).fold(event_loop.create_future::<()>(), |inner, _| {
            let outer = event_loop.create_future::<()>();
            let panics = Panics { _inner: Some(inner) };
            outer.add_done_callback(move |_| drop(panics));
            outer
        }));
        assert_eq!(told.take(), ["Exception ignored in a destructor"; 1000]);
    });
}
