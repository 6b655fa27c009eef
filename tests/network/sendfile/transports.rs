//! Sending through transports: writing and reading meanwhile, and the state afterwards.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::net::FilePart;
use innermost::transport::SendFile;
use innermost::{EventLoop, Kind, Transport};

use crate::sendfile::files::{
    KIB, MIB, Progress, Watched, file_of, io_error, new_loop, pattern, read_now, reading, run_until,
};
use crate::transports::protocols::{Log, Recorder};

/// More than a socket takes.
const MUCH: usize = 4 * MIB;

/// A transport, the events of its protocol, and the other end, which blocks.
pub(crate) fn connected(event_loop: &EventLoop) -> (Transport, Log, UnixStream) {
    let (near, far) = UnixStream::pair().expect("descriptors are free");
    let events = Log::default();
    let recorder = Recorder::new("", &events);
    let connecting = event_loop.connect_accepted_socket(|| recorder, near);
    let transport = event_loop.run_until_complete(connecting.unwrap()).expect("it is a socket");
    assert_eq!(events.take(), ["made"]);
    (transport, events, far)
}

/// Sends much, until it waits for the peer.
fn blocked(event_loop: &EventLoop, transport: &Transport) -> (innermost::Task<u64>, Rc<Progress>) {
    let (sending, seen) = watched(transport.send_file(FilePart::new(file_of(&pattern(MUCH)))));
    let task = event_loop.create_task(sending).expect("it is open");
    run_until(event_loop, || seen.is_blocked.get());
    (task, seen)
}

/// Ends the stream behind all that was written.
fn finish(event_loop: &EventLoop, transport: &Transport) {
    transport.write_eof().expect("it is open");
    run_until(event_loop, || transport.write_buffer_size() == 0);
}

fn watched(sending: SendFile) -> (Watched<SendFile>, Rc<Progress>) {
    let seen = Rc::<Progress>::default();
    (Watched { child: sending, progress: |sending| sending.part().sent(), seen: seen.clone() }, seen)
}

// X19
#[test]
fn a_file_follows_all_earlier_writes() {
    let event_loop = new_loop();
    let (transport, _, far) = connected(&event_loop);
    let content = pattern(MUCH);
    // More than the kernel takes: it waits, and the file behind it.
    transport.write(&content).expect("it is open");
    assert!(transport.write_buffer_size() > 0);
    transport.write(b"head").expect("it is open");
    let received = reading(far);
    let sent = event_loop.run_until_complete(transport.send_file(FilePart::new(file_of(b"file"))));
    assert_eq!((sent.expect("it is read"), transport.write_buffer_size()), (4, 0));
    transport.write(b"tail").expect("it is open");
    finish(&event_loop, &transport);
    let received = received.join().expect("it does not panic");
    assert!(received[..MUCH] == content && received[MUCH..] == *b"headfiletail");
}

// X19
#[test]
fn other_writes_are_refused_while_a_file_is_sent() {
    let event_loop = new_loop();
    let (transport, _, far) = connected(&event_loop);
    let (task, _) = blocked(&event_loop, &transport);
    let text = "unable to write; sendfile is in progress";
    for raised in [
        transport.write(b"x").unwrap_err(),
        transport.writelines(["x"]).unwrap_err(),
        transport.write_eof().unwrap_err(),
        event_loop.run_until_complete(transport.send_file(FilePart::new(file_of(b"x")))).unwrap_err(),
    ] {
        assert_eq!((raised.kind(), raised.to_string()), (Kind::RuntimeError, text.to_owned()));
    }
    assert!(!transport.is_closing());
    let received = reading(far);
    assert_eq!(event_loop.run_until_complete(task).expect("it is read"), MUCH as u64);
    transport.write(b"again").expect("it is over");
    finish(&event_loop, &transport);
    let received = received.join().expect("it does not panic");
    assert!(received[..MUCH] == pattern(MUCH) && received[MUCH..] == *b"again");
}

// X19
#[test]
fn reading_pauses_while_a_file_is_sent() {
    let event_loop = new_loop();
    let (transport, events, mut far) = connected(&event_loop);
    let (task, _) = blocked(&event_loop, &transport);
    assert!(!transport.is_reading());
    far.write_all(b"question").expect("there is room");
    for _ in 0..10 {
        event_loop.run_once().expect("it runs");
    }
    assert!(events.entries().is_empty());
    let received = reading(far);
    event_loop.run_until_complete(task).expect("it is read");
    assert!(transport.is_reading());
    run_until(&event_loop, || !events.entries().is_empty());
    assert_eq!(events.take(), ["data question"]);
    transport.close();
    drop(event_loop);
    assert!(received.join().expect("it does not panic") == pattern(MUCH));
}

