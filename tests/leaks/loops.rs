//! Loops with handles to themselves, in closures, tasks, generators and values. Closing the loop drops all of them, and
//! dropping it afterwards closes its descriptors.
//!
//! The test counts descriptors, so it runs in a process of its own.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use crate::held::alone;
use innermost::async_iter::{AsyncGenerator, Produced};
use innermost::context::{Context, ContextVar};
use innermost::resolver::{AddrInfo, Answer, NameFlags, Query, Resolve, SystemResolver};
use innermost::selector::{
    Clock, Direction, MonotonicClock, Selector, SelectorEvent, SelectorToken, Waiting, default_selector, poll_selector,
};
use innermost::wait::{
    TaskGroup, Timeout, as_completed, gather, gather_all, join, shield, staggered_race, wait, wait_for,
};
use innermost::{CoroutineExt, EventLoop, Exception, Future, LoopHandle, Step, Watched, from_fn, sleep, to_thread};

/// A handle to a loop, counted.
struct Held {
    event_loop: LoopHandle,
    live: Rc<Cell<usize>>,
}

impl Held {
    fn keep(&self) {
        let _ = self.event_loop.is_closed();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.live.set(self.live.get() - 1);
    }
}

/// The loop under test, and the number of values given to it that are still alive.
struct Bench {
    event_loop: EventLoop,
    live: Rc<Cell<usize>>,
}

impl Bench {
    fn new() -> Self {
        Self { event_loop: EventLoop::new().unwrap(), live: Rc::default() }
    }

    fn held(&self) -> Held {
        self.live.set(self.live.get() + 1);
        Held { event_loop: self.event_loop.handle(), live: Rc::clone(&self.live) }
    }

    /// A coroutine that holds the loop, and yields a future that is never done.
    fn never(&self) -> Future<()> {
        self.event_loop.create_future()
    }

    /// Runs a coroutine for a few turns, and leaves it waiting.
    fn start<C>(&self, coroutine: C)
    where
        C: innermost::Awaitable + 'static,
    {
        let held = self.held();
        drop(self.event_loop.create_task(coroutine.map(move |_| held.keep())).unwrap());
        self.turns();
    }

    /// Threads hold a remote handle while they run a function.
    fn join_threads(&self) {
        self.event_loop.run_until_complete(self.event_loop.shutdown_default_executor(None)).unwrap();
    }

    fn turns(&self) {
        for _ in 0..3 {
            self.event_loop.run_once().unwrap();
        }
    }
}

