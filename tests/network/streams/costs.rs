//! Allocations: only the results of reads are allocated.

use innermost::{Coroutine, Step, StreamReader};

use crate::counting::allocations;

/// Reads by hand: afresh at each resume.
fn resumed<C: Coroutine<Input = ()>>(mut operation: C) -> Option<C::Return> {
    match operation.resume(Ok(())) {
        Ok(Step::Return(returned)) => Some(returned),
        _ => None,
    }
}

#[test]
fn waiting_does_not_allocate_and_reading_allocates_its_result() {
    let reader = StreamReader::new();
    for _ in 0..3 {
        let (count, read) = allocations(|| resumed(reader.read_until("\r\n")));
        assert_eq!((count, read), (0, None));
        // The memory that they come to...
        assert_eq!(allocations(|| reader.feed_data(b"line\r\n").expect("it is open")).0, 1);
        // ...is what is given.
        let (count, read) = allocations(|| resumed(reader.read_until("\r\n")));
        assert_eq!((count, read.as_deref()), (0, Some(&b"line\r\n"[..])));
    }
    reader.feed_data(b"one\ntwo\nthree").expect("it is open");
    for _ in 0..2 {
        let (count, read) = allocations(|| resumed(reader.read_line()));
        assert!(count == 1 && read.is_some());
    }
    assert_eq!(allocations(|| resumed(reader.read_line())).0, 0);
}
