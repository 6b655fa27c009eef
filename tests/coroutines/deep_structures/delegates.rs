//! Chains of coroutines. Each holds the next through a handle, or through an unstarted call. Also chains of futures of
//! threads, and of tokens of context variables.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use innermost::async_iter::{AsyncGenerator, Produced};
use innermost::context::{ContextVar, Token};
use innermost::coroutine::GeneratorState;
use innermost::executor::{Job, Promise, ThreadFuture, promise};
use innermost::{
    Call, Coroutine, CoroutineExt, EventLoop, Exception, Generator, Resumed, SharedGenerator, State, Step, ready,
};

use super::{DEPTH, READABLE, on_a_small_stack};

/// Events of the links of a chain. It holds numbers, because tests compare the order of 100,000 links.
#[derive(Default)]
struct Record {
    alive: Cell<usize>,
    closed: RefCell<Vec<usize>>,
    dropped: RefCell<Vec<usize>>,
    /// Whether a link panics when it is dropped.
    panics: Cell<bool>,
}

/// Yields for ever. Drops its own fields first, and the value that it holds afterwards.
struct Link<T> {
    own: Own,
    _next: Option<T>,
}

struct Own {
    number: usize,
    record: Rc<Record>,
}

impl<T> Link<T> {
    fn new(number: usize, record: &Rc<Record>, next: Option<T>) -> Self {
        record.alive.set(record.alive.get() + 1);
        Self { own: Own { number, record: Rc::clone(record) }, _next: next }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.record.alive.set(self.record.alive.get() - 1);
        self.record.dropped.borrow_mut().push(self.number);
        if self.record.panics.get() {
            resume_unwind(Box::new(self.number));
        }
    }
}

impl<T> Coroutine for Link<T> {
    type Yield = ();
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if sent.is_err() {
            self.own.record.closed.borrow_mut().push(self.own.number);
        }
        sent.map(Step::Yield)
    }
}

