//! Functions on paths.

use std::fs;
use std::io::ErrorKind;

use innermost::fs::{
    canonicalize, create_dir, create_dir_all, metadata, remove_dir, remove_dir_all, remove_file, rename,
    symlink_metadata, write,
};

use crate::help::*;

#[test]
fn files_are_renamed_and_removed() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let (old, new) = (place.file("text"), place.path().join("new"));
    event_loop.run_until_complete(rename(&old, &new)).unwrap();
    assert_eq!(place.names(), ["new"]);
    let raised = event_loop.run_until_complete(rename(&old, &new)).unwrap_err();
    assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::NotFound, format!("renaming {old:?} to {new:?}")));
    event_loop.run_until_complete(remove_file(&new)).unwrap();
    let raised = event_loop.run_until_complete(remove_file(&new)).unwrap_err();
    assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::NotFound, format!("removing {new:?}")));
}

#[test]
fn directories_are_created_and_removed() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let (top, deep) = (place.path().join("top"), place.path().join("top/middle/deep"));
    let raised = event_loop.run_until_complete(create_dir(&deep)).unwrap_err();
    assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::NotFound, format!("creating the directory {deep:?}")));
    event_loop.run_until_complete(create_dir_all(&deep)).unwrap();
    event_loop.run_until_complete(create_dir_all(&deep)).unwrap();
    assert_eq!(kind(&event_loop.run_until_complete(create_dir(&deep)).unwrap_err()), ErrorKind::AlreadyExists);
    let raised = event_loop.run_until_complete(remove_dir(&top)).unwrap_err();
    assert_eq!(
        (kind(&raised), notes(&raised)),
        (ErrorKind::DirectoryNotEmpty, format!("removing the directory {top:?}"))
    );
    event_loop.run_until_complete(remove_dir(&deep)).unwrap();
    event_loop.run_until_complete(write(place.path().join("top/file"), "text")).unwrap();
    event_loop.run_until_complete(remove_dir_all(&top)).unwrap();
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn a_link_is_looked_through_or_looked_at() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let (file, link) = (place.file("text"), place.path().join("link"));
    std::os::unix::fs::symlink("file", &link).unwrap();
    assert_eq!(event_loop.run_until_complete(metadata(&link)).unwrap().len(), 4);
    assert!(event_loop.run_until_complete(symlink_metadata(&link)).unwrap().is_symlink());
    assert_eq!(event_loop.run_until_complete(canonicalize(&link)).unwrap(), fs::canonicalize(&file).unwrap());
    fs::remove_file(&file).unwrap();
    let raised = event_loop.run_until_complete(metadata(&link)).unwrap_err();
    assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::NotFound, format!("reading the metadata of {link:?}")));
    assert_eq!(kind(&event_loop.run_until_complete(canonicalize(&link)).unwrap_err()), ErrorKind::NotFound);
}
