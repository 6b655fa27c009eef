//! Connections that end: bytes arrive in order and before the end, and whoever waits is told. Readers that are fed, alone and
//! in races.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::coroutine::Stateless;
use innermost::testing::{Interruption, MemoryPair, MemoryStream, Sim};
use innermost::wait::{Race, Racing, Won, timeout};
use innermost::{
    Awaitable, ByteRead, ByteWrite, CoroutineExt, Exception, Kind, Step, StreamReader, end, from_fn, lazy, sleep,
    yield_from,
};

use crate::common::{Count, Log, every, every_within, rest, start, turn};

const TEXT: &[u8] = b"abcdef";

/// Sends the text, and then its end.
fn send(stream: MemoryStream, sent_so_far: Count) -> impl Awaitable<Return = MemoryStream> {
    let mut stream = Some(stream);
    from_fn(move |mut sent| {
        let open = stream.as_ref().expect("it is returned once");
        while sent_so_far.get() < TEXT.len() {
            let left = &TEXT[sent_so_far.get()..];
            let count = yield_from!(open.send(left), sent)?;
            sent_so_far.add(count);
        }
        yield_from!(open.write_eof(), sent)?;
        stream.take().map(Step::Return).ok_or_else(|| unreachable!("it was there"))
    })
}

/// Receives bytes until the end.
fn receive(stream: MemoryStream, text: Rc<RefCell<Vec<u8>>>) -> impl Awaitable<Return = ()> {
    let mut bytes = [0; 2];
    from_fn(move |mut sent| {
        loop {
            match yield_from!(stream.recv(&mut bytes), sent)? {
                0 => return end(()),
                count => text.borrow_mut().extend(&bytes[..count]),
            }
        }
    })
}

/// The second piece takes less time than the first one, and the end overtakes nothing.
#[test]
fn bytes_arrive_in_order_and_before_the_end() {
    let schedules = every(|sim| {
        let mut times = [3, 1, 2].into_iter().cycle();
        let latencies = move || Duration::from_millis(times.next().unwrap_or(0));
        let (near, far) = MemoryPair::new().capacity(3).moves(|_| 1).latencies(latencies).build();
        let (sent, text, ended) = (Count::default(), Rc::new(RefCell::new(Vec::new())), Count::default());
        start(sim, "writer", &ended, send(near, sent.clone()).then(|near| rest().map(move |()| drop(near))))?;
        start(sim, "reader", &ended, receive(far, Rc::clone(&text)))?;
        let received = Rc::clone(&text);
        sim.always(move || assert!(sent.get() <= received.borrow().len() + 3, "more than the connection holds"));
        sim.finally(move || assert_eq!((ended.get(), &text.borrow()[..]), (2, TEXT)));
        Ok(())
    });
    assert_eq!(schedules, 288);
}

/// How a connection ends.
#[derive(Clone, Copy)]
enum Ending {
    PeerDropped,
    Reset,
}

/// Two tasks wait at one end, of which one fills the connection. Both are told what has happened.
fn ending(how: Ending, expected: [&'static str; 2]) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        let (near, far) = MemoryPair::new().capacity(2).build();
        let (near, mut far) = (Rc::new(near), Some(far));
        let log = Log::default();
        let (writing, reading, closing) = (Rc::clone(&near), Rc::clone(&near), near);
        let (written, read) = (log.clone(), log.clone());
        let writer = from_fn(move |mut sent| {
            loop {
                if let Err(raised) = yield_from!(writing.send(b"ab"), sent) {
                    written.push(format!("writer: {raised}"));
                    return end(());
                }
            }
        });
        let mut bytes = [0; 2];
        let reader = from_fn(move |mut sent| {
            let told = yield_from!(reading.recv(&mut bytes), sent);
            read.push(told.map_or_else(|raised| format!("reader: {raised}"), |count| format!("reader: {count} bytes")));
            end(())
        });
        start(sim, "writer", &Count::default(), writer)?;
        start(sim, "reader", &Count::default(), reader)?;
        let closer = rest().map(move |()| match how {
            Ending::PeerDropped => drop(far.take()),
            Ending::Reset => closing.reset(),
        });
        let closer = closer.then(|()| rest()).map(move |()| {
            let mut told = log.events();
            told.sort_unstable();
            assert_eq!(told.len(), 2, "{told:?}");
            assert!(told.iter().zip(expected).all(|(told, text)| told.contains(text)), "{told:?}");
        });
        start(sim, "closer", &Count::default(), closer)
    }
}

