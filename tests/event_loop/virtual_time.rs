//! Virtual time, and programs in which everything waits for ever.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::selector::default_selector;
use innermost::testing::{VirtualClock, virtual_loop};
use innermost::{
    Await, Awaitable, Call, Coroutine, CoroutineExt, EventLoop, Exception, Kind, Resumed, State, Step, TcpStream, lazy,
    sleep, yield_from,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Waits for a child that is a frame of its own.
struct Waiting<C: Coroutine + 'static>(Call<C>);

impl<C: Awaitable + 'static> Coroutine for Waiting<C> {
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        Ok(Step::Return(yield_from!(self.0, sent)?))
    }

    fn state(&self) -> State<'_> {
        State::new("Waiting", &"for the child")
    }
}

#[test]
fn sleepers_wake_by_deadline_without_real_time_passing() {
    let event_loop = virtual_loop().unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    for hours in [3, 1, 2] {
        let (handle, log) = (event_loop.handle(), Rc::clone(&log));
        let sleeper = sleep(HOUR * hours).map(move |()| log.borrow_mut().push((hours, handle.time().since_zero())));
        event_loop.create_task(sleeper).unwrap();
    }
    event_loop.run_until_complete(sleep(HOUR * 4)).unwrap();
    assert_eq!(*log.borrow(), [(1, HOUR), (2, HOUR * 2), (3, HOUR * 3)]);
    assert_eq!(event_loop.time().since_zero(), HOUR * 4);
}

#[test]
fn a_deadlock_raises_and_names_what_each_task_waits_for() {
    let event_loop = virtual_loop().unwrap();
    event_loop.set_exception_handler(|_| {});
    let never = event_loop.create_future::<()>();
    let first = event_loop.create_task(Waiting(Call::new(never))).unwrap();
    first.any().set_name("first");
    let raised = event_loop.run_until_complete(Waiting(Call::new(first))).unwrap_err();
    assert_eq!(raised.kind(), Kind::RuntimeError);
    let expected = "deadlock: the loop would wait forever\
        \n  first: Waiting: \"for the child\" > Future: Future(pending) waits for Future(pending)\
        \n  Task-2: Waiting: \"for the child\" > Task: Task(first, pending) waits for Task(first, pending)";
    assert_eq!(raised.to_string(), expected);
}

#[test]
fn a_loop_with_nothing_to_do_at_all_does_not_hang() {
    let raised = virtual_loop().unwrap().run_forever().unwrap_err();
    assert_eq!(raised.to_string(), "deadlock: the loop would wait forever");
}

#[test]
fn after_a_deadlock_the_loop_can_run_again() {
    let event_loop = virtual_loop().unwrap();
    let future = event_loop.create_future();
    assert!(event_loop.run_until_complete(future.clone()).is_err());
    let setter = future.clone();
    event_loop.call_later(HOUR, move || setter.set_result(7).unwrap()).unwrap();
    assert_eq!(event_loop.run_until_complete(future).unwrap(), 7);
}

#[test]
fn a_single_turn_during_a_deadlock_is_not_an_error() {
    virtual_loop().unwrap().run_once().unwrap();
}

#[test]
fn calls_from_other_threads_run_before_the_next_deadline() {
    let event_loop = virtual_loop().unwrap();
    let remote = event_loop.remote();
    let send = move || remote.call_soon_threadsafe(|| EventLoop::running().unwrap().stop()).unwrap();
    event_loop.call_later(HOUR, || {}).unwrap();
    std::thread::spawn(send).join().unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(event_loop.time().since_zero(), Duration::ZERO);
}

#[test]
fn a_virtual_loop_refuses_descriptors() {
    let event_loop = virtual_loop().unwrap();
    let connect = TcpStream::connect("127.0.0.1:1".parse().unwrap());
    let refused = event_loop.run_until_complete(connect).map(drop).unwrap_err();
    let error = refused.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
}

#[test]
fn a_virtual_clock_can_be_moved_by_hand_while_its_loop_runs() {
    let clock = VirtualClock::new();
    let event_loop = EventLoop::with(default_selector().unwrap(), Box::new(clock.clone())).unwrap();
    let busy = clock.clone();
    let main = lazy(move || {
        busy.advance(HOUR);
        sleep(HOUR)
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(clock.time(), HOUR * 2);
}
