//! E1, E9, E16 to E18: the work of one turn, and the work it leaves for the next.

use std::cell::RefCell;
use std::net;
use std::rc::Rc;
use std::time::Duration;

use innermost::{ByteRead, Coroutine, CoroutineExt, EventLoop, LoopHandle, TcpStream, from_fn, sleep};

use crate::support::clock::{VirtualClock, Wait, WatchedSelector, loop_of, test_loop, virtual_loop};
use crate::support::events::{Log, run};

// E1
#[test]
fn callbacks_queued_by_callbacks_run_in_the_next_turn() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (entries, handle) = (log.clone(), event_loop.handle());
    let first = move || {
        entries.add("first");
        handle.call_soon(entries.adds("queued by first")).expect("the loop is open");
    };
    event_loop.call_soon(first).unwrap();
    event_loop.call_soon(log.adds("second")).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["first", "second"]);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["queued by first"]);
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), [""; 0]);
}

// E1
#[test]
fn endlessly_rescheduled_callbacks_do_not_starve_descriptors() {
    fn again(event_loop: &LoopHandle, left: u32) {
        let this = event_loop.clone();
        let function = move || if left == 0 { this.stop() } else { again(&this, left - 1) };
        event_loop.call_soon(function).expect("the loop is open");
    }
    let event_loop = test_loop();
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = TcpStream::from_std(listener.accept().unwrap().0).unwrap();
    let reading = event_loop.create_task(from_fn(move |sent| {
        let mut byte = [0];
        stream.recv(&mut byte).resume(sent)
    }));
    let reading = reading.unwrap();
    run(&event_loop, 2);
    assert!(!reading.done());
    std::io::Write::write_all(&mut peer, b"x").unwrap();
    again(&event_loop, 1000);
    assert_eq!(event_loop.run_until_complete(reading).unwrap(), 1);
}

// E9
#[test]
fn the_selector_waits_until_the_next_deadline_or_not_at_all_if_callbacks_are_ready() {
    let clock = VirtualClock::that_stays();
    let selector = WatchedSelector::new(Wait::Moves(clock.clone()));
    let timeouts = selector.timeouts();
    let event_loop = loop_of(selector, clock);
    event_loop.call_later(Duration::from_secs(5), || {}).unwrap();
    event_loop.run_until_complete(sleep(Duration::from_secs(7))).unwrap();
    assert_eq!(timeouts.take(), [Some(Duration::from_secs(5)), Some(Duration::from_secs(2))]);
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(7));
    event_loop.call_later(Duration::from_secs(1), || {}).unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(timeouts.take(), [Some(Duration::ZERO)]);
    // Cancelled: nothing is left to wait for.
    let timer = event_loop.call_later(Duration::ZERO, || {}).unwrap();
    timer.cancel();
    event_loop.run_until_complete(sleep(Duration::from_secs(1))).unwrap();
    assert_eq!(timeouts.take(), [Some(Duration::from_secs(1))]);
    assert!(event_loop.run_forever().is_err());
    assert_eq!(timeouts.take(), [None]);
}

// E9
#[test]
fn an_error_of_the_selector_ends_the_run_and_the_loop_can_run_again() {
    let (event_loop, log) = (test_loop(), Log::default());
    let raised = event_loop.run_forever().unwrap_err();
    assert_eq!(raised.to_string(), "nothing will ever come");
    assert!(!event_loop.is_running() && EventLoop::running().is_err());
    event_loop.call_soon(log.adds("again")).unwrap();
    run(&event_loop, 1);
    assert_eq!(log.take(), ["again"]);
}

// E16
#[test]
fn a_cancelled_handle_drops_its_callback_at_once() {
    let (event_loop, log) = (test_loop(), Log::default());
    let held = log.on_drop("dropped");
    let handle = event_loop.call_soon(move || held.keep()).unwrap();
    assert!(!handle.cancelled());
    handle.cancel();
    assert!(handle.cancelled());
    assert_eq!(log.take(), ["dropped"]);
    handle.clone().cancel();
    run(&event_loop, 1);
    assert!(handle.cancelled());
}

// E16
#[test]
fn a_handle_that_has_run_is_not_cancelled_by_a_cancel() {
    let (event_loop, log) = (test_loop(), Log::default());
    let handle = event_loop.call_soon(log.adds("ran")).unwrap();
    run(&event_loop, 1);
    handle.cancel();
    assert!(!handle.cancelled());
    drop(event_loop.call_soon(log.adds("its handle is dropped")).unwrap());
    run(&event_loop, 1);
    assert_eq!(log.take(), ["ran", "its handle is dropped"]);
}

// E17
/// ```python
/// hs = []
/// def first():
///     note("first"); hs[0].cancel(); hs[1].cancel()
///     loop.call_soon(lambda: note("next turn"))
/// loop.call_soon(first)
/// hs.append(loop.call_soon(lambda: note("never")))
/// loop.call_soon(lambda: note("second"))
/// hs.append(loop.call_soon(lambda: note("never")))
/// async def main():
///     await asyncio.sleep(0); await asyncio.sleep(0)
/// loop.run_until_complete(main()); note("end")
/// ```
#[test]
fn a_handle_cancelled_by_a_callback_of_the_same_turn_does_not_run() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.count_turns(&event_loop);
    let handles = Rc::new(RefCell::new(Vec::new()));
    let (entries, this, cancels) = (log.clone(), event_loop.handle(), Rc::clone(&handles));
    let first = move || {
        entries.note("first");
        cancels.borrow().iter().for_each(innermost::task::Handle::cancel);
        this.call_soon(entries.notes("next turn")).expect("the loop is open");
    };
    event_loop.call_soon(first).unwrap();
    handles.borrow_mut().push(event_loop.call_soon(log.notes("never")).unwrap());
    event_loop.call_soon(log.notes("second")).unwrap();
    handles.borrow_mut().push(event_loop.call_soon(log.notes("never")).unwrap());
    run(&event_loop, 2);
    log.note("end");
    assert_eq!(log.take(), ["1 first", "1 second", "2 next turn", "4 end"]);
}

// E18
#[test]
fn cancelling_a_wait_for_a_descriptor_or_a_far_deadline_ends_it_at_once() {
    let (event_loop, clock) = virtual_loop();
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let _peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = Rc::new(TcpStream::from_std(listener.accept().unwrap().0).unwrap());
    let receiving = Rc::clone(&stream);
    let receive = move || {
        let stream = Rc::clone(&receiving);
        from_fn(move |sent| stream.recv(&mut [0]).resume(sent))
    };
    let tasks = [
        event_loop.create_task(receive().map(drop)).unwrap(),
        event_loop.create_task(sleep(Duration::from_secs(3600))).unwrap(),
    ];
    run(&event_loop, 2);
    for task in &tasks {
        assert!(!task.done() && task.cancel());
    }
    run(&event_loop, 1);
    assert!(tasks.iter().all(|task| task.cancelled()));
    assert_eq!(innermost::selector::Clock::now(&clock).since_zero(), Duration::ZERO);
    // The descriptor is free for another.
    let again = event_loop.create_task(receive()).unwrap();
    run(&event_loop, 2);
    assert!(!again.done() && again.cancel());
}