/// Gives the loop a value that holds it, in one of several ways.
type Way = (&'static str, fn(&Bench));

const SETTERS: &[Way] = &[
    ("exception handler", |bench| {
        let held = bench.held();
        bench.event_loop.set_exception_handler(move |_| held.keep());
    }),
    ("task factory", |bench| {
        let held = bench.held();
        bench.event_loop.set_task_factory(Some(Rc::new(move |_| {
            held.keep();
            Ok(())
        })));
    }),
    ("signal handler", |bench| {
        let held = bench.held();
        bench.event_loop.add_signal_handler(libc::SIGUSR1, move || held.keep()).unwrap();
    }),
    ("resolver", |bench| bench.event_loop.set_resolver(Resolver(bench.held(), SystemResolver::default()))),
    ("executor that was used", |bench| {
        let held = bench.held();
        let call = bench.event_loop.run_in_executor(None, || Ok(())).unwrap();
        call.add_done_callback(move |_| held.keep());
        bench.join_threads();
    }),
    ("call_soon", |bench| {
        let held = bench.held();
        bench.event_loop.call_soon(move || held.keep()).unwrap();
    }),
    ("call_soon whose handle it holds", |bench| {
        let (held, slot) = (bench.held(), Rc::new(RefCell::new(None)));
        let kept = Rc::clone(&slot);
        let handle = bench.event_loop.call_soon(move || drop((held.keep(), kept.take()))).unwrap();
        slot.replace(Some(handle));
    }),
    ("timer whose handle it holds", |bench| {
        let (held, slot) = (bench.held(), Rc::new(RefCell::new(None)));
        let kept = Rc::clone(&slot);
        let call = move || drop((held.keep(), kept.take()));
        slot.replace(Some(bench.event_loop.call_later(HOUR, call).unwrap()));
    }),
    ("context of a timer", |bench| {
        let (held, context) = (bench.held(), Context::new());
        let slot = Rc::new(RefCell::new(None));
        context.run(|| drop(KEPT.set(Rc::new((held, Rc::clone(&slot))))));
        slot.replace(Some(bench.event_loop.call_later_in(&context, HOUR, || {}).unwrap()));
    }),
    ("reader and writer that hold their watch", |bench| {
        let (near, far) = UnixStream::pair().unwrap();
        for (end, reads) in [(near, true), (far, false)] {
            let (held, slot) = (bench.held(), Rc::new(RefCell::new(None)));
            let (watched, kept) = (Watched::new(end), Rc::clone(&slot));
            let call = move || {
                held.keep();
                let _watch = kept.borrow();
            };
            match reads {
                true => bench.event_loop.add_reader(&watched, call).unwrap(),
                false => bench.event_loop.add_writer(&watched, call).unwrap(),
            }
            slot.replace(Some(watched));
        }
    }),
    ("descriptor for hosts", |bench| {
        let held = bench.held();
        bench.event_loop.with_fd(|_| held.keep());
    }),
    ("task that returns its own handle", |bench| {
        let (held, slot) = (bench.held(), Rc::new(RefCell::new(None)));
        let kept = Rc::clone(&slot);
        let task = bench.event_loop.create_task(bench.never().map(move |()| drop((held.keep(), kept.take()))));
        slot.replace(Some(task.unwrap()));
    }),
    ("thread's future", |bench| {
        let held = bench.held();
        let future = bench.never();
        let in_thread = bench.event_loop.thread_future(&future).unwrap();
        future.add_done_callback(move |_| drop((held.keep(), in_thread)));
    }),
    ("function in a thread", |bench| {
        bench.start(to_thread(|| Ok(())));
        bench.join_threads();
    }),
    ("clock", |bench| drop(bench.held())),
];

const WAITS: &[Way] = &[
    ("gather", |bench| bench.start(lazily([bench.never(), bench.never()], gather))),
    ("gather twice the same", |bench| {
        let never = bench.never();
        bench.start(lazily([never.clone(), never], gather));
    }),
    ("gather_all", |bench| bench.start(lazily([bench.never()], gather_all))),
    ("gather in gather", |bench| {
        bench.start(lazily([bench.never()], |futures| gather([gather(futures)])));
    }),
    ("gather that failed", |bench| {
        let failed = bench.event_loop.create_future();
        failed.set_exception(Exception::timeout()).unwrap();
        let gathered = gather([bench.never(), failed]);
        let held = bench.held();
        gathered.future().unwrap().add_done_callback(move |gathered| drop((held.keep(), gathered.exception())));
        bench.turns();
    }),
    ("gather that nobody awaits", |bench| {
        let (held, gathered) = (bench.held(), gather([bench.never()]));
        gathered.future().unwrap().add_done_callback(move |_| held.keep());
    }),
    ("join", |bench| {
        let (first, second) = (bench.never(), bench.never());
        bench.start(join((first, second)));
    }),
    ("wait", |bench| {
        bench.start(wait([bench.never(), bench.never()]).timeout(HOUR).map(drop));
    }),
    ("shield", |bench| bench.start(lazily([bench.never()], |[future]| shield(future)))),
    ("as_completed", |bench| {
        let (first, second) = (bench.never(), bench.never());
        bench.start(innermost::lazy(move || {
            let mut race = as_completed([first, second]).timeout(HOUR);
            race.next().expect("there are two").map(move |()| drop(race))
        }));
    }),
    ("wait_for", |bench| bench.start(wait_for(bench.never(), HOUR))),
    ("task group", |bench| {
        let group = TaskGroup::new();
        let (kept, never, inner) = (group.clone(), bench.never(), group.clone());
        let body = innermost::lazy(move || {
            inner.create_task(never.map(move |()| drop(kept))).expect("it is entered");
            sleep(HOUR)
        });
        bench.start(group.scope(body));
    }),
    ("task group that its task returns", |bench| {
        let held = Rc::new(bench.held());
        let group = TaskGroup::new();
        let inner = group.clone();
        let body =
            from_fn(move |sent: Result<(), Exception>| sent.map(|()| Step::Return((inner.clone(), Rc::clone(&held)))));
        drop(bench.event_loop.create_task(group.scope(body)).unwrap());
        bench.turns();
    }),
    ("timeout that its task returns", |bench| {
        let held = Rc::new(bench.held());
        let limit = Timeout::after(HOUR);
        let body = from_fn(move |sent: Result<(), Exception>| {
            sent.and_then(|()| limit.enter()).map(|()| Step::Return((limit.clone(), Rc::clone(&held))))
        });
        drop(bench.event_loop.create_task(body).unwrap());
        bench.turns();
    }),
    ("staggered_race", |bench| {
        let attempts = [bench.never(), bench.never(), bench.never()];
        bench.start(staggered_race(attempts).delay(Duration::ZERO).map(drop));
    }),
    ("generator that holds itself", |bench| {
        let (slot, held) = (Rc::new(RefCell::new(None::<Box<dyn Any>>)), bench.held());
        let kept = Rc::clone(&slot);
        let items = AsyncGenerator::new(from_fn(move |sent: Result<(), Exception>| {
            sent?;
            held.keep();
            drop(kept.borrow());
            Ok(Step::Yield::<_, _, ()>(Produced::Item(1)))
        }));
        slot.replace(Some(Box::new(items.clone())));
        bench.event_loop.run_until_complete(items.anext()).unwrap();
    }),
];

const HOUR: Duration = Duration::from_secs(3600);

static KEPT: ContextVar<Rc<dyn Any>> = ContextVar::new("kept");

/// Waits, in a task, for the wait that `make` creates from futures.
fn lazily<const N: usize, C>(
    futures: [Future<()>; N],
    make: impl FnOnce([Future<()>; N]) -> C + 'static,
) -> impl innermost::Awaitable<Return = ()> + 'static
where
    C: innermost::Awaitable + 'static,
{
    innermost::lazy(move || make(futures)).map(drop)
}

struct Resolver(Held, SystemResolver);

impl Resolve for Resolver {
    fn getaddrinfo(&self, query: Query) -> Answer<Vec<AddrInfo>> {
        self.0.keep();
        self.1.getaddrinfo(query)
    }

    fn getnameinfo(&self, address: SocketAddr, flags: NameFlags) -> Answer<(String, String)> {
        self.1.getnameinfo(address, flags)
    }
}

fn descriptors() -> usize {
    fs::read_dir("/dev/fd").expect("it lists this process's descriptors").count()
}

#[test]
fn a_loop_with_handles_to_itself_is_freed_after_close_and_drop() {
    let _alone = alone();
    // The descriptor that signal handlers write to stays open as long as the process.
    EventLoop::new().unwrap().add_signal_handler(libc::SIGUSR1, || {}).unwrap();
    let before = descriptors();
    for (name, set) in SETTERS.iter().chain(WAITS) {
        let bench = Bench::new();
        set(&bench);
        bench.event_loop.close().unwrap();
        // Receives reports of unretrieved failures, until the loop is dropped.
        let kept = usize::from(*name == "exception handler");
        assert_eq!(bench.live.get(), kept, "{name}: closing leaves something of the program's");
        drop(bench);
        assert_eq!(descriptors(), before, "{name}: closed and dropped");
        // Dropping alone closes it as well.
        let bench = Bench::new();
        set(&bench);
        let live = Rc::clone(&bench.live);
        drop(bench);
        assert_eq!((live.get(), descriptors()), (0, before), "{name}: dropped");
        // Where it is dropped while it runs, it is closed when the run ends.
        let bench = Bench::new();
        set(&bench);
        let (live, handle) = (Rc::clone(&bench.live), bench.event_loop.handle());
        handle.call_soon(move || drop(bench)).unwrap();
        handle.run_once().unwrap();
        assert!(handle.is_closed());
        drop(handle);
        assert_eq!((live.get(), descriptors()), (0, before), "{name}: dropped by a callback");
    }
    a_closed_loop_keeps_nothing_that_it_is_given(before);
    a_selector_and_a_clock_may_hold_their_loop(before);
    a_closed_loop_whose_handles_are_kept_has_no_descriptor(before);
}

fn a_closed_loop_whose_handles_are_kept_has_no_descriptor(before: usize) {
    for selector in [default_selector().unwrap(), poll_selector().unwrap()] {
        let event_loop = EventLoop::with(selector, Box::new(MonotonicClock::new())).unwrap();
        let (handle, remote) = (event_loop.handle(), event_loop.remote());
        event_loop.with_fd(|_| ());
        remote.call_soon_threadsafe(|| ()).unwrap();
        event_loop.run_once().unwrap();
        event_loop.close().unwrap();
        assert_eq!(descriptors(), before);
        assert_eq!(remote.call_soon_threadsafe(|| ()).unwrap_err().to_string(), "the event loop is closed");
        drop(event_loop);
        assert!(handle.call_soon(|| ()).is_err() && remote.call_soon_threadsafe(|| ()).is_err());
    }
}

fn a_closed_loop_keeps_nothing_that_it_is_given(before: usize) {
    let bench = Bench::new();
    bench.event_loop.close().unwrap();
    let (handle, held) = (&bench.event_loop, || bench.held());
    let (handler, factory, soon, later, signal) = (held(), held(), held(), held(), held());
    handle.set_exception_handler(move |_| handler.keep());
    handle.set_task_factory(Some(Rc::new(move |_| {
        factory.keep();
        Ok(())
    })));
    assert!(handle.task_factory().is_none());
    handle.set_resolver(Resolver(held(), SystemResolver::default()));
    assert!(handle.call_soon(move || soon.keep()).is_err() && handle.call_later(HOUR, move || later.keep()).is_err());
    assert!(handle.add_signal_handler(libc::SIGUSR1, move || signal.keep()).is_err());
    let (near, _far) = UnixStream::pair().unwrap();
    let (watched, reader) = (Watched::new(near), held());
    assert!(handle.add_reader(&watched, move || reader.keep()).is_err());
    let (done, gathered) = (held(), gather([bench.never()]));
    gathered.future().unwrap().add_done_callback(move |_| done.keep());
    assert_eq!(bench.live.get(), 2, "only what the gathering has, and the exception handler");
    let (live, handle) = (Rc::clone(&bench.live), bench.event_loop.handle());
    drop((gathered, watched, _far, bench));
    assert_eq!(live.get(), 0);
    let held = Held { event_loop: handle.clone(), live: Rc::clone(&live) };
    live.set(1);
    handle.set_exception_handler(move |_| held.keep());
    assert_eq!(live.get(), 0);
    drop(handle);
    assert_eq!(descriptors(), before);
}

/// The user's parts of a loop.
struct Own {
    held: Rc<RefCell<Option<Held>>>,
    selector: RefCell<Box<dyn Selector>>,
    live: Rc<Cell<usize>>,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl Own {
    fn new(live: &Rc<Cell<usize>>) -> (Self, Rc<RefCell<Option<Held>>>) {
        live.set(live.get() + 1);
        let held = Rc::default();
        let selector = RefCell::new(default_selector().unwrap());
        (Self { held: Rc::clone(&held), selector, live: Rc::clone(live) }, held)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.live.set(self.live.get() - 1);
    }
}

impl Clock for Own {
    fn now(&self) -> innermost::Instant {
        self.held.borrow().iter().for_each(Held::keep);
        innermost::Instant::from_zero(Duration::from_secs(7))
    }

    fn wait_until(&self, _: Option<innermost::Instant>) -> Waiting {
        Waiting::Sleep
    }
}

impl Selector for Own {
    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        if let Some(held) = &*self.held.borrow() {
            held.event_loop.close().expect("it does not run");
        }
        self.selector.get_mut().register(fd, token)
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.selector.get_mut().deregister(fd)
    }

    fn closing(&mut self, fd: BorrowedFd<'_>) {
        self.selector.get_mut().closing(fd);
    }

    fn reports_levels(&self) -> bool {
        self.selector.borrow().reports_levels()
    }

    fn drained(&mut self, token: SelectorToken, direction: Direction) {
        self.selector.get_mut().drained(token, direction);
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        self.selector.get_mut().select(events, timeout)
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

fn a_selector_and_a_clock_may_hold_their_loop(before: usize) {
    for closed_by_its_selector in [false, true] {
        let live: Rc<Cell<usize>> = Rc::default();
        let ((selector, in_selector), (clock, in_clock)) = (Own::new(&live), Own::new(&live));
        let event_loop = EventLoop::with(Box::new(selector), Box::new(clock)).unwrap();
        let bench = Bench { event_loop, live };
        in_selector.replace(Some(bench.held()));
        in_clock.replace(Some(bench.held()));
        drop((in_selector, in_clock));
        if closed_by_its_selector {
            let (near, _far) = UnixStream::pair().unwrap();
            drop(bench.event_loop.add_reader(&Watched::new(near), || {}));
        }
        bench.event_loop.close().unwrap();
        assert_eq!((bench.live.get(), bench.event_loop.time().since_zero()), (0, Duration::from_secs(7)));
        drop(bench);
        assert_eq!(descriptors(), before);
    }
}
