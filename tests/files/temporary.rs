//! Temporary files and directories.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use innermost::fs::{temp_dir, temp_file};

use crate::help::*;

#[test]
fn a_temporary_file_has_no_name_and_keeps_what_is_written() {
    let event_loop = strict_loop();
    let file = shared(event_loop.run_until_complete(temp_file()).unwrap());
    fill(&file, b"kept");
    event_loop.run_until_complete(writing(&file)).unwrap();
    assert_eq!(event_loop.run_until_complete(reading_at(&file, 0)).unwrap(), 4);
    assert_eq!(bytes(&file), b"kept");
    let (file, _) = Rc::into_inner(file).unwrap().into_inner();
    assert_eq!(file.path(), std::env::temp_dir());
}

#[test]
fn a_temporary_directory_is_private_and_goes_with_what_is_in_it() {
    let (event_loop, desk) = loop_with_desk();
    let make = || {
        let making = event_loop.create_task(temp_dir()).unwrap();
        settle(&event_loop);
        desk.run();
        event_loop.run_until_complete(making.join()).unwrap()
    };
    let directory = make();
    let path = directory.path().to_owned();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    fs::create_dir(path.join("inner")).unwrap();
    fs::write(path.join("inner/file"), "text").unwrap();
    drop(directory);
    assert!(path.exists(), "a thread removes it");
    desk.run();
    assert!(!path.exists());

    let directory = make();
    let path = directory.path().to_owned();
    let closing = event_loop.create_task(directory.close()).unwrap();
    settle(&event_loop);
    desk.run();
    event_loop.run_until_complete(closing).unwrap();
    assert!(!path.exists());

    let directory = make();
    let path = directory.keep();
    assert_eq!(desk.run(), 0);
    fs::remove_dir(path).unwrap();
}

#[test]
fn a_temporary_directory_whose_closing_is_cancelled_is_removed_all_the_same() {
    let (event_loop, desk) = loop_with_desk();
    let making = event_loop.create_task(temp_dir()).unwrap();
    settle(&event_loop);
    desk.run();
    let directory = event_loop.run_until_complete(making.join()).unwrap();
    let path = directory.path().to_owned();
    let closing = event_loop.create_task(directory.close()).unwrap();
    settle(&event_loop);
    closing.cancel();
    assert!(event_loop.run_until_complete(closing).unwrap_err().is_cancelled());
    assert!(path.exists());
    assert_eq!(desk.run(), 1);
    assert!(!path.exists());
}
