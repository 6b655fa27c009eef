//! Reads: what they bring, from the cache and from a thread, and what they leave alone.

use std::fs;
use std::io::{SeekFrom, Write};
use std::rc::Rc;

use innermost::fs::{OpenOptions, read, read_to_string};
use innermost::{Buffer, Step, from_fn, sleep, yield_from};
use std::time::Duration;

use crate::help::*;

/// Whether this system reads from the page cache. With `poll`, it does not, so that tests cover the rest.
const HAS_CACHE: bool = cfg!(all(target_os = "linux", not(innermost_poll)));

#[test]
fn a_file_is_read_to_its_end_piece_by_piece() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let contents: Vec<u8> = (0..150_000_u32).map(|number| number as u8).collect();
    let file = open_in(&event_loop, &place.file(&contents), OpenOptions::new().read(true)).unwrap();
    let (mut read, mut counts) = (Vec::new(), Vec::new());
    while counts.last() != Some(&0) {
        counts.push(event_loop.run_until_complete(reading(&file)).unwrap());
        read.extend(bytes(&file));
        fill(&file, b"");
        assert_eq!(position(&file), read.len() as u64);
    }
    assert_eq!(counts, [65536, 65536, 150_000 - 2 * 65536, 0]);
    assert!(read == contents);
}

#[test]
fn a_read_of_cached_bytes_needs_no_thread() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let file = opened(&place.file("cached"));
    let task = event_loop.create_task(reading(&file)).unwrap();
    turn(&event_loop);
    assert_eq!((task.done(), desk.run()), (HAS_CACHE, usize::from(!HAS_CACHE)));
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 6);
    // The end of the file is known without a thread too.
    let task = event_loop.create_task(reading(&file)).unwrap();
    turn(&event_loop);
    assert_eq!((task.done(), desk.run()), (HAS_CACHE, usize::from(!HAS_CACHE)));
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 0);
    assert_eq!(bytes(&file), b"cached");
}

#[test]
fn a_file_system_without_cached_reads_is_read_by_threads() {
    let (event_loop, desk) = loop_with_desk();
    let file = shared(innermost::fs::File::from_std(fs::File::open("/proc/self/status").unwrap(), "status").unwrap());
    let task = event_loop.create_task(reading(&file)).unwrap();
    turn(&event_loop);
    assert_eq!((task.done(), desk.run()), (false, 1));
    assert!(event_loop.run_until_complete(task).unwrap() > 100);
    assert!(bytes(&file).starts_with(b"Name:"));
}

#[test]
fn read_at_leaves_the_position_alone() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let file = opened(&place.file("0123456789"));
    assert_eq!(event_loop.run_until_complete(reading_at(&file, 4)).unwrap(), 6);
    assert_eq!((bytes(&file), position(&file)), (b"456789".to_vec(), 0));
    assert_eq!(event_loop.run_until_complete(reading_at(&file, 10)).unwrap(), 0);
    assert_eq!(event_loop.run_until_complete(reading_at(&file, 1 << 40)).unwrap(), 0);
    let raised = event_loop.run_until_complete(reading_at(&file, u64::MAX)).unwrap_err();
    assert_eq!(kind(&raised), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_read_fills_no_more_than_the_buffer_has_room_for() {
    let (event_loop, place) = (strict_loop(), Place::new());
    // The second one is read by threads.
    for path in [place.file("0123456789"), "/proc/version".into()] {
        let start = fs::read(&path).unwrap();
        let file = fs::File::open(&path).unwrap();
        let file = shared(innermost::fs::File::from_std(file, &path).unwrap());
        file.borrow_mut().1 = Buffer::with_limit(4);
        assert_eq!(event_loop.run_until_complete(reading(&file)).unwrap(), 4);
        let raised = event_loop.run_until_complete(reading(&file)).unwrap_err();
        assert_eq!((kind(&raised), position(&file)), (std::io::ErrorKind::StorageFull, 4));
        file.borrow_mut().1.consume(3);
        assert_eq!(event_loop.run_until_complete(reading(&file)).unwrap(), 3);
        assert_eq!(bytes(&file), &start[3..7]);
    }
}

#[test]
fn reading_what_is_not_open_for_reading_names_the_path() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.file("text");
    let file = open_in(&event_loop, &path, OpenOptions::new().write(true)).unwrap();
    let raised = event_loop.run_until_complete(reading(&file)).unwrap_err();
    assert_eq!(raised.downcast_ref::<std::io::Error>().unwrap().raw_os_error(), Some(9), "EBADF");
    assert_eq!(notes(&raised), format!("reading {path:?}"));
}

