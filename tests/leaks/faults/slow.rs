//! Peers that are slow, or do not read at all.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::net::Outgoing;
use innermost::{Await, ByteWrite, EventLoop, Exception, Protocol, Step, TcpStream, Transport, from_fn, yield_from};

use crate::counting;
use crate::faults::kinds::{KINDS, Kind, Mark, echo_pair};
use crate::held::{alone, new_loop, run_turns, run_until, with_loop};

#[test]
fn a_peer_that_sends_single_bytes_is_answered_and_takes_no_memory() {
    let alone = alone();
    for kind in KINDS {
        alone.leaves_nothing(|| {
            let (event_loop, reports) = new_loop();
            let mark = Mark::default();
            let mut far = echo_pair(kind, &event_loop, Rc::clone(&mark));
            let mut held = None;
            for byte in 0..=255 {
                far.write_all(&[byte]).expect("there is room");
                let mut room = [0; 16];
                assert_eq!(with_loop(&event_loop, || far.read(&mut room)).expect("it is open"), 1);
                assert_eq!(room[0], byte);
                if byte == 10 {
                    held = Some(counting::bytes());
                }
            }
            assert_eq!(Some(counting::bytes()), held, "{kind:?}");
            drop(far);
            run_until(&event_loop, move || Rc::strong_count(&mark) == 1);
            assert_eq!(reports.take(), [""; 0], "{kind:?}");
        });
    }
}

/// Sends a byte now and then, and half of a frame for ever: who waits for all of it waits on, and is let go by the end.
#[test]
fn a_frame_sent_byte_by_byte_is_delivered_when_complete() {
    let alone = alone();
    alone.leaves_nothing(|| {
        let (event_loop, _) = new_loop();
        let (near, mut far) = UnixStream::pair().expect("descriptors are free");
        let opening = event_loop.open_connection_at(near);
        let (reader, writer) = event_loop.run_until_complete(opening.unwrap()).expect("it is a stream");
        let lines = Rc::new(Cell::new(0));
        let count = Rc::clone(&lines);
        let reading = from_fn(move |mut sent: Result<(), Exception>| {
            loop {
                let line = yield_from!(reader.read_line(), sent)?;
                if !line.ends_with(b"\n") {
                    assert_eq!(line, b"half");
                    return Ok(Step::<Await, (), ()>::Return(()));
                }
                assert_eq!(line, b"a line\n");
                count.set(count.get() + 1);
            }
        });
        let task = event_loop.create_task(reading).expect("it is open");
        for (number, byte) in b"a line\n".repeat(20).into_iter().enumerate() {
            assert_eq!(lines.get(), number / 7);
            far.write_all(&[byte]).expect("there is room");
            run_turns(&event_loop, 4);
        }
        far.write_all(b"half").expect("there is room");
        run_turns(&event_loop, 4);
        drop(far);
        event_loop.run_until_complete(task).expect("it ends");
        assert_eq!(lines.get(), 20);
        writer.close();
        event_loop.run_until_complete(writer.wait_closed()).expect("it is closed");
    });
}

/// How much is written at once.
const PIECE: usize = 16 * 1024;

/// From how much on a writer is to pause: the default.
const HIGH: usize = 64 * 1024;

