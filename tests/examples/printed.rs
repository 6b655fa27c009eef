//! The examples print the output in their heads. `tests/data/examples.py` checks that the Python programs in their comments
//! print the same.
//!
//! Each example is compiled into this test as a module, and runs in virtual time. It uses the `println!` below, which records
//! the output.

use std::cell::RefCell;
use std::fmt::{Arguments, Write};
use std::time::Duration;

use innermost::testing::virtual_loop;
use innermost::{EventLoop, Exception};

thread_local! {
    static PRINTED: RefCell<String> = const { RefCell::new(String::new()) };
}

macro_rules! println {
    ($($text:tt)*) => {
        crate::printed::print(format_args!($($text)*))
    };
}

#[path = "../../examples/as_completed.rs"]
#[allow(dead_code)]
mod as_completed;
#[path = "../../examples/async_with.rs"]
#[allow(dead_code)]
mod async_with;
#[path = "../../examples/callbacks.rs"]
#[allow(dead_code)]
mod callbacks;
#[path = "../../examples/debugging.rs"]
#[allow(dead_code)]
mod debugging;
#[path = "../../examples/futures.rs"]
#[allow(dead_code)]
mod futures;
#[path = "../../examples/gather.rs"]
#[allow(dead_code)]
mod gather;
#[path = "../../examples/locks.rs"]
#[allow(dead_code)]
mod locks;
#[path = "../../examples/lookups.rs"]
#[allow(dead_code)]
mod lookups;
#[path = "../../examples/producer_consumer.rs"]
#[allow(dead_code)]
mod producer_consumer;
#[path = "../../examples/queues.rs"]
#[allow(dead_code)]
mod queues;
#[path = "../../examples/run_forever.rs"]
#[allow(dead_code)]
mod run_forever;
#[path = "../../examples/semaphores.rs"]
#[allow(dead_code)]
mod semaphores;
#[path = "../../examples/tasks.rs"]
#[allow(dead_code)]
mod tasks;

fn print(line: Arguments<'_>) {
    PRINTED.with_borrow_mut(|printed| writeln!(printed, "{line}")).expect("a string takes anything");
}

/// Runs an example, and compares its output with its head.
fn prints_its_head(source: &str, run: impl FnOnce(&EventLoop) -> Result<(), Exception>) {
    let event_loop = virtual_loop().expect("a descriptor is free");
    // Reports of pending tasks when the loop is dropped.
    event_loop.set_exception_handler(|_| ());
    run(&event_loop).expect("nothing is raised out of it");
    drop(event_loop);
    let printed = PRINTED.take();
    let head: Vec<_> = source.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let start = head.iter().rposition(|line| *line == " ```text").expect("its head shows what it prints") + 1;
    let shown = head[start..].iter().take_while(|line| **line != " ```").map(|line| line.strip_prefix(' '));
    assert_eq!(printed.lines().map(Some).collect::<Vec<_>>(), shown.collect::<Vec<_>>());
}

/// Runs an example until Ctrl-C, which comes after 3.5 of its seconds, and compares its output with its head.
fn prints_its_head_until_stopped(source: &str, run: impl FnOnce(&EventLoop) -> Result<(), Exception>) {
    prints_its_head(source, |event_loop| {
        let handle = event_loop.handle();
        event_loop.call_later(Duration::from_millis(350), move || handle.stop())?;
        run(event_loop)
    });
}

#[test]
fn as_completed_prints_its_head() {
    prints_its_head(include_str!("../../examples/as_completed.rs"), as_completed::run);
}

#[test]
fn async_with_prints_its_head() {
    prints_its_head(include_str!("../../examples/async_with.rs"), async_with::run);
}

#[test]
fn callbacks_prints_its_head() {
    prints_its_head(include_str!("../../examples/callbacks.rs"), callbacks::run);
}

#[test]
fn futures_prints_its_head() {
    prints_its_head(include_str!("../../examples/futures.rs"), futures::run);
}

#[test]
fn gather_prints_its_head() {
    prints_its_head(include_str!("../../examples/gather.rs"), gather::run);
}

#[test]
fn locks_prints_its_head() {
    prints_its_head(include_str!("../../examples/locks.rs"), locks::run);
}

#[test]
fn lookups_prints_its_head() {
    prints_its_head(include_str!("../../examples/lookups.rs"), lookups::run);
}

#[test]
fn queues_prints_its_head() {
    prints_its_head_until_stopped(include_str!("../../examples/queues.rs"), queues::run);
}

#[test]
fn run_forever_prints_its_head() {
    prints_its_head_until_stopped(include_str!("../../examples/run_forever.rs"), run_forever::run);
}

#[test]
fn semaphores_prints_its_head() {
    prints_its_head(include_str!("../../examples/semaphores.rs"), semaphores::run);
}

#[test]
fn tasks_prints_its_head() {
    prints_its_head(include_str!("../../examples/tasks.rs"), tasks::run);
}

#[test]
fn debugging_prints_its_head() {
    prints_its_head(include_str!("../../examples/debugging.rs"), |_| debugging::run());
}

#[test]
fn producer_consumer_prints_its_head() {
    let options = options(&["-p", "2", "--ncon", "1"]).expect("these are options");
    prints_its_head(include_str!("../../examples/producer_consumer.rs"), |event_loop| {
        producer_consumer::run(event_loop, options)
    });
}

#[test]
fn producer_consumer_refuses_unknown_options() {
    let defaults = options(&[]).expect("none is needed");
    assert_eq!((defaults.producers, defaults.consumers), (5, 10));
    let refused = |arguments: &[&str]| options(arguments).err().map(|error| error.to_string());
    assert_eq!(refused(&["-x"]).as_deref(), Some("-x: expected -p or -c, and a number"));
    for arguments in [&["-p"][..], &["-p", "-c"], &["-p", "two"], &["-p", "-1"]] {
        assert_eq!(refused(arguments).as_deref(), Some("-p: expected a number after it"), "{arguments:?}");
    }
}

fn options(arguments: &[&str]) -> Result<producer_consumer::Options, Exception> {
    producer_consumer::Options::parse(arguments.iter().map(|argument| argument.to_string()))
}
