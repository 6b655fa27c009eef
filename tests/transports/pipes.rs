//! Pipes.

use std::fs::File;
use std::io::Read;
use std::rc::Rc;

use innermost::Kind;

use crate::support::{Recorder, new_loop, run_turns, run_until, run_until_lost, taken};

#[test]
fn what_is_written_to_a_pipe_is_read_to_its_end() {
    let (event_loop, events) = new_loop();
    let (reader, writer) = std::io::pipe().expect("descriptors are free");
    let (log, other) = (Rc::clone(&events), Rc::clone(&events));
    let reading = event_loop.connect_read_pipe(move || Recorder::new("reader", &log).keeping_open(), reader);
    let reading = event_loop.run_until_complete(reading).expect("it is a pipe");
    let writing = event_loop.connect_write_pipe(move || Recorder::new("writer", &other), writer);
    let writing = event_loop.run_until_complete(writing).expect("it is a pipe");
    assert_eq!(reading.write(b"x").unwrap_err().kind(), Kind::RuntimeError);
    assert!(!writing.is_reading() && writing.can_write_eof() && !reading.can_write_eof());
    writing.write(b"hello").expect("it is open");
    let seen = Rc::clone(&events);
    run_until(&event_loop, move || seen.borrow().len() == 3);
    writing.write_eof().expect("it is open");
    run_until_lost(&event_loop, &reading);
    let expected =
        ["reader made", "writer made", "reader data hello", "writer lost None", "reader eof", "reader lost None"];
    assert_eq!(taken(&events), expected);
}

// X17
#[test]
fn a_reader_that_is_gone_ends_the_writer_and_is_an_error_where_something_waits() {
    for (count, error) in [(1, "None"), (1_000_000, "broken pipe")] {
        let (event_loop, events) = new_loop();
        let (mut reader, writer) = std::io::pipe().expect("descriptors are free");
        let log = Rc::clone(&events);
        let writing = event_loop.connect_write_pipe(move || Recorder::new("", &log), writer);
        let writing = event_loop.run_until_complete(writing).expect("it is a pipe");
        writing.set_write_buffer_limits(Some(10_000_000), None).expect("they are in order");
        writing.write(&vec![b'x'; count]).expect("it is open");
        run_turns(&event_loop, 200);
        reader.read_exact(&mut [0]).expect("it has come");
        drop(reader);
        run_until_lost(&event_loop, &writing);
        let events = taken(&events);
        assert_eq!(events[0], "made");
        let lost = events[1].to_lowercase();
        assert!(events.len() == 2 && lost.starts_with(&format!("lost {}", error.to_lowercase())), "{events:?}");
    }
}

// X17
#[test]
fn a_file_is_refused() {
    let (event_loop, events) = new_loop();
    let file = File::open("/proc/self/exe").expect("it is there");
    let refused = event_loop.connect_read_pipe(move || Recorder::new("", &events), file);
    let refused = event_loop.run_until_complete(refused).unwrap_err();
    assert_eq!(refused.to_string(), "Pipe transport is for pipes/sockets/character devices only.");
}
