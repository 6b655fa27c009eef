//! Printing calls a `Write` of the user's, which may call anything. So may a selector.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write as _};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::{PriorityQueue, Queue};
use innermost::selector::{Direction, Selector, SelectorEvent, SelectorToken, default_selector};
use innermost::sync::{Barrier, Condition, Event as Flag, Lock, Semaphore};
use innermost::wait::{TaskGroup, as_completed};
use innermost::{Coroutine, EventLoop, Exception, LoopHandle, TcpListener, from_fn, ready, sleep};

use crate::support::clock::{VirtualClock, test_loop};
use crate::support::events::{pausing, run};

/// Calls the function for each piece that is written.
struct Sink<'a>(&'a dyn Fn());

impl fmt::Write for Sink<'_> {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        (self.0)();
        Ok(())
    }
}

fn print(printed: &dyn fmt::Debug, meddle: &dyn Fn()) {
    write!(Sink(meddle), "{printed:?}").expect("the sink takes everything");
    write!(Sink(meddle), "{printed:#?}").expect("the sink takes everything");
}

#[test]
fn printing_a_loop_may_use_it_from_the_writer() {
    let event_loop = test_loop();
    let (remote, task) = (event_loop.remote(), event_loop.create_task(pausing(1)).unwrap());
    let future = event_loop.create_future::<i32>();
    let meddle = || {
        drop(event_loop.create_task(pausing(1)));
        drop(event_loop.call_soon(|| {}));
        drop(event_loop.call_later(Duration::ZERO, || {}));
        remote.call_soon_threadsafe(|| {}).expect("the loop is open");
        drop((event_loop.all_tasks(), event_loop.next_deadline(), future.result(), task.stack_trace()));
        task.set_name("printed");
    };
    print(&event_loop, &meddle);
    print(&remote, &meddle);
    print(&task, &meddle);
    print(&task.any(), &meddle);
    print(&future, &meddle);
    run(&event_loop, 2);
    let steps = Cell::new(0);
    let turn = || {
        steps.set(steps.get() + 1);
        event_loop.run_once().expect("it does not run");
    };
    print(&event_loop, &turn);
    print(&remote, &turn);
    assert!(steps.get() > 2);
}

#[test]
fn printing_a_lock_or_a_queue_may_use_it_from_the_writer() {
    let event_loop = test_loop();
    let (lock, flag, semaphore) = (Lock::new(), Flag::new(), Semaphore::new(1));
    let (condition, barrier) = (Condition::new(), Barrier::new(2).expect("it is for somebody"));
    let (queue, sorted) = (Queue::new(), PriorityQueue::new());
    let meddle = || {
        drop((lock.try_acquire(), semaphore.try_acquire(), condition.lock().try_acquire()));
        drop((condition.notify_all(), flag.is_set(), barrier.n_waiting()));
        for queue in [&queue, &*sorted] {
            queue.put_nowait(1).expect("it has no bounds");
            drop((queue.get_nowait(), queue.task_done()));
        }
        flag.set();
        flag.clear();
    };
    let (holds, waits) = (lock.try_acquire(), event_loop.create_task(lock.acquire()).unwrap());
    let arrives = event_loop.create_task(barrier.wait()).unwrap();
    run(&event_loop, 1);
    let all: [&dyn fmt::Debug; 9] =
        [&lock, &flag, &semaphore, &condition, &barrier, &queue, &sorted, &holds, &lock.acquire()];
    for printed in all {
        print(printed, &meddle);
    }
    drop(holds);
    run(&event_loop, 1);
    assert!(waits.done() && !arrives.done() && !lock.locked() || waits.done());
    assert!(queue.is_empty() && sorted.is_empty());
}

