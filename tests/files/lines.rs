//! Files, line by line.

use std::cell::RefCell;
use std::fs;
use std::io::ErrorKind;
use std::rc::Rc;

use innermost::async_iter::AsyncIterator;
use innermost::fs::{File, Lines};
use innermost::{Awaitable, EventLoop, Exception, Step, from_fn, yield_from};

use crate::help::*;

fn file(place: &Place, contents: impl AsRef<[u8]>) -> File {
    let path = place.file(contents);
    File::from_std(fs::File::open(&path).unwrap(), &path).unwrap()
}

fn lines(event_loop: &EventLoop, lines: Lines) -> Vec<String> {
    event_loop.run_until_complete(lines.collect()).unwrap()
}

#[test]
fn lines_are_those_of_the_standard_library() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let long = "x".repeat(300_000);
    for text in [
        "",
        "\n",
        "\n\n",
        "one",
        "one\n",
        "one\ntwo",
        "a\r\nb\r\n",
        "\r\n",
        "a\rb\n\r",
        &long,
        &format!("{long}\ny\n{long}"),
    ] {
        let found = lines(&event_loop, file(&place, text).lines());
        let expected: Vec<_> = std::io::BufRead::lines(text.as_bytes()).map(Result::unwrap).collect();
        assert!(found == expected, "{:?}", &text[..text.len().min(40)]);
        let found: Vec<_> = event_loop.run_until_complete(file(&place, text).byte_lines().collect()).unwrap();
        let expected: Vec<_> = std::io::BufRead::split(text.as_bytes(), b'\n').map(Result::unwrap).collect();
        assert!(found == expected, "{:?}", &text[..text.len().min(40)]);
    }
}

#[test]
fn lines_of_many_lengths_survive_every_boundary_of_a_fetch() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let text: String = (0..4000).map(|number| "z".repeat(number * 37 % 211) + "\n").collect();
    let expected: Vec<_> = text.lines().map(str::to_owned).collect();
    assert!(lines(&event_loop, file(&place, &text).lines()) == expected);
    // Also where a thread fetches.
    let desk = Desk::default();
    event_loop.set_file_executor(desk.clone());
    let collecting = event_loop.create_task(file(&place, &text).lines().collect::<Vec<_>>()).unwrap();
    let mut jobs = 0;
    while !collecting.done() {
        turn(&event_loop);
        jobs += desk.run();
    }
    assert!(collecting.take_result().unwrap() == expected);
    // One finds the end, and one closes the file.
    assert!(jobs <= text.len().div_ceil(65536) + 2, "{jobs} jobs");
}

#[test]
fn a_line_that_is_no_text_is_an_error_and_the_next_one_is_there() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let lines = Rc::new(RefCell::new(file(&place, b"one\n\xff\ntwo").lines()));
    let next = || event_loop.run_until_complete(next_of(&lines));
    assert_eq!(next().unwrap().as_deref(), Some("one"));
    let raised = next().unwrap_err();
    assert_eq!(kind(&raised), ErrorKind::InvalidData);
    assert!(notes(&raised).starts_with("reading \""), "{raised:?}");
    assert_eq!((next().unwrap().as_deref(), next().unwrap()), (Some("two"), None));
}

/// Awaits the next line, in a task.
fn next_of(lines: &Rc<RefCell<Lines>>) -> impl Awaitable<Return = Option<String>> + 'static {
    let lines = Rc::clone(lines);
    from_fn(move |mut sent| yield_from!(lines.borrow_mut().next(), sent).map(Step::Return))
}

#[test]
fn a_cancelled_line_is_not_lost() {
    let (event_loop, desk) = loop_with_desk();
    let status = File::from_std(fs::File::open("/proc/self/status").unwrap(), "status").unwrap();
    let lines = Rc::new(RefCell::new(status.lines()));
    let next = || event_loop.create_task(next_of(&lines)).unwrap();
    for begun in [false, true] {
        let task = next();
        settle(&event_loop);
        if begun {
            desk.run();
        }
        task.cancel();
        assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    }
    settle(&event_loop);
    assert!(event_loop.run_until_complete(next()).unwrap().unwrap().starts_with("Name:"));
}

/// An operation that lost a race may be made again with an exception, although its line is there.
#[test]
fn an_exception_takes_no_line() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let lines = Rc::new(RefCell::new(file(&place, "one\ntwo\nthree").lines()));
    assert_eq!(event_loop.run_until_complete(next_of(&lines)).unwrap().as_deref(), Some("one"));
    let thrown = lines.borrow_mut().resume_next(Err(Exception::cancelled()));
    assert!(thrown.map(drop).unwrap_err().is_cancelled());
    assert_eq!(event_loop.run_until_complete(next_of(&lines)).unwrap().as_deref(), Some("two"));
}

#[test]
fn the_file_comes_back_at_the_next_line() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let lines = Rc::new(RefCell::new(file(&place, "first\nsecond\nthird").lines()));
    assert_eq!(event_loop.run_until_complete(next_of(&lines)).unwrap().as_deref(), Some("first"));
    let file = Rc::into_inner(lines).unwrap().into_inner().into_file();
    assert_eq!(file.position(), 6);
    let rest: Vec<_> = event_loop.run_until_complete(file.byte_lines().collect()).unwrap();
    assert_eq!(rest, [b"second", &b"third"[..]]);
}
