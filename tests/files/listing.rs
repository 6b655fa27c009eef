//! Directories.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use innermost::async_iter::AsyncIterator;
use innermost::fs::{DirEntry, read_dir};
use innermost::{Step, from_fn, yield_from};

use crate::help::*;

#[test]
fn a_directory_is_listed_with_the_kinds_of_its_entries() {
    let (event_loop, place) = (strict_loop(), Place::new());
    place.file("text");
    fs::create_dir(place.path().join("directory")).unwrap();
    std::os::unix::fs::symlink("nowhere", place.path().join("link")).unwrap();
    fs::write(place.path().join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    let mut entries: Vec<DirEntry> = event_loop.run_until_complete(read_dir(place.path()).collect()).unwrap();
    entries.sort_by_key(|entry| entry.file_name().to_owned());
    let kind = |entry: &DirEntry| (entry.file_type().is_dir(), entry.file_type().is_symlink());
    let found: Vec<_> = entries.iter().map(|entry| (entry.file_name().as_bytes(), kind(entry))).collect();
    let expected: [(&[u8], _); 4] =
        [(b"directory", (true, false)), (b"file", (false, false)), (b"link", (false, true)), (b"\xff", (false, false))];
    assert_eq!(found, expected);
    assert_eq!(entries[1].path(), place.path().join("file"));
    assert_eq!(event_loop.run_until_complete(entries[1].metadata()).unwrap().len(), 4);
    assert!(event_loop.run_until_complete(entries[2].metadata()).unwrap().is_symlink());
}

#[test]
fn a_large_directory_is_fetched_in_a_few_jobs() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let names: BTreeSet<_> = (0..3000).map(|number| format!("{number}")).collect();
    names.iter().for_each(|name| drop(fs::File::create(place.path().join(name)).unwrap()));
    let listing = event_loop.create_task(read_dir(place.path()).collect::<Vec<_>>()).unwrap();
    let mut jobs = 0;
    while !listing.done() {
        turn(&event_loop);
        jobs += desk.run();
    }
    let found = listing.take_result().unwrap();
    let found: BTreeSet<_> = found.iter().map(|entry| entry.file_name().to_str().unwrap().to_owned()).collect();
    assert!(found == names);
    assert_eq!(jobs, 3);
}

#[test]
fn a_directory_that_cannot_be_listed_is_an_error_and_then_the_end() {
    let (event_loop, place) = (strict_loop(), Place::new());
    for (path, expected) in
        [(place.path().join("none"), ErrorKind::NotFound), (place.file(""), ErrorKind::NotADirectory)]
    {
        let mut entries = read_dir(&path);
        let next = from_fn(move |mut sent| {
            let raised = yield_from!(entries.next(), sent).map(drop).unwrap_err();
            assert!(yield_from!(entries.next(), sent)?.is_none());
            Ok(Step::Return(raised))
        });
        let raised = event_loop.run_until_complete(next).unwrap();
        assert_eq!((kind(&raised), notes(&raised)), (expected, format!("listing {path:?}")));
    }
}

#[test]
fn a_cancelled_entry_is_not_lost() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    place.file("");
    let entries = Rc::new(RefCell::new(read_dir(place.path())));
    let next = || {
        let entries = Rc::clone(&entries);
        let next = from_fn(move |mut sent| yield_from!(entries.borrow_mut().next(), sent).map(Step::Return));
        event_loop.create_task(next).unwrap()
    };
    for begun in [false, true] {
        let task = next();
        settle(&event_loop);
        if begun {
            desk.run();
        }
        task.cancel();
        assert!(event_loop.run_until_complete(task).map(drop).unwrap_err().is_cancelled());
    }
    settle(&event_loop);
    assert_eq!(event_loop.run_until_complete(next()).unwrap().unwrap().file_name(), "file");
}