#[test]
fn whoever_waits_for_a_connection_that_ends_is_told() {
    let schedules = [
        every(ending(Ending::PeerDropped, ["reader: 0 bytes", "writer: "])),
        every(ending(Ending::Reset, ["reader: ", "writer: "])),
    ];
    assert_eq!(schedules, [12; 2]);
}

/// After two bytes, the connection is reset for both ends.
#[test]
fn a_connection_is_reset_after_so_many_bytes() {
    let schedules = every(|sim| {
        let (near, far) = MemoryPair::new().reset_after(4).build();
        let (sent, text) = (Count::default(), Rc::new(RefCell::new(Vec::new())));
        let (writer, reader) = (send(near, sent.clone()), receive(far, text));
        let failed = Count::default();
        let (one, other) = (failed.clone(), failed.clone());
        start(
            sim,
            "reader",
            &Count::default(),
            reader.catch(move |_| {
                one.add(1);
                Ok(())
            }),
        )?;
        start(
            sim,
            "writer",
            &Count::default(),
            writer.map(drop).catch(move |_| {
                other.add(1);
                Ok(())
            }),
        )?;
        sim.finally(move || assert_eq!((failed.get(), sent.get()), (2, 4)));
        Ok(())
    });
    assert_eq!(schedules, 2);
}

/// A second reader is refused, and the first one gets the bytes.
#[test]
fn a_second_reader_is_refused_and_takes_nothing_from_the_first() {
    let schedules = every(|sim| {
        let (near, far) = MemoryPair::new().build();
        let (far, fed) = (Rc::new(far), Rc::new(StreamReader::new()));
        let (received, refused) = (Log::default(), Count::default());
        for _ in 0..2 {
            let (far, fed) = (Rc::clone(&far), Rc::clone(&fed));
            let (log, no) = (received.clone(), refused.clone());
            let mut bytes = [0; 8];
            start(
                sim,
                "reader",
                &Count::default(),
                from_fn(move |mut sent| {
                    match yield_from!(far.recv(&mut bytes), sent) {
                        Ok(count) => log.push(count),
                        Err(_) => no.add(1),
                    }
                    end(())
                }),
            )?;
            let (log, no) = (received.clone(), refused.clone());
            start(
                sim,
                "fed reader",
                &Count::default(),
                from_fn(move |mut sent| {
                    match yield_from!(StreamReader::read(&fed, 8), sent) {
                        Ok(bytes) => log.push(bytes.len()),
                        Err(_) => no.add(1),
                    }
                    end(())
                }),
            )?;
        }
        let writer = rest().then(move |()| {
            from_fn(move |mut sent| {
                fed.feed_data(b"abc")?;
                yield_from!(near.send(b"abc"), sent).map(|_| Step::Return(()))
            })
        });
        start(sim, "writer", &Count::default(), writer)?;
        sim.finally(move || assert_eq!((received.events(), refused.get()), (vec![3, 3], 2)));
        Ok(())
    });
    assert_eq!(schedules, 240);
}

/// Feeds pieces, a turn apart, and then the end, or a failure.
fn feed(reader: Rc<StreamReader>, pieces: &'static [&'static str], fails: bool) -> impl Awaitable<Return = ()> {
    let (mut pieces, mut pause) = (pieces.iter(), turn());
    from_fn(move |mut sent| {
        loop {
            yield_from!(pause, sent)?;
            pause = turn();
            match pieces.next() {
                Some(piece) => reader.feed_data(piece.as_bytes())?,
                None if fails => {
                    reader.set_exception(Exception::message(Kind::RuntimeError, "broken"));
                    return end(());
                }
                None => {
                    reader.feed_eof();
                    return end(());
                }
            }
        }
    })
}

/// An operation that is repeated until it returns nothing, or fails. Exceptions that are thrown in lose nothing.
fn reading<C>(
    pieces: &'static [&'static str],
    fails: bool,
    expected: &'static [&'static str],
    operation: impl Fn(&StreamReader) -> C + Copy + 'static,
) -> impl FnMut(&Sim) -> Result<(), Exception>
where
    C: Awaitable<Return = Vec<u8>> + Stateless,
{
    move |sim| {
        sim.faults().every_suspension(Interruption::Throw).in_tasks(|name| name == "reader");
        let (reader, log, ended) = (Rc::new(StreamReader::new()), Log::default(), Count::default());
        let (read, seen) = (Rc::clone(&reader), log.clone());
        let reading = from_fn(move |mut sent| {
            loop {
                match yield_from!(operation(&read), sent) {
                    Ok(bytes) if bytes.is_empty() => return end(()),
                    Ok(bytes) => seen.push(String::from_utf8_lossy(&bytes).into_owned()),
                    Err(raised) if raised.to_string().contains("interrupted") => {}
                    Err(raised) => {
                        seen.push(format!("{raised}"));
                        return end(());
                    }
                }
            }
        });
        start(sim, "reader", &ended, reading)?;
        start(sim, "feeder", &Count::default(), feed(reader, pieces, fails))?;
        sim.finally(move || assert!(ended.get() == 0 || log.events() == expected, "{:?}", log.events()));
        Ok(())
    }
}

