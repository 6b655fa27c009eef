//! Pipes.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
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

// Standard input is that where nobody types. `poll` holds it to be ready.
#[cfg(not(innermost_poll))]
#[test]
fn a_device_that_is_always_ready_is_refused_and_why_is_said() {
    let (event_loop, events) = new_loop();
    let null = File::open("/dev/null").expect("it is there");
    let refused = event_loop.connect_read_pipe(move || Recorder::new("", &events), null);
    let refused = event_loop.run_until_complete(refused).unwrap_err();
    assert!(
        refused.notes().any(|note| note.contains("a device such as /dev/null cannot be waited for")),
        "{refused:?}"
    );
}

/// Has each write to a pipe read by itself: `O_DIRECT`, of `pipe(2)`.
#[allow(unsafe_code)]
fn in_packets(pipe: &impl AsRawFd) {
    // SAFETY: takes no pointer, and the descriptor is open.
    let set = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_DIRECT) };
    assert_eq!(set, 0);
}

#[test]
fn what_is_written_in_a_turn_leaves_in_one_system_call_and_large_writes_at_once() {
    let (event_loop, events) = new_loop();
    let (mut reader, writer) = std::io::pipe().expect("descriptors are free");
    in_packets(&writer);
    let log = Rc::clone(&events);
    let protocol = Recorder::new("", &log).reacting(|transport, event| {
        if event == "made" {
            transport.writelines(["in ", "one ", "callback"]).expect("it is open");
        }
    });
    let transport = event_loop.run_until_complete(event_loop.connect_write_pipe(move || protocol, writer));
    let transport = transport.expect("it is a pipe");
    let mut packet = move || {
        let mut room = [0; 10_000];
        let count = reader.read(&mut room).expect("it has come");
        String::from_utf8_lossy(&room[..count]).into_owned()
    };
    assert_eq!(packet(), "in one callback");
    for word in ["in ", "one ", "turn"] {
        let transport = transport.clone();
        event_loop.call_soon(move || transport.write(word.as_bytes()).expect("it is open")).expect("it is open");
    }
    run_turns(&event_loop, 3);
    assert_eq!(packet(), "in one turn");
    transport.write(b"small").expect("it is open");
    transport.flush();
    assert_eq!(packet(), "small");
    let large = "x".repeat(4096);
    transport.write(large.as_bytes()).expect("it is open");
    assert_eq!(packet(), large);
}

// A reader is told of the arrival of bytes once, not of those that it has left.
#[test]
fn packets_and_lines_that_have_come_together_are_all_read() {
    let (reader, mut writer) = std::io::pipe().expect("descriptors are free");
    in_packets(&writer);
    for packet in ["a", "b", "c"] {
        writer.write_all(packet.as_bytes()).expect("there is room");
    }
    assert_eq!(read_from(reader, 4), ["made", "data a", "data b", "data c"]);

    let (mut keyboard, terminal) = terminal();
    keyboard.write_all(b"a\nb\nc\n").expect("there is room");
    assert_eq!(read_from(terminal, 4), ["made", "data a\n", "data b\n", "data c\n"]);
}

/// What a protocol is told of that, as far as the event of this number.
fn read_from(pipe: impl Into<OwnedFd>, count: usize) -> Vec<String> {
    let (event_loop, events) = new_loop();
    let log = Rc::clone(&events);
    let reading = event_loop.connect_read_pipe(move || Recorder::new("", &log), pipe);
    event_loop.run_until_complete(reading).expect("it can be waited for");
    let seen = Rc::clone(&events);
    run_until(&event_loop, move || seen.borrow().len() == count);
    taken(&events)
}

/// What types, and what a program reads from: a pseudo-terminal's two ends.
#[allow(unsafe_code)]
fn terminal() -> (File, OwnedFd) {
    let (mut keyboard, mut terminal) = (0, 0);
    // SAFETY: both numbers may be written until the call returns; it takes no name, and the usual settings.
    let opened =
        unsafe { libc::openpty(&mut keyboard, &mut terminal, ptr::null_mut(), ptr::null_mut(), ptr::null_mut()) };
    assert_eq!(opened, 0);
    // SAFETY: the call has just made both, and nobody else owns them.
    unsafe { (File::from_raw_fd(keyboard), OwnedFd::from_raw_fd(terminal)) }
}
