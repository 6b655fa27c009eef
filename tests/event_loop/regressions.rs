//! Former bugs. Each test failed before the fix.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::{Await, Awaitable, Coroutine, EventLoop, Exception, Future, Resumed, Sleep, Step, sleep, yield_from};

use crate::support::alone;
use crate::support::events::Log;

/// Logs the values sent to it, and awaits a child.
struct Noting<C> {
    child: C,
    log: Log,
}

impl<C: Awaitable> Coroutine for Noting<C> {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        self.log.add(format_args!("{sent:?}"));
        yield_from!(self.child, sent)?;
        Ok(Step::Return(()))
    }
}

/// The failure of a future was raised by the future alone, and the machines around it were sent nothing.
#[test]
fn the_exception_of_a_future_is_thrown_into_the_outermost_machine_too() {
    let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
    let future: Future<()> = event_loop.create_future();
    let task = event_loop.create_task(Noting { child: future.clone(), log: log.clone() }).unwrap();
    event_loop.call_soon(move || future.set_exception(Exception::timeout()).unwrap()).unwrap();
    assert!(event_loop.run_until_complete(task).is_err());
    assert_eq!(log.entries(), ["Ok(())", "Err(TimeoutError)"]);
}

/// A cancel came as a throw where the task waited for a socket, and as nothing where it slept.
#[test]
fn a_cancel_is_thrown_into_a_machine_that_sleeps() {
    let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
    let sleep: Sleep = sleep(Duration::from_secs(3600));
    let task = event_loop.create_task(Noting { child: sleep, log: log.clone() }).unwrap();
    let cancelled = task.clone();
    // The first turn starts it, the second cancels it.
    let handle = event_loop.handle();
    event_loop.call_soon(move || drop(handle.call_soon(move || _ = cancelled.cancel()))).unwrap();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    assert_eq!(log.entries(), ["Ok(())", "Err(CancelledError)"]);
}

/// Something else stopped the loop in the turn in which the awaited future was done: the stop that was queued for that
/// run ended the next one.
#[test]
fn leftovers_of_an_earlier_run_do_not_stop_a_run() {
    let event_loop = EventLoop::new().unwrap();
    let future = event_loop.create_future();
    let (done, handle) = (future.clone(), event_loop.handle());
    event_loop
        .call_soon(move || {
            done.set_result(1).unwrap();
            handle.stop();
        })
        .unwrap();
    assert_eq!(event_loop.run_until_complete(future).unwrap(), 1);
    event_loop.run_until_complete(sleep(Duration::from_millis(1))).unwrap();
}

/// A signal that came for a handler that was removed was given to the next handler for it, of whatever loop.
#[test]
fn a_signal_without_a_handler_is_not_kept_for_a_later_one() {
    let _alone = alone::signals();
    let came = Rc::new(RefCell::new(0));
    for expected in [0, 0] {
        let event_loop = EventLoop::new().unwrap();
        let noted = Rc::clone(&came);
        event_loop.add_signal_handler(libc::SIGURG, move || *noted.borrow_mut() += 1).unwrap();
        event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
        assert_eq!(*came.borrow(), expected);
        raise(libc::SIGURG);
        event_loop.remove_signal_handler(libc::SIGURG);
    }
}

fn raise(signal: i32) {
    // The shell's own `kill`: the program of that name is not everywhere.
    let kill = format!("kill -{signal} {}", std::process::id());
    let killed = std::process::Command::new("/bin/sh").args(["-c", &kill]).status();
    assert!(killed.expect("every system has a shell").success());
}
