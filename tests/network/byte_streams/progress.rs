//! Operations that continue after an interruption, because their buffer or cursor remembers the progress.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Cursor, ErrorKind, Write};
use std::rc::Rc;

use innermost::net::Outgoing;
use innermost::task::Progress;
use innermost::testing::{MemoryPair, MemoryStream, memory_pair, virtual_loop};
use innermost::{Await, Buffer, ByteRead, ByteWrite, Coroutine, Exception, Step, from_fn, sleep, yield_from};
use std::time::Duration;

use crate::byte_streams::machines::{Collector, bytes};
use crate::support::connections::{Resumed, io_kind};

/// An end that takes ten bytes until its peer reads, and the peer.
fn narrow() -> (MemoryStream, MemoryStream) {
    MemoryPair::new().capacity(10).build()
}

#[test]
fn a_message_longer_than_the_buffer_is_sent_once() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = narrow();
    let mut message = Cursor::new(bytes(1000));
    event_loop
        .create_task(from_fn(move |mut sent| yield_from!(near.write_all(&mut message), sent).map(Step::Return)))
        .unwrap();
    let received = event_loop.run_until_complete(Collector::new(&*Box::leak(Box::new(far)), 7));
    // It ends when the task drops its end.
    assert_eq!(received.unwrap(), bytes(1000));
}

#[test]
fn a_cancelled_send_keeps_the_unsent_rest() {
    // E20, of sock_sendall: nothing is lost or repeated.
    let event_loop = virtual_loop().unwrap();
    let (near, far) = narrow();
    let near = Rc::new(near);
    let messages = Rc::new(RefCell::new(VecDeque::from([Cursor::new(bytes(4)), Cursor::new(bytes(20))])));
    let send = || {
        let (near, messages) = (Rc::clone(&near), Rc::clone(&messages));
        from_fn(move |mut sent| -> Resumed<()> {
            yield_from!(near.write_all(&mut *messages.borrow_mut()), sent).map(Step::Return)
        })
    };
    let task = event_loop.create_task(send()).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    task.cancel();
    assert!(event_loop.run_until_complete(task.join()).unwrap_err().is_cancelled());
    assert_eq!((messages.borrow().len(), messages.borrow().remaining()), (1, 14));

    event_loop.create_task(send()).unwrap();
    drop(near);
    let received = event_loop.run_until_complete(Collector::new(far, 100)).unwrap();
    assert_eq!(received, [bytes(4), bytes(20)].concat());
}

#[test]
fn queued_messages_are_sent_together() {
    /// Records the number of bytes in each piece of each call: numbers, for the test to count and compare.
    #[derive(Default)]
    struct Pieces(RefCell<Vec<Vec<usize>>>);
    impl ByteWrite for Pieces {
        fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
            self.0.borrow_mut().push(vec![bytes.len()]);
            Ok(Step::Return(bytes.len()))
        }
        fn attempt_send_vectored(&self, slices: &[std::io::IoSlice<'_>]) -> Progress<usize> {
            self.0.borrow_mut().push(slices.iter().map(|slice| slice.len()).collect());
            // All but the last byte, and that not at once.
            Ok(Step::Return(slices.iter().map(|slice| slice.len()).sum::<usize>() - 1))
        }
        fn attempt_write_eof(&self) -> Progress<()> {
            Ok(Step::Return(()))
        }
    }
    let pieces = Pieces::default();
    let mut messages: VecDeque<_> = [3, 0, 5].map(|count| Cursor::new(bytes(count))).into();
    assert!(matches!(pieces.write_all(&mut messages).resume(Ok(())), Ok(Step::Return(()))));
    assert_eq!(pieces.0.take(), [vec![3, 5], vec![1]]);
    assert!(messages.is_empty() || messages.remaining() == 0);
    // More pieces than one call takes.
    let mut messages: VecDeque<_> = (0..40).map(|_| Cursor::new(b"a")).collect();
    assert!(matches!(pieces.write_all(&mut messages).resume(Ok(())), Ok(Step::Return(()))));
    assert_eq!(pieces.0.take().iter().map(Vec::len).collect::<Vec<_>>(), [32, 9, 1]);
}

