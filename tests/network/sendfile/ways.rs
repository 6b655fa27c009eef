//! The two ways to send a file: `sendfile`, and reading and writing.

#[cfg(target_os = "linux")]
use std::fs::{self, File};
use std::io::ErrorKind;
use std::rc::Rc;

use innermost::net::{FilePart, pipe};
use innermost::task::Progress;
use innermost::testing::memory_pair;
use innermost::{ByteWrite, Coroutine, Step};

use crate::sendfile::files::{CHUNK, Sender, file_of, io_error, new_loop, pair, pattern, send};
#[cfg(target_os = "linux")]
use crate::sendfile::files::{read_now, reading};

#[test]
fn without_fallback_an_unsupported_file_raises_and_nothing_is_sent() {
    let (near, far) = memory_pair();
    let mut part = FilePart::new(file_of(b"abc")).without_fallback();
    let raised = near.send_file(&mut part).resume(Ok(())).unwrap_err();
    let error = io_error(&raised);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().starts_with("the kernel cannot send this file to this peer by itself"), "{error}");
    assert_eq!(part.sent(), 0);
    // With the fallback, it is sent.
    let mut part = FilePart::new(file_of(b"abc"));
    let Ok(Step::Return(3)) = near.send_file(&mut part).resume(Ok(())) else { panic!("there is room") };
    drop(far);
}

#[test]
fn a_stream_in_memory_needs_no_loop() {
    let (near, _far) = memory_pair();
    let mut part = FilePart::new(file_of(b"0123456789")).offset(2).count(3);
    assert!(matches!(near.send_file(&mut part).resume(Ok(())), Ok(Step::Return(3))));
    let mut nothing = FilePart::new(file_of(b""));
    assert!(matches!(near.send_file(&mut nothing).resume(Ok(())), Ok(Step::Return(0))));
}

/// Takes all, and says that it was more.
struct Boaster;

impl ByteWrite for Boaster {
    fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
        Ok(Step::Return(bytes.len() + 1))
    }

    fn attempt_write_eof(&self) -> Progress<()> {
        Ok(Step::Return(()))
    }
}

#[test]
fn no_more_than_the_file_is_sent_whatever_a_stream_reports() {
    for (part, sent) in [(FilePart::new(file_of(b"abc")).count(2), 2), (FilePart::new(file_of(b"abc")), 3)] {
        let mut part = part;
        let Ok(Step::Return(count)) = Boaster.send_file(&mut part).resume(Ok(())) else { panic!("it takes all") };
        assert_eq!((count, part.sent()), (sent, sent));
    }
}

#[test]
fn an_offset_beyond_the_end_sends_nothing() {
    let (near, _far) = memory_pair();
    let mut part = FilePart::new(file_of(b"abc")).offset(u64::MAX);
    assert!(matches!(near.send_file(&mut part).resume(Ok(())), Ok(Step::Return(0))));
    let (near, _far) = pair();
    let (part, sent) = send(&new_loop(), near, part.offset(u64::MAX).count(1));
    assert_eq!((sent.expect("it ends well"), part.sent()), (0, 0));
}

/// The process's own memory is a file that can be read, at the addresses as offsets, and that the kernel sends nowhere.
#[cfg(target_os = "linux")]
#[test]
fn a_file_refused_by_the_kernel_is_read_and_written() {
    let event_loop = new_loop();
    let content = pattern(5 * CHUNK + 1);
    let part = || {
        let memory = File::open("/proc/self/mem").expect("it is ours");
        FilePart::new(memory).offset(content.as_ptr().addr() as u64).count(content.len() as u64)
    };
    let (near, far) = pair();
    let received = reading(far);
    let (_, sent) = send(&event_loop, near, part());
    assert_eq!(sent.expect("it is read"), content.len() as u64);
    assert!(received.join().expect("it does not panic") == content);

    let (near, mut far) = pair();
    let (part, sent) = send(&event_loop, near, part().without_fallback());
    assert_eq!((io_error(&sent.unwrap_err()).kind(), part.sent()), (ErrorKind::Unsupported, 0));
    assert!(read_now(&mut far, 10).is_empty());
}

/// Files that the kernel generates on reading have no length, and `sendfile` cannot send all of them.
#[cfg(target_os = "linux")]
#[test]
fn a_file_without_a_length_is_sent_to_its_end() {
    let event_loop = new_loop();
    for path in ["/proc/version", "/proc/self/status", "/sys/kernel/mm/transparent_hugepage/enabled"] {
        let Ok(expected) = fs::read(path) else { continue };
        let (near, mut far) = pair();
        let (_, sent) = send(&event_loop, near, FilePart::new(File::open(path).expect("it was read above")));
        let received = read_now(&mut far, 100_000);
        assert_eq!(sent.expect("there is room"), received.len() as u64, "{path}");
        assert_eq!(received.len() / 100, expected.len() / 100, "{path}");
    }
}

#[test]
fn machines_send_files_over_any_byte_stream() {
    let event_loop = new_loop();
    let content = pattern(2 * CHUNK);
    let file = file_of(&content);
    let streams: [fn() -> Box<dyn ByteWrite>; 2] =
        [|| Box::new(pair().0), || Box::new(pipe().expect("descriptors are free").1)];
    for stream in streams {
        // Nothing reads, so all sends raise, which shows that they have tried.
        let sender = Sender { stream: stream(), part: FilePart::new(Rc::clone(&file)) };
        let raised = event_loop.run_until_complete(sender).unwrap_err();
        assert_eq!(io_error(&raised).kind(), ErrorKind::BrokenPipe);
    }
}
