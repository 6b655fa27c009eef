//! Callbacks of a `Watched` whose destructors panic. The watch still ends, and the panic is reported.

use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::{EventLoop, Kind, Watched};

use crate::descriptors::{settle, watched};
use crate::support::connections::new_loop;
use crate::support::events::Log;

/// Something that a callback owns, and that panics when it is dropped.
struct Bomb(Log, &'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.add(format_args!("{} is dropped", self.1));
        panic!("the destructor of {}", self.1);
    }
}

/// A callback that writes down that it is called, and owns a bomb.
fn armed(log: &Log, name: &'static str) -> impl FnMut() + use<> + 'static {
    let bomb = Bomb(log.clone(), name);
    move || bomb.0.add(format_args!("{} is called", bomb.1))
}

/// A loop that records reports to its exception handler.
fn reporting_loop() -> (EventLoop, Log) {
    let (event_loop, log) = (new_loop(), Log::default());
    let reports = log.clone();
    event_loop.set_exception_handler(move |context| {
        let raised = context.exception.as_ref().expect("it is a panic");
        assert_eq!(raised.kind(), Kind::Panic);
        reports.add(format_args!("reported {raised}"));
    });
    (event_loop, log)
}

fn reported(name: &str) -> [String; 2] {
    [format!("{name} is dropped"), format!("reported the destructor of {name}")]
}

#[test]
fn a_watch_whose_callbacks_panic_on_drop_ends_in_both_directions() {
    let (event_loop, log) = reporting_loop();
    let (near, _far) = UnixStream::pair().unwrap();
    let watched = Watched::new(&near);
    event_loop.add_reader(&watched, armed(&log, "the reader")).unwrap();
    event_loop.add_writer(&watched, armed(&log, "the writer")).unwrap();
    drop(watched);
    assert_eq!(log.take(), [reported("the reader"), reported("the writer")].concat());
    settle(&event_loop);
    assert!(log.take().is_empty(), "nobody calls them");
    // The descriptor is free for another watch.
    let again = Watched::new(&near);
    let called = log.clone();
    event_loop.add_writer(&again, move || called.add("called")).unwrap();
    settle(&event_loop);
    assert_eq!(log.take().first().map(String::as_str), Some("called"));
}

#[test]
fn a_callback_that_panics_on_drop_can_be_removed_and_replaced() {
    let (event_loop, log) = reporting_loop();
    let (watched, near, mut far) = watched();
    event_loop.add_reader(&watched, armed(&log, "the first")).unwrap();
    event_loop.add_reader(&watched, armed(&log, "the second")).unwrap();
    assert_eq!(log.take(), reported("the first"));
    settle(&event_loop);
    far.write_all(b"a").unwrap();
    event_loop.run_once().unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(log.entries().first().map(String::as_str), Some("the second is called"));
    log.take();
    assert!(event_loop.remove_reader(&watched));
    assert_eq!(log.take(), reported("the second"));
    assert!(!event_loop.remove_reader(&watched));
    assert_eq!((&*near).read(&mut [0; 8]).unwrap(), 1);
    event_loop.add_writer(&watched, armed(&log, "the writer")).unwrap();
    assert!(event_loop.remove_writer(&watched));
    assert_eq!(log.take(), reported("the writer"));
}

#[test]
fn a_callback_that_ends_its_watch_and_panics_on_drop_is_reported_once() {
    let (event_loop, log) = reporting_loop();
    let (watched, near, mut far) = watched();
    let own = Rc::new(Cell::new(None));
    let (ends, bomb) = (Rc::clone(&own), Bomb(log.clone(), "the reader"));
    event_loop
        .add_reader(&watched, move || {
            let _ = &bomb;
            drop(ends.take());
        })
        .unwrap();
    event_loop.add_writer(&watched, armed(&log, "the writer")).unwrap();
    settle(&event_loop);
    assert!(event_loop.remove_writer(&watched));
    log.take();
    own.set(Some(watched));
    far.write_all(b"a").unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), reported("the reader"));
    assert_eq!(Rc::strong_count(&near), 1);
}

#[test]
fn a_watch_made_by_a_destructor_of_an_ending_watch_works() {
    struct Replaces(Option<Box<dyn FnOnce()>>);

    impl Drop for Replaces {
        fn drop(&mut self) {
            self.0.take().expect("it is dropped once")();
        }
    }

    let (event_loop, log) = reporting_loop();
    let (watched, near, _far) = watched();
    let second = Rc::new(Cell::new(None));
    let (handle, kept, called) = (event_loop.handle(), Rc::clone(&second), log.clone());
    let replaces = Replaces(Some(Box::new(move || {
        // The same number, while the earlier watch is ending.
        let second = Watched::new(near);
        handle.add_writer(&second, move || called.add("called")).expect("it is free");
        kept.set(Some(second));
    })));
    event_loop.add_reader(&watched, move || _ = &replaces).unwrap();
    drop(watched);
    settle(&event_loop);
    assert_eq!(log.take().first().map(String::as_str), Some("called"));
}

#[test]
fn a_leaked_watch_works_until_the_loop_is_closed() {
    let (event_loop, log) = reporting_loop();
    let (watched, near, mut far) = watched();
    event_loop.add_reader(&watched, crate::descriptors::reads_a_byte("forgotten", &near, &log)).unwrap();
    std::mem::forget(watched);
    settle(&event_loop);
    far.write_all(b"a").unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["forgotten a"]);
    // A leaked watch keeps its descriptor and number for ever. Its callback is dropped with the loop.
    assert_eq!(Rc::strong_count(&near), 3);
    drop(event_loop);
    assert_eq!(Rc::strong_count(&near), 2);
}