#[test]
fn reading_paused_before_stays_paused() {
    let event_loop = new_loop();
    let (transport, _, _far) = connected(&event_loop);
    transport.pause_reading();
    event_loop.run_until_complete(transport.send_file(FilePart::new(file_of(b"file")))).expect("there is room");
    assert!(!transport.is_reading());
    transport.resume_reading();
    assert!(transport.is_reading());
}

#[test]
fn a_closing_or_half_closed_transport_sends_no_file() {
    let event_loop = new_loop();
    let part = || FilePart::new(file_of(b"file"));
    let (transport, _, _far) = connected(&event_loop);
    transport.write_eof().expect("it is open");
    let raised = event_loop.run_until_complete(transport.send_file(part())).unwrap_err();
    assert_eq!(raised.to_string(), "Cannot call write() after write_eof()");
    transport.close();
    let raised = event_loop.run_until_complete(transport.send_file(part())).unwrap_err();
    assert_eq!((raised.kind(), raised.to_string()), (Kind::RuntimeError, "Transport is closing".to_owned()));
}

// X19
#[test]
fn closing_the_transport_meanwhile_ends_the_file_with_an_error() {
    for close in [Transport::close, Transport::abort] {
        let event_loop = new_loop();
        let (transport, events, _far) = connected(&event_loop);
        let (task, seen) = blocked(&event_loop, &transport);
        close(&transport);
        let raised = event_loop.run_until_complete(task).unwrap_err();
        assert_eq!(io_error(&raised).kind(), ErrorKind::ConnectionReset);
        assert!((1..MUCH as u64).contains(&seen.sent.get()));
        run_until(&event_loop, || !events.entries().is_empty());
        assert_eq!(events.take(), ["lost None"]);
    }
}

#[test]
fn a_transport_closed_before_the_file_starts_sends_only_earlier_writes() {
    let event_loop = new_loop();
    let (transport, events, far) = connected(&event_loop);
    transport.write(&pattern(MUCH)).expect("it is open");
    let task = event_loop.create_task(transport.send_file(FilePart::new(file_of(b"file")))).expect("it is open");
    event_loop.run_once().expect("it runs");
    transport.close();
    let received = reading(far);
    let raised = event_loop.run_until_complete(task).unwrap_err();
    assert_eq!(io_error(&raised).kind(), ErrorKind::ConnectionReset);
    assert_eq!(events.take(), ["pause", "resume", "lost None"]);
    assert!(received.join().expect("it does not panic") == pattern(MUCH));
}

#[test]
fn a_transport_aborted_before_the_file_starts_sends_no_file() {
    let event_loop = new_loop();
    let (transport, _, _far) = connected(&event_loop);
    transport.write(&pattern(MUCH)).expect("it is open");
    let task = event_loop.create_task(transport.send_file(FilePart::new(file_of(b"file")))).expect("it is open");
    event_loop.run_once().expect("it runs");
    transport.abort();
    assert_eq!(io_error(&event_loop.run_until_complete(task).unwrap_err()).kind(), ErrorKind::ConnectionReset);
}