#[test]
fn printing_a_group_or_a_race_may_use_it_from_the_writer() {
    let event_loop = test_loop();
    let main = from_fn(|_| {
        let (group, handle) = (TaskGroup::new(), EventLoop::running()?);
        group.enter()?;
        let meddle = || {
            drop(group.create_task(pausing(1)));
            drop((group.len(), handle.create_task(pausing(1))));
        };
        print(&group, &meddle);
        let race = RefCell::new(as_completed([ready(1), ready(2)]));
        let nexts = RefCell::new(Vec::new());
        let asks = || {
            if let Ok(mut race) = race.try_borrow_mut() {
                nexts.borrow_mut().extend(race.next_future());
            }
            for next in nexts.borrow_mut().iter_mut() {
                drop(next.resume(Ok(())));
            }
        };
        asks();
        print(&race.borrow(), &asks);
        Ok(innermost::Step::Return(()))
    });
    event_loop.run_until_complete(main).unwrap();
    run(&event_loop, 3);
}

fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())
}

/// A selector that uses its own loop, in each of its functions.
#[derive(Debug)]
struct Selfish {
    inner: Box<dyn Selector>,
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    event_loop: RefCell<Option<LoopHandle>>,
    /// Has the loop forget a descriptor when it is dropped.
    listener: RefCell<Option<TcpListener>>,
    refused: RefCell<Vec<Exception>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Selfish {
    fn meddle(&self) {
        let Some(event_loop) = self.shared.event_loop.borrow().clone() else { return };
        // Not for ever: the clock stands still while something is ready.
        if self.shared.refused.borrow().len() < 5 {
            drop(event_loop.call_soon(|| {}));
        }
        drop((event_loop.next_deadline(), format!("{event_loop:?}")));
        event_loop.with_fd(|fd| drop(fd.map(|fd| fd.try_clone_to_owned())));
        assert!(event_loop.close().is_err() || event_loop.is_closed());
        if let Ok(listener) = listen() {
            let refused = listener.accept().resume(Ok(())).map(drop).expect_err("the selector is in use");
            self.shared.refused.borrow_mut().push(refused);
        }
        drop(self.shared.listener.take());
    }
}

impl Selector for Selfish {
    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        self.meddle();
        self.inner.register(fd, token)
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.meddle();
        self.inner.deregister(fd)
    }

    fn closing(&mut self, fd: BorrowedFd<'_>) {
        self.meddle();
        self.inner.closing(fd);
    }

    fn reports_levels(&self) -> bool {
        self.inner.reports_levels()
    }

    fn drained(&mut self, token: SelectorToken, direction: Direction) {
        self.meddle();
        self.inner.drained(token, direction);
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        self.meddle();
        self.inner.select(events, timeout)
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.as_fd()
    }
}

#[test]
fn a_selector_that_uses_its_own_loop_gets_errors_and_no_panics() {
    let shared = Rc::new(Shared::default());
    let selector =
        Selfish { inner: default_selector().expect("there are descriptors left"), shared: Rc::clone(&shared) };
    let event_loop = EventLoop::with(Box::new(selector), Box::new(VirtualClock::default())).unwrap();
    let listener = listen().unwrap();
    let listening = Rc::clone(&shared);
    let registers = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        let (first, second) = (listen()?, listen()?);
        drop((first.accept().resume(Ok(())), second.accept().resume(Ok(()))));
        listening.listener.replace(Some(second));
        Ok(innermost::Step::Return(()))
    });
    event_loop.run_until_complete(registers).unwrap();
    shared.event_loop.replace(Some(event_loop.handle()));
    let registers = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        drop(listener.accept().resume(Ok(())));
        Ok(innermost::Step::Return(()))
    });
    event_loop.run_until_complete(registers).unwrap();
    event_loop.run_until_complete(sleep(Duration::from_secs(1))).unwrap();
    assert!(shared.listener.borrow().is_none());
    let refused = shared.refused.take();
    let is_busy = |refused: &Exception| {
        refused.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ResourceBusy)
    };
    assert!(!refused.is_empty() && refused.iter().all(is_busy));
    shared.event_loop.take();
}
