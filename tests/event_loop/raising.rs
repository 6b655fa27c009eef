//! Callbacks that raise without a panic (E10), and the inference of their return types.

use std::time::Duration;

use innermost::{EventLoop, Exception, Kind};

use crate::support::clock::test_loop;
use crate::support::events::{Log, Oops};

fn fails(number: i32) -> Result<(), Exception> {
    Err(Oops(number).into())
}

// E10
/// ```python
/// loop.call_soon(fails); loop.call_later(0.1, fails); future.add_done_callback(fails); future.set_result(None)
/// loop.call_soon_threadsafe(fails)
/// loop.call_later(0.2, loop.stop); loop.run_forever()
/// ```
#[test]
fn an_exception_raised_by_a_callback_goes_to_the_exception_handler() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    event_loop.call_soon(|| fails(1)).unwrap();
    event_loop.call_later(Duration::from_millis(100), || fails(2)).unwrap();
    let future = event_loop.create_future::<()>();
    future.add_done_callback(|done| {
        done.result()?;
        fails(3)
    });
    future.set_result(()).unwrap();
    event_loop.remote().call_soon_threadsafe(|| fails(4)).unwrap();
    let handle = event_loop.handle();
    event_loop.call_later(Duration::from_millis(200), move || handle.stop()).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(
        log.take(),
        [
            "Exception in callback: oops 1",
            "Exception in callback: oops 3",
            "Exception in callback: oops 4",
            "Exception in callback: oops 2",
        ]
    );
}

/// ```python
/// def interrupted(): raise KeyboardInterrupt
/// loop.call_soon(interrupted)
/// try: loop.run_forever()
/// except KeyboardInterrupt: pass
/// ```
#[test]
fn an_interrupt_raised_by_a_callback_ends_the_run() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    event_loop.call_soon(|| Err(Exception::message(Kind::KeyboardInterrupt, "enough"))).unwrap();
    // Only one can be raised.
    event_loop.call_soon(|| Err(Exception::message(Kind::KeyboardInterrupt, "once more"))).unwrap();
    assert_eq!(event_loop.run_forever().unwrap_err().to_string(), "enough");
    assert_eq!(log.take(), ["Exception in callback: once more"]);
}

#[test]
fn the_return_type_of_a_callback_is_inferred() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let run = |result: Result<innermost::task::Handle, Exception>| drop(result.unwrap());
    run(event_loop.call_soon(|| ()));
    run(event_loop.call_soon(|| {}));
    run(event_loop.call_soon(|| drop(vec![7])));
    run(event_loop.call_soon(|| Ok(())));
    run(event_loop.call_soon(|| {
        EventLoop::running()?;
        "seven".parse::<u32>()?;
        Ok(())
    }));
    run(event_loop.call_soon(|| if EventLoop::running().is_ok() { fails(1) } else { Ok(()) }));
    run(event_loop.call_soon(|| panic!("a panic alone")));
    run(event_loop.call_soon(|| {
        panic!("a panic in a block");
    }));
    run(event_loop.call_soon(Box::new(|| {}) as Box<dyn FnOnce()>));
    run(event_loop.call_soon((|| {}) as fn()));
    let handle = event_loop.handle();
    run(event_loop.call_soon(move || handle.stop()));
    event_loop.run_forever().unwrap();
    assert_eq!(
        log.take(),
        [
            "Exception in callback: invalid digit found in string",
            "Exception in callback: oops 1",
            "Exception in callback: a panic alone",
            "Exception in callback: a panic in a block",
        ]
    );
}
