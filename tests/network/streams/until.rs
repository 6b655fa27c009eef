//! `read_until` and `read_line`: separators, limits, lines one by one.

use innermost::async_iter::AsyncIterator;
use innermost::stream::{IncompleteReadError, LimitOverrunError, Separators};
use innermost::{Exception, Kind, StreamReader};
use quickcheck::quickcheck;

use crate::support::turns::World;

const NOTHING: [&str; 0] = [];

fn until(reader: &StreamReader, separators: impl Separators + 'static) -> Result<Vec<u8>, Exception> {
    World::new().event_loop.run_until_complete(reader.read_until(separators))
}

fn line(reader: &StreamReader) -> Result<Vec<u8>, Exception> {
    World::new().event_loop.run_until_complete(reader.read_line())
}

fn holding(data: &[u8]) -> StreamReader {
    let reader = StreamReader::new();
    reader.feed_data(data).expect("it is open");
    reader
}

// S4
#[test]
fn the_last_line_may_lack_its_end() {
    let reader = holding(b"one\n\ntwo");
    reader.feed_eof();
    assert_eq!(line(&reader).expect("it is there"), b"one\n");
    assert_eq!(line(&reader).expect("it is there"), b"\n");
    assert_eq!(line(&reader).expect("it is there"), b"two");
    assert_eq!(line(&reader).expect("it is the end"), b"");
}

// S5, S6
#[test]
fn data_beyond_the_limit_is_reported_and_kept() {
    for (data, consumed, found) in [(&b"12345\nrest"[..], 5, true), (b"12345", 5, false)] {
        let reader = holding(data);
        reader.set_limit(4).expect("it is more than 0");
        for _ in 0..2 {
            let raised = until(&reader, "\n").unwrap_err();
            let error = raised.downcast_ref::<LimitOverrunError>().expect("it is one");
            assert_eq!((error.consumed, error.found), (consumed, found));
            let raised = line(&reader).unwrap_err();
            assert_eq!(raised.kind(), Kind::ValueError);
            assert!(raised.downcast_ref::<LimitOverrunError>().is_some());
        }
        reader.set_limit(5).expect("it is more than 0");
        reader.feed_data(b"\n").expect("it is open");
        assert_eq!(line(&reader).expect("it is short enough now"), b"12345\n");
    }
}

// S6
#[test]
fn a_partial_separator_does_not_count_towards_the_limit() {
    let reader = holding(b"1234ab");
    reader.set_limit(4).expect("it is more than 0");
    let world = World::new();
    world.spawn_showing("read", reader.read_until("abc"));
    assert_eq!(world.settled(), NOTHING);
    reader.feed_data(b"c").expect("it is open");
    assert_eq!(world.settled(), ["read got [49, 50, 51, 52, 97, 98, 99]", "read"]);
}

// S7
#[test]
fn a_separator_split_into_pieces_is_found() {
    let (world, reader) = (World::new(), StreamReader::new());
    world.spawn_showing("read", reader.read_until("--end"));
    for piece in ["a-", "-e", "-", "-en"] {
        reader.feed_data(piece.as_bytes()).expect("it is open");
        assert_eq!(world.settled(), NOTHING);
    }
    reader.feed_data(b"dx").expect("it is open");
    assert_eq!(world.settled(), [format!("read got {:?}", b"a--e--end"), "read".into()]);
    assert_eq!(world.event_loop.run_until_complete(reader.read(9)).expect("it is there"), b"x");
}

// S7: how far a search came is of no use to one for something else.
#[test]
fn searching_for_another_separator_starts_at_the_beginning() {
    let (world, reader) = (World::new(), holding(b"a;b.c"));
    let first = world.spawn("first", reader.read_until("\n"));
    assert_eq!(world.settled(), NOTHING);
    first.cancel();
    assert_eq!(world.settled(), ["first raised cancelled"]);
    assert_eq!(until(&reader, ";").expect("it is there"), b"a;");
    let both: [&[u8]; 2] = [b";", b"."];
    assert_eq!(until(&reader, both).expect("it is there"), b"b.");
}

// S8
#[test]
fn of_several_separators_the_one_that_ends_first_counts() {
    // `abcd` begins first, `bc` ends first.
    let either: [&[u8]; 2] = [b"abcd", b"bc"];
    assert_eq!(until(&holding(b"xabcdy"), either).expect("it is there"), b"xabc");
    let either: [&[u8]; 2] = [b"\r\n", b"\n"];
    assert_eq!(until(&holding(b"a\r\nb"), either).expect("it is there"), b"a\r\n");
    // A short separator inside the possible beginning of a long one.
    let (world, reader) = (World::new(), holding(b"aa"));
    let either: [&[u8]; 2] = [b"b", b"aaaaaaaa"];
    world.spawn_showing("read", reader.read_until(either));
    assert_eq!(world.settled(), NOTHING);
    reader.feed_data(b"bc").expect("it is open");
    assert_eq!(world.settled(), ["read got [97, 97, 98]", "read"]);
}