#[test]
fn read_exact_receives_the_exact_number_of_bytes_in_any_pieces() {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = MemoryPair::new().random_moves(3).latency(Duration::from_millis(1)).build();
    let mut message = Cursor::new(bytes(100));
    event_loop
        .create_task(from_fn(move |mut sent| yield_from!(near.write_all(&mut message), sent).map(Step::Return)))
        .unwrap();
    let (mut head, mut rest) = (Cursor::new([0; 30]), Cursor::new(vec![0; 70]));
    let received = event_loop.run_until_complete(from_fn(move |mut sent| {
        yield_from!(far.read_exact(&mut head), sent)?;
        yield_from!(far.read_exact(&mut rest), sent)?;
        Ok(Step::Return([head.get_ref().as_slice(), rest.get_ref()].concat()))
    }));
    assert_eq!(received.unwrap(), bytes(100));
}

#[test]
fn an_early_end_reports_the_progress_and_keeps_the_bytes() {
    let event_loop = virtual_loop().unwrap();
    for (wanted, text) in [(5, "the stream ended after 3 of 5 bytes"), (4, "the stream ended after 3 of 4 bytes")] {
        let (near, far) = memory_pair();
        assert!(matches!(near.attempt_send(b"abc"), Ok(Step::Return(3))));
        drop(near);
        let mut buffer = Buffer::new();
        let (raised, left) = event_loop
            .run_until_complete(from_fn(move |mut sent| {
                let raised = yield_from!(far.fill(&mut buffer, wanted), sent).unwrap_err();
                Ok(Step::Return((raised, buffer.bytes().to_vec())))
            }))
            .unwrap();
        assert_eq!(
            (io_kind(&raised), raised.to_string(), &*left),
            (ErrorKind::UnexpectedEof, text.into(), &b"abc"[..])
        );
    }
    let (near, far) = memory_pair();
    assert!(matches!(near.attempt_send(b"abc"), Ok(Step::Return(3))));
    drop(near);
    let mut bytes = Cursor::new([0; 5]);
    let raised = far.read_exact(&mut bytes).resume(Ok(())).map(drop).unwrap_err();
    assert_eq!((io_kind(&raised), bytes.position()), (ErrorKind::UnexpectedEof, 3));
}

#[test]
fn fill_reads_no_more_than_available_and_no_more_than_the_limit() {
    let event_loop = virtual_loop().unwrap();
    let (_near, far) = memory_pair();
    let mut buffer = Buffer::with_limit(4);
    buffer.write_all(b"abcd").unwrap();
    let raised = event_loop
        .run_until_complete(from_fn(move |mut sent| {
            yield_from!(far.fill(&mut buffer, 3), sent)?;
            Ok(Step::Return(yield_from!(far.fill(&mut buffer, 5), sent).unwrap_err()))
        }))
        .unwrap();
    assert_eq!(io_kind(&raised), ErrorKind::StorageFull);
}

#[test]
fn writing_a_cursor_beyond_its_end_does_nothing() {
    let (near, far) = memory_pair();
    for position in [3, 4, u64::MAX] {
        let mut cursor = Cursor::new(*b"abc");
        cursor.set_position(position);
        assert_eq!(cursor.remaining(), 0);
        cursor.consume(1);
        assert_eq!(cursor.position(), position);
        assert!(matches!(near.write_all(&mut cursor).resume(Ok(())), Ok(Step::Return(()))));
        assert!(matches!(far.read_exact(&mut cursor).resume(Ok(())), Ok(Step::Return(()))));
    }
}

#[test]
fn a_stream_that_reports_wrong_counts_breaks_nothing() {
    struct Liar;
    impl ByteRead for Liar {
        fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize> {
            Ok(Step::Return(bytes.len().saturating_mul(2).max(7)))
        }
    }
    impl ByteWrite for Liar {
        fn attempt_send(&self, _: &[u8]) -> Progress<usize> {
            Ok(Step::Return(0))
        }
        fn attempt_write_eof(&self) -> Progress<()> {
            Ok(Step::Yield(Await::next_turn()))
        }
    }
    let mut buffer = Buffer::new();
    assert!(Liar.read(&mut buffer).resume(Ok(())).is_ok());
    assert_eq!(buffer.len(), 64 * 1024);
    assert!(matches!(Liar.read_exact(&mut Cursor::new([0; 3])).resume(Ok(())), Ok(Step::Return(()))));
    let raised: Exception = Liar.write_all(&mut buffer).resume(Ok(())).map(drop).unwrap_err();
    assert_eq!(io_kind(&raised), ErrorKind::WriteZero);
    let raised = Liar.write_all(&mut Cursor::new("abc")).resume(Ok(())).map(drop).unwrap_err();
    assert_eq!(io_kind(&raised), ErrorKind::WriteZero);
}
