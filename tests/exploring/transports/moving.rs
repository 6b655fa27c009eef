//! No byte is lost or comes twice, whoever writes, drains or reads is interrupted.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use innermost::testing::Sim;
use innermost::wait::wait;
use innermost::{Awaitable, CoroutineExt, Exception, end, from_fn, yield_from};

use super::{BLOCK, End, check_number};
use crate::common::{Count, every_within, interrupt, start};

/// How many blocks are written.
const BLOCKS: u8 = 2;

/// Writes the blocks that `written` does not count yet, and drains after each.
fn write(end_of: End, written: Rc<Cell<u8>>) -> impl Awaitable<Return = ()> {
    let mut must_drain = false;
    from_fn(move |mut sent| {
        loop {
            if must_drain {
                yield_from!(end_of.writer.drain(), sent)?;
            }
            if written.get() == BLOCKS {
                return end(());
            }
            end_of.writer.write(&[b'a' + written.get(); BLOCK])?;
            written.set(written.get() + 1);
            must_drain = true;
        }
    })
}

/// Reads half a block at a time, until all has come.
fn read(end_of: End, text: Rc<RefCell<Vec<u8>>>) -> impl Awaitable<Return = ()> {
    from_fn(move |mut sent| {
        while text.borrow().len() < usize::from(BLOCKS) * BLOCK {
            let piece = yield_from!(end_of.reader.read_exact(BLOCK / 2), sent)?;
            text.borrow_mut().extend(piece);
        }
        end(())
    })
}

fn blocks() -> Vec<u8> {
    (0..BLOCKS).flat_map(|block| [b'a' + block; BLOCK]).collect()
}

#[test]
fn a_drained_writer_and_a_slow_reader_lose_no_byte() {
    let schedules = every_within(1, |sim| {
        interrupt(sim, "first");
        let (near, far) = End::pair(sim)?;
        // The transport stops reading while more than two pieces wait.
        far.reader.set_limit(BLOCK / 2)?;
        let (written, text) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
        let writer = sim.task().name("first writer").spawn(write(near.clone(), Rc::clone(&written)))?;
        let reader = sim.task().name("first reader").spawn(read(far.clone(), Rc::clone(&text)))?;
        let (write_on, read_on) = (write(near.clone(), written), read(far.clone(), Rc::clone(&text)));
        let ended = Count::default();
        let after = sim.task().name("second writer").spawn(wait([writer]).then(|_| write_on).map(drop))?;
        let and = sim.task().name("second reader").spawn(wait([reader]).then(|_| read_on).map(drop))?;
        let both = wait([after, and]).then(move |_| near.closed_at_last()).then(move |()| far.closed_at_last());
        start(sim, "end", &ended, both)?;
        sim.finally(move || {
            assert!(*text.borrow() == blocks(), "{} bytes have come", text.borrow().len());
            assert_eq!(ended.get(), 1);
        });
        Ok(())
    });
    check_number([schedules], [481]);
}

/// Reads a part with each operation. None of them keeps anything when it is interrupted.
fn read_parts(end_of: End, parts: Rc<RefCell<Vec<Vec<u8>>>>) -> impl Awaitable<Return = ()> {
    from_fn(move |mut sent| {
        loop {
            let count = parts.borrow().len();
            let part = match count {
                0 => yield_from!(end_of.reader.read_until(b";"), sent)?,
                1 => yield_from!(end_of.reader.read_exact(3), sent)?,
                2 => yield_from!(end_of.reader.read_line(), sent)?,
                3 => yield_from!(end_of.reader.read_to_end(), sent)?,
                _ => return end(()),
            };
            parts.borrow_mut().push(part);
        }
    })
}

#[test]
fn an_interrupted_read_leaves_its_bytes_to_the_next_one() {
    let schedules = every_within(1, |sim: &Sim| -> Result<(), Exception> {
        interrupt(sim, "first");
        let (near, far) = End::pair(sim)?;
        let parts = Rc::new(RefCell::new(Vec::new()));
        let first = sim.task().name("first reader").spawn(read_parts(far.clone(), Rc::clone(&parts)))?;
        let second = read_parts(far.clone(), Rc::clone(&parts));
        let second = sim.task().name("second reader").spawn(wait([first]).then(|_| second).map(drop))?;
        let mut pieces = [&b"on"[..], b"e;t", b"wothr", b"ee\nfo", b"ur"].into_iter();
        let writer = Rc::clone(&near.writer);
        let mut pause = crate::common::turn();
        let feeder = from_fn(move |mut sent| {
            loop {
                yield_from!(pause, sent)?;
                pause = crate::common::turn();
                let Some(piece) = pieces.next() else {
                    writer.write_eof()?;
                    return end(());
                };
                writer.write(piece)?;
            }
        });
        start(sim, "feeder", &Count::default(), feeder)?;
        let closed = wait([second]).then(move |_| near.closed_at_last()).then(move |()| far.closed_at_last());
        start(sim, "end", &Count::default(), closed)?;
        sim.finally(move || {
            let parts: Vec<_> = parts.borrow().iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect();
            assert_eq!(parts, ["one;", "two", "three\n", "four"]);
        });
        Ok(())
    });
    check_number([schedules], [168]);
}
