//! Pipes, and descriptors that are used like pipes.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::rc::Rc;

use innermost::net::{PipeReader, PipeWriter, pipe};
use innermost::{Await, ByteRead, ByteWrite, Coroutine, Step, from_fn, yield_from};

use crate::byte_streams::machines::{Collector, Sender, bytes};
use crate::support::connections::{io_kind, new_loop};
use crate::support::tools::needs;

#[test]
fn the_pipes_of_a_child_form_a_stream() {
    needs!("cat");
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let writer = PipeWriter::try_from(OwnedFd::from(child.stdin.take().unwrap())).unwrap();
    let reader = PipeReader::try_from(OwnedFd::from(child.stdout.take().unwrap())).unwrap();
    let event_loop = new_loop();
    event_loop.create_task(Sender::new((reader_of_nothing(), writer), [bytes(300_000)])).unwrap();
    let received = event_loop.run_until_complete(Collector::new(reader, 10_000)).unwrap();
    assert!(received == bytes(300_000));
    assert!(child.wait().unwrap().success());
}

fn reader_of_nothing() -> PipeReader {
    pipe().unwrap().0
}

#[test]
fn pipes_convert_from_and_to_the_standard_library() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let reader = PipeReader::try_from(OwnedFd::from(reader)).unwrap();
    writer.write_all(b"abc").unwrap();
    let event_loop = new_loop();
    let reader = event_loop
        .run_until_complete(from_fn({
            let mut reader = Some(reader);
            move |mut sent| {
                yield_from!(reader.as_ref().unwrap().recv(&mut [0; 2]), sent)?;
                Ok(Step::Return(reader.take()))
            }
        }))
        .unwrap();
    // It is no longer registered, and unread bytes are still there.
    let mut reader = reader.unwrap().into_std().unwrap();
    let mut rest = [0; 8];
    assert_eq!(reader.read(&mut rest).unwrap(), 1);
    assert_eq!(reader.read(&mut rest).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn files_and_directories_are_refused_as_pipes() {
    // X17
    for path in ["Cargo.toml", "src"] {
        let raised = PipeReader::try_from(OwnedFd::from(File::open(path).unwrap())).unwrap_err();
        assert_eq!(raised.kind(), ErrorKind::InvalidInput);
        assert!(raised.to_string().starts_with("expected a pipe, a socket or a character device, got "), "{raised}");
        assert!(PipeWriter::try_from(OwnedFd::from(File::open(path).unwrap())).is_err());
    }
}

#[test]
fn a_waiting_writer_learns_that_its_reader_is_gone() {
    // X17
    let event_loop = new_loop();
    let (reader, writer) = pipe().unwrap();
    let mut reader = Some(reader);
    let full = vec![0; 1 << 20];
    let raised = event_loop
        .run_until_complete(from_fn(move |mut sent| {
            loop {
                let step = writer.send(&full).resume(std::mem::replace(&mut sent, Ok(())))?;
                if let Step::Yield(wait) = step {
                    if wait.is_writable() {
                        drop(reader.take());
                    }
                    return Ok(Step::<Await, (), ()>::Yield(wait));
                }
            }
        }))
        .unwrap_err();
    assert_eq!((io_kind(&raised), reader_of_nothing()).0, ErrorKind::BrokenPipe);
}

#[test]
fn an_ended_writer_raises_and_its_reader_sees_the_end_of_the_stream() {
    let event_loop = new_loop();
    let (reader, writer) = pipe().unwrap();
    let writer = Rc::new(writer);
    let used = Rc::clone(&writer);
    event_loop
        .run_until_complete(from_fn(move |mut sent| {
            yield_from!(used.send(b"abc"), sent)?;
            // Again, once it is over: that is no error.
            yield_from!(used.write_eof(), sent)?;
            yield_from!(used.write_eof(), sent)?;
            let raised = yield_from!(used.send(b"d"), sent).unwrap_err();
            assert_eq!(io_kind(&raised), ErrorKind::BrokenPipe);
            Ok(Step::Return(()))
        }))
        .unwrap();
    assert_eq!(event_loop.run_until_complete(Collector::new(reader, 8)).unwrap(), b"abc");
    drop(writer);
}

#[test]
fn a_waiting_reader_sees_the_end_of_the_stream() {
    let event_loop = new_loop();
    let (reader, writer) = pipe().unwrap();
    let task = event_loop.create_task(Collector::new(reader, 8)).unwrap();
    event_loop.call_soon(move || drop(writer)).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), b"");
}
