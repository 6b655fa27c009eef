//! Loops in destructors of thread-locals, which may run after the library's own thread-locals are destroyed.

use std::cell::RefCell;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use innermost::context::{ContextVar, copy_context};
use innermost::{EventLoop, Step, from_fn, sleep, to_thread};

use crate::support::events::{OnDrop, on_drop};

type AtEnd = OnDrop<Box<dyn FnOnce()>>;

std::thread_local! {
    static FIRST: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    static LAST: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

static LEVEL: ContextVar<u32> = ContextVar::new("level");

/// Uses a loop in every way that needs a thread-local of ours.
fn use_a_loop(event_loop: &EventLoop) -> String {
    let mut text = String::new();
    LEVEL.set(7);
    let inner = event_loop.run_until_complete(from_fn(|_| {
        let event_loop = EventLoop::running()?;
        LEVEL.set(LEVEL.get().unwrap_or(0) + 1);
        event_loop.call_soon(|| assert_eq!(LEVEL.get().ok(), Some(8)))?;
        Ok(Step::Return(LEVEL.get()?))
    }));
    text += &format!("{inner:?} {:?} {}", LEVEL.get().ok(), copy_context().len());
    event_loop.run_until_complete(sleep(Duration::from_millis(1))).unwrap();
    text += &format!(" {:?}", event_loop.run_until_complete(to_thread(|| Ok(3))));
    EventLoop::set_current(Some(event_loop.handle()));
    text += &format!(" {}", EventLoop::running().is_err());
    text
}

/// Has that done in a thread that ends: by a thread-local that was there before ours, and by one that came after them.
fn at_the_end(make: fn(&Sender<String>) -> Box<dyn FnOnce()>) -> Vec<String> {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        FIRST.set(Some(on_drop(make(&sender))));
        use_a_loop(&EventLoop::new().expect("there are descriptors"));
        LAST.set(Some(on_drop(make(&sender))));
    });
    thread.join().expect("it does not panic");
    receiver.iter().collect()
}

const USED: &str = "Ok(8) Some(7) 1 Ok(3) true";

#[test]
fn a_loop_can_be_made_and_run_in_the_destructor_of_a_thread_local() {
    let told = at_the_end(|sender| {
        let sender = sender.clone();
        Box::new(move || {
            let event_loop = EventLoop::new().expect("there are descriptors");
            sender.send(use_a_loop(&event_loop)).expect("somebody listens");
            event_loop.close().expect("it does not run");
        })
    });
    assert_eq!(told, [USED, USED]);
}

#[test]
fn a_loop_that_a_thread_local_owns_can_be_run_and_dropped_when_the_thread_ends() {
    let told = at_the_end(|sender| {
        let (sender, event_loop) = (sender.clone(), EventLoop::new().expect("there are descriptors"));
        event_loop.set_exception_handler(|_| {});
        let task = event_loop.create_task(sleep(Duration::from_secs(3600))).expect("it is open");
        Box::new(move || {
            let used = use_a_loop(&event_loop);
            drop(event_loop);
            sender.send(format!("{used} {}", task.cancelled())).expect("somebody listens");
        })
    });
    assert_eq!(told, [(); 2].map(|()| format!("{USED} true")));
}

#[test]
fn variables_set_in_a_thread_are_dropped_when_it_ends() {
    static HELD: ContextVar<OnDrop<Box<dyn FnOnce()>>> = ContextVar::new("held");
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        HELD.set(on_drop(Box::new(move || sender.send("dropped").expect("somebody listens"))));
    });
    thread.join().expect("it does not panic");
    assert_eq!(receiver.iter().collect::<Vec<_>>(), ["dropped"]);
}