/// Writes until the transport pauses it, and counts the bytes.
fn write_for_ever(kind: Kind, event_loop: &EventLoop, near: UnixStream) -> (Rc<Cell<usize>>, Option<Transport>) {
    let written = Rc::new(Cell::new(0));
    let count = Rc::clone(&written);
    let transport = match kind {
        Kind::Machine => {
            let stream = TcpStream::from_std(OwnedFd::from(near).into()).expect("it is a socket");
            let mut piece = Endless(count);
            let writing = from_fn(move |mut sent: Result<(), Exception>| {
                yield_from!(stream.write_all(&mut piece), sent)?;
                Ok(Step::<Await, (), ()>::Return(()))
            });
            event_loop.create_task(crate::held::without_io_errors(writing)).expect("it is open");
            None
        }
        Kind::Protocol => {
            let opening = event_loop.connect_accepted_socket(move || Writing { count, may_write: true }, near);
            Some(event_loop.run_until_complete(opening.unwrap()).expect("it is a stream"))
        }
        Kind::Streams => {
            let opening = event_loop.open_connection_at(near);
            let (reader, writer) = event_loop.run_until_complete(opening.unwrap()).expect("it is a stream");
            let transport = writer.transport().clone();
            let mut is_written = false;
            let writing = from_fn(move |mut sent: Result<(), Exception>| -> Result<Step<Await, (), ()>, Exception> {
                let _ = &reader;
                loop {
                    if !is_written {
                        writer.write(&[7; PIECE])?;
                        count.set(count.get() + PIECE);
                        is_written = true;
                    }
                    yield_from!(writer.drain(), sent)?;
                    is_written = false;
                }
            });
            event_loop.create_task(crate::held::without_io_errors(writing)).expect("it is open");
            Some(transport)
        }
    };
    (written, transport)
}

/// Bytes without end.
struct Endless(Rc<Cell<usize>>);

impl Outgoing for Endless {
    fn remaining(&self) -> usize {
        usize::MAX
    }

    fn slices<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        slices[0] = std::io::IoSlice::new(&[7; PIECE]);
        1
    }

    fn consume(&mut self, count: usize) {
        self.0.set(self.0.get() + count);
    }
}

struct Writing {
    count: Rc<Cell<usize>>,
    may_write: bool,
}

impl Writing {
    fn write(&self, transport: &Transport) {
        while self.may_write && !transport.is_writing_paused() && !transport.is_closing() {
            transport.write(&[7; PIECE]).expect("it is open");
            self.count.set(self.count.get() + PIECE);
        }
    }
}

impl Protocol for Writing {
    fn connection_made(&mut self, transport: &Transport) {
        self.write(transport);
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}

    fn pause_writing(&mut self, _: &Transport) {
        self.may_write = false;
    }

    fn resume_writing(&mut self, transport: &Transport) {
        self.may_write = true;
        self.write(transport);
    }
}

#[test]
fn a_peer_that_never_reads_takes_no_more_memory_than_the_high_water_mark() {
    let alone = alone();
    for kind in KINDS {
        for reads in [false, true] {
            alone.leaves_nothing(|| {
                let (event_loop, reports) = new_loop();
                let (near, far) = UnixStream::pair().expect("descriptors are free");
                let before = counting::bytes();
                let (written, transport) = write_for_ever(kind, &event_loop, near);
                run_turns(&event_loop, 500);
                let (stuck, most) = (written.get(), HIGH + PIECE);
                assert!(stuck > 0);
                if let Some(transport) = &transport {
                    let waiting = transport.write_buffer_size();
                    assert!((HIGH..=most).contains(&waiting), "{kind:?}: {waiting}");
                }
                // The backlog's memory is of a power of two; the loop keeps a piece of 64 KiB for itself.
                let held = counting::bytes() - before;
                assert!(held <= most.next_power_of_two() + 80 * 1024, "{kind:?}: {held}");
                run_turns(&event_loop, 500);
                assert_eq!(written.get(), stuck, "{kind:?}");
                if reads {
                    read_some(&event_loop, &far, stuck + 1_000_000);
                    assert!(written.get() > stuck, "{kind:?}");
                }
                drop(far);
                run_until(&event_loop, move || Rc::strong_count(&written) == 1);
                assert_eq!(reports.take(), [""; 0], "{kind:?}");
            });
        }
    }
}

fn read_some(event_loop: &EventLoop, mut far: &UnixStream, mut left: usize) {
    far.set_nonblocking(true).expect("it is open");
    let mut room = vec![0; 64 * 1024];
    while left > 0 {
        match far.read(&mut room) {
            Ok(count) => {
                assert!(room[..count].iter().all(|byte| *byte == 7));
                left = left.saturating_sub(count);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => event_loop.run_once().expect("it runs"),
            Err(error) => panic!("{error}"),
        }
    }
}