// X19
#[test]
fn a_peer_closing_half_way_raises_and_the_protocol_learns_of_it() {
    let event_loop = new_loop();
    let (transport, events, mut far) = connected(&event_loop);
    let (task, seen) = blocked(&event_loop, &transport);
    far.read_exact(&mut [0; KIB]).expect("it was sent");
    drop(far);
    let raised = event_loop.run_until_complete(task).unwrap_err();
    assert!(matches!(io_error(&raised).kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{raised:?}");
    assert!((KIB as u64..MUCH as u64).contains(&seen.sent.get()));
    run_until(&event_loop, || events.entries().last().is_some_and(|event| event.starts_with("lost")));
}

#[test]
fn cancelling_or_dropping_a_sendfile_restores_the_transport() {
    for drops in [false, true] {
        let event_loop = new_loop();
        let (transport, events, mut far) = connected(&event_loop);
        let count = if drops {
            let mut sending = transport.send_file(FilePart::new(file_of(&pattern(MUCH))));
            while !matches!(
                innermost::Coroutine::resume(&mut sending, Ok(())),
                Ok(innermost::Step::Yield(wait))
             if wait.is_writable())
            {}
            sending.part().sent()
        } else {
            let (task, seen) = blocked(&event_loop, &transport);
            task.cancel();
            assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
            seen.sent.get()
        };
        assert!(transport.is_reading());
        transport.write(b"tail").expect("the file is over");
        let expected = count as usize + 4;
        let mut received = Vec::new();
        run_until(&event_loop, || {
            received.extend(read_now(&mut far, MIB));
            received.len() >= expected
        });
        assert!(received[..count as usize] == pattern(MUCH)[..count as usize] && received.ends_with(b"tail"));
        far.write_all(b"answer").expect("there is room");
        run_until(&event_loop, || !events.entries().is_empty());
        assert_eq!(events.take(), ["data answer"]);
    }
}

#[test]
fn a_sendfile_cancelled_before_it_starts_has_no_effect() {
    let event_loop = new_loop();
    let (transport, _, far) = connected(&event_loop);
    transport.write(&pattern(MUCH)).expect("it is open");
    let task = event_loop.create_task(transport.send_file(FilePart::new(file_of(b"file")))).expect("it is open");
    event_loop.run_once().expect("it runs");
    task.cancel();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    transport.write(b"tail").expect("the file is over");
    let received = reading(far);
    finish(&event_loop, &transport);
    let received = received.join().expect("it does not panic");
    assert!(received[..MUCH] == pattern(MUCH) && received[MUCH..] == *b"tail");
}

#[test]
fn closing_a_loop_during_a_sendfile_leaks_nothing() {
    let event_loop = new_loop();
    let (transport, _, far) = connected(&event_loop);
    let (task, _) = blocked(&event_loop, &transport);
    event_loop.set_exception_handler(|_| ());
    drop(event_loop);
    assert!(transport.is_closing());
    let received = reading(far).join().expect("it does not panic");
    assert!(received == pattern(MUCH)[..received.len()]);
    drop(task);
}

#[test]
fn a_stream_sends_files() {
    let event_loop = new_loop();
    let (near, far) = UnixStream::pair().expect("descriptors are free");
    let (_reader, writer) =
        event_loop.run_until_complete(event_loop.open_connection_at(near).unwrap()).expect("it is a socket");
    let received = reading(far);
    writer.write(b"head ").expect("it is open");
    let sent = event_loop.run_until_complete(writer.send_file(FilePart::new(file_of(&pattern(MUCH)))));
    assert_eq!(sent.expect("it is read"), MUCH as u64);
    writer.write(b" tail").expect("it is open");
    writer.close();
    event_loop.run_until_complete(writer.wait_closed()).expect("it ends well");
    let received = received.join().expect("it does not panic");
    assert!(received.starts_with(b"head ") && received.ends_with(b" tail") && received[5..][..MUCH] == pattern(MUCH));
}

#[test]
fn a_write_pipe_sends_a_file_and_a_read_pipe_refuses() {
    let event_loop = new_loop();
    let (reader, writer) = std::io::pipe().expect("descriptors are free");
    let protocol = || Recorder::new("", &Log::default());
    let writing =
        event_loop.run_until_complete(event_loop.connect_write_pipe(protocol, writer).unwrap()).expect("it is a pipe");
    let received = reading(reader);
    let sent = event_loop.run_until_complete(writing.send_file(FilePart::new(file_of(&pattern(MUCH)))));
    assert_eq!(sent.expect("it is read"), MUCH as u64);
    assert!(!writing.is_reading());
    writing.close();
    run_until(&event_loop, || writing.with_fd(|fd| fd.is_none()));
    assert!(received.join().expect("it does not panic") == pattern(MUCH));

    let (reader, _writer) = std::io::pipe().expect("descriptors are free");
    let end =
        event_loop.run_until_complete(event_loop.connect_read_pipe(protocol, reader).unwrap()).expect("it is a pipe");
    let raised = event_loop.run_until_complete(end.send_file(FilePart::new(file_of(b"x")))).unwrap_err();
    assert_eq!(raised.to_string(), "this end of a pipe can only be read from");
}