// S8: at every position, and for each separator.
#[test]
fn each_of_several_separators_is_found_anywhere_in_long_data() {
    let separators: [&[u8]; 3] = [b"\r\n", b";", b"--boundary--"];
    for separator in separators {
        for start in (0..1100).chain([65_535, 65_536, 100_000]) {
            let mut data = vec![b'-'; start];
            data.extend(separator);
            data.extend(b"\n;\r\n--boundary--");
            let reader = holding(&data);
            reader.set_limit(200_000).expect("it is more than 0");
            let piece = until(&reader, separators).expect("it is there");
            let end = start + separator.len();
            assert_eq!(piece.len(), end, "{separator:?} at {start}");
        }
    }
}

// S8: a rare separator is not searched for from the beginning for each new piece.
#[test]
fn many_short_pieces_are_read_quickly_even_if_one_separator_never_occurs() {
    let reader = StreamReader::new();
    reader.feed_data(&b"a\n".repeat(200_000)).expect("it is open");
    let world = World::new();
    let either: [&[u8]; 2] = [b"\r\n", b"\n"];
    let mut left = 200_000;
    let reading = innermost::from_fn(move |mut sent: Result<(), Exception>| {
        while left > 0 {
            assert_eq!(innermost::yield_from!(reader.read_until(either), sent)?, b"a\n");
            left -= 1;
        }
        Ok(innermost::Step::<innermost::Await, (), ()>::Return(()))
    });
    world.event_loop.run_until_complete(reading).expect("they are there");
}

// S9
#[test]
fn an_empty_separator_and_an_early_end_are_errors() {
    let reader = holding(b"abc");
    let none: [&[u8]; 0] = [];
    let empty: [&[u8]; 2] = [b"c", b""];
    for raised in [until(&reader, none), until(&reader, empty), until(&reader, "")] {
        assert_eq!(raised.unwrap_err().kind(), Kind::ValueError);
    }
    reader.feed_eof();
    let error = until(&reader, "d").unwrap_err().downcast::<IncompleteReadError>().expect("it is one");
    assert_eq!((&error.partial[..], error.expected), (&b"abc"[..], None));
    assert!(reader.at_eof());
}

#[test]
fn lines_are_read_one_by_one_to_the_end() {
    let reader = holding(b"one\ntwo\nthree");
    reader.feed_eof();
    let world = World::new();
    let lines: Vec<_> = world.event_loop.run_until_complete(reader.collect()).expect("they are there");
    assert_eq!(lines, [&b"one\n"[..], b"two\n", b"three"]);
}

/// The shortest piece up to the match that ends first, found by trying every end.
fn slowly(bytes: &[u8], separators: &[Vec<u8>]) -> Option<usize> {
    (1..=bytes.len()).find(|end| separators.iter().any(|separator| bytes[..*end].ends_with(separator)))
}

quickcheck! {
    /// However the bytes arrive, and whatever was read before, a piece ends at the place that a naive search finds.
    fn read_until_agrees_with_a_naive_search(chunks: Vec<Vec<u8>>, separators: Vec<Vec<u8>>) -> bool {
        let few = |bytes: &Vec<u8>| bytes.iter().map(|byte| b'a' + byte % 3).collect::<Vec<_>>();
        let separators: Vec<_> =
            separators.iter().map(few).map(|mut one| { one.truncate(4); one }).filter(|one| !one.is_empty()).collect();
        if separators.is_empty() {
            return true;
        }
        let leaked: &'static [&'static [u8]] =
            separators.iter().map(|one| &*one.clone().leak()).collect::<Vec<_>>().leak();
        let (world, reader) = (World::new(), StreamReader::new());
        let mut left: Vec<u8> = Vec::new();
        for chunk in chunks.iter().map(few) {
            let task = world.event_loop.create_task(reader.read_until(leaked)).expect("it is open");
            world.settled();
            reader.feed_data(&chunk).expect("it is open");
            left.extend(&chunk);
            world.settled();
            match slowly(&left, &separators) {
                Some(end) => {
                    let piece: Vec<_> = left.drain(..end).collect();
                    if task.result().ok() != Some(piece) {
                        return false;
                    }
                }
                None if task.done() => return false,
                None => {
                    task.cancel();
                    world.settled();
                }
            }
        }
        true
    }
}
