//! Writes: where they go, what they leave in the buffer, and the errors of a full disk.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::rc::Rc;

use innermost::fs::{File, OpenOptions, copy, write};
use innermost::wait::{Race, Racing, Won};
use innermost::{Event, EventLoop, Step, from_fn, yield_from};

use crate::help::*;

#[test]
fn what_is_awaited_is_written() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.path().join("new");
    let file = open_in(&event_loop, &path, OpenOptions::new().write(true).create(true)).unwrap();
    for (text, so_far) in [("one", "one"), ("", "one"), ("two", "onetwo")] {
        fill(&file, text.as_bytes());
        event_loop.run_until_complete(writing(&file)).unwrap();
        assert_eq!((bytes(&file), fs::read_to_string(&path).unwrap().as_str()), (vec![], so_far));
        assert_eq!(position(&file), so_far.len() as u64);
    }
    fill(&file, b"!");
    event_loop.run_until_complete(writing_at(&file, 8)).unwrap();
    assert_eq!((fs::read(&path).unwrap(), position(&file)), (b"onetwo\0\0!".to_vec(), 6));
}

#[test]
fn an_empty_write_needs_no_thread() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let file = opened(&place.file("text"));
    event_loop.run_until_complete(writing(&file)).unwrap();
    assert_eq!(desk.waiting(), 0);
}

#[test]
fn a_long_write_is_written_whole() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let long: Vec<u8> = (0..5_000_000_u32).map(|number| (number / 7) as u8).collect();
    let file = opened(&place.file(""));
    fill(&file, &long);
    event_loop.run_until_complete(writing(&file)).unwrap();
    assert!(fs::read(place.path().join("file")).unwrap() == long);
    assert_eq!(position(&file), long.len() as u64);
    event_loop.run_until_complete(write(place.path().join("other"), long.clone())).unwrap();
    assert!(fs::read(place.path().join("other")).unwrap() == long);
}

#[test]
fn appending_goes_to_the_end_wherever_that_is() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.file("a");
    let file = open_in(&event_loop, &path, OpenOptions::new().append(true)).unwrap();
    fill(&file, b"b");
    event_loop.run_until_complete(writing(&file)).unwrap();
    assert_eq!(position(&file), 2);
    fs::write(&path, "longer").unwrap();
    fill(&file, b"c");
    event_loop.run_until_complete(writing(&file)).unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), position(&file)), ("longerc", 7));
    fill(&file, b"d");
    let raised = event_loop.run_until_complete(writing_at(&file, 0)).unwrap_err();
    assert_eq!((kind(&raised), bytes(&file)), (ErrorKind::InvalidInput, b"d".to_vec()));
}

#[test]
fn a_full_disk_is_an_error_that_names_the_path_and_keeps_the_bytes() {
    let event_loop = strict_loop();
    let full = "/dev/full";
    let file = open_in(&event_loop, full.as_ref(), OpenOptions::new().write(true)).unwrap();
    fill(&file, b"no room");
    let raised = event_loop.run_until_complete(writing(&file)).unwrap_err();
    assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::StorageFull, format!("writing {full:?}")));
    assert_eq!((bytes(&file), position(&file)), (b"no room".to_vec(), 0));
    let raised = event_loop.run_until_complete(write(full, "no room")).unwrap_err();
    assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::StorageFull, format!("writing {full:?}")));
    let raised = event_loop.run_until_complete(copy("Cargo.toml", full)).unwrap_err();
    assert_eq!(
        (kind(&raised), notes(&raised)),
        (ErrorKind::StorageFull, format!("copying \"Cargo.toml\" to {full:?}"))
    );
}

#[test]
fn writing_what_is_not_open_for_writing_keeps_the_bytes() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.file("text");
    let file = open_in(&event_loop, &path, OpenOptions::new().read(true)).unwrap();
    fill(&file, b"more");
    let raised = event_loop.run_until_complete(writing(&file)).unwrap_err();
    assert_eq!((notes(&raised), bytes(&file)), (format!("writing {path:?}"), b"more".to_vec()));
}