#[test]
fn a_reader_returns_every_byte_that_was_fed_before_the_end() {
    let schedules = [
        every(reading(&["on", "e\ntw", "o"], false, &["one\n", "two"], StreamReader::read_line)),
        every(reading(&["one\nt"], true, &["one\n", "broken"], StreamReader::read_line)),
        every(reading(
            &["ab", "cd", "e", "f"],
            false,
            &["abc", "def", "0 bytes read on a total of 3 expected bytes"],
            |reader| reader.read_exact(3),
        )),
        every(reading(&["ab", "c"], false, &["abc"], StreamReader::read_to_end)),
        every(reading(&["ab"], true, &["ab", "broken"], |reader| StreamReader::read(reader, 9))),
    ];
    assert_eq!(schedules, [82, 20, 158, 42, 20]);
}

/// One task reads the lines of two readers in a race, in which they change places each time.
#[test]
fn readers_that_change_places_in_a_race_lose_no_line() {
    let schedules = every_within(2, |sim| {
        sim.faults().every_suspension(Interruption::Throw | Interruption::Cancel).in_tasks(|name| name == "racer");
        let readers = [Rc::new(StreamReader::new()), Rc::new(StreamReader::new())];
        let (log, ended) = (Log::default(), Count::default());
        let (raced, seen) = (readers.clone(), log.clone());
        let (mut race, mut first, mut over) = (Race::new(), 0, [false; 2]);
        let racer = from_fn(move |mut sent| {
            while over != [true; 2] {
                let (one, other) = (&raced[first], &raced[1 - first]);
                let one = (!over[first]).then(|| one.read_line());
                let other = (!over[1 - first]).then(|| other.read_line());
                let (who, line) = match yield_from!(race.run((one, other)), sent) {
                    Ok(Won::A(line)) => (first, line),
                    Ok(Won::B(line)) => (1 - first, line),
                    // It goes on, and its readers have changed places.
                    Err(_) => {
                        first = 1 - first;
                        continue;
                    }
                };
                over[who] = line.is_empty();
                if !line.is_empty() {
                    seen.push(String::from_utf8_lossy(&line).into_owned());
                }
                first = 1 - first;
            }
            end(())
        });
        start(sim, "racer", &ended, racer)?;
        let [one, other] = readers;
        start(sim, "feeder", &Count::default(), feed(one, &["a\nb", "\n"], false))?;
        start(sim, "feeder", &Count::default(), feed(other, &["c\n", "d\n"], false))?;
        sim.finally(move || {
            // Whoever is interrupted before its first step has read nothing.
            let (mut lines, read) = (log.events(), ended.get() == 1);
            lines.sort_by_key(|line| line.as_str() >= "c");
            let expected: &[&str] = if read { &["a\n", "b\n", "c\n", "d\n"] } else { &[] };
            assert_eq!(lines, expected, "each line once, and those of a reader in order");
        });
        Ok(())
    });
    assert_eq!(schedules, 517);
}

/// The time of a read is over while others in the race go on.
#[test]
fn a_time_limit_inside_a_race_ends_its_child_only() {
    let schedules = every(|sim| {
        let (near, far) = MemoryPair::new().build();
        let mut bytes = [0; 2];
        let read = from_fn(move |mut sent| yield_from!(far.recv(&mut bytes), sent).map(Step::Return));
        let limited = timeout(read, Duration::from_millis(1)).map(|_| "bytes").catch(|_| Ok("too late"));
        let (mut limited, mut other, mut race) =
            (Racing::new(limited), Racing::new(sleep(Duration::from_millis(2))), Race::new());
        let racer = from_fn(move |mut sent| {
            match yield_from!(race.run((&mut limited, &mut other)), sent)? {
                Won::A(told) => assert_eq!(told, "too late"),
                Won::B(()) => unreachable!("it takes longer"),
            }
            end(())
        });
        let ended = Count::default();
        start(sim, "racer", &ended, lazy(move || racer))?;
        sim.finally(move || {
            let _open = &near;
            assert_eq!(ended.get(), 1);
        });
        Ok(())
    });
    assert_eq!(schedules, 1);
}