struct InHandle(#[expect(dead_code, reason = "it is only held")] SharedGenerator<Link<Self>>);

struct InCall(#[expect(dead_code, reason = "it is only held")] Call<Link<Self>>);

/// Link `depth` is the outermost.
fn handles(depth: usize, started: bool, record: &Rc<Record>) -> SharedGenerator<Link<InHandle>> {
    let wrap = |number, next: Option<SharedGenerator<Link<InHandle>>>| {
        let generator = SharedGenerator::new(Link::new(number, record, next.map(InHandle)));
        if started {
            generator.next().expect("it yields");
        }
        generator
    };
    (1..=depth).fold(wrap(0, None), |next, number| wrap(number, Some(next)))
}

fn child(depth: usize, record: &Rc<Record>) -> Link<InCall> {
    (1..=depth)
        .fold(Link::new(0, record, None), |next, number| Link::new(number, record, Some(InCall(Call::new(next)))))
}

fn numbers(depth: usize) -> Vec<usize> {
    (0..=depth).rev().collect()
}

#[test]
fn generators_that_hold_handles_of_generators_are_dropped_in_a_loop() {
    for started in [false, true] {
        on_a_small_stack(move || {
            let record = Rc::default();
            drop(handles(DEPTH, started, &record));
            assert_eq!((record.alive.get(), record.closed.borrow().len()), (0, if started { DEPTH + 1 } else { 0 }));
            assert_eq!(record.dropped.take(), numbers(DEPTH));
            let closed = handles(DEPTH, started, &record);
            closed.close().expect("it ends quietly");
            assert_eq!((closed.state(), record.alive.get()), (GeneratorState::Closed, 0));
        });
    }
}

#[test]
fn a_generator_in_the_middle_of_a_chain_lives_as_long_as_its_handle() {
    let record = Rc::default();
    let kept = handles(100, true, &record);
    drop((0..100).fold(kept.clone(), |next, _| SharedGenerator::new(Link::new(1000, &record, Some(InHandle(next))))));
    assert_eq!((record.alive.get(), kept.state()), (101, GeneratorState::Suspended));
    drop(kept);
    assert_eq!(record.alive.get(), 0);
}

#[test]
fn calls_that_never_start_are_dropped_in_a_loop() {
    on_a_small_stack(|| {
        let record = Rc::default();
        drop(child(DEPTH, &record));
        drop(Call::new(child(DEPTH, &record)));
        drop(Generator::new(Call::new(child(DEPTH, &record))));
        drop(SharedGenerator::new(child(DEPTH, &record)));
        assert_eq!(record.alive.get(), 0);
        let mut call = Call::new(child(DEPTH, &record));
        call.restart(child(0, &record));
        assert_eq!(record.alive.get(), 1);
        call.restart(child(DEPTH, &record));
        assert!(call.resume(Err(Exception::timeout())).is_err());
        assert_eq!(record.alive.get(), 0);
    });
}

#[test]
fn calls_in_a_frame_without_a_driver_are_dropped_in_a_loop() {
    on_a_small_stack(|| {
        let record = Rc::default();
        let mut call = Call::new(child(DEPTH, &record));
        let frame = call.resume(Ok(()));
        assert!(matches!(frame, Ok(Step::Delegate(_))));
        drop(call);
        assert_eq!(record.alive.get(), DEPTH + 1);
        drop(frame);
        assert_eq!(record.alive.get(), 0);
    });
}

#[test]
fn a_suspended_frame_that_holds_calls_is_closed_and_drops_them_in_a_loop() {
    on_a_small_stack(|| {
        let record = Rc::default();
        let mut generator = Generator::new(Call::new(child(DEPTH, &record)));
        generator.next().expect("it yields");
        drop(generator);
        assert_eq!((record.alive.get(), record.closed.take()), (0, vec![DEPTH]));
    });
}

#[test]
fn a_task_dropped_with_its_loop_drops_its_calls_in_a_loop() {
    on_a_small_stack(|| {
        let record = Rc::default();
        let event_loop = EventLoop::new().unwrap();
        let held = Call::new(child(DEPTH, &record));
        let task = event_loop.create_task(ready(()).map(move |()| drop(held))).unwrap();
        drop(event_loop);
        assert_eq!(record.alive.get(), 0);
        drop(task);
    });
}

#[test]
fn a_short_chain_is_dropped_outermost_first_and_before_the_drop_returns() {
    let record = Rc::default();
    drop(handles(10, true, &record));
    assert_eq!((record.closed.take(), record.dropped.take()), (numbers(10), numbers(10)));
    drop(child(10, &record));
    assert_eq!(record.dropped.take(), numbers(10));
}

#[test]
fn a_panicking_destructor_in_a_chain_does_not_leak_the_others() {
    on_a_small_stack(|| {
        let record = Rc::new(Record::default());
        record.panics.set(true);
        let dropping: [fn(&Rc<Record>); 3] = [
            |record| drop(handles(1000, false, record)),
            |record| drop(child(1000, record)),
            |record| drop(Call::new(child(1000, record))),
        ];
        for dropping in dropping {
            let panic = catch_unwind(AssertUnwindSafe(|| dropping(&record))).unwrap_err();
            assert_eq!(panic.downcast_ref::<usize>(), Some(&1000));
            assert_eq!((record.alive.get(), record.dropped.take()), (0, numbers(1000)));
        }
    });
}

#[test]
fn printing_a_generator_truncates_a_long_chain() {
    struct Shows<T> {
        next: Option<T>,
    }

    impl<T: std::fmt::Debug> Coroutine for Shows<T> {
        type Yield = Produced<()>;
        type Input = ();
        type Return = ();

        fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
            sent.map(|()| Step::Yield(Produced::Item(())))
        }

        fn state(&self) -> State<'_> {
            State::new("Shows", &self.next)
        }
    }

    #[derive(Debug)]
    struct ByHand(#[expect(dead_code, reason = "it is printed")] Rc<Generator<Shows<Self>>>);

    #[derive(Debug)]
    struct InTask(#[expect(dead_code, reason = "it is printed")] AsyncGenerator<Shows<Self>>);

    on_a_small_stack(|| {
        let by_hand = (0..100).fold(None, |next, _| Some(ByHand(Rc::new(Generator::new(Shows { next })))));
        let in_task = (0..DEPTH).fold(None, |next, _| Some(InTask(AsyncGenerator::new(Shows { next }))));
        for text in [format!("{by_hand:?}"), format!("{by_hand:#?}"), format!("{in_task:?}"), format!("{in_task:#?}")] {
            assert!(text.contains("Shows: Some(") && text.len() < READABLE, "{} bytes", text.len());
        }
    });
}

static CURRENT: ContextVar<Outer> = ContextVar::new("current");

/// A value that knows how to take back the one before it.
#[derive(Clone)]
struct Outer(#[expect(dead_code, reason = "it is only held")] Option<Rc<Token<Self>>>);

#[test]
fn tokens_whose_values_hold_tokens_are_dropped_in_a_loop() {
    on_a_small_stack(|| {
        let last = (0..DEPTH).fold(None, |before, _| Some(Rc::new(CURRENT.set(Outer(before)))));
        drop(CURRENT.set(Outer(None)));
        drop(last);
    });
}

/// Counts live values, from any thread.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Linked(
    #[expect(dead_code, reason = "it is only held")] Option<ThreadFuture<Linked>>,
    #[expect(dead_code, reason = "it is only held")] Alive,
);

#[test]
fn results_that_hold_futures_of_threads_are_dropped_in_a_loop() {
    on_a_small_stack(|| {
        let count = Arc::default();
        let last = (0..DEPTH).fold(None, |next, _| {
            let (promise, future) = promise();
            assert!(promise.set_result(Linked(next, Alive::new(&count))).is_ok());
            Some(future)
        });
        drop(last);
        let last = (0..DEPTH).fold(None, |next, _| {
            let linked = Linked(next, Alive::new(&count));
            let (job, future) = Job::new(move || Ok(linked));
            job.run();
            Some(future)
        });
        assert_eq!(count.load(Ordering::Relaxed), DEPTH);
        drop(last);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn jobs_that_hold_jobs_are_dropped_and_cancelled_in_a_loop() {
    on_a_small_stack(|| {
        let count = Arc::default();
        let chain = || {
            (0..DEPTH).fold(Job::new(|| Ok(())), |(inner, _), _| {
                let held = (inner, Alive::new(&count));
                Job::new(move || {
                    drop(held);
                    Ok(())
                })
            })
        };
        let (job, future) = chain();
        drop(job);
        assert!(future.cancelled());
        let (job, future) = chain();
        assert!(future.cancel());
        assert_eq!(count.load(Ordering::Relaxed), 0);
        drop(job);
    });
}

#[test]
fn callbacks_that_hold_promises_are_dropped_in_a_loop() {
    on_a_small_stack(|| {
        let count = Arc::default();
        let (outermost, _): (Promise<()>, _) = (0..DEPTH).fold(promise(), |(inner, _), _| {
            let (outer, future) = promise();
            let held = (inner, Alive::new(&count));
            future.add_done_callback(move |_| drop(held));
            (outer, future)
        });
        drop(outermost);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn generators_that_borrow_can_be_shared() {
    let words = [String::from("one"), String::from("two")];
    let generator = SharedGenerator::borrowing(innermost::from_iter(words.iter()));
    let same = generator.clone();
    assert_eq!((generator.next().unwrap(), same.next().unwrap()), (&words[0], &words[1]));
}
