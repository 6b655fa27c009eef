//! A loop that is a guest of another loop, which waits for both.

use std::net;
use std::time::Duration;

use innermost::selector::{SelectorEvent, SelectorToken, default_selector};
use innermost::{ByteRead, Coroutine, CoroutineExt, EventLoop, Task, TcpStream, from_fn, sleep};

use crate::support::clock::{VirtualClock, Wait, WatchedSelector, loop_of};
use crate::support::events::{Log, awaits, awaits_end, body, returns};

/// A host that waits in place of the loop, and drives it turn by turn until `task` is done. It calls `meanwhile` before it
/// waits for the loop's descriptor. Returns its waits.
fn host(guest: &EventLoop, clock: &VirtualClock, task: &Task<i32>, mut meanwhile: impl FnMut()) -> Vec<&'static str> {
    let mut selector = default_selector().unwrap();
    guest.with_fd(|fd| selector.register(fd.expect("the system's own selector has one"), SelectorToken(7)).unwrap());
    let (mut waits, mut events) = (Vec::new(), Vec::new());
    while !task.done() {
        match guest.next_deadline() {
            Some(deadline) if deadline <= guest.time() => waits.push("nothing"),
            Some(deadline) => {
                waits.push("timer");
                clock.advance(deadline - guest.time());
            }
            None => {
                waits.push("descriptor");
                meanwhile();
                selector.select(&mut events, None).unwrap();
                assert!(events.drain(..).all(|SelectorEvent { token, .. }| token == SelectorToken(7)));
            }
        }
        guest.run_once().unwrap();
    }
    waits
}

#[test]
#[cfg_attr(innermost_poll, ignore = "poll has no descriptor")]
fn a_guest_is_driven_by_deadlines_descriptor_and_ready_callbacks() {
    let clock = VirtualClock::that_stays();
    let event_loop = loop_of(WatchedSelector::new(Wait::Waits), clock.clone());
    assert_eq!(event_loop.next_deadline(), None);
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut stream = Some(TcpStream::from_std(listener.accept().unwrap().0).unwrap());
    let task = event_loop.create_task(body(move |n, got| match n {
        0 => awaits_end(sleep(Duration::from_secs(5))),
        1 => {
            let stream = stream.take().expect("it is read once");
            let receive = from_fn(move |sent| stream.recv(&mut [0]).resume(sent));
            awaits(receive.map(|count| i32::try_from(count).unwrap_or(-1)))
        }
        2 => {
            assert_eq!(got?, 1);
            awaits_end(sleep(Duration::from_secs(1)))
        }
        _ => returns(7),
    }));
    let task = task.unwrap();
    assert_eq!(event_loop.next_deadline(), Some(innermost::Instant::ZERO));
    let waits = host(&event_loop, &clock, &task, || std::io::Write::write_all(&mut peer, b"x").unwrap());
    assert_eq!(task.result().unwrap(), 7);
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(6));
    assert_eq!(waits, ["nothing", "timer", "nothing", "descriptor", "timer", "nothing"]);
}

#[test]
#[cfg_attr(innermost_poll, ignore = "poll has no descriptor")]
fn the_descriptor_of_a_guest_is_readable_after_each_send_from_a_thread() {
    let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
    let mut selector = default_selector().unwrap();
    event_loop
        .with_fd(|fd| selector.register(fd.expect("the system's own selector has one"), SelectorToken(7)).unwrap());
    let mut events = Vec::new();
    for round in 0..3 {
        let remote = event_loop.remote();
        let thread = std::thread::spawn(move || remote.call_soon_threadsafe(|| {}));
        selector.select(&mut events, None).unwrap();
        assert_eq!(events.drain(..).count(), 1);
        thread.join().unwrap().unwrap();
        event_loop.run_once().unwrap();
        log.add(round);
        // Nothing is left: it is not readable.
        selector.select(&mut events, Some(Duration::ZERO)).unwrap();
        assert_eq!(events, []);
    }
    assert_eq!(log.take(), ["0", "1", "2"]);
}

#[test]
fn a_turn_of_an_idle_guest_returns_at_once() {
    let clock = VirtualClock::that_stays();
    let selector = WatchedSelector::new(Wait::Waits);
    let timeouts = selector.timeouts();
    let event_loop = loop_of(selector, clock);
    event_loop.call_later(Duration::from_secs(9), || panic!("it is not due")).unwrap();
    for _ in 0..3 {
        event_loop.run_once().unwrap();
    }
    assert_eq!(timeouts.take(), [Some(Duration::ZERO); 3]);
    assert_eq!(event_loop.next_deadline(), Some(innermost::Instant::from_zero(Duration::from_secs(9))));
}
