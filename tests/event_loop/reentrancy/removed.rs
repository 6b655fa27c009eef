//! Removed and replaced values are dropped at once. If that panics, the exception handler receives the panic, inside and
//! outside of a step, and the caller does not.

use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::context::{Context, ContextVar};
use innermost::{EventLoop, LoopHandle, Watched};

use crate::support::events::Log;

/// Panics when it is dropped.
struct Bomb;

impl Bomb {
    fn keep(&self) {}
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

/// A function that holds one.
fn armed() -> impl Fn() + 'static {
    let bomb = Bomb;
    move || bomb.keep()
}

fn armed_context() -> Context {
    let variable = ContextVar::new("bomb");
    let context = Context::default();
    let value = Rc::new(Bomb);
    context.run(move || drop(variable.set(value)));
    context
}

/// Removes something that panics when it is dropped.
type Way = (&'static str, fn(&LoopHandle));

const WAYS: [Way; 5] = [
    ("a done callback", |event_loop| {
        let (future, armed) = (event_loop.create_future::<()>(), armed());
        let id = future.add_done_callback(move |_| armed());
        assert!(future.remove_done_callback(id));
    }),
    ("a done callback in a context", |event_loop| {
        let (future, armed, context) = (event_loop.create_future::<()>(), armed(), Context::default());
        let id = future.add_done_callback_in(&context, move |_| armed());
        assert!(future.remove_done_callback(id));
    }),
    ("a reader", |event_loop| {
        let (near, _far) = UnixStream::pair().unwrap();
        let watched = Watched::new(near);
        event_loop.add_reader(&watched, armed()).unwrap();
        assert!(event_loop.remove_reader(&watched));
    }),
    ("a watch", |event_loop| {
        let (near, _far) = UnixStream::pair().unwrap();
        let watched = Watched::new(near);
        event_loop.add_writer(&watched, armed()).unwrap();
        drop(watched);
    }),
    ("a task factory", |event_loop| {
        let armed = armed();
        event_loop.set_task_factory(Some(Rc::new(move |_| {
            armed();
            Ok(())
        })));
        event_loop.set_task_factory(None);
    }),
];

const IGNORED: &str = "Exception ignored in a destructor: in drop";

#[test]
fn a_panicking_destructor_outside_a_step_is_reported() {
    for (name, remove) in WAYS {
        let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
        log.reports(&event_loop);
        remove(&event_loop);
        assert_eq!(log.take(), [IGNORED], "{name}");
    }
}

#[test]
fn a_panicking_destructor_in_a_step_is_reported_and_the_step_goes_on() {
    for (name, remove) in WAYS {
        let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
        log.reports(&event_loop);
        let (handle, goes_on) = (event_loop.handle(), log.adds("goes on"));
        event_loop
            .call_soon(move || {
                remove(&handle);
                goes_on();
                handle.stop();
            })
            .unwrap();
        event_loop.run_forever().unwrap();
        assert_eq!(log.take(), [IGNORED, "goes on"], "{name}");
    }
}

#[test]
fn an_exception_handler_that_panics_when_it_is_replaced_is_reported_to_the_next() {
    let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
    let armed = armed();
    event_loop.set_exception_handler(move |_| armed());
    log.reports(&event_loop);
    assert_eq!(log.take(), [IGNORED]);
}

#[test]
fn a_context_that_panics_when_its_callback_is_removed_is_reported() {
    let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
    log.reports(&event_loop);
    let (future, context) = (event_loop.create_future::<()>(), armed_context());
    let id = future.add_done_callback_in(&context, |_| ());
    drop(context);
    assert!(future.remove_done_callback(id));
    assert_eq!(log.take(), [IGNORED]);
}
