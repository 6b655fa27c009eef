//! A connection that ends at any moment, from either side, wakes everybody who waits for it.

use std::io;
use std::rc::Rc;

use innermost::testing::Sim;
use innermost::wait::wait;
use innermost::{Awaitable, CoroutineExt, Exception, end, from_fn, lazy, yield_from};

use super::{BLOCK, End, check_number};
use crate::common::{Count, every_within, interrupt, rest, start, turn};

/// Waits until everything written has been sent, or the connection has failed.
fn drain(end_of: &End) -> impl Awaitable<Return = ()> + use<> {
    let writer = Rc::clone(&end_of.writer);
    lazy(move || writer.drain()).catch(lost)
}

/// Ignores that a connection has failed.
fn lost(raised: Exception) -> Result<(), Exception> {
    if raised.downcast_ref::<io::Error>().is_some() { Ok(()) } else { Err(raised) }
}

static TEXT: [u8; BLOCK] = [b'x'; BLOCK];

/// How the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The writer closes.
    Close,
    /// The writer aborts.
    Abort,
    /// The peer aborts, with bytes that it has not read.
    Reset,
}

/// A task that drains, two that wait for the end, and one that ends the connection after some turns.
fn ending(how: Ending) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "waits");
        let (near, far) = End::pair(sim)?;
        let (drained, over) = (Count::default(), Count::default());
        near.writer.write(&TEXT)?;
        start(sim, "drains", &drained, drain(&near))?;
        for name in ["waits", "also"] {
            let writer = Rc::clone(&near.writer);
            start(sim, name, &over, lazy(move || writer.wait_closed()).catch(lost))?;
        }
        let turns = sim.choose(3);
        let (here, there) = (near.writer.transport().clone(), far.writer.transport().clone());
        let mut pause = turn();
        let mut left = turns;
        let ends = from_fn(move |mut sent| {
            while left > 0 {
                yield_from!(pause, sent)?;
                (pause, left) = (turn(), left - 1);
            }
            match how {
                Ending::Close => here.close(),
                Ending::Abort => here.abort(),
                Ending::Reset => there.abort(),
            }
            end(())
        });
        let reader = Rc::clone(&far.reader);
        let all = lazy(rest).then(move |()| reader.read_to_end()).map(move |text| {
            assert!(how != Ending::Close || text == TEXT, "{} bytes have come", text.len());
        });
        let ends = sim.task().name("ends").spawn(ends)?;
        let read = sim.task().name("reads").spawn(wait([ends]).then(move |_| all))?;
        let closed = wait([read]).then(move |_| near.closed_at_last()).then(move |()| far.closed_at_last());
        start(sim, "end", &Count::default(), closed)?;
        sim.finally(move || {
            assert_eq!(drained.get(), 1);
            assert!(over.get() >= 1);
        });
        Ok(())
    }
}

#[test]
fn everybody_who_waits_for_a_connection_learns_of_its_end() {
    let schedules = [Ending::Close, Ending::Abort, Ending::Reset].map(|how| every_within(1, ending(how)));
    check_number(schedules, [672, 704, 662]);
}

/// Says a text, ends the stream, and reads that of the other.
fn half_close(end_of: End, text: &'static [u8], heard: Count) -> impl Awaitable<Return = ()> {
    let mut written = false;
    from_fn(move |mut sent| {
        if !std::mem::replace(&mut written, true) {
            end_of.writer.write(text)?;
            end_of.writer.write_eof()?;
            assert!(end_of.writer.write(b"more").is_err());
        }
        let text = yield_from!(end_of.reader.read_to_end(), sent)?;
        assert!(end_of.reader.at_eof() && !end_of.writer.is_closing());
        heard.add(text.len());
        end(())
    })
}

#[test]
fn both_ends_may_end_their_streams_and_hear_all_of_the_other() {
    let schedules = every_within(1, |sim| {
        let (near, far) = End::pair(sim)?;
        let heard = Count::default();
        let first = sim.create_task(half_close(near.clone(), &TEXT, heard.clone()))?;
        let second = sim.create_task(half_close(far.clone(), b"short", heard.clone()))?;
        let closed = wait([first, second]).then(move |_| near.closed_at_last()).then(move |()| far.closed_at_last());
        start(sim, "end", &Count::default(), closed)?;
        sim.finally(move || assert_eq!(heard.get(), TEXT.len() + 5));
        Ok(())
    });
    check_number([schedules], [11]);
}