#[test]
fn a_file_that_shrinks_while_it_is_read_ends_early() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.file(vec![7; 200_000]);
    let file = opened(&path);
    assert_eq!(event_loop.run_until_complete(reading(&file)).unwrap(), 65536);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(100).unwrap();
    fill(&file, b"");
    assert_eq!(event_loop.run_until_complete(reading(&file)).unwrap(), 0);
    assert_eq!(event_loop.run_until_complete(reading_at(&file, 50)).unwrap(), 50);
}

#[test]
fn a_file_that_grows_brings_what_was_added() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.file("one");
    let file = opened(&path);
    let next = || event_loop.run_until_complete(reading(&file)).unwrap();
    assert_eq!((next(), next()), (3, 0));
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"two").unwrap();
    assert_eq!((next(), next(), bytes(&file)), (3, 0, b"onetwo".to_vec()));
}

#[test]
fn a_task_that_reads_cached_bytes_lets_others_run() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let file = opened(&place.file("x"));
    let mut count = 0;
    let endless = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                let (file, buffer) = &mut *file.borrow_mut();
                yield_from!(file.read_at(0, buffer), sent)?;
                buffer.clear();
                count += 1;
                if count == 1_000_000 {
                    return Ok(Step::Return(()));
                }
            }
        }))
        .unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    assert!(!endless.done());
    endless.cancel();
    assert!(event_loop.run_until_complete(endless).unwrap_err().is_cancelled());
}

#[test]
fn seeking_moves_the_position_and_refuses_what_is_no_position() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let file = opened(&place.file("0123456789"));
    let seek = |to| {
        let file = Rc::clone(&file);
        let seeking = from_fn(move |mut sent| yield_from!(file.borrow_mut().0.seek(to), sent).map(Step::Return));
        event_loop.run_until_complete(seeking)
    };
    assert_eq!(seek(SeekFrom::Start(4)).unwrap(), 4);
    assert_eq!(seek(SeekFrom::Current(-1)).unwrap(), 3);
    assert_eq!(seek(SeekFrom::End(-2)).unwrap(), 8);
    assert_eq!(event_loop.run_until_complete(reading(&file)).unwrap(), 2);
    for wrong in [SeekFrom::Current(-11), SeekFrom::End(-11), SeekFrom::Start(u64::MAX), SeekFrom::Current(i64::MAX)] {
        let raised = seek(wrong).unwrap_err();
        assert_eq!((kind(&raised), position(&file)), (std::io::ErrorKind::InvalidInput, 10), "{wrong:?}");
    }
}

#[test]
fn a_whole_file_is_read_whatever_length_the_system_tells() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let long = vec![b'x'; 3_000_000];
    assert!(event_loop.run_until_complete(read(place.file(&long))).unwrap() == long);
    assert_eq!(event_loop.run_until_complete(read_to_string(place.file("text"))).unwrap(), "text");
    assert!(event_loop.run_until_complete(read(place.file(""))).unwrap().is_empty());
    assert!(!event_loop.run_until_complete(read("/proc/self/status")).unwrap().is_empty());
    let raised = event_loop.run_until_complete(read_to_string(place.file(b"\xff"))).unwrap_err();
    assert_eq!(kind(&raised), std::io::ErrorKind::InvalidData);
}