#[test]
fn the_length_the_metadata_and_the_disk_are_asked_for() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.file("0123456789");
    let mut file = File::from_std(fs::OpenOptions::new().read(true).write(true).open(&path).unwrap(), &path).unwrap();
    let mut step = 0;
    let length = event_loop.run_until_complete(from_fn(move |mut sent| {
        loop {
            match step {
                0 => yield_from!(file.set_len(4), sent)?,
                1 => yield_from!(file.sync_data(), sent)?,
                2 => yield_from!(file.sync_all(), sent)?,
                _ => return yield_from!(file.metadata(), sent).map(|metadata| Step::Return(metadata.len())),
            }
            step += 1;
        }
    }));
    assert_eq!((length.unwrap(), fs::read_to_string(&path).unwrap().as_str()), (4, "0123"));
}

#[test]
fn a_file_is_copied_with_its_permissions_and_not_onto_itself() {
    use std::os::unix::fs::PermissionsExt;

    let (event_loop, place) = (strict_loop(), Place::new());
    let contents: Vec<u8> = (0..20_000_000_u32).map(|number| (number >> 9) as u8).collect();
    let (from, to) = (place.file(&contents), place.path().join("copy"));
    fs::set_permissions(&from, fs::Permissions::from_mode(0o741)).unwrap();
    fs::write(&to, vec![1; 100]).unwrap();
    assert_eq!(event_loop.run_until_complete(copy(&from, &to)).unwrap(), contents.len() as u64);
    assert!(fs::read(&to).unwrap() == contents);
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o741);
    let link = place.path().join("link");
    std::os::unix::fs::symlink(&from, &link).unwrap();
    for same in [&from, &link] {
        let raised = event_loop.run_until_complete(copy(&from, same)).unwrap_err();
        assert_eq!(kind(&raised), ErrorKind::InvalidInput);
        assert_eq!(fs::metadata(&from).unwrap().len(), contents.len() as u64);
    }
    assert_eq!(kind(&event_loop.run_until_complete(copy(place.path(), &to)).unwrap_err()), ErrorKind::InvalidInput);
}

/// A write that loses a race has its bytes with it. The next operation of the file waits for it first.
#[test]
fn a_write_that_loses_a_race_goes_on_and_nothing_is_written_twice() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let path = place.file("");
    let file = open_and_lose(&event_loop, &path);
    assert_eq!((bytes(&file), desk.waiting()), (vec![], 1));
    // More bytes come, and the file writes all of them in order.
    fill(&file, b" second");
    let more = event_loop.create_task(writing(&file)).unwrap();
    turn(&event_loop);
    assert_eq!(desk.run(), 1);
    settle(&event_loop);
    assert_eq!(desk.run(), 1);
    event_loop.run_until_complete(more).unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), position(&file)), ("first second", 12));
}

#[test]
fn other_operations_wait_for_a_write_that_lost_a_race() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let path = place.file("");
    let file = open_and_lose(&event_loop, &path);
    let seeking = Rc::clone(&file);
    let seek = from_fn(move |mut sent| {
        yield_from!(seeking.borrow_mut().0.seek(std::io::SeekFrom::Current(1)), sent).map(Step::Return)
    });
    let seek = event_loop.create_task(seek).unwrap();
    settle(&event_loop);
    assert_eq!((seek.done(), desk.run()), (false, 1));
    assert_eq!(event_loop.run_until_complete(seek).unwrap(), 6);
    assert_eq!(fs::read_to_string(&path).unwrap(), "first");
}

/// Begins to write "first", and loses a race before a thread has begun.
fn open_and_lose(event_loop: &EventLoop, path: &Path) -> Shared {
    let file = opened(path);
    fill(&file, b"first");
    let bell = Event::new();
    let (raced, mut rung, mut race) = (Rc::clone(&file), Racing::new(bell.wait()), Race::new());
    let racing = from_fn(move |mut sent| {
        let (file, buffer) = &mut *raced.borrow_mut();
        let won = yield_from!(race.run((file.write_all(buffer), &mut rung)), sent)?;
        Ok(Step::Return(matches!(won, Won::B(_))))
    });
    event_loop.call_soon(move || bell.set()).unwrap();
    let racing = event_loop.create_task(racing).unwrap();
    assert!(event_loop.run_until_complete(racing).unwrap());
    file
}
