//! Streams in memory: no byte is lost or comes twice, whoever reads or writes is interrupted.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::testing::{MemoryPair, MemoryStream, Sim, replay};
use innermost::wait::wait;
use innermost::{
    Awaitable, Buffer, ByteRead, ByteWrite, CoroutineExt, Exception, Step, StreamReader, end, from_fn, lazy, yield_from,
};

use crate::common::{Count, every, interrupt, rest, start};

const TEXT: &[u8] = b"abcd";

/// Sends the rest of the text. `sent` says how much went out, whatever happens.
fn send(stream: Rc<MemoryStream>, sent_so_far: Rc<RefCell<usize>>) -> impl Awaitable<Return = ()> {
    from_fn(move |mut sent| {
        loop {
            let done = *sent_so_far.borrow();
            if done == TEXT.len() {
                return end(());
            }
            *sent_so_far.borrow_mut() += yield_from!(stream.send(&TEXT[done..]), sent)?;
        }
    })
}

/// Reads until the text is complete, into a buffer that several readers share.
fn read(stream: Rc<MemoryStream>, buffer: Rc<RefCell<Buffer>>) -> impl Awaitable<Return = ()> {
    from_fn(move |mut sent| {
        loop {
            if buffer.borrow().len() == TEXT.len() {
                return end(());
            }
            if yield_from!(stream.read(&mut buffer.borrow_mut()), sent)? == 0 {
                return end(());
            }
        }
    })
}

/// A writer and a reader. If one of them is interrupted, another one goes on in its place.
fn talking(pair: fn() -> MemoryPair, faults: u32) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "first");
        sim.faults().at_most(faults);
        let (near, far) = pair().build();
        let (near, far) = (Rc::new(near), Rc::new(far));
        let (buffer, sent) = (Rc::new(RefCell::new(Buffer::new())), Rc::new(RefCell::new(0)));
        let (writing, reading) = (send(Rc::clone(&near), Rc::clone(&sent)), read(Rc::clone(&far), Rc::clone(&buffer)));
        let writer = sim.task().name("first writer").spawn(writing)?;
        let reader = sim.task().name("first reader").spawn(reading)?;
        let text = Rc::clone(&buffer);
        let (write_on, read_on) = (send(near, sent), read(far, buffer));
        start(sim, "second writer", &Count::default(), wait([writer]).then(|_| write_on))?;
        start(sim, "second reader", &Count::default(), wait([reader]).then(|_| read_on))?;
        sim.finally(move || assert_eq!(text.borrow().bytes(), TEXT));
        Ok(())
    }
}

#[test]
fn a_connection_in_memory_loses_no_byte() {
    let small = || MemoryPair::new().capacity(2);
    let suspending = || MemoryPair::new().capacity(3).suspending();
    assert_eq!([1, 2].map(|faults| every(talking(small, faults))), [1_404, 11_472]);
    assert_eq!(every(talking(suspending, 1)), 7_248);
}

#[test]
fn a_task_that_is_closed_waits_for_its_stream_no_more() {
    replay("2:1/4 5:3/4", talking(|| MemoryPair::new().capacity(2), 2));
}

/// A reader that is fed piece by piece, and read line by line.
#[test]
fn a_stream_reader_keeps_what_an_interrupted_reader_has_not_taken() {
    let schedules = every(|sim| {
        interrupt(sim, "first");
        let (reader, lines) = (Rc::new(StreamReader::new()), Rc::new(RefCell::new(Vec::new())));
        let read = |reader: Rc<StreamReader>, lines: Rc<RefCell<Vec<u8>>>| {
            from_fn(move |mut sent| {
                loop {
                    let line: Vec<u8> = yield_from!(reader.read_line(), sent)?;
                    if line.is_empty() {
                        return end(());
                    }
                    lines.borrow_mut().extend(line);
                }
            })
        };
        start(sim, "first reader", &Count::default(), read(Rc::clone(&reader), Rc::clone(&lines)))?;
        let feeding = Rc::clone(&reader);
        let mut pieces = [&b"on"[..], b"e\ntw", b"o\n"].into_iter();
        let mut pause = innermost::sleep(std::time::Duration::ZERO);
        let feeder = from_fn(move |mut sent| {
            loop {
                yield_from!(pause, sent)?;
                pause = innermost::sleep(std::time::Duration::ZERO);
                match pieces.next() {
                    Some(piece) => feeding.feed_data(piece)?,
                    None => {
                        feeding.feed_eof();
                        return Ok(Step::Return(()));
                    }
                }
            }
        });
        start(sim, "feeder", &Count::default(), feeder)?;
        let (last, text) = (read(reader, Rc::clone(&lines)), lines);
        start(sim, "second reader", &Count::default(), lazy(rest).then(|()| last))?;
        sim.finally(move || assert_eq!(*text.borrow(), b"one\ntwo\n"));
        Ok(())
    });
    assert_eq!(schedules, 432);
}
